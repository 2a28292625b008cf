"""Questions about motion: right, and only where the shown frames hold the motion."""

from __future__ import annotations

from dataclasses import replace

import pytest
from surgvqa.builders.cases.scene import link
from surgvqa.builders.cases.windows import frame_times, windows
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.ask import MOTION, ask, transitions
from surgvqa.builders.questions.motion import motions
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import Case, Clip, Entity, Phase, Scene

W, H = 1000, 800


def thing(name: str, x: float, y: float, role="instrument", track: str | None = None) -> Entity:
    box = (max(0.0, x - 50), max(0.0, y - 50), min(W, x + 50.0), min(H, y + 50.0))
    return Entity(name, name, role, "box", box, (x, y), 10_000, track=track)


PUPIL, LENS = thing("pupil", 800, 400, "anatomy"), thing("lens", 200, 100, "anatomy")


def case(*moments: tuple[float, tuple[Entity, ...]]) -> Case:
    scenes = tuple(Scene(at, W, H, nodes) for at, nodes in moments)
    return link(Case("a", "made-up", "cataract", (Phase("incision", 0, 10),), scenes, duration_s=10.0))


CLIP = Clip("a", 0, 5000, "incision")


def found(made: Case, clip: Clip = CLIP, frames: int = 8) -> dict[str, tuple[str, str]]:
    return {motion.kind: (motion.name, motion.answer) for motion in motions(clip, made, frames)}


def moving(*points: tuple[float, float], start: float = 0.5, others=()) -> Case:
    return case(*((start + i, (thing("spatula", *at), *others)) for i, at in enumerate(points)))


@pytest.mark.parametrize(
    ("points", "way"),
    [
        ([(300, 400), (400, 410), (500, 400)], "right"),
        ([(500, 400), (300, 420)], "left"),
        ([(500, 600), (520, 300)], "up"),
        ([(500, 300), (520, 600)], "down"),
        ([(500, 300), (505, 303), (502, 299)], "still"),
    ],
)
def test_the_direction_is_the_pictures(points, way: str):
    assert found(moving(*points))["motion_direction"] == ("spatula", way)


@pytest.mark.parametrize(
    "points",
    [
        [(300, 300), (500, 500)],  # diagonal: two answers would be right
        [(300, 400), (700, 400), (400, 400)],  # out and back
        [(300, 400), (335, 400)],  # neither still nor a motion
        [(300, 400)],
    ],
)
def test_an_unclear_motion_is_not_asked_about(points):
    assert "motion_direction" not in found(moving(*points))


def test_motion_outside_the_shown_frames_is_not_asked_about():
    first, last = frame_times(CLIP, 8)[0], frame_times(CLIP, 8)[-1]
    for start, end in ((first - 0.1, last - 1), (first + 1, last + 0.1), (first - 3, last + 3)):
        made = case(*((at, (thing("spatula", x, 400),)) for at, x in ((start, 200), (end, 800)) if at >= 0))
        assert found(made) == {}
    made = case((first, (thing("spatula", 200, 400),)), (last, (thing("spatula", 800, 400),)))
    assert found(made)["motion_direction"] == ("spatula", "right")
    assert found(made, frames=1) == {}, "one frame shows no motion"


@pytest.mark.parametrize(
    ("at", "side"), [((20, 400), "left"), ((980, 400), "right"), ((500, 20), "top"), ((500, 790), "bottom")]
)
def test_the_side_is_the_edge_it_touches_when_it_is_first_there(at, side: str):
    made = case((1, (PUPIL,)), (2, (PUPIL, thing("spatula", *at))), (3, (PUPIL, thing("spatula", 500, 400))))
    motion = next(m for m in motions(CLIP, made, 8) if m.kind == "entered_from")
    assert (motion.name, motion.answer, motion.evidence_s) == ("spatula", side, (1, 2))


@pytest.mark.parametrize("at", [(20, 20), (500, 400)])
def test_a_corner_or_the_middle_is_no_side(at):
    assert "entered_from" not in found(case((1, (PUPIL,)), (2, (PUPIL, thing("spatula", *at)))))


def test_what_was_there_from_the_start_does_not_enter():
    assert "entered_from" not in found(moving((20, 400), (500, 400)))


def test_the_target_is_what_it_comes_clearly_closer_to():
    assert found(moving((400, 300), (700, 390), others=(PUPIL, LENS)))["moves_towards"] == (
        "spatula",
        "pupil",
    )
    assert "moves_towards" not in found(moving((400, 300), (700, 390), others=(PUPIL,))), (
        "one choice is no question"
    )
    close = (PUPIL, thing("cornea", 790, 410, "anatomy"))
    assert "moves_towards" not in found(moving((400, 300), (700, 390), others=close)), "both come closer"


def test_two_of_a_name_or_two_tracks_are_not_followed():
    two = case(
        *(
            (at, (thing("spatula", x, 400), replace(thing("spatula", x, 700), id="b")))
            for at, x in ((1, 200), (3, 800))
        )
    )
    assert found(two) == {}
    swapped = case(
        (1, (thing("spatula", 200, 400, track="s1"),)), (3, (thing("spatula", 800, 400, track="s2"),))
    )
    assert found(swapped) == {}
    same = case(
        (1, (thing("spatula", 200, 400, track="s1"),)), (3, (thing("spatula", 800, 400, track="s1"),))
    )
    assert found(same)["motion_direction"] == ("spatula", "right")


def test_questions_on_motion_carry_their_evidence():
    made = case(*((at / 2, (thing("spatula", 100 + 60 * at, 400), PUPIL, LENS)) for at in range(10)))
    clips = windows(made, 5).clips
    asked = [
        qa
        for clip in clips
        for qa in ask(clip, made, load("cataract"), transitions([made]), Selection(kinds=MOTION))
    ]
    assert {"motion_direction", "moves_towards"} <= {qa.kind for qa in asked}
    for clip in clips:
        times = frame_times(clip, 8)
        for qa in ask(clip, made, load("cataract"), transitions([made]), Selection(kinds=MOTION)):
            assert qa.evidence_s and times[0] <= min(qa.evidence_s) and max(qa.evidence_s) <= times[-1]
            assert qa.short_answer in qa.choices and qa.reasoning == "temporal"
            assert qa.answer and "{" not in qa.answer
