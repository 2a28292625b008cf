"""Measures of free answers, against the libraries' own figures and by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from surgvqa.eval.__main__ import main
from surgvqa.eval.measures.boxes import Box, average_precision
from surgvqa.eval.measures.phases import edit_score, segmental_f1
from surgvqa.eval.measures.texts import measure

ROWS = [
    ("Yes", ["Yes", "Yes, a needle driver is used."], "Yes, a needle driver is used."),
    ("No", ["No", "No forceps are used."], "No forceps are used"),
    ("suturing", ["suturing", "The surgeon is suturing."], "the surgeon dissects"),
    ("No", ["No", "No scissors."], "No"),
]


def test_sacrebleus_own_example() -> None:
    """The example of sacrebleu's README: BLEU 48.53 with two references."""
    pytest.importorskip("sacrebleu")
    pytest.importorskip("rouge_score")
    said = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
    right = [
        ["The dog bit the man.", "The dog had bit the man."],
        ["It was not unexpected.", "No one was surprised."],
        ["The man bit him first.", "The man had bitten the dog."],
    ]
    found = measure(said, right, ["a", "a", "a"])
    assert round(found["bleu"].value, 2) == 48.53
    assert found["exact"].value == pytest.approx(100 / 3)


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sacrebleu")
    pytest.importorskip("rouge_score")
    file = tmp_path / "free.jsonl"
    file.write_text(
        "\n".join(
            json.dumps({"qa_id": str(i), "references": own, "prediction": said})
            for i, (_, own, said) in enumerate(ROWS)
        )
    )
    out = tmp_path / "texts.json"
    assert main(["texts", str(file), "--references", "references", "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert (found["n"], found["references"]) == (4, 2)
    assert found["measures"]["exact"]["value"] == 75
    assert found["measures"]["exact"]["floor"] == 50  # "No" to everything
    assert found["measures"]["token_f1"]["value"] > found["measures"]["token_f1"]["floor"]
    assert "floor" in capsys.readouterr().out
    assert main(["texts", str(file), "--references", "reference"]) == 2
    assert "no row has it; did you mean references" in capsys.readouterr().err


def test_a_reply_that_never_looks_is_not_above_its_floor() -> None:
    pytest.importorskip("sacrebleu")
    pytest.importorskip("rouge_score")
    right = [own for _, own, _ in ROWS]
    found = measure(["No"] * 4, right, ["k"] * 4)
    assert all(one.value <= one.floor + 1e-9 for one in found.values())


def test_a_missing_extra_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    file = tmp_path / "free.jsonl"
    file.write_text(json.dumps({"qa_id": "1", "answer": "no", "prediction": "no"}))
    assert main(["texts", str(file)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].endswith("this needs sacrebleu, which isn't installed: pip install 'surgvqa[text]'")


def test_phases() -> None:
    true = "aaaabbbbcccc"
    assert segmental_f1(true, true, 0.5) == edit_score(true, true) == 1
    assert segmental_f1("aaaabbabcccc", true, 0.5) == pytest.approx(
        2 * 3 / (5 + 3)
    )  # a flicker: two stretches too many
    assert edit_score("aaaabbabcccc", true) == pytest.approx(1 - 2 / 5)


def test_boxes() -> None:
    true = [
        Box(picture="a", label="hook", corners=(0, 0, 10, 10)),
        Box(picture="b", label="hook", corners=(0, 0, 10, 10)),
    ]
    near = Box(
        picture="a", label="hook", corners=(0, 0, 10, 6), score=0.9
    )  # overlap 0.6: three of ten thresholds
    found = average_precision([near], true)
    assert found.ap50 == pytest.approx(0.505, abs=0.01)
    assert found.ap == pytest.approx(0.3 * 0.505, abs=0.01)
