"""Inspect: a repository that ``inspect eval hf/ORG/NAME`` runs: ``eval.yaml``, a card, a row a question.

Its loader takes one picture a question, as a data address; the pictures of a clip stand in it in the order of time,
left to right, top to bottom.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import yaml
from PIL import Image
from surgvqa.builders.columns import Columns, List, Value
from surgvqa.builders.files.parquet import writer
from surgvqa.builders.files.pictures import encode_jpeg
from surgvqa.builders.peers.common import NO_PICTURE, REST, Target, answer_letter, letters, question_rest
from surgvqa.builders.row_types import ClipRow

TEXT = Value("string")
COLUMNS = Columns(
    {
        "id": TEXT, "question": TEXT, "target": TEXT, "choices": List(TEXT), "image": TEXT, "kind": TEXT, "case_id": TEXT,
        REST: TEXT,
    }
)  # fmt: skip
ROWS_PER_GROUP = 100
KINDS = ("choice", "open")


def write(target: Target) -> None:
    """Write ``choice`` and ``open`` as Parquet, ``eval.yaml`` and the card's settings."""
    splits_by_kind: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for split in target.splits():
        for kind in KINDS:
            path = target.out / kind / f"{split}-00000-of-00001.parquet"
            path.parent.mkdir(exist_ok=True)
            with writer(path, COLUMNS, ROWS_PER_GROUP) as put:
                for row in questions(target, split, kind):
                    put(row)
            if path.is_file():
                splits_by_kind[kind].append(split)
    kept_kinds = {kind: splits for kind, splits in splits_by_kind.items() if splits}
    text = yaml.safe_dump({"name": target.name, "tasks": tasks(kept_kinds)}, sort_keys=False)
    (target.out / "eval.yaml").write_text(text, "utf-8")
    configs = [
        {
            "config_name": kind,
            "data_files": [{"split": split, "path": f"{kind}/{split}-*.parquet"} for split in splits],
        }
        for kind, splits in kept_kinds.items()
    ]
    card = yaml.safe_dump({"configs": configs}, sort_keys=False)
    (target.out / "README.md").write_text(f"---\n{card}---\n\n# {target.name}\n", "utf-8")


def tasks(splits_by_kind: Mapping[str, Sequence[str]]) -> list[dict[str, object]]:
    """Return a task for each config, on its test split or the last that it has."""
    methods = {
        "choice": ([{"name": "multiple_choice"}], [{"name": "choice"}]),
        "open": ([{"name": "generate"}], [{"name": "match", "args": {"location": "any"}}]),
    }
    return [
        {
            "id": kind,
            "config": kind,
            "split": "test" if "test" in splits else splits[-1],
            "field_spec": {
                "input": "question",
                "input_image": "image",
                "target": "target",
                "metadata": ["id", "kind", "case_id"],
                **({"choices": "choices"} if kind == "choice" else {}),
            },
            "solvers": methods[kind][0],
            "scorers": methods[kind][1],
        }
        for kind, splits in splits_by_kind.items()
    ]


def questions(target: Target, split: str, kind: str) -> Iterator[dict[str, object]]:
    """Yield the questions of a split with choices, or those without."""
    for row in target.clips(split):
        image = None
        if kind == "choice" and not row["images"]:  # a clip is read once for each of the two kinds
            target.losses[NO_PICTURE] += 1
        for qa in target.questions(row) if kind == "choice" else row["qa"]:
            letter = answer_letter(qa)
            if (letter is not None) != (kind == "choice"):
                continue
            image = sheet(row) if image is None else image
            target.losses["clip's pictures joined into one"] += len(row["images"] or ()) > 1
            yield {
                "id": qa["qa_id"],
                "question": qa["question"],
                "target": letter or qa["short_answer"],
                "choices": list(letters(qa).values()) if letter else [],
                "image": image,
                "kind": qa["kind"],
                "case_id": row["case_id"],
                REST: question_rest(row, qa),
            }


def sheet(row: ClipRow) -> str:
    """Return a clip's pictures in one, as a data address; an empty text where it has none."""
    images = [Image.open(io.BytesIO(one["bytes"])).convert("RGB") for one in row["images"] or ()]
    if not images:
        return ""
    if len(images) == 1:
        return _address(row["images"][0]["bytes"])
    across = math.ceil(math.sqrt(len(images)))
    width, height = max(one.width for one in images), max(one.height for one in images)
    whole = Image.new("RGB", (width * across, height * math.ceil(len(images) / across)))
    for number, one in enumerate(images):
        whole.paste(one, (number % across * width, number // across * height))
    return _address(encode_jpeg(np.asarray(whole)))


def _address(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"
