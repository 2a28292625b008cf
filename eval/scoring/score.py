"""Score a set of answers: accuracy under one rule, beside the other rules, chance and a blind guess.

``surgvqa-eval score predictions.jsonl --data DIR --out score.json``
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from surgvqa.cards.command import InputError, nearest
from surgvqa.eval.data import reference
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.documents.scores import (
    Apart,
    Differences,
    Example,
    FileVerdicts,
    Headline,
    Interval,
    KindFigures,
    MadeBy,
    Scores,
    Share,
    UndecidedReplies,
)
from surgvqa.eval.scoring import kinds, match, statistics
from surgvqa.eval.scoring.calibration import calibration
from surgvqa.eval.scoring.probes import probe
from surgvqa.eval.scoring.verdicts import Judgement, judge
from surgvqa.eval.scoring.vocabulary import alignment
from surgvqa.eval.words.tokens import words

LIST_LENGTH = 10  # undecided replies that stand in the figures


def score(
    predictions: Sequence[Prediction],
    *,
    rule: str | None = None,
    train: Sequence[Prediction] | None = None,
    data: Sequence[Prediction] | None = None,
    spellings: Mapping[tuple[str, str], str] | None = None,
    seed: int = 0,
) -> Scores:
    """Every figure of a set of predictions, ready for JSON (the keys are those of ``score --out``).

    Args:
        predictions: answers, one row per question; see ``reference.lay`` for repeated ones.
        rule: one of ``match.RULES``; by default ``choice`` where any question has choices, else ``word``.
        train: training questions, for the blind majority; without them the best constant stands in.
        data: the data set's questions: they fix the denominator and the right answers.
        spellings: of a procedure's taxonomy (``Taxonomy.spellings``), to see whether answers use its terms.
        seed: of the bootstrap.

    Raises:
        InputError: an unknown rule, no predictions, or questions without an answer.
    """
    overlay = lay(predictions, data)
    rule = choose_rule(rule, overlay.rows)
    every = judge(overlay.rows, train or ())
    train_counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in train or ():
        train_counts[row.kind][row.short_answer] += 1
    groups = sorted(group_by_kind(every).items())
    floors = {kind: kinds.floor([one.row for one in own], train_counts[kind], rule) for kind, own in groups}
    by_kind = {kind: kinds.figures(own, rule, train_counts[kind], seed, floors[kind]) for kind, own in groups}
    headline = _headline(every, by_kind, floors, rule, seed)
    single = [kind for kind, own in by_kind.items() if own["single_class"]]
    return {
        **headline,
        "made_by": made_by(overlay.rows),
        "accuracy_by_rule": {name: _share(every, name) for name in match.RULES},
        "accuracy_all_kinds": _share(every, rule),
        "blind_majority_all_kinds": _pool((own["blind_majority"], own["n"]) for own in by_kind.values()),
        "errors": sum(judgement.has_crashed for judgement in every),
        "empty": sum(judgement.empty for judgement in every),
        "refusals": _count_cause(every, "refusal"),
        "echoes": _count_cause(every, "repeats the question"),
        "undecided": _undecided_replies(every, rule),
        "missing": overlay.missing,
        "extra": overlay.extra,
        "duplicates": overlay.duplicates,
        "single_class_kinds": single,
        "collapsed_kinds": [kind for kind, own in by_kind.items() if own["collapsed"]],
        "wrong_because": _causes(every, rule),
        "as_counted": _as_counted(every, rule),
        "rules_differ": {other: _differences(every, rule, other) for other in match.RULES if other != rule},
        "by_kind": by_kind,
        "calibration": calibration(every, rule),
        "vocabulary": alignment(every, spellings) if spellings else None,
        "probes": probe(every, rule),
        "by_case": _by_case(every, rule),
        "notes": [*overlay.notes, *_notes(overlay.rows, single, headline["n_headline"], train, by_kind)],
    }


def _headline(
    every: Sequence[Judgement],
    by_kind: Mapping[str, KindFigures],
    floors: Mapping[str, kinds.Floor],
    rule: str,
    seed: int,
) -> Headline:
    """Return the figures over the kinds with several answers; over all where every kind has one only."""
    counted_kinds = {kind: own for kind, own in by_kind.items() if not own["single_class"]} or by_kind
    kept_answers = [judgement for judgement in every if judgement.row.kind in counted_kinds]
    right = np.array([judgement.verdicts[rule].correct for judgement in kept_answers], dtype=float)
    own = list(counted_kinds.values())
    return {
        "n": len(every),
        "n_headline": len(kept_answers),
        "cases": len({judgement.row.case_id for judgement in every if judgement.row.case_id}),
        "rule": rule,
        "accuracy": float(right.mean()),
        "ci95": kinds.interval(right, [judgement.row.case_id for judgement in kept_answers]),
        "macro_accuracy": sum(kind["accuracy"] for kind in own) / len(own),
        "chance": _pool((kind["chance"], kind["n"]) for kind in own),
        "blind_majority": _pool((kind["blind_majority"], kind["n"]) for kind in own),
        "best_constant": _pool((kind["best_constant"], kind["n"]) for kind in own),
        "lift": _pool((kind["lift"], kind["n"]) for kind in own),
        "lift_ci95": _lift_interval(kept_answers, floors, rule, seed),
    }


def _lift_interval(
    kept_answers: Sequence[Judgement], floors: Mapping[str, kinds.Floor], rule: str, seed: int
) -> Interval:
    """Return the interval of how far the answers stand above a blind guess, over all questions that count."""
    values, cases = [], []
    if len({judgement.row.case_id for judgement in kept_answers}) < statistics.FEWEST:
        return None
    for kind, own in group_by_kind(kept_answers).items():
        values.append(np.array([judgement.verdicts[rule].correct for judgement in own]) - floors[kind].blind)
        cases += [judgement.row.case_id for judgement in own]
    return kinds.difference(np.concatenate(values), cases, seed)[0]


def lay(predictions: Sequence[Prediction], data: Sequence[Prediction] | None) -> reference.Alignment:
    """Return the predictions laid over the data set's questions; an ``InputError`` where nothing can be scored."""
    overlay = reference.lay(predictions, data)
    if not overlay.rows:
        raise InputError("no predictions to score")
    if unanswerable := [row.qa_id for row in overlay.rows if not row.short_answer.strip()]:
        raise InputError(
            f"{len(unanswerable)} of {len(overlay.rows)} questions have no right answer (first: {unanswerable[0]!r}); "
            "name its column with --columns short_answer=…, or give the data set with --data"
        )
    return overlay


def choose_rule(rule: str | None, rows: Sequence[Prediction]) -> str:
    """Return the rule that was asked for, or the one the questions call for."""
    if rule is not None and rule not in match.RULES:
        raise InputError(f"--rule {rule}: no such rule; {nearest(rule, match.RULES)}")
    return rule or ("choice" if any(row.choices for row in rows) else "word")


def group_by_kind(every: Sequence[Judgement]) -> dict[str, list[Judgement]]:
    """Return the judged questions by kind."""
    groups: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in every:
        groups[judgement.row.kind].append(judgement)
    return groups


def made_by(rows: Sequence[Prediction]) -> MadeBy:
    """Count what gave the answers, why something else did than was asked, and how long it took."""
    seconds = np.array([row.seconds for row in rows if row.seconds is not None])
    fallbacks = Counter(row.fallback for row in rows if row.fallback)
    return {
        "paths": dict(Counter(row.path for row in rows if row.path).most_common()),
        "fallbacks": dict(fallbacks.most_common()),
        "fallback_share": fallbacks.total() / len(rows),
        "seconds": {
            "n": len(seconds),
            "p50": float(np.quantile(seconds, 0.5)),
            "p99": float(np.quantile(seconds, 0.99)),
        }
        if len(seconds)
        else None,
    }


def _pool(figures: Iterable[tuple[float, int]]) -> float:
    """Return a figure of several kinds as one, from its value and number of questions in each."""
    own = list(figures)
    return float(sum(value * n for value, n in own) / sum(n for _, n in own))


def _share(every: Sequence[Judgement], rule: str) -> float:
    return sum(judgement.verdicts[rule].correct for judgement in every) / len(every)


def _count_cause(every: Sequence[Judgement], cause: str) -> int:
    return sum(judgement.verdicts["word"].cause == cause for judgement in every)


def _causes(every: Sequence[Judgement], rule: str) -> dict[str, int]:
    """Count why answers are wrong under a rule, the most frequent cause first."""
    causes = (judgement.verdicts[rule].cause for judgement in every)
    return dict(Counter(cause for cause in causes if cause).most_common())


def _examples(every: Iterable[Judgement]) -> list[Example]:
    return [
        {
            "qa_id": judgement.row.qa_id,
            "short_answer": judgement.row.short_answer,
            "prediction": judgement.row.prediction[:200],
        }
        for judgement in every
    ]


def _undecided_replies(every: Sequence[Judgement], rule: str) -> UndecidedReplies:
    """List the replies in which the rule finds none of the kind's answers: wrong, unless somebody reads them."""
    own = [judgement for judgement in every if judgement.verdicts[rule].is_undecided]
    return {
        "n": len(own),
        "share": len(own) / len(every),
        "causes": _causes(own, rule),
        "examples": _examples(own[:LIST_LENGTH]),
    }


def _differences(every: Sequence[Judgement], rule: str, other: str) -> Differences:
    """Count the answers that another rule judges differently than the declared one, by cause."""
    there = [
        judgement
        for judgement in every
        if judgement.verdicts[other].correct > judgement.verdicts[rule].correct
    ]
    here = [
        judgement
        for judgement in every
        if judgement.verdicts[rule].correct > judgement.verdicts[other].correct
    ]
    return {**_apart(there, here, rule), "because_there": _causes(here, other)}


def _as_counted(every: Sequence[Judgement], rule: str) -> FileVerdicts | None:
    """Count what the file itself calls right, where it says so, and every question on which we differ."""
    counted_answers = [judgement for judgement in every if judgement.row.counted is not None]
    if not counted_answers:
        return None
    there = [
        judgement
        for judgement in counted_answers
        if judgement.row.counted and not judgement.verdicts[rule].correct
    ]
    here = [
        judgement
        for judgement in counted_answers
        if not judgement.row.counted and judgement.verdicts[rule].correct
    ]
    right = sum(judgement.row.counted is True for judgement in counted_answers)
    return {
        "n": len(counted_answers),
        "right": right,
        "accuracy": right / len(counted_answers),
        "differ_by_rule": {
            name: sum(
                judgement.row.counted != judgement.verdicts[name].correct for judgement in counted_answers
            )
            for name in match.RULES
        },
        **_apart(there, here, rule),
    }


def _apart(there: Sequence[Judgement], here: Sequence[Judgement], rule: str) -> Apart:
    """Return the questions that are right only by the other's measure, why, and only by the declared rule."""
    return {
        "only_there": len(there),
        "because": _causes(there, rule),
        "only_here": len(here),
        "examples": _examples((*there[:3], *here[:2])),
    }


def _by_case(every: Sequence[Judgement], rule: str) -> dict[str, Share]:
    cases: dict[str, list[bool]] = defaultdict(list)
    for judgement in every:
        cases[judgement.row.case_id].append(judgement.verdicts[rule].correct)
    return {case: {"n": len(own), "accuracy": sum(own) / len(own)} for case, own in sorted(cases.items())}


def _notes(
    rows: Sequence[Prediction],
    single: list[str],
    kept_count: int,
    train: Sequence[Prediction] | None,
    by_kind: Mapping[str, KindFigures],
) -> list[str]:
    """List what a reader must know to read the figures."""
    notes = []
    if single and kept_count < len(rows):
        notes.append(
            f"accuracy leaves out {len(rows) - kept_count} questions of {len(single)} kinds with one answer only: "
            + ", ".join(single)
        )
    elif single:
        notes.append("every kind has one answer only: no figure here needs the video")
    cases = len({row.case_id for row in rows if row.case_id})
    if cases < statistics.FEWEST:
        few = f"{cases} cases: too few for an interval, they say little of others"
        notes.append(
            ("no case ids: no interval", "one case: no interval, it says nothing of other cases", few)[cases]
        )
    if train is None:
        notes.append(
            "no training questions given: blind_majority is each kind's best constant on the scored questions "
            "themselves, at least what a majority learnt in training scores"
        )
    elif unseen := [kind for kind, own in by_kind.items() if own["blind_from"] != "train"]:
        notes.append(f"not asked in training, blind_majority is the best constant there: {', '.join(unseen)}")
    outside = sum(
        bool(row.choices)
        and row.kind not in match.SET_KINDS
        and words(row.short_answer) not in {words(choice) for choice in row.choices}
        for row in rows
    )
    if outside:
        notes.append(f"{outside} questions have a right answer that is not among their choices")
    return notes
