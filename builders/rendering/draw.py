"""Draws planned cases and writes them in Cataract-1K's own folder format: videos, phases, COCO masks.

The eye is seen from above: sclera with vessels, cornea, pupil, sometimes the implanted lens. A phase shows
as a figure in the pupil (`figures.figure`), an instrument as a wide saturated working end whose hue, dark band
and outline are its own, and whose tip carries the same bull's-eye for all. The masks cover the working end;
the thin handle behind it is neither annotated nor coloured, so that a mask's centroid says where the
instrument works. Coloured patches in the instruments' hues, glare, bubbles, the hue of eye and light, camera
shake and noise distract; none of them knows phase or instruments. Drawn and annotated shapes are one list.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from surgvqa.builders.rendering.figures import OVERSAMPLE, Colour, Disc, Pen, Points, figure, place_points
from surgvqa.builders.rendering.plan import HUES, INSTRUMENTS, Beat, Plan, stream

CATEGORIES = ("Cornea", "Pupil", "Lens", *INSTRUMENTS)
LENGTH, WIDTH = 0.30, 0.105  # of an instrument's working end, as parts of the frame's width

# Outlines along the axis, tail -0.5 to tip 0.5, and across it, half a width either way.
OUTLINES: tuple[Points, ...] = (
    [(-0.5, -0.5), (0.3, -0.5), (0.5, -0.2), (0.5, 0.2), (0.3, 0.5), (-0.5, 0.5)],
    [(-0.5, -0.35), (0.2, -0.5), (0.5, -0.5), (0.5, 0.5), (0.2, 0.5), (-0.5, 0.35)],
    [(-0.5, -0.5), (0.5, -0.5), (0.38, 0.0), (0.5, 0.5), (-0.5, 0.5)],
    [(-0.5, -0.5), (0.5, -0.3), (0.5, 0.3), (-0.5, 0.5)],
    [(-0.5, -0.42), (0.5, -0.42), (0.5, 0.42), (-0.5, 0.42)],
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Something annotated at a moment: its polygon in pixels, clipped to the frame."""

    name: str
    points: Points
    track: int | None = None


class Stage:
    """One case being drawn at one size."""

    def __init__(self, plan: Plan, width: int) -> None:
        self.plan = plan
        self.width, self.height = width, frame_height(width)
        rng = stream(plan.seed, "look", plan.number)
        hard = plan.difficulty
        self.cornea_r = rng.uniform(0.40, 0.46)  # of the height
        self.pupil_r = rng.uniform(0.25, 0.29)
        self.pupil: Colour = _colour(rng.random(), 0.25, rng.uniform(0.35, 0.6))
        self.iris: Colour = _colour(rng.random(), rng.uniform(0.1, 0.4), rng.uniform(0.35, 0.7))
        self.sclera: Colour = _colour(
            rng.uniform(-0.05, 0.1), rng.uniform(0.05, 0.25), rng.uniform(0.65, 0.9)
        )
        self.hue = rng.uniform(-0.03, 0.03) * hard
        self.turn = rng.uniform(-0.25, 0.25)
        self.light = np.array([rng.uniform(1 - 0.2 * hard, 1 + 0.1 * hard) for _ in range(3)])
        self.shake = [(rng.uniform(0.3, 2.0), rng.uniform(0, 6.28), rng.choice((0, 1))) for _ in range(6)]
        self.vessels = [
            [(rng.uniform(-0.1, 1.1), rng.uniform(-0.1, 1.1)) for _ in range(3)] for _ in range(12)
        ]
        noise = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
        grain = noise.standard_normal((8, self.height, self.width, 1)) * (3 + 10 * hard)
        self.grain = np.clip(np.round(grain), -60, 60).astype(np.int16)

    def beat(self, time_s: float) -> Beat:
        """Return the beat that a moment belongs to."""
        return min(self.plan.beats, key=lambda beat: abs(time_s - beat.middle_s))

    def empty(self, time_s: float) -> bool:
        """Say whether a moment lies in the lead-in, in which nothing is done yet."""
        return time_s < self.plan.beats[0].middle_s - 2.5

    def offset(self, time_s: float) -> tuple[float, float]:
        """Camera shake, as parts of the frame."""
        size = 0.012 * self.plan.difficulty
        shift = [0.0, 0.0]
        for speed, start, axis in self.shake:
            shift[axis] += size * math.sin(speed * 2 * math.pi * time_s + start) / 2
        return shift[0], shift[1]

    def eye(self, time_s: float) -> tuple[float, float]:
        """Return the pupil's middle in pixels; the eye drifts between beats."""
        beats = self.plan.beats
        at = [beat.middle_s for beat in beats]
        shake_x, shake_y = self.offset(time_s)
        x = float(np.interp(time_s, at, [beat.eye[0] for beat in beats]))
        y = float(np.interp(time_s, at, [beat.eye[1] for beat in beats]))
        return (x + shake_x) * self.width, (y + shake_y) * self.height

    def tools(self, time_s: float) -> list[tuple[int, str, float, float, float]]:
        """(track, name, x, y, angle) in pixels of the instruments that may be in view."""
        shake_x, shake_y = self.offset(time_s)
        instruments = []
        for track in self.plan.tracks:
            place = track.at(time_s)
            if place is not None:
                x, y = (place[0] + shake_x) * self.width, (place[1] + shake_y) * self.height
                instruments.append((track.id, track.name, x, y, track.angle))
        return instruments

    def body(self, name: str, x: float, y: float, angle: float) -> Points:
        """Return the outline of an instrument's working end, in pixels."""
        outline = OUTLINES[INSTRUMENTS.index(name) % len(OUTLINES)]
        return place_points(outline, x, y, angle, LENGTH * self.width, WIDTH * self.width)

    def shapes(self, time_s: float) -> list[Shape]:
        """Return the outlines that an annotator would draw at a moment, clipped to the frame."""
        x, y = self.eye(time_s)
        whole_shapes = [
            Shape("Cornea", _ellipse(x, y, self.cornea_r * self.height, 36)),
            Shape("Pupil", _ellipse(x, y, self.pupil_r * self.height, 28)),
        ]
        beat = self.beat(time_s)
        if beat.lens:
            whole_shapes.append(Shape("Lens", _ellipse(*self.lens(x, y), 24)))
        for track, name, tool_x, tool_y, angle in self.tools(time_s):
            whole_shapes.append(Shape(name, self.body(name, tool_x, tool_y, angle), track))
        clipped_shapes = [
            Shape(one.name, clip(one.points, self.width, self.height), one.track) for one in whole_shapes
        ]
        return [one for one in clipped_shapes if area(one.points) > 0.0005 * self.width * self.height]

    def lens(self, x: float, y: float) -> tuple[float, float, float]:
        """Middle and radius of the implanted lens."""
        return x + 0.05 * self.height, y - 0.04 * self.height, 0.22 * self.height

    def draw(self, time_s: float) -> np.ndarray:
        """Return the picture at a moment, height x width x 3, uint8 RGB."""
        canvas = Image.new("RGB", (self.width * OVERSAMPLE, self.height * OVERSAMPLE), self.sclera)
        pen = Pen(ImageDraw.Draw(canvas, "RGBA"))
        beat = self.beat(time_s)
        self._eye(pen, time_s, beat)
        for track, name, x, y, angle in self.tools(time_s):
            self._tool(pen, track, name, x, y, angle)
        for x, y, wide, high in beat.glares:
            middle, radii = (x * self.width, y * self.height), (wide * self.width, high * self.width)
            pen.oval(middle, radii, (255, 255, 250))
        small = np.asarray(canvas.reduce(OVERSAMPLE))
        breath = 1 + 0.08 * self.plan.difficulty * math.sin(0.7 * time_s + self.turn * 20)
        grain = self.grain[int(time_s * 1000) * 7919 % len(self.grain)]
        picture: np.ndarray = np.clip(small * (self.light * breath) + grain, 0, 255).astype(np.uint8)
        return picture

    def _eye(self, pen: Pen, time_s: float, beat: Beat) -> None:
        """Sclera, coloured patches, cornea, pupil with the phase's pattern, lens, bubbles."""
        shake_x, shake_y = self.offset(time_s)
        for vessel in self.vessels:
            line = [((x + shake_x) * self.width, (y + shake_y) * self.height) for x, y in vessel]
            pen.line(line, (190, 70, 70, 130), 0.008 * self.width)
        x, y = self.eye(time_s)
        pen.oval((x, y), (self.cornea_r * self.height,) * 2, self.iris, _shade(self.iris, -60))
        since = (time_s - beat.middle_s) / 2.5
        for patch in beat.patches:
            middle = (
                (patch.x + shake_x + since * patch.drift_x) * self.width,
                (patch.y + shake_y + since * patch.drift_y) * self.height,
            )
            wide = patch.radius * math.sqrt(patch.aspect) * self.width
            high = patch.radius / math.sqrt(patch.aspect) * self.width
            colour = self._hue(patch.hue)
            pen.oval(middle, (wide, high), colour)
            pen.oval(middle, (patch.core * wide, patch.core * high), _shade(colour, -170))
        pen.oval((x, y), (self.pupil_r * self.height,) * 2, self.pupil)
        if beat.phase is not None and not self.empty(time_s):
            colour = _shade(self.pupil, round(beat.tone * (150 - 70 * self.plan.difficulty)))
            disc = Disc(x, y, beat.figure * self.pupil_r * self.height, self.turn)
            figure(pen, beat.phase, disc, colour)
        if beat.lens:
            lens_x, lens_y, radius = self.lens(x, y)
            pen.oval((lens_x, lens_y), (radius, radius), (225, 240, 255, 70), (240, 250, 255))
        for bubble_x, bubble_y, radius in beat.bubbles:
            radius *= self.width
            middle = (bubble_x * self.width, bubble_y * self.height)
            pen.oval(middle, (radius, radius), None, (250, 250, 250))

    def _tool(self, pen: Pen, track: int, name: str, x: float, y: float, angle: float) -> None:
        """Draw the thin handle, the coloured working end and the common tip mark."""
        index = INSTRUMENTS.index(name)
        size = (LENGTH * self.width, WIDTH * self.width)
        pen.line(
            place_points([(-6.0, 0.0), (-0.5, 0.0)], x, y, angle, *size), (150, 152, 158), 0.03 * self.width
        )
        colour = self._hue(index % HUES)
        pen.polygon(self.body(name, x, y, angle), colour)
        if index >= HUES:
            band = [(-0.36, -0.42), (0.02, -0.42), (0.02, 0.42), (-0.36, 0.42)]
            pen.polygon(place_points(band, x, y, angle, *size), _shade(colour, -170))
        tip = place_points([(0.32, 0.0)], x, y, angle, *size)[0]
        for radius, fill in ((0.040, (255, 255, 255)), (0.018, (0, 0, 0))):
            pen.oval(tip, (radius * self.width,) * 2, fill)

    def _hue(self, index: int) -> Colour:
        """One of the five hues of the instruments, shifted a little with the case."""
        return _colour(index / HUES + self.hue + 0.02, 0.95, 0.95)


def frame_height(width: int) -> int:
    """Return the height of a frame: 3/4 of the width as in Cataract-1K's 1024 x 768, made even for the encoder.

    >>> frame_height(160), frame_height(112)
    (120, 84)
    """
    return round(width * 3 / 8) * 2


def area(points: Points) -> float:
    """Return the area of a polygon in pixels^2.

    >>> area([(0, 0), (4, 0), (4, 3), (0, 3)])
    12.0
    """
    following = [*points[1:], *points[:1]]
    return abs(sum(x * q - p * y for (x, y), (p, q) in zip(points, following, strict=True))) / 2


def clip(points: Points, width: float, height: float) -> Points:
    """Return a convex or nearly convex polygon cut to the frame (Sutherland and Hodgman); empty when outside.

    >>> clip([(-2.0, 1.0), (2.0, 1.0), (2.0, 3.0), (-2.0, 3.0)], 10, 10)
    [(0.0, 1.0), (2.0, 1.0), (2.0, 3.0), (0.0, 3.0)]
    """
    for axis, limit, sign in ((0, 0.0, 1), (0, width, -1), (1, 0.0, 1), (1, height, -1)):
        vertices: Points = []
        for here, after in zip(points, [*points[1:], *points[:1]], strict=True):
            inside, next_inside = sign * (here[axis] - limit) >= 0, sign * (after[axis] - limit) >= 0
            if inside:
                vertices.append(here)
            if inside != next_inside:
                part = (limit - here[axis]) / (after[axis] - here[axis])
                crossing = [here[k] + part * (after[k] - here[k]) for k in (0, 1)]
                crossing[axis] = float(limit)
                vertices.append((crossing[0], crossing[1]))
        points = vertices
    return points if points[-1:] != points[:1] or len(points) < 2 else points[:-1]


def _ellipse(x: float, y: float, radius: float, corners: int) -> Points:
    turns = [2 * math.pi * corner / corners for corner in range(corners)]
    return [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _shade(colour: Colour, by: int) -> Colour:
    red, green, blue = (min(255, max(0, part + by)) for part in colour)
    return red, green, blue
