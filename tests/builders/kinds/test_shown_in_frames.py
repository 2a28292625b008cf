"""What frames can show, and what choices tell: kinds of fault that readers of real questions found, on invented labels."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from surgvqa.builders.asking.pool import POOL, certified_questions
from surgvqa.builders.bits.choose import Part, choose
from surgvqa.builders.bits.offered import without_idle_choices
from surgvqa.builders.cases import moments
from surgvqa.builders.cases.scene import link
from surgvqa.builders.cases.transitions import Transitions, transitions
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import QA, Case, Clip, Entity, Phase, Scene

STEP = "cholecystectomy"
TWO = (Phase("preparation", 0, 28), Phase("gallbladder packaging", 28, 60))


def tools(*names: str) -> tuple[Entity, ...]:
    return tuple(Entity(name, name, "instrument", "presence") for name in names)


def case_of(rows: list[tuple[str, ...]], phases: tuple[Phase, ...], error_s: float = 0.0) -> Case:
    scenes = tuple(Scene(float(at), 0, 0, tools(*names)) for at, names in enumerate(rows))
    length = float(len(rows)) or 60.0
    return link(Case("a", "made", STEP, phases, scenes, duration_s=length, moment_error_s=error_s))


def asked(case: Case, *kinds: str, seconds: float = 5.0, known: Transitions | None = None) -> list[QA]:
    known = known or transitions([case])
    clips = moments.windows(case, seconds, 8).clips
    chosen = Selection(kinds=kinds or tuple(POOL))
    return [qa for clip in clips for qa in certified_questions(clip, case, load(STEP), known, chosen)]


@pytest.mark.parametrize(("seconds", "number"), [(5.0, 1), (60.0, 0)])
def test_a_caption_gives_no_border_between_frames_far_apart(seconds, number):
    """Eight frames of a minute are more than eight seconds apart: where between two of them a phase ends, nobody sees."""
    plain = case_of([], TWO)
    assert len(asked(plain, "phase_caption", seconds=seconds)) == number


@pytest.mark.parametrize(("after", "number"), [("specimen bag", 1), ("grasper", 0)])
def test_a_caption_tells_no_border_that_nothing_in_view_shows(after, number):
    rows = [("grasper",)] * 28 + [(after,)] * 32
    assert len(asked(case_of(rows, TWO), "phase_caption")) == number


def test_no_second_is_asked_of_labels_closer_than_frames():
    rows = [("grasper",)] * 20 + [("grasper", "hook")] * 40
    case, timed = case_of(rows, TWO[:1]), ("timed_caption", "enters_at", "when")
    assert {qa.kind for qa in asked(case, *timed)} >= {"enters_at"}
    assert not asked(case, *timed, seconds=40.0)


@pytest.mark.parametrize(("second", "number"), [("specimen bag", 2), ("grasper", 0)])
def test_a_phase_is_asked_where_something_in_view_speaks_for_it(second, number):
    """A grasper is in view all along; a bag, and the hook, are used in one phase."""
    first = "hook" if second != "grasper" else second
    rows = [("grasper", first)] * 28 + [("grasper", second)] * 32
    assert len({qa.short_answer for qa in asked(case_of(rows, TWO), "phase")}) == number
    assert asked(case_of([], TWO), "phase"), "nobody labels instruments there"


def eye(*sizes: dict[str, float], apart: float = 5.0) -> Case:
    side = 512
    scenes = []
    for at, shares in enumerate(sizes):
        nodes = tuple(
            Entity(name, name, "anatomy", "box", (0, 0, 10, 10), (5, 5), share * side * side)
            for name, share in shares.items()
        )
        scenes.append(Scene(apart * at, side, side, nodes))
    phases = (Phase("incision", 0, 1000),)
    return link(Case("a", "made", "cataract", phases, tuple(scenes), duration_s=1000.0))


@pytest.mark.parametrize(
    ("lens", "apart", "number"),
    [
        ((0.2, 0.2, 0.2), 5.0, 3),
        ((0.2, 0.0033, 0.2), 5.0, 2),
        ((0.2, None, 0.2), 5.0, 2),
        ((0.2, None, 0.2), 60.0, 3),
    ],
)
def test_a_list_of_structures_is_asked_where_each_is_clearly_there_or_not(lens, apart, number):
    """Neither a sliver of a structure, nor one that both the moment before and the one after show, is in view or out of it."""
    sizes = [{"cornea": 0.2} | ({"pupil": one} if one else {}) for one in lens]
    case = eye(*sizes, apart=apart)
    known, evidence = transitions([case]), set()
    for clip in moments.windows(case, 5.0, 8).clips:
        chosen = Selection(kinds=("anatomy",))
        evidence |= {qa.evidence_s for qa in certified_questions(clip, case, load("cataract"), known, chosen)}
    assert len(evidence) <= number and ((5.0,) in evidence or (apart,) in evidence) == (number == 3)


def test_who_knows_the_sets_of_choices_by_heart_gains_less():
    """With the three likeliest of what isn't in view as wrong choices such a guesser is right in 49 %."""
    draw, in_view, rows = random.Random(0), set[str](), []
    shares = {"grasper": 0.6, "hook": 0.4, "bipolar": 0.3, "scissors": 0.2, "clipper": 0.2, "irrigator": 0.1}
    for _ in range(6000):
        for name, share in shares.items():
            if draw.random() < 0.2 * ((1 - share) if name in in_view else share):
                in_view ^= {name}
        rows.append(tuple(sorted(in_view)))
    found = asked(case_of(rows, (Phase("preparation", 0, 6000),)), "option")
    by_set: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for qa in found[::2]:
        by_set[tuple(sorted(qa.choices))][qa.short_answer] += 1
    known_sets = [qa for qa in found[1::2] if tuple(sorted(qa.choices)) in by_set]
    hits = [by_set[tuple(sorted(qa.choices))].most_common(1)[0][0] == qa.short_answer for qa in known_sets]
    assert len(hits) > 500 and sum(hits) / len(hits) < 0.45, sum(hits) / len(hits)


def yes_no(number: int, answer: str, choices: tuple[str, ...], text: str = "Is it?") -> QA:
    return QA(f"a@{number}-{number + 1}#k", "k", "safety", text, answer, answer, choices, (0.0,))


def test_what_never_is_right_is_not_offered():
    three = ("left", "right", "top")
    text = "On which side: left, right, top?"
    pool = tuple((yes_no(i, three[i % 2], three, text),) for i in range(60))
    (mended,) = without_idle_choices([pool])
    assert {qa.choices for (qa,) in mended} == {three[:2]}
    assert {qa.question for (qa,) in mended} == {"On which side: left, right?"}
    named = tuple((replace(qa, question="Left or right or top?"),) for (qa,) in pool)
    assert without_idle_choices([named]) == [named], "the wording names it"
    few = pool[:20]
    assert without_idle_choices([few]) == [few], "of twenty nobody can tell"


def test_a_kind_with_one_answer_nearly_always_is_thinned_in_training():
    def part(number: int, split: str) -> Part:
        clips = tuple(Clip(f"c{number}", i, i + 1, None) for i in range(20))
        pool = tuple(
            (replace(yes_no(i, "no" if i % 5 else "yes", ("yes", "no")), qa_id=f"c{number}@{i}-{i + 1}#k"),)
            for i in range(20)
        )
        return Part(f"c{number}", split, clips, pool)

    choice = choose([part(i, "train") for i in range(12)])
    left = Counter(qa.short_answer for clips in choice.clips for clip in clips for qa in clip.qa)
    assert left["yes"] == 48 and left["no"] <= 0.6 * left.total()
    assert choice.left_out["k"]["guessed without looking"] == 12 * 20 - left.total()
