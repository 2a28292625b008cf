"""Clips whose phase is a colour and whose hook is a white square: models without weights learn them in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from surgvqa.builders.files.parquet import writer
from surgvqa.builders.files.pictures import encode_jpeg
from surgvqa.builders.schema import FEATURES

PHASES = {"incision": (200, 40, 40), "suture": (40, 40, 200)}


def clip(case: str, number: int) -> dict:
    """A clip whose colour is its phase, with a white square where there is a hook."""
    random = np.random.default_rng([ord(case), number])
    phase, hook = sorted(PHASES)[int(random.integers(2))], bool(random.integers(2))
    picture = random.integers(0, 40, (40, 40, 3), dtype=np.uint8) + np.array(PHASES[phase], np.uint8)
    if hook:
        picture[12:28, 12:28] = 255
    tool = "In view: hook." if hook else "No instrument is visible."
    start = 5.0 * number
    name = f"{case}@{number}"
    asked = {"choices": [], "evidence_s": [start + 2.5], "support_frames": None, "total_frames": None,
             "support_ratio": None, "label_confidence": None}  # fmt: skip
    texts = [("caption", "caption", "What is going on?", f"The phase is {phase}. {tool}"),
             ("region_caption-1", "region_caption", "Where is the hook?", "The hook is at the center."),
             ("phase", "phase", "Which phase is it?", f"{phase}.")]  # fmt: skip
    nodes = [{"id": "hook", "name": "hook", "type": "instrument"}] if hook else []
    return {
        "clip_id": name, "case_id": case, "source": "drawn", "procedure": "drawn", "phase": phase,
        "start_s": start, "end_s": start + 5, "frame_times_s": [start, start + 2.4],
        "images": [{"bytes": encode_jpeg(one), "path": None} for one in (np.zeros_like(picture), picture)],
        "video": None, "video_start_s": None, "weight": 1.0, "scene": json.dumps({"nodes": nodes}),
        "qa": [{"qa_id": f"{name}#{end}", "kind": kind, "reasoning": "", "question": question, "answer": answer,
                "short_answer": answer, **asked} for end, kind, question, answer in texts],
        "messages": [],
    }  # fmt: skip


def write(root: Path) -> Path:
    """Eight cases of ten clips as a data set folder; two of them are the test split."""
    (root / "clips").mkdir()
    for split, cases in {"train": "abcdef", "test": "gh"}.items():
        with writer(root / "clips" / f"{split}-00000.parquet", FEATURES, 64) as add:
            for case in cases:
                for number in range(10):
                    add(clip(case, number))
    splits = "".join(
        f"  - split: {split}\n    path: clips/{split}-*.parquet\n" for split in ("train", "test")
    )
    (root / "README.md").write_text(f"---\nconfigs:\n- config_name: clips\n  data_files:\n{splits}---\n")
    return root
