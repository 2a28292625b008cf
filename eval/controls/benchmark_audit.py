"""Audit a set of questions before anyone is measured on it: what gives its answers away, and what is broken.

    surgvqa-eval audit-benchmark test.jsonl train.jsonl --out audit.html

Four guessers that never look answer every question. Of a data set that `surgvqa-build` wrote they learn on its train split and
answer its test; of a file "majority" is the share of its own most frequent answer, and the others learn on other cases (five folds). A check that the files' columns
don't allow is listed as not made, never as passed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from surgvqa.cards.command import InputError
from surgvqa.eval.controls.baselines import by_kind, by_text, most_frequent, text_model
from surgvqa.eval.controls.question_files import WINDOW, evidence_outside
from surgvqa.eval.controls.question_files import read as read_questions
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.data.reference import training
from surgvqa.eval.data.streams import Row
from surgvqa.eval.scoring.shares import share_interval
from surgvqa.eval.scoring.statistics import sums

FOLDS = 5
OUTSIDE = "evidence lies outside the clip"
POINTS = 0.10  # a kind is given away where the best guesser is so far above chance
GUESSERS = {
    "majority": "the most frequent answer of the kind, in the train split or else in the file itself",
    "text": "of the question's text, word for word",
    "text model": "logistic regression on the question's words and choices",
    "choice habits": "the choice at the place, or of the length, that is most often right",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class KindAudit:
    """The scores of guessers on one kind of question."""

    kind: str
    n: int
    answers: int  # different ones
    single_class: bool
    chance: float
    guessers: dict[
        str, float | None
    ]  # accuracy of each on cases that it didn't learn from; None: needs choices
    best: str
    best_ci95: tuple[float, float] | None  # over cases; None from fewer than three
    given_away: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FileAudit:
    """The faults of one file of questions."""

    file: str
    n: int
    cases: int
    learn_on: str  # what guessers learn on: "its train split", or "other" cases, clips or questions
    kinds: list[KindAudit]
    faults: dict[str, int]  # counts of what is broken, by name
    examples: dict[str, list[str]]  # the first few of each fault
    not_checked: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchmarkAudit:
    """The audit of a benchmark: its files one by one, and what pairs of them share."""

    schema_version: int
    files: list[FileAudit]
    shared: list[dict[str, int | str]]


def audit(paths: Sequence[Path], columns: Mapping[str, str] | None = None) -> BenchmarkAudit:
    """Audit files of questions, each alone and every pair for what it shares.

    Raises:
        InputError: a file that can't be read, or without answers.
    """
    if len({path.name for path in paths}) < len(paths):
        raise InputError(
            "two of the files have the same name; rename one, so that the report tells them apart"
        )
    read = {path.name: read_questions(path, columns) for path in paths}
    files = [
        _file(path.name, read[path.name], evidence_outside(path), training(path) if path.is_dir() else None)
        for path in paths
    ]
    shared_counts = [_count_shared(a, read[a], b, read[b]) for a, b in itertools.combinations(read, 2)]
    return BenchmarkAudit(schema_version=1, files=files, shared=shared_counts)


def _file(
    name: str,
    rows: Sequence[Prediction],
    outside: Sequence[str] | None,
    train: Sequence[Prediction] | None,
) -> FileAudit:
    faults, examples = _faults(rows)
    if outside:
        faults[OUTSIDE], examples[OUTSIDE] = len(outside), list(outside[:3])
    usable = [row for row in rows if row.question.strip() and row.short_answer.strip()]
    by, key = _groups(usable)
    missing = []
    if not any(row.case_id for row in rows):
        missing.append("cases: no case_id column; guessers are kept apart by " + by)
    if not any(row.choices for row in rows):
        missing.append("choices: no choices column")
    if not any(WINDOW.fullmatch(row.clip_id) for row in rows):
        missing.append("windows: clip ids give no times (case@start-end, ms)")
    if outside is None:
        missing.append("evidence: no evidence_s column with the clip's window")
    return FileAudit(
        file=name,
        n=len(rows),
        cases=len({row.case_id for row in rows if row.case_id}),
        learn_on="its train split" if train else f"other {by}s",
        kinds=list(_kinds(usable, key, train)),
        faults=faults,
        examples=examples,
        not_checked=missing,
    )


def _groups(rows: Sequence[Prediction]) -> tuple[str, Callable[[Prediction], str]]:
    """Return what keeps guessers' training and test rows apart: cases where there are enough, else clips, else rows."""
    if len({row.case_id for row in rows if row.case_id}) >= FOLDS:
        return "case", lambda row: row.case_id
    if len({row.clip_id for row in rows if row.clip_id}) >= FOLDS:
        return "clip", lambda row: row.clip_id
    return "question", lambda row: f"{row.question}\0{row.clip_id}\0{row.qa_id}"


def fold(name: str) -> int:
    """Return the fold of a case, the same in every run.

    >>> [fold(name) for name in ("a", "b", "c")]
    [0, 1, 0]
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % FOLDS


def _kinds(
    rows: Sequence[Prediction], group: Callable[[Prediction], str], own_train: Sequence[Prediction] | None
) -> Iterator[KindAudit]:
    right: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    groups: dict[str, list[str]] = defaultdict(list)
    folds: dict[int, list[Prediction]] = defaultdict(list)
    for row in rows:
        folds[0 if own_train else fold(group(row))].append(row)
    for number, held_out in sorted(folds.items()):
        others = [row for other, some in folds.items() if other != number for row in some]
        train = [_row(row) for row in own_train or others]
        guessers = _guessers(train) if train else {}
        for row in held_out:
            groups[row.kind].append(group(row))
            for name in GUESSERS:
                guess = guessers[name](_row(row)) if guessers else ""
                right[row.kind][name].append(_same(guess, row.short_answer))
    for kind, by_guesser in sorted(right.items()):
        own = [row for row in rows if row.kind == kind]
        yield _kind(own, by_guesser, groups[kind], None if own_train else group)


def _kind(
    rows: Sequence[Prediction],
    right: Mapping[str, Sequence[bool]],
    groups: Sequence[str],
    group: Callable[[Prediction], str] | None,
) -> KindAudit:
    """Judge one kind; ``right`` and ``groups`` are in the order in which guessers answered, ``rows`` in the file's.

    With a ``group`` the guessers learned on other groups of the same file, and the majority is the file's own.
    """
    answers = {" ".join(row.short_answer.casefold().split()) for row in rows}
    chance = sum(1 / len(row.choices) if row.choices else 1 / len(answers) for row in rows) / len(rows)
    accuracy = {name: sum(marks) / len(marks) for name, marks in right.items()}
    most, count = Counter(" ".join(row.short_answer.casefold().split()) for row in rows).most_common(1)[0]
    if group is not None:
        # Learned on other folds, a majority of evenly divided answers is wrong more often than chance: the file's own.
        accuracy["majority"] = count / len(rows)
    if not any(row.choices for row in rows):
        del accuracy["choice habits"]
    best = max(accuracy, key=lambda name: accuracy[name])
    marks, places = right[best], groups
    if group is not None and best == "majority":
        marks = [_same(row.short_answer, most) for row in rows]
        places = [group(row) for row in rows]
    return KindAudit(
        kind=rows[0].kind,
        n=len(rows),
        answers=len(answers),
        single_class=len(answers) == 1,
        chance=chance,
        guessers={name: accuracy.get(name) for name in GUESSERS},
        best=best,
        best_ci95=share_interval(sums(marks, places)),
        given_away=len(answers) == 1 or accuracy[best] > chance + POINTS,
    )


def _row(row: Prediction) -> Row:
    return dataclasses.asdict(row)


def _same(guess: str, truth: str) -> bool:
    return " ".join(guess.casefold().split()) == " ".join(truth.casefold().split())


def _guessers(train: Sequence[Row]) -> dict[str, Callable[[Row], str]]:
    return {
        "majority": most_frequent(train, by_kind),
        "text": most_frequent(train, by_text, by_kind),
        "text model": text_model(train),
        "choice habits": _choice_habits(train),
    }


def _choice_habits(train: Sequence[Row]) -> Callable[[Row], str]:
    """Answer with the choice at the place, or at the rank of length, that training found right most often."""
    habits: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for row in train:
        for name, choices in _rankings(row).items():
            for place, choice in enumerate(choices):
                if _same(choice, row["short_answer"]):
                    habits[row["kind"], name][place] += 1
    fallback = most_frequent(train, by_kind)

    def answer(row: Row) -> str:
        votes = [
            (count, name, place)
            for name in ("place", "length")
            for place, count in habits[row["kind"], name].items()
            if place < len(row["choices"])
        ]
        if not votes:
            return fallback(row)
        _, name, place = max(votes)
        return _rankings(row)[name][place]

    return answer


def _rankings(row: Row) -> dict[str, list[str]]:
    choices = list(row["choices"])
    return {"place": choices, "length": sorted(choices, key=lambda choice: (-len(choice), choice))}


def _faults(rows: Sequence[Prediction]) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Count what is broken in a file, with the first three of each."""
    faults: dict[str, list[str]] = defaultdict(list)
    rows_by_question: dict[Hashable, list[Prediction]] = defaultdict(list)
    for row in rows:
        name = row.qa_id or row.question[:60]
        if not row.question.strip():
            faults["empty question"].append(name)
        if not row.short_answer.strip():
            faults["empty answer"].append(name)
        if row.choices and not any(_same(choice, row.short_answer) for choice in row.choices):
            faults["answer is not among the choices"].append(name)
        if len({choice.casefold() for choice in row.choices}) < len(row.choices):
            faults["a choice stands twice"].append(name)
        if row.question.strip() and (row.clip_id or row.case_id):
            rows_by_question[row.case_id, row.clip_id, " ".join(row.question.casefold().split())].append(row)
    for same in rows_by_question.values():
        answers = {" ".join(row.short_answer.casefold().split()) for row in same}
        if len(same) > 1:
            fault = (
                "asked twice of a clip, answered alike"
                if len(answers) == 1
                else "asked twice, answered differently"
            )
            faults[fault].append(same[0].qa_id or same[0].question[:60])
    ids = Counter(row.qa_id for row in rows if row.qa_id)
    faults["id that names several questions"] = [name for name, count in ids.items() if count > 1]
    counts = {name: len(items) for name, items in sorted(faults.items()) if items}
    return counts, {name: faults[name][:3] for name in counts}


def _count_shared(
    a: str, rows: Sequence[Prediction], b: str, others: Sequence[Prediction]
) -> dict[str, int | str]:
    """Count what two files share: cases, clips, windows that overlap, questions on the same clip."""

    def values_of(some: Iterable[Prediction], name: str) -> set[str]:
        return {value for row in some if (value := getattr(row, name))}

    return {
        "a": a,
        "b": b,
        "cases": len(values_of(rows, "case_id") & values_of(others, "case_id")),
        "clips": len(values_of(rows, "clip_id") & values_of(others, "clip_id")),
        "overlapping_windows": _overlaps(values_of(rows, "clip_id"), values_of(others, "clip_id")),
    }


def _overlaps(some: set[str], others: set[str]) -> int:
    """Count the windows of ``some`` that overlap one of ``others`` in time."""
    by_case: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for case, start, end in _windows(others):
        by_case[case].append((start, end))
    return sum(
        any(start < their_end and their_start < end for their_start, their_end in by_case.get(case, ()))
        for case, start, end in _windows(some)
    )


def _windows(clip_ids: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    for name in clip_ids:
        if match := WINDOW.fullmatch(name):
            yield match["case"], int(match["start"]), int(match["end"])
