"""A small finished data set folder, as surgvqa-build leaves it, of invented content; for cards, audit and push."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from datasets.arrow_writer import ParquetWriter
from PIL import Image
from surgvqa.builders.pipeline.report import describe
from surgvqa.builders.schema import FEATURES, QA_FEATURES
from surgvqa.cards.files import manifest
from surgvqa.cards.write.dataset import dataset_card

SPLITS = {"train": ("a", "b"), "validation": ("c",), "test": ("d",)}


def picture(seed: int, **options: Any) -> bytes:
    """A 32 x 24 JPEG that looks like no other seed's."""
    grid = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(grid).resize((32, 24)).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def clip_row(case: str, number: int) -> dict[str, Any]:
    clip_id = f"{case}@{number * 5000}-{number * 5000 + 5000}"
    phase = ("incision", "irrigation")[number % 2]
    qa = {
        "qa_id": f"{clip_id}#phase", "kind": "phase", "reasoning": "recognition", "question": "Which phase is this?",
        "answer": f"This is {phase}.", "short_answer": phase, "choices": ["incision", "irrigation"],
    }  # fmt: skip
    return {
        "clip_id": clip_id, "case_id": case, "source": "invented", "procedure": "cataract", "phase": phase,
        "start_s": number * 5.0, "end_s": number * 5.0 + 5.0, "frame_times_s": [number * 5.0 + 1, number * 5.0 + 3],
        "images": [{"bytes": picture(100 * ord(case[0]) + 2 * number + frame), "path": None} for frame in (0, 1)], "video": None,
        "scene": json.dumps({"time_s": number * 5.0, "nodes": []}), "qa": [qa],
        "messages": [{"role": "user", "content": qa["question"]}, {"role": "assistant", "content": qa["answer"]}],
    }  # fmt: skip


def qa_rows(clip: dict[str, Any]) -> list[dict[str, Any]]:
    shared = {name: clip[name] for name in ("clip_id", "case_id", "source", "phase", "start_s", "end_s")}
    return [qa | shared for qa in clip["qa"]]


def write_table(path: Path, features: Any, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with ParquetWriter(features=features.features(), path=str(path)) as writer:
        for row in rows:
            writer.write(row)
        writer.finalize()


def clips_of(cases: tuple[str, ...]) -> list[dict[str, Any]]:
    return [clip_row(case, number) for case in cases for number in range(2)]


def report() -> dict[str, Any]:
    notes = ["the image index is the second divided by five, agreement 0.98"]
    return describe({split: clips_of(cases) for split, cases in SPLITS.items()}, notes=notes)


def seal(folder: Path, **changes: Any) -> dict[str, Any]:
    """Write report, manifest (last) and card over the shards that are there; returns the manifest."""
    made = {
        "surgvqa": "0.1.0", "versions": {"python": "3.11", "datasets": "5.2.0"},
        "source": {"name": "Invented", "homepage": "https://example.org/cases", "licence": "CC BY 4.0",
                   "access": "none needed", "citation": "@misc{invented, title={Invented cases}, year={2026}}",
                   "procedure": "cataract"},
        "parameters": {"source": "synthetic", "clip_seconds": 5.0, "frames": 2, "seed": 0},
        "files": {name: {"sha256": manifest.sha256(folder / name), "bytes": (folder / name).stat().st_size}
                  for name in manifest.walk(folder) if name not in manifest.UNLISTED_FILES},
        "source_files": {"a.csv": "0" * 64}, "dropped": [],
    } | changes  # fmt: skip
    texts = {"report.json": json.dumps(report()), "README.md": dataset_card(made, report())}
    made["derived"] = manifest.text_hashes(texts)
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    (folder / "manifest.json").write_text(manifest.dump(manifest.with_seal(made)), "utf-8")
    return made


def write_dataset(folder: Path) -> Path:
    """Two configs, three splits, one shard each."""
    for split, cases in SPLITS.items():
        clips = clips_of(cases)
        write_table(folder / f"clips/{split}-00000-of-00001.parquet", FEATURES, clips)
        write_table(
            folder / f"qa/{split}-00000-of-00001.parquet", QA_FEATURES, [q for c in clips for q in qa_rows(c)]
        )
    seal(folder)
    return folder
