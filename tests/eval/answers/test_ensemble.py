"""`predict --model A --model B --ensemble vote`: each one's answers are kept, and what most say is written."""

from __future__ import annotations

import dataclasses
import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from colour_clips import row, write
from pointing_rows import rows as pointing_rows
from pointing_rows import write as write_pointing
from surgvqa.eval.__main__ import main
from surgvqa.eval.answers import ensemble
from surgvqa.eval.data import predictions
from surgvqa.eval.data.predictions import Prediction
from surgvqa.train import tiny

KINDS = {"instruments": "forceps, spatula", "absolute_position": "top-left", "side": "left", "free": "x" * 9}


def said(text: str, sure: float | None = 0.5, kind: str = "side", error: str | None = None) -> Prediction:
    choices = ("left", "right", "top left") if kind == "side" else ()
    return Prediction("q", "", "c", kind, "", "Q?", "", KINDS[kind], choices, text, error, sure)


def alike(kind: str, one: str, other: str) -> bool:
    known = [said("", kind=kind)]
    known += (
        [dataclasses.replace(known[0], short_answer=f"free answer {n}") for n in range(600)]
        if kind == "free"
        else []
    )
    return ensemble.sameness_of_texts(known)(said(one, kind=kind), said(other, kind=kind))


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        ("side", "It is on the left.", "left", True),
        ("side", "top left", "left", False),  # a longer choice is another one
        ("side", "left or right", "left", False),
        ("instruments", "spatula and forceps", "forceps, spatula", True),
        ("instruments", "spatula", "forceps, spatula", False),
        ("free", "The lens is being implanted", "the lens is being implanted.", True),
        ("free", "The lens is out", "The lens is in", False),
    ],
)
def test_what_is_the_same_answer(kind: str, one: str, other: str, same: bool) -> None:
    assert alike(kind, one, other) is same and alike(kind, other, one) is same


def test_the_majority_wins_whatever_the_order_and_ties_go_to_the_surer() -> None:
    same = ensemble.sameness_of_texts([said("")])
    most = [said("left", 0.2), said("It is left.", 0.3), said("right", 0.9)]
    for order in permutations(most):
        won = ensemble.vote(order, same)
        assert won.votes == 2 and "left" in won.answer.prediction
        assert won.answer.confidence == pytest.approx(0.5 / 3, abs=1e-6)
    for order in permutations([said("left", 0.2), said("right", 0.9)]):
        assert ensemble.vote(order, same).answer.prediction == "right"
    for order in permutations([said("left"), said("right")]):
        assert ensemble.vote(order, same).answer == dataclasses.replace(order[0], confidence=0.25)


def test_a_failed_answer_counts_for_nobody() -> None:
    same = ensemble.sameness_of_texts([said("")])
    broken = said("", None, error="OSError: no such file")
    won = ensemble.vote([broken, said("  "), said("right", 0.1)], same)
    assert (won.answer.prediction, won.votes) == ("right", 1)
    assert ensemble.vote([broken, said("", None)], same).answer == broken  # its cause is kept


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('<point x="20" y="20">hook</point>', '<point x="22" y="21">hook</point>', True),
        ('<point x="20" y="20">hook</point>', '<point x="60" y="21">hook</point>', False),
        ('<point x="20" y="20">hook</point>', '<point x="20" y="20">suction</point>', False),
        ('<point x="20" y="20">hook</point>', "not visible", False),
        ("not visible", "Not visible.", True),
        ('<point x="20" y="20">hook</point>', '<point x="20" y="20">hook</point><point x="9" y="9">hook</point>', False),
        ("no idea", "who knows", False),
    ],
)  # fmt: skip
def test_what_is_the_same_place(one: str, other: str, same: bool) -> None:
    asked = {**pointing_rows(0)[0], "kind": "locate", "granularity": "point"}
    assert ensemble.same_places(asked, said(one), said(other)) is same
    assert ensemble.same_places(asked, said(other), said(one)) is same


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    for seed in range(2):
        tiny.make("qwen3_vl", folder / f"model{seed}", seed=seed)
    return [folder / f"model{seed}" for seed in range(2)]


def ask(data: Path, out: Path, models: list[Path], *more: str) -> int:
    asked = [part for model in models for part in ("--model", str(model))]
    return main(["predict", str(data), "--out", str(out), *asked, "--max-new-tokens", "3", *more])


def test_each_models_answers_are_kept(models: list[Path], tmp_path: Path, capsys: Any) -> None:
    data, out = write(tmp_path / "data", test=[row(n) for n in range(4)]), tmp_path / "vote.jsonl"
    vote = ("--ensemble", "vote", "--frames", "4")
    assert ask(data, out, models, *vote) == 0
    table = capsys.readouterr().out
    alone = tmp_path / "alone.jsonl"
    assert ask(data, alone, models[1:], "--frames", "4") == 0
    assert (tmp_path / "vote.2.jsonl").read_bytes() == alone.read_bytes()
    first, second = (predictions.read(tmp_path / f"vote.{number}.jsonl") for number in (1, 2))
    won = predictions.read(out)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    for a, b, c, line in zip(first, second, won, lines, strict=True):
        assert a.qa_id == b.qa_id == c.qa_id and line["models"] == 2
        surer = max((a, b), key=lambda one: one.confidence)
        assert line["votes"] == 2 or c.prediction == surer.prediction
    facts = json.loads((tmp_path / "vote.run.json").read_text())
    assert facts["models"] == [str(model) for model in models] and facts["n"] == 12
    assert facts["agreement"] == sum(line["votes"] == 2 for line in lines) / 12 < 1
    assert len(facts["accuracy"]) == 3 and "all agree  model 1  model 2  vote" in table
    before = out.read_bytes()
    assert ask(data, out, models, *vote) == 0 and out.read_bytes() == before  # nothing is asked again
    assert ask(data, alone, models, *vote) == 2
    assert "holds one model's answers" in capsys.readouterr().err


def test_it_points_too(models: list[Path], tmp_path: Path) -> None:
    data, out = write_pointing(tmp_path / "data", test=range(1)), tmp_path / "vote.jsonl"
    assert ask(data, out, models, "--ensemble", "vote", "--frames", "1", "--config", "pointing") == 0
    facts = json.loads((tmp_path / "vote.run.json").read_text())
    assert set(facts["by_kind"]) and "accuracy" not in facts  # places have their own measures
    assert main(["pointing", str(out), "--data", str(data)]) == 0


MISTAKES = {
    "one model": ([0], ("--ensemble", "vote"), "needs two models or more"),
    "no ensemble": ([0, 1], (), "2 models are given: add --ensemble vote"),
    "twice": ([0, 1, 0], ("--ensemble", "vote"), "is given twice"),
    "unknown": ([0, 1], ("--ensemble", "votes"), "no ensemble 'votes'; did you mean vote?"),
    "stream": ([0, 1], ("--ensemble", "vote", "--stream"), "--stream asks one model"),
    "server": ([0, 1], ("--ensemble", "vote", "--engine", "openai"), "what one server serves"),
    "no model": ([0, 9], ("--ensemble", "vote", "--frames", "4"), "no model"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_misuse_is_one_line(
    mistake: str, models: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, more, hint = MISTAKES[mistake]
    data = write(tmp_path / "data", test=[row(0)])
    folders = [models[number] if number < 2 else tmp_path / "nowhere" for number in given]
    assert ask(data, tmp_path / "p.jsonl", folders, *more) == 2
    assert hint in capsys.readouterr().err.strip().splitlines()[-1]
    assert not list(tmp_path.glob("p*"))  # nothing was begun
