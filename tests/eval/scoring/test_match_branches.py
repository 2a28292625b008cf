"""Every way through the matching rules, with the cause that each one gives."""

from __future__ import annotations

import pytest
from surgvqa.eval.scoring.match import UNDECIDED_CAUSES, Target, judge, judge_by

ORGANS = ("liver", "gallbladder", "omentum", "uterus")
TOOLS = ("grasper", "hook", "scissors")
SIDES = Target(answer="right", choices=("left", "right"), known_answers=("left", "right"))
FEMALE = Target(answer="uterus", choices=ORGANS)
LETTER = Target(answer="B", known_answers=("A", "B", "C"))
PLACE = Target(
    answer="top-left", choices=("center", "top-left", "bottom-right", "not visible"), kind="absolute_position"
)
GRASPERS = Target(answer="3", question="How many graspers are visible?")
SEEN = Target(answer="no", choices=("yes", "no"), question="Is it seen?")
BOTH = Target(answer="grasper, hook", choices=TOOLS, kind="instruments")
ONE = Target(answer="grasper", choices=TOOLS, kind="instruments")
LISTS = Target(answer="grasper, hook", choices=("hook, scissors", "grasper, hook"), kind="pairs")
LIVER = Target(answer="liver", known_answers=ORGANS, question="Which organ?", sentence="The liver is cut.")
NONE = Target(answer="none", known_answers=("liver", "none"))
SIDE = Target(
    answer="left",
    known_answers=("left", "right", "above", "below"),
    question="Where is the hook relative to the liver?",
)


@pytest.mark.parametrize(
    ("rule", "reply", "asked", "cause"),
    [
        # A letter stands for a choice under the rule of that name alone, and within the choices alone.
        ("word", "B", SIDES, "not among its words"),
        ("choice", "B", SIDES, ""),
        ("choice", "A", SIDES, "another answer"),
        ("choice", "C", SIDES, "names no choice"),
        ("choice", "none of it fits", SIDES, "names no choice"),
        ("word", "none of it fits", SIDES, "not among its words"),
        ("choice", "none of it fits", LIVER, "not among its words"),
        ("choice", "D. uterus", FEMALE, ""),
        ("choice", "A. uterus", FEMALE, "letter and text contradict"),
        ("choice", "D, not the liver", FEMALE, ""),
        ("choice", "D, not the uterus", FEMALE, "negated"),
        ("choice", "A, not the uterus", FEMALE, "another answer"),
        ("word", "left", Target(answer="right", choices=("left", "right")), "not among its words"),
        ("choice", "left", Target(answer="right", choices=("left", "right")), "another answer"),
        # Letters that are a kind's answers.
        ("word", "B", LETTER, ""),
        ("word", "A", LETTER, "another answer"),
        ("word", "the second one", LETTER, "names no choice"),
        # Cells of the grid.
        ("choice", "top left", PLACE, ""),
        ("choice", "B", PLACE, ""),
        ("choice", "I choose option B", PLACE, ""),
        ("choice", "A", PLACE, "another cell"),
        ("choice", "B, in the center", PLACE, "another cell"),
        ("choice", "over there", PLACE, "no single cell"),
        ("choice", "not visible", PLACE, "no single cell"),
        ("choice", "I cannot see the pupil.", PLACE, "refusal"),
        ("choice", "I cannot see the pupil.", Target(answer="not visible", choices=PLACE.choices, kind=PLACE.kind), ""),
        ("choice", "top left, or not visible", PLACE, "names several answers"),
        # Whole numbers: of several, the one beside the thing that is counted.
        ("word", "3 graspers and 2 scissors", GRASPERS, ""),
        ("word", "2 graspers and 3 scissors", GRASPERS, "another answer"),
        ("word", "2 graspers, 3 graspers", GRASPERS, "names several answers"),
        ("word", "3 or 4 graspers", GRASPERS, "names several answers"),
        ("word", "at least 3", GRASPERS, "only a bound"),
        ("word", "many", GRASPERS, "names no number"),
        ("word", "3 %", GRASPERS, "a share, no number"),
        ("word", "3 %", Target(answer="3", question="What per cent of it is red?"), ""),
        ("word", "3", Target(answer="3", question="What per cent of it is red?"), ""),
        ("word", "3: liver and gallbladder", Target(answer="3", known_answers=ORGANS), "names several answers"),
        ("word", "no grasper", Target(answer="0", question=GRASPERS.question), ""),
        ("word", "no grasper", GRASPERS, "another answer"),
        ("word", "not a single one of them", Target(answer="0", question=GRASPERS.question), ""),
        ("word", "There is not one grasper", Target(answer="0", question=GRASPERS.question), ""),
        ("word", "There isn't a single grasper.", Target(answer="0", question=GRASPERS.question), ""),
        ("word", "one hook but not one grasper", Target(answer="0", question=GRASPERS.question), ""),
        ("word", "No grasper in frame 1", Target(answer="0", question=GRASPERS.question), ""),
        ("word", "No graspers: 2", Target(answer="0", question=GRASPERS.question), "another answer"),
        ("word", "1 grasper on the left, no grasper on the right", Target(answer="0", question=GRASPERS.question), "another answer"),
        ("word", "2 scissors without a hook", GRASPERS, "another answer"),
        ("word", "0 graspers, 2 scissors", Target(answer="0", question=GRASPERS.question), ""),
        ("word", "none", Target(answer="0", question=GRASPERS.question), ""),
        ("word", "2 scissors, no grasper", Target(answer="0", question=GRASPERS.question), ""),
        ("choice", "B", Target(answer="3", choices=("2", "3")), ""),
        ("choice", "A", Target(answer="3", choices=("2", "3")), "another answer"),
        ("choice", "B", Target(answer="3", choices=("3", "many")), "names no number"),
        # Quantities: a unit counts where the answer has one.
        ("word", "5 mm", Target(answer="5 mm"), ""),
        ("word", "0.5 cm", Target(answer="5 mm"), ""),
        ("word", "5 cm", Target(answer="5 mm"), "another answer"),
        ("word", "about that", Target(answer="5 mm"), "names no number"),
        ("word", "2.5", Target(answer="2.5"), ""),
        ("word", "2.5 mm", Target(answer="2.5"), ""),
        ("word", "3.5", Target(answer="2.5"), "another answer"),
        ("word", "nice", Target(answer="2.5"), "names no number"),
        # Yes and no.
        ("choice", "B", SEEN, ""),
        ("choice", "A", SEEN, "another answer"),
        ("choice", "A. no", SEEN, "letter and text contradict"),
        ("choice", "B. no", SEEN, ""),
        ("choice", "B. yes", SEEN, "letter and text contradict"),
        ("choice", "A. yes", SEEN, "another answer"),
        ("choice", "I cannot tell", SEEN, "refusal"),
        ("choice", "green", SEEN, "no leading yes or no"),
        ("choice", "yes and no", SEEN, "names several answers"),
        ("word", "no, liver and gallbladder and omentum", Target(answer="no", known_answers=("yes", "no", *ORGANS)), "names several answers"),
        ("word", "no, it is the liver", Target(answer="no", known_answers=("yes", "no", *ORGANS)), ""),
        ("choice", "B: yes and no", SEEN, "names several answers"),
        ("choice", "(B) yes, no", SEEN, "names several answers"),
        # Lists are compared as sets; a list of alternatives is no list.
        ("choice", "hook and grasper", BOTH, ""),
        ("choice", "grasper", BOTH, "another list"),
        ("choice", "grasper, hook, scissors", BOTH, "another list"),
        ("choice", "grasper or hook", BOTH, "names several answers"),
        ("choice", "possibly grasper, possibly hook", BOTH, "names several answers"),
        ("choice", "grasper and/or hook", BOTH, "names several answers"),
        ("choice", "possibly grasper", ONE, ""),
        ("choice", "possibly grasper", BOTH, "another list"),
        ("choice", "possibly grasper, possibly hook, possibly scissors", BOTH, "another list"),
        ("choice", "grasper or hook", Target(answer="grasper, hook, scissors", choices=TOOLS, kind="instruments"), "another list"),
        ("choice", "B", LISTS, ""),
        ("choice", "A", LISTS, "another list"),
        ("word", "B", LISTS, "another list"),
        ("choice", "hook, grasper", LISTS, ""),
        ("choice", "hook, scissors", LISTS, "another list"),
        # Names.
        ("word", "liver", LIVER, ""),
        ("word", "gallbladder", LIVER, "another answer"),
        ("word", "not the liver", LIVER, "negated"),
        ("word", "not the uterus", LIVER, "another answer"),
        ("word", "not the gallbladder", LIVER, "another answer"),
        ("word", "The liver. The uterus is there, too.", LIVER, "names several answers"),
        ("word", "neither the liver nor the uterus", LIVER, "negated"),
        ("word", "liver and uterus", LIVER, "names several answers"),
        ("word", "yes", LIVER, "not among its words"),
        ("word", "If this were the liver, it would be red", LIVER, "supposes something else"),
        ("word", "I cannot say", LIVER, "refusal"),
        ("word", "spleen and gallbladder", Target(answer="spleen"), "names several answers"),
        ("word", "pause", Target(answer="idle", known_answers=("idle", "incision")), ""),
        ("word", "none", Target(answer="idle", known_answers=("idle", "none")), "another answer"),
        ("word", "nothing", NONE, ""),
        ("word", "liver", NONE, "another answer"),
        ("word", "nothing", Target(answer="liver", known_answers=("liver", "none")), "not among its words"),
        # The question in front of the answer, and the answer's sentence.
        ("exact", "The liver is cut.", LIVER, ""),
        ("exact", "Which organ? liver", LIVER, ""),
        ("exact", "Which organ? The liver is cut.", LIVER, ""),
        ("exact", "Which organs? liver", LIVER, "not the same words"),
        ("word", "Which organ? It must be the liver", LIVER, ""),
        ("word", "Which organ? It must be the uterus", LIVER, "another answer"),
        ("word", "Which organ?", LIVER, "repeats the question"),
        # Which of two things is where, whichever is named first.
        ("word", "The hook is to the left of the liver", SIDE, ""),
        ("word", "The liver is to the right of the hook", SIDE, ""),
        ("word", "The liver is to the left of the hook", SIDE, "another answer"),
        # Boxes and intervals.
        ("word", "[1, 2, 30, 40]", Target(answer="[1, 2, 30, 41]"), ""),
        ("word", "[100, 200, 300, 400]", Target(answer="[1, 2, 30, 40]"), "another answer"),
        ("word", "[1, 2, 30, 40] and [1, 2, 31, 40]", Target(answer="[1, 2, 30, 40]"), "names several answers"),
        ("word", "somewhere", Target(answer="[1, 2, 30, 40]"), "names no box"),
        ("choice", "none of it", Target(answer="liver", choices=ORGANS), "names no choice"),
        # Symbols only.
        ("word", "+", Target(answer="+"), ""),
        ("word", " + ", Target(answer="+"), ""),
        ("word", "-", Target(answer="+"), "another answer"),
        ("word", "+", Target(answer="-"), "another answer"),
        ("word", "?", Target(answer="liver"), "another answer"),
        ("word", "liver", Target(answer="+"), "not among its words"),
        # Characters anywhere.
        ("substring", "a liver", LIVER, ""),
        ("substring", "live", LIVER, "not in it"),
        ("substring", "   ", LIVER, "empty"),
    ],
)  # fmt: skip
def test_cause(rule: str, reply: str, asked: Target, cause: str) -> None:
    verdict = judge(rule, reply, asked)
    assert verdict.cause == cause
    assert verdict.correct is (cause == "")
    assert verdict.is_undecided is (cause in UNDECIDED_CAUSES)


def test_what_cannot_be_read_is_undecided() -> None:
    """A wrong answer that can be read is wrong for certain."""
    replies = {"the second one": True, "A": False, "B": False}
    assert {reply: judge("word", reply, LETTER).is_undecided for reply in replies} == replies


def test_rules_agree_where_the_words_are_the_answer() -> None:
    verdicts = judge_by(("exact", "word", "choice", "substring"), "Liver", LIVER)
    assert all(verdict.correct for verdict in verdicts.values()) and len(verdicts) == 4


def test_related_answers_joined_are_several() -> None:
    """What may not be listed beside the answer: the answers of related questions, else those of the kind."""
    related = Target(answer="liver", known_answers=ORGANS, others=("liver", "hook"))
    assert related.rival_answers == ("liver", "hook") and LIVER.rival_answers == ORGANS
