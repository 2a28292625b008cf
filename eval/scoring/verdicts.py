"""Every answer judged once: right or wrong under each rule, and what it says in the truth's own words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from surgvqa.builders.bits.guessers import pick
from surgvqa.eval.data import reference
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.reading import lists, polarity
from surgvqa.eval.reading.letters import letters_matter
from surgvqa.eval.reading.order import stated_options
from surgvqa.eval.reading.unwrap import final
from surgvqa.eval.scoring import match
from surgvqa.eval.words.tokens import name, words

UNNAMED_KIND = "all"  # the kind of questions whose file names none
ERROR, EMPTY, OTHER = "(error)", "(empty)", "(other)"
LABEL_LENGTH = 60
MOST_ANSWERS = 2000  # answers that a kind can have and still be a closed one
SEVERAL_QUESTIONS = 40  # answers beyond which a kind may ask several different things


@dataclass(frozen=True, slots=True)
class Judgement:
    """One question with its verdicts."""

    row: Prediction
    verdicts: Mapping[str, match.Verdict]  # by rule
    label: str  # the answer given, as one of the kind's answers where it names exactly one
    names: frozenset[str] = frozenset()  # of a list: the names in it
    true: frozenset[str] = frozenset()  # and those that should be

    @property
    def has_crashed(self) -> bool:
        """The run failed on this question (it was asked, once, and there is no answer)."""
        return self.row.error is not None and self.row.error not in (reference.MISSING, reference.CONFLICT)

    @property
    def empty(self) -> bool:
        """An answer came, with nothing in it."""
        return self.row.error is None and not self.row.prediction.strip()


def judge(rows: Sequence[Prediction], train: Iterable[Prediction] = ()) -> list[Judgement]:
    """All rows under all rules. The answers that a kind can have are learnt from ``rows`` and ``train``.

    A kind that asks many different things ("all", where a file names no kinds) knows the answers to each of its
    questions: naming one of the others in a sentence is no second answer there, listing it is.
    """
    every = [*rows, *train]
    vocabulary = options(every)
    narrow = _by_question(every, vocabulary)
    answers: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        answers[row.kind].add(row.short_answer)
    answers_by_kind = {kind: tuple(sorted(own)) for kind, own in answers.items()}
    return [
        _judge_row(
            row,
            narrow.get((row.kind, row.question), vocabulary[row.kind]),
            vocabulary[row.kind],
            answers_by_kind[row.kind],
        )
        for row in rows
    ]


def _by_question(
    rows: Sequence[Prediction], vocabulary: Mapping[str, tuple[str, ...]]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the answers to each question of the kinds that ask many things, where a question has several."""
    wide = {kind for kind, own in vocabulary.items() if len(own) > SEVERAL_QUESTIONS or kind == UNNAMED_KIND}
    answers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        if row.kind in wide and row.kind not in match.SET_KINDS and row.question:
            answers[row.kind, row.question].update((row.short_answer, *row.choices))
    return {key: tuple(sorted(own)) for key, own in answers.items() if len(own) > 1}


def _judge_row(
    row: Prediction,
    known_answers: tuple[str, ...],
    related_answers: tuple[str, ...],
    answers: tuple[str, ...],
) -> Judgement:
    if row.error is not None:
        verdict = match.Verdict(False, "missing" if row.error == reference.MISSING else "error")
        return Judgement(row, dict.fromkeys(match.RULES, verdict), ERROR, *_lists(row, related_answers))
    target = match.Target(
        answer=row.short_answer,
        choices=row.choices,
        kind=row.kind,
        sentence=row.answer,
        question=row.question,
        known_answers=known_answers,
        others=related_answers,
    )
    apart = not _as_words(row, known_answers)
    verdicts = match.judge_by(match.RULES if apart else match.RULES[:-1], row.prediction, target)
    if "choice" not in verdicts:
        verdicts["choice"] = _by_choice(verdicts["word"], bool(row.choices))
    return Judgement(row, verdicts, label(row, answers), *_lists(row, related_answers))


def _as_words(row: Prediction, known_answers: tuple[str, ...]) -> bool:
    """Whether a reply reads the same without its choices: the kind's answers hold them all, and it names no letter."""
    return not row.choices or (
        _option_set(known_answers).issuperset(row.choices)
        and not letters_matter(final(row.prediction), row.choices)
    )


@lru_cache(maxsize=4096)
def _option_set(options: tuple[str, ...]) -> frozenset[str]:
    return frozenset(options)


def _by_choice(verdict: match.Verdict, offered: bool) -> match.Verdict:
    """Return a verdict on words as one on choices: what names no answer names no choice."""
    return match.Verdict(False, match.NO_CHOICE) if offered and verdict.cause == match.NOT_NAMED else verdict


def _lists(row: Prediction, vocabulary: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names in a list, and those that should be; nothing for other kinds."""
    if row.kind not in match.SET_KINDS:
        return frozenset(), frozenset()
    if row.error is not None or not row.prediction.strip():
        return frozenset(), lists.items(row.short_answer, vocabulary)
    return lists.name_sets(final(row.prediction), row.short_answer, (*row.choices, *vocabulary))


def options(rows: Iterable[Prediction]) -> dict[str, tuple[str, ...]]:
    """Return the answers each kind knows: for lists the names that stand in them, else short answers and choices.

    A kind with very many is an open one, answered in free words, and knows none.

    >>> options([Prediction("1", "", "", "instruments", "", "", "", "spatula, forceps")])
    {'instruments': ('forceps', 'spatula')}
    """
    answers_by_kind: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.kind in match.SET_KINDS and row.short_answer.casefold() not in match.YES_NO:
            answers_by_kind[row.kind].update(lists.items(row.short_answer))
            answers_by_kind[row.kind].update(name(choice) for choice in row.choices)
        else:
            answers_by_kind[row.kind].update((row.short_answer, *row.choices))
    return {
        kind: tuple(sorted(answers)) if len(answers) <= MOST_ANSWERS else ()
        for kind, answers in sorted(answers_by_kind.items())
    }


def label(row: Prediction, answers: tuple[str, ...]) -> str:
    """Return what a prediction says: one of ``answers`` where it names exactly one, else its first words.

    >>> label(Prediction("1", "", "", "side", "", "", "", "left", (), "On the right."), ("left", "right"))
    'right'
    """
    if row.error is not None:
        return ERROR
    if not row.prediction.strip():
        return EMPTY
    text = final(row.prediction)
    reply_words = words(text)
    if row.short_answer.casefold() in match.YES_NO:
        return polarity.polarity(text, row.question)[0] or OTHER
    if row.kind in match.SET_KINDS:
        answer_by_names = {lists.items(answer): answer for answer in answers}
        said_names = lists.names_in(
            text, tuple(sorted({entry for names in answer_by_names for entry in names}))
        )
        return answer_by_names.get(frozenset(said_names)) or ", ".join(said_names) or "none"
    exact = [answer for answer in answers if words(answer) == reply_words]
    stated_answers = exact or list(stated_options(text, answers, row.question))
    return stated_answers[0] if len(stated_answers) == 1 else " ".join(reply_words)[:LABEL_LENGTH] or OTHER


def blind(
    rows: Sequence[Prediction], counts: Mapping[str, int], rule: str, known_answers: tuple[str, ...] = ()
) -> npt.NDArray[np.float64]:
    """Score the most frequent of each question's choices: 1.0 where right, else 0.0."""
    guess: dict[tuple[str, ...], str] = {}
    right = np.zeros(len(rows))
    groups: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        if row.choices not in guess:
            guess[row.choices] = pick([counts], row.kind, row.choices)
        groups[guess[row.choices]].append(i)
    for answer, places in groups.items():
        right[places] = constant([rows[i] for i in places], answer, rule, known_answers)
    return right


def constant(
    rows: Sequence[Prediction], answer: str, rule: str, known_answers: tuple[str, ...] = ()
) -> npt.NDArray[np.float64]:
    """Score the same answer to every question: 1.0 where right, else 0.0."""
    right_by_key: dict[tuple[str, tuple[str, ...]], bool] = {}
    right = np.zeros(len(rows))
    for i, row in enumerate(rows):
        key = (row.short_answer, row.choices)
        if key not in right_by_key:
            target = match.Target(
                answer=row.short_answer, choices=row.choices, kind=row.kind, known_answers=known_answers
            )
            right_by_key[key] = match.matches(rule, answer, target)
        right[i] = right_by_key[key]
    return right
