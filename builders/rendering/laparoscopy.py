"""Draw a short invented laparoscopy with its labels: the example that a newcomer's commands run on.

A round field with a black surround, a liver, a gallbladder with its duct, instruments from two ports, smoke and a drop
of blood. Nothing in it belongs to anybody. What is drawn and what is labelled come from one map of pixels, painted
from the back to the front, so that a mask covers what is seen of a thing and no more.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from surgvqa.builders.rendering.plan import stream

Colour = tuple[int, int, int]
Points = list[tuple[float, float]]
Fill = Callable[[Points, Colour, str | None], None]

WIDTH, HEIGHT = 320, 240
PHASES = ("inspection", "exposure", "dissection", "clipping", "removal")
ANATOMY = ("liver", "gallbladder", "cystic duct")
INSTRUMENTS = ("grasper", "hook", "clip applier", "irrigator")
NAMES = (*ANATOMY, *INSTRUMENTS)
USUAL = {
    "inspection": (),
    "exposure": ("grasper",),
    "dissection": ("grasper", "hook"),
    "clipping": ("grasper", "clip applier"),
    "removal": ("grasper", "irrigator"),
}
PORTS = {"grasper": (-0.1, 0.25), "hook": (1.1, 0.2), "clip applier": (1.1, 0.45), "irrigator": (1.05, 0.85)}
METALS: dict[str, Colour] = {
    "grasper": (176, 180, 186),
    "hook": (222, 196, 120),
    "clip applier": (120, 150, 200),
    "irrigator": (60, 66, 74),
}
FIELD = 0.54, 0.72  # radius of the round field, least and most, as a part of the frame's height
# What tells two patients apart, so that no clip of one is a near duplicate of another's, as in real recordings: light and
# dark patches of tissue, and where the lamp shines.
TISSUE = {40: 0.35, 12: 0.2}  # pixels of a patch, and how much lighter or darker it is, at most
LAMP = 0.3  # how far from the middle the light falls at most, as a part of the frame
MARGIN = 24  # pixels of tissue beyond each edge of the frame, for a camera that moves
STEP_S = 2.0  # from one labelled moment, and one place of an instrument, to the next
UNUSUAL = (
    0.25  # of the stretches show another instrument than the phase's usual one: a phase doesn't tell them all
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A phase with its instruments: seconds from the start of the recording."""

    phase: str
    start_s: float
    end_s: float
    instruments: tuple[str, ...]


class Laparoscopy:
    """One invented operation, drawn moment by moment."""

    def __init__(self, number: int, seed: int = 0) -> None:
        rng = stream(seed, "laparoscopy", number)
        self.stretches = _stretches(rng)
        self.duration_s = self.stretches[-1].end_s
        self.steps = int(self.duration_s / STEP_S) + 2
        self.places = {name: _places(rng, self.steps) for name in INSTRUMENTS}
        self.camera = [(rng.uniform(-0.03, 0.03), rng.uniform(-0.03, 0.03)) for _ in range(self.steps)]
        self.liver: Colour = (rng.randint(105, 135), rng.randint(38, 52), rng.randint(30, 42))
        self.gallbladder: Colour = (rng.randint(120, 150), rng.randint(140, 165), rng.randint(80, 105))
        self.fat: Colour = (rng.randint(205, 225), rng.randint(165, 185), rng.randint(90, 115))
        self.turn = rng.uniform(-0.25, 0.25)
        self.roll = rng.uniform(-0.7, 0.7)  # of the camera, in radians
        self.shift = rng.uniform(-0.1, 0.1), rng.uniform(-0.08, 0.12)
        self.field = rng.uniform(*FIELD)
        self.bleeding_s = rng.uniform(0.35, 0.8) * self.duration_s
        noise = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
        self.grain = noise.integers(-7, 8, (4, HEIGHT, WIDTH, 1), dtype=np.int16)
        ys, xs = np.mgrid[0:HEIGHT, 0:WIDTH]
        self.inside = np.hypot(xs - WIDTH / 2, ys - HEIGHT / 2) / HEIGHT < self.field
        look = stream(seed, "laparoscopy's look", number)
        lamp_x, lamp_y = (side * (0.5 + look.uniform(-LAMP, LAMP)) for side in (WIDTH, HEIGHT))
        away = np.hypot(xs - lamp_x, ys - lamp_y) / HEIGHT
        self.light = np.clip(1.15 - 0.75 * away, 0.2, 1.1)[..., None]
        self.tissue = _tissue(look)

    def stretch(self, time_s: float) -> Stretch:
        """Return the stretch of a moment."""
        return next((one for one in self.stretches if time_s < one.end_s), self.stretches[-1])

    def paint(self, time_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Paint the frame of one moment.

        Returns:
            the picture, height x width x 3, uint8 RGB, and the map of what is seen where, height x width, uint8:
            0 is nothing labelled, else 1 + the index in ``NAMES``.
        """
        canvas, labels = Image.new("RGB", (WIDTH, HEIGHT), self.fat), Image.new("L", (WIDTH, HEIGHT))
        pens = ImageDraw.Draw(canvas), ImageDraw.Draw(labels)

        def fill(points: Points, colour: Colour, name: str | None) -> None:
            pixels = [(x * WIDTH, y * HEIGHT) for x, y in points]
            pens[0].polygon(pixels, fill=colour)
            pens[1].polygon(pixels, fill=0 if name is None else 1 + NAMES.index(name))

        now = self.stretch(time_s)
        dx, dy = _between(self.camera, time_s)
        lift = 0.0 if now.phase == "inspection" else 0.06
        self._organs(fill, dx, dy, lift, shown=PHASES.index(now.phase) >= 2)
        since = time_s - self.bleeding_s
        if 0 < since < 5:
            fill(_oval(0.55 + dx, 0.68 + dy, 0.02 + 0.012 * since, 0.03), (150, 8, 12), None)
        for name in now.instruments:
            x, y = _between(self.places[name], time_s)
            for points, colour in _tool(name, x + dx, y + dy):
                fill(points, colour, name)
        smoke = 0.35 if "hook" in now.instruments and int(time_s / STEP_S) % 2 else 0.0
        soft = canvas.filter(ImageFilter.GaussianBlur(0.8))
        label_map = np.asarray(labels)
        tissue = np.where(label_map <= len(ANATOMY), self._tissue_in_view(dx, dy), 1.0)[..., None]
        lit = np.asarray(soft).astype(np.float64) * tissue * self.light * (1 - smoke) + 200 * smoke
        picture = np.clip(lit + self.grain[int(time_s * 1000) * 7919 % 4], 0, 255) * self.inside[..., None]
        return picture.astype(np.uint8), label_map * self.inside

    def _tissue_in_view(self, dx: float, dy: float) -> np.ndarray:
        """Return the patient's tissue as a camera that has moved sees it: a factor of each pixel's brightness."""
        top, left = MARGIN - round(dy * HEIGHT), MARGIN - round(dx * WIDTH)
        return self.tissue[top : top + HEIGHT, left : left + WIDTH]

    def _organs(self, fill: Fill, dx: float, dy: float, lift: float, *, shown: bool) -> None:
        """Paint fat, liver, gallbladder and, once it is dissected, the duct, as a rolled camera sees them."""
        cos, sin = math.cos(self.roll), math.sin(self.roll)

        def project(points: Points) -> Points:
            moved_points = [(x + dx + self.shift[0] - 0.5, y + dy + self.shift[1] - 0.5) for x, y in points]
            return [(0.5 + x * cos - y * sin, 0.5 + x * sin + y * cos) for x, y in moved_points]

        edge = [(x / 10, 0.36 + 0.05 * math.sin(x * 0.9 + self.turn * 9) - lift / 2) for x in range(-4, 15)]
        fill(project([(-0.4, -0.6), *edge, (1.4, -0.6)]), self.liver, "liver")
        tilt = 0.5 + self.turn
        if shown:
            duct = [(0.5, 0.56), (0.53, 0.54), (0.68, 0.84), (0.64, 0.86)]
            fill(project([(x, y - lift) for x, y in duct]), (222, 206, 160), "cystic duct")
        fill(project(_oval(0.42, 0.46 - lift, 0.19, 0.13, tilt)), self.gallbladder, "gallbladder")
        shine: Colour = tuple(min(255, value + 45) for value in self.gallbladder)  # type: ignore[assignment]
        fill(project(_oval(0.38, 0.42 - lift, 0.05, 0.02, tilt)), shine, "gallbladder")


def _tissue(rng: random.Random) -> np.ndarray:
    """Draw the light and dark patches of a patient's tissue: noise of several sizes, smooth in between, around 1."""
    size = WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN
    tissue = np.ones((size[1], size[0]))
    for pixels, strength in TISSUE.items():
        noise = [[rng.uniform(-1, 1) for _ in range(size[0] // pixels)] for _ in range(size[1] // pixels)]
        smooth = Image.fromarray(np.array(noise, dtype=np.float32)).resize(size, Image.Resampling.BICUBIC)
        tissue += strength * np.asarray(smooth, dtype=np.float64)
    return tissue


def _stretches(rng: random.Random) -> tuple[Stretch, ...]:
    """Draw how long each phase takes, and what is used."""
    stretches, start = [], 0.0
    for phase in PHASES:
        end = start + STEP_S * rng.randint(2, 4)
        tools = list(USUAL[phase])
        if rng.random() < UNUSUAL:
            tools = [*tools[:1], rng.choice([name for name in INSTRUMENTS if name not in tools])]
        stretches.append(Stretch(phase, start, end, tuple(dict.fromkeys(tools))))
        start = end
    return tuple(stretches)


def _places(rng: random.Random, steps: int) -> Points:
    """Draw where a tip is at every step."""
    return [(rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.75)) for _ in range(steps)]


def _between(places: Points, time_s: float) -> tuple[float, float]:
    """Return the place at a moment: at rest on every step, moving smoothly in between."""
    step = int(time_s / STEP_S)
    part = 0.5 - 0.5 * math.cos(math.pi * (time_s / STEP_S - step))
    (x, y), (p, q) = places[step], places[min(step + 1, len(places) - 1)]
    return x + (p - x) * part, y + (q - y) * part


def _oval(x: float, y: float, wide: float, high: float, turn: float = 0.0) -> Points:
    """Return an ellipse of two radii, in parts of the frame's width and height."""
    angles = [2 * math.pi * k / 40 for k in range(40)]
    cos, sin = math.cos(turn), math.sin(turn)
    round_ = [(wide * math.cos(a), high * math.sin(a)) for a in angles]
    return [(x + u * cos - v * sin, y + u * sin + v * cos) for u, v in round_]


def _tool(name: str, x: float, y: float) -> list[tuple[Points, Colour]]:
    """Return the parts of an instrument whose tip is at a place: shaft from its port, then its working end."""
    port_x, port_y = PORTS[name]
    length = math.hypot(x - port_x, y - port_y)
    ux, uy = (x - port_x) / length, (y - port_y) / length

    def along(back: float, side: float) -> tuple[float, float]:
        """Return a point so far behind the tip, and to the side."""
        return x - back * ux - side * uy, y - back * uy + side * ux

    def bar(start: float, end: float, half: float, side: float = 0.0) -> Points:
        corners = ((start, side - half), (start, side + half), (end, side + half), (end, side - half))
        return [along(*one) for one in corners]

    metal = METALS[name]
    dark: Colour = (metal[0] // 2, metal[1] // 2, metal[2] // 2)
    shaft = (bar(length, 0.12, 0.028), dark)
    match name:
        case "grasper":
            jaws = [
                [along(0.12, side * 0.01), along(0.12, side * 0.03), along(0.0, side * 0.022)]
                for side in (-1, 1)
            ]
            return [shaft, *((jaw, metal) for jaw in jaws)]
        case "hook":
            return [shaft, (bar(0.12, 0.0, 0.009), metal), (bar(0.018, 0.0, 0.03, 0.03), metal)]
        case "clip applier":
            return [shaft, (bar(0.12, 0.03, 0.034), metal), (bar(0.03, 0.0, 0.02), (225, 228, 232))]
        case _:
            return [shaft, (bar(0.12, 0.0, 0.02), metal), (_oval(x, y, 0.012, 0.014), (12, 12, 14))]
