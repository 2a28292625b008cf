"""The bits that guessers without pixels leave open of each question, fitted on the cases of other folds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from surgvqa.builders.bits.blind import Context, Guesser, QuestionCounts, answer_class, context, usual
from surgvqa.builders.cases import draws
from surgvqa.builders.schema import QA

FOLDS = 3  # of cases, for the bits of a question: no guesser has seen a case that it guesses on


def fold_of(case_id: str, seed: int) -> int:
    """Return the fold of a case."""
    return int(draws.fraction("fold", seed, case_id) * FOLDS)


class OpenBits:
    """The bits that the best guesser leaves open of each question, fitted without the question's fold.

    The guessers are two classifiers, of words and of choices alone, and one to whom all choices are alike.
    """

    def __init__(self, folds: Mapping[tuple[str, int], QuestionCounts]) -> None:
        self._guessers: dict[tuple[str, int], tuple[Guesser, Guesser]] = {}
        for kind in sorted({kind for kind, _ in folds}):
            for fold in range(FOLDS):
                rest: QuestionCounts = Counter()
                for other in range(FOLDS):
                    if other != fold:
                        rest.update(folds.get((kind, other), {}))
                self._guessers[kind, fold] = Guesser(rest), Guesser(usual(rest))
        self._better: dict[str, int] = {}
        self._answers: dict[str, int] = {}
        for kind in sorted({kind for kind, _ in folds}):
            self._answers[kind] = len(
                {answer for fold in range(FOLDS) for _, answer in folds.get((kind, fold), ())}
            )
            losses = [0.0, 0.0, 0.0]
            for fold in range(FOLDS):
                for (what, answer), n in folds.get((kind, fold), {}).items():
                    for which, guesser in enumerate(self._guessers[kind, fold]):
                        losses[which] += n * guesser.bits(_guesser_context(which, what), answer)
                    losses[2] += n * self._even(kind, what)
            self._better[kind] = losses.index(min(losses))
        self._known_bits: dict[tuple[str, int, Context, str], float] = {}

    def of(self, qa: QA, fold: int) -> float:
        """Return the bits of a question's answer."""
        what = context(qa.kind, qa.question, qa.choices)
        short = answer_class(qa.short_answer)
        key = (qa.kind, fold, what, short)
        if key not in self._known_bits:
            which = self._better[qa.kind]
            if which == 2:
                bits = self._even(qa.kind, what)
            else:
                bits = self._guessers[qa.kind, fold][which].bits(_guesser_context(which, what), short)
            self._known_bits[key] = round(bits, 4)
        return self._known_bits[key]

    def _even(self, kind: str, what: Context) -> float:
        return math.log2(len(what.choices) or self._answers[kind])


def _guesser_context(which: int, what: Context) -> Context:
    """Return what each of the two guessers reads: the question's words, or its choices alone."""
    return Context((), what.choices) if which else what
