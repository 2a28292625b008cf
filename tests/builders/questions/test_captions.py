"""Captions: what is annotated is said, nothing else, and in words that mean one thing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from surgvqa.builders.cases.scene import link
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions import wording
from surgvqa.builders.questions.ask import KINDS, NINE, ask, transitions
from surgvqa.builders.questions.captions import caption, region_captions
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import Case, Clip, Entity, Phase, Scene

CATARACT = load("cataract")


def thing(name: str, x: float, y: float, **facts) -> Entity:
    role = "anatomy" if name in CATARACT.anatomy else "instrument"
    given = {"id": name, "granularity": "point", "centroid": (x, y), **facts}
    return Entity(name=name, type=role, **given)


def clip_of(*nodes: Entity, phase: str | None = "incision") -> Clip:
    case = link(Case("a", "made-up", "cataract", scenes=(Scene(2.5, 900, 900, nodes),)))
    return Clip("a", 0, 5000, phase, case.scenes[0])


def answers(clip: Clip, roles=(), moving=None) -> list[str]:
    said = (*caption(clip, CATARACT, roles), *region_captions(clip, CATARACT, moving=moving))
    return [qa.answer for qa in said]


def test_a_scene_is_said_whole_and_thing_by_thing():
    clip = clip_of(
        thing("spatula", 850, 50),
        thing("gauge", 100, 850),
        thing("pupil", 450, 450),  # nobody follows it: its motion is not said
    )
    assert answers(clip, moving={"spatula": "left", "gauge": "still"}) == [
        "The current phase is incision. Visible: pupil. In view: gauge and spatula.",
        "The pupil is at the center of the frame.",
        "The gauge is at the bottom-left of the frame and keeps still.",
        "The spatula is at the top-right of the frame and moves left.",
    ]


def test_several_of_a_name_are_counted_from_the_left_or_not_described():
    left, right = thing("gauge", 800, 50), thing("gauge", 100, 850, id="gauge#2")
    assert answers(clip_of(left, right))[1:] == [
        "The first gauge from the left is at the bottom-left of the frame.",
        "The second gauge from the left is at the top-right of the frame.",
    ]
    assert len(answers(clip_of(left, replace(right, centroid=(800, 850))))) == 1
    nowhere = replace(right, centroid=None, granularity="presence")
    assert len(answers(clip_of(left, nowhere))) == 1


def test_what_is_only_present_has_no_place():
    nowhere = Entity("gauge", "gauge", "instrument", "presence")
    assert answers(clip_of(nowhere))[1] == "The gauge is visible."


@pytest.mark.parametrize(
    ("clip", "roles", "said"),
    [
        (clip_of(), (), ["The current phase is incision."]),
        (clip_of(), ("instrument",), ["The current phase is incision. No instrument is in view."]),
        (
            clip_of(phase=None),
            ("anatomy", "instrument"),
            ["No annotated structure is visible. No instrument is in view."],
        ),
        (clip_of(phase=None), (), []),
        (Clip("a", 0, 5000, "idle"), ("instrument",), ["No phase is under way; the operation is idle."]),
    ],
)
def test_nothing_is_only_said_where_it_is_known(clip, roles, said):
    assert answers(clip, roles) == said


def test_captions_are_asked_for_by_name_and_are_not_among_the_nine():
    assert {"caption", "region_caption"} <= set(KINDS) - set(NINE)
    scene = Scene(2.5, 900, 900, (thing("pupil", 450, 450),))
    other = Scene(7.5, 900, 900, (thing("gauge", 450, 450),))
    phases = (Phase("incision", 0, 10),)
    case = link(Case("a", "made-up", "cataract", phases=phases, scenes=(scene, other), duration_s=10))
    clip = Clip("a", 0, 5000, "incision", case.scenes[0])
    known = transitions([case])
    assert not [qa for qa in ask(clip, case, CATARACT, known) if "caption" in qa.kind]
    assert [qa.kind for qa in ask(clip, case, CATARACT, known, Selection(kinds=("caption",)))] == ["caption"]
    asked = ask(clip, case, CATARACT, known, Selection(kinds=("phase", "caption", "region_caption")))
    assert [qa.kind for qa in asked] == ["phase", "caption", "region_caption"]
    assert asked[1].answer.endswith("No instrument is in view.")  # instruments are annotated elsewhere in it
    assert asked[1].reasoning == "description" and asked[1].evidence_s == (2.5,)
    assert len({qa.qa_id for qa in asked}) == 3


def test_phrasings_vary_with_the_clip_and_stay_for_the_same_one():
    clips = [replace(clip_of(thing("pupil", 450, 450)), case_id=f"case-{n}") for n in range(60)]
    made = [(*caption(clip, CATARACT), *region_captions(clip, CATARACT)) for clip in clips]
    assert made == [(*caption(clip, CATARACT), *region_captions(clip, CATARACT)) for clip in clips]
    assert {whole.question for whole, _ in made} == set(wording.QUESTIONS["caption"])
    assert {one.question for _, one in made} == {
        q.format(a="pupil") for q in wording.QUESTIONS["region_caption"]
    }
