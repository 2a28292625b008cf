"""Several models, several seeds each, on the same questions: means, paired differences, ranks and what can be seen.

``surgvqa-eval board a-seed1.jsonl a-seed2.jsonl b.jsonl --data DIR --buckets centre``

Every figure is over cases. The rank is Copeland's: a model beats another that is worse in more of the groups (a kind
of question within a bucket) than it is better; how stable it is, resampled cases say.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from surgvqa.cards.command import InputError
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring import kinds, statistics
from surgvqa.eval.scoring.compare import LEVEL, same_order
from surgvqa.eval.scoring.score import choose_rule, group_by_kind, lay
from surgvqa.eval.scoring.verdicts import judge

Array = npt.NDArray[np.float64]
RESAMPLES = 1000
POWER = 0.8416  # normal quantile of 80 %: how often a real difference is to be seen
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One model's line of the board."""

    model: str
    seeds: int
    accuracy: float  # mean over seeds, buckets counting alike
    spread: float | None  # standard deviation over seeds; None for one
    ci95: list[float] | None  # over cases, of the mean over seeds
    lift: float  # above the blind guess
    buckets: dict[str, float]
    rank: int | None  # None for so few cases that no difference between two models could be shown
    copeland: float  # models beaten, ties half
    rank_ci95: list[int] | None  # of 1,000 resamples of the cases
    first: float | None  # share of resamples in which it leads


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two models on the same questions."""

    a: str
    b: str
    difference: float  # b - a
    ci95: list[float] | None
    p: float | None
    p_holm: float | None


@dataclass(frozen=True, kw_only=True)
class Board:
    """Every figure of the board."""

    n: int
    cases: int
    rule: str
    blind_majority: float
    buckets: dict[str, int]  # questions of each
    entries: list[Entry]  # the first rank first; without ranks, the most accurate
    differences: list[Difference]
    visible: float | None  # the smallest difference that these cases show in four of five studies
    notes: list[str]


def board(
    runs: Mapping[str, Sequence[Sequence[Prediction]]],
    *,
    rule: str | None = None,
    data: Sequence[Prediction] | None = None,
    buckets: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Board:
    """Lay all runs over the same questions and rank the models; ``buckets`` names the bucket of a question's id.

    Raises:
        InputError: fewer than two models, other questions in one of the files, or a question without a bucket.
    """
    if len(runs) < 2:
        raise InputError(
            f"a board compares models, found {len(runs)}; name them NAME=FILE where files are seeds of one"
        )
    names = list(runs)
    rows = lay(runs[names[0]][0], data).rows
    rule = choose_rule(rule, rows)
    kept_places, single = _several_answers(rows)
    every = {
        name: np.stack([_marks(run, rows, data, rule) for run in runs[name]])[:, kept_places]
        for name in names
    }
    rows = [rows[i] for i in kept_places]
    marks = np.stack([every[name].mean(axis=0) for name in names])
    place = [_bucket(row, buckets) for row in rows]
    blind = _blind(rows, rule)
    differences = _differences(names, marks, [row.case_id for row in rows], seed)
    entries = _entries(every, rows, place, blind, seed)
    cases = len({row.case_id for row in rows})
    return Board(
        n=len(rows),
        cases=cases,
        rule=rule,
        blind_majority=float(blind.mean()),
        buckets={name: place.count(name) for name in sorted(set(place))},
        entries=sorted(entries, key=lambda one: (one.rank or 0, -one.accuracy if one.rank is None else 0.0)),
        differences=differences,
        visible=_visible(marks, [row.case_id for row in rows], seed),
        notes=[*_notes(cases, len(differences)), *single],
    )


def _several_answers(rows: Sequence[Prediction]) -> tuple[list[int], list[str]]:
    """Return the places of the questions whose kind has several answers, and a note on the others; all, where none has."""
    rows_by_kind: dict[str, list[Prediction]] = defaultdict(list)
    for row in rows:
        rows_by_kind[row.kind].append(row)
    single = {kind for kind, own in rows_by_kind.items() if kinds.has_one_answer(own)}
    kept_places = [i for i, row in enumerate(rows) if row.kind not in single]
    if not single or not kept_places:
        return list(range(len(rows))), []
    return kept_places, [f"left out, one answer only: {', '.join(sorted(single))}"]


def _marks(
    run: Sequence[Prediction], rows: Sequence[Prediction], data: Sequence[Prediction] | None, rule: str
) -> Array:
    run_rows = lay(run, data).rows
    own = run_rows if data is not None else same_order(rows, run_rows)
    return np.array([judgement.verdicts[rule].correct for judgement in judge(own, rows)], dtype=float)


def _bucket(row: Prediction, buckets: Mapping[str, str] | None) -> str:
    if buckets is None:
        return ALL
    if row.qa_id not in buckets:
        raise InputError(
            f"--buckets: question {row.qa_id!r} has no bucket; every row of the first file needs one"
        )
    return buckets[row.qa_id]


def _blind(rows: Sequence[Prediction], rule: str) -> Array:
    """Return where each kind's best constant answer is right."""
    right = {}
    for own in group_by_kind(judge(rows)).values():
        floor = kinds.floor([judgement.row for judgement in own], Counter(), rule)
        right.update({id(judgement.row): mark for judgement, mark in zip(own, floor.blind, strict=True)})
    return np.array([right[id(row)] for row in rows])


def _differences(names: Sequence[str], marks: Array, cases: Sequence[str], seed: int) -> list[Difference]:
    pairs = []
    for a, b in itertools.combinations(range(len(names)), 2):
        values = marks[b] - marks[a]
        ends, p = kinds.difference(values, cases, seed)
        pairs.append((names[a], names[b], float(values.mean()), ends, p))
    p_values = [p for *_, p in pairs if p is not None]
    adjusted_p_values = iter(statistics.holm(p_values))
    return [
        Difference(
            a=a, b=b, difference=value, ci95=ends, p=p, p_holm=None if p is None else next(adjusted_p_values)
        )
        for a, b, value, ends, p in pairs
    ]


def _entries(
    every: Mapping[str, Array], rows: Sequence[Prediction], place: Sequence[str], blind: Array, seed: int
) -> list[Entry]:
    marks = np.stack([own.mean(axis=0) for own in every.values()])
    cases = [row.case_id for row in rows]
    totals, counts = _sums(
        marks, cases, [f"{bucket}\n{row.kind}" for bucket, row in zip(place, rows, strict=True)]
    )
    scores = _copeland(totals.sum(0)[None], counts.sum(0)[None])[0]
    can_be_seen = statistics.least(len(totals)) < LEVEL
    ranks = _resampled_ranks(totals, counts, seed)
    own_buckets = sorted(set(place))
    entries = []
    for i, (name, runs) in enumerate(every.items()):
        share = {one: float(marks[i][[bucket == one for bucket in place]].mean()) for one in own_buckets}
        entries.append(
            Entry(
                model=name,
                seeds=len(runs),
                accuracy=float(np.mean(list(share.values()))),
                spread=float(runs.mean(axis=1).std(ddof=1)) if len(runs) > 1 else None,
                ci95=kinds.interval(marks[i], cases),
                lift=float(marks[i].mean() - blind.mean()),
                buckets=share,
                rank=1 + int((scores > scores[i] + 1e-9).sum()) if can_be_seen else None,
                copeland=float(scores[i]),
                rank_ci95=[int(end) for end in np.quantile(ranks[:, i], (0.025, 0.975), method="nearest")]
                if can_be_seen
                else None,
                first=float((ranks[:, i] == 1).mean()) if can_be_seen else None,
            )
        )
    return entries


def _sums(marks: Array, cases: Sequence[str], groups: Sequence[str]) -> tuple[Array, Array]:
    """Return the right answers by case, group and model, and the questions by case and group."""
    _, case = np.unique(np.asarray(cases, dtype=str), return_inverse=True)
    _, group = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    shape = (case.max() + 1, group.max() + 1)
    cell = case * shape[1] + group
    counts = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    totals = [np.bincount(cell, weights=own, minlength=shape[0] * shape[1]).reshape(shape) for own in marks]
    return np.stack(totals, axis=-1), counts


def _copeland(totals: Array, counts: Array) -> Array:
    """Return each model's score in each of several resamples: the others it beats, a tie being half.

    >>> _copeland(np.array([[[9.0, 5.0, 5.0]]]), np.array([[10.0]])).tolist()
    [[2.0, 0.5, 0.5]]
    """
    shares = totals / np.maximum(counts, 1e-9)[..., None]
    models = shares.shape[-1]
    scores = np.zeros((len(shares), models))
    for a, b in itertools.permutations(range(models), 2):
        better = ((shares[..., a] > shares[..., b] + 1e-9) & (counts > 0)).sum(axis=1)
        worse = ((shares[..., b] > shares[..., a] + 1e-9) & (counts > 0)).sum(axis=1)
        scores[:, a] += np.where(better > worse, 1.0, np.where(better == worse, 0.5, 0.0))
    return scores


def _resampled_ranks(totals: Array, counts: Array, seed: int) -> Array:
    random = np.random.default_rng(seed)
    size = len(counts)
    ranks = []
    for _ in range(10):
        draws = random.multinomial(size, np.full(size, 1 / size), size=RESAMPLES // 10).astype(float)
        scores = _copeland(np.einsum("dc,cgm->dgm", draws, totals), draws @ counts)
        ranks.append(1 + (scores[:, None, :] > scores[:, :, None] + 1e-9).sum(axis=2))
    return np.concatenate(ranks)


def _visible(marks: Array, cases: Sequence[str], seed: int) -> float | None:
    """Return the smallest difference that would be seen in four of five studies on such cases; None for under six.

    From the scatter over cases of the differences between these models, the median of all pairs.
    """
    size = len(set(cases))
    if statistics.least(size) >= LEVEL:
        return None
    errors = [
        statistics.bootstrap_error(statistics.sums(marks[b] - marks[a], cases), seed)
        for a, b in itertools.combinations(range(len(marks)), 2)
    ]
    return float((statistics.student(size - 1) + POWER) * np.median(errors))


def _notes(cases: int, pairs: int) -> list[str]:
    least_cases = statistics.least_cases(pairs, LEVEL)
    if cases >= least_cases:
        return []
    least = min(1.0, pairs * statistics.least(cases)) if cases > 1 else math.nan
    return [
        f"{pairs} pairs on {cases} cases: p can't fall below {least:.2g} after Holm's correction, so no difference "
        f"can be shown; it takes {least_cases} cases"
    ]


def groups_of(files: Sequence[str]) -> dict[str, list[str]]:
    """Return the files of each model: ``NAME=FILE``, else the file's name without its seed.

    >>> groups_of(["a-seed1.jsonl", "a-seed2.jsonl", "big=b/x.jsonl"])
    {'a': ['a-seed1.jsonl', 'a-seed2.jsonl'], 'big': ['b/x.jsonl']}
    """
    files_by_model: dict[str, list[str]] = defaultdict(list)
    for word in files:
        name, separator, file = word.partition("=")
        if not separator:
            file, stem = word, word.replace("\\", "/").rpartition("/")[2].partition(".")[0]
            head, _, tail = stem.replace("_seed", "-seed").rpartition("-seed")
            name = head if head and tail.isdigit() else stem
        files_by_model[name].append(file)
    return dict(files_by_model)
