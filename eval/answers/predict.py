"""Ask a model every question of a split; answers go to a JSONL file as they come.

    surgvqa-eval predict my-clips --model runs/first --out predictions.jsonl

Run it again after a crash and it goes on. A question whose clip can't be read keeps its row, with the cause.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from datasets import Dataset
from surgvqa.builders.speech.spoken import NAME as SPOKEN
from surgvqa.cards.command import InputError, nearest, say
from surgvqa.eval.answers.control_frames import disorder, stranger
from surgvqa.eval.answers.hf_engine import Answer, answers
from surgvqa.eval.answers.origin import frames_digest, remember, weights_digest
from surgvqa.eval.answers.ranks import Questions, Ranks
from surgvqa.eval.answers.sharing_check import refuse_other_answers
from surgvqa.eval.controls.necessity import heard_otherwise
from surgvqa.eval.data import predictions
from surgvqa.eval.data.dataset import load_clips, split_of
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.data.prompts import is_written, raise_if_other_pixels
from surgvqa.eval.data.row_media import name
from surgvqa.eval.data.streams import Row
from surgvqa.eval.models.audio_encoder import Ears
from surgvqa.eval.models.budget import Budget, most_tokens
from surgvqa.eval.models.encode import EncodedClip, Encoder, turns
from surgvqa.eval.models.load import Parts, load_model, parts
from surgvqa.eval.models.out_of_memory import memory_advice
from surgvqa.eval.models.pixels import Frames
from surgvqa.eval.models.processor_encoder import (
    PATCH_FAMILIES,
    ProcessorEncoder,
    encoder_for,
    raise_if_resized,
)
from surgvqa.eval.models.spoken_rows import SpokenClips, load_spoken
from surgvqa.eval.settings.predict import Predict
from tqdm import tqdm

ENGINES = ("hf", "vllm", "openai")
SOUND_CONTROLS = ("swapped-audio", "silence", "text-and-audio")
PIXEL_CONTROLS = ("no-pixels", "shuffled-frames", "wrong-video")
LARGER_CARD = ("--dtype bfloat16", "a larger card", "--device cpu (slow)")
CONTROLS = ("none", *PIXEL_CONTROLS, *SOUND_CONTROLS)


@dataclass(frozen=True, slots=True)
class Run:
    """The options of ``predict`` for one model."""

    data: str
    model: str
    out: Path
    split: str = Predict.split
    config: str = Predict.config
    control: str = Predict.control
    batch_size: int = Predict.batch_size
    max_new_tokens: int = Predict.max_new_tokens
    frames: int | None = Predict.frames
    media: str | None = Predict.media
    max_pixels: int | None = Predict.max_pixels
    min_pixels: int | None = Predict.min_pixels
    video_root: str | None = Predict.video_root
    base: str | None = Predict.base
    dtype: str = Predict.dtype
    device: str | None = Predict.device
    seed: int = Predict.seed
    engine: str = Predict.engine
    url: str | None = Predict.url
    weights: str | None = None  # digest of the model's, once it is known


class Engine(Protocol):
    """The engine: transformers in this process, vLLM, or a server."""

    path: str  # the way an answer takes, as `score` counts it
    fallback: str | None  # why something else answers than was asked

    def prepare(self, row: Row, questions: list[int], frames: Frames, times: Sequence[float]) -> Any:
        """Return a clip with some of its questions, ready to be asked."""

    def answer(self, clips: Sequence[Any]) -> list[list[Answer]]:
        """Return the answers to each clip's questions."""


class Transformers:
    """The clip once through the model, its questions behind it (``surgvqa.eval.answers.hf_engine``)."""

    def __init__(self, run: Run, encoder: Encoder) -> None:
        self.run, self.encoder = run, encoder
        alone = isinstance(encoder, ProcessorEncoder)
        self.path = f"transformers, {'one by one' if alone else 'clip shared'}"
        self.fallback: str | None = None
        self.is_checked = alone
        say(f"loading {run.model}")
        with memory_advice(LARGER_CARD):
            self.model = load_model(run.model, run.dtype, run.device, run.base).model

    def prepare(self, row: Row, questions: list[int], frames: Frames, times: Sequence[float]) -> EncodedClip:
        """Patches and token ids."""
        return self.encoder.encode_frames(row, questions, False, frames, times)

    def answer(self, clips: Sequence[EncodedClip]) -> list[list[Answer]]:
        """Greedy answers; the first clip is looked at shared and alone, too."""
        half = self.run.batch_size // 2
        with memory_advice([f"--batch-size {half}", *LARGER_CARD] if half else LARGER_CARD):
            if not self.is_checked and not clips[0].sounds:
                refuse_other_answers(self.model, self.encoder, clips[0])
            self.is_checked = True
            return answers(self.model, self.encoder, clips, self.run.max_new_tokens)


def engine(run: Run, encoder: Encoder, rows: Dataset) -> Engine:
    """Return the engine that was asked for, with the model loaded."""
    if run.engine == "hf":
        return Transformers(run, encoder)
    if run.engine == "openai":
        from surgvqa.eval.answers.openai_engine import Chat

        return Chat(run, encoder)
    from surgvqa.eval.answers.vllm_engine import VllmModel

    return VllmModel(run, encoder, rows)


def predict(run: Run) -> bool:
    """Answer every question that has no answer in ``run.out`` yet; of several processes each its part.

    Returns:
        Whether ``run.out`` is whole: False where other processes are still at work.

    Raises:
        InputError: no such data, model or control; a model asked otherwise than it was taught; a file
            that another run began.
    """
    if run.engine not in ENGINES:
        raise InputError(f"no engine {run.engine!r}; {nearest(run.engine, ENGINES)}")
    if run.control not in CONTROLS:
        raise InputError(f"no control {run.control!r}; {nearest(run.control, CONTROLS)}")
    spoken_clips = load_spoken(run.data) if run.config == SPOKEN else None
    if spoken_clips is None and run.control in SOUND_CONTROLS:
        raise InputError(f"--control {run.control} is for spoken questions; give --config {SPOKEN}")
    rows = split_of(
        spoken_clips.splits if spoken_clips else load_clips(run.data, run.config), run.split, run.data
    )
    if spoken_clips:
        rows = heard_otherwise(rows, run.control, run.seed)
    if run.control == "wrong-video" and len(set(rows["case_id"])) < 2:
        raise InputError("--control wrong-video needs two cases in the split")
    model_parts = parts(run.model, run.base)
    budget = budget_of(run, model_parts.budget, rows)
    if not run.max_new_tokens:
        longest = 256 if is_written(rows.features) else 64
        run = replace(run, max_new_tokens=most_tokens(budget, longest))
    # A server has weights of its own, that nobody here can read.
    weights = weights_digest(model_parts) if run.engine != "openai" else None
    ranks = Ranks.of_environment()
    own_run = ranks.own_run(run)
    if own_run is not run:
        remember(run, budget, weights)
    questions = Questions(rows, ranks, run.out)
    with predictions.alone(own_run.out) as file:
        remember(own_run, budget, weights)
        ask_the_rest(replace(own_run, weights=weights), file, questions, model_parts, budget, spoken_clips)
    return questions.are_joined()


def ask_the_rest(
    run: Run,
    file: IO[str],
    questions: Questions,
    model_parts: Parts,
    budget: Budget,
    spoken_clips: SpokenClips | None,
) -> None:
    """Answer what has no answer yet, and append it to the file."""
    answered_ids = {prediction.qa_id for prediction in predictions.reopen(run.out)}
    rows, own_batches = questions.rows, questions.own_batches(answered_ids, run.batch_size)
    ears = ears_of(model_parts, spoken_clips, run) if spoken_clips else None
    model_type = model_parts.model_type
    raise_if_resized(model_type, run.model, min_pixels=run.min_pixels, max_pixels=run.max_pixels)
    if run.engine == "vllm" and model_type not in PATCH_FAMILIES:
        raise InputError(f"--engine vllm is for Qwen-VL, {run.model} is a {model_type}; leave --engine away")
    encoder = encoder_for(model_type, model_parts.processor, budget, Path(run.video_root or run.data), ears)
    chosen_engine = engine(run, encoder, rows)
    if budget.frames and is_written(rows.features):
        raise_if_other_pixels(rows, model_type, model_parts.processor.image_processor, run.data)
    total = len(answered_ids) + sum(len(numbers) for batch in own_batches for _, numbers in batch)
    with (
        predictions.seconds_beside(run.out) as clock,
        tqdm(total=total, initial=len(answered_ids), unit="question", file=sys.stderr) as bar,
    ):
        for batch in own_batches:
            began = time.perf_counter()
            new_answers = list(answer(chosen_engine, encoder, rows, batch, run))
            predictions.append_seconds(clock, new_answers, time.perf_counter() - began)
            predictions.append(file, new_answers)
            bar.update(len(new_answers))


def ears_of(model_parts: Parts, spoken_clips: SpokenClips, run: Run) -> Ears:
    """Return the model's ears for a data set's recordings.

    Raises:
        InputError: it has none.
    """
    if model_parts.extractor is None:
        raise InputError(
            f"{run.model} reads, it doesn't hear; `surgvqa-train audio` gives a model ears, and without "
            f"--config {SPOKEN} it is asked in writing"
        )
    if run.engine != "hf":
        raise InputError(f"--engine {run.engine} doesn't hear; leave it away for --config {SPOKEN}")
    read = spoken_clips.silence if run.control == "silence" else spoken_clips.read
    return Ears(model_parts.extractor, model_parts.pool, model_parts.processor.tokenizer, read)


def answer(
    engine: Engine, encoder: Encoder, rows: Dataset, batch: Sequence[tuple[int, list[int]]], run: Run
) -> Iterator[Prediction]:
    """Yield the predictions of one batch, in its order; what can't be read gets its cause instead of an answer."""
    clips: list[Any] = []
    errors: dict[int, str] = {}
    looks: dict[int, str] = {}
    if encoder.ears is not None:
        batch = [one for index, questions in batch for one in audible(encoder, rows[index], index, questions)]
    for place, (index, questions) in enumerate(batch):
        try:
            frames, times = shown_frames(encoder, rows, index, run)
            clips.append(engine.prepare(rows[index], questions, frames, times))
            looks[place] = frames_digest(frames, times)
        except (InputError, OSError, ValueError) as error:
            errors[place] = f"{type(error).__name__}: {error}"
    clip_replies = iter(engine.answer(clips) if clips else [])
    for place, (index, questions) in enumerate(batch):
        row = rows[index]
        replies: list[Answer | None] = (
            [None] * len(questions) if place in errors else list(next(clip_replies))
        )
        for number, reply in zip(questions, replies, strict=True):
            qa = {
                key: value for key, value in row["qa"][number].items() if key in predictions.QUESTION_FIELDS
            }
            yield Prediction(
                clip_id=row["clip_id"],
                case_id=row["case_id"],
                prediction=reply.text if reply else "",
                error=errors.get(place),
                confidence=round(reply.confidence, 6) if reply and reply.confidence is not None else None,
                path=engine.path,
                fallback=engine.fallback,
                weights=run.weights,
                frames=looks.get(place),
                **{**qa, "choices": tuple(qa["choices"] or ())},
            )


def audible(
    encoder: Encoder, row: Mapping[str, Any], index: int, questions: Sequence[int]
) -> list[tuple[int, list[int]]]:
    """Return a clip's questions that can be heard, together; one without a whole sound stands alone, to fail alone."""
    whole, faulty = [], []
    for number in questions:
        try:
            encoder.sounds(row, [number])
            whole.append(number)
        except InputError:
            faulty.append(number)
    return [(index, part) for part in (whole, *([number] for number in faulty)) if part]


def shown_frames(encoder: Encoder, rows: Dataset, index: int, run: Run) -> tuple[Frames, Sequence[float]]:
    """Return a clip's frames and their times, as the control wants them."""
    row = rows[index]
    if len(turns(row)[1]) != len(row["qa"]):
        raise InputError(f"{name(row)}: {len(row['qa'])} questions in qa, {len(turns(row)[1])} in messages")
    if run.control == "wrong-video":
        frames, times = encoder.frames(rows[stranger(rows, index, run.seed)])
    else:
        frames, times = encoder.frames(row)
    if run.control == "no-pixels":  # the processor's mean colour: a picture of nothing, the prompt unchanged
        mean = np.array(encoder.part.image_mean) / encoder.part.rescale_factor
        frames = np.broadcast_to(np.round(mean).astype(np.uint8), frames.shape).copy()
    if run.control == "shuffled-frames":
        frames = frames[disorder(len(frames), row["clip_id"], run.seed)]
    return frames, times


def budget_of(run: Run, model_budget: Budget | None, rows: Dataset) -> Budget:
    """Return the budget of frames and pixels: the one a model was taught with, else the options'.

    Raises:
        InputError: an option that contradicts the adapter's own budget.
    """
    options = {
        key: value
        for key in ("frames", "media", "max_pixels", "min_pixels")
        if (value := getattr(run, key)) is not None
    }
    if model_budget is not None:
        for key, value in options.items():
            if value != getattr(model_budget, key):
                raise InputError(
                    f"{run.model} was trained with {key} = {getattr(model_budget, key)}, asked with {value}; "
                    f"leave --{key.replace('_', '-')} away"
                )
        return model_budget
    if "frames" not in options:
        options["frames"] = min(
            (len(images) for images in rows.select_columns("images")["images"]), default=0
        )
        if not options["frames"]:
            raise InputError(f"{run.model} doesn't say how many frames it sees; give --frames")
    return Budget(**options)
