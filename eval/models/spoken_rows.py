"""Spoken questions as training and evaluation read them: config ``clips`` joined with config ``spoken``.

A row of the join is a clip whose ``qa`` and ``messages`` are its spoken questions, in their order; ``sounds``
holds where each one's recording lies in one table of all splits. Nothing is decoded before it is needed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.compute as pc
from datasets import Audio, Dataset, DatasetDict, Features, List, Value, concatenate_datasets
from surgvqa.builders.schema import QA_COLUMNS, STRING
from surgvqa.builders.speech.sound import RATE, Samples, read_sound
from surgvqa.builders.speech.spoken import NAME as SPOKEN
from surgvqa.cards.command import InputError
from surgvqa.eval.data.dataset import load_clips
from surgvqa.eval.data.streams import Row

Task = Literal["answer", "transcribe"]
TRANSCRIBE = "Write down the spoken question."
MESSAGES = List({"role": STRING, "content": STRING})


@dataclass(frozen=True, slots=True)
class SpokenClips:
    """A data set's clips with their spoken questions, and the recordings."""

    splits: DatasetDict
    recordings: Dataset  # columns audio (bytes), audio_s, question; a row per spoken question of all splits

    def read(self, place: int) -> Samples:
        """Return a recording's samples.

        Raises:
            InputError: it is missing, empty, silent, too long or not a sound.
        """
        data = (self.recordings[place]["audio"] or {}).get("bytes")
        if data is None:
            raise InputError("the spoken question has no sound file; `surgvqa-build spoken` makes it again")
        return read_sound(data).samples

    def length(self, place: int) -> int:
        """Return the number of a recording's samples; from its length in seconds, where the row states it."""
        row = (
            self.recordings.select_columns(["audio_s"])[place]
            if "audio_s" in self.recordings.features
            else {}
        )
        seconds = row.get("audio_s")
        return len(self.read(place)) if seconds is None else round(seconds * RATE)

    def silence(self, place: int) -> Samples:
        """As many zeros as the recording has samples."""
        return np.zeros_like(self.read(place))

    def question(self, place: int) -> str:
        """Return the words of a recording."""
        text: str = self.recordings[place]["question"]
        return text

    def refuse_missing(self, where: str) -> None:
        """Before training: every question has a sound file with bytes in it.

        Raises:
            InputError: how many haven't, and what they ask.
        """
        audio = self.recordings.with_format("arrow")["audio"].combine_chunks().field("bytes")
        lengths = pc.fill_null(pc.binary_length(audio), 0).to_numpy(zero_copy_only=False)
        missing = np.flatnonzero(lengths == 0)
        if len(missing):
            raise InputError(
                f"{where}: {len(missing)} of {len(lengths)} spoken questions have no sound, the first is "
                f"{self.question(int(missing[0]))!r}; `surgvqa-build spoken {where}` makes them again"
            )


def load_spoken(name: str, task: Task = "answer") -> SpokenClips:
    """Join configs ``clips`` and ``spoken_splits`` of a data set.

    Args:
        name: a folder or a Hub name.
        task: what the assistant's turn is: the answer, or the question written down.

    Raises:
        InputError: one of the configs isn't there, or a spoken question's clip isn't.
    """
    if Path(name).is_dir() and not any((Path(name) / SPOKEN).glob("*.parquet")):
        raise InputError(f"{name} has no config {SPOKEN}; `surgvqa-build spoken {name}` adds it")
    clips, spoken_splits = load_clips(name, "clips"), load_clips(name, SPOKEN)
    joined_clips, recordings, before = {}, [], 0
    for split, spoken_rows in spoken_splits.items():
        if "audio" not in spoken_rows.features:
            raise InputError(
                f"{name}, config {SPOKEN}: no column audio; found {', '.join(spoken_rows.features)}"
            )
        if split not in clips:
            raise InputError(f"{name}: config {SPOKEN} has a split {split}, config clips hasn't")
        kept_columns = [
            column for column in ("audio", "audio_s", "question") if column in spoken_rows.features
        ]
        recordings.append(spoken_rows.select_columns(kept_columns).cast_column("audio", Audio(decode=False)))
        joined_clips[split] = join(
            clips[split], spoken_rows.remove_columns("audio"), before, task, f"{name}, {split}"
        )
        before += len(spoken_rows)
    return SpokenClips(DatasetDict(joined_clips), concatenate_datasets(recordings))


def join(clips: Dataset, spoken_rows: Dataset, before: int, task: Task, where: str) -> Dataset:
    """Return a split's clips with their spoken questions; a clip without one has an empty list.

    Args:
        clips: config ``clips``.
        spoken_rows: config ``spoken`` without its sounds.
        before: recordings of earlier splits.
        task: as for ``load_spoken``.
        where: for messages.
    """
    groups: dict[str, list[tuple[int, Row]]] = defaultdict(list)
    for place, row in enumerate(spoken_rows):
        groups[row["clip_id"]].append((before + place, row))
    names = clips["clip_id"]
    if strangers := sorted(set(groups) - set(names)):
        raise InputError(
            f"{where}: {len(strangers)} clips of config {SPOKEN} aren't in config clips, {strangers[0]} is the "
            f"first; build both anew"
        )
    own = [groups[name] for name in names]
    features = Features({"qa": List(QA_COLUMNS), "messages": MESSAGES, "sounds": List(Value("int64"))})
    columns = {
        "qa": [[question(row, task) for _, row in group] for group in own],
        "messages": [[turn for _, row in group for turn in conversation(row, task)] for group in own],
        "sounds": [[place for place, _ in group] for group in own],
    }
    bare_clips = clips.remove_columns(
        [name for name in ("qa", "messages", "sounds") if name in clips.features]
    )
    return concatenate_datasets([bare_clips, Dataset.from_dict(columns, features=features)], axis=1)


def question(row: Row, task: Task) -> Row:
    """Return a spoken question's ``qa`` entry; to be written down, its answer is its own words."""
    qa = {name: row.get(name) for name in QA_COLUMNS}
    if task == "transcribe":
        qa |= {"kind": "transcription", "answer": row["question"], "short_answer": row["question"]}
        qa["choices"] = []
    return qa


def conversation(row: Row, task: Task) -> list[dict[str, str]]:
    """Return the text beside the sound, and the answer that is taught."""
    if task == "answer":
        turns: list[dict[str, str]] = row["messages"]
        return turns
    return [
        {"role": "user", "content": TRANSCRIBE},
        {"role": "assistant", "content": row["question"]},
    ]
