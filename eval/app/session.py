"""One question to one model, as the app and the stream ask it; models are loaded once and kept."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict
from surgvqa.builders.geometry.coordinates import Grid, Space, model_space
from surgvqa.builders.speech.sound import Samples
from surgvqa.cards.command import InputError
from surgvqa.eval.answers.hf_engine import answers
from surgvqa.eval.app.clip_html import Said
from surgvqa.eval.data.dataset import load_clips
from surgvqa.eval.models.audio_encoder import Ears
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.load import Loaded, load_model
from surgvqa.eval.models.pixels import decode
from surgvqa.eval.models.processor_encoder import encoder_for
from surgvqa.eval.scoring.match import Asked, matches

Row = Mapping[str, Any]
KEPT = 4  # models in memory at a time


class Clips:
    """A data set: its clips to choose from, and what a blind guesser learned from its training questions."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.splits: DatasetDict = load_clips(name)
        self.split = "test" if "test" in self.splits else next(iter(self.splits))
        self.rows: Dataset = self.splits[self.split]
        light = ["clip_id", "case_id", "phase", "start_s", "end_s", "qa"]
        self.clips: list[Row] = self.rows.select_columns(light).to_list()
        learned = self.splits.get("train", self.rows)
        self.by_text: dict[str, Counter[str]] = defaultdict(Counter)
        self.by_kind: dict[str, Counter[str]] = defaultdict(Counter)
        for asked in learned["qa"]:
            for qa in asked:
                self.by_text[qa["question"]][qa["short_answer"]] += 1
                self.by_kind[qa["kind"]][qa["short_answer"]] += 1

    def kinds(self) -> list[str]:
        """Return the kinds of questions of the split, sorted."""
        return sorted({qa["kind"] for clip in self.clips for qa in clip["qa"]})

    def cases(self, kind: str | None) -> list[str]:
        """Return the cases that have such a question."""
        return sorted({clip["case_id"] for clip in self.clips if has(clip, kind)})

    def of(self, case: str, kind: str | None) -> list[Row]:
        """Return a case's clips with such a question, in time."""
        found = [clip for clip in self.clips if clip["case_id"] == case and has(clip, kind)]
        return sorted(found, key=lambda clip: (clip["start_s"], clip["end_s"]))

    def row(self, clip_id: str) -> Row:
        """Return a clip with its pictures."""
        for index, clip in enumerate(self.clips):
            if clip["clip_id"] == clip_id:
                found: Row = self.rows[index]
                return found
        raise InputError(f"{self.name}, split {self.split}, has no clip {clip_id}")

    def guess(self, question: str, kind: str | None) -> str | None:
        """What a guesser says who has read the training questions and sees nothing."""
        counts = self.by_text.get(question) or self.by_kind.get(kind or "")
        return min(counts, key=lambda answer: (-counts[answer], answer)) if counts else None


def has(clip: Row, kind: str | None) -> bool:
    """Whether a clip has a question of a kind; of any, where none is asked for."""
    return bool(clip["qa"]) if kind is None else any(qa["kind"] == kind for qa in clip["qa"])


class Models:
    """Models by their folder or name, the latest few kept; one question at a time."""

    def __init__(self, dtype: str = "auto", device: str | None = None, frames: int | None = None) -> None:
        self.dtype, self.device, self.frames = dtype, device, frames
        self.loaded: dict[str, Loaded] = {}
        self.lock = threading.Lock()

    def get(self, name: str) -> Loaded:
        """Load a model, or take the one in memory."""
        if name not in self.loaded:
            self.loaded[name] = load_model(name, self.dtype, self.device)
            for oldest in list(self.loaded)[:-KEPT]:
                del self.loaded[oldest]
        return self.loaded[name]

    def hears(self, name: str) -> bool:
        """Whether a model takes a question as sound."""
        with self.lock:
            return self.get(name).extractor is not None

    def ask(
        self,
        name: str,
        row: Row,
        question: str,
        root: Path | None,
        longest: int = 64,
        sound: Samples | None = None,
    ) -> Said:
        """A model's answer to a question on a clip, or why there is none; with the seconds it took.

        Args:
            name: of the model.
            row: the clip.
            question: what the prompt says.
            root: where the row's video paths start.
            longest: tokens of an answer.
            sound: the question as a recording, for a model that hears.
        """
        began = time.perf_counter()
        try:
            with self.lock:
                loaded = self.get(name)
                ears = None if sound is None else ears_for(loaded, sound)
                encoder = encoder_for(
                    loaded.model_type, loaded.processor, self.budget(loaded, row), root, ears
                )
                began = time.perf_counter()  # loading isn't answering
                asked = {**row, "messages": [turn("user", question), turn("assistant", "")]}
                if sound is not None:
                    asked["sounds"] = [0]
                clip = encoder.encode(asked, [0], answered=False)
                answer = answers(loaded.model, encoder, [clip], longest)[0][0]
        except torch.OutOfMemoryError:
            return Said(
                name, "", time.perf_counter() - began, error="the card is full; choose one model at a time"
            )
        except (InputError, OSError, ValueError) as error:
            return Said(name, "", time.perf_counter() - began, error=str(error))
        return Said(name, answer.text, time.perf_counter() - began, answer.confidence)

    def budget(self, loaded: Loaded, row: Row) -> Budget:
        """What the model sees of this clip."""
        if loaded.budget is not None:
            return loaded.budget
        return Budget(self.frames or len(row["images"] or ()) or 8)

    def space(self, name: str, row: Row) -> Space | None:
        """What the coordinates in a loaded model's answers run over."""
        loaded = self.loaded.get(name)
        if loaded is None or not row["images"]:
            return None
        height, width = decode(row["images"][0]["bytes"]).shape[:2]
        try:
            kind = loaded.model.config.model_type.removeprefix("audio_")
            return model_space(kind, width, height, Grid.of(loaded.processor.image_processor))
        except InputError:  # a family without a convention of its own draws nothing
            return None


def ears_for(loaded: Loaded, sound: Samples) -> Ears:
    """Return a model's ears for one recording.

    Raises:
        InputError: it has none.
    """
    if loaded.extractor is None:
        raise InputError("this model reads text, it doesn't hear; type the question")
    pool, tokenizer = loaded.model.config.audio_pool, loaded.processor.tokenizer
    return Ears(loaded.extractor, pool, tokenizer, lambda _: sound)


def turn(role: str, content: str) -> dict[str, str]:
    """Return a message of a conversation."""
    return {"role": role, "content": content}


def right(qa: Row | None, said: Sequence[Said]) -> list[bool | None]:
    """Whether each answer is the annotated one; None where nothing is known or said."""
    if qa is None:
        return [None for _ in said]
    choices = tuple(qa["choices"] or ())
    rule = "choice" if choices else "word"
    asked = Asked(
        answer=qa["short_answer"],
        choices=choices,
        kind=qa["kind"],
        sentence=qa["answer"],
        question=qa["question"],
    )
    return [None if one.error else matches(rule, one.text, asked) for one in said]
