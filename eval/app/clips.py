"""A data set as the app looks through it: its clips, its questions, and what a guesser who never looks would say."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from datasets import Dataset, DatasetDict
from surgvqa.builders.bits.guessers import pick, text_key
from surgvqa.cards.command import InputError, nearest
from surgvqa.cards.files.documents import PhaseStretch
from surgvqa.eval.data import reference, whole
from surgvqa.eval.data.dataset import hub_manifest, load_clips
from surgvqa.eval.data.predictions import Prediction

Row = Mapping[str, Any]
LOOKED_AT = 200  # clips, for one with boxes to begin with: of a data set without any, not all are read
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
    has_pictures: bool = True  # whether there are frames or a video to show
    questions: tuple[Prediction, ...]  # without answers of a model
    evidence: Mapping[str, tuple[float, ...]] = field(
        default_factory=dict
    )  # of a question, in seconds of the case


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

    def __init__(self, rows: Dataset, elsewhere: Callable[[str], str | None] = lambda clip_id: None) -> None:
        self.rows = rows
        self.elsewhere = elsewhere  # the other split that a clip is in
        light = rows.select_columns([name for name in LIGHT if name in rows.column_names])
        clips = [
            short(row, place, has_pictures)
            for place, (row, has_pictures) in enumerate(zip(light, have_pictures(rows), strict=True))
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
            if (split := self.elsewhere(clip_id)) is not None:
                raise InputError(f"clip {clip_id} is in split {split}, not in this one; choose {split} above")
            raise InputError(f"there is no clip {clip_id} in this data set")
        return self.clips[self.at[clip_id]]

    @cached_property
    def first_with_boxes(self) -> str:
        """The first clip whose scene says where a thing is, of the first ``LOOKED_AT``; "" where none does."""
        for clip in self.clips[:LOOKED_AT]:
            scene = json.loads(self.rows.select_columns(["scene"])[clip.place]["scene"] or "{}")
            if any(node.get("bbox") or node.get("centroid") for node in scene.get("nodes", ())):
                return clip.clip_id
        return ""

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
                self.read[name] = Split(self.dataset[name], self.split_with)
            return self.read[name]

    def split_with(self, clip_id: str) -> str | None:
        """Return the split that a clip is in; None where it is in none."""
        return next((name for name in self.splits if clip_id in self.dataset[name]["clip_id"]), None)

    @property
    def guess_note(self) -> str | None:
        """Where the guesser learns from the split that is shown, and so knows its answers; None with a train split."""
        if "train" in self.dataset:
            return None
        return f"There is no train split: the guess has read the answers of {self.splits[0]} itself, and is too good."

    @cached_property
    def answer_counts(self) -> tuple[Mapping[tuple[str, str], Counter[str]], Mapping[str, Counter[str]]]:
        """Return the counts of training's answers, by kind and question, and by kind; "" stands for any kind."""
        by_text: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        by_kind: dict[str, Counter[str]] = defaultdict(Counter)
        for one in self.split("train" if "train" in self.dataset else None).questions.values():
            for kind in (one.kind, ""):
                by_text[kind, text_key(one.question)][one.short_answer] += 1
            by_kind[one.kind][one.short_answer] += 1
        return by_text, by_kind

    def guess(self, question: str, kind: str | None, choices: Sequence[str] = ()) -> str | None:
        """Return what the guesser ``text`` says: it has read the training questions (``guess_note``) and sees nothing."""
        by_text, by_kind = self.answer_counts
        counts: list[Mapping[str, int]] = [
            by_text.get((kind or "", text_key(question)), {}),
            by_kind.get(kind or "", {}),
        ]
        return pick([one for one in counts if one] or [{}], kind or "", choices) or None


def have_pictures(rows: Dataset) -> Iterator[bool]:
    """Yield whether each row has frames or a video, without reading a picture."""
    names = [name for name in ("images", "video") if name in rows.column_names]
    if not names:
        yield from (False for _ in range(len(rows)))
        return
    for table in rows.select_columns(names).with_format("arrow").iter(1000):
        counts = pc.list_value_length(table["images"]).to_pylist() if "images" in names else [0] * len(table)
        videos = table["video"].to_pylist() if "video" in names else [None] * len(table)
        yield from (bool(count or video) for count, video in zip(counts, videos, strict=True))


def short(row: Row, place: int, has_pictures: bool) -> ShortClip:
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
        has_pictures=has_pictures,
        questions=tuple(reference.question({**qa, **ids}) for qa in row["qa"]),
        evidence={qa["qa_id"]: tuple(sorted(qa.get("evidence_s") or ())) for qa in row["qa"]},
    )
