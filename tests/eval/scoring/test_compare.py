"""Two runs on the same questions: the difference, its interval, its p, and what is refused."""

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
from surgvqa.eval.scoring.compare import compare

SIDES = ("left", "right")


def run(right: Sequence[Sequence[bool]], kind: str = "side") -> list[Prediction]:
    """One answer per question; ``right[case][i]`` says whether it is right."""
    rows = []
    for case, own in enumerate(right):
        for i, hit in enumerate(own):
            truth = SIDES[i % 2]
            said = truth if hit else SIDES[1 - i % 2]
            clip = f"c{case}@{i}-{i + 1}"
            rows.append(
                Prediction(f"{clip}#{kind}", clip, f"c{case}", kind, "", "Q?", "", truth, SIDES, said)
            )
    return rows


def test_by_hand() -> None:
    a = run([[True, False, False, False]] * 6)
    b = run([[True, True, True, False]] * 6)
    figures = compare(a, b)
    assert (figures["a"], figures["b"], figures["difference"]) == (0.25, 0.75, 0.5)
    assert (figures["only_a"], figures["only_b"]) == (0, 12)
    assert figures["p"] == 2 / 2**6  # only the two flips of all signs are as extreme
    assert figures["by_kind"]["side"]["p_holm"] == figures["p"]
    assert figures["moved_kinds"] == ["side"]
    assert compare(b, a)["difference"] == -0.5


def test_the_same_run_does_not_differ() -> None:
    a = run([[True, False, True]] * 5)
    figures = compare(a, list(reversed(a)))  # the order of the rows does not matter
    assert (figures["difference"], figures["p"], figures["moved_kinds"]) == (0.0, 1.0, [])
    assert figures["ci95"] is None  # nothing differs, so nothing says how much could
    assert any("right on the very same questions" in note for note in figures["notes"])


@pytest.mark.parametrize("b", [[[True, False], [False, True]], [[True, True], [True, True]]])
def test_two_cases_are_too_few_to_tell(b: list[list[bool]], capsys: pytest.CaptureFixture[str]) -> None:
    """No interval of ±81 points around a difference of nothing, and no p that could not be small."""
    figures = compare(run([[False, True], [True, False]]), run(b))
    assert figures["ci95"] is None and figures["by_kind"]["side"]["ci95"] is None
    notes = " ".join(figures["notes"])
    assert "2 cases: too few for an interval" in notes
    assert "2 cases: p cannot be below 0.5, so no difference can be told from chance; it takes six" in notes


@pytest.mark.parametrize(("cases", "told"), [(5, False), (6, True)])
def test_six_cases_are_the_fewest_that_can_tell(cases: int, told: bool) -> None:
    figures = compare(run([[False] * 9] * cases), run([[True] * 9] * cases))
    assert (figures["p"] < 0.05) is told
    assert any("so no difference can be told" in note for note in figures["notes"]) is not told


def test_cases_are_the_unit() -> None:
    """Three cases, a thousand questions each, all won by B: still only three observations."""
    figures = compare(run([[False] * 1000] * 3), run([[True] * 1000] * 3))
    assert figures["p"] == 0.25


def test_no_difference_is_found_in_noise() -> None:
    random = np.random.default_rng(0)
    found = 0
    for seed in range(40):
        hard = random.beta(2, 2, size=(20, 1))  # what is hard for A is hard for B
        a, b = (run(random.random((20, 15)) < hard) for _ in range(2))
        figures = compare(a, b, seed=seed)
        low, high = figures["ci95"]
        found += not low <= 0 <= high
    assert found <= 5


def test_as_the_paired_regression_of_statsmodels() -> None:
    api = pytest.importorskip("statsmodels.api")
    random = np.random.default_rng(3)
    right = [random.random((30, 25)) < share for share in (0.55, 0.65)]
    figures = compare(run(right[0]), run(right[1]))
    difference = (right[1].astype(float) - right[0]).ravel()
    fit = api.OLS(difference, np.ones(750)).fit(
        cov_type="cluster", cov_kwds={"groups": np.repeat(range(30), 25)}
    )
    assert figures["difference"] == pytest.approx(fit.params[0])
    assert figures["ci95"] == pytest.approx(fit.conf_int()[0], abs=0.012)
    assert figures["p"] == pytest.approx(fit.pvalues[0], abs=0.02)


def test_kinds_that_moved_are_corrected_for_their_number() -> None:
    a, b = [], []
    random = np.random.default_rng(5)
    for kind in range(20):  # twenty kinds without a difference, one with
        a += run(random.random((20, 10)) < 0.5, f"kind{kind:02}")
        b += run(random.random((20, 10)) < 0.5, f"kind{kind:02}")
    a += run([[False] * 8 + [True] * 2] * 20, "better")
    b += run([[True] * 8 + [False] * 2] * 20, "better")
    assert compare(a, b)["moved_kinds"] == ["better"]


def test_one_case() -> None:
    figures = compare(run([[True, False] * 5]), run([[True, True] * 5]))
    assert figures["ci95"] is None and figures["p"] is None
    assert any("one case" in note for note in figures["notes"])


def test_other_questions_are_refused() -> None:
    a = run([[True] * 4] * 4)
    with pytest.raises(InputError, match="1 only in A, 0 only in B, 15 in both"):
        compare(a, a[1:])
    with pytest.raises(InputError, match="disagree on the right answer of 1"):
        compare(a, [replace(a[0], short_answer="right"), *a[1:]])
    with pytest.raises(InputError, match="no question ids"):
        compare(*([replace(row, qa_id="", clip_id="", case_id="") for row in a] for _ in range(2)))


def test_what_one_lacks_counts_as_wrong_with_the_data_set() -> None:
    a = run([[True] * 4] * 4)
    asked = [replace(row, prediction="") for row in a]
    figures = compare(a, a[4:], data=asked)
    assert (figures["difference"], figures["missing"]) == (-0.25, {"a": 0, "b": 4})


def test_answers_in_other_words_are_counted_however_right() -> None:
    a = run([[True, True, False]] * 6)
    b = [replace(row) for row in a]
    b[0] = replace(b[0], prediction=f" {b[0].prediction}\n")  # the same words
    b[1] = replace(b[1], prediction=f"It is {b[1].short_answer}.")  # others, as right
    b[5] = replace(b[5], prediction="neither")  # others, as wrong
    b[7] = replace(b[7], prediction="", error="OSError: gone")
    found = compare(a, b, rule="word")["answers"]
    assert found == {"n": 18, "differ": 3, "verdict_differs": 1, "by_kind": {"side": 3}}
    assert compare(a, a)["answers"]["differ"] == 0


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, right in {"a": [[True, False]] * 6, "b": [[True, True]] * 6}.items():
        with (tmp_path / f"{name}.jsonl").open("w") as file:
            predictions.append(file, run(right))
    files = [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]
    assert command.main(["compare", *files, "--out", str(tmp_path / "c.json")]) == 0
    assert json.loads((tmp_path / "c.json").read_text())["difference"] == 0.5
    assert "+50.0" in capsys.readouterr().out
    facts = {"engine": "vllm", "split": "test", "config": "clips", "control": "none", "model": "/home/me"}
    (tmp_path / "b.run.json").write_text(json.dumps(facts))
    assert command.main(["compare", *files, "--out", str(tmp_path / "c.json")]) == 0
    written = json.loads((tmp_path / "c.json").read_text())
    assert written["runs"] == {"a": {}, "b": {key: facts[key] for key in facts if key != "model"}}
    assert "answers in other words: 6 of 12, 6 of them right in one run only" in capsys.readouterr().out
    (tmp_path / "b.jsonl").write_text((tmp_path / "b.jsonl").read_text().split("\n")[0] + "\n")
    assert command.main(["compare", *files]) == 2
    assert "not on the same questions" in capsys.readouterr().err
