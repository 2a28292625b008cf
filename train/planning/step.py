"""One training step on shapes alone: what it needs of memory, and how much it multiplies."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from surgvqa.train.clips.frozen_tower import spare_frozen_towers
from surgvqa.train.clips.lora_targets import linears, pattern
from surgvqa.train.clips.prepare import fit_model
from surgvqa.train.planning.head import TiledHead
from surgvqa.train.planning.meta_mode import Meter, ShapesAlone, flash_attention
from surgvqa.train.steps.answer_head import taught_alone
from torch import Tensor, nn
from transformers import AutoModelForImageTextToText, PreTrainedConfig

ADAM = 8  # bytes for each number that learns: two moments in float32
FOUR_BITS = (
    0.5 + 0.5 / 32
)  # bytes a weight: NF4, with its scales quantised, too (QLoRA, https://arxiv.org/abs/2305.14314)
PIXELS = ("pixel_values", "pixel_values_videos")


@dataclass(frozen=True, slots=True)
class How:
    """The way that a model is trained."""

    lora_r: int = 16  # 0: all weights learn
    lora_dropout: float = 0.05
    checkpointing: bool = False
    dtype: torch.dtype = torch.bfloat16
    shares_clips: bool = True  # all questions of a clip behind it, in one sequence


@dataclass(frozen=True, slots=True)
class Step:
    """The bytes and the arithmetic of one step."""

    weights: int  # of the model, adapters included
    four_bit_weights: (
        int  # the same, the linear layers' in four bits, the largest of them unpacked for its product
    )
    optimizer: int  # two moments of what learns, and its float32 copy where it is kept in bfloat16
    peak: int  # activations, gradients and what is in between, at most at one time
    flops: int

    def memory(self, *, four_bit: bool = False) -> int:
        """Return all bytes."""
        return (self.four_bit_weights if four_bit else self.weights) + self.optimizer + self.peak


def step(config: PreTrainedConfig, processor: Any, batch: dict[str, Tensor], how: How) -> Step:
    """Run a step on the meta device.

    Args:
        config: of the model; a copy is used.
        processor: of the model, for how pixels become floats on the device.
        batch: of ``surgvqa.train.clips.collate.Collator``.
        how: how it learns.
    """
    model = model_of(config, processor, how)
    learns = [one for one in model.parameters() if one.requires_grad]
    meter = Meter([*model.parameters(), *model.buffers()])
    inputs = {name: value.to("meta") if name in PIXELS else value for name, value in batch.items()}
    inputs = taught_alone(inputs)
    inputs.pop("shift_labels")
    outer = model.get_base_model() if how.lora_r else model
    with ShapesAlone(meter), flash_attention(meter):
        states = outer.model(**inputs).last_hidden_state
        TiledHead.apply(states[0], outer.get_output_embeddings().weight, meter).backward()
    count = sum(one.numel() for one in learns)
    copies = 4 * count if how.dtype != torch.float32 else 0
    return Step(*weight_bytes(model), ADAM * count + copies, meter.peak, meter.flops)


def model_of(config: PreTrainedConfig, processor: Any, how: How) -> Any:
    """Return the model on the meta device, with its adapter and our hooks."""
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(copy.deepcopy(config), dtype=how.dtype)
        fit_model(model, processor, SimpleNamespace(questions_per_sequence=0 if how.shares_clips else 1))  # type: ignore[arg-type]
        if how.lora_r:
            targets = pattern(linears(model))
            settings = LoraConfig(r=how.lora_r, lora_dropout=how.lora_dropout, target_modules=targets)
            model = get_peft_model(model, settings, autocast_adapter_dtype=False)
            for name, parameter in model.named_parameters():
                if "lora_" in name:
                    parameter.data = parameter.data.to(how.dtype)
    model.train()
    if how.checkpointing:
        model.enable_input_require_grads()
        words = {"use_reentrant": False, "preserve_rng_state": False}
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=words)
    spare_frozen_towers(model)
    return model


def weight_bytes(model: Any) -> tuple[int, int]:
    """Return the bytes of all weights as they are, and with the linear layers' but the head's and adapters' in four bits."""
    head = model.get_output_embeddings()
    linear_weights = [
        module.weight
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head and "lora_" not in name
    ]
    whole = sum(one.numel() * one.element_size() for one in model.parameters())
    less = sum(int(one.numel() * (one.element_size() - FOUR_BITS)) for one in linear_weights)
    return whole, whole - less + max((one.numel() * one.element_size() for one in linear_weights), default=0)
