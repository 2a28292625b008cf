"""The configuration of ``predict``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from surgvqa.cards.arguments.option import Usage
from surgvqa.eval.settings.one_split import OneSplit


@dataclass(frozen=True, kw_only=True)
class RunningVideo:
    """A running video and its questions."""

    HEADING: ClassVar[str] = "a running video in place of a data set"

    stream: bool = False
    """the first argument is a video file or a camera"""
    ask: Annotated[tuple[str, ...], Usage("TEXT", repeat=True)] = ()
    """a question; repeatable"""
    ask_aloud: Annotated[Path | None, Usage("FILE")] = None
    """a spoken one, for a model that hears"""
    window: Annotated[float, Usage("S")] = 5.0
    """seconds it sees"""
    every: Annotated[float, Usage("S")] = 2.0
    """from answer to answer"""


@dataclass(frozen=True, kw_only=True)
class Predict(RunningVideo, OneSplit):
    """Ask a model every question of a split; resumable."""

    data: Annotated[str, Usage("DATA", position=True)]
    """clips: a folder that surgvqa-build wrote, or a Hub name"""
    model: Annotated[tuple[str, ...], Usage("DIR", repeat=True)]
    """base model or adapter: folder or Hub name; repeat it for --ensemble"""
    ensemble: Annotated[str | None, Usage("HOW")] = None
    """vote: what most of the models say; each one's answers stay beside"""
    out: Annotated[Path, Usage("FILE.jsonl")]
    """JSONL, a line per question; an old one goes on"""
    config: Annotated[str, Usage("CONFIG")] = "clips"
    """config of the data set: clips, pointing, spoken"""
    control: Annotated[str, Usage("NAME")] = "none"
    """none, no-pixels (grey frames), shuffled-frames, wrong-video (another case's): what pixels are worth; for
    --config spoken swapped-audio, silence, text-and-audio"""
    batch_size: Annotated[int, Usage("N")] = 32
    """questions at a time; a clip's questions stay together"""
    max_new_tokens: Annotated[int, Usage("N", default_text="64; 256 on config pointing")] = 0
    """longest answer"""
    frames: Annotated[int | None, Usage("N")] = None
    """frames of a clip; an adapter knows its own"""
    media: Literal["images", "video"] | None = None
    """frames one by one, or as one video"""
    max_pixels: Annotated[int | None, Usage("N")] = None
    """most pixels of a frame"""
    min_pixels: Annotated[int | None, Usage("N")] = None
    """least pixels of a frame"""
    video_root: Annotated[str | None, Usage("DIR", default_text="the data set's folder")] = None
    """where `video` paths start"""
    base: Annotated[str | None, Usage("DIR")] = None
    """the adapter's base model, where it has moved"""
    engine: Annotated[str, Usage("ENGINE")] = "hf"
    """hf (transformers), vllm, or openai: a server at --url"""
    url: Annotated[str | None, Usage("URL")] = None
    """of --engine openai: http://127.0.0.1:8000/v1, serving --model's folder"""
    dtype: Annotated[str, Usage("DTYPE")] = "auto"
    """auto, float32 or bfloat16"""
    device: Annotated[str | None, Usage("DEVICE", default_text="cuda where there is one")] = None
    """cuda or cpu"""
    seed: Annotated[int, Usage("N")] = 0
    """of the controls"""
