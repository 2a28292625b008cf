"""The figures of one kind of question: accuracy, chance, blind guesses, collapse, lists, places."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from surgvqa.builders.bits import guessers
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.documents.scores import Distances, Interval, KindFigures, Lists
from surgvqa.eval.reading import grid_answers
from surgvqa.eval.reading.unwrap import final
from surgvqa.eval.scoring import match, statistics, verdicts
from surgvqa.eval.scoring.shares import share_interval
from surgvqa.eval.scoring.verdicts import Judgement, constant, options
from surgvqa.eval.words.tokens import words

COLLAPSE = 0.5  # answers with less than half the truth's entropy have collapsed
CONFUSION_SIZE = 20  # answers of a kind beyond the most frequent ones share "(other)"


class Floor(NamedTuple):
    """The floor of a kind: the best constant, and the blind guess."""

    best: np.ndarray
    answer: str
    blind: np.ndarray


def floor(rows: Sequence[Prediction], train_counts: Counter[str], rule: str) -> Floor:
    """Return where the best constant answer and the blind guess would be right on a kind's questions."""
    truths = Counter(row.short_answer for row in rows)
    best = best_constant(rows, truths, rule, options(rows)[rows[0].kind])
    return Floor(best[1], *blind_guess(rows, train_counts, rule, best))


def figures(
    own: Sequence[Judgement], rule: str, train_counts: Counter[str], seed: int, without: Floor | None = None
) -> KindFigures:
    """One kind's figures; ``train_counts`` counts its answers in training, ``without`` is its floor where known."""
    rows = [judgement.row for judgement in own]
    right = np.array([judgement.verdicts[rule].correct for judgement in own], dtype=float)
    share = float(right.sum()) / len(rows)  # twenty thousand kinds of one row: mean() would take seconds
    true_answers, labels = [row.short_answer for row in rows], [judgement.label for judgement in own]
    truths = Counter(true_answers)
    best, blind_answer, blind = without or floor(rows, train_counts, rule)
    blind_share = float(blind.sum()) / len(rows)
    spread, true_spread = entropy(labels), entropy(true_answers)
    cases = [row.case_id for row in rows]
    kind_figures: KindFigures = {
        "n": len(rows),
        "accuracy": share,
        "ci95": interval(right, cases),
        "macro_accuracy": _by_answer(true_answers, right),
        "accuracy_by_rule": {
            name: sum(judgement.verdicts[name].correct for judgement in own) / len(own)
            for name in match.RULES
        },
        "chance": _chance(rows, len(truths | train_counts)),
        "blind_majority": blind_share,
        "blind_answer": blind_answer,
        "blind_from": "train" if train_counts else "scored questions",
        "best_constant": float(best.sum()) / len(rows),
        "lift": share - blind_share,
        "lift_ci95": difference(right - blind, cases, seed)[0],
        "single_class": has_one_answer(rows),
        "collapsed": len(rows) > 3 and true_spread > 0 and spread < COLLAPSE * true_spread,
        "entropy_bits": {"answers": round(spread, 4), "truth": round(true_spread, 4)},
        "errors": sum(judgement.has_crashed for judgement in own),
        "empty": sum(judgement.empty for judgement in own),
        "confusion": confusion(true_answers, labels),
    }
    if rows[0].kind in match.SET_KINDS:
        kind_figures["lists"] = _lists(own)
    if rows[0].kind in match.CELL_KINDS:
        kind_figures["cells"] = _cells(rows)
    points = [(grid_answers.point(row.short_answer), grid_answers.point(row.prediction)) for row in rows]
    if known_points := [pair for pair in points if pair[0] is not None]:
        kind_figures["points"] = _off(known_points, math.dist)
    return kind_figures


def interval(values: np.ndarray, cases: Sequence[str]) -> Interval:
    """Return the 95 % interval of a share over cases as a list; None for too few of them."""
    if len(set(cases)) < statistics.FEWEST:  # many kinds of few questions: nothing to sum
        return None
    return _ends(share_interval(statistics.sums(values, cases)))


def difference(values: np.ndarray, cases: Sequence[str], seed: int) -> tuple[Interval, float | None]:
    """Return the 95 % interval of paired differences as a list, and p of no difference (``statistics.paired_test``)."""
    if len(set(cases)) < 2:
        return None, None
    ends, p = statistics.paired_test(values, cases, seed)
    return _ends(ends), p


def _ends(ends: tuple[float, float] | None) -> Interval:
    return None if ends is None else [round(float(end), 9) for end in ends]


def blind_guess(
    rows: Sequence[Prediction],
    train_counts: Mapping[str, int],
    rule: str,
    best: tuple[str, np.ndarray] | None = None,
) -> tuple[str, np.ndarray]:
    """Return the answer of a guesser who never looks to most questions of a kind, and where it is right.

    It says the most frequent training answer among a question's choices; where the kind was not asked in
    training, the best it could say on the very questions: ``best``, where that is known already.
    """
    if not train_counts and best is not None and len(rows) == 1:  # the only answer is the only guess
        return best
    known_answers = options(rows)[rows[0].kind]
    answer_counts = train_counts or Counter(row.short_answer for row in rows)
    usual = (
        guessers.likeliest(answer_counts, rows[0].kind, ()) or "",
        verdicts.blind(rows, answer_counts, rule, known_answers),
    )
    if train_counts:
        return usual
    best = best or best_constant(rows, Counter(answer_counts), rule, known_answers)
    return best if best[1].sum() > usual[1].sum() else usual


def best_constant(
    rows: Sequence[Prediction], truths: Counter[str], rule: str, known_answers: tuple[str, ...]
) -> tuple[str, np.ndarray]:
    """Return the one answer that would score best on these very questions, and where it is right."""
    likely = sorted(truths, key=lambda answer: (-truths[answer], answer))
    best = (likely[0], constant(rows, likely[0], rule, known_answers))
    for answer in likely[1:8]:  # a rarer one wins only by containing others, as "lower left" has "left"
        right = constant(rows, answer, rule, known_answers)
        if right.sum() > best[1].sum():
            best = (answer, right)
    return best


def entropy(labels: Sequence[str]) -> float:
    """Shannon entropy in bits.

    >>> entropy(["yes", "no", "yes", "no"]), entropy(["yes", "yes"])
    (1.0, 0.0)
    """
    if len(labels) == 1:
        return 0.0
    counts = Counter(labels).values()
    return abs(sum(-count / len(labels) * math.log2(count / len(labels)) for count in counts))


def confusion(truth: Sequence[str], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count the answers given for each right one.

    >>> confusion(["left", "left", "right"], ["left", "right", "right"])
    {'left': {'left': 1, 'right': 1}, 'right': {'right': 1}}
    """
    if len(truth) == 1:
        return {truth[0]: {labels[0]: 1}}
    common = {answer for answer, _ in Counter([*truth, *labels]).most_common(CONFUSION_SIZE)}
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for row, column in zip(truth, labels, strict=True):
        table[row if row in common else "(other)"][column if column in common else "(other)"] += 1
    return {row: dict(sorted(counts.items())) for row, counts in sorted(table.items())}


def has_one_answer(rows: Sequence[Prediction]) -> bool:
    """Whether all of a kind's questions have one right answer, and there are several: such a kind measures nothing."""
    return len(rows) > 1 and len({row.short_answer for row in rows}) == 1


def _by_answer(true_answers: Sequence[str], right: np.ndarray) -> float:
    """Return the mean over the right answers of how often each was found (balanced accuracy)."""
    if len(true_answers) == 1:
        return float(right[0])
    _, place = np.unique(np.asarray(true_answers, dtype=object).astype(str), return_inverse=True)
    return float((np.bincount(place, weights=right) / np.bincount(place)).mean())


def _chance(rows: Sequence[Prediction], answers: int) -> float:
    """Return the chance of a uniform guess among the question's choices, or among the answers the kind is known to have."""
    guesses = [guessers.chance(row.kind, row.choices, row.short_answer, answers) for row in rows]
    return sum(guesses) / len(guesses)


def _lists(own: Sequence[Judgement]) -> Lists:
    """Precision, recall and F1 of the names in lists, over all names of the kind."""
    hits = sum(len(judgement.names & judgement.true) for judgement in own)
    name_count, true = (
        sum(len(judgement.names) for judgement in own),
        sum(len(judgement.true) for judgement in own),
    )
    precision, recall = hits / name_count if name_count else 0.0, hits / true if true else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "given": name_count, "true": true}


def _cells(rows: Sequence[Prediction]) -> Distances:
    """Return the distances of answers, in cells of the 3x3 grid."""
    cells = [
        (grid_answers.cell(words(row.short_answer)), grid_answers.said_cell(final(row.prediction)))
        for row in rows
    ]
    return _off([pair for pair in cells if pair[0] is not None], grid_answers.cell_distance)


def _off(pairs: Sequence[tuple[Any, Any]], distance: Callable[[Any, Any], float]) -> Distances:
    off = [distance(a, b) for a, b in pairs if b is not None]
    return {
        "n": len(pairs),
        "unreadable": len(pairs) - len(off),
        "mean_distance": float(np.mean(off)) if off else None,
        "median_distance": float(np.median(off)) if off else None,
    }
