"""The configurations of what learns from a data set's pictures alone: towers, scratch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from surgvqa.cards.arguments.option import Usage
from surgvqa.train.settings.from_masks import Device


@dataclass(frozen=True, kw_only=True)
class Towers:
    """Compare visual encoders: frozen features and a linear probe."""

    data: Annotated[Path, Usage("DIR")]
    """clips with pictures, phases and scenes"""
    models: Annotated[tuple[str, ...], Usage("MODEL")] = ()
    """CLIP, SigLIP, DINO or Qwen-VL: folders or Hub names"""
    out: Annotated[Path | None, Usage("FILE.json")] = None
    """write the figures as JSON"""
    device: Device = None
    """where it runs"""


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """Train a small vision-language model from nothing, to be read; resumable."""

    data: Annotated[Path, Usage("DIR")]
    """clips with pictures, built with --kinds caption …"""
    out: Annotated[Path, Usage("DIR")]
    """folder of the model; a stopped run goes on"""
    join: Literal["prefix", "queries", "cross"] = "prefix"
    """how the text gets at the picture: projected patches before it, learned queries, or cross-attention"""
    size: Literal["full", "small", "tiny"] = "small"
    """40, 1.4 or 0.1 million parameters"""
    kinds: Annotated[tuple[str, ...], Usage("KIND")] = ("caption",)
    """of the questions to learn"""
    start: Annotated[Path | None, Usage("DIR", flag="--from")] = None
    """a model to go on from, such as one that has learned captions"""
    epochs: Annotated[int, Usage("N")] = 20
    """passes over the training split"""
    batch_size: Annotated[int, Usage("N")] = 32
    """questions of a step"""
    learning_rate: Annotated[float, Usage("LR")] = 2e-3
    """AdamW's; Muon's, on the matrices, is five times that"""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16: mixed"""
    device: Device = None
    """where it trains"""
    seed: Annotated[int, Usage("N", default_text="0")] = 0
    """of weights, order and moved pictures"""
