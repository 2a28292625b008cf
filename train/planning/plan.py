"""A table of ways to train a model on a card: memory and questions per second, from shapes alone."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image
from surgvqa.cards.command import InputError
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.processor_encoder import encoder_for
from surgvqa.eval.output.terminal import table
from surgvqa.train.clips.collate import Collator
from surgvqa.train.clips.shared_prefix import raise_if_unshared
from surgvqa.train.planning.step import How, Step, step
from surgvqa.train.settings.plan import Plan
from torch import Tensor
from transformers import AutoConfig, AutoProcessor, PreTrainedConfig

GIB = 2**30
CONTEXT = GIB  # CUDA's own, and what the allocator leaves between blocks: about that much
QUESTION, ANSWER = (
    "Which instruments are visible at the end of the clip?",
    "A grasper and a hook are visible.",
)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to train, and what it costs."""

    how: How
    step: Step
    four_bit: bool

    @property
    def memory(self) -> int:
        """All bytes, CUDA's own with them."""
        return self.step.memory(four_bit=self.four_bit) + CONTEXT


def plan(config: Plan) -> str:
    """Return the table.

    Raises:
        InputError: no such model.
    """
    config.check()
    try:
        model_config = AutoConfig.from_pretrained(config.model)
        processor = AutoProcessor.from_pretrained(config.model)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {config.model}: {str(error).splitlines()[0]}") from None
    shares_clips = can_share(model_config)
    batch = batch_of(config, model_config, processor, shares_clips=shares_clips)
    ways = list(_ways(config, model_config, processor, batch, shares_clips=shares_clips))
    return "\n".join(
        (_head(config, batch, shares_clips=shares_clips), table(_rows(config, ways)), *_closing(config, ways))
    )


def can_share(model_config: PreTrainedConfig) -> bool:
    """Whether the questions of a clip can share a sequence with such a model; else each brings its clip."""
    try:
        raise_if_unshared(model_config)
    except InputError:
        return False
    return True


def batch_of(
    config: Plan, model_config: PreTrainedConfig, processor: Any, *, shares_clips: bool = True
) -> dict[str, Tensor]:
    """Return a batch of grey clips with the same question over and over."""
    picture = BytesIO()
    Image.new("RGB", (config.side, config.side), (128, 128, 128)).save(picture, "JPEG")
    qa = [
        {"qa_id": f"grey#{n}", "kind": "instruments", "question": QUESTION, "answer": ANSWER}
        for n in range(config.questions)
    ]
    turns = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]
    row = {
        "clip_id": "grey",
        "images": [{"bytes": picture.getvalue(), "path": None}] * config.frames,
        "frame_times_s": [float(n) for n in range(config.frames)],
        "qa": qa,
        "messages": turns * config.questions,
    }
    budget = Budget(config.frames, config.media, min(56 * 56, config.side**2), config.side**2)
    encoder = encoder_for(model_config.model_type, processor, budget)
    unit = {"row": 0, "questions": list(range(config.questions))}
    table_of_one: Any = [row]
    return Collator([table_of_one], encoder, shared=shares_clips)([unit] * config.clips)


def _ways(
    config: Plan,
    model_config: PreTrainedConfig,
    processor: Any,
    batch: dict[str, Tensor],
    *,
    shares_clips: bool,
) -> Iterator[Way]:
    logging.getLogger("transformers").setLevel(logging.ERROR)
    steps = []
    for checkpointing in (False, True):
        how = How(lora_r=config.lora_r, checkpointing=checkpointing, shares_clips=shares_clips)
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            steps.append((how, step(model_config, processor, batch, how)))
    for four_bit in (False, True) if config.lora_r else (False,):
        yield from (Way(how, cost, four_bit) for how, cost in steps)


def _head(config: Plan, batch: dict[str, Tensor], *, shares_clips: bool) -> str:
    tokens = batch["input_ids"].shape[1]
    questions = (
        "questions behind it" if shares_clips else "questions, each with the clip in a sequence of its own"
    )
    learns = f"LoRA of rank {config.lora_r}" if config.lora_r else "all weights learn"
    clips = "1 clip" if config.clips == 1 else f"{config.clips} clips"
    return (
        f"{config.model}, {learns}; a step: {clips} of {config.frames} frames of {config.side} x {config.side}, "
        f"{config.questions} {questions}, {tokens:,} tokens a sequence ({config.media})"
    )


def _rows(config: Plan, ways: list[Way]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            "weights",
            "checkpointing",
            "weights",
            "optimizer",
            "step",
            "in all",
            f"{config.gpu:g} GiB",
            "questions/s",
        )
    ]
    for way in ways:
        speed = config.questions * config.clips * config.tflops * 1e12 / way.step.flops
        weights = way.step.four_bit_weights if way.four_bit else way.step.weights
        parts = (weights, way.step.optimizer, way.step.peak, way.memory)
        rows.append(
            (
                "4 bits" if way.four_bit else "bfloat16",
                "yes" if way.how.checkpointing else "no",
                *(f"{part / GIB:.1f}" for part in parts),
                "fits" if way.memory <= config.gpu * GIB else "too large",
                f"{speed:.1f}",
            )
        )
    return rows


def _closing(config: Plan, ways: list[Way]) -> Iterator[str]:
    yield (
        "GiB, 1 of them for CUDA itself; questions per second at "
        f"{config.tflops:g} TFLOP/s. Estimated from shapes: nothing was loaded, nothing was measured on a card."
    )
    fitting = [way for way in ways if way.memory <= config.gpu * GIB]
    if not fitting:
        yield "Nothing fits: lower --side, then --questions, then --frames, or take a larger card."
        return
    fastest = min(fitting, key=lambda way: way.step.flops)
    words = [
        "--load_in_4bit true" if fastest.four_bit else "--dtype bfloat16",
        f"--gradient_checkpointing {str(fastest.how.checkpointing).lower()}",
        f"--per_device_train_batch_size {config.clips}",
        f"--frames {config.frames} --max_pixels {config.side**2} --media {config.media}",
    ]
    yield f"The fastest that fits: surgvqa-train sft … {' '.join(words)}"
