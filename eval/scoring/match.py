"""Match an answer with the truth under one declared rule, with the cause where it is wrong.

``exact``      the same words, whole and in order, as the short answer or as the answer's sentence
``word``       the reply states the answer and no other answer of the kind
``substring``  the characters occur anywhere ("no" in "normal"); kept to reproduce published figures
``choice``     as ``word``, and the letter of one of the question's choices stands for it

Common to ``word`` and ``choice``: thoughts and wrappers are taken off first (`eval.reading`), yes/no is read from the
words that say it or from a sentence on what was asked, lists are compared as sets (in order where it is asked for),
grid cells by their place, numbers by their value, boxes and intervals of time by an overlap of half their union,
stretches of time by each one's overlap and names. An empty reply is wrong under every rule; a refusal and a repeated
question under every rule but ``substring``; a reply without an answer of the kind is wrong, and `undecided`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from surgvqa.builders.bits.guessers import LIST_KINDS
from surgvqa.cards.command import InputError, nearest
from surgvqa.eval.numerals import counts, number_words, places, quantities, units
from surgvqa.eval.numerals.stated_numbers import option_of_number, stated_count
from surgvqa.eval.reading import grid_answers, hedges, letters, order, polarity, sequences
from surgvqa.eval.reading.choices import both_of, only_denies_others, whole_choice
from surgvqa.eval.reading.lists import (
    beside_the_question,
    doubts,
    in_base_forms,
    is_list,
    is_turned_round,
    items,
    name_sets,
    nothing,
    says_nothing,
)
from surgvqa.eval.reading.unwrap import unwrap
from surgvqa.eval.scoring.stretches import NO_BOX, NO_SPAN, judge_region
from surgvqa.eval.words.negation import is_negated
from surgvqa.eval.words.terms import mentions
from surgvqa.eval.words.tokens import after, clauses, name, same_name, words

RULES = ("exact", "word", "substring", "choice")
SET_KINDS = LIST_KINDS  # a list of names is the answer
CELL_KINDS = frozenset({"absolute_position"})
YES_NO, SEVERAL = polarity.YES_NO, polarity.SEVERAL
OR = re.compile(r"\bor\b", re.I)
LETTER_AND_TEXT = "letter and text contradict"
NOT_NAMED, NO_CHOICE = "not among its words", "names no choice"
NO_CELL, NO_NUMBER = "no single cell", "names no number"
UNDECIDED_CAUSES = frozenset(
    {NOT_NAMED, NO_CHOICE, NO_CELL, NO_NUMBER, NO_BOX, NO_SPAN, polarity.NOTHING_SAID, polarity.CONTRADICTS}
)


class Verdict(NamedTuple):
    """Right or wrong, and why wrong."""

    correct: bool
    cause: str  # "" when right

    @property
    def is_undecided(self) -> bool:
        """No rule can tell what the reply says: it counts as wrong."""
        return self.cause in UNDECIDED_CAUSES


RIGHT = Verdict(True, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A question, its right answer, and what is known of its kind."""

    answer: str  # the short answer
    choices: tuple[str, ...] = ()  # the question's; for a list the names that could stand in it
    kind: str = ""
    sentence: str = ""  # the full answer
    question: str = ""
    known_answers: tuple[str, ...] = ()  # answers of the kind: naming a second one is no answer
    others: tuple[str, ...] = ()  # answers of related questions: joining or listing one is no answer

    @property
    def rival_answers(self) -> tuple[str, ...]:
        """Answers of which a reply may not list several."""
        return _without_spellings(self.answer, self.others or self.known_answers)


def matches(rule: str, prediction: str, target: Target) -> bool:
    """Whether ``prediction`` is right under ``rule``.

    >>> no = Target(answer="no")
    >>> matches("substring", "The mucosa looks normal", no), matches("word", "The mucosa looks normal", no)
    (True, False)
    >>> left = Target(answer="left", choices=("left", "right"))
    >>> matches("word", "It is not left", left), matches("word", "It is not right but left", left)
    (False, True)
    >>> matches("choice", "left or right", left)
    False
    """
    return judge(rule, prediction, target).correct


def judge(rule: str, prediction: str, target: Target) -> Verdict:
    """As ``matches``, with the cause.

    >>> judge("choice", "top left, or maybe the center", Target(answer="left", choices=("left", "top left", "center")))
    Verdict(correct=False, cause='names several answers')
    >>> judge("word", "It might be left.</think> right", Target(answer="left", known_answers=("left", "right")))
    Verdict(correct=False, cause='another answer')
    """
    return judge_by((rule,), prediction, target)[rule]


def judge_by(rules: Sequence[str], prediction: str, target: Target) -> dict[str, Verdict]:
    """Return the verdict of each rule, the reply read once for all of them.

    >>> [verdict.correct for verdict in judge_by(("exact", "word"), "to the left", Target(answer="left")).values()]
    [False, True]
    """
    if unknown := next((rule for rule in rules if rule not in RULES), None):
        raise InputError(f"--rule {unknown}: no such rule; {nearest(unknown, RULES)}")
    if not prediction.strip():
        return dict.fromkeys(rules, Verdict(False, "empty"))
    text, shared_verdict = _read(prediction, target)
    verdicts: dict[str, Verdict] = {}
    for rule in rules:
        if rule == "substring":
            is_in_reply = target.answer.strip().lower() in prediction.lower()
            verdicts[rule] = RIGHT if is_in_reply else Verdict(False, "not in it")
        elif shared_verdict is not None:
            verdicts[rule] = shared_verdict
        elif rule == "exact":
            verdicts[rule] = Verdict(False, "not the same words")
        else:
            verdicts[rule] = _in_words(rule, text, target)
    return verdicts


def _read(prediction: str, target: Target) -> tuple[str, Verdict | None]:
    """Return what a reply says, and the verdict where every rule but ``substring`` has the same."""
    reply = unwrap(prediction)
    if reply.cause:
        return "", Verdict(False, reply.cause)
    text = reply.text
    reply_words = words(text)
    if reply_words and reply_words in (words(target.answer), words(target.sentence)):
        return text, RIGHT
    question = words(target.question)
    if question and reply_words[: len(question)] == question:
        text, reply_words = after(text, len(question)), reply_words[len(question) :]
        if not reply_words:
            return text, Verdict(False, "repeats the question")
        if reply_words in (words(target.answer), words(target.sentence)):
            return text, RIGHT
    if not reply_words or not words(target.answer):  # symbols only: nothing to find as words
        same = text.strip().casefold() == target.answer.strip().casefold()
        return text, RIGHT if same else Verdict(False, "another answer" if text.strip() else "empty")
    return text, None


def _in_words(rule: str, text: str, target: Target) -> Verdict:
    short = target.answer.strip()
    if hedges.supposes(text):
        return Verdict(False, "supposes something else")
    if short.casefold() in YES_NO:
        return _yes_or_no(rule, text, short.casefold(), target)
    text = hedges.after_question(text)
    if hedges.refuses(text) and not (text := hedges.behind_disclaimer(own := text)):
        return RIGHT if name(short) == "not visible" and hedges.unseen(own) else Verdict(False, "refusal")
    if letters.are_letters((short, *target.known_answers)) and not target.choices:
        letter = letters.letter(text)
        return _compare(set() if letter is None else {letter}, short.upper(), NO_CHOICE)
    if (region := judge_region(text, short)) is not None:
        return Verdict(*region)
    options = _options(rule, target)
    if target.kind in SET_KINDS or is_list(short):
        return _as_set(rule, text, target)
    if (target.kind in CELL_KINDS or grid_answers.are_cells(options)) and (
        cell := grid_answers.cell(words(short))
    ) is not None:
        return _as_cell(rule, text, cell, target)
    if number_words.whole(short) is not None:
        return _as_count(rule, text, target)
    if units.is_clock(short) or quantities.is_quantity(units.joined_parts(short)):
        short = units.joined_parts(short)
    if quantities.is_quantity(short):
        if units.is_moment(text, target.question):
            return Verdict(False, "a moment, no duration")
        quantity = quantities.quantity(quantities.part_asked(text, target.question))
        true = quantities.quantity(short)
        if quantity and true and not true.unit:
            quantity = quantity._replace(unit="")
        return _compare(set() if quantity is None else {quantity}, true, NO_NUMBER)
    return _as_name(rule, text, target, options)


@lru_cache(maxsize=4096)
def _merge_options(answer: str, choices: tuple[str, ...], known_answers: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({answer, *_without_spellings(answer, (*choices, *known_answers))}))


@lru_cache(maxsize=4096)
def _without_spellings(answer: str, rivals: tuple[str, ...]) -> tuple[str, ...]:
    """Return answers without other spellings of the right one, which are no rivals of it."""
    own = same_name(answer)
    return tuple(option for option in rivals if option == answer or same_name(option) != own)


def _options(rule: str, target: Target) -> tuple[str, ...]:
    """Return the answers a reply may state; a choice of letters only says nothing about the words."""
    choices = target.choices if rule == "choice" else ()
    return _merge_options(target.answer, choices, target.known_answers)


def _compare(values: Set[object], true: object, none: str) -> Verdict:
    if len(values) > 1:
        return Verdict(False, SEVERAL)
    if not values:
        return Verdict(False, none)
    return RIGHT if true in values else Verdict(False, "another answer")


def _yes_or_no(rule: str, text: str, answer: str, target: Target) -> Verdict:
    reply_answer, cause = polarity.polarity(text, target.question)
    choice = _choice_by_letter(rule, text, target)
    if not reply_answer and cause == polarity.NOTHING_SAID:
        if hedges.refuses(text):
            return Verdict(False, "refusal")
        if choice:
            return _compare({choice.casefold()}, answer, NO_CHOICE)
    elif reply_answer and choice and choice.casefold() in YES_NO and choice.casefold() != reply_answer:
        return Verdict(False, LETTER_AND_TEXT)
    if reply_answer and hedges.joins(text, _but_yes_no(target.rival_answers)):
        return Verdict(False, SEVERAL)
    return _compare({reply_answer} if reply_answer else set(), answer, cause)


@lru_cache(maxsize=4096)
def _but_yes_no(options: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(option for option in options if option.casefold() not in YES_NO)


def _choice_by_letter(rule: str, text: str, target: Target) -> str | None:
    """Return the choice whose letter a reply gives."""
    own = letters.choices_of(text, target.choices) if rule == "choice" else ()
    return own[0] if len(own) == 1 else None


def _as_set(rule: str, text: str, target: Target) -> Verdict:
    vocabulary = (*target.choices, *target.known_answers)
    if target.kind not in SET_KINDS:
        vocabulary = tuple(sorted({item for entry in (*vocabulary, target.answer) for item in items(entry)}))
        text = in_base_forms(text, vocabulary)
    by_letter: tuple[str, ...] = ()
    if rule == "choice":
        text = letters.without_labels(text, target.choices)
        by_letter = letters.choices_of(text, target.choices)
    names, truth = name_sets(text, target.answer, vocabulary)
    names -= beside_the_question(text, tuple(sorted(names)), f"{target.question} {target.kind}")
    if by_letter and names.isdisjoint(map(name, vocabulary)):
        names = frozenset().union(*(items(choice, vocabulary) for choice in by_letter))
    if names != truth:
        return Verdict(False, "another list")
    if is_turned_round(text, target.answer):
        return Verdict(False, "another list")
    own = tuple(sorted(truth))
    if sequences.asks(target.question, target.kind) and (
        sequences.sequence(text, own) != sequences.sequence(target.answer, own)
    ):
        return Verdict(False, "another order")
    if doubts(text, own) or (OR.search(text) and hedges.alternatives(text, own)):
        return Verdict(False, SEVERAL)
    return RIGHT


def _as_cell(rule: str, text: str, cell: grid_answers.Cell, target: Target) -> Verdict:
    there = grid_answers.said_cell(text)
    elsewhere = tuple(option for option in _options(rule, target) if grid_answers.cell(words(option)) is None)
    if there is not None and order.stated_options(text, elsewhere):
        return Verdict(False, SEVERAL)
    if there is None and (choice := _choice_by_letter(rule, text, target)):
        there = grid_answers.cell(words(choice))
    return RIGHT if there == cell else Verdict(False, NO_CELL if there is None else "another cell")


def _as_count(rule: str, text: str, target: Target) -> Verdict:
    """Return a whole number: the only one that is stated, in digits or as a word; 0 also as "no …"."""
    true = number_words.whole(target.answer.strip())
    if units.is_moment(text, target.question):
        return Verdict(False, "a moment, no duration")
    count = stated_count(text, target.question)
    if count.bounded:
        return Verdict(False, "only a bound")
    chosen_number = number_words.whole(_choice_by_letter(rule, text, target) or "")
    values = set(count.values) or ({chosen_number} if chosen_number is not None else set())
    if values and hedges.joins(text, counts.without_numbers(target.rival_answers)):
        return Verdict(False, SEVERAL)
    if counts.is_share(text) and not counts.is_share(target.question):
        return Verdict(False, "a share, no number")
    return _compare(values, true, NO_NUMBER)


def _as_name(rule: str, text: str, target: Target, options: tuple[str, ...]) -> Verdict:
    """Return the one of the kind's answers that a reply states, by its words or by its letter."""
    text = places.right_spelling(grid_answers.grid_labels(grid_answers.within(text, target.question)))
    options = _merge_options(target.answer, options, places.named_like(text, target.answer))
    if (option := option_of_number(text, options)) is not None:
        return RIGHT if words(option) == words(target.answer) else Verdict(False, "another answer")
    answers = grid_answers.seen_from_thing(text, target.question, options)
    forms = {words(option) for option in answers}
    if joint := both_of(text, answers, target.choices):
        return RIGHT if words(joint) == words(target.answer) else Verdict(False, "another answer")
    if not forms and (whole := whole_choice(text, target.choices)):
        forms = {words(whole)}
    choice = _choice_by_letter(rule, text, target)
    if choice is not None:
        if not forms and only_denies_others(text, options, words(choice)):
            forms = {words(choice)}
        elif forms and words(choice) not in forms:
            return Verdict(False, LETTER_AND_TEXT)
    if not forms and len(target.choices) == 2 and mentions(text, options):  # "not open" is closed
        forms = {words(target.answer)} if only_denies_others(text, options, words(target.answer)) else forms
    if not forms and nothing(target.answer) and says_nothing(text):
        return RIGHT
    has_list = hedges.alternatives(text, options) and not order.is_settled(text, options, target.question)
    if len(forms) > 1 or has_list or hedges.joins(text, target.rival_answers, target.question):
        return Verdict(False, SEVERAL)
    if forms:
        return RIGHT if words(target.answer) in forms else Verdict(False, "another answer")
    return _not_stated(rule, text, target, options)


def _not_stated(rule: str, text: str, target: Target, options: tuple[str, ...]) -> Verdict:
    occurrences = mentions(text, options)
    own = [mention for mention in occurrences if words(mention.option) == words(target.answer)]
    tokens = clauses(text)
    if own and all(is_negated(tokens, mention.start, mention.end) for mention in own):
        return Verdict(False, "negated")
    if occurrences:
        return Verdict(False, "another answer")
    return Verdict(False, NO_CHOICE if rule == "choice" and target.choices else NOT_NAMED)
