r"""Reinforce a Qwen-VL with TRL's GRPOTrainer: answers are sampled, rewarded, and the better ones taught.

    surgvqa-train grpo --config grpo_lora.yaml --model_name_or_path runs/pointing-sft \
        --dataset_name my-pointing --output_dir runs/pointing-grpo
    surgvqa-train grpo --config grpo_lora.yaml --model_name_or_path runs/first \
        --dataset_name my-clips --dataset_config clips --output_dir runs/clips-grpo

Read from top to bottom: model and rows, what a guesser earns, train, save. Frames go in as images: TRL 1.16
generates from a video but computes its loss without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset, Image, List
from surgvqa.cards.command import InputError
from surgvqa.cards.files import sums
from surgvqa.eval.data.dataset import load_rows, split_of
from surgvqa.eval.data.prompts import is_prompts, raise_if_other_pixels
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.load import Parts, add_adapter, parts
from surgvqa.eval.models.out_of_memory import memory_advice
from surgvqa.eval.models.processor_encoder import PATCH_FAMILIES, raise_if_resized
from surgvqa.train.clips.base_model import load
from surgvqa.train.clips.clip_trainer import (
    EndsOnce,
    OwnCard,
    SaveBudget,
    checkpoint_to_resume,
    note_replaced,
)
from surgvqa.train.clips.frozen_tower import spare_frozen_towers
from surgvqa.train.clips.lora_targets import linears, pattern
from surgvqa.train.clips.sequences import frames_of
from surgvqa.train.pointing import zero_advantage
from surgvqa.train.pointing.blind_rewards import examine, mean_rewards, question_rewards
from surgvqa.train.pointing.grpo_options import GrpoOptions, parse, reward_functions
from surgvqa.train.pointing.question_rows import as_questions
from surgvqa.train.sources.material import raise_if_test
from surgvqa.train.steps.log_table import closing_line, show_table
from transformers import ProcessorMixin
from transformers.image_utils import SizeDict
from trl import GRPOTrainer, ModelConfig, get_peft_config

LESS_MEMORY = (
    "--per_device_train_batch_size 1 with more --gradient_accumulation_steps (the same step in smaller parts)",
    "--gradient_checkpointing true",
    "fewer --num_generations",
    "a lower --max_completion_length",
    "--load_in_4bit true",
    "a lower --max_pixels",
)


class PointingTrainer(OwnCard, EndsOnce, GRPOTrainer):
    """GRPOTrainer, with what the best guesser earns beside every logged reward."""

    blind: float = 0.0

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """``reward_blind``: while ``reward`` is below it, nothing was learned that needs eyes."""
        if "loss" in logs:
            logs["reward_blind"] = self.blind
        super().log(logs, start_time)


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run before step 1."""

    trainer: PointingTrainer
    options: GrpoOptions
    budget: Budget


def main(arguments: Sequence[str]) -> None:
    """Run the recipe.

    Raises:
        InputError: an option, a model or a data set that doesn't fit; rewards that a guesser nearly fills.
    """
    with memory_advice(LESS_MEMORY):
        run = prepare(arguments)
        trainer, options = run.trainer, run.options
        resume = checkpoint_to_resume(options.resume_from_checkpoint, Path(options.output_dir))
        note_replaced(Path(options.output_dir))
        outcome = trainer.train(resume_from_checkpoint=resume)
    out, first = Path(options.output_dir), trainer.is_world_process_zero()
    with sums.writing(out) if first else nullcontext():
        trainer.save_model(options.output_dir)
        trainer.save_state()
        if first:
            run.budget.save(out)
        trainer.create_model_card()
    if first:
        last = [entry for entry in trainer.state.log_history if "reward" in entry]
        figures = {
            "reward": last[-1]["reward"] if last else None,
            "the best guesser earns": trainer.blind,
        }
        print(closing_line(options.output_dir, outcome, figures))
    if options.push_to_hub:
        trainer.push_to_hub()
        if first:
            sums.write(out)  # the push wrote a card


def prepare(arguments: Sequence[str]) -> PreparedRun:
    """Options, model, rows and rewards, and the trainer they make.

    Raises:
        InputError: as ``main``.
    """
    data, training, model_options = parse(arguments)
    splits = load_rows(data.dataset_name, data.dataset_config)
    rows = split_of(splits, data.dataset_train_split, data.dataset_name)
    on_clips = not is_prompts(rows.features)
    model_parts = parts(model_options.model_name_or_path)
    budget = budget_of(training, model_parts, frames_of(rows, training.frames) if on_clips else 1)
    held_out = None
    if training.eval_strategy != "no":
        raise_if_test(data.dataset_test_split)
        held_out = split_of(splits, data.dataset_test_split, data.dataset_name)
    if on_clips:
        rows = as_questions(rows, budget.frames)
        held_out = as_questions(held_out, budget.frames) if held_out else None
    limits = {"min_pixels": training.min_pixels, "max_pixels": training.max_pixels}
    raise_if_resized(model_parts.model_type, model_options.model_name_or_path, **limits)
    processor, model = load_base(model_options, model_parts, budget, training.device)
    raise_if_other_pixels(rows, model.config.model_type, processor.image_processor, data.dataset_name)

    functions, training.reward_weights = reward_functions(
        data.reward_funcs, training.reward_weights, set(rows["kind"]), on_clips
    )
    texts = rows.remove_columns("images").to_list()
    earnings = question_rewards if on_clips else mean_rewards
    blind = examine(
        earnings(texts, list(zip(functions, training.reward_weights, strict=True)), training.seed)
    )

    trainer = PointingTrainer(
        model=model,
        args=training,
        reward_funcs=functions,
        train_dataset=decode_pictures(rows),
        eval_dataset=decode_pictures(held_out) if held_out else None,
        processing_class=processor,
        peft_config=None if model_parts.adapter else get_peft_config(model_options),
        callbacks=[SaveBudget(budget)],
    )
    trainer.blind = blind
    trainer.trained_on = data.dataset_name
    show_table(trainer)
    for name, parameter in trainer.model.named_parameters():
        if "lora_" in name:  # TRL makes QLoRA's bfloat16, which rounds small steps away
            parameter.data = parameter.data.float()
    spare_frozen_towers(trainer.model)
    if on_clips and training.probe_questions:
        zero_advantage.examine(zero_advantage.shares(trainer, training.probe_questions))
    return PreparedRun(trainer, training, budget)


def budget_of(training: GrpoOptions, model_parts: Parts, frames: int) -> Budget:
    """Return what a clip is seen with: as an adapter was taught, or as the options say.

    Args:
        training: the options.
        model_parts: of the model.
        frames: that a row has.

    Raises:
        InputError: options that contradict the adapter's own; an adapter taught on videos.
    """
    limits = {
        name: value for name in ("min_pixels", "max_pixels") if (value := getattr(training, name)) is not None
    }
    if model_parts.budget is None:
        return Budget(frames=frames, **limits)
    if model_parts.budget.media == "video":
        raise InputError(
            f"{model_parts.folder} was taught on videos, which TRL's GRPOTrainer leaves out of its loss; "
            "teach it with `surgvqa-train sft --dataset_config pointing` first"
        )
    for name, value in limits.items():
        if value != getattr(model_parts.budget, name):
            raise InputError(
                f"{model_parts.folder} was trained with {name} = {getattr(model_parts.budget, name)}, asked with {value}; "
                f"leave --{name} away"
            )
    own = model_parts.budget
    if frames > 1 and training.frames not in (None, own.frames):
        raise InputError(
            f"{model_parts.folder} was trained with frames = {own.frames}, asked with {training.frames}; leave --frames away"
        )
    return Budget(own.frames if frames > 1 else 1, "images", own.min_pixels, own.max_pixels)


def load_base(
    options: ModelConfig, model_parts: Parts, budget: Budget, device: Any
) -> tuple[ProcessorMixin, Any]:
    """Processor and model; an adapter goes on learning, a base model gets a new one.

    Raises:
        InputError: neither an adapter nor ``--use_peft``; a model of another kind.
    """
    if model_parts.adapter is None and not options.use_peft:
        raise InputError(f"{options.model_name_or_path} is no adapter: give --use_peft true for a new one")
    options.model_name_or_path = model_parts.source
    _, model = load(options, device)
    processor: Any = model_parts.processor
    # Prompts are padded on the left: TRL takes `mm_token_type_ids` from the processor, and padded on the right
    # they would name other tokens than the images'.
    processor.tokenizer.padding_side = "left"
    if model.config.model_type in PATCH_FAMILIES:
        limits = {"shortest_edge": budget.min_pixels, "longest_edge": budget.max_pixels}
        processor.image_processor.size = SizeDict(**limits)
    if model_parts.adapter is None:
        if not options.lora_target_modules:
            options.lora_target_modules = pattern(linears(model))
        return processor, model
    return processor, add_adapter(model, model_parts, trainable=True)


def decode_pictures(rows: Dataset) -> Dataset:
    """Rows whose pictures are decoded, as TRL's processor wants them."""
    return rows.cast_column("images", List(Image()))
