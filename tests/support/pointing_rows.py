"""An invented data set with config pointing: coloured squares, frames of several sizes, prompts of unlike length."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from datasets import Dataset
from surgvqa.builders.configs import pointing
from surgvqa.builders.configs.pointing import POINTING_FEATURES
from surgvqa.builders.configs.pointing_questions import Pointing, questions
from surgvqa.builders.geometry.masks import polygons_to_rle
from surgvqa.builders.schema import Case, Entity, Phase, Scene
from surgvqa.cards.files import manifest

COLOURS = {"hook": (210, 40, 40), "suction": (40, 190, 60), "bipolar forceps of the left hand": (50, 70, 220)}
SIZES = ((112, 84), (84, 84), (140, 84))
SIDE = 28


def rows(case: int, how: Pointing | None = None, scenes: int = 4) -> list[dict[str, Any]]:
    """The rows of one case: a square or two a frame, anywhere; every third case has wider frames."""
    how = how or Pointing("point", decimals=0)
    width, height = SIZES[case % len(SIZES)]
    rng = random.Random(case)
    made, pictures = [], {}
    for second in range(scenes):
        frame = np.full((height, width, 3), 128, np.uint8)
        nodes = []
        free = [(0, 0), (width - SIDE, height - SIDE), (0, height - SIDE), (width - SIDE, 0)]
        for rank, name in enumerate(rng.sample(list(COLOURS), rng.choice((1, 2))), start=1):
            x, y = free.pop(rng.randrange(len(free)))
            frame[y : y + SIDE, x : x + SIDE] = COLOURS[name]
            outline = [x, y, x + SIDE, y, x + SIDE, y + SIDE, x, y + SIDE]
            rle = polygons_to_rle([outline], width, height)  # type: ignore[list-item]
            box = (x, y, x + SIDE, y + SIDE)
            nodes.append(Entity(name, name, "instrument", "mask", bbox=box, rle=rle, rank=rank))
        made.append(Scene(float(second), width, height, tuple(nodes)))
        pictures[float(second)] = simplejpeg.encode_jpeg(frame, quality=95)
    source = Case(f"case_{case}", "invented", "p", (Phase("cutting", 0, scenes),), tuple(made))
    return [
        pointing.row(source, asked, how, width, height, pictures[asked.scene.time_s])
        for asked in questions(source, how)
    ]


def write(folder: Path, how: Pointing | None = None, **cases: range) -> Path:
    """Splits by name, each the cases of a range."""
    (folder / "pointing").mkdir(parents=True)
    for split, numbers in cases.items():
        table = [row for number in numbers for row in rows(number, how)]
        made = Dataset.from_list(table, features=POINTING_FEATURES.features())
        made.to_parquet(folder / "pointing" / f"{split}-00000-of-00001.parquet")
    manifest.seal(folder, {"source": {"name": "invented"}})
    return folder
