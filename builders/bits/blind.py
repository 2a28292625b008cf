"""Guessers without pixels: the most frequent answer, and a classifier of what question and choices say.

The classifier is multinomial logistic regression over the words of a question and its choices; told the phase, over
those, the phase, and each word in each phase. It keeps to a question's choices. Questions that say the same are
fitted as one with counts, so that a data set of a million questions is a few hundred rows.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from surgvqa.builders.asking.templates import Wording, wording

STEPS, RATE, PULL = 120, 0.2, 1e-3  # of Adam on the mean log-loss; the pull of weights to nothing
DOUBT = 0.02  # of the probability goes to all answers alike: what training never showed is not impossible
CLASSES = 256  # the most frequent answers; the rest are never guessed
ROWS = 20_000  # different contexts that a fit looks at, the most frequent ones


@dataclass(frozen=True, slots=True)
class Context:
    """The context that a blind guesser gets of a question."""

    words: tuple[str, ...]
    choices: tuple[str, ...]


QuestionCounts = Counter[tuple[Context, str]]  # (context, answer) -> times


@cache
def _phrasing(kind: str, words: Wording) -> frozenset[str]:
    """Return the words of a kind's phrasings; drawn by a question's id, they tell nothing."""
    if kind not in words.kinds:
        return frozenset()
    moments = (words.moments.end, words.moments.start, words.moments.at, words.moments.picture)
    texts = [re.sub(r"{\w*}", " ", text) for text in (*words.kinds[kind].questions, *moments)]
    return frozenset(word for text in texts for word in _words(text))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9'./-]*[a-z0-9]", text.lower())


BOX = re.compile(r"\[(\d+), (\d+), (\d+), (\d+)\]")  # in thousandths of the frame


def roughly(box: re.Match[str]) -> str:
    """Say a box as a guesser would use it: the cell of its middle, and how many doublings its area has."""
    x1, y1, x2, y2 = map(int, box.groups())
    cell = f"{min(2, (x1 + x2) * 3 // 2000)}{min(2, (y1 + y2) * 3 // 2000)}"
    return f"boxat{cell} boxsize{max(1, (x2 - x1) * (y2 - y1)).bit_length()}"


def answer_class(answer: str) -> str:
    """Return an answer as guessers count it: of a box the cell of its middle, for no guess hits all four numbers.

    >>> answer_class("[10, 20, 300, 310]"), answer_class("spatula")
    ('boxat00', 'spatula')
    """
    box = BOX.fullmatch(answer)
    return roughly(box).split()[0] if box else answer


@cache  # a million questions are a few thousand texts
def context(kind: str, question: str, choices: tuple[str, ...], phase: str | None = None) -> Context:
    """Return what a guesser reads: question and choices, and the phase where it is told.

    >>> context("presence", "Is the gauge visible at the end of the clip?", ("yes", "no")).words
    ('gauge',)
    """
    text = BOX.sub(roughly, question)
    words = sorted(set(_words(text)) - _phrasing(kind, wording()))
    if phase is not None:
        words += [f"phase {phase}", *(f"phase {phase}: {word}" for word in words)]
    return Context(tuple(words), tuple(sorted(choices)))


class Guesser:
    """The classifier of one kind, fitted to counted questions."""

    def __init__(self, questions: Mapping[tuple[Context, str], int]) -> None:
        answers = Counter[str]()
        rows: dict[Context, Counter[str]] = defaultdict(Counter)
        for (what, answer), n in questions.items():
            answers[answer] += n
            rows[what][answer] += n
        self.answers = [
            answer for answer, _ in sorted(answers.items(), key=lambda x: (-x[1], x[0]))[:CLASSES]
        ]
        self._at = {answer: i for i, answer in enumerate(self.answers)}
        usual = np.array([answers[answer] for answer in self.answers], dtype=float)
        self._usual = usual / max(1.0, usual.sum())
        most = sorted(rows, key=lambda what: (-rows[what].total(), what.words, what.choices))[:ROWS]
        # A set of choices that all questions share says nothing, one that differs says which answers compete.
        several = len({what.choices for what in most}) > 1
        self._columns: dict[str, int] = {}
        for what in most:
            for feature in self._features(what, several):
                self._columns.setdefault(feature, len(self._columns))
        self._several = several
        counts = np.zeros((len(most), len(self.answers)))
        for i, what in enumerate(most):
            for answer, n in rows[what].items():
                if answer in self._at:
                    counts[i, self._at[answer]] = n
        self._weights = np.zeros((len(self._columns) + 1, len(self.answers)))
        if len(self._columns) and len(self.answers) > 1:
            self._fit(np.stack([self._row(what) for what in most]), self._open(most), counts)
        self._known_odds: dict[Context, np.ndarray] = {}

    @staticmethod
    def _features(what: Context, several: bool) -> list[str]:
        return [*what.words, *(f"choice {choice}" for choice in what.choices if several)]

    def _row(self, what: Context) -> np.ndarray:
        row = np.zeros(len(self._columns) + 1)
        for feature in self._features(what, self._several):
            if feature in self._columns:
                row[self._columns[feature]] = 1.0
        row[-1] = 1.0
        return row

    def _open(self, contexts: Sequence[Context]) -> np.ndarray:
        """Which answers each question leaves open: its choices, or all."""
        open_mask = np.array([[not c.choices or a in c.choices for a in self.answers] for c in contexts])
        open_mask[~open_mask.any(axis=1)] = True
        return open_mask

    def _fit(self, rows: np.ndarray, open_mask: np.ndarray, counts: np.ndarray) -> None:
        share = counts / max(1.0, counts.sum())
        each = share.sum(axis=1, keepdims=True)
        first, second = np.zeros_like(self._weights), np.zeros_like(self._weights)
        self._weights[-1] = np.log(self._usual + 1e-6)
        for step in range(1, STEPS + 1):
            slope = rows.T @ (each * _softmax(rows @ self._weights, open_mask) - share)
            slope[:-1] += PULL * self._weights[:-1]
            first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
            update = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
            self._weights -= RATE * (1 - step / (STEPS + 1)) * update

    def shares(self, what: Context) -> np.ndarray:
        """Return the probability of each of ``answers``."""
        if what not in self._known_odds:
            open_mask = self._open([what])
            probabilities = _softmax(self._row(what)[None] @ self._weights, open_mask)[0]
            number = len(what.choices) or len(self.answers) + 1
            self._known_odds[what] = (1 - DOUBT) * probabilities + DOUBT / number * open_mask[0]
        return self._known_odds[what]

    def guess(self, what: Context) -> str | None:
        """Return the likeliest answer."""
        return self.answers[int(self.shares(what).argmax())] if self.answers else None

    def bits(self, what: Context, answer: str) -> float:
        """Return the bits of an answer that the guesser leaves open."""
        number = len(what.choices) or len(self.answers) + 1
        share = self.shares(what)[self._at[answer]] if answer in self._at else DOUBT / number
        return -math.log2(max(float(share), DOUBT / number))


def _softmax(scores: np.ndarray, open_mask: np.ndarray) -> np.ndarray:
    scores = np.where(open_mask, scores, -np.inf)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares


def usual(questions: Mapping[tuple[Context, str], int]) -> QuestionCounts:
    """Return the questions without their words: what the guesser of the most frequent answer is told."""
    counts: QuestionCounts = Counter()
    for (what, answer), n in questions.items():
        counts[Context((), what.choices), answer] += n
    return counts


def chance(questions: Mapping[tuple[Context, str], int], answers: Iterable[str] = ()) -> float:
    """Return the share that a guesser among the choices gets right, or among all answers where there are none.

    >>> chance({(Context((), ("yes", "no")), "yes"): 3})
    0.5
    """
    answer_count = len({answer for _, answer in questions} | set(answers))
    total = sum(questions.values())
    return (
        sum(n / (len(what.choices) or answer_count) for (what, _), n in questions.items()) / total
        if total
        else 0.0
    )


def even(questions: Mapping[tuple[Context, str], int], answers: Iterable[str] = ()) -> float:
    """Return the bits that a guesser leaves open to whom all choices are alike, the mean over questions.

    >>> even({(Context((), ("a", "b", "c", "d")), "a"): 3})
    2.0
    """
    answer_count = len({answer for _, answer in questions} | set(answers))
    total = sum(questions.values())
    return sum(n * math.log2(len(what.choices) or answer_count) for (what, _), n in questions.items()) / max(
        1, total
    )


def right(guesser: Guesser, questions: Mapping[tuple[Context, str], int]) -> float:
    """Return the share of questions that a guesser gets right."""
    total = sum(questions.values())
    return sum(n for (what, answer), n in questions.items() if guesser.guess(what) == answer) / max(1, total)


def left_open(guesser: Guesser, questions: Mapping[tuple[Context, str], int]) -> float:
    """Return the bits of an answer that a guesser leaves open, the mean over questions."""
    total = sum(questions.values())
    return sum(n * guesser.bits(what, answer) for (what, answer), n in questions.items()) / max(1, total)
