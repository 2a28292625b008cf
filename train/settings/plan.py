"""The configuration of ``plan``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from surgvqa.cards.arguments.option import Usage
from surgvqa.cards.command import InputError


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Say what a training step needs of a card's memory, and how fast it can be, before anything is loaded."""

    model: Annotated[str, Usage("MODEL", position=True)]
    """base model: folder or Hub name; its configuration and processor are read, no weights"""
    gpu: Annotated[float, Usage("GIB")] = 80.0
    """memory of the card"""
    frames: Annotated[int, Usage("N")] = 8
    """of a clip"""
    side: Annotated[int, Usage("PIXELS")] = 384
    """of a frame, a square"""
    media: Literal["images", "video"] = "images"
    """frames one by one, or as a video (pairs merged in time)"""
    questions: Annotated[int, Usage("N")] = 9
    """of a clip, all behind it in one sequence"""
    clips: Annotated[int, Usage("N")] = 1
    """that go through the model at a time (--per_device_train_batch_size)"""
    lora_r: Annotated[int, Usage("R")] = 16
    """rank of the adapters on the language model; 0: all weights learn"""
    tflops: Annotated[float, Usage("N")] = 300.0
    """TFLOP/s that the card reaches: about 0.4 of what its maker states for dense bfloat16"""

    def check(self) -> None:
        """Refuse what no step has.

        Raises:
            InputError: a number below its least.
        """
        least = {"gpu": 1, "frames": 1, "side": 28, "questions": 1, "clips": 1, "lora_r": 0, "tflops": 1}
        for name, number in least.items():
            if getattr(self, name) < number:
                option = f"--{name.replace('_', '-')}"
                raise InputError(f"{option} {getattr(self, name)}: expected {number} or more")
