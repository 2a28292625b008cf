"""Kinds of fault that a reader of questions of real data found, each on invented annotations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from surgvqa.builders.asking.pool import POOL, certified_questions
from surgvqa.builders.asking.templates import wording
from surgvqa.builders.bits.repeats import fresh
from surgvqa.builders.cases import moments
from surgvqa.builders.cases.scene import link
from surgvqa.builders.cases.transitions import transitions
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import QA, Case, Clip, Entity, Phase, Scene

W, H = 800, 600


def questions(case: Case, *kinds: str) -> list[QA]:
    known, clips = transitions([case]), moments.windows(case, 5.0, 8).clips
    chosen = Selection(kinds=kinds or tuple(POOL))
    return [
        qa for clip in clips for qa in certified_questions(clip, case, load(case.procedure), known, chosen)
    ]


def eyes(scenes: Iterable[Iterable[Entity]]) -> Case:
    made = tuple(Scene(5.0 * i, W, H, tuple(nodes)) for i, nodes in enumerate(scenes))
    phases = (Phase("incision", 0, 1000),)
    return link(Case("a", "made", "cataract", phases, made, duration_s=1000.0))


def seen(name: str, role: str = "instrument") -> Entity:
    return Entity(name, name, role, "presence")


def boxed(name: str, *box: float) -> Entity:
    x1, y1, x2, y2 = box
    return Entity(name, name, "instrument", "box", box, ((x1 + x2) / 2, (y1 + y2) / 2), (x2 - x1) * (y2 - y1))


def test_it_is_not_asked_whether_what_is_always_there_is_there():
    always, sometimes = seen("cornea", "anatomy"), seen("gauge")
    once = [always, seen("spatula")]
    case = eyes([once, *([always, sometimes] if i % 2 else [always] for i in range(60))])
    found = questions(case, "presence", "seen_when")
    asked_of = {name for name in ("cornea", "gauge") for qa in found if name in qa.question}
    assert asked_of == {"gauge"}


def test_a_box_that_holds_another_tool_does_not_mean_one():
    large, inside = boxed("spatula", 0, 0, 600, 500), boxed("gauge", 100, 100, 250, 200)
    apart, half = boxed("gauge", 650, 510, 790, 590), boxed("gauge", 560, 100, 760, 200)
    others = [boxed(name, 0, 0, 90, 90) for name in ("slit knife", "katena forceps", "lens injector")]
    case = eyes([[large, inside], [large, apart], [large, half], *([one] for one in others)])
    found = {
        at: [qa for qa in questions(case, "in_box") if qa.evidence_s == (at,)] for at in (0.0, 5.0, 10.0)
    }
    of_large = {at: [qa for qa in found[at] if "[0, 0, 750, 833]" in qa.question] for at in found}
    assert not of_large[0.0], "the gauge lies in it, too"
    of_inside = [qa for qa in found[0.0] if "[125, 167, 312, 333]" in qa.question]
    assert of_inside and "spatula" not in of_inside[0].choices, "the spatula may be in the gauge's box"
    assert of_large[5.0] and "gauge" in of_large[5.0][0].choices
    assert of_large[10.0] and "gauge" not in of_large[10.0][0].choices, "a fifth of the gauge is in the box"


def test_a_box_of_a_working_end_is_not_said_to_be_around_the_instrument():
    case = replace(
        eyes([[boxed("spatula", 0, 0, 300, 200), boxed("gauge", 500, 300, 700, 500)]] * 3), end_boxes=True
    )
    found = questions(case, "box", "absolute_position", "in_box", "tip_in_reworded")
    spoken = [
        qa for qa in found if qa.kind in ("box", "absolute_position") and qa.short_answer != "not visible"
    ]
    assert spoken and all("working end of the" in qa.question for qa in spoken)


def test_no_step_is_asked_about_while_the_camera_is_outside_of_the_body():
    steps = (Phase("trocar placement", 0, 60), Phase("retractor placement", 60, 120))
    phases = (Phase("preparation", 0, 30), Phase("out of body", 30, 90), Phase("preparation", 90, 120))
    case = link(Case("a", "made", "gastric_bypass", phases, steps=steps, duration_s=120.0))
    found = questions(case, "phase", "step", "step_of", "step_change")
    inside = [qa for qa in found if all(not 30 <= at < 90 for at in qa.evidence_s)]
    assert {"step"} <= {qa.kind for qa in inside}
    assert {qa.kind for qa in found if qa not in inside} == {"phase"}


def test_an_instrument_that_only_leans_over_reaches_no_further():
    """Of a bar that lies slanted more can be seen; its tip is as far from the side that it comes in over."""

    def bar(x: float, tip: float) -> Entity:
        rle = masks.polygons_to_rle([[x, H, x + 20, H, tip + 20, 300, tip, 300]], W, H)
        box, middle, area = masks.box_of(rle, W, H), masks.centroid_of(rle, W, H), masks.area_of(rle, W, H)
        return Entity("gauge", "gauge", "instrument", "mask", box, middle, area, rle=rle)

    assert questions(eyes([[bar(300, 300)], [bar(100, 500)]]), "advanced") == []
    (stays,) = questions(eyes([[bar(300, 300)], [bar(310, 320)]]), "advanced")
    assert stays.short_answer == "about as far in"


def test_a_phase_that_ends_in_idleness_does_not_give_way_to_another_one():
    for text in wording().kinds["phase_change"].questions:
        assert "begin" in text or "enter" in text
        assert not [word for word in ("gives way", "new phase", "another") if word in text]
    for text in wording().kinds["leaves_at"].questions:
        assert "if it" in text or "does it stay" in text, (
            "some stay, and the question must not say that they leave"
        )


def test_a_clip_of_what_the_one_before_ended_with_shows_nothing_new():
    def one(start: int, *phases: str) -> tuple[Clip, tuple[QA, ...]]:
        asked_of = tuple(
            QA(f"{start}{name}", "phase", "recognition", "Which phase?", name, name) for name in phases
        )
        return Clip("a", start, start + 5000, None), asked_of

    clips, pool = zip(
        *(one(0, "a"), one(5, "a"), one(10, "a", "b"), one(15, "b"), one(20, "c"), one(25, "b")), strict=True
    )
    assert [clip.start_ms for clip in fresh(clips, pool)[0]] == [0, 10, 20, 25]
