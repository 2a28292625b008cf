"""The page on a data set: what is in it, what a blind guesser scores on it, what its splits share, samples."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from surgvqa.cards.arguments.words import shell
from surgvqa.cards.command import InputError
from surgvqa.eval.controls import baselines, leaks
from surgvqa.eval.data import streams
from surgvqa.eval.data.streams import Row
from surgvqa.eval.documents.controls import Leaks
from surgvqa.eval.documents.pages import (
    BlindGuess,
    BuildNotes,
    CaseContents,
    DatasetPage,
    KindBits,
    KindContents,
    PhaseShare,
    Sample,
    SplitContents,
)
from surgvqa.eval.reports.pictures import clip_frames
from surgvqa.eval.scoring.score import score

SAMPLES = 12
ANSWERS = 10  # of a kind, the most frequent ones
CASES = 60  # timelines
COLUMNS = ("clip_id", "case_id", "phase", "start_s", "end_s")


def build(where: str, title: str | None = None) -> tuple[DatasetPage, dict[str, list[str]]]:
    """Return the numbers of the page, and the frames of its samples by clip.

    Raises:
        InputError: not a data set of ours (configs ``clips`` and ``qa``).
    """
    questions = streams.questions(where, leaking=True)
    clips = {
        name: [_brief(row) for row in rows]
        for name, rows in streams.splits(where, "clips", leaking=True).items()
    }
    if not any(clips.values()) or not any(questions.values()):
        raise InputError(f"{where}: no clips or no questions in it")
    shown_samples = samples(clips, questions)
    clip_ids = {item["clip_id"] for item in shown_samples}
    pictures: dict[str, list[str]] = {}
    for split in {item["split"] for item in shown_samples}:
        pictures |= clip_frames(where, split, clip_ids)
    by_case = cases(clips, questions)
    numbers: DatasetPage = {
        "page": "dataset",
        "title": title or f"The data set {Path(where).name or where}",
        "command": shell(["surgvqa-eval", "report", Path(where).name or where, "--out", "PAGE.html"]),
        "splits": {name: _size(clips[name], questions.get(name, [])) for name in clips},
        "kinds": kinds(questions),
        "blind": blind(questions),
        "phases": phase_shares(clips),
        "phase_labels": in_order(clips),
        "cases": by_case[:CASES],
        "cases_left": len(by_case) - len(by_case[:CASES]),
        "leaks": _leaks(where),
        "built": _build_notes(where),
        "samples": shown_samples,
        "frames": sum(row["frames"] for rows in clips.values() for row in rows),
        "videos": sum(row["video"] for rows in clips.values() for row in rows),
    }
    return numbers, pictures


def _brief(row: Row) -> Row:
    media = {"frames": len(row["images"] or ()), "video": bool(row["video"])}
    return {name: row[name] for name in COLUMNS} | media


def _size(clips: Sequence[Row], questions: Sequence[Row]) -> SplitContents:
    return {
        "cases": len({row["case_id"] for row in clips}),
        "clips": len(clips),
        "qa": len(questions),
        "frames": sum(row["frames"] for row in clips),
        "minutes": round(sum(row["end_s"] - row["start_s"] for row in clips) / 60, 1),
    }


def kinds(questions: Mapping[str, Sequence[Row]]) -> list[KindContents]:
    """Per kind: its questions by split, its answers by frequency, and how many texts ask it."""
    groups: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    for split, rows in questions.items():
        for row in rows:
            groups[row["kind"]].append((split, row))
    contents: list[KindContents] = []
    for kind, own in sorted(groups.items()):
        answers = Counter(row["short_answer"] for _, row in own)
        ranking = sorted(answers.items(), key=lambda item: (-item[1], item[0]))
        contents.append(
            {
                "kind": kind,
                "n": len(own),
                "by_split": dict(Counter(split for split, _ in own)),
                "texts": len({row["question"] for _, row in own}),
                "answers": [{"answer": answer, "n": n} for answer, n in ranking[:ANSWERS]],
                "answers_left": len(ranking[ANSWERS:]),
                "single_class": len(ranking) == 1,
            }
        )
    return contents


def blind(questions: Mapping[str, Sequence[Row]]) -> BlindGuess | None:
    """Score the most frequent training answer, overall and by question text, on the held-out split."""
    train = questions.get("train") or []
    held_out = next((name for name in ("test", "validation") if questions.get(name)), None)
    if not train or held_out is None:
        return None
    test_questions = baselines.answer_all(questions[held_out], lambda row: "")
    train_questions = baselines.answer_all(train, lambda row: "")
    guessers = {
        "majority": baselines.most_frequent(train, baselines.by_kind),
        "text": baselines.most_frequent(train, baselines.by_text, baselines.by_kind),
    }
    scores = {
        name: score(
            baselines.answer_all(questions[held_out], guesser), train=train_questions, data=test_questions
        )
        for name, guesser in guessers.items()
    }
    first = scores["majority"]
    return {
        "split": held_out,
        "rule": first["rule"],
        "accuracy": {name: own["accuracy_all_kinds"] for name, own in scores.items()},
        "by_kind": [
            {
                "kind": kind,
                "n": own["n"],
                "chance": own["chance"],
                "majority": own["accuracy"],
                "text": scores["text"]["by_kind"][kind]["accuracy"],
                "single_class": own["single_class"],
            }
            for kind, own in first["by_kind"].items()
        ],
    }


def phase_shares(clips: Mapping[str, Iterable[Row]]) -> list[PhaseShare]:
    """Per phase: clips and minutes, by split; the longest first."""
    minutes: Counter[str] = Counter()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for split, rows in clips.items():
        for row in rows:
            phase = row["phase"] or "(none)"
            minutes[phase] += (row["end_s"] - row["start_s"]) / 60
            counts[phase][split] += 1
    return [
        {
            "phase": phase,
            "clips": counts[phase].total(),
            "minutes": round(minutes[phase], 2),
            "by_split": dict(counts[phase]),
        }
        for phase in sorted(minutes, key=lambda phase: (-minutes[phase], phase))
    ]


def in_order(clips: Mapping[str, Iterable[Row]]) -> list[str]:
    """Return the phases, from the one that comes first on average to the one that comes last."""
    starts: dict[str, list[float]] = defaultdict(list)
    for rows in clips.values():
        for row in rows:
            if row["phase"]:
                starts[row["phase"]].append(row["start_s"])
    return sorted(starts, key=lambda phase: (sum(starts[phase]) / len(starts[phase]), phase))


def cases(clips: Mapping[str, Sequence[Row]], questions: Mapping[str, Sequence[Row]]) -> list[CaseContents]:
    """Each case of each split with its clips, questions and phases along time."""
    question_counts = {split: Counter(row["case_id"] for row in rows) for split, rows in questions.items()}
    contents: list[CaseContents] = []
    for split, rows in clips.items():
        own: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            own[row["case_id"]].append(row)
        for case, windows in sorted(own.items()):
            windows.sort(key=lambda row: (row["start_s"], row["end_s"]))
            contents.append(
                {
                    "case_id": case,
                    "split": split,
                    "clips": len(windows),
                    "qa": question_counts.get(split, Counter())[case],
                    "start_s": windows[0]["start_s"],
                    "end_s": max(row["end_s"] for row in windows),
                    "phases": [(row["start_s"], row["end_s"], row["phase"] or "(none)") for row in windows],
                }
            )
    return contents


def samples(clips: Mapping[str, Sequence[Row]], questions: Mapping[str, Sequence[Row]]) -> list[Sample]:
    """Clips to look at: one of each split and phase in turn, chosen by their id's hash, with their questions."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for split, rows in clips.items():
        for row in rows:
            groups[row["phase"] or "", split].append(row)
    for rows in groups.values():
        rows.sort(key=lambda row: hashlib.sha256(row["clip_id"].encode("utf-8", "replace")).digest())
    order = [
        (group[i], split)
        for i in range(SAMPLES)
        for (_, split), group in sorted(groups.items())
        if i < len(group)
    ]
    questions_by_clip: dict[str, list[Row]] = defaultdict(list)
    for rows in questions.values():
        for row in rows:
            questions_by_clip[row["clip_id"]].append(row)
    return [
        {
            "clip_id": row["clip_id"],
            "case_id": row["case_id"],
            "phase": row["phase"],
            "start_s": row["start_s"],
            "end_s": row["end_s"],
            "split": split,
            "qa": [
                {
                    "kind": qa["kind"],
                    "question": qa["question"],
                    "answer": qa["answer"],
                    "short_answer": qa["short_answer"],
                }
                for qa in questions_by_clip[row["clip_id"]]
            ],
        }
        for row, split in order[:SAMPLES]
    ]


def _leaks(where: str) -> Leaks | None:
    """Count what the splits share; None where there is only one."""
    splits = streams.splits(where, "clips", leaking=True)
    if len(splits) < 2:
        return None
    return leaks.find([leaks.read_split(name, rows, {}, where) for name, rows in splits.items()])


def _build_notes(where: str) -> BuildNotes | None:
    """Read the build's `report.json`: what was left out, its notes, and what guessers leave open."""
    path = Path(where) / "report.json"
    if not path.is_file():
        return None
    report = json.loads(path.read_text(encoding="utf-8"))
    omissions = report.get("dropped", [])
    kinds: list[KindBits] = [
        {"kind": name, "bits": one["bits"], "phased": one.get("bits_with_phase")}
        for name, one in report.get("kinds", {}).items()
        if one.get("bits") is not None
    ]
    return {
        "dropped": len(omissions),
        "examples": omissions[:8],
        "notes": report.get("notes", []),
        "bits": report.get("bits") or None,
        "kinds": kinds,
        "inspected": report.get("inspected"),
    }
