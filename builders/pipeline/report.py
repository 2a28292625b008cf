"""`report.json`: what is in a data set, what a blind guesser scores on it, and what its splits leak."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from surgvqa.builders.bits import figures as bits
from surgvqa.builders.bits.guessers import likeliest
from surgvqa.builders.bits.thin import FEWEST
from surgvqa.builders.cases import leakage
from surgvqa.builders.cases.splits import SPLITS
from surgvqa.builders.schema import Omission
from surgvqa.builders.settings.build import Build
from surgvqa.cards.files.documents import SCHEMA, Bits, KindFigures, Leaks, Report, SplitCounts

QuestionCounts = Counter[
    tuple[str, tuple[str, ...], str, str | None]
]  # question, choices, short answer, phase -> times


@dataclass(frozen=True, slots=True)
class RowTally:
    """The counts that a report keeps of rows of config ``clips``."""

    windows: Sequence[leakage.Window]
    questions: Mapping[str, QuestionCounts]  # by kind


def count(rows: Iterable[Mapping[str, Any]]) -> RowTally:
    """Count rows of config ``clips``, each read once, so that they can stream from Parquet."""
    windows: list[leakage.Window] = []
    questions: dict[str, QuestionCounts] = defaultdict(Counter)
    for row in rows:
        windows.append(leakage.window(row))
        for qa in row["qa"]:
            choices = tuple(sorted(qa.get("choices") or ()))
            questions[qa["kind"]][qa["question"], choices, qa["short_answer"], row.get("phase")] += 1
    return RowTally(windows, dict(questions))


def together(parts: Iterable[RowTally]) -> RowTally:
    """Join what was counted in parts, as if their rows had been counted one after the other."""
    windows: list[leakage.Window] = []
    questions: dict[str, QuestionCounts] = defaultdict(Counter)
    for part in parts:
        windows.extend(part.windows)
        for kind, counts in part.questions.items():
            questions[kind].update(counts)
    return RowTally(windows, dict(questions))


def describe(
    rows_by_split: Mapping[str, Iterable[Mapping[str, Any]] | RowTally],
    *,
    omissions: Sequence[Omission] = (),
    notes: Sequence[str] = (),
    max_blind: float = Build.max_blind,
    left_out: Mapping[str, Mapping[str, int]] | None = None,
) -> Report:
    """Return the report on rows of config `clips`, or on what was counted of them.

    Keys: splits, kinds, leaks, dropped, notes (DESIGN), and warnings. The blind figures of a kind are those
    of the guessers of `bits.guessers`, which learned from the train split alone and answer the test split
    (without one, the validation split; without that, train). ``left_out`` counts what isn't asked, by kind and cause.
    """
    usual_splits = [name for name in SPLITS if name in rows_by_split]
    tallies: dict[str, RowTally] = {}
    for split in (*usual_splits, *sorted(set(rows_by_split) - set(SPLITS))):
        rows = rows_by_split[split]
        tallies[split] = rows if isinstance(rows, RowTally) else count(rows)
    answers = {split: tally.questions for split, tally in tallies.items()}
    splits: dict[str, SplitCounts] = {
        split: {
            "cases": len({one.case_id for one in tally.windows}),
            "clips": len(tally.windows),
            "qa": sum(counts.total() for counts in tally.questions.values()),
        }
        for split, tally in tallies.items()
    }
    held_out = next(
        (name for name in ("test", "validation", "train") if name in splits and splits[name]["qa"]), None
    )
    names = sorted({kind for by_kind in answers.values() for kind in by_kind})
    nothing: QuestionCounts = Counter()
    kinds: dict[str, KindFigures] = {}
    for kind in names:
        train = answers.get("train", {}).get(kind, nothing)
        test = answers[held_out or "test"].get(kind, nothing)
        kinds[kind] = cast(KindFigures, {**_kind(kind, answers, held_out), **bits.figures(kind, train, test)})
    leaks = leakage.find({split: one.windows for split, one in tallies.items()})
    return {
        "schema": SCHEMA,
        "splits": splits,
        "kinds": kinds,
        "blind_on": held_out,
        "bits": bits.together(kinds, splits[held_out]["clips"]) if held_out else Bits(),
        "left_out": {kind: dict(causes) for kind, causes in (left_out or {}).items()},
        "leaks": leaks,
        "dropped": [{"item": one.item, "cause": one.cause} for one in omissions],
        "notes": list(notes),
        "warnings": [*_blind_warnings(kinds, held_out, max_blind), *_leak_warnings(leaks)],
    }


def _kind(
    kind: str, answers: Mapping[str, Mapping[str, QuestionCounts]], held_out: str | None
) -> dict[str, object]:
    """Return a kind's size and answers."""
    everywhere: Counter[str] = Counter()
    for by_kind in answers.values():
        everywhere += _answers(by_kind.get(kind, Counter()))
    train = answers.get("train", {}).get(kind, Counter())
    test = answers.get(held_out or "", {}).get(kind, Counter())
    train_answers = _answers(train)
    by_text: dict[str, Counter[str]] = defaultdict(Counter)
    for (question, _, short, _), n in train.items():
        by_text[question][short] += n
    repeats = [counts for counts in by_text.values() if counts.total() > 1]
    return {
        "n": everywhere.total(),
        "n_blind": test.total(),
        "majority_answer": likeliest(train_answers, kind, ()),
        "single_class": len(everywhere) == 1,
        "single_answer_texts": sum(len(counts) == 1 for counts in repeats),
        "answers": dict(sorted(everywhere.items(), key=lambda item: (-item[1], item[0]))),
    }


def _answers(questions: QuestionCounts) -> Counter[str]:
    counts: Counter[str] = Counter()
    for (_, _, short, _), n in questions.items():
        counts[short] += n
    return counts


def _blind_warnings(kinds: Mapping[str, KindFigures], held_out: str | None, max_blind: float) -> list[str]:
    """Return a line a cause: a data set has forty kinds, and forty lines hide what matters."""
    few, same, shares = [], [], []
    for kind, facts in kinds.items():
        blind = facts.get("blind_best") or 0.0
        if facts["single_class"] and facts["n"] < FEWEST:
            few.append(f"{kind} {facts['n']}")
        elif facts["single_class"]:
            same.append(f"{kind} {next(iter(facts['answers']))!r}")
        elif blind > max_blind:
            shares.append((blind, kind))
    worst = [f"{kind} {blind:.0%}" for blind, kind in sorted(shares, key=lambda own: (-own[0], own[1]))]
    causes = {
        f"over {max_blind:.0%} of {held_out} right without looking": worst,
        "one answer only, so nothing is measured": same,
        "too few questions to tell": few,
    }
    return [f"{cause}: {', '.join(own)}" for cause, own in causes.items() if own]


def _leak_warnings(leaks: Leaks) -> list[str]:
    return [
        f"leak: {n} {kind.replace('_', ' ')} between {pair.replace('/', ' and ')}"
        for pair, counts in leaks["pairs"].items()
        for kind, n in counts.items()
        if n
    ]


BLIND_COLUMNS = {
    "majority": "blind_majority",
    "text": "blind_by_text",
    "words": "blind_words",
    "best blind": "blind_best",
}  # heading -> key of ``kinds``


def blind_table(report: Mapping[str, Any]) -> str:
    """Return the blind figures as lines to print.

    >>> kinds = {"phase": {"n": 40, "n_blind": 8, "blind_majority": 0.25, "blind_by_text": None, "majority_answer": "idle"}}
    >>> print(blind_table({"kinds": kinds, "blind_on": "test"}))
    kind                  all    test  majority    text   words  best blind  majority says
    phase                  40       8       25%       -       -           -  idle
    questions of all splits and of test, on which the guessers are measured
    """
    heads = "".join(f"{head:>{len(head) + 2 if len(head) > 5 else 8}}" for head in BLIND_COLUMNS)
    held_out = report["blind_on"]
    width = max(8, len(held_out) + 2)
    lines = [f"{'kind':<18}{'all':>7}{held_out:>{width}}{heads}  majority says"]
    for kind, facts in report["kinds"].items():
        figures = "".join(
            f"{'-' if (share := facts.get(key)) is None else f'{share:.0%}':>{len(head) + 2 if len(head) > 5 else 8}}"
            for head, key in BLIND_COLUMNS.items()
        )
        answer = "–" if facts["majority_answer"] is None else facts["majority_answer"]
        lines.append(f"{kind:<18}{facts['n']:>7}{facts['n_blind']:>{width}}{figures}  {answer}")
    lines.append(f"questions of all splits and of {held_out}, on which the guessers are measured")
    return "\n".join(lines)
