"""The plan of a rendered case: its phases, instruments, their paths and distractors.

Nothing is drawn here (``render.py`` does) and everything follows from the seed. Positions are fractions
of the frame's width and height, angles radians, times seconds. A case is a row of five-second *beats*
around the moments at which Cataract-1K annotates an image. Instruments come, go and change place a second
after a beat's border, so that a clip of five seconds around the moment begins with what was there before;
from then on each holds still or moves evenly in one direction, so that the truth of the clip is known.

Which instruments are in view is drawn anew per beat: the usual one of the phase half of the time, any
other else, so that knowing the phase doesn't tell the instruments. Place, direction of motion, side of
entry and angle are independent of both.
"""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from surgvqa.builders.source_files.cataract1k_times import IMAGE_STEP_S, image_time

# Labels as Cataract-1K spells them; the usual instrument of each phase.
USUAL = {
    "Incision": "Slit Knife",
    "Viscoelastic": "Gauge",
    "Capsulorhexis": "Capsulorhexis Forceps",
    "Hydrodissection": "Gauge",
    "Phacoemulsification": "Phacoemulsification Tip",
    "Irrigation/Aspiration": "Irrigation-Aspiration",
    "Capsule Pulishing": "Spatula",
    "Lens Implantation": "Lens Injector",
    "Lens positioning": "Capsulorhexis Cystotome",
    "Viscoelastic_Suction": "Irrigation-Aspiration",
    "Anterior_Chamber Flushing": "Katena Forceps",
    "Tonifying/Antibiotics": "Incision Knife",
}
INSTRUMENTS = tuple(sorted(set(USUAL.values())))
SKIPPABLE = ("Hydrodissection", "Capsule Pulishing", "Lens positioning", "Anterior_Chamber Flushing")

DIRECTIONS = {"still": (0, 0), "left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
SIDES = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}
REACH = 0.13  # how far a moving instrument gets from its mid-beat place, each way
LATE_S = 1.0  # instruments come, go and change place this long after a beat's border,
HAND_OVER_S = 0.25  # and take twice this long
HUES = 5  # of instruments and patches; two instruments share one
# How much of the frame's width squared an instrument shows of its hue, bright and dark; measured on pictures.
PLAIN_AREAS, BANDED_AREAS = (0.0232, 0.0), (0.0128, 0.0105)
BRIGHT_AREA, DARK_AREA = (0.0235, 0.04), (0.0105, 0.02)  # least, and what difficulty 1 adds at most
LEAD_S = 2.0  # a case begins with an empty view; images 1 and 2 both show it


@dataclass(frozen=True, slots=True)
class Track:
    """One instrument from its entry to its leaving, as a path through (time, x, y)."""

    id: int
    name: str
    side: str  # of the frame that it comes from and leaves to
    angle: float  # of its axis, tail to tip
    times_s: tuple[float, ...]
    xs: tuple[float, ...]
    ys: tuple[float, ...]

    def at(self, time_s: float) -> tuple[float, float] | None:
        """Return its middle at a time; None before it enters and after it has left."""
        if not self.times_s[0] <= time_s <= self.times_s[-1]:
            return None
        return (
            float(np.interp(time_s, self.times_s, self.xs)),
            float(np.interp(time_s, self.times_s, self.ys)),
        )


@dataclass(frozen=True, slots=True)
class Patch:
    """A coloured thing that is no instrument, an ellipse with a dark core."""

    x: float
    y: float
    radius: float  # of the frame's width, of a circle of the same area
    aspect: float  # width over height
    hue: int
    core: float  # the core's size as part of the whole's
    drift_x: float  # in the beat, each way
    drift_y: float


@dataclass(frozen=True, slots=True)
class Beat:
    """Five seconds of a case, around an annotated image."""

    middle_s: float
    phase: str | None  # None: between phases
    motions: dict[int, str]  # track id -> direction, for the tracks in view
    lens: bool  # the implanted lens is in view
    eye: tuple[float, float]  # where the pupil's middle is
    tone: float  # of the phase's figure against the pupil: -1 darkest to 1 brightest
    figure: float  # its radius as part of the pupil's
    patches: tuple[Patch, ...]
    glares: tuple[tuple[float, ...], ...]  # (x, y, width, height)
    bubbles: tuple[tuple[float, ...], ...]  # (x, y, radius)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a case shows."""

    number: int
    seed: int
    difficulty: float
    beats: tuple[Beat, ...]
    tracks: tuple[Track, ...]
    phases: tuple[tuple[str, float, float], ...]  # (label, start, end)
    duration_s: float


def stream(seed: int, *names: object) -> random.Random:
    """Return a random stream of its own for every name, the same on every machine.

    >>> stream(0, "case", 1).random() == stream(0, "case", 1).random() != stream(0, "case", 2).random()
    True
    """
    text = "/".join(str(part) for part in (seed, *names))
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


def phase_order(rng: random.Random) -> list[str]:
    """Return a case's phases in order: the usual ones, with some left out, swapped and done twice."""
    order = [name for name in USUAL if name not in SKIPPABLE or rng.random() < 0.75]
    if rng.random() < 0.3 and "Capsule Pulishing" in order:
        at = order.index("Capsule Pulishing")
        order[at - 1], order[at] = order[at], order[at - 1]
    if rng.random() < 0.6:
        order.insert(order.index("Lens Implantation"), "Viscoelastic")
    if rng.random() < 0.3:
        order.insert(order.index("Viscoelastic_Suction"), "Incision")
    return order


def beat_phases(rng: random.Random, phase_seconds: float) -> list[str | None]:
    """Return the phase of every beat; a phase takes ``phase_seconds`` on average, idle beats lie between some."""
    beats: list[str | None] = []
    mean = max(1.0, phase_seconds / IMAGE_STEP_S)
    for label in phase_order(rng):
        length = mean * rng.uniform(0.6, 1.4)
        whole = int(length) + (rng.random() < length - int(length))
        beats += [label] * max(1, whole)
        if rng.random() < 0.25:
            beats.append(None)
    return beats


def spot(rng: random.Random, places: list[tuple[float, float]]) -> tuple[float, float]:
    """Return a place for an instrument's middle: any of nine cells, none that is taken or next to its border."""
    cells = [(col, row) for col in range(3) for row in range(3)]
    free = [
        (col, row)
        for col, row in cells
        if all(math.hypot((col + 0.5) / 3 - x, (row + 0.5) / 3 - y) > 0.3 for x, y in places)
    ]
    col, row = rng.choice(free)
    return (col + 0.5) / 3 + rng.uniform(-0.035, 0.035), (row + 0.5) / 3 + rng.uniform(-0.035, 0.035)


def choose(rng: random.Random, phase: str | None, before: list[str]) -> list[str]:
    """Return the instruments of a beat: some stay from the beat before, the phase's usual one comes half the time."""
    number = rng.choices((0, 1, 2), (0.8, 0.2, 0.0) if phase is None else (0.08, 0.5, 0.42))[0]
    names = [name for name in before if rng.random() < 0.45][:number]
    while len(names) < number:
        usual = phase is not None and rng.random() < 0.5
        name = USUAL[phase] if phase is not None and usual else rng.choice(INSTRUMENTS)
        if name not in names:
            names.append(name)
    return names


class _Path:
    """A track while it is being made."""

    def __init__(self, rng: random.Random, id: int, name: str) -> None:
        self.id, self.name = id, name
        self.side = rng.choice(sorted(SIDES))
        out_x, out_y = SIDES[self.side]
        self.angle = math.atan2(-out_y, -out_x) + rng.uniform(-0.5, 0.5)
        self.points: list[tuple[float, float, float]] = []

    def add(self, start_s: float, end_s: float, place: tuple[float, float], motion: str) -> None:
        """Go through one beat."""
        move_x, move_y = DIRECTIONS[motion]
        if not self.points:
            self.points.append((start_s - HAND_OVER_S, *self.outside(place)))
        for time_s, part in ((start_s + HAND_OVER_S, -REACH), (end_s - HAND_OVER_S, REACH)):
            self.points.append((time_s, place[0] + part * move_x, place[1] + part * move_y))

    def outside(self, place: tuple[float, float]) -> tuple[float, float]:
        """Beyond the frame's side, straight from a place."""
        out_x, out_y = SIDES[self.side]
        return place[0] + 1.2 * out_x, place[1] + 1.2 * out_y

    def track(self, end_s: float) -> Track:
        """Return the finished track; it leaves at a time."""
        last = self.points[-1]
        times, xs, ys = zip(*self.points, (end_s + HAND_OVER_S, *self.outside(last[1:])), strict=True)
        return Track(self.id, self.name, self.side, self.angle, times, xs, ys)


def plan(number: int, *, seed: int = 0, difficulty: float = 0.5, phase_seconds: float = 10.0) -> Plan:
    """Plan the events of case ``number``.

    >>> plan(1).beats == plan(1).beats, plan(1).beats == plan(2).beats, plan(1, seed=1).beats == plan(1).beats
    (True, False, False)
    """
    rng = stream(seed, "case", number)
    labels = beat_phases(rng, phase_seconds)
    spans = [
        (image_time(n) - IMAGE_STEP_S / 2, image_time(n) + IMAGE_STEP_S / 2)
        for n in range(3, 3 + len(labels))
    ]
    beats: list[Beat] = []
    tracks: list[Track] = []
    paths: dict[str, _Path] = {}
    has_lens, track_count = rng.random() < 0.1, 0
    for phase, (start_s, end_s) in zip(labels, spans, strict=True):
        has_lens = has_lens or phase == "Lens Implantation"
        names = choose(rng, phase, sorted(paths))
        middle_s, start_s, end_s = (start_s + end_s) / 2, start_s + LATE_S, end_s + LATE_S
        tracks += [path.track(start_s) for name, path in sorted(paths.items()) if name not in names]
        paths = {name: path for name, path in paths.items() if name in names}
        places: list[tuple[float, float]] = []
        motions: dict[int, str] = {}
        for name in names:
            if name not in paths:
                track_count += 1
                paths[name] = _Path(rng, track_count, name)
            places.append(spot(rng, places))
            motions[paths[name].id] = rng.choice(sorted(DIRECTIONS))
            paths[name].add(start_s, end_s, places[-1], motions[paths[name].id])
        beats.append(_beat(rng, _Act(middle_s, phase, names, motions, has_lens), difficulty))
    tracks += [path.track(spans[-1][1] + LATE_S) for _, path in sorted(paths.items())]
    return Plan(
        number, seed, difficulty, tuple(beats), tuple(tracks), _phases(rng, labels, spans), spans[-1][1]
    )


class _Act(NamedTuple):
    """The events of a beat, without distractors."""

    middle_s: float
    phase: str | None
    names: list[str]  # of the instruments in view
    motions: dict[int, str]
    implanted: bool  # the lens is in the eye


def _beat(rng: random.Random, act: _Act, difficulty: float) -> Beat:
    """Return a beat with its distractors; their number grows with the difficulty."""

    def some(most: float) -> range:
        return range(round(rng.uniform(0, 2 * most * difficulty)))

    eye = (0.5 + rng.uniform(-0.07, 0.07), 0.5 + rng.uniform(-0.07, 0.07))
    return Beat(
        act.middle_s,
        act.phase,
        act.motions,
        lens=act.implanted and rng.random() < 0.85,
        eye=eye,
        tone=rng.choice((-1, 1)) * rng.uniform(0.6, 1),
        figure=rng.uniform(0.8, 0.98),
        patches=_patches(rng, act.names, eye, difficulty),
        glares=tuple(
            (rng.random(), rng.random(), rng.uniform(0.02, 0.08), rng.uniform(0.02, 0.08)) for _ in some(4)
        ),
        bubbles=tuple((rng.random(), rng.random(), rng.uniform(0.01, 0.03)) for _ in some(6)),
    )


def _patches(
    rng: random.Random, names: list[str], eye: tuple[float, float], difficulty: float
) -> tuple[Patch, ...]:
    """Return a patch per hue that, with the instruments of that hue, fills an area drawn without regard to them.

    So how much of a colour is in view doesn't tell which instruments are. Patches keep off the pupil and,
    as far as there is room, off each other.
    """
    patches: list[Patch] = []
    for hue in range(HUES):
        if rng.random() >= 2 * difficulty:  # all five from 0.5 on
            continue
        bright = BRIGHT_AREA[0] + rng.random() * BRIGHT_AREA[1] * difficulty
        dark = DARK_AREA[0] + rng.random() * DARK_AREA[1] * difficulty
        for name in names:
            if INSTRUMENTS.index(name) % HUES == hue:
                areas = BANDED_AREAS if INSTRUMENTS.index(name) >= HUES else PLAIN_AREAS
                bright, dark = bright - areas[0], dark - areas[1]
        bright, dark = max(0.001, bright), max(0.0, dark)
        aspect = rng.uniform(0.6, 1.6)
        radius = math.sqrt((bright + dark) / math.pi)
        x, y = max(
            ((rng.uniform(0.05, 0.95), rng.uniform(0.05, 0.95)) for _ in range(40)),
            key=lambda place: min(
                0.0,
                math.hypot(place[0] - eye[0], 0.75 * (place[1] - eye[1])) - radius - 0.21,
                *(math.hypot(place[0] - p.x, 0.75 * (place[1] - p.y)) - radius - p.radius for p in patches),
            ),
        )
        core = math.sqrt(dark / (bright + dark))
        drift = rng.uniform(-0.06, 0.06), rng.uniform(-0.06, 0.06)
        patches.append(Patch(x, y, radius, aspect, hue, core, *drift))
    return tuple(patches)


def _phases(
    rng: random.Random, labels: list[str | None], spans: list[tuple[float, float]]
) -> tuple[tuple[str, float, float], ...]:
    """Join runs of equal labels into labelled stretches, their borders off the beat by up to a fifth of a second."""
    edges = [spans[0][0], *(end for _, end in spans)]
    edges = [round(edge + rng.uniform(-0.2, 0.2), 3) for edge in edges[:-1]] + edges[-1:]
    runs: list[tuple[str, float, float]] = []
    start = 0
    for at in range(1, len(labels) + 1):
        if at == len(labels) or labels[at] != labels[start]:
            label = labels[start]
            if label is not None:
                runs.append((label, edges[start], edges[at]))
            start = at
    return tuple(runs)
