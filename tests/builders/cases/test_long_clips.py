"""Clips of labels that may be seconds off, and parts of the frame, held against raw rows by a reader of its own."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from surgvqa.builders import sources
from surgvqa.builders.asking.pool import certified_questions
from surgvqa.builders.cases import moments
from surgvqa.builders.cases.scene import link
from surgvqa.builders.cases.transitions import transitions
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.schema import QA, Case, Clip, Phase, Scene

COLUMNS = ("Grasper", "Bipolar", "Hook", "Scissors", "Clipper", "Irrigator", "SpecimenBag")
NAMES = ("grasper", "bipolar", "hook", "scissors", "clipper", "irrigator", "specimen bag")
ERROR_S = 15  # of Cholec80's rows
SECONDS = 1500
Asked = list[tuple[str, Clip, QA]]


def asked(source: str, root: Path) -> Asked:
    cases = [link(one) for one in sources.load(source).cases(root) if isinstance(one, Case)]
    known = transitions(cases)
    return [
        (case.case_id, clip, qa)
        for case in cases
        for clip in moments.windows(case, 5.0, 8).clips
        for qa in certified_questions(clip, case, load(case.procedure), known)
    ]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Asked, dict[str, list[set[str]]]]:
    """What is asked of three made-up operations with a label a second, and what each second of them shows."""
    root, truth = tmp_path_factory.mktemp("c80"), {}
    for number in (1, 2, 3):
        draw = random.Random(number)
        shown: set[str] = {"grasper"}
        truth[f"video{number:02}"] = seconds = []
        for _ in range(SECONDS):
            if draw.random() < 0.02:
                shown = shown ^ {draw.choice(NAMES)}
            seconds.append(set(shown))
        lines = [
            f"{25 * at},{','.join(str(int(n in seen)) for n in NAMES)}" for at, seen in enumerate(seconds)
        ]
        head = f"Frame,{','.join(COLUMNS)}"
        (root / f"video{number:02}-tool.txt").write_text("\n".join([head, *lines]) + "\n")
        phases = [f"{25 * at},{1 + 2 * (at >= SECONDS // 2)}" for at in range(SECONDS)]
        (root / f"video{number:02}-phase.txt").write_text("\n".join(["Frame,Phase", *phases]) + "\n")
    return asked("cholec80", root), truth


def right(seen: set[str], first: set[str], last: set[str], qa: QA) -> bool:
    """Whether a raw row bears an answer; ``first`` and ``last`` are those of the clip's ends."""
    named = {name for name in NAMES if re.search(rf"\bthe {name}\b", qa.question)}

    def listed(names: set[str]) -> str:
        return ", ".join(name for name in NAMES if name in names) or "none"

    match qa.kind:
        case "instruments":
            return {*qa.short_answer.split(", ")} == {*listed(seen).split(", ")}
        case "classes":
            return qa.short_answer == str(len(seen))
        case "presence":
            return qa.short_answer == ("yes" if named <= seen else "no")
        case "option":
            return {*qa.choices} & seen == {qa.short_answer}
        case "missing":
            return {*qa.choices} - seen == {qa.short_answer}
        case "entered" | "exited":
            names = last - first if qa.kind == "entered" else first - last
            return {*qa.short_answer.split(", ")} == {*listed(names).split(", ")}
        case "seen_when":
            (name,) = named
            ends = {(1, 0): "only at the start", (0, 1): "only at the end", (1, 1): "at both ends"}
            return qa.short_answer == ends.get((name in first, name in last), "at neither end")
    return qa.kind in ("phase", "phase_change", "phase_caption")


def test_labels_that_may_be_seconds_off_are_asked_about_in_clips_long_enough(rows):
    found, truth = rows
    wrong, kinds = [], set()
    for case_id, clip, qa in found:
        kinds.add(qa.kind)
        if qa.kind.startswith("phase"):
            continue
        first, last = (truth[case_id][round(at)] for at in (clip.frames_s[0], clip.frames_s[-1]))
        for at in qa.evidence_s:
            assert at in clip.frames_s, "the row has no frame"
            near = truth[case_id][max(0, int(at) - ERROR_S + 1) : int(at) + ERROR_S]
            names = {name for name in NAMES if name in qa.question}
            if qa.kind not in ("presence", "option", "missing", "seen_when"):
                assert all(one == near[0] for one in near), (qa, at)
            assert all(one & names == near[0] & names for one in near), "it comes or goes close by"
        if not right(truth[case_id][int(qa.evidence_s[0])], first, last, qa):
            wrong.append((qa.kind, qa.question, qa.short_answer, qa.evidence_s))
    assert not wrong, wrong[:3]
    assert kinds >= {"instruments", "classes", "presence", "option", "entered", "exited", "seen_when"}
    assert not kinds & {"enters_at", "leaves_at", "when", "how_long", "which_first", "timed_caption"}


def test_several_moments_of_a_long_clip_are_asked_about_each_for_another_answer(rows):
    answers: dict[str, list[tuple[str, str]]] = {}
    for _, clip, qa in rows[0]:
        if qa.kind == "instruments":
            answers.setdefault(clip.clip_id, []).append((qa.question, qa.short_answer))
    assert max(map(len, answers.values())) > 2
    assert all(len({short for _, short in found}) == len(found) for found in answers.values())


PLACES = {1: "top-left", 2: "top-right", 3: "center", 4: "bottom-left", 5: "bottom-right"}
TOOLS = {"suction": 16, "kerrisons": 8, "ring_curette": 13, "cup_forceps": 3, "pituitary_rongeurs": 11}


def test_what_is_in_a_part_of_the_frame_is_there_alone(tmp_path):
    """PitVQA's rows: two instruments with a place each; what isn't there is no choice."""
    draw, raw = random.Random(5), []
    for _ in range(400):
        one, two = draw.sample(sorted(TOOLS), 2)
        where = [draw.choice(sorted(PLACES)) for _ in range(2)]
        if draw.random() < 0.2:
            raw.append([(one, where[0])])
        else:
            raw.append([(one, where[0]), (two, where[1])])
    for folder, head, lines in (
        (
            "instruments",
            "int_video,int_time,str_instrument1,str_instrument2,int_instrument1,int_instrument2,pos_instrument1,pos_instrument2",
            [
                f"1,{at},{row[0][0]},{row[1][0]},{TOOLS[row[0][0]]},{TOOLS[row[1][0]]},{row[0][1]},{row[1][1]}"
                if len(row) > 1
                else f"1,{at},{row[0][0]},no_secondary_instrument,{TOOLS[row[0][0]]},-2,{row[0][1]},"
                for at, row in enumerate(raw)
            ],
        ),
        ("steps", "int_video,int_time,str_step,int_step", ["1,0,nasal_corridor_creation,1"]),
    ):
        file = tmp_path / f"{folder}_csv" / f"{folder}_01.csv"
        file.parent.mkdir()
        file.write_text("\n".join([head, *lines]) + "\n")
    found = [qa for _, _, qa in asked("pitvqa", tmp_path) if qa.kind == "in_place"]
    assert len(found) > 30
    for qa in found:
        row = [(name.replace("_", " "), PLACES[place]) for name, place in raw[int(qa.evidence_s[0])]]
        (place,) = [one for one in PLACES.values() if f"at the {one} of" in qa.question]
        at_place = [name for name, where in row if where == place]
        assert at_place == [qa.short_answer] and {*qa.choices} == {name for name, _ in row}
        elsewhere = {name for name, where in row if where != place}
        assert elsewhere and elsewhere <= {*qa.choices}, "who only sees what is there has two to choose from"


def test_clips_that_are_longer_than_asked_for_are_said():
    phases = (Phase("preparation", 0, 100),)
    plain = Case("a", "made", "cholecystectomy", phases, duration_s=100.0)
    scenes = (Scene(5.0, 0, 0, ()),)
    sure, unsure = replace(plain, scenes=scenes), replace(plain, scenes=scenes, moment_error_s=15.0)
    assert [moments.length_s(case, 5.0) for case in (sure, plain, unsure)] == [5.0, 18.0, 90.0]
    assert [moments.length_s(case, 120.0) for case in (sure, plain, unsure)] == [120.0] * 3
    notes = list(moments.length_notes([sure, plain, unsure, unsure], 5.0))
    assert ["1 cases last 18 s" in notes[0], "2 cases last 90 s" in notes[1], len(notes)] == [True, True, 2]
