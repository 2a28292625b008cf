"""Files of everyone, unaided: which column is which, and an error where none holds answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from surgvqa.cards.command import InputError
from surgvqa.eval import __main__ as command
from surgvqa.eval.data import columns
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring.compare import compare
from surgvqa.eval.scoring.score import score


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


REPLY = {"choices": [{"message": {"role": "assistant", "content": "yes"}}]}
FILES = {
    "llamafactory.jsonl": lines({"prompt": "Is it?", "predict": "yes", "label": "yes"}),
    "swift.jsonl": lines({"response": "yes", "labels": "yes", "messages": []}),
    "pairs.csv": "gold,pred\nyes,yes\n",
    "semicolons.csv": "Truth;Prediction\nyes;yes\n",
    "bars.csv": "question|gt|model_answer\nIs it?|yes|yes\n",
    "ids.json": json.dumps({"7": {"question": "Is it?", "answer": "yes", "gnd": "yes"}}),
    "table.tsv": "index\tquestion\tA\tB\tanswer\tcategory\tprediction\n1\tIs it?\tyes\tno\tA\tseen\tA\n",
    "vqa.json": json.dumps({"annotations": [{"question_id": 1, "multiple_choice_answer": "yes", "answer": "yes"}]}),
    "evalscope.jsonl": lines(
        {"index": 0, "raw_input": {"question": "Is it?"}, "choices": [{**REPLY["choices"][0], "review": {"gold": "yes", "result": True}}]}
    ),
    "other_names.csv": "question,answer,my_own_column\nIs it?,yes,yes\nIs it?,no,no\n",
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_read_unaided(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILES[name])
    loaded = columns.read(tmp_path / name)
    assert next(row.short_answer for row in loaded.predictions) == "yes"
    assert next(row.prediction for row in columns.require_answers(loaded, tmp_path).predictions) in (
        "yes",
        "A",
    )
    assert score(loaded.predictions)["accuracy"] == 1.0


def test_batch_answers_need_the_data_set(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text(
        lines({"id": "b", "custom_id": "q1", "response": {"body": REPLY}, "error": None})
    )
    loaded = columns.read(tmp_path / "out.jsonl")
    asked = Prediction("q1", "", "", "seen", "", "Is it?", "", "yes")
    assert loaded.layout == "OpenAI batch answers"
    assert score(loaded.predictions, data=[asked])["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("question,answer,verdict\nIs it?,yes,good\n", "no column with the model's answers; found question, answer, verdict"),
        ("question,answer,generated_answer\nIs it?,yes,\n", "column generated_answer is empty in all 1 rows"),
    ],
)  # fmt: skip
def test_no_answers_is_the_files_fault(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        columns.require_answers(columns.read(tmp_path / "a.csv"), tmp_path / "a.csv")


def test_of_two_lists_of_rows_none_is_chosen(tmp_path: Path) -> None:
    row = {"question": "Is it?", "answer": "yes", "prediction": "yes"}
    (tmp_path / "both.json").write_text(json.dumps({"predictions": [row], "answers": [row, row]}))
    with pytest.raises(InputError, match=r"found predictions \(1\), answers \(2\)"):
        columns.read(tmp_path / "both.json")
    (tmp_path / "one.json").write_text(json.dumps({"answers": [row], "results": {"accuracy": 1.0}}))
    assert len(columns.read(tmp_path / "one.json").predictions) == 1


def test_what_was_read_as_what_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text(
        "question,answer,generated_answer\nIs it red?,yes,yes\nIs it red?,no,blue\n"
    )
    assert command.main(["score", str(tmp_path / "a.csv"), "--out", str(tmp_path / "a.json")]) == 0
    said = capsys.readouterr().out
    assert "read as: prediction = generated_answer, short_answer = answer" in said
    assert "WARNING: 1 replies (50.0 %) state none of the known answers" in said
    figures = json.loads((tmp_path / "a.json").read_text())
    assert figures["undecided"]["n"] == 1 and figures["undecided"]["examples"][0]["prediction"] == "blue"


def test_a_reader_who_has_seen_enough(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,answer,prediction\nIs it red?,yes,yes\n")
    run = f"{sys.executable} -m surgvqa.eval score {tmp_path / 'a.csv'} | head -c 1"
    done = subprocess.run(["bash", "-c", run], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("k", "")


def test_too_few_cases_for_so_many_kinds() -> None:
    rows = [
        Prediction(f"{case}-{kind}-{i}", "", f"op{case}", f"kind{kind}", "", "Which side?", "", side, ("left", "right"), said)
        for case in range(8) for kind in range(11) for i, (side, said) in enumerate((("left", "right"), ("right", "left")))
    ]  # fmt: skip
    right = [Prediction(*[getattr(row, name) for name in ("qa_id", "clip_id", "case_id", "kind", "reasoning", "question", "answer",
                                                           "short_answer", "choices")], row.short_answer) for row in rows]  # fmt: skip
    found = compare(rows, right)
    assert not found["can_move"] and found["moved_kinds"] == []
    assert any("it takes 9 cases" in note for note in found["notes"])
    assert found["ci95"][0] > 0 and found["p"] < 0.05


def test_a_silent_model_does_not_keep_still() -> None:
    rows = [
        Prediction(f"c@{i}000-{i + 1}000#phase", f"c@{i}000-{i + 1}000", "c", "phase", "", "Which phase?", "", "incision")
        for i in range(6)
    ]  # fmt: skip
    assert score(rows)["probes"]["coherence"] is None
