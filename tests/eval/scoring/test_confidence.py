"""Confidence and vocabulary: figures against scikit-learn and by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from surgvqa.cards.command import InputError
from surgvqa.eval import __main__ as command
from surgvqa.eval.data import predictions
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring import calibration
from surgvqa.eval.scoring.score import score

RANDOM = np.random.default_rng(0)
SURE = np.round(RANDOM.random(400), 2)  # with ties
RIGHT = (RANDOM.random(400) < 0.3 + 0.5 * SURE).astype(float)


def run(sure: Sequence[float | None], right: Sequence[bool]) -> list[Prediction]:
    return [
        Prediction(f"q{i}", f"c{i % 5}@0-1", f"c{i % 5}", "side", "", "Q?", "", truth, (), truth if hit else "up", None, p)
        for i, (p, hit) in enumerate(zip(sure, right, strict=True))
        for truth in [("left", "right")[i % 2]]
    ]  # fmt: skip


def test_against_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    from sklearn.calibration import calibration_curve

    figures = score(run(SURE.tolist(), RIGHT.astype(bool).tolist()))["calibration"]
    assert figures["auroc"] == pytest.approx(metrics.roc_auc_score(RIGHT, SURE))
    assert figures["brier"] == pytest.approx(metrics.brier_score_loss(RIGHT, SURE))
    odd = SURE + 0.001 * (SURE < 1)  # off the bins' edges, which the two put into different bins
    true, predicted = calibration_curve(RIGHT, odd, n_bins=10)
    mine = calibration.reliability(odd, RIGHT)
    assert [one["accuracy"] for one in mine] == pytest.approx(list(true))
    assert [one["confidence"] for one in mine] == pytest.approx(list(predicted))


def test_perfectly_calibrated_and_always_sure() -> None:
    random = np.random.default_rng(1)
    sure = random.random(20_000)
    right = (random.random(20_000) < sure).astype(float)
    assert calibration.ece(sure, right) < 0.015
    assert calibration.ece(np.ones(1000), np.repeat([1.0, 0.0], 500)) == pytest.approx(0.5)
    nearly = 0.95 + 0.05 * random.random(5000)  # one bin of equal width; the bins of equal size look into it
    hidden = (random.random(5000) < np.where(nearly > 0.975, 1.0, 0.95)).astype(float)
    assert calibration.ece(nearly, hidden) < calibration.ece(nearly, hidden, equal_size=True)


def test_selective_accuracy_takes_ties_evenly() -> None:
    """All equally sure: no order of the rows may make the first half look better."""
    even = calibration.selective(np.full(10, 0.9), np.array([1.0] * 5 + [0.0] * 5))
    assert [one["accuracy"] for one in even] == pytest.approx([0.5] * 10)


def test_errors_have_no_confidence_and_are_counted() -> None:
    rows = run([0.9] * 8, [True] * 8)
    rows[0] = replace(rows[0], error="crashed", confidence=None)
    figures = score(rows)["calibration"]
    assert (figures["n"], figures["without_confidence"]) == (7, 1)
    assert score(run([None] * 4, [True] * 4))["calibration"] is None


def test_a_confidence_that_is_none() -> None:
    with pytest.raises(InputError, match=r"-0\.3 of 'q1' is not a mean probability"):
        score(run([0.5, -0.3], [True, True]))


def test_command_with_a_procedure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        Prediction(
            "q1", "c@0-1", "c", "phase", "", "Q?", "", "capsulorhexis", (), "Capsulorhexis.", None, 0.9
        ),
        Prediction("q2", "c@1-2", "c", "phase", "", "Q?", "", "incision", (), "Capsulorrhexes", None, 0.7),
    ]
    with (tmp_path / "p.jsonl").open("w") as file:
        predictions.append(file, rows)
    arguments = ["score", str(tmp_path / "p.jsonl"), "--out", str(tmp_path / "s.json"), "--taxonomy"]
    assert command.main([*arguments, "cataract"]) == 0
    figures = json.loads((tmp_path / "s.json").read_text())
    assert figures["vocabulary"]["phase"]["outside"][0]["nearest"] == "capsulorhexis"
    assert figures["calibration"]["mean_confidence"] == pytest.approx(0.8)
    assert "phase 50.0" in capsys.readouterr().out
    assert command.main([*arguments, "catarct"]) == 2
    assert "did you mean cataract?" in capsys.readouterr().err


SPELLINGS = {
    ("phase", "phacoemulsification"): "phacoemulsification",
    ("phase", "phaco"): "phacoemulsification",
    ("phase", "capsulorhexis"): "capsulorhexis",
    ("instrument", "spatula"): "spatula",
    ("instrument", "phaco tip"): "phaco tip",
}


@pytest.mark.parametrize(
    ("kind", "said", "aligned", "nearest"),
    [
        ("phase", "The current phase is phaco.", True, None),
        ("phase", "Capsulorrhexes", False, "capsulorhexis"),
        ("phase", "suturing", False, None),
        ("phase", "idle", True, None),
        ("instruments", "spatula, phaco-tip", True, None),
        ("instruments", "spatula, phako tip", False, "spatula"),
        ("instruments", "No instruments are visible.", True, None),
        ("instruments", "phaco tips", False, "phaco tip"),
    ],
)
def test_vocabulary(kind: str, said: str, aligned: bool, nearest: str | None) -> None:
    row = Prediction(
        "q", "c@0-1", "c", kind, "", "Q?", "", "capsulorhexis" if kind == "phase" else "spatula", (), said
    )
    figures = score([row], spellings=SPELLINGS)["vocabulary"][kind]
    assert figures["share"] == float(aligned)
    assert figures["outside"] == ([] if aligned else [{"answer": said, "n": 1, "nearest": nearest}])
