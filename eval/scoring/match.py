"""Is this answer right? One declared rule at a time, and the cause when it isn't.

``exact``      the same words, whole and in order, as the short answer or as the answer's sentence
``word``       the reply states the answer and no other answer of the kind
``substring``  the characters occur anywhere ("no" in "normal"); kept to reproduce published figures
``choice``     as ``word``, and the letter of one of the question's choices stands for it

Common to ``word`` and ``choice``: thoughts and wrappers are taken off first (`eval.reading`), yes/no is read from
the words that say it or from a sentence on what was asked, lists are compared as sets, grid cells by their place,
numbers by their value. An empty reply is wrong under every rule; a refusal and a repeated question are wrong under
every rule but ``substring``. A reply out of which none of the kind's answers can be read is wrong, and `undecided`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from functools import lru_cache
from typing import NamedTuple

from surgvqa.cards.command import InputError, nearest
from surgvqa.eval.reading import grid_answers, hedges, letters, numbers, polarity
from surgvqa.eval.reading.lists import items, listed, nothing, says_nothing
from surgvqa.eval.reading.negation import negated
from surgvqa.eval.reading.terms import mentions, stated
from surgvqa.eval.reading.tokens import after, clauses, name, words
from surgvqa.eval.reading.unwrap import unwrap

RULES = ("exact", "word", "substring", "choice")
SET_KINDS = frozenset({"instruments", "anatomy", "entered", "exited"})  # a list of names is the answer
CELL_KINDS = frozenset({"absolute_position"})
YES_NO = polarity.YES_NO

SEVERAL = polarity.SEVERAL
LETTER_AND_TEXT = "letter and text contradict"
NOT_NAMED, NO_CHOICE, NO_CELL, NO_NUMBER = (
    "not among its words",
    "names no choice",
    "no single cell",
    "names no number",
)
UNDECIDED = frozenset({NOT_NAMED, NO_CHOICE, NO_CELL, NO_NUMBER, polarity.NOTHING_SAID, polarity.CONTRADICTS})

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

    @property
    def undecided(self) -> bool:
        """No rule can tell what the reply says: it counts as wrong."""
        return self.cause in UNDECIDED


RIGHT = Verdict(True, "")


class Asked(NamedTuple):
    """A question and what is known of its kind."""

    rule: str
    answer: str
    choices: tuple[str, ...]
    kind: str
    question: str
    known: tuple[str, ...]  # answers of the kind: naming a second one is no answer
    listed: tuple[str, ...]  # answers of related questions: joining or listing one is no answer


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
    kind has elsewhere: a reply that states one of them too is no answer.

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
    others: tuple[str, ...] = (),
) -> Verdict:
    """As ``matches``, with the cause; ``others`` are answers to related questions, which may not be listed.

    >>> judge("choice", "top left, or maybe the center", "left", ("left", "top left", "center"))
    Verdict(correct=False, cause='names several answers')
    >>> judge("word", "It might be left.</think> right", "left", known=("left", "right"))
    Verdict(correct=False, cause='another answer')
    """
    if rule not in RULES:
        raise InputError(f"--rule {rule}: no such rule; {nearest(rule, RULES)}")
    if not prediction.strip():
        return Verdict(False, "empty")
    if rule == "substring":
        found = answer.strip().lower() in prediction.lower()
        return RIGHT if found else Verdict(False, "not in it")
    reply = unwrap(prediction)
    if reply.cause:
        return Verdict(False, reply.cause)
    text = reply.text
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
        return RIGHT if same else Verdict(False, "another answer" if text.strip() else "empty")
    if rule == "exact":
        return Verdict(False, "not the same words")
    return _in_words(text, Asked(rule, answer, choices, kind, question, known, others or known))


def _in_words(text: str, asked: Asked) -> Verdict:
    short = asked.answer.strip()
    if short.casefold() in YES_NO:
        return _yes_or_no(text, short.casefold(), asked)
    if refuses(text):
        return Verdict(False, "refusal")
    if letters.are_letters((short, *asked.known)) and not asked.choices:
        letter = letters.letter(text)
        return _compare(set() if letter is None else {letter}, {short.upper()}, NO_CHOICE)
    options = _options(asked)
    if asked.kind in SET_KINDS or _is_list(short, options):
        return _as_set(text, asked)
    if asked.kind in CELL_KINDS and (cell := grid_answers.cell(words(short))) is not None:
        return _as_cell(text, cell, asked)
    if numbers.whole(short) is not None:
        return _counted(text, asked)
    if numbers.is_quantity(short):
        given = numbers.quantity(text)
        true = numbers.quantity(short)
        if given and true and not true.unit:
            given = given._replace(unit="")
        return _compare(set() if given is None else {given}, {true}, NO_NUMBER)
    return _named(text, asked, options)


def refuses(text: str) -> bool:
    """Whether a reply refuses to answer.

    >>> refuses("I'm sorry, I can't tell."), refuses("The tip can be seen")
    (True, False)
    """
    said = words(text)
    return not REFUSING.isdisjoint(said) and REFUSAL.search(" ".join(said)) is not None


@lru_cache(maxsize=4096)
def _merged(answer: str, choices: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*choices, answer, *known}))


def _options(asked: Asked) -> tuple[str, ...]:
    """The answers a reply may state; a choice of letters only says nothing about the words."""
    choices = asked.choices if asked.rule == "choice" else ()
    return _merged(asked.answer, choices, asked.known)


def _compare(given: Set[object], true: Set[object], none: str) -> Verdict:
    if len(given) > 1:
        return Verdict(False, SEVERAL)
    if not given:
        return Verdict(False, none)
    return RIGHT if given == true else Verdict(False, "another answer")


def _yes_or_no(text: str, answer: str, asked: Asked) -> Verdict:
    said, cause = polarity.polarity(text, asked.question)
    chosen = _lettered(text, asked)
    if not said and cause == polarity.NOTHING_SAID:
        if refuses(text):
            return Verdict(False, "refusal")
        if chosen:
            return _compare({chosen.casefold()}, {answer}, NO_CHOICE)
    elif said and chosen and chosen.casefold() in YES_NO and chosen.casefold() != said:
        return Verdict(False, LETTER_AND_TEXT)
    if said and hedges.joined(text, _but_yes_no(asked.listed)):
        return Verdict(False, SEVERAL)
    return _compare({said} if said else set(), {answer}, cause)


@lru_cache(maxsize=4096)
def _but_yes_no(options: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(option for option in options if option.casefold() not in YES_NO)


def _lettered(text: str, asked: Asked) -> str | None:
    """Return the choice whose letter a reply gives."""
    if asked.rule != "choice" or not asked.choices:
        return None
    letter = letters.letter(text)
    place = -1 if letter is None else ord(letter) - ord("A")
    return asked.choices[place] if 0 <= place < len(asked.choices) else None


def _is_list(answer: str, options: tuple[str, ...]) -> bool:
    """Whether an answer lists names: it has commas, and its parts are short."""
    parts = answer.split(",")
    return len(parts) > 1 and all(
        1 <= len(words(part)) <= 3 and not part.strip()[0].isdigit() for part in parts if part.strip()
    )


def _as_set(text: str, asked: Asked) -> Verdict:
    vocabulary = (*asked.choices, *asked.known)
    if asked.kind not in SET_KINDS:
        vocabulary = tuple(sorted({item for entry in vocabulary for item in items(entry)}))
    given, truth = listed(text, asked.answer, vocabulary)
    if (
        given == truth
        and len(truth) > 1
        and hedges.alternatives(text, tuple(sorted(truth)))
        and " or " in text
    ):
        return Verdict(False, SEVERAL)
    return RIGHT if given == truth else Verdict(False, "another list")


def _as_cell(text: str, cell: grid_answers.Cell, asked: Asked) -> Verdict:
    there = grid_answers.said_cell(text)
    elsewhere = tuple(option for option in _options(asked) if grid_answers.cell(words(option)) is None)
    if there is not None and stated(text, elsewhere):
        return Verdict(False, SEVERAL)
    chosen = _lettered(text, asked)
    if chosen and there is None and len(words(text)) < 4:
        there = grid_answers.cell(words(chosen))
    return RIGHT if there == cell else Verdict(False, NO_CELL if there is None else "another cell")


def _counted(text: str, asked: Asked) -> Verdict:
    """Return a whole number: the only one that is stated, in digits or as a word; 0 also as "no …"."""
    true = numbers.whole(asked.answer.strip())
    given = numbers.count(text)
    values = set(given.values)
    if given.bounded:
        return Verdict(False, "only a bound")
    if not values and says_nothing(text):
        values = {0.0}
    if not values and (chosen := _lettered(text, asked)) is not None:
        values = {numbers.whole(chosen) or 0.0} if numbers.whole(chosen) is not None else set()
    if values and hedges.joined(text, numbers.without_numbers(asked.listed)):
        return Verdict(False, SEVERAL)
    if numbers.is_share(text) and not numbers.is_share(asked.question):
        return Verdict(False, "a share, no number")
    return _compare(set(values), {true}, NO_NUMBER)


def _named(text: str, asked: Asked, options: tuple[str, ...]) -> Verdict:
    """Return the one of the kind's answers that a reply states, by its words or by its letter."""
    text = grid_answers.within(text, asked.question)
    found = stated(text, options, asked.question)
    if len(found) == 1 and asked.question:
        other = grid_answers.converse(text, asked.question, name(found[0]))
        found = tuple(option for option in options if name(option) == other) or found
    forms = {words(option) for option in found}
    chosen = _lettered(text, asked)
    if chosen is not None:
        if not forms and not mentions(text, options):
            forms = {words(chosen)}
        elif forms and words(chosen) not in forms:
            return Verdict(False, LETTER_AND_TEXT)
    if not forms and nothing(asked.answer) and says_nothing(text):
        return RIGHT
    if len(forms) > 1 or hedges.alternatives(text, options) or hedges.joined(text, asked.listed):
        return Verdict(False, SEVERAL)
    if forms:
        return RIGHT if forms == {words(asked.answer)} else Verdict(False, "another answer")
    return _not_stated(text, asked, options)


def _not_stated(text: str, asked: Asked, options: tuple[str, ...]) -> Verdict:
    found = mentions(text, options)
    own = [mention for mention in found if words(mention.option) == words(asked.answer)]
    tokens = clauses(text)
    if own and all(negated(tokens, mention.start, mention.end) for mention in own):
        return Verdict(False, "negated")
    if found:
        return Verdict(False, "another answer")
    return Verdict(False, NO_CHOICE if asked.rule == "choice" and asked.choices else NOT_NAMED)
