"""`surgvqa-eval leaks DIR [DIR2]`: what the splits of any data set share, ours or not, on disk or on the Hub.

    surgvqa-eval leaks out/cataract
    surgvqa-eval leaks org/train-set ./my-test-set --columns case_id=video_name --out leaks.json

With one data set, each pair of its splits is compared; with two, each split of one with each of the other.
A check that a data set's columns don't allow is listed as not made, never as passed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from surgvqa.builders.cases.leakage import COUNTS, WORDS, Finding, Window, between, digest
from surgvqa.builders.files.names import VIDEO_SUFFIXES
from surgvqa.cards.command import InputError, nearest, one_line
from surgvqa.cards.patients.operations import mapping_gap, operation
from surgvqa.eval.controls import altered_frames, keypoints
from surgvqa.eval.controls.altered_frames import ClipLooks, Look
from surgvqa.eval.controls.texts import one_answer_texts, questions_of
from surgvqa.eval.data.streams import Row, SplitRows, picture, splits
from surgvqa.eval.data.streams import frames as ours
from surgvqa.eval.documents.controls import CheckFinding, LeakExample, SharedByPair, SplitSize
from surgvqa.eval.documents.controls import Leaks as Report
from surgvqa.eval.output import documents
from surgvqa.eval.settings.controls import Leaks
from tqdm import tqdm

# Our column, and what others call it, most telling first.
NAMES = {
    "clip_id": ("clip_id", "id", "qa_id", "question_id"),
    "source": ("source", "dataset", "source_dataset"),
    "case_id": ("case_id", "case", "patient_id", "patient", "video_id", "video_name", "video"),
    "start_s": ("start_s", "start_time", "start"),
    "end_s": ("end_s", "end_time", "end"),
    "question": ("question", "query", "prompt"),
    "frame_numbers": ("frame_numbers", "frame_ids", "frame_indices"),
    "answer": ("short_answer", "answer", "label", "response"),
}
EXAMPLES = 20
BY_LOOK = ("near_duplicates", "turned_frames", "cropped_frames")  # of CHECKS, those that compare pixels
CHECKS = (*COUNTS, *altered_frames.CHECKS)
UNITS = {
    "overlapping_windows": "s shared",
    "near_duplicates": "of 256 bits differ",
    "turned_frames": "of 256 bits differ once turned, mirrored or without bars",
    "cropped_frames": "points in common",
}


def columns_of(features: Sequence[str], where: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """Which column plays which part; ``overrides`` overrides, and must name columns that exist.

    >>> columns_of(["video_id", "question"], "x", {})
    {'case_id': 'video_id', 'question': 'question'}
    """
    for role, column in overrides.items():
        if role not in NAMES:
            raise InputError(f"--columns {role}={column}: no such part; {nearest(role, NAMES)}")
        if column not in features:
            raise InputError(f"{where}: no column {column!r}; {nearest(column, features)}")
    columns = {}
    for role, names in NAMES.items():
        choice = overrides.get(role) or next((name for name in names if name in features), None)
        if choice is not None:
            columns[role] = choice
    return columns


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of a split that are compared: its windows, each once, and its question texts with their answers."""

    name: str
    columns: dict[str, str]
    windows: tuple[Window, ...]
    questions: tuple[tuple[str, str], ...]
    has_pictures: bool
    blank: int  # pictures without structure, black screens for one: they are evidence of nothing
    sources: frozenset[str] = frozenset()  # the data sets its cases are of
    looks: tuple[ClipLooks, ...] = ()  # of each window's frames

    @property
    def missing(self) -> dict[str, str]:
        """The checks that this split's columns don't allow, and why."""
        lacks = {}
        if "case_id" not in self.columns:
            lacks["shared cases"] = "no case column (--columns case_id=NAME)"
        if not {"case_id", "start_s", "end_s"} <= set(self.columns):
            lacks["overlapping windows"] = "no columns for case_id, start_s and end_s"
        if not any(len(window.frames) for window in self.windows):
            why = "its rows hold no picture" if self.has_pictures else "no column of pictures"
            lacks["frames"] = f"{why}, and no frame_numbers"
        elif self.looks and not keypoints.available():
            lacks["cropped frames"] = "OpenCV isn't installed: pip install 'surgvqa[leaks]'"
        if not self.questions:
            lacks["question texts"] = "no columns for question and answer"
        return lacks


def read_split(name: str, rows: SplitRows, overrides: Mapping[str, str], where: str = "") -> Split:
    """Go through a split once; a picture that stands in many rows is decoded once.

    Cut videos of a data set of ours are looked at too, where they lie below ``where``.
    """
    columns = columns_of(rows.columns, name, overrides)
    looks: dict[int, Look | None] = {}
    windows: dict[tuple[Any, ...], tuple[Window, ClipLooks]] = {}
    questions: list[tuple[str, str]] = []
    sources: set[str] = set()
    blank = 0
    for number, row in enumerate(tqdm(rows, desc=f"reading {name}", unit=" rows")):
        questions += questions_of(row, columns)
        frames = {}
        contents = [picture(cell) for column in rows.pictures for cell in _cells(row[column])]
        for content in contents or (ours(row, where) if "video_start_s" in rows.columns else ()):
            key = digest(content)
            if key not in looks:
                looks[key] = _look(content, f"{name}, row {number}")
                blank += looks[key] is None
            frames[key] = looks[key]
        shown_frames = {key: look for key, look in frames.items() if look is not None}
        source = str(row.get(columns.get("source", "")) or where)
        sources.add(source)
        case_id = _text(row.get(columns.get("case_id", "")))
        numbers = row.get(columns.get("frame_numbers", "")) or ()
        window = Window(
            clip_id=str(row.get(columns.get("clip_id", ""), f"row {number}")),
            case_id=case_id,
            start_ms=_ms(row.get(columns.get("start_s", "")), name, number),
            end_ms=_ms(row.get(columns.get("end_s", "")), name, number),
            frames=np.array(
                [*shown_frames, *(digest(f"{case_id} {frame}".encode()) for frame in numbers)], np.uint64
            ),
            hashes=np.array([own.upright for own in shown_frames.values()], np.uint64).reshape(-1, WORDS),
            operation=operation(source, _stem(case_id)) if case_id is not None else None,
        )
        key_of = (case_id, window.start_ms, window.end_ms, window.frames.tobytes())
        windows.setdefault(key_of, (window, ClipLooks(window.clip_id, tuple(shown_frames.values()))))
    own, clip_looks = zip(*windows.values(), strict=True) if windows else ((), ())
    return Split(
        name, columns, own, tuple(questions), bool(rows.pictures), blank, frozenset(sources), clip_looks
    )


def _cells(value: Any) -> list[Row]:
    cells = value if isinstance(value, list) else [value]
    return [cell for cell in cells if cell is not None]


def _text(value: Any) -> str | None:
    """Return the case's name; a column of media (an undecoded video) names it by its file."""
    if isinstance(value, dict):
        value = value.get("path")
    return None if value is None else str(value)


def _stem(case_id: str) -> str:
    """Return a case's name without the folders and the ending of a media file."""
    name = case_id.replace("\\", "/").rpartition("/")[2]
    return name.rpartition(".")[0] if name.lower().endswith(VIDEO_SUFFIXES) else name


def _ms(value: Any, name: str, number: int) -> int | None:
    if value is None:
        return None
    try:
        return round(1000 * float(value))
    except (TypeError, ValueError):
        raise InputError(f"{name}, row {number}: {value!r} is not a time in seconds") from None


def _look(content: bytes, where: str) -> Look | None:
    try:
        return altered_frames.look(content)
    except (OSError, ValueError) as error:  # what PIL raises on bytes that are no whole picture
        raise InputError(f"{where}: a picture that can't be read ({error})") from error


def compare(a: Split, b: Split) -> SharedByPair:
    """Count what ``b`` shows of ``a``: per check its cases or windows, and the first of them.

    A clip that shares a frame, or has one that looks alike, isn't searched for altered frames too.
    """
    by_check = between(a.windows, b.windows)
    alike = {
        item.clip_id
        for check in ("shared_frames", "near_duplicates")
        for item in by_check[check]
        if isinstance(item, Finding)
    }
    alterations = altered_frames.find(a.looks, [clip for clip in b.looks if clip.clip_id not in alike])
    counts = {check: _finding(items) for check, items in {**by_check, **alterations}.items()}
    return cast(SharedByPair, {"a": a.name, "b": b.name, **counts})


def _finding(items: Sequence[str | Finding]) -> CheckFinding:
    examples: list[str | LeakExample] = [
        item if isinstance(item, str) else {"clip_id": item.clip_id, "like": item.like, "amount": item.amount}
        for item in items[:EXAMPLES]
    ]
    return {"n": len(items), "examples": examples}


def checks(pair: SharedByPair) -> dict[str, CheckFinding]:
    """Return what each check found on two splits, in the order of ``CHECKS``."""
    counts = cast(Mapping[str, CheckFinding], pair)
    return {check: counts[check] for check in CHECKS}


def find(ours: Sequence[Split], theirs: Sequence[Split] = ()) -> Report:
    """Compare the splits pair by pair; ``leaks`` holds the sums, ``ok`` is whether they are all zero.

    Raises:
        InputError: nothing to compare, or no check can be made with these columns.
    """
    pairs = list(itertools.product(ours, theirs)) if theirs else list(itertools.combinations(ours, 2))
    if not pairs:
        raise InputError(f"{ours[0].name}: only one split; name a second data set to compare it with")
    everyone = [*ours, *theirs]
    if all({"shared cases", "overlapping windows", "frames"} <= set(split.missing) for split in everyone):
        why = "; ".join(f"{check}: {cause}" for check, cause in everyone[0].missing.items())
        raise InputError(f"{everyone[0].name}: no check can be made ({why})")
    pair_findings = [compare(a, b) for a, b in pairs]
    texts = [pair for split in everyone for pair in split.questions]
    single = one_answer_texts(texts)
    leaks = {check: sum(checks(pair)[check]["n"] for pair in pair_findings) for check in CHECKS}
    return {
        "ok": not any(leaks.values()),
        "leaks": leaks,
        "pairs": pair_findings,
        "one_answer_questions": {
            "n": len(single),
            "share": round(sum(item.times for item in single) / len(texts), 4) if texts else None,
            "examples": [
                {"question": item.question, "answer": item.answer, "times": item.times}
                for item in single[:EXAMPLES]
            ],
        },
        "splits": {split.name: _size(split) for split in everyone},
        "columns": {split.name: split.columns for split in everyone},
        "not_checked": [
            *(
                f"{split.name}: {check}, {cause}"
                for split in everyone
                for check, cause in split.missing.items()
            ),
            *_unmapped_sets(pairs),
        ],
    }


def _unmapped_sets(pairs: Iterable[tuple[Split, Split]]) -> list[str]:
    """Say of which sets nobody knows which case shows which operation."""
    reasons = {mapping_gap(one, other) for a, b in pairs for one in a.sources for other in b.sources}
    return sorted(f"shared cases: {why}" for why in reasons if why is not None)


def _size(split: Split) -> SplitSize:
    return {
        "windows": len(split.windows),
        "cases": len({w.case_id for w in split.windows if w.case_id}),
        "frames_compared": sum(len(window.hashes) for window in split.windows),
        "blank_frames": split.blank,
        "questions": len(split.questions),
    }


def lines(report: Report) -> list[str]:
    """Return the finding as text: a line per pair of splits, then what was not checked."""
    text = []
    for pair in report["pairs"]:
        findings = checks(pair)
        unseen = not all(report["splits"][pair[side]]["frames_compared"] for side in ("a", "b"))  # type: ignore[literal-required]
        counts = ", ".join(
            f"{'–' if unseen and check in BY_LOOK else own['n']} {check.replace('_', ' ')}"
            for check, own in findings.items()
        )
        text.append(f"{pair['a']} / {pair['b']}: {counts}")
        for check, own in findings.items():
            text += [f"    {check}: {_example(example, check)}" for example in own["examples"][:3]]
    single = report["one_answer_questions"]
    if single["n"]:
        text.append(
            f"{single['n']} question texts always have the same answer ({single['share']:.0%} of questions)"
        )
        text += [f"    {e['times']} x {e['question']!r}: {e['answer']!r}" for e in single["examples"][:3]]
    text += [f"not checked: {line}" for line in report["not_checked"]]
    verdict = "no leak found" + (" in what could be checked" if report["not_checked"] else "")
    text.append(verdict if report["ok"] else "LEAK: a score on these splits is not to be trusted")
    return text


def _example(example: str | LeakExample, check: str) -> str:
    if isinstance(example, str):
        return one_line(example)
    unit = UNITS.get(check)
    how = f"{example['amount']:g} {unit}" if unit else "the same frame"
    return one_line(f"{example['clip_id']} like {example['like']} ({how})")


def mapping(text: str) -> dict[str, str]:
    """Parse ``--columns``.

    >>> mapping("case_id=video_name,start_s=begin")
    {'case_id': 'video_name', 'start_s': 'begin'}
    """
    parts = [part.split("=") for part in text.split(",") if part]
    if any(len(part) != 2 for part in parts):
        raise InputError(f"--columns {text}: write ours=theirs,ours=theirs; ours are {', '.join(NAMES)}")
    return {ours.strip(): theirs.strip() for ours, theirs in parts}


def run(options: Leaks) -> bool:
    """Read, compare, print, write ``asked.out``; returns whether there is no leak."""
    where, config, columns, out = options.data, options.config, options.columns, options.out
    if len(where) > 2:
        raise InputError(f"{len(where)} data sets given; one or two can be compared")
    overrides = mapping(columns)
    sides = []
    for number, place in enumerate(where):
        prefix = f"{place}:" if len(where) == 2 else ""
        prefix = f"{number + 1}:{prefix}" if len(set(where)) < len(where) else prefix
        sides.append(
            [
                read_split(prefix + name, rows, overrides, place)
                for name, rows in splits(place, config, leaking=True).items()
            ]
        )
    report = find(*sides)
    if out is not None:
        documents.write(out, report)
    print("\n".join(lines(report)))
    return bool(report["ok"])
