"""Anyone's predictions, read as ours: JSONL, JSON, CSV, lmms-eval sample logs, Inspect logs, LLaVA answers.

Rows are mapped field by field: ``kind=question_type,prediction=output.completion`` (a dot goes one level
down, a number picks from a list, ``a|b`` takes what is there). Files whose fields give away their origin need no mapping.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgvqa.cards.command import InputError, nearest, parse_json
from surgvqa.eval.predictions import FIELDS, Prediction

Row = Mapping[str, Any]
LISTS = ("samples", "predictions", "results", "answers", "questions", "annotations", "data", "rows")


@dataclass(frozen=True, slots=True)
class Layout:
    """How one kind of file names our fields, and the fields that give it away."""

    name: str
    marks: tuple[str, ...]
    columns: Mapping[str, str]


# Read in the writers' code: lmms_eval/loggers/evaluation_tracker.py, inspect_ai's EvalSample, LLaVA's
# model_vqa.py, EndoChat's inference_batch.py, SurgViVQA-Audio's evaluate_*.py, SurgViVQA's question files.
LAYOUTS = (
    Layout("surgvqa", ("qa_id", "short_answer", "prediction"), {}),
    Layout("surgvqa questions", ("qa_id", "short_answer", "question"), {}),
    Layout(
        "SurgViVQA results",
        ("question_id", "question_type", "predicted_answer"),
        {
            "qa_id": "question_id",
            "case_id": "video_id",
            "kind": "question_type",
            "answer": "ground_truth",
            "prediction": "predicted_answer",
        },
    ),
    Layout(
        "SurgViVQA questions",
        ("id", "question_type", "short_answer"),
        {"qa_id": "id", "case_id": "video_id", "kind": "question_type", "clip_id": "frames.0"},
    ),
    Layout(
        "lmms-eval samples",
        ("doc_id", "target", "filtered_resps"),
        {"qa_id": "doc_id", "question": "input", "short_answer": "target", "prediction": "filtered_resps"},
    ),
    Layout(
        "Inspect samples",
        ("id", "input", "target", "output"),
        {
            "qa_id": "id",
            "clip_id": "metadata.clip_id",
            "case_id": "metadata.case_id",
            "kind": "metadata.kind",
            "question": "input",
            "short_answer": "target",
            "prediction": "output.completion|output.choices.0.message.content",
            "error": "error.message",
        },
    ),
    Layout(
        "EndoChat results",
        ("question", "answer", "answer_gt"),
        {
            "qa_id": "id",
            "clip_id": "image",
            "kind": "main_tag",
            "short_answer": "answer_gt",
            "prediction": "answer",
            "answer": "answer_gt",
        },
    ),
    Layout(
        "LLaVA answers",
        ("question_id", "prompt", "text"),
        {"qa_id": "question_id", "question": "prompt", "prediction": "text"},
    ),
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file held, and how it was read."""

    predictions: list[Prediction]
    layout: str  # the name of the layout recognised, "as given" where --columns says everything
    fields: frozenset[str]  # those of ours the file fills


def parse_columns(text: str) -> dict[str, str]:
    """The mapping of ``--columns``.

    >>> parse_columns("kind=question_type,prediction=output.completion")
    {'kind': 'question_type', 'prediction': 'output.completion'}
    """
    columns: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        field, equals, column = (part.strip() for part in pair.partition("="))
        if not equals or not column:
            raise InputError(f"--columns {pair}: write FIELD=COLUMN, as in prediction=predicted_answer")
        if field not in FIELDS:
            raise InputError(f"--columns {pair}: no field {field}; {nearest(field, FIELDS)}")
        columns[field] = column
    return columns


def read(path: Path, columns: Mapping[str, str] | None = None) -> Loaded:
    """Every row of a predictions or questions file, as predictions; a repeated id is kept as it is.

    Raises:
        InputError: no such file, nothing in it, cut off, or a column that isn't there.
    """
    rows = list(_rows(path))
    if not rows:
        raise InputError(f"{path}: no rows in it")
    layout = _recognise(rows[0])
    if epochs := {row["epoch"] for row in rows if "epoch" in row} - {1}:
        raise InputError(
            f"{path}: each sample was run {1 + len(epochs)} times (epochs), a question counts once; run one epoch"
        )
    mapping = (
        {field: field for field in FIELDS} | dict(layout.columns if layout else {}) | dict(columns or {})
    )
    for field, column in (columns or {}).items():
        if all(_get(row, column) is None for row in rows):
            raise InputError(
                f"{path}: --columns {field}={column}: no row has {column}; {nearest(column, map(str, rows[0]))}"
            )
    filled = frozenset(
        field for field in FIELDS if any(_get(row, mapping[field]) is not None for row in rows)
    )
    predictions = [_prediction(row, mapping, f"{path}, row {i}") for i, row in enumerate(rows, start=1)]
    return Loaded(predictions, layout.name if layout else "as given", filled)


def _recognise(row: Row) -> Layout | None:
    return next((layout for layout in LAYOUTS if all(mark in row for mark in layout.marks)), None)


def _get(row: Any, column: str) -> Any:
    """A column's value; ``a.b.0`` goes down, ``a|b`` takes what is there; None where nothing is.

    >>> _get({"output": {"choices": [{"text": "yes"}]}}, "output.choices.0.text")
    'yes'
    """
    if isinstance(row, Mapping) and column in row:
        return row[column]
    if "|" in column:
        return next((found for one in column.split("|") if (found := _get(row, one)) is not None), None)
    if "." not in column:
        return None
    value = row
    for step in column.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _text(value: Any, field: str, where: str) -> str:
    if isinstance(value, str):
        return value
    while isinstance(value, list) and len(value) == 1:  # [["No"]], as harnesses wrap a single answer
        value = value[0]
    if value is None or value == []:
        return ""
    if isinstance(value, list | Mapping):
        raise InputError(
            f"{where}: {field} is not one text but {type(value).__name__}; pick with COLUMN.0 or .name"
        )
    return str(value)


def _prediction(row: Row, mapping: Mapping[str, str], where: str) -> Prediction:
    if not isinstance(row, Mapping):
        raise InputError(f"{where}: expected an object, found {type(row).__name__}")
    values = {field: _get(row, mapping[field]) for field in FIELDS}
    texts = {
        field: _text(value, field, where)
        for field, value in values.items()
        if field not in ("choices", "confidence", "error")
    }
    choices = _choices(values["choices"], where)
    answer = texts["short_answer"] or texts["answer"]
    if len(answer) == 1 and answer.isupper() and choices and answer not in choices:
        place = ord(answer) - ord("A")  # the letter of a choice
        answer = choices[place] if place < len(choices) else answer
    clip = texts["clip_id"] or (texts["qa_id"].partition("#")[0] if "#" in texts["qa_id"] else "")
    case = texts["case_id"] or clip.rpartition("@")[0]
    texts |= {"short_answer": answer, "clip_id": clip, "case_id": case, "kind": texts["kind"] or "all"}
    error = values["error"]
    return Prediction(
        **texts,
        choices=choices,
        error=_text(error, "error", where) or None if not isinstance(error, Mapping) else json.dumps(error),
        confidence=_number(values["confidence"], where),
    )


def _choices(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, str):  # from CSV: a JSON list, else separated by a bar or semicolon
        try:
            value = parse_json(value) if value.startswith("[") else value.replace("|", ";").split(";")
        except json.JSONDecodeError:
            raise InputError(f"{where}: choices is not a JSON list: {value}") from None
    if not isinstance(value, list | tuple | None):
        raise InputError(f"{where}: choices is {type(value).__name__}, expected a list")
    return tuple(str(choice).strip() for choice in value or () if str(choice).strip())


def _number(value: Any, where: str) -> float | None:
    if value is None or value == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{where}: confidence is {value!r}, expected a number from 0 to 1") from None


def _rows(path: Path) -> Iterator[Row]:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.suffix == ".eval":
        yield from _inspect_archive(path)
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    if path.suffix.lower() in (".csv", ".tsv"):
        yield from _table(text, path)
    elif path.suffix.lower() in (".jsonl", ".ndjson"):
        yield from _lines(text, path)
    else:
        yield from _document(text, path)


def _table(text: str, path: Path) -> Iterator[Row]:
    dialect = csv.excel_tab if path.suffix.lower() == ".tsv" else csv.excel
    reader = csv.DictReader(io.StringIO(text, newline=""), dialect=dialect, strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise InputError(f"{path}, line {reader.line_num}: not as many fields as the header has")
            yield row
    except csv.Error as error:
        raise InputError(f"{path}, after line {reader.line_num}: {error}; was the file cut off?") from None


def _lines(text: str, path: Path) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield parse_json(line)
            except json.JSONDecodeError as error:
                raise InputError(
                    f"{path}, line {number}: not whole JSON ({error.msg}); was the file cut off?"
                ) from None


def _document(text: str, path: Path) -> Iterator[Row]:
    try:
        document = parse_json(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # JSON lines under another name
            yield from _lines(text, path)
            return
        raise InputError(
            f"{path}, line {error.lineno}: not whole JSON ({error.msg}); was the file cut off?"
        ) from None
    if isinstance(document, Mapping):
        name = next((name for name in LISTS if document.get(name)), None)
        if name is None:
            raise InputError(f"{path}: an object without a list of rows; looked for {', '.join(LISTS)}")
        document = document[name]
    if isinstance(document, Mapping):  # rows below their task (lmms-eval) or below their id
        parts = document.items()
        document = [
            row if isinstance(value, list) else {"qa_id": key, **row}
            for key, value in parts
            for row in (value if isinstance(value, list) else [value])
        ]
    yield from document


def _inspect_archive(path: Path) -> Iterator[Row]:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(name for name in archive.namelist() if name.startswith("samples/")):
                yield parse_json(archive.read(name))
    except (zipfile.BadZipFile, NotImplementedError, json.JSONDecodeError) as error:
        raise InputError(
            f"{path}: not a readable Inspect log ({error}); `inspect log convert --to json` makes one"
        ) from None
