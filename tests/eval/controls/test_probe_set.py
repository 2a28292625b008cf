"""The sanity suite's questions: every truth is annotated, half of the things asked about are absent."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from surgvqa.builders.questions import wording
from surgvqa.builders.schema import FEATURES
from surgvqa.eval import __main__ as command
from surgvqa.eval.controls.probe_set import others
from surgvqa.eval.data import predictions, reference
from surgvqa.eval.data.predictions import Prediction


def clip(i: int, tools: list[str], phase: str, events: list[str]) -> dict[str, Any]:
    """A clip of five seconds of case 1 with two of its own questions."""
    name = f"1@{5000 * i}-{5000 * i + 5000}"
    nodes = [{"id": tool, "name": tool, "type": "instrument", "granularity": "presence"} for tool in tools]
    listed = ", ".join(tools) or "none"
    asked = {"phase": (wording.QUESTIONS["phase"][0], phase), "instruments": ("Tell me the tools", listed)}
    qa = [
        {"qa_id": f"{name}#{kind}", "kind": kind, "reasoning": "recognition", "question": question,
         "answer": short, "short_answer": short, "choices": [], "evidence_s": []}
        for kind, (question, short) in asked.items()
    ]  # fmt: skip
    scene = {"time_s": 5.0 * i + 2, "width": 64, "height": 48, "nodes": nodes, "events": events}
    return {
        "clip_id": name, "case_id": "1", "source": "s", "procedure": "cataract", "phase": phase,
        "start_s": 5.0 * i, "end_s": 5.0 * i + 5, "frame_times_s": [], "images": [{"bytes": b"\xff\xd8", "path": None}],
        "video": None, "scene": json.dumps(scene), "qa": qa,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}],
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight clips; the capsulorhexis is complete from the fourth on, the iris prolapses in the sixth."""
    rows = [
        clip(
            i,
            [["spatula"], ["forceps"], ["spatula", "forceps"]][i % 3],
            "incision" if i < 4 else "phacoemulsification",
            {3: ["Capsulorhexis_Complete"], 5: ["iris prolapse", "entered: spatula"]}.get(i, []),
        )
        for i in range(8)
    ]
    (tmp_path / "set" / "clips").mkdir(parents=True)
    table = pa.Table.from_pylist(rows, schema=FEATURES.arrow_schema)
    parquet.write_table(table, tmp_path / "set" / "clips" / "test-00000.parquet")
    return tmp_path / "set"


def probes(folder: Path, *more: str) -> list[dict[str, Any]]:
    out = folder.parent / "probes"
    assert command.main(["probes", str(folder), "--out", str(out), *more]) == 0
    return parquet.read_table(out / "clips" / "test-00000.parquet").to_pylist()


def test_half_of_the_things_asked_about_are_absent(folder: Path) -> None:
    truth = Counter()
    for row in probes(folder):
        there = {node["name"] for node in json.loads(row["scene"])["nodes"]}
        for qa in row["qa"]:
            if qa["kind"] == "presence" and "~" not in qa["qa_id"]:
                thing = next(tool for tool in ("spatula", "forceps") if tool in qa["question"])
                assert (thing in there) is (qa["short_answer"] == "yes")
                assert qa["choices"] == ["yes", "no"]
                truth[qa["short_answer"]] += 1
    assert truth == {"yes": 6, "no": 6}  # two clips show everything there is: nothing is absent in them


def test_gates_are_met_from_their_event_on(folder: Path) -> None:
    gates = [
        (row["start_s"], qa["short_answer"])
        for row in probes(folder)
        for qa in row["qa"]
        if qa["kind"] == "gate" and "~" not in qa["qa_id"]
    ]
    assert gates == [(5.0 * i, "yes" if i >= 3 else "no") for i in range(8)]


def test_red_flags(folder: Path) -> None:
    flags = [
        (row["start_s"], qa["short_answer"])
        for row in probes(folder)
        for qa in row["qa"]
        if qa["kind"] == "red_flag" and "~" not in qa["qa_id"]
    ]
    assert (25.0, "yes") in flags and Counter(short for _, short in flags)["yes"] == 1
    assert {short for _, short in flags} == {"yes", "no"}


def test_other_words_keep_question_and_answer(folder: Path) -> None:
    for row in probes(folder, "--phrasings", "2"):
        plain = {qa["qa_id"]: qa for qa in row["qa"] if "~" not in qa["qa_id"]}
        again = [qa for qa in row["qa"] if "~" in qa["qa_id"]]
        for qa in again:
            original = plain[qa["qa_id"].partition("~")[0]]
            assert qa["question"] != original["question"]
            assert (qa["kind"], qa["short_answer"]) == (original["kind"], original["short_answer"])
        assert Counter(qa["kind"] for qa in again)["phase"] == 2
        assert not any(qa["kind"] == "instruments" for qa in again)  # not one of our wordings: left alone


def test_slots_are_kept_in_other_words() -> None:
    question = wording.QUESTIONS["relative_position"][0].format(a="phaco tip", b="leftmost forceps")
    again = others("relative_position", question)
    assert len(again) == len(wording.QUESTIONS["relative_position"]) - 1
    assert all("phaco tip" in other and "leftmost forceps" in other and "{" not in other for other in again)
    assert others("phase", "What's up?") == []


def test_the_rows_go_on_to_predict_and_score(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = probes(folder)
    assert "rephrased" in capsys.readouterr().out
    for row in rows:
        assert row["images"] == [{"bytes": b"\xff\xd8", "path": None}]
        assert [turn["role"] for turn in row["messages"]] == [
            "system",
            *["user", "assistant"] * len(row["qa"]),
        ]
    asked = reference.questions(tmp_path / "probes")
    assert [row.qa_id for row in asked] == [qa["qa_id"] for row in rows for qa in row["qa"]]
    with (tmp_path / "p.jsonl").open("w") as file:
        said = [Prediction(**{name: getattr(row, name) for name in ("qa_id", "clip_id", "case_id", "kind", "reasoning", "question", "answer", "short_answer", "choices")}, prediction=row.short_answer) for row in asked]  # fmt: skip
        predictions.append(file, said)
    out = tmp_path / "s.json"
    assert command.main(["score", str(tmp_path / "p.jsonl"), "--data", str(tmp_path / "probes"), "--train", str(tmp_path / "p.jsonl"), "--out", str(out)]) == 0  # fmt: skip
    found = json.loads(out.read_text())["probes"]
    assert found["stability"]["one_answer"] == found["groups"]["safety"]["accuracy"] == 1.0
    assert found["asked_absent"]["yes_if_absent"] == 0.0
    assert (
        found["coherence"]["phase"]["flips_per_minute"]
        == found["coherence"]["phase"]["true_flips_per_minute"]
    )


def test_same_bytes_twice_and_nothing_left(folder: Path) -> None:
    probes(folder)
    out = folder.parent / "probes"
    before = {path.name: path.read_bytes() for path in out.rglob("*.parquet")}
    probes(folder)
    assert before == {path.name: path.read_bytes() for path in out.rglob("*.parquet")}
    assert not [path for path in out.rglob(".*") if path.is_file()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "dev"], "has no split 'dev'; it has"),
        (["--out", "{folder}"], "is the data set itself"),
        (["--taxonomy", "cateract"], "did you mean cataract?"),
    ],
)
def test_mistakes(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    arguments = [argument.format(folder=folder) for argument in arguments]
    out = [] if "--out" in arguments else ["--out", str(folder.parent / "p")]
    assert command.main(["probes", str(folder), *out, *arguments]) == 2
    assert message in capsys.readouterr().err
