"""Is this answer right? One declared rule at a time, and the cause when it isn't.

``exact``      the same words, whole and in order, as the short answer or as the answer's sentence
``word``       the reply states the answer and no other answer of the kind
``substring``  the characters occur anywhere ("no" in "normal"); kept to reproduce published figures
``choice``     as ``word``, and the letter of one of the question's choices stands for it

Common to ``word`` and ``choice``: thoughts and wrappers are taken off first (`eval.reading`), yes/no is read from
the words that say it or from a sentence on what was asked, lists are compared as sets, grid cells by their place,
numbers by their value, boxes and intervals of time by an overlap of half their union. An empty reply is wrong under every rule; a refusal and a repeated question are wrong under
every rule but ``substring``. A reply out of which none of the kind's answers can be read is wrong, and `undecided`.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_uppercase
from typing import NamedTuple

from surgvqa.builders.geometry import regions
from surgvqa.cards.command import InputError, nearest
from surgvqa.eval.reading import grid_answers, hedges, letters, numbers, polarity
from surgvqa.eval.reading.lists import doubts, is_list, items, listed, nothing, says_nothing
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
NO_BOX, NO_SPAN = "names no box", "names no interval"
NOT_NAMED, NO_CHOICE, NO_CELL, NO_NUMBER = (
    "not among its words",
    "names no choice",
    "no single cell",
    "names no number",
)
UNDECIDED = frozenset(
    {NOT_NAMED, NO_CHOICE, NO_CELL, NO_NUMBER, NO_BOX, NO_SPAN, polarity.NOTHING_SAID, polarity.CONTRADICTS}
)


class Verdict(NamedTuple):
    """Right or wrong, and why wrong."""

    correct: bool
    cause: str  # "" when right

    @property
    def undecided(self) -> bool:
        """No rule can tell what the reply says: it counts as wrong."""
        return self.cause in UNDECIDED


RIGHT = Verdict(True, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, its right answer, and what is known of its kind."""

    answer: str  # the short answer
    choices: tuple[str, ...] = ()  # the question's; for a list the names that could stand in it
    kind: str = ""
    sentence: str = ""  # the full answer
    question: str = ""
    known: tuple[str, ...] = ()  # answers of the kind: naming a second one is no answer
    others: tuple[str, ...] = ()  # answers of related questions: joining or listing one is no answer

    @property
    def listed(self) -> tuple[str, ...]:
        """Answers of which a reply may not list several."""
        return self.others or self.known


def matches(rule: str, prediction: str, asked: Asked) -> bool:
    """Whether ``prediction`` is right under ``rule``.

    >>> no = Asked(answer="no")
    >>> matches("substring", "The mucosa looks normal", no), matches("word", "The mucosa looks normal", no)
    (True, False)
    >>> left = Asked(answer="left", choices=("left", "right"))
    >>> matches("word", "It is not left", left), matches("word", "It is not right but left", left)
    (False, True)
    >>> matches("choice", "left or right", left)
    False
    """
    return judge(rule, prediction, asked).correct


def judge(rule: str, prediction: str, asked: Asked) -> Verdict:
    """As ``matches``, with the cause.

    >>> judge("choice", "top left, or maybe the center", Asked(answer="left", choices=("left", "top left", "center")))
    Verdict(correct=False, cause='names several answers')
    >>> judge("word", "It might be left.</think> right", Asked(answer="left", known=("left", "right")))
    Verdict(correct=False, cause='another answer')
    """
    return judge_by((rule,), prediction, asked)[rule]


def judge_by(rules: Sequence[str], prediction: str, asked: Asked) -> dict[str, Verdict]:
    """Return the verdict of each rule, the reply read once for all of them.

    >>> [verdict.correct for verdict in judge_by(("exact", "word"), "to the left", Asked(answer="left")).values()]
    [False, True]
    """
    if unknown := next((rule for rule in rules if rule not in RULES), None):
        raise InputError(f"--rule {unknown}: no such rule; {nearest(unknown, RULES)}")
    if not prediction.strip():
        return dict.fromkeys(rules, Verdict(False, "empty"))
    text, settled = _read(prediction, asked)
    verdicts: dict[str, Verdict] = {}
    for rule in rules:
        if rule == "substring":
            found = asked.answer.strip().lower() in prediction.lower()
            verdicts[rule] = RIGHT if found else Verdict(False, "not in it")
        elif settled is not None:
            verdicts[rule] = settled
        elif rule == "exact":
            verdicts[rule] = Verdict(False, "not the same words")
        else:
            verdicts[rule] = _in_words(rule, text, asked)
    return verdicts


def _read(prediction: str, asked: Asked) -> tuple[str, Verdict | None]:
    """Return what a reply says, and the verdict where every rule but ``substring`` has the same."""
    reply = unwrap(prediction)
    if reply.cause:
        return "", Verdict(False, reply.cause)
    text = reply.text
    said = words(text)
    if said and said in (words(asked.answer), words(asked.sentence)):
        return text, RIGHT
    question = words(asked.question)
    if question and said[: len(question)] == question:
        text, said = after(text, len(question)), said[len(question) :]
        if not said:
            return text, Verdict(False, "repeats the question")
        if said in (words(asked.answer), words(asked.sentence)):
            return text, RIGHT
    if not said or not words(asked.answer):  # symbols only: nothing to find as words
        same = text.strip().casefold() == asked.answer.strip().casefold()
        return text, RIGHT if same else Verdict(False, "another answer" if text.strip() else "empty")
    return text, None


def _in_words(rule: str, text: str, asked: Asked) -> Verdict:
    short = asked.answer.strip()
    if hedges.supposes(text):
        return Verdict(False, "supposes something else")
    if short.casefold() in YES_NO:
        return _yes_or_no(rule, text, short.casefold(), asked)
    if hedges.refuses(text):
        return Verdict(False, "refusal")
    if letters.are_letters((short, *asked.known)) and not asked.choices:
        letter = letters.letter(text)
        return _compare(set() if letter is None else {letter}, short.upper(), NO_CHOICE)
    if (region := _as_region(text, short)) is not None:
        return region
    options = _options(rule, asked)
    if asked.kind in SET_KINDS or is_list(short):
        return _as_set(rule, text, asked)
    if (asked.kind in CELL_KINDS or grid_answers.are_cells(options)) and (
        cell := grid_answers.cell(words(short))
    ) is not None:
        return _as_cell(rule, text, cell, asked)
    if numbers.whole(short) is not None:
        return _counted(rule, text, asked)
    if numbers.is_quantity(short):
        given = numbers.quantity(text)
        true = numbers.quantity(short)
        if given and true and not true.unit:
            given = given._replace(unit="")
        return _compare(set() if given is None else {given}, true, NO_NUMBER)
    return _named(rule, text, asked, options)


def _as_region(text: str, short: str) -> Verdict | None:
    """Judge a reply to a question whose answer is a box or an interval; None where it is neither."""
    if (box := regions.true_box(short)) is not None:
        given = regions.boxes(text)
        return _overlapping([regions.same_box(one, box) for one in given], NO_BOX)
    if (span := regions.true_span(short)) is not None:
        return _overlapping(
            [regions.same_span(one, span) for one in regions.spans(numbers.in_seconds(text))], NO_SPAN
        )
    return None


def _overlapping(right: Sequence[bool], none: str) -> Verdict:
    if len(right) != 1:
        return Verdict(False, SEVERAL if right else none)
    return RIGHT if all(right) else Verdict(False, "another answer")


@lru_cache(maxsize=4096)
def _merged(answer: str, choices: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*choices, answer, *known}))


def _options(rule: str, asked: Asked) -> tuple[str, ...]:
    """Return the answers a reply may state; a choice of letters only says nothing about the words."""
    choices = asked.choices if rule == "choice" else ()
    return _merged(asked.answer, choices, asked.known)


def _compare(given: Set[object], true: object, none: str) -> Verdict:
    if len(given) > 1:
        return Verdict(False, SEVERAL)
    if not given:
        return Verdict(False, none)
    return RIGHT if true in given else Verdict(False, "another answer")


def _yes_or_no(rule: str, text: str, answer: str, asked: Asked) -> Verdict:
    said, cause = polarity.polarity(text, asked.question)
    chosen = _lettered(rule, text, asked)
    if not said and cause == polarity.NOTHING_SAID:
        if hedges.refuses(text):
            return Verdict(False, "refusal")
        if chosen:
            return _compare({chosen.casefold()}, answer, NO_CHOICE)
    elif said and chosen and chosen.casefold() in YES_NO and chosen.casefold() != said:
        return Verdict(False, LETTER_AND_TEXT)
    if said and hedges.joined(text, _but_yes_no(asked.listed)):
        return Verdict(False, SEVERAL)
    return _compare({said} if said else set(), answer, cause)


@lru_cache(maxsize=4096)
def _but_yes_no(options: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(option for option in options if option.casefold() not in YES_NO)


def _lettered(rule: str, text: str, asked: Asked) -> str | None:
    """Return the choice whose letter a reply gives."""
    if rule != "choice":
        return None
    letter = letters.letter(text) or letters.numbered(text, asked.choices)
    return dict(zip(ascii_uppercase, asked.choices, strict=False)).get(letter or "")


def _as_set(rule: str, text: str, asked: Asked) -> Verdict:
    vocabulary = (*asked.choices, *asked.known)
    if asked.kind not in SET_KINDS:
        vocabulary = tuple(sorted({item for entry in vocabulary for item in items(entry)}))
    given, truth = listed(text, asked.answer, vocabulary)
    if given.isdisjoint(map(name, vocabulary)) and (chosen := _lettered(rule, text, asked)) is not None:
        given = items(chosen, vocabulary)
    if given != truth:
        return Verdict(False, "another list")
    own = tuple(sorted(truth))
    if doubts(text, own) or (" or " in text and hedges.alternatives(text, own)):
        return Verdict(False, SEVERAL)
    return RIGHT


def _as_cell(rule: str, text: str, cell: grid_answers.Cell, asked: Asked) -> Verdict:
    there = grid_answers.said_cell(text)
    elsewhere = tuple(option for option in _options(rule, asked) if grid_answers.cell(words(option)) is None)
    if there is not None and stated(text, elsewhere):
        return Verdict(False, SEVERAL)
    if there is None and (chosen := _lettered(rule, text, asked)):
        there = grid_answers.cell(words(chosen))
    return RIGHT if there == cell else Verdict(False, NO_CELL if there is None else "another cell")


def _counted(rule: str, text: str, asked: Asked) -> Verdict:
    """Return a whole number: the only one that is stated, in digits or as a word; 0 also as "no …"."""
    true = numbers.whole(asked.answer.strip())
    given = numbers.count(text)
    values = set(given.values)
    if given.bounded:
        return Verdict(False, "only a bound")
    own = numbers.of_thing(text, asked.question)
    if own:
        values = set(own)
    others_only = not (values if own is None else own)
    if others_only and numbers.none_of(text, asked.question):
        values = {0.0}
    if not values:
        values = {0.0} if says_nothing(text) else _whole(_lettered(rule, text, asked))
    if values and hedges.joined(text, numbers.without_numbers(asked.listed)):
        return Verdict(False, SEVERAL)
    if numbers.is_share(text) and not numbers.is_share(asked.question):
        return Verdict(False, "a share, no number")
    return _compare(values, true, NO_NUMBER)


def _whole(choice: str | None) -> set[float]:
    number = None if choice is None else numbers.whole(choice)
    return set() if number is None else {number}


def _named(rule: str, text: str, asked: Asked, options: tuple[str, ...]) -> Verdict:
    """Return the one of the kind's answers that a reply states, by its words or by its letter."""
    text = grid_answers.within(text, asked.question)
    found = stated(text, options, asked.question)
    if len(found) == 1 and asked.question:
        other = grid_answers.converse(text, asked.question, *map(name, found))
        found = tuple(option for option in options if name(option) == other) or found
    forms = {words(option) for option in found}
    chosen = _lettered(rule, text, asked)
    if chosen is not None:
        if not forms and _only_denies_others(text, options, words(chosen)):
            forms = {words(chosen)}
        elif forms and words(chosen) not in forms:
            return Verdict(False, LETTER_AND_TEXT)
    if not forms and nothing(asked.answer) and says_nothing(text):
        return RIGHT
    if len(forms) > 1 or hedges.alternatives(text, options) or hedges.joined(text, asked.listed):
        return Verdict(False, SEVERAL)
    if forms:
        return RIGHT if words(asked.answer) in forms else Verdict(False, "another answer")
    return _not_stated(rule, text, asked, options)


def _only_denies_others(text: str, options: tuple[str, ...], chosen: tuple[str, ...]) -> bool:
    """Whether a reply names no option but by denying another one than ``chosen``: "A, not the uterus"."""
    tokens = clauses(text)
    return all(
        words(mention.option) != chosen and negated(tokens, mention.start, mention.end)
        for mention in mentions(text, options)
    )


def _not_stated(rule: str, text: str, asked: Asked, options: tuple[str, ...]) -> Verdict:
    found = mentions(text, options)
    own = [mention for mention in found if words(mention.option) == words(asked.answer)]
    tokens = clauses(text)
    if own and all(negated(tokens, mention.start, mention.end) for mention in own):
        return Verdict(False, "negated")
    if found:
        return Verdict(False, "another answer")
    return Verdict(False, NO_CHOICE if rule == "choice" and asked.choices else NOT_NAMED)
