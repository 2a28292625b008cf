"""An invented data set of six operations, drawn and written here, for the tests of the evaluation.

Three phases, one tool each, the tissue's colour follows the phase (so a colour baseline can know it), a
question whose text gives its answer away (the laser is never there), and one that needs the picture.
"""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

from datasets import Dataset
from PIL import Image, ImageDraw
from surgvqa.builders.schema import FEATURES, QA_COLUMNS, QA_FEATURES
from surgvqa.cards.files import manifest

Rows = dict[str, list[dict[str, Any]]]

PHASES = ("incision", "phacoemulsification", "lens implantation")
TOOLS = {"incision": "keratome", "phacoemulsification": "phaco tip", "lens implantation": "injector"}
COLOURS = {
    "incision": (170, 60, 50),
    "phacoemulsification": (60, 90, 170),
    "lens implantation": (60, 150, 70),
}
SPLITS = {"train": ("case_1", "case_2", "case_3"), "validation": ("case_4",), "test": ("case_5", "case_6")}
CARD = """---
license: apache-2.0
pretty_name: Six invented operations
configs:
- config_name: clips
  default: true
  data_files:
{clips}
- config_name: qa
  data_files:
{qa}
---
"""


def frame(case: str, phase: str, second: float, side: int = 160) -> Image.Image:
    """A frame: tissue in the phase's colour with this case's own structures, a tool that moves."""
    rng = random.Random(f"{case} {phase}")
    image = Image.new("RGB", (side, side * 3 // 4), COLOURS[phase])
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y, r = rng.randrange(side), rng.randrange(side), rng.randrange(6, 30)
        shade = rng.randrange(-50, 60)
        colour = tuple(max(0, min(255, part + shade)) for part in COLOURS[phase])
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    x = 20 + 2 * second % side
    draw.line((x, side, x + 20, side // 2), fill=(225, 225, 230), width=4 + PHASES.index(phase) * 3)
    return image


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def questions(clip_id: str, phase: str, left: bool) -> list[dict[str, Any]]:
    following = PHASES[(PHASES.index(phase) + 1) % 3]
    side = "left" if left else "right"
    tool = TOOLS[phase]
    asked = [
        ("phase", "recognition", "Which phase is this?", phase, list(PHASES)),
        ("instruments", "recognition", "Which instruments are in view?", tool, sorted(TOOLS.values())),
        ("presence", "verification", "Is a laser visible?", "no", ["yes", "no"]),
        ("presence", "verification", f"Is the {tool} visible?", "yes", ["yes", "no"]),
        (
            "relative_position",
            "spatial",
            f"On which side does the {tool} stand?",
            side,
            ["left", "right"],
        ),
        ("next_phase", "temporal", "Which phase comes next?", following, list(PHASES)),
    ]
    return [
        {
            "qa_id": f"{clip_id}#{kind}{number}",
            "kind": kind,
            "reasoning": reasoning,
            "question": question,
            "answer": f"The answer is {answer}.",
            "short_answer": answer,
            "choices": choices,
        }
        for number, (kind, reasoning, question, answer, choices) in enumerate(asked)
    ]


def clip(case: str, phase: str, start: float, pictures: bool = True) -> dict[str, Any]:
    clip_id = f"{case}@{int(start * 1000)}-{int((start + 5) * 1000)}"
    times = [start + 1.25, start + 3.75]
    images = [{"bytes": jpeg(frame(case, phase, time)), "path": None} for time in times]
    return {
        "clip_id": clip_id,
        "case_id": case,
        "source": "invented",
        "procedure": "cataract",
        "phase": phase,
        "start_s": float(start),
        "end_s": start + 5.0,
        "frame_times_s": times if pictures else [],
        "images": images if pictures else [],
        "video": None,
        "scene": None,
        "qa": questions(clip_id, phase, random.Random(clip_id).random() < 0.5),
        "messages": [
            {"role": "user", "content": "Which phase is this?"},
            {"role": "assistant", "content": phase},
        ],
    }


def make(pictures: bool = True, clips_per_phase: int = 3) -> Rows:
    """All clips by split; a test changes them before it writes them."""
    return {
        split: [
            clip(case, phase, 5.0 * (number * clips_per_phase + part), pictures)
            for case in cases
            for number, phase in enumerate(PHASES)
            for part in range(clips_per_phase)
        ]
        for split, cases in SPLITS.items()
    }


def whole(qa: dict[str, Any]) -> dict[str, Any]:
    """The question with every column of the schema; those this invention has nothing to say to are null."""
    return {name: qa.get(name) for name in QA_COLUMNS}


def write(folder: Path, rows: Rows) -> Path:
    """The rows as a data set's folder: both configs in Parquet, and a card."""
    for split, clips in rows.items():
        asked = [
            qa | {name: row[name] for name in ("clip_id", "case_id", "source", "phase", "start_s", "end_s")}
            for row in clips
            for qa in row["qa"]
        ]
        for config, table, features in (("clips", clips, FEATURES), ("qa", asked, QA_FEATURES)):
            path = folder / config / f"{split}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            columns = {name: [row.get(name) for row in table] for name in features}
            columns |= {"qa": [[whole(qa) for qa in row["qa"]] for row in clips]} if config == "clips" else {}
            Dataset.from_dict(columns, features=features.features()).to_parquet(path)
    parts = {
        config: "\n".join(f"  - split: {split}\n    path: {config}/{split}-*" for split in rows)
        for config in ("clips", "qa")
    }
    (folder / "README.md").write_text(CARD.format(**parts), encoding="utf-8")
    manifest.seal(folder, {"source": {"name": "invented"}})
    return folder


def predictions(rows: Rows, answer: Any, split: str = "test") -> list[dict[str, Any]]:
    """Prediction rows for a split; ``answer(qa, clip)`` is what the model says."""
    return [
        qa
        | {
            "clip_id": row["clip_id"],
            "case_id": row["case_id"],
            "prediction": answer(qa, row),
            "error": None,
        }
        for row in rows[split]
        for qa in row["qa"]
    ]
