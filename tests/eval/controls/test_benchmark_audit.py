"""An audit of question files finds what gives the answers away, and what is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from surgvqa.eval.__main__ import main
from surgvqa.eval.controls.benchmark_audit import audit


def question(number: int, **other: Any) -> dict[str, Any]:
    return {
        "qa_id": f"q{number}",
        "clip_id": f"case{number % 10}@{1000 * number}-{1000 * number + 500}",
        "case_id": f"case{number % 10}",
        "kind": "phase",
        "question": "Which phase is this?",
        "answer": "",
        "short_answer": ("incision", "rhexis", "suture", "irrigation")[number * 7 % 13 % 4],
        "choices": [],
    } | other


def save(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_kinds_that_give_their_answers_away_are_named(tmp_path: Path) -> None:
    choices = ["a", "a longer one", "b", "c"]
    rows = [
        *(question(n) for n in range(200)),
        *(question(n + 200, kind="one", short_answer="yes") for n in range(50)),
        *(question(n + 300, kind="text", question=f"Is {n % 2}?", short_answer=["no", "yes"][n % 2]) for n in range(60)),
        *(question(n + 400, kind="long", choices=choices[n % 4 :] + choices[: n % 4], short_answer="a longer one") for n in range(40)),
    ]  # fmt: skip
    (file,) = audit([save(tmp_path / "q.jsonl", rows)]).files
    kinds = {kind.kind: kind for kind in file.kinds}
    assert kinds["one"].single_class and kinds["one"].given_away
    assert kinds["text"].given_away and kinds["text"].guessers["text"] == 1.0
    assert kinds["text"].guessers["majority"] == 0.5
    assert kinds["long"].guessers["choice habits"] == 1.0, "the longest choice is always right"
    assert not kinds["phase"].given_away, kinds["phase"]
    assert file.faults == {} and file.learn_on == "other cases"


def test_evidence_outside_the_clip_is_counted(tmp_path: Path) -> None:
    rows = [
        question(1, evidence_s=[1.0, 1.5]),
        question(2, evidence_s=[2.0, 9.0]),
        question(3, evidence_s="[2.5]"),
        question(4, clip_id="x", start_s=10, end_s=12, evidence_s=[12.04]),
        question(5, evidence_s=[]),
    ]
    (file,) = audit([save(tmp_path / "q.jsonl", rows)]).files
    assert file.faults == {"evidence lies outside the clip": 2}
    assert file.examples["evidence lies outside the clip"] == ["q2", "q3"]
    assert not [what for what in file.not_checked if what.startswith("evidence")]
    (file,) = audit([save(tmp_path / "plain.jsonl", [question(1)])]).files
    assert [what for what in file.not_checked if what.startswith("evidence")]


def test_broken_questions_are_counted(tmp_path: Path) -> None:
    rows = [
        *(question(n) for n in range(20)),
        question(30, question=" "),
        question(31, choices=["x", "y"], short_answer="z"),
        question(32, choices=["x", "X"], short_answer="x"),
        question(33, clip_id="case3@1-2"),
        question(34, clip_id="case3@1-2", case_id="case3", short_answer="another"),
    ]
    (file,) = audit([save(tmp_path / "q.jsonl", rows)]).files
    assert file.faults == {
        "a choice stands twice": 1,
        "answer is not among the choices": 1,
        "asked twice, answered differently": 1,
        "empty question": 1,
    }


def test_what_files_share_is_counted(tmp_path: Path) -> None:
    one = save(tmp_path / "train.jsonl", [question(n, clip_id="a@0-1000", case_id="a") for n in range(8)])
    two = save(tmp_path / "test.jsonl", [question(n, clip_id="a@500-1500", case_id="a") for n in range(8)])
    (pair,) = audit([one, two]).shared
    assert (pair["cases"], pair["clips"], pair["overlapping_windows"]) == (1, 0, 1)


def test_the_command_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = save(tmp_path / "q.jsonl", [question(n) for n in range(60)])
    assert main(["audit-benchmark", str(file), "--out", str(tmp_path / "page.html")]) == 0
    assert "q.jsonl: 60 questions, 10 cases" in capsys.readouterr().out
    assert "Audit of q.jsonl" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "page.json").read_text(encoding="utf-8"))["files"][0]["n"] == 60
    assert main(["audit-benchmark", str(file), "--out", str(tmp_path / "page.txt")]) == 2


def test_real_single_answer_kinds_are_found(realdata: Path) -> None:
    (file,) = audit([realdata / "surgvivqa" / "data" / "test_multivideo.jsonl"]).files
    assert sum(kind.single_class for kind in file.kinds) >= 5


def test_conversations_and_lines_are_read(tmp_path: Path) -> None:
    talk = {
        "image": "a.jpg",
        "conversations": [{"from": "human", "value": "<image>\nTool?"}, {"from": "gpt", "value": "hook"}],
    }
    (tmp_path / "talks.json").write_text(json.dumps([talk, talk]), encoding="utf-8")
    (tmp_path / "lines.txt").write_text("Phase?|incision\nStep?|cut|deep\n", encoding="utf-8")
    talks, lines = audit([tmp_path / "talks.json", tmp_path / "lines.txt"]).files
    assert talks.n == 2 and talks.faults == {"asked twice of a clip, answered alike": 1}
    assert lines.n == 2
    (tmp_path / "bad.txt").write_text("no bar\n", encoding="utf-8")
    assert main(["audit-benchmark", str(tmp_path / "bad.txt")]) == 2
