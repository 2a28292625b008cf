"""Anyone's predictions, read as ours: JSONL, JSON, CSV, lmms-eval sample logs, Inspect logs, LLaVA answers.

Rows are mapped field by field: ``kind=question_type,prediction=output.completion`` (a dot goes one level
down, a number picks from a list, a star takes the only entry, ``a|b`` takes what is there). Files whose fields give away their origin need no mapping.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default
from pathlib import Path
from typing import Any

from surgvqa.cards.command import InputError, nearest, parse_json
from surgvqa.eval.data import records
from surgvqa.eval.data.predictions import DIGESTS, FIELDS, ORIGIN, Prediction, with_seconds
from surgvqa.eval.data.recognise import lettered_choices, recognise
from surgvqa.eval.data.records import Row

RIGHT = frozenset(
    {"true", "1", "1.0", "c", "correct"}
)  # what files write where they count an answer as right
WRONG = frozenset({"false", "0", "0.0", "i", "incorrect", "n"})


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of one kind of file: its names of our fields, and the fields that give it away."""

    name: str
    marks: tuple[str, ...]
    columns: Mapping[str, str]


# Read in the writers' code: lmms_eval/loggers/evaluation_tracker.py, inspect_ai's EvalSample, LLaVA's
# model_vqa.py, EndoChat's inference_batch.py, SurgViVQA-Audio's evaluate_*.py, SurgViVQA's question files,
# Surgical_COT's evaluate_exp*.py.
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
            "counted": "exact_match",
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
            "counted": "scores.*.value",
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
        "results with verdicts",
        ("question", "prediction", "ground_truth", "correct"),
        {
            "qa_id": "question_id",
            "clip_id": "image_id",
            "kind": "question_type",
            "short_answer": "ground_truth",
            "counted": "correct",
        },
    ),
    Layout(
        "OpenAI batch answers",
        ("custom_id", "response"),
        {
            "qa_id": "custom_id",
            "prediction": "response.body.choices.0.message.content|response.body.output.0.content.0.text",
            "error": "error.message|response.body.error.message",
        },
    ),
    Layout(
        "EvalScope reviews",
        ("index", "raw_input", "choices"),
        {
            "qa_id": "index",
            "question": "raw_input.question",
            "prediction": "choices.0.message.content",
            "short_answer": "choices.0.review.gold",
            "counted": "choices.0.review.result",
            "choices": "raw_input.options",
        },
    ),
    Layout(
        "LLaVA answers",
        ("question_id", "prompt", "text"),
        {"qa_id": "question_id", "question": "prompt", "prediction": "text"},
    ),
)


@dataclass(frozen=True, slots=True)
class FileContents:
    """The rows of a file, and the layout it was read with."""

    predictions: list[Prediction]
    layout: str  # the name of the layout recognised, "as given" where --columns says everything
    fields: frozenset[str]  # those of ours the file fills
    read_as: Mapping[str, str] = default(default_factory=dict)  # our fields that the file names otherwise
    columns: tuple[str, ...] = ()  # the file's own


def parse_columns(text: str) -> dict[str, str]:
    """Return the mapping of ``--columns``.

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


def read(path: Path, columns: Mapping[str, str] | None = None) -> FileContents:
    """Read every row of a predictions or questions file as a prediction; rows with one id are all kept.

    Raises:
        InputError: no such file, nothing in it, cut off, or a column that isn't there.
    """
    rows = list(records.rows(path))
    if not rows:
        raise InputError(f"{path}: no rows in it")
    layout = _recognise(rows[0])
    if epochs := {row["epoch"] for row in rows if "epoch" in row} - {1}:
        raise InputError(
            f"{path}: each sample was run {1 + len(epochs)} times (epochs), a question counts once; run one epoch"
        )
    given_columns = dict(columns or {})
    guesses = {} if layout else recognise(rows, given_columns)
    mapping = {field: field for field in FIELDS} | dict(layout.columns if layout else guesses) | given_columns
    if guesses.get("prediction") == "answer" or guesses.get("short_answer") == "answer":
        mapping["answer"] = mapping["short_answer"]
    for field, column in (columns or {}).items():
        if all(_get(row, column) is None for row in rows):
            raise InputError(
                f"{path}: --columns {field}={column}: no row has {column}; {nearest(column, map(str, rows[0]))}"
            )
    filled_fields = frozenset(
        field for field in FIELDS if any(_get(row, mapping[field]) is not None for row in rows)
    )
    predictions = [_prediction(row, mapping, f"{path}, row {i}") for i, row in enumerate(rows, start=1)]
    if "counted" in (columns or {}) and all(row.counted is None for row in predictions):
        raise InputError(
            f"{path}: --columns counted={mapping['counted']}: {_get(rows[0], mapping['counted'])!r} is no verdict; "
            "one is true or false, 1 or 0, C or I"
        )
    predictions = with_seconds(predictions, path)
    read_as = {
        field: column for field, column in mapping.items() if column != field and field in filled_fields
    }
    return FileContents(
        predictions, layout.name if layout else "as given", filled_fields, read_as, tuple(map(str, rows[0]))
    )


def require_answers(contents: FileContents, path: Path) -> FileContents:
    """Return the same, where there is an answer or a crash in at least one row.

    Raises:
        InputError: no column holds answers: that is the file's fault, and not the model's silence.
    """
    if any(row.prediction.strip() or row.error for row in contents.predictions):
        return contents
    column = contents.read_as.get("prediction", "prediction")
    where = (
        f"column {column} is empty in all {len(contents.predictions)} rows"
        if column in contents.columns
        else ("no column with the model's answers")
    )
    raise InputError(
        f"{path}: {where}; found {', '.join(contents.columns)}; name it with --columns prediction=COLUMN"
    )


def _recognise(row: Row) -> Layout | None:
    return next((layout for layout in LAYOUTS if all(mark in row for mark in layout.marks)), None)


def _get(row: Any, column: str) -> Any:
    """Return a column's value; ``a.b.0`` goes down, ``a.*`` to the only entry, ``a|b`` takes what is there; else None.

    >>> _get({"output": {"choices": [{"text": "yes"}]}}, "output.choices.0.text")
    'yes'
    >>> _get({"scores": {"match": {"value": "C"}}}, "scores.*.value")
    'C'
    """
    plain = type(row) is dict  # by far the most frequent; asking an abstract class costs ten times as much
    if (plain or isinstance(row, Mapping)) and column in row:
        return row[column]
    if plain and column.isidentifier():
        return None
    if "|" in column:
        return next((cell for one in column.split("|") if (cell := _get(row, one)) is not None), None)
    if "." not in column:
        return None
    value = row
    for step in column.split("."):
        if isinstance(value, Mapping):
            value = next(iter(value.values())) if step == "*" and len(value) == 1 else value.get(step)
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
        if field not in ("choices", "confidence", "error", *ORIGIN)
    }
    choices = _choices(values["choices"], where) or tuple(lettered_choices(row))
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
        confidence=_number(values["confidence"], f"{where}: confidence"),
        counted=_verdict(values["counted"]),
        path=_text(values["path"], "path", where) or None,
        fallback=_reason(values["fallback"], where),
        seconds=_number(values["seconds"], f"{where}: seconds"),
        # Other projects' columns of these names hold other things: a list of pictures, their number.
        **{field: values[field] for field in DIGESTS if isinstance(values[field], str)},
    )


def _verdict(value: Any) -> bool | None:
    """Whether a file counts an answer as right; None where it doesn't say, or says neither (half a point).

    >>> _verdict("C"), _verdict(0), _verdict(0.5)
    (True, False, None)
    """
    text = str(value).strip().casefold()
    return True if text in RIGHT else False if text in WRONG else None


def _choices(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, str):  # from CSV: a JSON list, else separated by a bar or semicolon
        try:
            value = parse_json(value) if value.startswith("[") else value.replace("|", ";").split(";")
        except json.JSONDecodeError:
            raise InputError(f"{where}: choices is not a JSON list: {value}") from None
    if not isinstance(value, list | tuple | None):
        raise InputError(f"{where}: choices is {type(value).__name__}, expected a list")
    return tuple(str(choice).strip() for choice in value or () if str(choice).strip())


def _reason(value: Any, where: str) -> str | None:
    """Return why another path answered; None where a file says that none did.

    >>> _reason("out of memory", ""), _reason(True, ""), _reason("False", "")
    ('out of memory', 'no reason given', None)
    """
    reason = "" if value is None else _text(value, "fallback", where).strip()
    if reason.casefold() in ("", "false", "no", "none", "0", "nan"):
        return None
    return "no reason given" if reason.casefold() in ("true", "yes", "1") else reason


def _number(value: Any, where: str) -> float | None:
    if value is None or value == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{where} is {value!r}, expected a number") from None
