"""What the verbs of eval write with ``--out`` has the type that the documentation shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from surgvqa.builders.__main__ import main as build
from surgvqa.cards.files.json_schema import faults
from surgvqa.eval.__main__ import main
from surgvqa.eval.controls.baselines import answer_all
from surgvqa.eval.data import predictions
from surgvqa.eval.data.streams import questions
from surgvqa.eval.documents.comparison import ComparisonFile
from surgvqa.eval.documents.controls import BaselinesFile, LeaksFile, NecessityFile
from surgvqa.eval.documents.pages import DatasetPageFile, PredictionsPageFile
from surgvqa.eval.documents.scores import ScoreFile


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set without pictures, and two files of answers: one right, one that always says the same."""
    folder = tmp_path_factory.mktemp("documents")
    words = ["synthetic", "--root", str(folder / "cases"), "--render-cases", "8", "--max-side", "32"]
    assert (
        build([*words, "--frames", "1", "--media", "none", "--test", "0.5", "--out", str(folder / "set")])
        == 0
    )
    test = questions(str(folder / "set"))["test"]
    for name, answer in (("right", lambda row: row["short_answer"]), ("same", lambda row: "left")):
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            predictions.append(file, answer_all(test, answer))
    return folder


@pytest.mark.parametrize(
    ("document", "words", "code"),
    [
        (ScoreFile, "score same.jsonl --data set", 0),
        (ComparisonFile, "compare same.jsonl right.jsonl --data set", 0),
        (BaselinesFile, "baselines set same.jsonl", 0),
        (NecessityFile, "necessity right.jsonl --control silence=same.jsonl --data set", 0),
        (LeaksFile, "leaks set --config qa", 0),
    ],
)
def test_what_a_verb_writes_fits_its_type(
    built: Path, monkeypatch: pytest.MonkeyPatch, document: type, words: str, code: int
) -> None:
    monkeypatch.chdir(built)
    out = built / f"{document.__name__}.json"
    assert main([*words.split(), "--out", str(out)]) == code
    value = json.loads(out.read_text("utf-8"))
    assert faults(document, value) == []
    assert value["schema_version"] == 1
    key = sorted(value)[0]
    assert faults(document, {name: one for name, one in value.items() if name != key}) == [
        f"{key}: Field required"
    ]


@pytest.mark.parametrize(
    ("document", "words"),
    [(PredictionsPageFile, "report same.jsonl --data set"), (DatasetPageFile, "report set")],
)
def test_the_numbers_of_a_page_have_the_keys_of_their_type(
    built: Path, monkeypatch: pytest.MonkeyPatch, document: type, words: str
) -> None:
    monkeypatch.chdir(built)
    out = built / f"{document.__name__}.html"
    assert main([*words.split(), "--out", str(out)]) == 0
    value = json.loads(out.with_suffix(".json").read_text("utf-8"))
    wrong = faults(document, value)
    assert [line for line in wrong if not line.endswith("Input should be a valid tuple")] == []
