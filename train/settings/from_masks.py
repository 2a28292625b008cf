"""The configurations of what learns from masks or makes them: segment, masks, vision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from surgvqa.cards.arguments.option import Usage
from surgvqa.cards.command import InputError

Device = Annotated[str | None, Usage("cuda|cpu", default_text="cuda where there is one")]


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Train a U-Net or a text-prompted model on the config segmentation; resumable."""

    data: Annotated[Path, Usage("DIR")]
    """a folder built with --segmentation"""
    out: Annotated[Path, Usage("DIR")]
    """folder of the segmenter; a stopped run goes on"""
    model: Literal["unet", "text-unet", "clipseg", "sam"] = "unet"
    """classes, or phrases: text-unet learns from nothing, clipseg and sam go on from a checkpoint"""
    encoder: Annotated[str, Usage("NAME")] = "resnet18"
    """of the U-Nets: any of segmentation-models-pytorch, or plain, which begins at full resolution: for thin structures"""
    decoder: Annotated[tuple[int, ...], Usage("N")] = (256, 128, 64, 32, 16)
    """channels of the U-Nets' decoder, coarse to fine; their number is the depth"""
    weights: Annotated[str | None, Usage("NAME", default_text="random")] = None
    """of the encoder, imagenet for one"""
    checkpoint: Annotated[str | None, Usage("MODEL", default_text="small, random")] = None
    """of CLIPSeg or SAM: CIDAS/clipseg-rd64-refined, facebook/sam-vit-base"""
    size: Annotated[int, Usage("PIXELS")] = 256
    """side of the squares it sees"""
    epochs: Annotated[int, Usage("N")] = 30
    """passes over the training split"""
    batch_size: Annotated[int, Usage("N")] = 8
    """pictures of a step"""
    learning_rate: Annotated[float, Usage("LR")] = 1e-3
    """of AdamW"""
    augment: Literal["full", "upright", "light", "none"] = "full"
    """full: smoke, highlights, blur, colour, crop, rotation; upright: the same, never mirrored; light: mirrored and colour, for short runs"""
    keep: Literal["best", "last", "average"] = "best"
    """which weights: of the best epoch on the validation split, which makes its figures too high there; the last ones; or
    their running average over about a hundred steps. The last two never look at the validation split before the end"""
    mirror: bool = False
    """predict the mirrored picture, too, and take the mean: steadier, at twice the time"""
    device: Device = None
    """where it trains"""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16: mixed, about twice as fast on GPUs and on processors with AVX512-BF16"""
    seed: Annotated[int, Usage("N", default_text="0")] = 0
    """of weights, order and augmentation"""

    def check(self) -> None:
        """Refuse sizes that no model can have.

        Raises:
            InputError: of them.
        """
        if self.size % 32 or self.size < 32 or self.epochs < 1 or self.batch_size < 1:
            raise InputError(
                f"--size {self.size} --epochs {self.epochs} --batch-size {self.batch_size}: "
                "the size is a multiple of 32, the others at least 1"
            )
        if not 1 <= len(self.decoder) <= 5 or self.size % 2 ** len(self.decoder):
            raise InputError(f"--decoder {' '.join(map(str, self.decoder))}: 1 to 5 widths")


@dataclass(frozen=True, kw_only=True)
class Masks:
    """Predict a segmenter's masks of videos; `surgvqa-build procedure --segmenter` calls it."""

    segmenter: Annotated[Path, Usage("SEGMENTER", position=True)]
    """a folder that `surgvqa-train segment` wrote"""
    request: Annotated[Path, Usage("FILE")]
    """JSON: which moments of which videos"""
    out: Annotated[Path, Usage("DIR")]
    """where CASE.json (COCO) goes"""
    device: Device = None
    """where it runs"""


@dataclass(frozen=True, kw_only=True)
class Vision:
    """Teach a vision tower from masks: what lies under its tokens, where, what enters, leaves and moves."""

    data: Annotated[Path, Usage("DIR")]
    """built with --segmentation instruments or all"""
    model: Annotated[str, Usage("MODEL")]
    """a Qwen-VL: a folder or a Hub name; its tower is taught"""
    out: Annotated[Path, Usage("DIR")]
    """folder of the model, written in the end"""
    max_pixels: Annotated[int, Usage("N")] = 512 * 512
    """of a frame, as in sft"""
    epochs: Annotated[int, Usage("N")] = 2
    """passes over the training split"""
    batch_size: Annotated[int, Usage("N")] = 32
    """pairs of moments of a step"""
    learning_rate: Annotated[float, Usage("LR")] = 4e-3
    """of AdamW, for what Muon doesn't take"""
    muon_learning_rate: Annotated[float, Usage("LR")] = 0.02
    """of Muon, for the matrices"""
    device: Device = None
    """where it trains"""
    seed: Annotated[int, Usage("N", default_text="0")] = 0
    """of weights and order"""
