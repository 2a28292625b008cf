"""Several models and seeds on one board."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from surgvqa.eval.__main__ import main


def write(path: Path, accuracy: float, seed: int, cases: int = 12) -> Path:
    """80 questions of two kinds in two centres per three cases; which are right is drawn."""
    random = np.random.default_rng(seed)
    with path.open("w") as file:
        for i in range(40 * cases):
            truth = "left" if i % 2 else "right"
            said = truth if random.random() < accuracy else "above"
            row = {"qa_id": str(i), "case_id": f"case{i % cases}", "kind": "always" if i % 10 == 9 else f"kind{i % 3}", "question": "Which side?",
                   "short_answer": truth, "prediction": said, "centre": "home" if i % cases < 8 else "away"}  # fmt: skip
            file.write(json.dumps(row) + "\n")
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    good = [write(tmp_path / f"good-seed{seed}.jsonl", 0.85, seed) for seed in (1, 2, 3)]
    return [
        *map(str, good),
        str(write(tmp_path / "poor.jsonl", 0.6, 4)),
        f"same={write(tmp_path / 'x.jsonl', 0.6, 9)}",
    ]


def test_a_board(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "board.json"
    assert main(["board", *files, "--buckets", "centre", "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    first = found["entries"][0]
    assert (first["model"], first["seeds"], first["rank"], first["copeland"]) == ("good", 3, 1, 2.0)
    assert first["first"] > 0.95
    assert 0 < first["spread"] < 0.05
    assert sorted(found["buckets"]) == ["away", "home"]
    assert sum(found["buckets"].values()) == found["n"] == 432
    assert found["notes"] == ["left out, one answer only: always"]
    assert 0.4 < found["blind_majority"] < 0.6
    assert first["accuracy"] == pytest.approx(sum(first["buckets"].values()) / 2)  # buckets count alike
    pairs = {(one["a"], one["b"]): one for one in found["differences"]}
    assert pairs["good", "poor"]["difference"] == pytest.approx(-0.25, abs=0.08)
    assert pairs["good", "poor"]["p_holm"] < 0.05
    assert pairs["poor", "same"]["p_holm"] > 0.05
    for one in pairs.values():
        assert (one["p"] < 0.05) == (one["ci95"][0] > 0 or one["ci95"][1] < 0)
    assert 0.01 < found["visible"] < 0.2
    said = capsys.readouterr().out
    assert "a difference of" in said
    assert "points can be seen" in said
    assert said.index("good") < said.index("poor")


def test_few_cases_show_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = [
        str(write(tmp_path / f"{name}.jsonl", share, 1, cases=4)) for name, share in (("a", 0.9), ("b", 0.2))
    ]
    assert main(["board", *own, "--out", str(tmp_path / "board.json")]) == 0
    said = capsys.readouterr().out
    assert "too few to see any difference, or to rank" in said
    entries = json.loads((tmp_path / "board.json").read_text())["entries"]
    assert [one["model"] for one in entries] == ["a", "b"], "the most accurate first"
    assert {one[key] for one in entries for key in ("rank", "rank_ci95", "first")} == {None}
    assert "it takes 6 cases" in said


def test_what_is_refused(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["board", *files, "--buckets", "center"]) == 2
    assert "no row has it; did you mean centre" in capsys.readouterr().err
    assert main(["board", *files[:3]]) == 2
    assert "a board compares models, found 1" in capsys.readouterr().err


def test_board_and_compare_count_the_same_questions(tmp_path: Path) -> None:
    """A kind of a single question counts in both, a kind of one answer in none."""
    files = [write(tmp_path / f"{name}.jsonl", share, 1, cases=8) for name, share in (("a", 0.9), ("b", 0.2))]
    for file in files:
        row = {
            "qa_id": "alone",
            "case_id": "case0",
            "kind": "alone",
            "question": "Which?",
            "short_answer": "left",
            "prediction": "left",
        }
        with file.open("a") as end:
            end.write(json.dumps(row) + "\n")
    counts = {}
    for verb, key in (("board", "n"), ("compare", "n_headline")):
        assert main([verb, *map(str, files), "--out", str(tmp_path / verb)]) == 0
        counts[verb] = json.loads((tmp_path / verb).read_text())[key]
    assert counts["board"] == counts["compare"] == 289
