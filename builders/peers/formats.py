"""All formats by name, and a data set written in one of them: whole under its name, with ``lost.json`` beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from surgvqa.builders.files.one_command import alone
from surgvqa.builders.files.texts import read_text
from surgvqa.builders.peers import (
    chats,
    coco,
    fiftyone,
    inspect_ai,
    lerobot,
    lmms_eval,
    medvidbench,
    surgvu,
    vlmevalkit,
)
from surgvqa.builders.peers.common import LOSSES, Target
from surgvqa.builders.pipeline.staging import remove
from surgvqa.cards.command import InputError, nearest, parse_json

FORMATS: Mapping[str, Callable[[Target], None]] = {
    "ms-swift": chats.swift,
    "llama-factory": chats.llamafactory,
    "lmms-eval": lmms_eval.write,
    "vlmevalkit": vlmevalkit.write,
    "inspect": inspect_ai.write,
    "lerobot": lerobot.write,
    "coco": coco.write,
    "fiftyone": fiftyone.write,
}
ANSWER_FORMATS: Mapping[str, Callable[[Target, Mapping[str, str] | None], None]] = {
    "medvidbench": medvidbench.write,
    "surgvu": surgvu.write,
}


def names() -> list[str]:
    """Return the names of all formats."""
    return sorted({*FORMATS, *ANSWER_FORMATS})


def export(folder: Path, out: Path, form: str, predictions: Path | None = None) -> dict[str, int]:
    """Write a data set in the format of another project; returns what is lost, with counts.

    Args:
        folder: what a build wrote.
        out: an empty or a new folder.
        form: one of ``names()``.
        predictions: JSON lines with ``qa_id`` and ``prediction``, for formats with answer files.

    Raises:
        InputError: no such format or data set; predictions that the format has no place for, or that can't be read.
    """
    if form not in names():
        raise InputError(f"--to {form}: {nearest(form, names())}")
    if predictions is not None and form not in ANSWER_FORMATS:
        raise InputError(
            f"--predictions: {form} has no file of answers; {' and '.join(sorted(ANSWER_FORMATS))} have"
        )
    if out.is_file() or (out.exists() and any(out.iterdir())):
        raise InputError(f"{out} is not empty; give a new folder")
    answers = read_predictions(predictions) if predictions is not None else None
    with alone(pending := out.with_name(f"{out.name}.part")):  # under its own name it is whole
        for old in pending.iterdir():
            remove(old)
        target = Target(folder, pending)
        if form in FORMATS:
            FORMATS[form](target)
        else:
            ANSWER_FORMATS[form](target, answers)
        for what in [what for what, count in target.losses.items() if not count]:
            del target.losses[what]
        target.say_source()
        losses = target.say_lost()
        if out.exists():
            out.rmdir()
        pending.replace(out)
    return losses


def read_predictions(path: Path) -> dict[str, str]:
    """Read predictions by the id of their question; a line ends at a line feed alone."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; give what `surgvqa-eval predict` wrote")
    predictions: dict[str, str] = {}
    for number, line in enumerate(read_text(path, path.name).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            raise InputError(f"{path.name}, line {number}: not JSON ({error})") from error
        if not isinstance(row, dict) or not all(
            isinstance(row.get(key), str) for key in ("qa_id", "prediction")
        ):
            raise InputError(f"{path.name}, line {number}: an object with texts qa_id and prediction is due")
        if row["qa_id"] in predictions:
            raise InputError(f"{path.name}, line {number}: a second prediction for {row['qa_id']}")
        predictions[row["qa_id"]] = row["prediction"]
    return predictions


__all__ = ["ANSWER_FORMATS", "FORMATS", "LOSSES", "export", "names", "read_predictions"]
