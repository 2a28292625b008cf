"""What a set of answers is worth: accuracy under one rule, beside the others, chance and a blind guess.

``surgvqa-eval score predictions.jsonl --data DIR --out score.json``
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from surgvqa.cards.command import InputError, nearest
from surgvqa.eval import intervals, match, positions, reference
from surgvqa.eval.predictions import Prediction

COLLAPSE = 0.5  # answers with less than half the truth's entropy have collapsed
CONFUSION_SIZE = 20  # answers of a kind beyond the most frequent ones share "(other)"
Judge = Callable[[str, Prediction], match.Verdict]


def score(
    predictions: Sequence[Prediction],
    *,
    rule: str | None = None,
    train: Sequence[Prediction] | None = None,
    data: Sequence[Prediction] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Every figure of a set of predictions, ready for JSON (the keys are those of ``score --out``).

    Args:
        predictions: answers, one row per question; see ``reference.lay`` for repeated ones.
        rule: one of ``match.RULES``; by default ``choice`` where any question has choices, else ``word``.
        train: training questions, for the blind majority; without them the best constant stands in.
        data: the data set's questions: they fix the denominator and the right answers.
        seed: of the bootstrap.

    Raises:
        InputError: an unknown rule, no predictions, or questions without an answer.
    """
    if rule is not None and rule not in match.RULES:
        raise InputError(f"--rule {rule}: no such rule; {nearest(rule, match.RULES)}")
    laid = reference.lay(predictions, data)
    rows = laid.rows
    if not rows:
        raise InputError("no predictions to score")
    if unanswerable := [row.qa_id for row in rows if not row.short_answer.strip()]:
        raise InputError(
            f"{len(unanswerable)} questions have no right answer (first: {unanswerable[0]!r}); "
            "name its column with --columns short_answer=…, or give the data set with --data"
        )
    rule = rule or ("choice" if any(row.choices for row in rows) else "word")
    judge = judging(rows, train)
    verdicts = {name: [judge(name, row) for row in rows] for name in match.RULES}
    by_kind = {
        kind: _kind(kind, [rows[i] for i in places], rule, train, judge, seed)
        | {
            "accuracy_by_rule": {
                name: _share(verdicts[name][i].correct for i in places) for name in match.RULES
            }
        }
        for kind, places in sorted(_places(rows).items())
    }
    single = [kind for kind, figures in by_kind.items() if figures["single_class"]]
    kept = [i for i, row in enumerate(rows) if row.kind not in single] or list(range(len(rows)))
    right = np.array([verdict.correct for verdict in verdicts[rule]], dtype=float)
    cases = [row.case_id for row in rows]
    headline = _headline([by_kind[kind] for kind in by_kind if kind not in single] or list(by_kind.values()))
    ci95 = interval(right[kept], [cases[i] for i in kept], seed)
    return {
        "n": len(rows),
        "n_headline": len(kept),
        "cases": len(set(cases)),
        "rule": rule,
        "accuracy": float(right[kept].mean()),
        "ci95": ci95,
        "accuracy_all_kinds": float(right.mean()),
        "blind_majority_all_kinds": sum(k["blind_majority"] * k["n"] for k in by_kind.values()) / len(rows),
        "accuracy_by_rule": {name: _share(v.correct for v in verdicts[name]) for name in match.RULES},
        **headline,
        "errors": sum(row.error is not None and not _laid_error(row) for row in rows),
        "empty": sum(row.error is None and not row.prediction.strip() for row in rows),
        "refusals": sum(verdict.cause == "refusal" for verdict in verdicts["word"]),
        "echoes": sum(verdict.cause == "repeats the question" for verdict in verdicts["word"]),
        "missing": laid.missing,
        "extra": laid.extra,
        "duplicates": laid.duplicates,
        "single_class_kinds": single,
        "collapsed_kinds": [kind for kind, figures in by_kind.items() if figures["collapsed"]],
        "wrong_because": dict(Counter(v.cause for v in verdicts[rule] if not v.correct).most_common()),
        "rules_differ": {
            name: _differences(rows, verdicts, rule, name) for name in match.RULES if name != rule
        },
        "by_kind": by_kind,
        "by_case": _by_case(rows, right),
        "notes": [*laid.notes, *_notes(rows, single, len(kept), ci95, train, by_kind)],
    }


def interval(values: Sequence[float] | np.ndarray, cases: Sequence[str], seed: int) -> list[float] | None:
    """The 95 % interval over cases as a list; None for a single case."""
    ends = intervals.interval(intervals.sums(values, cases), seed)
    return None if ends is None else [round(float(end), 6) for end in ends]


def options(rows: Iterable[Prediction]) -> dict[str, tuple[str, ...]]:
    """The answers each kind knows: for lists the names that stand in them, else the short answers.

    >>> options([Prediction("1", "", "", "instruments", "", "", "", "spatula, forceps")])
    {'instruments': ('forceps', 'spatula')}
    """
    known: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.kind in match.SET_KINDS and row.short_answer.casefold() not in match.YES_NO:
            known[row.kind].update(match.items(row.short_answer, row.choices))
            known[row.kind].update(match.name(choice) for choice in row.choices)
        else:
            known[row.kind].add(row.short_answer)
    return {kind: tuple(sorted(answers)) for kind, answers in sorted(known.items())}


def judging(rows: Sequence[Prediction], train: Sequence[Prediction] | None) -> Judge:
    """A judge that knows each kind's answers, and never judges the same words twice."""
    known = options([*rows, *(train or ())])
    seen: dict[tuple[Any, ...], match.Verdict] = {}

    def judge(rule: str, row: Prediction) -> match.Verdict:
        if row.error is not None:
            return match.Verdict(False, "missing" if row.error == reference.MISSING else "error")
        choices = row.choices or (known[row.kind] if row.kind in match.SET_KINDS else ())
        key = (rule, row.prediction, row.short_answer, choices, row.kind, row.answer, row.question)
        if key not in seen:
            seen[key] = match.judge(*key)
        return seen[key]

    return judge


def _share(values: Iterable[bool]) -> float:
    values = list(values)
    return sum(values) / len(values)


def _laid_error(row: Prediction) -> bool:
    return row.error in (reference.MISSING, reference.CONFLICT)


def _places(rows: Sequence[Prediction]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        places[row.kind].append(i)
    return places


def _kind(
    kind: str,
    rows: list[Prediction],
    rule: str,
    train: Sequence[Prediction] | None,
    judge: Judge,
    seed: int,
) -> dict[str, Any]:
    """One kind's figures."""
    right = np.array([judge(rule, row).correct for row in rows], dtype=float)
    truths = Counter(row.short_answer for row in rows)
    taught = Counter(row.short_answer for row in train or () if row.kind == kind)
    constant, constant_right = _best_constant(rows, truths, rule, judge)
    blind, blind_right = constant, constant_right
    if taught:
        blind = min(taught, key=lambda answer: (-taught[answer], answer))
        blind_right = _constant(rows, blind, rule, judge)
    said, told = _labels(rows, truths), [row.short_answer for row in rows]
    spread, true_spread = entropy(said), entropy(told)
    cases = [row.case_id for row in rows]
    by_answer = [np.mean([right[i] for i, answer in enumerate(told) if answer == truth]) for truth in truths]
    return {
        "n": len(rows),
        "accuracy": float(right.mean()),
        "ci95": interval(right, cases, seed),
        "macro_accuracy": float(np.mean(by_answer)),
        "chance": _chance(rows, len(truths | taught)),
        "blind_majority": float(blind_right.mean()),
        "blind_answer": blind,
        "blind_from": "train" if taught else "scored questions",
        "best_constant": float(constant_right.mean()),
        "lift": float(right.mean() - blind_right.mean()),
        "lift_ci95": _difference_interval(right - blind_right, cases, seed),
        "single_class": len(truths) == 1 and len(rows) > 1,
        "collapsed": len(rows) > 3 and true_spread > 0 and spread < COLLAPSE * true_spread,
        "entropy_bits": {"answers": round(spread, 4), "truth": round(true_spread, 4)},
        "errors": sum(row.error is not None and not _laid_error(row) for row in rows),
        "empty": sum(row.error is None and not row.prediction.strip() for row in rows),
        "confusion": confusion(told, said),
        **({"lists": _lists(rows, judge)} if kind in match.SET_KINDS else {}),
        **_distances(rows),
    }


def _best_constant(
    rows: list[Prediction], truths: Counter[str], rule: str, judge: Judge
) -> tuple[str, np.ndarray]:
    """The one answer that would score best on these very questions, and where it is right."""
    likely = sorted(truths, key=lambda answer: (-truths[answer], answer))
    best = (likely[0], _constant(rows, likely[0], rule, judge))
    for answer in likely[1:8]:  # a rarer answer wins only where it contains others ("lower left" has "left")
        right = _constant(rows, answer, rule, judge)
        if right.sum() > best[1].sum():
            best = (answer, right)
    return best


def _constant(rows: list[Prediction], answer: str, rule: str, judge: Judge) -> np.ndarray:
    """Where the same answer to every question would be right."""
    return np.array(
        [
            judge(
                rule, Prediction("", "", "", row.kind, "", "", "", row.short_answer, row.choices, answer)
            ).correct
            for row in rows
        ],
        dtype=float,
    )


def _chance(rows: list[Prediction], answers: int) -> float:
    """A uniform guess among the question's choices, or among the answers the kind is known to have."""
    guesses = [
        1 / len(row.choices)
        if row.choices and row.kind not in match.SET_KINDS
        else 1 / (2 if row.short_answer.casefold() in match.YES_NO else answers)
        for row in rows
    ]
    return sum(guesses) / len(guesses)


def _labels(rows: list[Prediction], truths: Iterable[str]) -> list[str]:
    """What each prediction says, in the truth's words where it says one of them."""
    answers = tuple(sorted(truths))
    return [_label(row, answers) for row in rows]


def _label(row: Prediction, answers: tuple[str, ...]) -> str:
    if row.error is not None:
        return "(error)"
    if not row.prediction.strip():
        return "(empty)"
    text = match.final(row.prediction)
    said = match.words(text)
    if row.short_answer.casefold() in match.YES_NO:
        return said[0] if said and said[0] in match.YES_NO else "(other)"
    if row.kind in match.SET_KINDS:
        known = tuple(sorted({name for answer in answers for name in match.items(answer, ())}))
        return ", ".join(match.named(text, known)) or "none"
    exact = [answer for answer in answers if match.words(answer) == said]
    found = exact or match.named(text, answers)
    return found[0] if len(found) == 1 else " ".join(said)[:60] or "(other)"


def entropy(labels: Sequence[str]) -> float:
    """Shannon entropy in bits.

    >>> entropy(["yes", "no", "yes", "no"]), entropy(["yes", "yes"])
    (1.0, 0.0)
    """
    counts = Counter(labels).values()
    return abs(sum(-count / len(labels) * math.log2(count / len(labels)) for count in counts))


def confusion(truth: Sequence[str], said: Sequence[str]) -> dict[str, dict[str, int]]:
    """How often each answer was given for each right one.

    >>> confusion(["left", "left", "right"], ["left", "right", "right"])
    {'left': {'left': 1, 'right': 1}, 'right': {'right': 1}}
    """
    common = {answer for answer, _ in Counter([*truth, *said]).most_common(CONFUSION_SIZE)}
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for row, column in zip(truth, said, strict=True):
        table[row if row in common else "(other)"][column if column in common else "(other)"] += 1
    return {row: dict(sorted(counts.items())) for row, counts in sorted(table.items())}


def _lists(rows: list[Prediction], judge: Judge) -> dict[str, float | int]:
    """Precision, recall and F1 of the names in lists, over all names of the kind."""
    vocabulary = tuple(sorted({name for row in rows for name in match.items(row.short_answer, row.choices)}))
    hits = given = true = 0
    for row in rows:
        failed = row.error is not None or not row.prediction.strip()
        truth = match.items(row.short_answer, vocabulary)
        said = (
            frozenset()
            if failed
            else match.listed(match.final(row.prediction), row.short_answer, vocabulary)[0]
        )
        hits, given, true = hits + len(said & truth), given + len(said), true + len(truth)
    precision, recall = hits / given if given else 0.0, hits / true if true else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "given": given, "true": true}


def _distances(rows: list[Prediction]) -> dict[str, Any]:
    """How far answers that are places are off: in cells of the 3x3 grid, or in the units of the points."""
    figures: dict[str, Any] = {}
    if rows[0].kind in match.CELL_KINDS:
        pairs = [
            (
                positions.cell(match.words(row.short_answer)),
                positions.cell(match.affirmed(match.final(row.prediction))),
            )
            for row in rows
        ]
        figures["cells"] = _off([(a, b) for a, b in pairs if a is not None], positions.cell_distance)
    points = [(positions.point(row.short_answer), positions.point(row.prediction)) for row in rows]
    if known := [(a, b) for a, b in points if a is not None]:
        figures["points"] = _off(known, math.dist)
    return figures


def _off(pairs: Sequence[tuple[Any, Any]], distance: Callable[[Any, Any], float]) -> dict[str, Any]:
    off = [distance(a, b) for a, b in pairs if b is not None]
    return {
        "n": len(pairs),
        "unreadable": len(pairs) - len(off),
        "mean_distance": float(np.mean(off)) if off else None,
        "median_distance": float(np.median(off)) if off else None,
    }


def _difference_interval(values: np.ndarray, cases: Sequence[str], seed: int) -> list[float] | None:
    ends = intervals.interval(intervals.sums(values, cases), seed, low=-1.0, high=1.0)
    return None if ends is None else [round(end, 6) for end in ends]


def _headline(kinds: list[dict[str, Any]]) -> dict[str, Any]:
    """The overall figures beside the accuracy, over the same kinds."""
    count = sum(kind["n"] for kind in kinds)

    def pooled(name: str) -> float:
        return sum(kind[name] * kind["n"] for kind in kinds) / count

    return {
        "macro_accuracy": sum(kind["accuracy"] for kind in kinds) / len(kinds),
        "chance": pooled("chance"),
        "blind_majority": pooled("blind_majority"),
        "best_constant": pooled("best_constant"),
        "lift": pooled("accuracy") - pooled("blind_majority"),
    }


def _differences(
    rows: Sequence[Prediction], verdicts: dict[str, list[match.Verdict]], rule: str, other: str
) -> dict[str, Any]:
    """Where another rule judges differently than the declared one, and why."""
    more = [i for i in range(len(rows)) if verdicts[other][i].correct and not verdicts[rule][i].correct]
    fewer = [i for i in range(len(rows)) if verdicts[rule][i].correct and not verdicts[other][i].correct]
    return {
        "only_there": len(more),
        "because": dict(Counter(verdicts[rule][i].cause for i in more).most_common()),
        "only_here": len(fewer),
        "because_there": dict(Counter(verdicts[other][i].cause for i in fewer).most_common()),
        "examples": [
            {
                "qa_id": rows[i].qa_id,
                "prediction": rows[i].prediction[:200],
                "short_answer": rows[i].short_answer,
            }
            for i in (more[:3] + fewer[:2])
        ],
    }


def _by_case(rows: Sequence[Prediction], right: np.ndarray) -> dict[str, dict[str, float | int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        places[row.case_id].append(i)
    return {case: {"n": len(at), "accuracy": float(right[at].mean())} for case, at in sorted(places.items())}


def _notes(
    rows: Sequence[Prediction],
    single: list[str],
    kept: int,
    ci95: list[float] | None,
    train: Sequence[Prediction] | None,
    by_kind: dict[str, dict[str, Any]],
) -> list[str]:
    notes = []
    if single and kept < len(rows):
        notes.append(
            f"accuracy leaves out {len(rows) - kept} questions of {len(single)} kinds with one answer only: "
            + ", ".join(single)
        )
    elif single:
        notes.append("every kind has one answer only: no figure here needs the video")
    if ci95 is None:
        unknown = not any(row.case_id for row in rows)
        notes.append(
            "no case ids: no interval" if unknown else "one case: no interval, it says nothing of others"
        )
    if train is None:
        notes.append(
            "no training questions given: blind_majority is each kind's best constant on the scored questions "
            "themselves, at least what a majority learnt in training scores"
        )
    elif unseen := [kind for kind, figures in by_kind.items() if figures["blind_from"] != "train"]:
        notes.append(f"not asked in training, blind_majority is the best constant there: {', '.join(unseen)}")
    outside = sum(
        bool(row.choices)
        and row.kind not in match.SET_KINDS
        and match.words(row.short_answer) not in {match.words(choice) for choice in row.choices}
        for row in rows
    )
    if outside:
        notes.append(f"{outside} questions have a right answer that is not among their choices")
    return notes
