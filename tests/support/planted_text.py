"""Text planted on frames: names, dates, counters, moving, jittering, dim, coloured, brief; and how much of it is found."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from surgvqa.builders.privacy.burned_text import Region

KINDS = ("name", "date", "counter", "moving", "jitter", "dim", "coloured", "brief", "black", "clear")
COLOURS = ((255, 60, 60), (60, 230, 60), (90, 120, 255), (250, 220, 40), (255, 140, 0))
GIVEN = ("Karin", "Jean-Luc", "Wei", "Ottilie", "Bartosz", "Ines", "Haruki", "Fatima")
FAMILY = ("Ostrowski", "Lefebvre", "Huang", "Brandt", "Okafor", "Lindqvist", "Tanaka", "Rossi")
VISIBLE = 15  # grey levels between ink and what it is drawn on
HIDDEN = 0.95  # of a text's ink, over all frames that show it: what is left of a letter can't be read


@dataclass(slots=True)
class Planted:
    """One text, with its ink and box on every frame that shows it."""

    kind: str
    size: int
    words: str
    ink: dict[int, np.ndarray] = field(default_factory=dict)  # frame -> flat indices of pixels
    boxes: list[Region] = field(default_factory=list)

    def share(self, covered: np.ndarray) -> float:
        """The share of the ink that is covered."""
        flat = covered.ravel()
        inks = np.concatenate(list(self.ink.values()))
        return float(flat[inks].mean())


def words_of(kind: str, draw: random.Random, frame: int) -> str:
    """What a text of a kind says on a frame."""
    date = f"{draw.randint(1, 28):02d}.{draw.randint(1, 12):02d}.{draw.randint(1930, 2024)}"
    name = f"{draw.choice(FAMILY)}, {draw.choice(GIVEN)}"
    number = draw.randint(1_000_000, 9_999_999)
    if kind == "date":
        return date
    if kind == "counter":
        second = number % 86_400 + frame
        return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return draw.choice((name.upper(), f"{name} {date}", f"MRN {number}", name))


def plant(
    frames: Sequence[np.ndarray], kinds: Sequence[str], seed: int
) -> tuple[list[np.ndarray], list[Planted]]:
    """Return the frames with a text of each kind in a band of its own, and the texts; JPEG, quality 90, after it."""
    draw = random.Random(seed)
    pictures = [Image.fromarray(frame).convert("RGB") for frame in frames]
    width, height = pictures[0].size
    bands = draw.sample(range(len(kinds)), len(kinds))
    found = []
    for kind, band in zip(kinds, bands, strict=True):
        size = draw.choice((12, 14, 18, 24, 32)) * max(1, round(height / 720))
        font = ImageFont.load_default(size)
        own, x0 = draw.random(), draw.random()
        y0 = int((band + 0.25) * height / len(kinds))
        colour = draw.choice(COLOURS)
        text = Planted(kind, size, "")
        shown = [draw.randrange(len(frames))] if kind == "brief" else range(len(frames))
        for number in shown:
            text.words = words_of(kind, random.Random(own), number)
            box = ImageDraw.Draw(pictures[number]).textbbox((0, 0), text.words, font=font)
            free = max(1, int(width - box[2] - 8))
            x, y = int(4 + x0 * free), y0
            if kind == "moving":
                x = (x + 15 * number) % free
            if kind == "jitter":
                x, y = x + draw.randint(-2, 2), y + draw.randint(-2, 2)
            mask = Image.new("L", (width, height))
            ImageDraw.Draw(mask).text((x, y), text.words, fill=255, font=font)
            ink = np.flatnonzero(np.asarray(mask).ravel() > 100)
            drawn = _drawn(pictures[number], mask, kind, colour)
            if _contrast(pictures[number], drawn, ink) < VISIBLE:
                continue  # black on black: nobody can read it
            text.ink[number], pictures[number] = ink, drawn
            text.boxes.append((x + int(box[0]), y + int(box[1]), x + int(box[2]) + 1, y + int(box[3]) + 1))
        if not text.ink:
            continue
        found.append(text)
    return [_compressed(picture) for picture in pictures], found


def _contrast(before: Image.Image, after: Image.Image, ink: np.ndarray) -> float:
    """How far the ink stands out, in grey levels of its clearest channel, in the median pixel."""
    change = np.abs(np.asarray(after, np.int16) - np.asarray(before, np.int16)).max(-1).ravel()[ink]
    return float(np.median(change)) if ink.size else 0.0


def _drawn(picture: Image.Image, mask: Image.Image, kind: str, colour: tuple[int, int, int]) -> Image.Image:
    pixels = np.asarray(picture, np.float32)
    alpha = np.asarray(mask, np.float32)[..., None] / 255
    if kind == "dim":
        drawn = pixels + 30 * alpha  # grey levels brighter
    else:
        ink = {"coloured": colour, "black": (0, 0, 0)}.get(kind, (255, 255, 255))
        opaque = 0.4 if kind == "clear" else 1.0
        drawn = pixels + opaque * alpha * (np.float32(ink) - pixels)
    return Image.fromarray(np.clip(drawn, 0, 255).astype(np.uint8))


def _compressed(picture: Image.Image) -> np.ndarray:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return np.asarray(Image.open(file).convert("RGB"))


def painted(shape: Sequence[int], regions: Sequence[Region]) -> np.ndarray:
    """The pixels (height x width, bool) of regions."""
    covered = np.zeros(shape[:2], bool)
    for x1, y1, x2, y2 in regions:
        covered[max(0, y1) : y2, max(0, x1) : x2] = True
    return covered
