"""The pen that cases are drawn with, and the figures of phases inside the pupil."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from PIL import ImageDraw

Points = list[tuple[float, float]]
Colour = tuple[int, int, int]
OVERSAMPLE = 2  # drawn this many times larger, then averaged down: no jagged edges


class Pen:
    """Draws in frame pixels on the oversampled canvas."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self.ink = draw

    def oval(
        self,
        middle: tuple[float, float],
        radii: tuple[float, float],
        fill: tuple[int, ...] | None,
        outline: tuple[int, ...] | None = None,
        rim: float = 2.0,
    ) -> None:
        """Draw an ellipse, with a rim inside it."""
        (x, y), (wide, high) = middle, radii
        box = [OVERSAMPLE * value for value in (x - wide, y - high, x + wide, y + high)]
        self.ink.ellipse(box, fill=fill, outline=outline, width=round(OVERSAMPLE * rim) if outline else 0)

    def polygon(self, points: Points, fill: tuple[int, ...]) -> None:
        """Draw a filled polygon."""
        self.ink.polygon([(OVERSAMPLE * x, OVERSAMPLE * y) for x, y in points], fill=fill)

    def line(self, points: Points, fill: tuple[int, ...], width: float) -> None:
        """Draw a line through points."""
        canvas_points = [(OVERSAMPLE * x, OVERSAMPLE * y) for x, y in points]
        self.ink.line(canvas_points, fill=fill, width=max(1, round(OVERSAMPLE * width)))


class Disc(NamedTuple):
    """The place of a figure: its middle and radius in pixels, and how far it is turned, in radians."""

    x: float
    y: float
    r: float
    turn: float


def figure(pen: Pen, phase: str, disc: Disc, colour: Colour) -> None:
    """Draw the mark of a phase inside the pupil: twelve coarse figures that survive 56-pixel frames."""
    x, y, r, turn = disc

    def bars(offsets: Sequence[float], angle: float, half: float = 0.15) -> None:
        for offset in offsets:
            reach = math.sqrt(max(0.0, 1 - (abs(offset) + half) ** 2))
            corners = [
                (-reach, offset - half),
                (reach, offset - half),
                (reach, offset + half),
                (-reach, offset + half),
            ]
            pen.polygon(place_points(corners, x, y, angle + turn, r, r), colour)

    def dots(places: Points, radius: float) -> None:
        for dot_x, dot_y in place_points(places, x, y, turn, r, r):
            pen.oval((dot_x, dot_y), (radius * r, radius * r), colour)

    def pie(start: float, stop: float) -> None:
        steps = [start + (stop - start) * step / 12 for step in range(13)]
        rim = [(math.cos(angle), math.sin(angle)) for angle in steps]
        pen.polygon(place_points([(0.0, 0.0), *rim], x, y, turn, r, r), colour)

    half_pi = math.pi / 2
    match phase:
        case "Incision":
            pie(-0.5, 0.5)
        case "Viscoelastic":
            dots([(math.cos(k * 2.094), math.sin(k * 2.094)) for k in range(3)], 0.36)
        case "Capsulorhexis":
            pen.oval((x, y), (0.85 * r, 0.85 * r), None, colour, 0.32 * r)
        case "Hydrodissection":
            dots([(0.0, 0.0)], 0.5)
        case "Phacoemulsification":
            bars((0.0,), 0.0)
            bars((0.0,), half_pi)
        case "Irrigation/Aspiration":
            pie(0.0, half_pi)
            pie(math.pi, math.pi + half_pi)
        case "Capsule Pulishing":
            bars((-0.6, 0.0, 0.6), 0.0)
        case "Lens Implantation":
            bars((-0.45, 0.45), half_pi, 0.18)
        case "Lens positioning":
            pie(half_pi, 3 * half_pi)
        case "Viscoelastic_Suction":
            pie(0.0, math.pi)
        case "Anterior_Chamber Flushing":
            dots([(a, b) for a in (-0.55, 0.55) for b in (-0.55, 0.55)] + [(0.0, 0.0)], 0.2)
        case "Tonifying/Antibiotics":
            corners = [(math.cos(k * 2.094 - half_pi), math.sin(k * 2.094 - half_pi)) for k in range(3)]
            pen.polygon(place_points(corners, x, y, turn, r, r), colour)


def place_points(points: Points, x: float, y: float, angle: float, along: float, across: float) -> Points:
    """Points of a unit shape, scaled, turned and moved."""
    cos, sin = math.cos(angle), math.sin(angle)
    scaled_points = [(u * along, v * across) for u, v in points]
    return [(x + u * cos - v * sin, y + u * sin + v * cos) for u, v in scaled_points]
