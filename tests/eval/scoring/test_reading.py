"""How people and models write an answer: the reading of replies, kind by kind."""

from __future__ import annotations

import pytest
from surgvqa.eval.scoring.match import Target, judge

PHASES = (
    "incision",
    "viscoelastic",
    "capsulorhexis",
    "hydrodissection",
    "phacoemulsification",
    "irrigation/aspiration",
    "lens implantation",
    "viscoelastic suction",
    "idle",
)
WAYS = ("left", "right", "up", "down", "still")
YES_NO = ("yes", "no")
CELLS = (
    "top-left",
    "top-center",
    "top-right",
    "middle-left",
    "center",
    "middle-right",
    "bottom-left",
    "bottom-center",
    "bottom-right",
    "not visible",
)
RELATIONS = ("left of", "right of", "above", "below", "inside", "around", "at the same place", "not visible")
INSTRUMENTS = ("forceps", "spatula", "knife", "needle", "cannula", "phaco tip")
CHOICES = {
    "phase": PHASES,
    "presence": YES_NO,
    "motion_direction": WAYS,
    "absolute_position": CELLS,
    "relative_position": RELATIONS,
}
KNOWN = {
    "instruments": INSTRUMENTS,
    "tool": ("forceps", "cadiere forceps", "scissors", "hook"),
    "organ": ("liver", "gallbladder", "stomach"),
    "size": ("5-10 mm", "<5 mm", ">10 mm"),
    "count": (),
}
QUESTIONS = {
    "presence": "Is the spatula visible in this clip?",
    "relative_position": "Where is the forceps relative to the pupil: left of, right of, above, below, inside, around, or at the same place?",
    "phase": "Which phase is it?",
}

RIGHT = {
    "phase": [
        ("phacoemulsification", "The current phase is phacoemulsification (not hydrodissection)."),
        ("phacoemulsification", "This is not hydrodissection, it is phacoemulsification."),
        ("phacoemulsification", "After hydrodissection, the surgeon is doing phacoemulsification"),
        ("phacoemulsification", "(e)"),
        ("phacoemulsification", "e)"),
        ("phacoemulsification", "The answer is E."),
        ("phacoemulsification", "E: phacoemulsification"),
        ("phacoemulsification", "E) phacoemulsification"),
        ("phacoemulsification", "choice (E)"),
        ("phacoemulsification", "<answer>E</answer>"),
        ("phacoemulsification", "<think>incision</think><answer>phacoemulsification</answer>"),
        ("phacoemulsification", "[THINK]incision[/THINK]phacoemulsification"),
        ("phacoemulsification", "◁think▷ incision ◁/think▷ phacoemulsification"),
        (
            "phacoemulsification",
            "<|channel|>analysis<|message|>incision?<|end|><|start|>assistant<|channel|>final<|message|>phacoemulsification",
        ),
        ("phacoemulsification", "<THINK>incision</THINK>\n\n**Phacoemulsification**"),
        (
            "phacoemulsification",
            "Reasoning: the tip vibrates, it isn't incision.\nFinal answer: phacoemulsification",
        ),
        ("phacoemulsification", "Phacoemulsifikation"),
        ("phacoemulsification", "phaco emulsification"),
        ("phacoemulsification", "PHACOEMULSIFICATION!!!"),
        ("phacoemulsification", "<|begin_of_box|>phacoemulsification<|end_of_box|>"),
        ("phacoemulsification", "{'answer': 'phacoemulsification'}"),
        ("phacoemulsification", '{"reasoning": "could be incision", "answer": "E"}'),
        ("phacoemulsification", '["phacoemulsification"]'),
        ("phacoemulsification", "$\\boxed{\\text{phacoemulsification}}$"),
        ("phacoemulsification", "I think it's phacoemulsification, but I'm not certain"),
        ("phacoemulsification", "phacoemulsification step"),
        ("phacoemulsification", "The surgeon emulsifies the lens with the phaco probe."),
        ("idle", "Nothing is happening."),
        ("idle", "no phase"),
        ("lens implantation", "IOL implantation"),
        ("lens implantation", "implantation of the lens"),
        ("viscoelastic suction", "Viscoelastic_Suction"),
        ("viscoelastic", "viscoelastic"),
        ("capsulorhexis", "capsulorrhexis"),
        ("capsulorhexis", "rhexis"),
        ("irrigation/aspiration", "Irrigation & aspiration"),
        ("irrigation/aspiration", "irrigation-aspiration"),
    ],
    "presence": [
        ("yes", "Yes, it is."),
        ("yes", "It is visible."),
        ("no", "It is not visible."),
        ("no", "It isn't."),
        ("yes", "The spatula can be seen in the clip."),
        ("no", "No spatula is visible."),
        ("no", "The spatula cannot be seen"),
        ("no", "I don't see a spatula."),
        ("yes", "I see a spatula."),
        ("no", "not yes"),
        ("no", "Definitely not."),
        ("yes", "Definitely."),
        ("yes", "Absolutely yes"),
        ("yes", "Oui"),
        ("no", "Nein"),
        ("yes", "Ja, der Spatel ist sichtbar"),
        ("no", "否"),
        ("no", "没有"),
        ("yes", "Based on the image, the spatula is visible."),
        ("no", "Final Answer: No."),
        ("no", "B"),
        ("yes", "(A) Yes"),
        ("no", "False"),
        ("yes", "The answer is yes."),
        ("yes", "y"),
        ("no", "n"),
        ("no", "The spatula is absent."),
        ("no", "There isn't a spatula."),
        ("no", "There is no sign of a spatula"),
        ("yes", "yes!"),
        ("yes", "YES"),
        ("no", "No, only the forceps is visible."),
        ("yes", "Yes, and no knife is visible."),
        ("no", "No, the forceps are visible but not the spatula"),
        ("yes", "There is a spatula."),
        ("yes", "unsure, probably yes"),
    ],
    "instruments": [
        ("forceps, spatula", "The instruments are forceps and a spatula."),
        ("forceps, spatula", "spatula + forceps"),
        ("forceps, spatula", "* spatula\n* forceps"),
        ("forceps, spatula", "1) spatula 2) forceps"),
        ("forceps, spatula", "Spatulas and forceps."),
        ("forceps, spatula", "forceps and spatula (no knife)"),
        ("forceps, spatula", "A pair of forceps together with a spatula is in view."),
        ("forceps, spatula", '{"instruments": ["spatula", "forceps"]}'),
        ("forceps, spatula", "In this image, I can see forceps and a spatula."),
        ("none", "No instruments"),
        ("none", "[]"),
        ("none", "There are no visible instruments."),
        ("none", "I don't see any instruments."),
        ("none", "None of them"),
        ("none", "None visible."),
        ("forceps", "forceps only"),
        ("forceps", "Only the forceps is visible; there is no spatula."),
    ],
    "count": [
        ("2", "Two."),
        ("2", "2 instruments: forceps and spatula"),
        ("2", "²"),
        ("2", "٢"),
        ("2", "二"),
        ("2", "两个"),
        ("2", "about 2"),
        ("0", "There are no instruments."),
        ("0", "0"),
        ("1", "Only one"),
        ("1", "one instrument is visible"),
        ("1", "I see one."),
        ("21", "twenty-one"),
        ("3", "There are 3: two forceps and one spatula."),
        ("2", "2 (two)"),
        ("2", "zwei"),
        ("2", "The number of instruments is 2."),
        ("2", "a pair"),
    ],
    "motion_direction": [
        ("left", "Toward the left"),
        ("left", "It's moving leftward."),
        ("right", "left to right"),
        ("still", "It is not moving."),
        ("still", "It doesn't move."),
        ("still", "It remains still."),
        ("left", "←"),
        ("left", "away from the right, towards the left"),
        ("up", "It moves up."),
    ],
    "absolute_position": [
        ("top-left", "top left corner of the image"),
        ("top-left", "In the upper left."),
        ("top-left", "upper portion, left side"),
        ("center", "in the middle"),
        ("center", "It is at the centre of the frame."),
        ("top-center", "top"),
        ("top-center", "top middle"),
        ("not visible", "It cannot be seen."),
        ("not visible", "out of view"),
        ("top-left", "A"),
        ("bottom-right", "lower right quadrant"),
        ("bottom-right", "bottom right, not top left"),
        ("middle-right", "center right"),
    ],
    "relative_position": [
        ("left of", "It is on the left side of the pupil."),
        ("left of", "The forceps is to the left of the pupil."),
        ("above", "The pupil is below the forceps"),
        ("above", "over the pupil"),
        ("inside", "within the pupil"),
        ("below", "underneath"),
    ],
    "tool": [
        ("forceps", "A pair of forceps is used."),
        ("scissors", "scissor"),
        ("hook", "The hook, rather than the scissors."),
    ],
    "organ": [
        ("liver", "The liver is being retracted; the gallbladder is not touched."),
        ("gallbladder", "gall bladder"),
        ("gallbladder", "Gallbladder (GB)"),
        ("liver", "I'd say liver"),
    ],
    "size": [
        ("5-10 mm", "between 5 and 10 mm"),
        ("<5 mm", "less than 5 mm"),
        ("<5 mm", "< 5mm"),
        ("<5 mm", "under 5 millimeters"),
        ("5-10 mm", "0.5-1 cm"),
        ("5-10 mm", "5–10mm"),
        ("<5", "smaller than 5 mm"),
        (">10 mm", "more than 10 mm"),
    ],
}

WRONG = {
    "phase": [
        ("phacoemulsification", "either phacoemulsification or incision"),
        ("phacoemulsification", "phacoemulsification, hydrodissection"),
        ("phacoemulsification", "Not phacoemulsification."),
        ("phacoemulsification", "The phase after hydrodissection."),
        ("phacoemulsification", "phacoemulsification has just been completed"),
        ("phacoemulsification", "A or E"),
        ("phacoemulsification", "<reasoning>phacoemulsification"),
        ("phacoemulsification", "<think>phacoemulsification</think>"),
        ("phacoemulsification", "I cannot determine the phase."),
        ("phacoemulsification", "All of the above"),
        ("phacoemulsification", "It could be incision. It could be phacoemulsification."),
        ("phacoemulsification", "incision / phacoemulsification"),
        ("phacoemulsification", "incision? phacoemulsification?"),
        ("phacoemulsification", "All phases except phacoemulsification"),
        ("phacoemulsification", "phacoemulsification is about to begin"),
        ("phacoemulsification", "phacoemulsification has not started yet"),
        ("irrigation/aspiration", "irrigation"),
    ],
    "presence": [
        ("yes", "No spatula is visible."),
        ("yes", "Yes, no"),
        ("yes", "Maybe"),
        ("yes", "Maybe yes, maybe no"),
        ("no", "I can't tell"),
        ("yes", "Yes I cannot see it"),
        ("yes", "B"),
        ("yes", "B. Yes"),
        ("no", "Neither yes nor no"),
    ],
    "instruments": [
        ("forceps, spatula", "forceps, spatula and others"),
        ("forceps, spatula", "forceps or spatula"),
        ("forceps, spatula", "forceps, spatula, maybe a knife"),
    ],
    "count": [
        ("2", "1-2"),
        ("2", "one or two"),
        ("2", "at most two"),
        ("2", "2.5"),
        ("2", "II"),
        ("2", "fewer than 3"),
        ("2", "2+"),
        ("2", ">2"),
        ("1", "The one on the left is a forceps"),
        ("2", "not 2"),
        ("2", "3, not 2"),
    ],
    "motion_direction": [("left", "left to right"), ("left", "up and left")],
    "absolute_position": [
        ("top-left", "left"),
        ("top-left", "not top left"),
        ("middle-left", "left of the centre"),
        ("top-left", "everywhere"),
        ("top-left", "top-left, top-right"),
    ],
    "relative_position": [
        ("right of", "The forceps is to the left of the pupil."),
        ("left of", "left of or above"),
        ("left of", "neither left of nor above"),
    ],
    "tool": [("forceps", "cadiere forceps"), ("cadiere forceps", "forceps"), ("hook", "hook and scissors")],
    "organ": [("liver", "livr"), ("liver", "The organ next to the liver")],
    "size": [("<5 mm", ">5 mm"), ("5-10 mm", "10 mm"), ("5-10 mm", "5-10 cm")],
}


def cases(table: dict[str, list[tuple[str, str]]]) -> list[tuple[str, str, str]]:
    return [(kind, truth, reply) for kind, own in table.items() for truth, reply in own]


def right(kind: str, truth: str, reply: str) -> bool:
    choices = CHOICES.get(kind, ())
    known = choices or KNOWN[kind]
    asked = Target(
        answer=truth, choices=choices, kind=kind, question=QUESTIONS.get(kind, ""), known_answers=known
    )
    return judge("choice", reply, asked).correct


@pytest.mark.parametrize(("kind", "truth", "reply"), cases(RIGHT))
def test_right_in_other_words(kind: str, truth: str, reply: str) -> None:
    assert right(kind, truth, reply)


@pytest.mark.parametrize(("kind", "truth", "reply"), cases(WRONG))
def test_wrong_however_alike(kind: str, truth: str, reply: str) -> None:
    assert not right(kind, truth, reply)


@pytest.mark.parametrize("rule", ["word", "choice", "exact"])
@pytest.mark.parametrize(
    "reply", ["<think>left", "left <think> left?", "<Reasoning> left", "[THINK]left", "<think>left</think>"]
)
def test_thoughts_are_no_answer(rule: str, reply: str) -> None:
    assert not judge(rule, reply, Target(answer="left", known_answers=("left", "right"))).correct


def test_a_verdict_that_no_rule_can_give_is_undecided() -> None:
    assert judge("word", "There it goes", Target(answer="left", known_answers=("left", "right"))).is_undecided
    assert not judge("word", "right", Target(answer="left", known_answers=("left", "right"))).is_undecided


@pytest.mark.parametrize(
    ("question", "truth", "reply"),
    [
        ("Is the scope moving forward?", "no", "No, the scope is moving backward."),
        ("Is the scope moving forward?", "yes", "Yes, the scope moves forward"),
        ("Are lesions present?", "no", "No lesions are present"),
        ("Is a polyp visible?", "no", "It appears that there is no polyp."),
    ],
)
def test_a_reason_is_no_contradiction(question: str, truth: str, reply: str) -> None:
    asked = Target(answer=truth, kind="seen", question=question, known_answers=("yes", "no"))
    assert judge("word", reply, asked).correct
