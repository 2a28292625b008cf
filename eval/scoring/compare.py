"""Compare two runs on the same questions, paired, with the case as the unit.

``surgvqa-eval compare a.jsonl b.jsonl --data DIR --out compare.json``
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from surgvqa.cards.command import InputError
from surgvqa.eval.data import reference
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.documents.comparison import Comparison, Difference, KindDifference, OtherAnswers
from surgvqa.eval.scoring import match, statistics
from surgvqa.eval.scoring.kinds import difference, has_one_answer
from surgvqa.eval.scoring.score import choose_rule, lay
from surgvqa.eval.scoring.verdicts import Judgement, judge

Pair = tuple[Judgement, Judgement]
LEVEL = statistics.LEVEL


def compare(
    a: Sequence[Prediction],
    b: Sequence[Prediction],
    *,
    rule: str | None = None,
    data: Sequence[Prediction] | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare B's accuracy with A's, overall and per kind, ready for JSON.

    With ``data`` both are laid over its questions, and what either lacks is wrong; without, they must hold
    the same questions with the same right answers.

    Raises:
        InputError: an unknown rule, or different question sets.
    """
    left, right = lay(a, data), lay(b, data)
    rows, others = left.rows, right.rows if data is not None else same_order(left.rows, right.rows)
    rule = choose_rule(rule, rows)
    pairs = list(zip(judge(rows, others), judge(others, rows), strict=True))
    kinds: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        kinds[pair[0].row.kind].append(pair)
    single = sorted(kind for kind, own in kinds.items() if has_one_answer([x.row for x, _ in own]))
    kept_pairs = [pair for pair in pairs if pair[0].row.kind not in single] or pairs
    by_kind = _by_kind(kinds, rule, seed)
    tested_kinds = [kind for kind, own in by_kind.items() if "p_holm" in own]
    overall = _figures(kept_pairs, rule, seed)
    cases = {row.case_id for row in rows}
    notes = [f"A: {note}" for note in left.notes] + [f"B: {note}" for note in right.notes]
    notes += _few(len(cases), overall)
    can_move = not tested_kinds or _least_holm(kinds, tested_kinds) < LEVEL
    if not can_move:
        notes.append(_unreachable(kinds, tested_kinds))
    if single and len(kept_pairs) < len(pairs):
        notes.append(f"left out, one answer only: {', '.join(single)}")
    return {
        **overall,
        "n": len(pairs),
        "n_headline": len(kept_pairs),
        "cases": len(cases),
        "rule": rule,
        "difference_by_rule": {name: _figures(kept_pairs, name, seed)["difference"] for name in match.RULES},
        "answers": _answers(pairs, rule),
        "missing": {"a": left.missing, "b": right.missing},
        "errors": {"a": sum(x.has_crashed for x, _ in pairs), "b": sum(y.has_crashed for _, y in pairs)},
        "moved_kinds": [kind for kind in tested_kinds if by_kind[kind]["p_holm"] < LEVEL],
        "can_move": can_move,
        "single_class_kinds": single,
        "by_kind": by_kind,
        "notes": notes,
    }


def _by_kind(kinds: Mapping[str, Sequence[Pair]], rule: str, seed: int) -> dict[str, KindDifference]:
    """Return each kind's difference, its p corrected for all kinds that have one."""
    by_kind = {kind: cast("KindDifference", _figures(own, rule, seed)) for kind, own in sorted(kinds.items())}
    p_by_kind = {kind: p for kind, own in by_kind.items() if (p := own["p"]) is not None}
    for kind, p in zip(p_by_kind, statistics.holm(list(p_by_kind.values())), strict=True):
        by_kind[kind]["p_holm"] = p
    return by_kind


def _cases(own: Sequence[Pair]) -> int:
    return len({x.row.case_id for x, _ in own})


def _least_holm(kinds: Mapping[str, Sequence[Pair]], tested_kinds: Sequence[str]) -> float:
    """Return the smallest p that any kind can get, after Holm, from as many cases as it has."""
    return min(statistics.holm([statistics.least(_cases(kinds[kind])) for kind in tested_kinds]))


def _unreachable(kinds: Mapping[str, Sequence[Pair]], tested_kinds: Sequence[str]) -> str:
    cases = max(_cases(kinds[kind]) for kind in tested_kinds)
    least_cases = statistics.least_cases(len(tested_kinds), LEVEL)
    return (
        f"{len(tested_kinds)} kinds on {cases} cases: even if every case agreed, p would be {statistics.least(cases):.2g} and "
        f"{min(1.0, _least_holm(kinds, tested_kinds)):.2g} after Holm's correction for {len(tested_kinds)} kinds, so no kind can be shown "
        f"to have moved; it takes {least_cases} cases. The differences and their intervals stand in the table"
    )


def _answers(pairs: Sequence[Pair], rule: str) -> OtherAnswers:
    """Count answers in other words, however right: two engines that run one model should give none."""
    other = [
        (x, y)
        for x, y in pairs
        if (x.row.prediction.strip(), x.has_crashed) != (y.row.prediction.strip(), y.has_crashed)
    ]
    return {
        "n": len(pairs),
        "differ": len(other),
        "verdict_differs": sum(x.verdicts[rule].correct != y.verdicts[rule].correct for x, y in other),
        "by_kind": dict(sorted(Counter(x.row.kind for x, _ in other).items())),
    }


def _few(cases: int, overall: Difference) -> list[str]:
    """Say what cannot be told, from so few cases or from runs that don't differ."""
    if cases == 1:
        return ["one case: no interval and no p, the difference says nothing of other cases"]
    notes = []
    if overall["only_a"] == overall["only_b"] == 0:
        notes.append("A and B are right on the very same questions: no difference, and no interval of one")
    elif cases < statistics.FEWEST:
        notes.append(f"{cases} cases: too few for an interval, the difference may be these cases' own")
    if (least := 2 / 2**cases) >= LEVEL:
        notes.append(
            f"{cases} cases: p cannot be below {least:.2g}, so no difference can be told from chance; it takes six"
        )
    return notes


def _figures(pairs: Sequence[Pair], rule: str, seed: int) -> Difference:
    """Both accuracies, their difference (B - A), its interval and p."""
    a = np.array([x.verdicts[rule].correct for x, _ in pairs], dtype=float)
    b = np.array([y.verdicts[rule].correct for _, y in pairs], dtype=float)
    cases = [x.row.case_id for x, _ in pairs]
    ci95, p = difference(b - a, cases, seed)
    return {
        "n": len(pairs),
        "a": float(a.mean()),
        "b": float(b.mean()),
        "difference": float((b - a).mean()),
        "ci95": ci95,
        "p": p,
        "only_a": int(((a == 1) & (b == 0)).sum()),
        "only_b": int(((b == 1) & (a == 0)).sum()),
    }


def same_order(rows: Sequence[Prediction], others: Sequence[Prediction]) -> list[Prediction]:
    """B's rows in A's order; an ``InputError`` unless both hold the same questions."""
    fields = next(
        (fields for fields in reference.KEYS if _apart(rows, fields) and _apart(others, fields)), None
    )
    if fields is None:
        raise InputError("the files have no question ids to pair them by; name them with --columns qa_id=…")
    theirs = {reference.key(row, fields): row for row in others}
    mine = [reference.key(row, fields) for row in rows]
    if set(mine) != theirs.keys():
        raise InputError(
            f"A and B are not on the same questions: {len(set(mine) - theirs.keys())} only in A, "
            f"{len(theirs.keys() - set(mine))} only in B, {len(theirs.keys() & set(mine))} in both; "
            "with --data DIR, what either lacks counts as wrong"
        )
    others_in_order = [theirs[name] for name in mine]
    disagreements = sum(x.short_answer != y.short_answer for x, y in zip(rows, others_in_order, strict=True))
    if disagreements:
        raise InputError(
            f"A and B disagree on the right answer of {disagreements} questions: not the same data set"
        )
    return others_in_order


def _apart(rows: Sequence[Prediction], fields: tuple[str, ...]) -> bool:
    return len({reference.key(row, fields) for row in rows}) == len(rows)
