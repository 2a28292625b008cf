"""The configurations of what is looked at or handed on: report, demo, lmms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Usage
from surgvqa.eval.settings.one_split import OneSplit
from surgvqa.eval.settings.score import Rule, Terms, Truth


@dataclass(frozen=True, kw_only=True)
class Report(Terms, Truth):
    """Write one page on predictions, or on a data set."""

    what: Annotated[str, Usage("FILE|DIR", position=True)]
    """predictions, or a data set: a folder or org/name"""
    out: Annotated[Path, Usage("PAGE.html")]
    """the page; the JSON lies beside it"""
    title: Annotated[str | None, Usage("TEXT")] = None
    """of the page"""
    baselines: Annotated[Path | None, Usage("FILE.json")] = None
    """what `baselines --out` wrote, shown beside"""
    necessity: Annotated[Path | None, Usage("FILE.json")] = None
    """what `necessity --out` wrote: what the sound is worth"""
    seed: Annotated[int, Usage("N")] = 0
    """of what is drawn: intervals, guesses"""


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Serve an app: look through clips, ask models, by text or voice."""

    data: Annotated[tuple[str, ...], Usage("DIR", default_text="demo/dataset")] = ()
    """data sets to choose from"""
    model: Annotated[tuple[str, ...], Usage("DIR", default_text="demo/adapter")] = ()
    """models to choose from"""
    predictions: Annotated[tuple[Path, ...], Usage("FILE.jsonl", default_text="demo/predictions.jsonl")] = ()
    """answers on disk, to find wrong ones and where two differ"""
    score: Annotated[Path | None, Usage("FILE.json", default_text="demo/score.json")] = None
    """a score to show by kind"""
    video_root: Annotated[Path | None, Usage("DIR", default_text="the data set's folder")] = None
    """where the videos of a data set built with --media reference lie"""
    recogniser: Annotated[str | None, Usage("MODEL")] = None
    """speech recogniser for models that read, openai/whisper-small, say"""
    allow_host: Annotated[tuple[str, ...], Usage("NAME")] = ()
    """names that the app goes by behind a proxy"""
    host: Annotated[str, Usage("HOST")] = "127.0.0.1"
    """address"""
    port: Annotated[int, Usage("N")] = 7860
    """port"""
    dtype: Annotated[str, Usage("DTYPE")] = "auto"
    """auto, float32 or bfloat16"""
    device: Annotated[str | None, Usage("DEVICE", default_text="cuda where there is one")] = None
    """cuda or cpu"""


@dataclass(frozen=True, kw_only=True)
class Lmms(Rule, OneSplit):
    """Write a task file, so that lmms-eval runs a data set."""

    data: Annotated[str, Usage("DIR", position=True)]
    """a data set of ours: a folder or org/name"""
    out: Annotated[Path, Usage("FOLDER")]
    """for the harness's --include_path"""
    name: Annotated[str | None, Usage("NAME", default_text="surgvqa_ and the folder's name")] = None
    """of the task"""
