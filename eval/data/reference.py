"""The questions of a data set as a reference, and the predictions aligned with them.

The data set decides how many questions there are and what is right. A prediction that is missing is a
wrong one; an extra one is left out; a question answered twice, differently, has no answer.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surgvqa.cards.command import InputError
from surgvqa.eval.data import columns
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.settings.one_split import absent_split

if TYPE_CHECKING:
    from surgvqa.eval.data.streams import Row  # it imports pyarrow, which questions of a file don't need

MISSING = "missing: no prediction for this question"
CONFLICT = "answered more than once, differently"
KEYS = (
    ("qa_id",),
    ("qa_id", "case_id"),
    ("qa_id", "question"),
    ("qa_id", "case_id", "clip_id", "kind", "question", "short_answer"),
)


@dataclass(frozen=True, slots=True)
class Alignment:
    """One row per question of the data set, and what didn't fit."""

    rows: list[Prediction]
    missing: int = 0
    extra: int = 0
    duplicates: int = 0  # rows beyond the first of a question
    notes: tuple[str, ...] = ()


def questions(
    source: str | Path, split: str | None = None, mapping: Mapping[str, str] | None = None
) -> list[Prediction]:
    """Return the questions of a data set as unanswered predictions.

    ``source`` is a folder that ``surgvqa-build`` wrote (``split`` names the part), a questions file of any
    layout that ``columns`` reads, or a name on the Hub.
    """
    path = Path(source)
    if path.is_file():
        contents = columns.read(path, mapping)
        if not contents.fields & {"short_answer", "answer"}:
            raise InputError(f"{path}: no answers in it; found {', '.join(sorted(contents.fields))}")
        return [
            dataclasses.replace(row, prediction="", error=None, counted=None) for row in contents.predictions
        ]
    return [question(row) for row in _dataset_rows(str(source), path, split or "test")]


def training(source: str | Path) -> list[Prediction] | None:
    """Return the training questions that lie beside a data set's others; None for a file and where there are none."""
    path = Path(source)
    if path.is_file() or (path.is_dir() and not any((path / "qa").glob("train-*.parquet"))):
        return None
    return questions(source, "train")


def right_answers(source: str | Path, split: str | None = None) -> dict[str, list[str]]:
    """Return the right answers of each question of a data set by its id: its references, or its two answers."""
    rows = _dataset_rows(str(source), Path(source), split or "test")
    return {
        str(row["qa_id"]): list(row.get("references") or dict.fromkeys((row["short_answer"], row["answer"])))
        for row in rows
    }


def rows(folder: Path, split: str) -> list[Row]:
    """Return a split's rows of config ``qa`` of a folder that ``surgvqa-build`` wrote."""
    return _dataset_rows(str(folder), folder, split)


def _dataset_rows(name: str, path: Path, split: str) -> list[dict[str, Any]]:
    if path.is_dir():
        from surgvqa.eval.data import whole  # it takes datasets, and that seconds: a file needs neither

        whole.check(path, "qa")
        shards = sorted((path / "qa").glob(f"{split}-*.parquet"))
        if not shards:
            splits = sorted(
                {shard.name.rpartition("-")[0].split("-")[0] for shard in (path / "qa").glob("*.parquet")}
            )
            raise absent_split(path, split, splits)
        import pyarrow.parquet as parquet  # read_table would import pyarrow.dataset, and that pandas

        return [row for shard in shards for row in parquet.ParquetFile(shard).read().to_pylist()]
    if path.suffix or name.count("/") != 1 or name.startswith((".", "/")):
        raise InputError(f"{name}: no such file or folder")
    from datasets import load_dataset

    try:
        return list(load_dataset(name, "qa", split=split))
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: no such folder, and the Hub says: {error}") from None


def question(row: Mapping[str, Any]) -> Prediction:
    """Return a row of config `qa` as an unanswered prediction."""

    def text(name: str) -> str:
        return str(row.get(name) or "")

    return Prediction(
        qa_id=text("qa_id"),
        clip_id=text("clip_id"),
        case_id=text("case_id"),
        kind=text("kind"),
        reasoning=text("reasoning"),
        question=text("question"),
        answer=text("answer"),
        short_answer=text("short_answer"),
        choices=tuple(row.get("choices") or ()),
    )


def lay(predictions: Sequence[Prediction], data: Sequence[Prediction] | None = None) -> Alignment:
    """One row per question, in the order of the questions.

    Without ``data`` the file's own rows are the questions, and missing ones cannot be seen.

    >>> question = Prediction("q", "c", "c", "phase", "", "Q?", "", "incision")
    >>> [row.error for row in lay([], [question]).rows]
    ['missing: no prediction for this question']
    """
    if data is None:
        return _alone(predictions)
    fields = _telling(data, predictions)
    answers_by_key = _by_key(predictions, fields)
    question_keys = [key(question, fields) for question in data]
    known_keys = set(question_keys)
    extra = sum(len(answers) for name, answers in answers_by_key.items() if name not in known_keys)
    if predictions and extra == len(predictions):
        raise InputError(
            f"none of the {len(predictions)} predictions is on a question of the data set, "
            f"as {predictions[0].qa_id!r} isn't; is it the right data set and split?"
        )
    rows, notes = [], []
    missing = duplicates = changes = 0
    for name, question in zip(question_keys, data, strict=True):
        answers = answers_by_key.get(name, [])
        missing += not answers
        duplicates += max(0, len(answers) - 1)
        answer = _one(answers)
        changes += (
            bool(answers and answers[0].short_answer) and answers[0].short_answer != question.short_answer
        )
        rows.append(
            dataclasses.replace(
                question,
                prediction=answer.prediction if answer else "",
                error=answer.error if answer else (CONFLICT if answers else MISSING),
                confidence=answer.confidence if answer else None,
                counted=answer.counted if answer else None,
            )
        )
    if changes:
        notes.append(f"{changes} right answers in the file are not the data set's; the data set's count")
    return Alignment(rows, missing, extra, duplicates, tuple(notes))


def _alone(predictions: Sequence[Prediction]) -> Alignment:
    notes = ["no data set given: the denominator is the file's own, and a missing question cannot be seen"]
    if not any(prediction.qa_id for prediction in predictions):
        return Alignment(
            list(predictions), notes=(*notes, "no question ids: a repeated question cannot be seen")
        )
    fields = KEYS[0] if _names_one_question(predictions) else KEYS[-1]
    if fields != KEYS[0]:
        notes.append("ids name more than one question; told apart by case, clip, question and answer too")
    rows = []
    groups = _by_key(predictions, fields)
    for answers in groups.values():
        rows.append(
            _one(answers) or dataclasses.replace(answers[0], prediction="", error=CONFLICT, counted=None)
        )
    return Alignment(rows, duplicates=len(predictions) - len(rows), notes=tuple(notes))


def _one(answers: Sequence[Prediction]) -> Prediction | None:
    """Return the one answer that all rows agree on."""
    same = {(answer.prediction, answer.error) for answer in answers}
    return answers[0] if len(same) == 1 else None


def key(row: Prediction, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values that tell a row from others."""
    return tuple(getattr(row, field) for field in fields)


def _by_key(rows: Sequence[Prediction], fields: tuple[str, ...]) -> dict[tuple[str, ...], list[Prediction]]:
    groups: dict[tuple[str, ...], list[Prediction]] = defaultdict(list)
    for row in rows:
        groups[key(row, fields)].append(row)
    return groups


def _names_one_question(rows: Sequence[Prediction]) -> bool:
    full = {key(row, KEYS[-1]) for row in rows}
    return len(full) == len({row.qa_id for row in rows})


def _telling(data: Sequence[Prediction], predictions: Sequence[Prediction]) -> tuple[str, ...]:
    """Return the fewest fields that tell the data set's questions apart and that the predictions have."""
    apart = [fields for fields in KEYS if len({key(row, fields) for row in data}) == len(data)]
    if not apart:
        raise InputError("the data set asks the same of the same clip twice, under one id; build it anew")
    lacking = [
        [name for name in fields if predictions and not any(getattr(row, name) for row in predictions)]
        for fields in apart
    ]
    for fields, lacks in zip(apart, lacking, strict=True):
        if not lacks:
            return fields
    raise InputError(
        f"the predictions lack {', '.join(lacking[0])}, which tells the data set's questions apart; "
        "name its column with --columns"
    )
