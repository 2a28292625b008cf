"""A user's own source or kind that is wrong: one line with its file, its line and the case, exit 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from surgvqa.builders import __main__ as command

pytestmark = pytest.mark.usefixtures("nothing_stays")
SOURCE = '''"""Phases and videos of our clinic."""

import csv

from surgvqa.builders.schema import Case, Facts, Phase

FACTS = Facts("Ours", "https://example.org", "none", "ask us", "", "cholecystectomy")


def cases(root):
    rows = list(csv.DictReader((root / "phases.csv").open()))
    for row in rows:
        yield Case(row["case"], "ours", "cholecystectomy", (Phase("preparation", float(row["start"]), 30.0),), video=VIDEO)
'''
KIND = '''"""A kind."""

from pathlib import Path

from surgvqa.builders.kinds.view import Draft, Kind

TEMPLATES = Path(__file__).with_name("late.yaml")


def late(look):
    BODY


KINDS = {"late": Kind("recognition", late)}
'''
WORDS = "late:\n  questions:\n" + "".join(f"    - Phrasing {i}, is it late?\n" for i in range(6))
WORDS += '  answer: "It is {x}."\n  nothing: "It is not."\n'


def build(folder: Path, source: str, *options: str) -> int:
    (folder / "mine_own.py").write_text(source)
    (folder / "phases.csv").write_text("case,start,end\nlap01,0,30\nlap02,0,30\nlap03,x,30\n")
    return command.main(["--source", str(folder / "mine_own.py"), "--root", str(folder), "--out", str(folder / "out"), *options])  # fmt: skip


def said(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err.strip()
    assert "\n" not in text and "Traceback" not in text
    return text


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ('row["start"]', 'row["begin"]', "mine_own.py, line 13, in its first case: KeyError: 'begin'"),
        ("VIDEO", "None", "mine_own.py, line 13, in the case after lap02: ValueError: could not convert string to float: 'x'"),
        ('Phase("preparation"', 'Phase(1, 2, 3, "preparation"', "mine_own.py, line 13, in its first case: TypeError"),
    ],
)  # fmt: skip
def test_a_source_that_raises(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, wanted: str
) -> None:
    assert build(tmp_path, SOURCE.replace(old, new).replace("VIDEO", "None"), "--media", "none") == 2
    assert wanted in said(capsys)


def test_a_video_that_is_not_there_is_a_fault_of_its_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = SOURCE.replace('float(row["start"])', "0.0").replace("VIDEO", 'root / "vids" / "lap.mp4"')
    assert build(tmp_path, source, "--media", "none") == 2
    text = said(capsys)
    assert "lap01" in text and "no file vids/lap.mp4" in text


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ('yield look.clip["x"]', "late_kind.py, line 11, kind late, clip lap01@0-18000: TypeError"),
        (
            'yield Draft("maybe", (look.frames[-1],), {}, ("yes", "no"), stable=True)',
            "late_kind.py, clip lap01@0-18000: kind late answers 'maybe', none of its choices yes, no",
        ),
    ],
)
def test_a_kind_that_raises_or_answers_beside_its_choices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, wanted: str
) -> None:
    (tmp_path / "late.yaml").write_text(WORDS)
    (tmp_path / "late_kind.py").write_text(KIND.replace("BODY", body))
    source = SOURCE.replace('float(row["start"])', "0.0").replace("VIDEO", "None")
    kinds = ("--kinds-from", str(tmp_path / "late_kind.py"), "--kinds", "late", "--questions", "informative")
    assert build(tmp_path, source, "--media", "none", *kinds) == 2
    assert wanted in said(capsys)


def test_a_hint_for_kinds_that_are_only_asked_one_way_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--questions nine` would refuse a kind of one's own: it is no way out."""
    (tmp_path / "late.yaml").write_text(WORDS)
    draft = 'yield Draft("yes", (look.frames[-1],), {}, ("yes", "no"), stable=True)'
    (tmp_path / "late_kind.py").write_text(KIND.replace("BODY", draft))
    source = SOURCE.replace('float(row["start"])', "0.0").replace("VIDEO", "None").replace("30.0", "90.0")
    kinds = ("--kinds-from", str(tmp_path / "late_kind.py"), "--kinds", "late", "--questions", "informative")
    assert build(tmp_path, source, "--media", "none", *kinds) == 2
    text = said(capsys)
    assert "nothing is left to ask" in text and "nine" not in text and "--kinds" in text
