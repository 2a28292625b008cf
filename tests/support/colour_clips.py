"""A small data set of clips for tests of training and evaluation: coloured frames, questions about the colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from datasets import Dataset
from surgvqa.builders.schema import FEATURES

COLOURS = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (40, 50, 210)}


def picture(colour: str, seed: int, size: int) -> bytes:
    """A JPEG of noise around a colour."""
    noise = np.random.default_rng(seed).integers(-25, 26, (size, size, 3))
    rgb = np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)
    return simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), quality=90)


def row(number: int, frames: int = 4, size: int = 56, questions: int = 3) -> dict[str, Any]:
    """One clip as a row; its colour follows from its number, and half of its questions are on it."""
    colour = list(COLOURS)[number % 3]
    clip_id = f"case{number // 4}@{number * 2000}-{number * 2000 + 2000}"
    asked = [
        ("colour", "Which colour is the image?", f"It is {colour}.", colour),
        ("presence", "Is it red?", "Yes." if colour == "red" else "No.", "yes" if colour == "red" else "no"),
        ("where", "Where is the left instrument of the two?", "It is in the center of the image.", "center"),
    ]
    qa = [
        {
            "qa_id": f"{clip_id}#{kind}-{index}",
            "kind": kind,
            "reasoning": "recognition",
            "question": question,
            "answer": answer,
            "short_answer": short,
            "choices": [],
        }
        for index, (kind, question, answer, short) in enumerate((asked * 9)[:questions])
    ]
    return {
        "clip_id": clip_id,
        "case_id": f"case{number // 4}",
        "source": "test",
        "procedure": "cataract",
        "phase": "idle",
        "start_s": number * 2.0,
        "end_s": number * 2.0 + 2,
        "frame_times_s": [number * 2 + (i + 0.5) * 2 / frames for i in range(frames)],
        "images": [{"bytes": picture(colour, 100 * number + i, size), "path": None} for i in range(frames)],
        "video": None,
        "video_start_s": None,
        "weight": 1.0,
        "scene": None,
        "qa": qa,
        "messages": [
            message
            for one in qa
            for message in (
                {"role": "user", "content": one["question"]},
                {"role": "assistant", "content": one["answer"]},
            )
        ],
    }


def dataset(rows: list[dict[str, Any]]) -> Dataset:
    """The rows with our features, images as bytes."""
    from surgvqa.eval.data.dataset import without_decoding

    return without_decoding(Dataset.from_list(rows, features=FEATURES.features()))


def write(folder: Path, **splits: list[dict[str, Any]]) -> Path:
    """An output folder that loads with ``load_dataset(folder, "clips")``."""
    (folder / "clips").mkdir(parents=True)
    for name, rows in splits.items():
        Dataset.from_list(rows, features=FEATURES.features()).to_parquet(
            folder / "clips" / f"{name}-00000.parquet"
        )
    card = ["---", "configs:", "- config_name: clips", "  data_files:"]
    card += [f"  - split: {name}\n    path: clips/{name}-*.parquet" for name in splits]
    (folder / "README.md").write_text("\n".join([*card, "---", ""]))
    return folder
