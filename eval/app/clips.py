"""A data set as the app looks through it: its clips, its questions, and what a guesser who never looks would say."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from datasets import Dataset, DatasetDict
from surgvqa.cards.command import InputError, nearest
from surgvqa.cards.files.documents import PhaseStretch
from surgvqa.eval.data import reference, whole
from surgvqa.eval.data.dataset import hub_manifest, load_clips
from surgvqa.eval.data.predictions import Prediction

Row = Mapping[str, Any]
LIGHT = [
    "clip_id",
    "case_id",
    "phase",
    "start_s",
    "end_s",
    "frame_times_s",
    "qa",
]  # what is read of every row at the start


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortClip:
    """A clip without its pictures."""

    clip_id: str
    case_id: str
    phase: str | None  # of its last moment, at ``last_s``
    start_s: float
    end_s: float
    last_s: float
    place: int  # of its row
    pictured: bool = True  # whether there are frames or a video to show
    questions: tuple[Prediction, ...]  # without answers of a model


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The search of clips: every given part must hold."""

    case: str | None = None
    kind: str | None = None
    answer: str = ""  # a part of the true answer
    verdict: Callable[[Prediction], bool] | None = None  # of one question

    def questions(self, clip: ShortClip) -> Iterator[Prediction]:
        """Yield the questions of a clip that are looked for."""
        part = self.answer.strip().casefold()
        for question in clip.questions:
            if self.kind not in (None, question.kind):
                continue
            if part and part not in question.short_answer.casefold():
                continue
            if self.verdict is None or self.verdict(question):
                yield question

    def finds(self, clip: ShortClip) -> bool:
        """Whether a clip has such a question; without any condition, whether it is of the case."""
        if self.case not in (None, clip.case_id):
            return False
        if self.kind is None and not self.answer.strip() and self.verdict is None:
            return True
        return any(True for _ in self.questions(clip))


class Split:
    """The clips of one split, in order of cases and time."""

    def __init__(self, rows: Dataset) -> None:
        self.rows = rows
        light = rows.select_columns([name for name in LIGHT if name in rows.column_names])
        clips = [
            short(row, place, is_pictured)
            for place, (row, is_pictured) in enumerate(zip(light, pictured(rows), strict=True))
        ]
        self.clips = sorted(clips, key=lambda clip: (clip.case_id, clip.start_s, clip.end_s))
        self.at = {clip.clip_id: place for place, clip in enumerate(self.clips)}
        self.questions = {one.qa_id: one for clip in self.clips for one in clip.questions}

    @cached_property
    def cases(self) -> list[str]:
        """The cases, in order."""
        return list(dict.fromkeys(clip.case_id for clip in self.clips))

    @cached_property
    def kinds(self) -> list[str]:
        """The kinds of questions, sorted."""
        return sorted({one.kind for one in self.questions.values()})

    def clip(self, clip_id: str) -> ShortClip:
        """Return a clip by its name.

        Raises:
            InputError: there is none.
        """
        if clip_id not in self.at:
            raise InputError(f"there is no clip {clip_id} in this split; {nearest(clip_id, self.at)}")
        return self.clips[self.at[clip_id]]

    def row(self, clip_id: str) -> Row:
        """Return a clip with its pictures."""
        clip_row: Row = self.rows[self.clip(clip_id).place]
        return clip_row

    def of(self, case: str) -> list[ShortClip]:
        """Return a case's clips, in time."""
        return [clip for clip in self.clips if clip.case_id == case]

    def scenes(self, case: str) -> list[tuple[ShortClip, str | None]]:
        """Return a case's clips with their annotated scenes as JSON."""
        clips = self.of(case)
        rows = self.rows.select_columns(["scene"]).select([clip.place for clip in clips])
        return list(zip(clips, rows["scene"], strict=True))


class Clips:
    """All splits of a data set, each read when it is first looked at."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dataset: DatasetDict = load_clips(name)
        self.lock = threading.Lock()
        self.read: dict[str, Split] = {}

    @cached_property
    def courses(self) -> Mapping[str, Sequence[PhaseStretch]]:
        """The phases of each case as its source labels them; none in a data set that doesn't record them."""
        folder = Path(self.name)
        manifest = whole.manifest_of(folder) if folder.is_dir() else hub_manifest(self.name)
        courses: Mapping[str, Sequence[PhaseStretch]] = manifest.get("courses", {})
        return courses

    @property
    def splits(self) -> list[str]:
        """The names of the splits, the one that is shown first in front."""
        return sorted(self.dataset, key=lambda name: (name != "test", list(self.dataset).index(name)))

    def split(self, name: str | None = None) -> Split:
        """Return a split; without a name, the one that is shown first.

        Raises:
            InputError: there is none.
        """
        name = name or self.splits[0]
        if name not in self.dataset:
            raise InputError(f"there is no split {name}; {nearest(name, self.dataset)}")
        with self.lock:
            if name not in self.read:
                self.read[name] = Split(self.dataset[name])
            return self.read[name]

    @property
    def guess_note(self) -> str | None:
        """Where the guesser learns from the split that is shown, and so knows its answers; None with a train split."""
        if "train" in self.dataset:
            return None
        return f"There is no train split: the guess has read the answers of {self.splits[0]} itself, and is too good."

    @cached_property
    def answer_counts(self) -> tuple[Mapping[str, Counter[str]], Mapping[str, Counter[str]]]:
        """Return the counts of training's answers, by the question's text and by its kind."""
        by_text: dict[str, Counter[str]] = defaultdict(Counter)
        by_kind: dict[str, Counter[str]] = defaultdict(Counter)
        for one in self.split("train" if "train" in self.dataset else None).questions.values():
            by_text[one.question][one.short_answer] += 1
            by_kind[one.kind][one.short_answer] += 1
        return by_text, by_kind

    def guess(self, question: str, kind: str | None) -> str | None:
        """Return the answer of a guesser who has read the training questions (``guess_note``) and sees nothing."""
        by_text, by_kind = self.answer_counts
        counts = by_text.get(question) or by_kind.get(kind or "")
        return min(counts, key=lambda answer: (-counts[answer], answer)) if counts else None


def pictured(rows: Dataset) -> Iterator[bool]:
    """Yield whether each row has frames or a video, without reading a picture."""
    names = [name for name in ("images", "video") if name in rows.column_names]
    if not names:
        yield from (False for _ in range(len(rows)))
        return
    for table in rows.select_columns(names).with_format("arrow").iter(1000):
        counts = pc.list_value_length(table["images"]).to_pylist() if "images" in names else [0] * len(table)
        videos = table["video"].to_pylist() if "video" in names else [None] * len(table)
        yield from (bool(count or video) for count, video in zip(counts, videos, strict=True))


def short(row: Row, place: int, is_pictured: bool) -> ShortClip:
    """Return a row without its pictures, its questions as predictions that nobody has made yet."""
    ids = {"clip_id": row["clip_id"], "case_id": row["case_id"]}
    return ShortClip(
        clip_id=row["clip_id"],
        case_id=row["case_id"],
        phase=row["phase"],
        start_s=row["start_s"],
        end_s=row["end_s"],
        last_s=min(row["end_s"], max(row.get("frame_times_s") or [row["end_s"]])),
        place=place,
        pictured=is_pictured,
        questions=tuple(reference.question({**qa, **ids}) for qa in row["qa"]),
    )
