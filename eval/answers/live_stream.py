"""Answers while a video runs: a window slides over a file at its own pace, or over a camera; late windows are dropped.

    surgvqa-eval predict endo.mp4 --stream --model runs/first --ask "Which phase is shown?" --out answers.jsonl

A line of JSON per answer: the window's seconds, the question, the answer, how long after the window's end it was
there (``delay_s``) and how long its first word took (``first_token_s``). Where the model is slower than the video,
windows are left out and a line says how many; what is answered is always the newest.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TextIO, TypedDict

import av
import numpy as np
from numpy.typing import NDArray
from surgvqa.builders.speech.sound import read_sound
from surgvqa.builders.speech.spoken import PROMPT
from surgvqa.builders.video.display import Shower
from surgvqa.builders.video.timing import cause, open_video
from surgvqa.cards.command import InputError
from surgvqa.eval.answers.hf_engine import Answer, answers
from surgvqa.eval.answers.one_question import ears_for, turn
from surgvqa.eval.data.streams import Row
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.encode import Encoder
from surgvqa.eval.models.load import LoadedModel, load_model
from surgvqa.eval.models.pixels import evenly
from surgvqa.eval.models.processor_encoder import encoder_for
from surgvqa.eval.settings.predict import Predict

MEMORY_FACTOR = 3  # frames in memory for each one that the model sees


@dataclass(frozen=True, slots=True)
class Live:
    """The video to watch, and the questions of every window."""

    source: str  # a video file, or a camera such as /dev/video0
    model: str
    out: Path
    questions: tuple[str, ...] = ()
    sound: Path | None = None  # a spoken question, for a model that hears
    window_s: float = Predict.window
    every_s: float = Predict.every
    frames: int | None = None
    max_new_tokens: int = 64
    base: str | None = None
    dtype: str = Predict.dtype
    device: str | None = None


@dataclass(slots=True)
class Window:
    """The newest frames of a running video; one thread puts, another takes."""

    span_s: float
    step_s: float  # between two frames that are kept
    shots: deque[tuple[float, NDArray[np.uint8]]] = field(default_factory=deque)
    latest_s: float = 0.0
    began: float = 0.0  # time.monotonic() at second 0 of the video
    ended: bool = False
    error: InputError | None = None
    change: threading.Condition = field(default_factory=threading.Condition)

    def put(self, second: float, read: Any) -> None:
        """Take note of a frame on screen; ``read`` gives its pixels where it is kept."""
        keep = not self.shots or second >= self.shots[-1][0] + self.step_s - 1e-6
        pixels = read() if keep else None
        with self.change:
            if pixels is not None:
                self.shots.append((second, pixels))
                while self.shots[0][0] < second - 2 * self.span_s:
                    self.shots.popleft()
            self.latest_s = second
            self.change.notify_all()

    def wait(self, second: float) -> bool:
        """Wait until the video has come this far; False if it ended before."""
        with self.change:
            self.change.wait_for(lambda: self.ended or self.latest_s >= second)
            return self.latest_s >= second

    def take(self, end_s: float, count: int) -> tuple[NDArray[np.uint8], list[float]]:
        """``count`` frames of the window that ends there, evenly, and their seconds in it.

        Raises:
            InputError: there are fewer.
        """
        start = end_s - self.span_s
        with self.change:
            inside = [shot for shot in self.shots if start <= shot[0] <= end_s]
        if len(inside) < count:
            raise InputError(
                f"{len(inside)} frames in the {self.span_s:g} s before second {end_s:.1f}, the model sees {count}; "
                "give a longer --window"
            )
        chosen_shots = [inside[index] for index in evenly(len(inside), count)]
        return np.stack([pixels for _, pixels in chosen_shots]), [
            second - start for second, _ in chosen_shots
        ]


@contextmanager
def camera(name: str) -> Iterator[tuple[Any, Any]]:
    """Yield a camera of Linux' Video4Linux."""
    try:
        with av.open(name, format="v4l2") as container:
            yield container, container.streams.video[0]
    except (av.error.FFmpegError, ValueError) as error:
        reason = cause(error) if isinstance(error, av.error.FFmpegError) else str(error)
        raise InputError(f"no picture from {name}: {reason}") from None


def watch(source: str, window: Window, stop: threading.Event) -> None:
    """Put a video's frames into the window as they are due; a camera's, as they come."""
    live = source.startswith("/dev/")
    try:
        with camera(source) if live else open_video(Path(source)) as (container, stream):
            show = Shower(Path(source), stream.sample_aspect_ratio)
            first = None
            for frame in container.decode(stream):
                if stop.is_set():
                    return
                second = float(frame.time or 0.0)
                if first is None:
                    first, window.began = second, time.monotonic()
                second -= first
                if not live:
                    time.sleep(max(0.0, window.began + second - time.monotonic()))
                window.put(second, lambda frame=frame: show(frame))
    except InputError as error:
        window.error = error
    finally:
        with window.change:
            window.ended = True
            window.change.notify_all()


class StreamFigures(TypedDict):
    """The numbers of answered and dropped windows, and the delay of answers."""

    windows: int
    dropped: int
    median_delay_s: float


@dataclass(frozen=True, slots=True)
class Asker:
    """A model, and what it is asked of every window."""

    loaded_model: LoadedModel
    encoder: Encoder
    row: Row  # a clip's row with the questions
    names: Sequence[str]  # of the questions, for the file

    @property
    def frames(self) -> int:
        """The number of a window's frames that the model sees."""
        return self.encoder.budget.frames


def asker(live: Live) -> Asker:
    """Load the model and lay out its questions.

    Raises:
        InputError: nothing is asked; no such model or sound.
    """
    if bool(live.questions) == bool(live.sound):
        raise InputError("--stream needs a question: --ask TEXT (it may be repeated), or --ask-aloud FILE")
    sound = read_sound(live.sound).samples if live.sound else None
    loaded_model = load_model(live.model, live.dtype, live.device, live.base)
    budget = loaded_model.budget or Budget(live.frames or 8)
    ears = None if sound is None else ears_for(loaded_model, sound)
    questions = list(live.questions) or [PROMPT]
    row: Row = {
        "clip_id": Path(live.source).name,
        "messages": [part for text in questions for part in (turn("user", text), turn("assistant", ""))],
    }
    if sound is not None:
        row["sounds"] = [0]
    encoder = encoder_for(loaded_model.model_type, loaded_model.processor, budget, None, ears)
    return Asker(loaded_model, encoder, row, [live.sound.name] if live.sound else questions)


def stream(live: Live) -> StreamFigures:
    """Watch to the end; writes the lines and returns how many windows were answered and dropped.

    Raises:
        InputError: no such video, model or sound; nothing is asked; a video shorter than a window.
    """
    if live.window_s <= 0 or live.every_s <= 0:
        raise InputError(f"--window {live.window_s:g} --every {live.every_s:g}: more than 0 seconds")
    live_asker = asker(live)
    window = Window(live.window_s, live.window_s / (MEMORY_FACTOR * max(live_asker.frames, 1)))
    stop = threading.Event()
    reader = threading.Thread(target=watch, args=(live.source, window, stop), daemon=True)
    live.out.parent.mkdir(parents=True, exist_ok=True)
    with live.out.open("w", encoding="utf-8") as file:
        reader.start()
        try:
            delays, omissions = follow(live, live_asker, window, file)
        finally:
            stop.set()
    if window.error is not None:
        raise window.error
    if not delays:
        raise InputError(
            f"{live.source} lasts {window.latest_s:.1f} s, a window {live.window_s:g} s; give a shorter --window"
        )
    figures: StreamFigures = {
        "windows": len(delays),
        "dropped": omissions,
        "median_delay_s": round(median(delays), 3),
    }
    print(summary(figures, live.out), file=sys.stderr)
    return figures


def summary(figures: StreamFigures, out: Path) -> str:
    """Return what a run says at its end.

    >>> summary({"windows": 11, "dropped": 0, "median_delay_s": 0.153}, Path("live.jsonl"))
    'live.jsonl: 11 windows answered, half of them within 0.15 s of their end; 0 left out for being late'
    """
    windows = "1 window" if figures["windows"] == 1 else f"{figures['windows']} windows"
    return (
        f"{out}: {windows} answered, half of them within {figures['median_delay_s']:.2f} s of their end; "
        f"{figures['dropped']} left out for being late"
    )


def follow(live: Live, live_asker: Asker, window: Window, file: TextIO) -> tuple[list[float], int]:
    """Answer window after window until the video ends; returns how late each was, and how many were left out."""
    delays: list[float] = []
    omissions, end_s = 0, live.window_s
    while window.wait(end_s):
        if late := int((window.latest_s - end_s) // live.every_s):
            end_s, omissions = end_s + late * live.every_s, omissions + late
            write(file, {"dropped": late, "next_end_s": round(end_s, 3)})
        frames, times = window.take(end_s, live_asker.frames)
        replies, first_s = answer(live_asker, frames, times, live.max_new_tokens)
        delay = time.monotonic() - window.began - end_s
        delays.append(delay)
        for question, reply in zip(live_asker.names, replies, strict=True):
            write(
                file,
                {
                    "start_s": round(end_s - live.window_s, 3),
                    "end_s": round(end_s, 3),
                    "question": question,
                    "prediction": reply.text,
                    "confidence": None if reply.confidence is None else round(reply.confidence, 6),
                    "delay_s": round(delay, 3),
                    "first_token_s": round(first_s, 3),
                },
            )
        end_s += live.every_s
    return delays, omissions


def answer(
    live_asker: Asker, frames: NDArray[np.uint8], times: Sequence[float], longest: int
) -> tuple[list[Answer], float]:
    """Return a window's answers, and the seconds until their first token."""
    began = time.monotonic()
    first: list[float] = []
    clip = live_asker.encoder.encode_frames(
        live_asker.row, range(len(live_asker.names)), False, frames, times
    )
    replies = answers(
        live_asker.loaded_model.model,
        live_asker.encoder,
        [clip],
        longest,
        lambda: first.append(time.monotonic() - began),
    )
    return replies[0], first[0]


def write(file: TextIO, line: Mapping[str, object]) -> None:
    """Write a line and hand it to the operating system at once."""
    file.write(json.dumps(line, ensure_ascii=False) + "\n")
    file.flush()
