"""One question to one model, as the app and the stream ask it; models are loaded once and kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from surgvqa.builders.geometry.coordinates import Grid, Space, model_space
from surgvqa.builders.speech.sound import Samples
from surgvqa.cards.command import InputError
from surgvqa.eval.answers.hf_engine import answers
from surgvqa.eval.data.row_media import decode
from surgvqa.eval.models.audio_encoder import Ears
from surgvqa.eval.models.budget import Budget, most_tokens
from surgvqa.eval.models.load import LoadedModel, load_model
from surgvqa.eval.models.processor_encoder import encoder_for

Row = Mapping[str, Any]
MOST_IN_MEMORY = 4  # models in memory at a time


@dataclass(frozen=True, slots=True)
class TimedReply:
    """A model's answer to one question, or why there is none."""

    text: str
    seconds: float
    confidence: float | None = None
    error: str | None = None


class Models:
    """Models by their folder or name, the latest few kept; one question at a time."""

    def __init__(self, dtype: str = "auto", device: str | None = None, frames: int | None = None) -> None:
        self.dtype, self.device, self.frames = dtype, device, frames
        self.loaded_models: dict[str, LoadedModel] = {}
        self.lock = threading.Lock()

    def get(self, name: str) -> LoadedModel:
        """Load a model, or take the one in memory."""
        if name not in self.loaded_models:
            self.loaded_models[name] = load_model(name, self.dtype, self.device)
            for oldest in list(self.loaded_models)[:-MOST_IN_MEMORY]:
                del self.loaded_models[oldest]
        return self.loaded_models[name]

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
    ) -> TimedReply:
        """Ask a model a question on a clip; returns the answer, or why there is none, with the seconds it took.

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
                loaded_model = self.get(name)
                ears = None if sound is None else ears_for(loaded_model, sound)
                encoder = encoder_for(
                    loaded_model.model_type,
                    loaded_model.processor,
                    self.budget(loaded_model, row),
                    root,
                    ears,
                )
                began = time.perf_counter()  # loading isn't answering
                prompt_row = {**row, "messages": [turn("user", question), turn("assistant", "")]}
                if sound is not None:
                    prompt_row["sounds"] = [0]
                clip = encoder.encode(prompt_row, [0], answered=False)
                longest = most_tokens(encoder.budget, longest)
                answer = answers(loaded_model.model, encoder, [clip], longest)[0][0]
        except torch.OutOfMemoryError:
            return TimedReply(
                "", time.perf_counter() - began, error="the card is full; choose one model at a time"
            )
        except (InputError, OSError, ValueError) as error:
            return TimedReply("", time.perf_counter() - began, error=str(error))
        return TimedReply(answer.text, time.perf_counter() - began, answer.confidence)

    def budget(self, loaded_model: LoadedModel, row: Row) -> Budget:
        """Return the frames that the model sees of this clip."""
        if loaded_model.budget is not None:
            return loaded_model.budget
        return Budget(self.frames or len(row["images"] or ()) or 8)

    def space(self, name: str, row: Row) -> Space | None:
        """Return the space that the coordinates in a loaded model's answers run over."""
        loaded_model = self.loaded_models.get(name)
        if loaded_model is None or not row["images"]:
            return None
        height, width = decode(row["images"][0]["bytes"]).shape[:2]
        try:
            kind = loaded_model.model.config.model_type.removeprefix("audio_")
            return model_space(kind, width, height, Grid.of(loaded_model.processor.image_processor))
        except InputError:  # a family without a convention of its own draws nothing
            return None


def ears_for(loaded_model: LoadedModel, sound: Samples) -> Ears:
    """Return a model's ears for one recording.

    Raises:
        InputError: it has none.
    """
    if loaded_model.extractor is None:
        raise InputError("this model reads text, it doesn't hear; type the question")
    pool, tokenizer = loaded_model.model.config.audio_pool, loaded_model.processor.tokenizer
    return Ears(loaded_model.extractor, pool, tokenizer, lambda _: sound)


def turn(role: str, content: str) -> dict[str, str]:
    """Return a message of a conversation."""
    return {"role": role, "content": content}
