"""Frames and masks in the layout of Endoscapes' segmented part, all drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 320, 180
COLOURS = {5: (90, 140, 90), 4: (200, 190, 120), 2: (150, 60, 60), 6: (190, 190, 200)}


def draw_frame(random: np.random.Generator) -> tuple[Image.Image, Image.Image]:
    """A frame in Endoscapes' classes: gallbladder, cystic duct, hepatocystic triangle and tool, each at a place of its own."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), tuple(int(one) for one in random.integers(60, 120, 3)))
    labels = Image.new("L", (WIDTH, HEIGHT))
    for value, size in ((5, 50), (2, 26), (4, 22), (6, 24)):
        if value == 5 or random.random() < 0.75:
            x, y = random.uniform(30, WIDTH - 30), random.uniform(30, HEIGHT - 30)
            box = (x - size, y - size * 0.6, x + size, y + size * 0.6)
            ImageDraw.Draw(picture).ellipse(box, fill=COLOURS[value])
            ImageDraw.Draw(labels).ellipse(box, fill=value)
    return picture, labels


def draw_set(root: Path, train: int = 4, held_out: int = 3, moments: int = 5) -> Path:
    """A folder in the layout of Endoscapes' segmented part, all drawn."""
    random = np.random.default_rng(1)
    matches = {}
    for folder in ("REAL", "GROUND_TH"):
        (root / folder).mkdir(parents=True)
    for case in range(train + held_out):
        for number in range(moments):
            name = f"{900 + case}_{2500 + 750 * number}"
            picture, labels = draw_frame(random)
            picture.save(root / "REAL" / f"{name}.jpg", quality=95)
            labels.save(root / "GROUND_TH" / f"{name}.png")
            image = {"file_name": f"{name}.jpg", "height": HEIGHT, "width": WIDTH, "ds": [0.0, 0.0, 0.0],
                     "is_ds_keyframe": True}  # fmt: skip
            split = "train" if case < train else "val"
            matches[name] = {
                "file_name": f"{name}.jpg",
                "folders": ["semseg", split],
                "annotations": [image],
            }
    (root / "matches.json").write_text(json.dumps(matches))
    return root
