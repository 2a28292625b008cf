"""Predictions on disk: what is read is what was written, and a cut-off run goes on."""

from pathlib import Path

import pytest
from surgvqa.cards.command import InputError
from surgvqa.eval.data import predictions
from surgvqa.eval.data.predictions import Prediction


def example(qa_id: str, **changes: object) -> Prediction:
    row = {
        "qa_id": qa_id,
        "clip_id": "c@0-5000",
        "case_id": "c",
        "kind": "phase",
        "reasoning": "recognition",
        "question": "Which phase?",
        "answer": "It is “incision”.",
        "short_answer": "incision",
        "choices": ("incision", "idle"),
        "prediction": "incision\nof course",
        "confidence": 0.5,
    }
    return Prediction(**{**row, **changes})  # type: ignore[arg-type]


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    rows = [example("a"), example("b", prediction="", error="OSError: cut video", confidence=None)]
    with path.open("a", encoding="utf-8") as file:
        predictions.append(file, rows[:1])
        predictions.append(file, rows[1:])
    assert predictions.read(path) == rows


def test_a_run_killed_in_a_line_asks_that_question_again(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(
        predictions.to_line(example("a")) + "\n" + predictions.to_line(example("b"))[:50], "utf-8"
    )
    with pytest.raises(InputError, match="line 2: not whole JSON"):
        predictions.read(path)
    assert [row.qa_id for row in predictions.reopen(path)] == ["a"]
    assert [row.qa_id for row in predictions.read(path)] == ["a"]
    path.write_text('{"qa', "utf-8")
    assert predictions.reopen(path) == [] and path.read_text() == ""
    assert predictions.reopen(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no predictions"),
        ("[1]\n", "expected a JSON object"),
        ('{"qa_id": "a", "kind": "phase"}\n', "no field short_answer, prediction"),
        ('{"qa_id": "a", "kind": "k", "short_answer": 3, "prediction": ""}\n', "short_answer is 3"),
        ('{"qa_id": "a", "kind": "k", "short_answer": "", "prediction": ""}\n' * 2, "already on line 1"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        predictions.read(path)


def test_other_names_are_mapped(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": "a", "type": "phase", "gt": "idle", "pred": "idle"}\n')
    columns = {"qa_id": "id", "kind": "type", "short_answer": "gt", "prediction": "pred"}
    assert predictions.read(path, columns)[0].short_answer == "idle"
