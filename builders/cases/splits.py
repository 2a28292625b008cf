"""Splits by case: a recorded operation lies in one split, whole.

Official splits of a source stand; `--test-cases` goes before everything; the rest is spread so that each
kind of question, rare ones first, comes close to its share in every split. A seed fixes the order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from surgvqa.builders.cases import draws
from surgvqa.builders.schema import Case, Clip
from surgvqa.cards.command import InputError, nearest
from surgvqa.cards.files.documents import SPLIT_NOTE

SPLITS = ("train", "validation", "test")


def assign(
    cases: Sequence[Case],
    *,
    kinds_by_case: Mapping[str, Mapping[str, int]],
    test_cases: Iterable[str] = (),
    seed: int = 0,
    validation: float = 0.1,
    test: float = 0.2,
) -> dict[str, str]:
    """Return the split of every case, by case_id; ``kinds_by_case`` counts each case's questions per kind.

    ``validation`` and ``test`` are shares of the questions. Two cases with one id, an unknown id in
    ``test_cases``, a split name other than train, validation and test are refused. With two cases there is
    a test case, with three a validation case too, where their shares aren't 0.
    """
    ids = [case.case_id for case in cases]
    repeated_ids = sorted(case_id for case_id, times in Counter(ids).items() if times > 1)
    if repeated_ids:
        raise InputError(
            f"case {', '.join(repeated_ids)} is there more than once; a case has one id and one split"
        )
    if min(validation, test) < 0 or validation + test >= 1:
        raise InputError(
            f"shares of {validation:g} for validation and {test:g} for test leave nothing to train on"
        )
    test_ids = set(test_cases)
    for case_id in sorted(test_ids - set(ids)):
        raise InputError(f"--test-cases {case_id}: no such case; {nearest(case_id, ids)}")
    fixed_splits = {case.case_id: _official(case) for case in cases if case.split is not None}
    if test_ids:
        fixed_splits = {
            i: split for i, split in fixed_splits.items() if split != "test" and i not in test_ids
        }
        fixed_splits |= dict.fromkeys(sorted(test_ids), "test")
    official = bool(fixed_splits) and not test_ids
    free = [case_id for case_id in draws.shuffle(ids, "split", seed) if case_id not in fixed_splits]
    shares = {"train": 1 - validation - test, "validation": validation, "test": test}
    if test_ids:  # training has what named cases and validation leave, but never less than validation
        rest = 1 - validation - len(test_ids) / len(ids)
        shares = {"train": max(rest, validation), "validation": validation, "test": 0.0}
    if official:  # what the source holds out is held out; cases it doesn't mention are for training
        shares = {"train": 1.0, "validation": 0.0, "test": 0.0}
    result = fixed_splits | _spread(free, fixed_splits, kinds_by_case, shares)
    if "train" not in result.values() and ids:
        ways = (
            "name fewer with --test-cases"
            if test_ids
            else f"name those to test on yourself, such as --test-cases {min(ids)}"
            if official
            else "hold out less with --test and --validation"
        )
        raise InputError(f"no case is left to train on: all {len(ids)} are held out; {ways}, or add cases")
    return {case_id: result[case_id] for case_id in sorted(ids)}


def note(cases: Sequence[Case], splits: Iterable[str], test_cases: Iterable[str], seed: int) -> str:
    """Say by whom the cases were split, for the build's notes and the card."""
    test_count = len(set(test_cases))
    lists = sorted({case.split_list for case in cases if case.split_list})
    if test_count:
        how = f"{test_count} test case{'s' if test_count > 1 else ''} named with --test-cases, the others drawn with seed {seed}"
    elif any(case.split for case in cases):
        how = f"as the source splits its cases{f', by {lists[0]}' if lists else ''}"
    else:
        how = f"the source has no official split of these cases; drawn with seed {seed}, every kind of question in every split"
    names_in_use = set(splits)
    empty = [name for name in SPLITS if name not in names_in_use]
    return f"{SPLIT_NOTE}{how}" + (f"; no {' and no '.join(empty)} split" if empty else "")


def _official(case: Case) -> str:
    if case.split not in SPLITS:
        raise InputError(f"case {case.case_id}: split {case.split!r} is none of {', '.join(SPLITS)}")
    return case.split


def _spread(
    free: Sequence[str],
    fixed_splits: Mapping[str, str],
    kinds_by_case: Mapping[str, Mapping[str, int]],
    shares: Mapping[str, float],
) -> dict[str, str]:
    """Spread cases by iterative stratification (Sechidis et al. 2011): the rarest kind is dealt out first.

    The case itself counts as a kind, so that cases without questions are spread too.
    """
    counts = {
        case_id: Counter({"a case": 1}) + Counter(kinds_by_case.get(case_id, {}))
        for case_id in [*free, *fixed_splits]
    }
    total: Counter[str] = sum(counts.values(), Counter())
    need = {
        split: {kind: shares[split] * n for kind, n in total.items()} for split in SPLITS if shares[split] > 0
    }
    for case_id, split in fixed_splits.items():
        for kind, n in counts[case_id].items():
            if split in need:
                need[split][kind] -= n
    result: dict[str, str] = {}
    left = list(free)
    for split in ("test", "validation"):  # no wanted split stays empty
        if split in need and split not in fixed_splits.values() and len(left) > 1:
            smallest = min(
                left, key=lambda case_id: abs(counts[case_id].total() - shares[split] * total.total())
            )
            _give(smallest, split, result, left, need, counts)
    while left:
        holders = Counter(kind for case_id in left for kind in counts[case_id])
        rare = min(holders, key=lambda kind: (holders[kind], kind))
        case_id = max((c for c in left if counts[c][rare]), key=lambda c: counts[c][rare])
        if "train" not in (*result.values(), *fixed_splits.values()) and len(left) == 1:
            split = "train"
        else:
            split = max(
                need, key=lambda name: (need[name][rare] / total[rare], need[name]["a case"], shares[name])
            )
        _give(case_id, split, result, left, need, counts)
    return result


def _give(
    case_id: str,
    split: str,
    result: dict[str, str],
    left: list[str],
    need: Mapping[str, dict[str, float]],
    counts: Mapping[str, Counter[str]],
) -> None:
    result[case_id] = split
    left.remove(case_id)
    for kind, n in counts[case_id].items():
        need[split][kind] -= n


def part(clips: Sequence[Clip], apart_s: float, share: float = 0.15, seed: int = 0) -> tuple[Clip, ...]:
    """Return a case's clips with ``split`` set to train or validation, for a source that divides its cases.

    Clips less than ``apart_s`` seconds apart stay together, so no clip of one part overlaps one of the other;
    kinds of questions are spread as over cases, ``share`` of each to validation.
    """
    groups: list[list[Clip]] = []
    end = None
    for clip in sorted(clips, key=lambda one: (one.start_ms, one.end_ms)):
        if end is None or clip.start_ms - end >= 1000 * apart_s:
            groups.append([])
        groups[-1].append(clip)
        end = max(end or 0, clip.end_ms)
    names = [group[0].clip_id for group in groups]
    kinds = {
        name: Counter(qa.kind for clip in group for qa in clip.qa)
        for name, group in zip(names, groups, strict=True)
    }
    dealt = _spread(
        draws.shuffle(names, "part", seed),
        {},
        kinds,
        {"train": 1 - share, "validation": share, "test": 0.0},
    )
    split = {
        (clip.clip_id, clip.split): dealt[name]
        for name, group in zip(names, groups, strict=True)
        for clip in group
    }
    return tuple(replace(clip, split=split[clip.clip_id, clip.split]) for clip in clips)


def refuse_shared_cases(cases_by_split: Mapping[str, Iterable[str]]) -> None:
    """Raise where a case lies in two splits; every writer and reader of splits calls it."""
    owner: dict[str, str] = {}
    for split, case_ids in cases_by_split.items():
        for case_id in sorted(set(case_ids)):
            if owner.setdefault(case_id, split) != split:
                raise InputError(
                    f"case {case_id} is in {owner[case_id]} and in {split}: scores on it would measure memory; "
                    "give every case one split"
                )
