"""Answers on disk: one JSON object per line and question, appended as they come, read back with line numbers.

A prediction that failed keeps its row: ``error`` says why, and scoring counts it as wrong. So the number
of rows is always the number of questions asked.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from surgvqa.builders.files.one_command import hold
from surgvqa.cards.command import InputError, parse_json


@dataclass(frozen=True, slots=True)
class Prediction:
    """One question, what was expected, and what the model said."""

    qa_id: str
    clip_id: str
    case_id: str
    kind: str
    reasoning: str
    question: str
    answer: str
    short_answer: str
    choices: tuple[str, ...] = ()
    prediction: str = ""
    error: str | None = None  # why there is no prediction; None where there is one
    confidence: float | None = None  # mean probability of the predicted answer's tokens, 0..1
    counted: bool | None = None  # whether someone else's file counts it as right; None where it doesn't say
    path: str | None = (
        None  # what answered: an engine, a model, a second try; None where the file doesn't say
    )
    fallback: str | None = None  # why something else answered than was asked; None where nothing else did
    seconds: float | None = None  # how long the answer took
    weights: str | None = None  # digest of the model's weights; an adapter's and its base's, joined by "+"
    frames: str | None = None  # digest of the pixels that were shown


FIELDS = tuple(field.name for field in dataclasses.fields(Prediction))
QUESTION_FIELDS = FIELDS[
    : FIELDS.index("choices") + 1
]  # those that a data set's question fills, the others are the answer's
ORIGIN = FIELDS[FIELDS.index("counted") :]  # what is left out of a line where it isn't known
DIGESTS = ("weights", "frames")
REQUIRED_FIELDS = ("qa_id", "kind", "short_answer", "prediction")


def to_line(prediction: Prediction) -> str:
    """Return the prediction as one line of JSON, without the line break.

    >>> to_line(Prediction("c@0-5#phase", "c@0-5", "c", "phase", "recognition", "Q?", "A.", "a"))[:43]
    '{"qa_id": "c@0-5#phase", "clip_id": "c@0-5"'
    """
    row = dataclasses.asdict(prediction)
    for field in ORIGIN:
        if row[field] is None:
            del row[field]
    return json.dumps(row, ensure_ascii=False)


def from_dict(row: Mapping[str, Any], where: str, columns: Mapping[str, str] | None = None) -> Prediction:
    """Return a prediction from a JSON object; ``columns`` maps our names to the file's.

    Raises:
        InputError: not an object, a required field missing, or a value of the wrong type; names ``where``.
    """
    if not isinstance(row, Mapping):
        raise InputError(f"{where}: expected a JSON object per line, found {type(row).__name__}")
    name = {field: (columns or {}).get(field, field) for field in FIELDS}
    missing = [name[field] for field in REQUIRED_FIELDS if name[field] not in row]
    if missing:
        raise InputError(f"{where}: no field {', '.join(missing)}; found {', '.join(sorted(map(str, row)))}")
    values = {field: row[name[field]] for field in FIELDS if row.get(name[field]) is not None}
    values["choices"] = tuple(values.get("choices", ()))
    for field, value in values.items():
        if field in ("confidence", "seconds"):
            if not isinstance(value, int | float):
                raise InputError(f"{where}: {name[field]} is {value!r}, expected a number")
        elif field == "counted":
            if not isinstance(value, bool):
                raise InputError(f"{where}: {name[field]} is {value!r}, expected true or false")
        elif field != "choices" and not isinstance(value, str):
            raise InputError(f"{where}: {name[field]} is {value!r}, expected text")
    defaults = dict.fromkeys(FIELDS[:8], "")
    return Prediction(**{**defaults, **values})


def read(path: Path, columns: Mapping[str, str] | None = None) -> list[Prediction]:
    """All predictions of a JSONL file, in its order.

    Raises:
        InputError: no such file, no rows, a line that is not whole JSON, a missing field, a ``qa_id`` twice.
    """
    predictions = list(_rows(path, columns))
    if not predictions:
        raise InputError(f"{path}: no predictions in it")
    return predictions


def _rows(path: Path, columns: Mapping[str, str] | None) -> Iterator[Prediction]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; `surgvqa-eval predict … --out {path}` writes one")
    line_by_id: dict[str, int] = {}
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                row = parse_json(line)
            except json.JSONDecodeError as error:
                raise InputError(f"{where}: not whole JSON ({error.msg}); was the run cut off?") from None
            except UnicodeDecodeError as error:
                raise InputError(f"{where}: not UTF-8 at byte {error.start}") from None
            prediction = from_dict(row, where, columns)
            if prediction.qa_id in line_by_id:
                raise InputError(
                    f"{where}: {prediction.qa_id!r} is already on line {line_by_id[prediction.qa_id]}; "
                    "a question counts once"
                )
            line_by_id[prediction.qa_id] = number
            yield prediction


@contextmanager
def alone(path: Path) -> Iterator[IO[str]]:
    """Open a file of predictions to append to, for this run alone.

    Raises:
        InputError: another run is writing it; both would answer every question.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        if not hold(file.fileno()):
            raise InputError(f"{path}: another run is writing there; wait for it, or give another --out")
        for leftover in path.parent.glob(f"{path.stem}.run.json.*.tmp"):  # of a run that was killed
            leftover.unlink()
        try:
            yield file
        finally:
            if path.exists() and not path.stat().st_size:
                path.unlink()


def reopen(path: Path) -> list[Prediction]:
    """Return the answers of a stopped run; an unfinished last line is cut off the file.

    A line is whole once its line break is written, so a run killed in the middle of a line leaves
    at most one piece, and that question is asked again.
    """
    if not path.exists():
        return []
    return read(path) if cut_piece(path) else []


def cut_piece(path: Path) -> int:
    """Cut the unfinished last line off a file, and return how many bytes are left."""
    whole = path.read_bytes()
    end = whole.rfind(b"\n") + 1
    if end < len(whole):
        os.truncate(path, end)
    return end


def append(file: IO[str], predictions: Iterable[Prediction]) -> None:
    """Write predictions as lines and hand them to the operating system at once."""
    file.writelines(to_line(prediction) + "\n" for prediction in predictions)
    file.flush()


def seconds_file(predictions: Path) -> Path:
    """Return where the seconds of a file's answers stand: beside it, because two equal runs differ in nothing else.

    >>> seconds_file(Path("p.jsonl")).name
    'p.seconds.jsonl'
    """
    return predictions.with_suffix(".seconds.jsonl")


@contextmanager
def seconds_beside(predictions: Path) -> Iterator[IO[str]]:
    """Open the file of seconds to append to; a piece of a line that a killed run left goes, an empty file, too."""
    path = seconds_file(predictions)
    with path.open("a", encoding="utf-8") as file:
        cut_piece(path)
        yield file
    if not path.stat().st_size:
        path.unlink()


def append_seconds(file: IO[str], answers: Iterable[Prediction], seconds: float) -> None:
    """Write how long a batch took, in equal shares for its answers."""
    own = list(answers)
    share = round(seconds / max(1, len(own)), 4)
    file.writelines(json.dumps({"qa_id": one.qa_id, "seconds": share}) + "\n" for one in own)
    file.flush()


def with_seconds(answers: Sequence[Prediction], path: Path) -> list[Prediction]:
    """Return a file's answers with the seconds that ``predict`` wrote beside them, where it did.

    Raises:
        InputError: a line of them is no JSON; the last one may be cut off, as a killed run leaves it.
    """
    beside = seconds_file(path)
    if not beside.is_file():
        return list(answers)
    took: dict[str, float] = {}
    lines = beside.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            row: Mapping[str, float | str] = parse_json(line)
            took[str(row["qa_id"])] = float(row["seconds"])
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{beside}, line {number}: expected a qa_id and its seconds; delete the file to score without them"
            ) from None
    return [
        replace(one, seconds=took[one.qa_id]) if one.seconds is None and one.qa_id in took else one
        for one in answers
    ]
