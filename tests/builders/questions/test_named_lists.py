"""Lists that name their classes, what is in view and never labelled, what must be there, choices that can be the answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from surgvqa.builders import sources
from surgvqa.builders.asking.pool import POOL, certified_questions
from surgvqa.builders.asking.templates import wording
from surgvqa.builders.cases import moments
from surgvqa.builders.cases.scene import link
from surgvqa.builders.cases.transitions import transitions
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import QA, Case, Entity, Phase, Scene

W, H = 800, 600


def questions(cases: Sequence[Case], *kinds: str) -> list[QA]:
    known, chosen = transitions(cases), Selection(kinds=kinds or tuple(POOL))
    return [
        qa
        for case in cases
        for clip in moments.windows(case, 5.0, 8).clips
        for qa in certified_questions(clip, case, load(case.procedure), known, chosen)
    ]


def drawn(name: str, x: float, y: float, role: str = "instrument", side: float = 100) -> Entity:
    rle = masks.polygons_to_rle([[x, y, x + side, y, x + side, y + side, x, y + side]], W, H)
    box, middle, area = masks.box_of(rle, W, H), masks.centroid_of(rle, W, H), masks.area_of(rle, W, H)
    return Entity(name, name, role, "mask", box, middle, area, rle=rle)


def bar(x: float, tip: float) -> Entity:
    rle = masks.polygons_to_rle([[x, tip, x + 20, tip, x + 20, H, x, H]], W, H)
    box, middle, area = masks.box_of(rle, W, H), masks.centroid_of(rle, W, H), masks.area_of(rle, W, H)
    return Entity("gauge", "gauge", "instrument", "mask", box, middle, area, rle=rle)


def case(procedure: str, *scenes: Iterable[Entity], phase: str, **facts: object) -> Case:
    made = tuple(Scene(5.0 * i, W, H, tuple(nodes)) for i, nodes in enumerate(scenes))
    return link(Case("a", "made", procedure, (Phase(phase, 0, 200),), made, duration_s=200.0, **facts))  # type: ignore[arg-type]


def liver(*names: str) -> list[Entity]:
    return [drawn(name, 120.0 * i, 200, "anatomy") for i, name in enumerate(names)]


def test_a_list_of_structures_names_the_classes_that_are_outlined():
    shown = case(
        "cholecystectomy", liver("gallbladder"), liver("gallbladder", "cystic duct"), phase="preparation"
    )
    found = questions([shown], "anatomy")
    assert found
    for qa in found:
        assert "gallbladder" in qa.question and "cystic duct" in qa.question and "anatom" not in qa.question
        assert "liver" not in qa.question
    assert all("{choices}" in text for text in wording().kinds["anatomy"].questions)


def test_a_single_class_is_no_list():
    shown = case("cholecystectomy", liver("gallbladder"), [], phase="preparation")
    assert not questions([shown], "anatomy")


@pytest.mark.parametrize("kind", ["instruments", "count", "tools_cover", "tools_quarter"])
def test_what_is_never_labelled_is_left_out_by_name(kind):
    scenes = [[drawn("gauge", 650, 450)], [drawn("gauge", 20, 20), drawn("spatula", 300, 450)], []]
    spoken = questions(
        [case("cataract", *scenes, phase="incision", unlabelled_tools=("lid speculum",))], kind
    )
    plain = questions([case("cataract", *scenes, phase="incision")], kind)
    assert spoken and len(spoken) == len(plain)
    assert all("not counting the lid speculum" in qa.question for qa in spoken)
    assert all("not counting the lid speculum" in qa.answer for qa in spoken)
    assert not any("speculum" in qa.question + qa.answer for qa in plain)
    assert [qa.short_answer for qa in spoken] == [qa.short_answer for qa in plain]


def test_the_only_instrument_is_not_meant_where_another_one_is_never_labelled():
    eye = [drawn("cornea", 200, 100, "anatomy", 400), drawn("pupil", 300, 200, "anatomy", 200)]
    tool = bar(390, 320)
    for unlabelled_tools, spoken in (((), True), (("lid speculum",), False)):
        made = case(
            "cataract", [*eye, tool], [*eye, tool], phase="incision", unlabelled_tools=unlabelled_tools
        )
        texts = [qa.question for qa in questions([made], "tip_in", "tip_in_reworded")]
        assert any("only instrument" in text for text in texts) is spoken


def test_cataract_1k_says_what_it_never_labels():
    assert sources.load("cataract1k").UNLABELLED_TOOLS == ("lid speculum",)


def test_what_lies_between_two_structures_in_view_is_not_said_to_be_absent():
    """Of duct and artery the triangle between them is in view, too, where nobody outlined it."""
    both = ("cystic duct", "cystic artery", "gallbladder")
    whole = (*both, "hepatocystic triangle")
    shown = case(
        "cholecystectomy",
        liver(*both),
        liver(*both),
        liver(*whole),
        liver(*both),
        liver("gallbladder", "cystic plate"),
        liver("gallbladder", "cystic plate", "hepatocystic triangle"),
        phase="preparation",
    )
    hidden = {0.0, 5.0, 15.0}
    found = questions([shown], "missing", "presence", "option_anatomy", "seen_when", "anatomy")
    assert found
    absent = [
        qa
        for qa in found
        if (qa.kind == "missing" and qa.short_answer == "hepatocystic triangle")
        or (qa.kind == "presence" and "triangle" in qa.question and qa.short_answer == "no")
        or (qa.kind == "seen_when" and "triangle" in qa.question)
        or (qa.kind == "option_anatomy" and "hepatocystic triangle" in qa.choices)
        or qa.kind == "anatomy"
    ]
    assert not [qa for qa in absent if hidden & {*qa.evidence_s}]
    assert [qa for qa in found if qa.kind == "anatomy"], "elsewhere it is asked"


def test_a_phase_that_training_never_shows_is_no_choice():
    first = case("cataract", [], phase="incision")
    second = case("cataract", [], phase="phacoemulsification")
    found = questions([first, second], "phase")
    assert found and all(set(qa.choices) == {"incision", "phacoemulsification"} for qa in found)
    idle = case("cataract", [], phase="incision", idle_s=((200.0, 260.0),))
    assert any("idle" in qa.choices for qa in questions([idle], "phase"))
    known = transitions([first])  # the held-out case has a phase that no training case has
    clips = moments.windows(second, 5.0, 8).clips
    chosen = Selection(kinds=("phase",))
    assert not [q for c in clips for q in certified_questions(c, second, load("cataract"), known, chosen)]


@pytest.mark.parametrize(
    ("kind", "name", "role"), [("moved", "pupil", "anatomy"), ("tip_shift", "gauge", "instrument")]
)
def test_a_way_between_two_directions_is_neither(kind, name, role):
    """106 pixels to the left and 166 up is left as well as up."""
    y = 400 if role == "anatomy" else 500

    def pair(dx: float, dy: float) -> list[QA]:
        if role == "anatomy":
            ends = [drawn(name, 400, y, role)], [drawn(name, 400 + dx, y + dy, role)]
        else:
            ends = [bar(500, 450)], [bar(500 + dx, 450 + dy)]
        return questions([case("cataract", *ends, phase="incision")], kind)

    assert not pair(-106, -166)
    (up,) = pair(-50, -166)
    assert up.short_answer == "up" and ("most" in up.question)
    for text in wording().kinds[kind].questions:
        assert "most" in text


def test_what_is_always_in_view_is_not_offered_as_missing():
    """The cornea is in every picture of an eye: who is asked which one is absent leaves it out without looking."""
    eye = drawn("cornea", 0, 0, "anatomy", 400)
    tools = [
        drawn(name, 500, 100.0 * i) for i, name in enumerate(("gauge", "spatula", "slit knife", "marker"))
    ]
    several = [[tools[i % 4], tools[(i + 1) % 4], tools[(i + 2) % 4]] for i in range(38)]
    found = questions([case("cataract", *([eye, *some] for some in several), phase="incision")], "missing")
    assert found and not [qa for qa in found if "cornea" in qa.choices]
