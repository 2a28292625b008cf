"""Recognise the columns of a file, by their usual names and by their contents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

# What people and tools call them, the surest first. Read in LLaMA-Factory's generated_predictions.jsonl (prompt,
# predict, label), ms-swift's infer results (response, labels), VLMEvalKit's tables (index, answer, A to D,
# prediction), Surgical-LVLM's and EndoChat's results (gnd, answer_gt), and in tables of pairs.
NAMES: Mapping[str, tuple[str, ...]] = {
    "prediction": (
        "prediction", "predicted_answer", "generated_answer", "model_answer", "model_output", "model_response", "predict",
        "pred", "predicted", "pred_answer", "answer_pred", "prediction_text", "generated_text", "generated", "generation",
        "generated_response", "completion", "hypothesis", "response", "output", "infer", "llm_answer", "vlm_answer",
    ),
    "short_answer": (
        "short_answer", "ground_truth", "groundtruth", "gt", "gnd", "gold", "gold_answer", "gt_answer", "answer_gt", "target",
        "true_answer", "correct_answer", "reference", "label", "labels", "truth", "true", "expected", "expected_answer",
        "multiple_choice_answer", "solution", "y_true",
    ),
    "qa_id": ("qa_id", "question_id", "questionid", "qid", "sample_id", "custom_id", "id", "index", "doc_id"),
    "question": ("question", "prompt", "query", "instruction", "question_text", "input"),
    "kind": ("kind", "question_type", "qtype", "task_type", "category", "answer_type", "type"),
    "case_id": ("case_id", "case", "video_id", "video", "patient_id", "patient", "operation"),
    "clip_id": ("clip_id", "clip", "image_id", "image", "frame"),
    "choices": ("choices", "options", "candidates"),
    "path": ("path_taken", "answered_by", "engine", "backend"),
    "fallback": ("fallback", "fallback_reason", "fell_back", "rescued_by"),
    "seconds": ("seconds", "latency", "latency_s", "latency_seconds", "generation_seconds", "inference_time", "time_s", "elapsed", "elapsed_s"),
}  # fmt: skip
SEARCH_ROWS = 1000  # rows in which a column may turn up for the first time
LETTERS = "ABCDEFGH"
ALIKE = 0.3  # share of a column's values that are right answers somewhere, from which on it holds answers
LONGEST_ANSWER = 60  # characters of a value that can be compared so


def recognise(rows: Sequence[Row], known_columns: Mapping[str, str]) -> dict[str, str]:
    """Return the columns of our fields that the file names otherwise; ``known_columns`` are those that are known.

    >>> recognise([{"question": "Is it?", "answer": "yes", "generated_answer": "no"}], {})
    {'prediction': 'generated_answer', 'short_answer': 'answer', 'question': 'question'}
    >>> recognise([{"question": "Is it?", "answer": "No", "gnd": "Yes"}], {})
    {'prediction': 'answer', 'short_answer': 'gnd', 'question': 'question'}
    """
    columns = dict.fromkeys(str(column) for row in rows[:SEARCH_ROWS] for column in row)
    there = {column.strip().casefold().replace(" ", "_").replace("-", "_"): column for column in columns}
    column_by_field = {
        field: there[name]
        for field, names in NAMES.items()
        if field not in known_columns
        and (name := next((name for name in names if name in there), None)) is not None
    }
    answer = there.get("answer")
    used_columns = {*known_columns.values(), *column_by_field.values()}
    if answer and answer not in used_columns:
        free = [
            field
            for field in ("prediction", "short_answer")
            if field not in known_columns and field not in column_by_field
        ]
        if free == ["prediction"]:
            column_by_field["prediction"] = answer
        elif free:
            column_by_field["short_answer"] = answer
    if (
        "prediction" not in known_columns
        and "prediction" not in column_by_field
        and "short_answer" in column_by_field
        and (
            column := _like_answers(
                rows, column_by_field["short_answer"], {*known_columns.values(), *column_by_field.values()}
            )
        )
        is not None
    ):
        column_by_field["prediction"] = column
    return {field: column_by_field[field] for field in NAMES if field in column_by_field}


def _like_answers(rows: Sequence[Row], truth: str, used_columns: set[str]) -> str | None:
    """Return the one other column whose values are right answers of the file."""
    answers = {_plain(row.get(truth)) for row in rows} - {""}
    alike = [
        str(column)
        for column in rows[0]
        if column not in used_columns
        and sum(_plain(row.get(column)) in answers for row in rows) >= ALIKE * len(rows)
    ]
    return alike[0] if len(alike) == 1 else None


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return text.strip().strip(".").casefold() if len(text) <= LONGEST_ANSWER else ""


def lettered_choices(row: Row) -> list[str]:
    """Return the choices that stand in columns A, B, C, … of a table.

    >>> lettered_choices({"A": "left", "B": "right", "C": ""})
    ['left', 'right']
    """
    own = [str(row[letter]).strip() for letter in LETTERS if row.get(letter) not in (None, "")]
    return own if len(own) > 1 and row.get("A") not in (None, "") else []
