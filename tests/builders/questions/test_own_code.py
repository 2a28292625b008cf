"""A user's own source or kind that is wrong: one line with its file, its line and the case, exit 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from surgvqa.builders import __main__ as command
from surgvqa.builders.annotations import own_cases
from surgvqa.builders.schema import Action, Case, Entity, Phase, Rating, Scene

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


def case(*nodes: Entity, **fields: object) -> Case:
    whole = {
        "procedure": "cholecystectomy",
        "phases": (Phase("preparation", 0.0, 30.0),),
        "scenes": (Scene(5.0, 320, 240, nodes),),
        **fields,
    }
    return Case("lap01", "ours", **whole)  # type: ignore[arg-type]


def hook(**fields: object) -> Entity:
    whole = {"id": "hook", "name": "hook", "type": "instrument", "granularity": "presence", **fields}
    return Entity(**whole)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "wanted"),
    [
        (case(hook(granularity="box", bbox=(300, 20, 100, 60))), "hook: box [300, 20, 100, 60]: expected [x1, y1, x2, y2] with x1 < x2"),
        (case(hook(granularity="box", bbox=(10, 20, 330, 60))), "in pixels of the 320 x 240 frame"),
        (case(hook(granularity="box", bbox=(10, float("nan"), 30, 60))), "box [10, nan, 30, 60]"),
        (case(hook(granularity="box", bbox=(10, 20, 30))), "scenes[0].nodes[0].bbox"),
        (case(hook(granularity="box", bbox="10 20 30 60")), "scenes[0].nodes[0].bbox: input should be a valid tuple"),
        (case(hook(granularity="box", bbox=(0.1, 0.2, 0.3, 0.4))), "it looks normalised, from 0 to 1"),
        (case(hook(granularity="box", bbox=(200, 100, 40, 50))), "it looks like x, y, width, height"),
        (case(hook(granularity="point", centroid=(0.4, 0.6))), "centroid: its point (0.4, 0.6) lies within one pixel: it looks normalised"),
        (case(hook(granularity="box")), "known by its box, and has no bbox"),
        (case(hook(granularity="point", centroid=(400.0, 3.0))), "centroid [400.0, 3.0] lies outside the 320 x 240 frame"),
        (case(hook(granularity="mask")), "known by its mask, and has no rle"),
        (case(hook(granularity="mask", rle="01")), "rle: a mask's run lengths cover"),
        (case(hook(name="hok")), "unknown instrument 'hok': did you mean hook?"),
        (case(hook(type="instrumnt")), "scenes[0].nodes[0].type: input should be 'anatomy' or 'instrument'; found 'instrumnt'"),
        (case(hook(granularity="bbox")), "scenes[0].nodes[0].granularity"),
        (case(hook(confidence=70.0)), "confidence 70.0: a share from 0 to 1"),
        (case(hook(), hook()), "2 things have the id 'hook'"),
        (case(scenes=(Scene(5.0, 320, 240), Scene(5.0, 320, 240))), "2 scenes of one moment"),
        (case(scenes=(Scene(-1.0, 320, 240),)), "a time from 0 on is due"),
        (case(scenes=(Scene(1.0, 0, 240),)), "a frame of 0 x 240 pixels"),
        (case(scenes=(Scene(1.0, 0, 0, (hook(granularity="point", centroid=(1.0, 1.0)),)),)), "a frame of 0 x 0 pixels"),
        (case(scenes=(Scene(1.0, 320, 240, actions=(Action("hok", "cut", None),)),)), "unknown instrument 'hok'"),
        (case(phases=(Phase("preparation", 30.0, 10.0),)), "from 30.0 to 10.0 s: a start from 0 on and a later end"),
        (case(phases=(Phase("preparation", 0.0, float("nan")),)), "from 0.0 to nan s"),
        (case(phases=(Phase("praparation", 0.0, 9.0),)), "unknown phase 'praparation': did you mean preparation?"),
        (case(phases=(Phase("idle", 0.0, 9.0),)), "stand in idle_s"),
        (case(phases=("preparation",)), "phases[0]: input should be"),
        (case(phases=(Phase("preparation", "0", None),)), "phases[0].end_s: input should be a valid number; found None"),
        (case(idle_s=((9.0, 3.0),)), "idle_s: (9.0, 3.0)"),
        (case(ratings=(Rating(1.0, "it is clear", 4, 3),)), "4 of 3 votes"),
        (case(procedure="gallbladder"), "unknown procedure 'gallbladder'"),
        (Case("", "ours", "cholecystectomy"), "case_id: expected a text that isn't empty"),
    ],
)  # fmt: skip
def test_what_a_case_must_not_hold(wrong: Case, wanted: str) -> None:
    faults = own_cases.faults(wrong)
    assert faults and all(one.fault for one in faults)
    assert wanted in "; ".join(f"{one.item}: {one.cause}" for one in faults)


def test_a_case_as_it_should_be_has_no_fault() -> None:
    box = hook(id="hook#2", granularity="box", bbox=(0, 0, 320, 240), confidence=1.0)
    assert own_cases.faults(case(hook(), box, idle_s=((30.0, 40.0),))) == []
    assert own_cases.faults(case(scenes=(Scene(1.0, 0, 0, (hook(),)),))) == [], (
        "who says what is in view may not know a size"
    )


def test_every_fault_of_a_source_is_told_at_once_and_nothing_is_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = SOURCE.replace('float(row["start"])', "40.0").replace("VIDEO", "None")
    assert build(tmp_path, source, "--media", "none") == 2
    text = said(capsys)
    assert "lap01, phase 'preparation' and 2 more: from 40.0 to 30.0 s" in text
    assert not (tmp_path / "out").exists()


def test_a_source_that_yields_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = SOURCE.split("def cases")[0] + 'def cases(root):\n    yield {"case": "lap01"}\n'
    assert build(tmp_path, source, "--media", "none") == 2
    assert (
        "in its first case: TypeError: cases() yields a dict; a surgvqa.builders.schema.Case is due"
        in said(capsys)
    )


WHEN = WORDS.replace("is it late?", "is it late {when}?")


@pytest.mark.parametrize(
    ("words", "body", "wanted"),
    [
        (WHEN, 'yield Draft("yes", (look.frames[-1],), {}, ("yes", "no"))', "its wording says {when}, and the draft's slots have nothing"),
        (WORDS, 'yield ("yes", (look.frames[-1],))', "it yields a tuple; a surgvqa.builders.kinds.view.Draft is due"),
        (WORDS, 'yield Draft(True, (look.frames[-1],), {})', "answer, slots and choices are texts that aren't empty; found True"),
        (WORDS, 'yield Draft("yes", ("soon",), {})', "evidence is a tuple of seconds of the case; found ('soon',)"),
        (WORDS, 'yield Draft("yes", (None,), {})', "evidence is a tuple of seconds of the case; found (None,)"),
        (WORDS, 'yield Draft("yes", (float("nan"),), {})', "evidence is a tuple of seconds of the case; found (nan,)"),
        (WORDS, 'yield Draft("yes", 1.0, {})', "evidence is a tuple of seconds of the case; found 1.0"),
        (WORDS.replace("{x}", "{answer}"), 'yield Draft("yes", (1.0,), {})', "unknown slot {answer}; known: {a} what the question is about"),
        (WORDS.replace("is it late?", "is it {x}?"), 'yield Draft("yes", (1.0,), {})', "says {x}, which is the answer"),
        (WORDS.replace("is it late?", "is it {x.y}?"), 'yield Draft("yes", (1.0,), {})', "a brace stands around the name of a slot"),
        (WORDS + WORDS.replace("late:", "lates:", 1), 'yield Draft("yes", (1.0,), {})', "wording of lates, and no such kind; did you mean late?"),
        (WORDS, 'yield Draft("yes", (look.frames[-1] + 100.0,), {}, ("yes", "no"))', "late is not asked: of its drafts"),
    ],
)  # fmt: skip
def test_drafts_and_wording_that_are_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, body: str, wanted: str
) -> None:
    (tmp_path / "late.yaml").write_text(words)
    (tmp_path / "late_kind.py").write_text(KIND.replace("BODY", body))
    source = SOURCE.replace('float(row["start"])', "0.0").replace("VIDEO", "None")
    assert (
        build(
            tmp_path,
            source,
            "--media",
            "none",
            "--kinds-from",
            str(tmp_path / "late_kind.py"),
            "--kinds",
            "late",
        )
        == 2
    )
    assert wanted in said(capsys)


def test_drafts_left_out_in_some_clips_alone_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = """answer = "no" if look.clip.start_ms == 0 else "yes"
    late_by = 0.0 if "lap01@" not in look.clip.clip_id else 100.0
    yield Draft(answer, (look.frames[-1] + late_by,), {}, ("yes", "no"), stable=True)"""
    (tmp_path / "late.yaml").write_text(WORDS)
    (tmp_path / "late_kind.py").write_text(KIND.replace("BODY", body))
    source = SOURCE.replace('float(row["start"])', "0.0").replace("VIDEO", "None")
    late = ("--kinds-from", str(tmp_path / "late_kind.py"), "--kinds", "late")
    assert build(tmp_path, source, "--media", "none", *late) == 0
    shown = capsys.readouterr().out
    assert "note: late is asked in part: of its drafts 2 are not answerable" in shown


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ('Kind("recogniton", late)', "reasoning 'recogniton': did you mean recognition?"),
        ('Kind("recognition", "late")', "drafts: a function that yields drafts is due"),
        ('Kind("recognition", late, needs="place")', "needs 'place': did you mean places?"),
    ],
)
def test_a_kind_of_no_group(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, wanted: str
) -> None:
    (tmp_path / "late.yaml").write_text(WORDS)
    (tmp_path / "late_kind.py").write_text(
        KIND.replace("BODY", "yield").replace('Kind("recognition", late)', kind)
    )
    assert build(tmp_path, SOURCE, "--kinds-from", str(tmp_path / "late_kind.py"), "--kinds", "late") == 2
    assert wanted in said(capsys)
