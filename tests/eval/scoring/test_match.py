"""The matching rules: what counts as right, and above all what doesn't."""

from __future__ import annotations

import pytest
from surgvqa.cards.command import InputError
from surgvqa.eval.scoring import match
from surgvqa.eval.scoring.match import Target

DIRECTIONS = ("left", "right", "up", "down")
PHASES = ("incision", "anterior chamber flushing", "flushing", "irrigation/aspiration")


@pytest.mark.parametrize(
    ("rule", "prediction", "answer", "right"),
    [
        # The same words, whatever the case, the hyphens and the full stop.
        ("exact", "Viscoelastic Suction.", "viscoelastic_suction", True),
        ("exact", "It is viscoelastic suction.", "viscoelastic suction", False),
        ("exact", "top left", "top-left", True),
        # A word is whole: "no" is in "normal", "not" and "nodule" only as characters.
        ("substring", "The mucosa looks normal.", "no", True),
        ("substring", "Yes, and no visible lesions", "no", True),
        ("substring", "Forceps", "forceps", True),
        ("word", "The tip is downward of it", "down", False),
        ("word", "It moves left", "left", True),
        ("word", "It moves to the Left.", "left", True),
        ("word", "Size is 5 mm", "<5", False),
        ("word", "Size is < 5 mm", "<5", True),
        ("word", "There are 12 of them", "1", False),
        ("word", "1.5 mm", "1", False),
        # Negation, from before and from behind, within its clause.
        ("word", "It is not left", "left", False),
        ("word", "It isn't moving to the left", "left", False),
        ("word", "It isn’t left", "left", False),
        ("word", "Neither left nor right", "right", False),
        ("word", "Right rather than left", "left", False),
        ("word", "Right rather than left", "right", True),
        ("word", "The forceps are not visible", "forceps", False),
        ("word", "The forceps aren't there", "forceps", False),
        ("word", "Not right, left", "left", True),
        ("word", "It is not right but left", "left", True),
        ("word", "No the scope is moving left", "left", True),
        ("word", "Not only left", "left", True),
        ("word", "no polyp", "no polyp", True),
        # A whole number is the only one named.
        ("word", "Two instruments are visible", "2", True),
        ("word", "2", "2", True),
        ("word", "2 or 3", "2", False),
        ("word", "There are 12", "2", False),
        ("word", "I see no instrument.", "0", True),
        ("word", "I see no end", "0", False),
        # Yes and no are read from the leading word.
        ("word", "No, the scope stays inside.", "no", True),
        ("word", "Yes, there are no lesions", "no", False),
        ("word", "Yes, there are no lesions", "yes", True),
        ("word", "The mucosa is normal", "no", False),
        ("word", "There is no blood", "no", False),
        ("word", "Yes or no", "yes", False),
        ("word", "no/yes", "no", False),
        ("word", "Answer: **Yes**", "yes", True),
        ("word", "<think>no?</think> yes", "yes", True),
        ("word", "<think>yes yes", "yes", False),  # cut off while thinking
        # Refusals.
        ("word", "I'm sorry, I can't tell if it is left or right", "left", False),
        ("word", "Unable to determine from the image; maybe left", "left", False),
        ("exact", "cannot be determined", "cannot be determined", True),
        # Empty is wrong under every rule, though every text contains it.
        *[(rule, blank, "left", False) for rule in match.RULES for blank in ("", "  \n")],
        ("substring", "<unk>", "", True),
        # Symbols only.
        ("word", "+", "+", True),
        ("word", "β-blocker", "β-blocker", True),
        ("word", "?!", "left", False),
    ],
)
def test_rule(rule: str, prediction: str, answer: str, right: bool) -> None:
    assert match.matches(rule, prediction, Target(answer=answer)) is right


@pytest.mark.parametrize(
    ("prediction", "answer", "choices", "right"),
    [
        ("It moves to the left.", "left", DIRECTIONS, True),
        ("left or right", "left", DIRECTIONS, False),  # both named
        ("left, right, up, down", "left", DIRECTIONS, False),
        ("not right but left", "left", DIRECTIONS, True),
        ("sideways", "left", DIRECTIONS, False),
        ("B", "right", DIRECTIONS, True),
        ("(B) right", "right", DIRECTIONS, True),
        ("B.", "left", DIRECTIONS, False),
        ("Z", "left", DIRECTIONS, False),
        ("A big tool goes up", "up", DIRECTIONS, True),  # "A" is no letter of a choice here
        # The longest name wins its place: "flushing" is not named by "anterior chamber flushing".
        ("Anterior_Chamber Flushing", "anterior chamber flushing", PHASES, True),
        ("Anterior_Chamber Flushing", "flushing", PHASES, False),
        ("irrigation / aspiration", "irrigation/aspiration", PHASES, True),
        # "I think" is not the ninth choice.
        (
            "I think so",
            "nine",
            ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
            False,
        ),
        ("I", "nine", ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), True),
        ("Nothing, no phase follows.", "none", (*PHASES, "none"), True),
        ("I believe that no phase follows.", "none", (*PHASES, "none"), True),
        ("I believe that no phase follows.", "incision", (*PHASES, "none"), False),
        # The right answer need not be among the choices.
        ("hydrodissection", "hydrodissection", PHASES, True),
        ("incision", "hydrodissection", PHASES, False),
    ],
)
def test_choice(prediction: str, answer: str, choices: tuple[str, ...], right: bool) -> None:
    assert match.matches("choice", prediction, Target(answer=answer, choices=choices, kind="phase")) is right


@pytest.mark.parametrize(
    ("prediction", "answer", "right"),
    [
        ("forceps, spatula", "spatula, forceps", True),
        ("I see a spatula and the forceps.", "spatula, forceps", True),
        ("Spatula", "spatula, forceps", False),
        ("spatula, forceps, phaco tip", "spatula, forceps", False),  # one too many, a known one
        ("spatula, forceps, scalpel", "spatula, forceps", False),  # one too many, an invented one
        ("spatula but no forceps", "spatula", True),
        ("none", "none", True),
        ("No instruments are visible.", "none", True),
        ("spatula", "none", False),
        ("A scalpel is in the middle of the picture", "none", False),  # silence is not "none"
        ("", "none", False),
        ("none", "spatula", False),
        # The first moment of a case: unknown, which isn't nothing.
        ("no earlier moment", "no earlier moment", True),
        ("none", "no earlier moment", False),
        ("no earlier moment", "none", False),
        ("There is no earlier one to compare with.", "none", False),
    ],
)
@pytest.mark.parametrize("rule", ["word", "choice"])
def test_lists_are_sets(rule: str, prediction: str, answer: str, right: bool) -> None:
    known = ("forceps", "no earlier moment", "phaco tip", "spatula")
    assert match.matches(rule, prediction, Target(answer=answer, choices=known, kind="instruments")) is right


@pytest.mark.parametrize("rule", ["word", "choice"])
def test_a_longer_known_answer_is_not_the_shorter_one(rule: str) -> None:
    """The choices offer one phase; the answer names another whose name begins alike."""
    said, choices, known = (
        "Next comes viscoelastic suction.",
        ("viscoelastic", "incision"),
        ("viscoelastic suction",),
    )
    asked = Target(answer="viscoelastic", choices=choices, known_answers=known)
    assert match.matches(rule, said, Target(answer="viscoelastic", choices=choices))
    assert not match.matches(rule, said, asked)
    assert match.matches(rule, "Next comes viscoelastic.", asked)


@pytest.mark.parametrize(
    ("prediction", "right"),
    [
        ("upper left", True),
        ("In the top-left corner.", True),
        ("left", False),
        ("top left or bottom right", False),
        ("not in the bottom right but in the top left", True),
        ("center", False),
    ],
)
def test_cells_by_place(prediction: str, right: bool) -> None:
    assert match.matches("word", prediction, Target(answer="top-left", kind="absolute_position")) is right


def test_repeating_the_question_is_no_answer() -> None:
    question = "Is the spatula left of or right of the pupil?"
    asked = Target(answer="left of", question=question)
    for echo in (question, question.lower().rstrip("?"), f"{question}\n"):
        verdict = match.judge("word", echo, asked)
        assert verdict == match.Verdict(False, "repeats the question")
    assert match.matches("word", f"{question} Left of.", asked)
    assert not match.matches("word", f"{question} Right of.", asked)


def test_the_full_sentence_is_right_too() -> None:
    sentence = "The lesion moves downward."
    assert match.matches("exact", "the lesion moves downward", Target(answer="down", sentence=sentence))
    assert match.matches("choice", sentence, Target(answer="down", choices=DIRECTIONS, sentence=sentence))


def test_unknown_rule() -> None:
    with pytest.raises(InputError, match="did you mean substring"):
        match.matches("substr", "a", Target(answer="a"))


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("[100, 100, 300, 300]", True),
        ("The box is [110, 95, 305, 290].", True),
        ("It lies at (100, 100, 300, 190)", False),
        ("[100, 100, 300, 300] or [500, 500, 600, 600]", False),
        ("[300, 300, 100, 100]", False),
        ("top-left", False),
        ("not visible", False),
    ],
)
def test_a_box_is_right_that_overlaps_by_half(reply: str, right: bool):
    asked = Target(
        answer="[100, 100, 300, 300]", kind="box", known_answers=("[100, 100, 300, 300]", "not visible")
    )
    assert match.matches("word", reply, asked) is right and match.matches("choice", reply, asked) is right
    assert match.matches(
        "word", reply, Target(answer="not visible", kind="box", known_answers=("not visible",))
    ) is (reply == "not visible")


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("1.0-3.0 s", True),
        ("It is in view from 1 s to 4 s.", True),
        ("between 0.5 and 3 seconds", True),
        ("0.0-6.0 s", False),
        ("at 2 s", False),
        ("1-3 s or 4-6 s", False),
    ],
)
def test_an_interval_is_right_that_overlaps_by_half(reply: str, right: bool):
    asked = Target(answer="1.0-3.0 s", kind="when", known_answers=("1.0-3.0 s", "0.0-1.0 s"))
    assert match.matches("word", reply, asked) is right


def test_a_reply_without_a_box_or_an_interval_is_undecided():
    assert match.judge("word", "somewhere up there", Target(answer="[1, 2, 3, 4]", kind="box")).is_undecided
    assert match.judge("word", "for a while", Target(answer="1.0-3.0 s", kind="when")).is_undecided


@pytest.mark.parametrize(
    ("rule", "prediction", "asked", "cause"),
    [
        ("word", "-", Target(answer="+"), "another answer"),
        ("word", "the hook", Target(answer="top-left", kind="absolute_position"), match.NO_CELL),
        ("word", "bottom right", Target(answer="top-left", kind="absolute_position"), "another cell"),
        ("choice", "E", Target(answer="left", choices=("left", "right", "up", "down")), match.NO_CHOICE),
        ("choice", "the sky", Target(answer="left", choices=("left", "right")), match.NO_CHOICE),
        ("word", "the sky", Target(answer="left", choices=("left", "right")), match.NOT_NAMED),
        ("choice", "the sky", Target(answer="left", known_answers=("left", "right")), match.NOT_NAMED),
    ],
)
def test_the_cause_is_that_of_the_rule(rule: str, prediction: str, asked: Target, cause: str) -> None:
    assert match.judge(rule, prediction, asked) == (False, cause)


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("0.0-2.0 s: hook; 2.0-6.0 s: grasper, hook", True),
        ("From 0 s to 2.4 s: hook. From 2.4 s to 6 s: hook and grasper.", True),
        ("0-2 s: the hook\n2-6 s: the grasper and the hook", True),
        ("0.0-2.0 s: hook; 2.0-6.0 s: grasper", False),  # one is missing
        ("0.0-6.0 s: grasper, hook", False),
        ("0.0-5.0 s: hook; 5.0-6.0 s: grasper, hook", False),  # the change is elsewhere
        ("0.0-2.0 s: hook; 2.0-4.0 s: grasper, hook; 4.0-6.0 s: none", False),
        ("hook, then grasper and hook", False),
    ],
)
def test_stretches_of_time_are_right_by_names_and_overlap(reply, right):
    target = match.Target(answer="0.0-2.0 s: hook; 2.0-6.0 s: grasper, hook", kind="timed_caption")
    assert match.matches("word", reply, target) is right
