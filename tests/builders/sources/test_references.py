"""Questions with several right answers keep all of them: from the source over the build to an export and the measures."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from building import build
from surgvqa.builders import sources
from surgvqa.builders.peers import formats
from surgvqa.builders.peers.common import question_rest
from surgvqa.builders.schema import Case
from surgvqa.eval.__main__ import main

TREE = Path(__file__).parents[2] / "fixtures" / "surgvu"
SHIPPED = json.loads((TREE / "case801" / "case801.json").read_text())


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("references") / "set"
    build("surgvu", TREE, folder, workers=0, media="none", questions="nine")
    return folder


def rows(folder: Path) -> list[dict[str, object]]:
    return [
        row for path in sorted((folder / "qa").glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def split_of(folder: Path) -> str:
    return next((folder / "qa").glob("*.parquet")).name.split("-")[0]


def test_all_references_are_kept(ours: Path) -> None:
    assert len(SHIPPED) > 2
    assert [row["references"] for row in rows(ours)] == [SHIPPED]


def test_the_form_of_2026_is_a_folder_a_case(tmp_path: Path) -> None:
    folder = tmp_path / "set" / "job7"
    folder.mkdir(parents=True)
    (folder / "visual-context-question.json").write_text('"Is a needle in view?"')
    (folder / "endoscopic-robotic-surgery-video.json").write_text('["Yes", "A needle is.", "It is."]')
    (folder.parent / "job8").mkdir()
    (folder.parent / "job8" / "visual-context-question.json").write_text('"Example String"')
    module = sources.load("surgvu")
    case, dropped = list(module.cases(tmp_path / "set"))
    assert isinstance(case, Case) and case.case_id == "job7" and dropped.item == "job8"
    assert case.clips[0].qa[0].references == ("Yes", "A needle is.", "It is.")
    (folder.parent / "job8" / "endoscopic-robotic-surgery-video.json").write_text('["No"]')
    read = [one for one in module.cases(tmp_path / "set") if isinstance(one, Case)]
    assert module.notes(read)[0].startswith("2 questions, 1 of them 'Example String'")


def test_an_export_to_its_own_format_comes_back_with_all(ours: Path, tmp_path: Path) -> None:
    formats.export(ours, tmp_path / "out", "surgvu")
    found = list(sources.load("surgvu").cases(tmp_path / "out" / split_of(ours)))
    assert [one.clips[0].qa[0].references for one in found if isinstance(one, Case)] == [tuple(SHIPPED)]


def test_any_of_them_is_right(ours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sacrebleu")
    pytest.importorskip("rouge_score")
    (row,) = rows(ours)
    file, out = tmp_path / "p.jsonl", tmp_path / "texts.json"
    said = {name: row[name] for name in ("qa_id", "kind", "short_answer")}
    file.write_text(json.dumps({**said, "prediction": SHIPPED[-1]}))
    words = ["texts", str(file), "--data", str(ours), "--split", split_of(ours)]
    assert main([*words, "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["references"] == len(SHIPPED) and found["measures"]["exact"]["value"] == 100
    assert main(["texts", str(file), "--out", str(out)]) == 0  # the one answer alone
    assert json.loads(out.read_text())["measures"]["exact"]["value"] == 0
    assert main([*words, "--references", "short_answer"]) == 2
    assert "give one" in capsys.readouterr().err
    file.write_text(json.dumps({**said, "qa_id": "another", "prediction": "No"}))
    assert main(words) == 2
    assert "1 of its questions, another for one, are not in split" in capsys.readouterr().err


def test_a_question_of_an_older_set_has_none(ours: Path) -> None:
    (clip,) = (row for path in (ours / "clips").glob("*.parquet") for row in pq.read_table(path).to_pylist())
    (qa,) = clip["qa"]
    del qa["references"]
    assert json.loads(question_rest(clip, qa))["question"]["references"] is None
