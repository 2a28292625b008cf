"""Is this answer right? One declared rule at a time, and the cause when it isn't.

``exact``      the same words, whole and in order, as the short answer or as the answer's sentence
``word``       the answer's words stand in the prediction, whole, in order and not negated
``substring``  the characters occur anywhere ("no" in "normal"); kept to reproduce published figures
``choice``     the prediction names exactly one of the choices, and it is the right one; else ``word``

Common to ``word`` and ``choice``: yes/no is read from the leading word, lists are compared as sets,
grid cells by their place. An empty prediction is wrong under every rule; a refusal and a repeated
question are wrong under every rule but ``substring``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from surgvqa.cards.command import InputError, nearest
from surgvqa.eval.scoring import grid_answers
from surgvqa.eval.scoring.lists import listed, nothing, says_nothing
from surgvqa.eval.scoring.negation import affirmed, after, clauses, final, named, negated, spots, words

RULES = ("exact", "word", "substring", "choice")
SET_KINDS = frozenset({"instruments", "anatomy", "entered", "exited"})  # a list of names is the answer
CELL_KINDS = frozenset({"absolute_position"})
YES_NO = ("yes", "no")
NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

LETTER = re.compile(r"^\(?([A-Z])(?:[).:]|\s*$)")  # "B", "(B)", "B. spatula", but not "I think"
REFUSAL = re.compile(
    r"\bi(?: am|'m) (?:sorry|unable|not able|not sure)\b|\bi (?:can ?not|can't|don't know|do not know)\b"
    r"|\b(?:unable|impossible) to (?:determine|tell|say|see|answer|assess)\b|\bas an ai\b"
    r"|\bcan(?:not|'t| not) (?:be )?(?:determined?|tell|told|say|assess(?:ed)?|answer(?:ed)?)\b"
    r"|\bnot enough information\b|\binsufficient information\b"
)

REFUSING = frozenset(["i", "i'm", "unable", "impossible", "ai", "cannot", "can't", "can", "information"])


class Verdict(NamedTuple):
    """Right or wrong, and why wrong."""

    correct: bool
    cause: str  # "" when right


RIGHT = Verdict(True, "")


def matches(
    rule: str,
    prediction: str,
    answer: str,
    choices: Sequence[str] = (),
    kind: str = "",
    sentence: str = "",
    question: str = "",
    known: Sequence[str] = (),
) -> bool:
    """Whether ``prediction`` is right under ``rule``; ``answer`` is the short answer.

    ``choices`` are the question's; for a list they are the names that could stand in it. ``sentence`` is
    the full answer and ``question`` the question's text, where known. ``known`` are the answers that the
    kind has elsewhere: a longer one that the prediction names is not taken for the shorter one inside it.

    >>> matches("substring", "The mucosa looks normal", "no"), matches("word", "The mucosa looks normal", "no")
    (True, False)
    >>> matches("word", "It is not left", "left"), matches("word", "It is not right but left", "left")
    (False, True)
    >>> matches("choice", "left or right", "left", ("left", "right"))
    False
    """
    return judge(rule, prediction, answer, tuple(choices), kind, sentence, question, tuple(known)).correct


def judge(
    rule: str,
    prediction: str,
    answer: str,
    choices: tuple[str, ...] = (),
    kind: str = "",
    sentence: str = "",
    question: str = "",
    known: tuple[str, ...] = (),
) -> Verdict:
    """As ``matches``, with the cause.

    >>> judge("choice", "top left, or maybe the center", "left", ("left", "top left", "center"))
    Verdict(correct=False, cause='names several answers')
    """
    if rule not in RULES:
        raise InputError(f"--rule {rule}: no such rule; {nearest(rule, RULES)}")
    if not prediction.strip():
        return Verdict(False, "empty")
    if rule == "substring":
        found = answer.strip().lower() in prediction.lower()
        return RIGHT if found else Verdict(False, "not in it")
    text = final(prediction)
    said = words(text)
    if said and said in (words(answer), words(sentence)):
        return RIGHT
    asked = words(question)
    if asked and said[: len(asked)] == asked:
        text, said = after(text, len(asked)), said[len(asked) :]
        if not said:
            return Verdict(False, "repeats the question")
        if said in (words(answer), words(sentence)):
            return RIGHT
    if not said or not words(answer):  # symbols only: nothing to find as words
        same = text.strip().casefold() == answer.strip().casefold()
        return RIGHT if same else Verdict(False, "another answer")
    if rule == "exact":
        return Verdict(False, "not the same words")
    if not REFUSING.isdisjoint(said) and REFUSAL.search(" ".join(said)):
        return Verdict(False, "refusal")
    return _in_words(rule, text, answer, choices, kind, known)


def _in_words(
    rule: str, text: str, answer: str, choices: tuple[str, ...], kind: str, known: tuple[str, ...]
) -> Verdict:
    if answer.strip().casefold() in YES_NO:
        return _leading(text, answer.strip().casefold())
    if kind in SET_KINDS:
        given, truth = listed(text, answer, (*choices, *known))
        return RIGHT if given == truth else Verdict(False, "another list")
    if kind in CELL_KINDS and (cell := grid_answers.cell(words(answer))) is not None:
        there = grid_answers.cell(affirmed(text))
        cause = "no single cell" if there is None else "another cell"
        return RIGHT if there == cell else Verdict(False, cause)
    if answer.strip().isdigit():
        return _counted(text, answer.strip())
    if rule == "choice" and choices:
        return _chosen(text, answer, choices, known)
    return _found(text, answer, known)


def _found(text: str, answer: str, known: tuple[str, ...]) -> Verdict:
    """The answer's words, not negated and not a part of a longer known answer."""
    found = {words(option) for option in named(text, (answer, *known))}
    if words(answer) in found or (nothing(answer) and not found and says_nothing(text)):
        return RIGHT
    places = spots(clauses(text), words(answer))
    if not places:
        return Verdict(False, "not among its words")
    denied = all(negated(clauses(text), start, end) for start, end in places)
    return Verdict(False, "negated" if denied else "another answer")


def _counted(text: str, answer: str) -> Verdict:
    """A whole number: the only one that is named, in digits or as a word up to ten; 0 also as "no …"."""
    said = (str(NUMERALS.index(word)) if word in NUMERALS else word for word in affirmed(text))
    numbers = {word for word in said if word[0].isdigit()}
    if len(numbers) > 1:
        return Verdict(False, "names several answers")
    if not numbers and says_nothing(text):
        numbers = {"0"}
    return RIGHT if numbers == {answer} else Verdict(False, "another answer")


def _leading(text: str, answer: str) -> Verdict:
    said = words(text)
    if said[0] not in YES_NO:
        return Verdict(False, "no leading yes or no")
    rest = said[2:3] if said[1:2] in (("or",), ("and",)) else said[1:2]
    if rest and rest[0] in YES_NO and rest[0] != said[0]:
        return Verdict(False, "names several answers")
    return RIGHT if said[0] == answer else Verdict(False, "another answer")


def _chosen(text: str, answer: str, choices: tuple[str, ...], known: tuple[str, ...]) -> Verdict:
    wanted = words(answer)
    found = {words(option) for option in named(text, (*choices, answer, *known))}
    if not found and (letter := LETTER.match(text.strip())):
        place = ord(letter.group(1)) - ord("A")
        found = {words(choice) for choice in choices[place : place + 1]}
    if not found and nothing(answer) and says_nothing(text):
        return RIGHT
    if len(found) != 1:
        return Verdict(False, "names several answers" if found else "names no choice")
    return RIGHT if found == {wanted} else Verdict(False, "another answer")
