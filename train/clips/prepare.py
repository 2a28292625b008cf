"""From the options of a run to a trainer that is ready for step 1."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from datasets import Dataset
from surgvqa.builders.speech.spoken import NAME as SPOKEN
from surgvqa.cards.command import InputError
from surgvqa.eval.data.dataset import load_clips, split_of
from surgvqa.eval.data.prompts import raise_if_other_pixels
from surgvqa.eval.models.audio_graft import HEARING
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.encode import Encoder
from surgvqa.eval.models.out_of_memory import advised
from surgvqa.eval.models.pixels import normalise_on_device
from surgvqa.eval.models.processor_encoder import PATCHED, encoder_for, raise_if_resized
from surgvqa.eval.models.row_frames import name
from surgvqa.eval.models.spoken_rows import Spoken, load_spoken
from surgvqa.eval.models.vision_attention import side_by_side
from surgvqa.train.clips.answering import Answering
from surgvqa.train.clips.base_model import base_of, ears_of
from surgvqa.train.clips.clip_trainer import ClipTrainer, SaveBudget
from surgvqa.train.clips.collate import Collator, units
from surgvqa.train.clips.lora_targets import linears, pattern
from surgvqa.train.clips.shared_prefix import SharedPrefix
from surgvqa.train.steps.answer_head import TaughtOnly
from surgvqa.train.steps.optimizer import part_of
from surgvqa.train.steps.options import (
    AUDIO_PROJECTOR,
    PROJECTOR,
    VISION_TARGETS,
    AudioOptions,
    DataOptions,
    TrainingOptions,
    less_memory,
    parse,
)
from tqdm import tqdm
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    TrainerCallback,
    WhisperFeatureExtractor,
)
from transformers.integrations import is_deepspeed_zero3_enabled
from trl import ModelConfig, get_peft_config


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run before step 1."""

    trainer: ClipTrainer
    options: TrainingOptions
    model_options: ModelConfig
    dataset_name: str
    rows: Dataset  # the training split
    units: Dataset  # what a training sequence holds, with its length
    encoder: Encoder
    budget: Budget
    limit: int  # most tokens of a question with its clip
    extractor: WhisperFeatureExtractor | None = None  # of a model that hears
    own_targets: bool = False  # whether the user said where the adapter goes


def prepare(arguments: Sequence[str], training_options: type[TrainingOptions] = TrainingOptions) -> Prepared:
    """Read the options, load model and data, and measure every sequence.

    Args:
        arguments: of the command, after its verb.
        training_options: ``AudioOptions`` for a model that hears.

    Raises:
        InputError: an option, a model or a data set that doesn't fit; a sequence longer than the budget.
    """
    data, training, model_options = parse(arguments, training_options)
    with advised(less_memory(training, model_options)):
        return assembled(data, training, model_options)


def assembled(data: DataOptions, training: TrainingOptions, model_options: ModelConfig) -> Prepared:
    """As ``prepare``, from options.

    Raises:
        InputError: as ``prepare``.
    """
    spoken: Spoken | None = None
    if isinstance(training, AudioOptions) or data.dataset_config == SPOKEN:
        align = isinstance(training, AudioOptions) and training.stage == "align"
        spoken = load_spoken(data.dataset_name, "transcribe" if align else "answer")
        spoken.refuse_missing(data.dataset_name)
    splits = spoken.splits if spoken else load_clips(data.dataset_name, data.dataset_config)
    rows = split_of(splits, data.dataset_train_split, data.dataset_name)

    processor, model, extractor = base_of(model_options, training)
    media: Any = training.media
    budget = Budget(frames_of(rows, training.frames), media, training.min_pixels, training.max_pixels)
    ears = ears_of(model, processor, extractor, spoken, model_options.model_name_or_path)
    model_type = model.config.model_type
    raise_if_resized(
        model_type,
        model_options.model_name_or_path,
        min_pixels=training.min_pixels,
        max_pixels=training.max_pixels,
    )
    encoder = encoder_for(model_type, processor, budget, Path(data.video_root or data.dataset_name), ears)
    raise_if_other_pixels(rows, model_type, processor.image_processor, data.dataset_name)
    shared = training.questions_per_sequence != 1
    if shared and model_type not in PATCHED:
        raise InputError(
            f"questions share a sequence in a Qwen-VL only, {model_options.model_name_or_path} is a {model_type}; "
            "give --questions-per-sequence 1"
        )
    if training.cache_vision is not None and model_type not in PATCHED:
        raise InputError(f"--cache_vision keeps what a Qwen-VL sees, this is a {model_type}; leave it away")
    limit = training.max_length or model.config.get_text_config().max_position_embeddings
    train_units = measured(rows, encoder, training.questions_per_sequence, limit)
    collator = Collator(rows, encoder, shared)

    eval_units, answering = None, None
    if training.eval_strategy != "no":
        raise_if_test(data.dataset_test_split)
        held_out = split_of(splits, data.dataset_test_split, data.dataset_name)
        eval_units = measured(held_out, encoder, training.questions_per_sequence, limit)
        collator = Collator([rows, held_out], encoder, shared)
        train_units = train_units.add_column("table", [0] * len(train_units))
        eval_units = eval_units.add_column("table", [1] * len(eval_units))
        if training.eval_questions:
            raise_if_sharded(training)
            answering = Answering(held_out, rows, encoder, training.eval_questions)

    if model_type in PATCHED:
        normalise_on_device(model, processor)
    if shared:
        SharedPrefix(model)
    side_by_side(model)
    TaughtOnly(model)
    own_targets = bool(model_options.lora_target_modules)
    choose_what_learns(model, training, model_options)
    callbacks: list[TrainerCallback] = [SaveBudget(budget, extractor)]
    if training.early_stopping_patience is not None:
        callbacks.append(EarlyStoppingCallback(training.early_stopping_patience))
    trainer = ClipTrainer(
        model=model,
        args=training,
        train_dataset=train_units,
        eval_dataset=eval_units,
        data_collator=collator,
        processing_class=processor,
        peft_config=get_peft_config(model_options),
        callbacks=callbacks,
    )
    if training.cache_vision is not None:
        raise_if_vision_learns(trainer.model, training)
    trainer.answering = answering
    if model_options.use_peft and not is_deepspeed_zero3_enabled():
        for parameter_name, parameter in trainer.model.named_parameters():
            if "lora_" in parameter_name or (
                "audio_projector" in parameter_name and parameter.requires_grad
            ):  # TRL makes QLoRA's bfloat16, which rounds steps of 1e-4 away
                parameter.data = parameter.data.float()
    # SFTTrainer divides by the answer tokens of all accumulated batches if it is told their number; it isn't for
    # Qwen-VL (`accepts_loss_kwargs = False`), where a short answer in a small batch would weigh more.
    trainer.model_accepts_loss_kwargs = True
    return Prepared(
        trainer,
        training,
        model_options,
        data.dataset_name,
        rows,
        train_units,
        encoder,
        budget,
        limit,
        extractor,
        own_targets,
    )


def choose_what_learns(model: PreTrainedModel, training: TrainingOptions, options: ModelConfig) -> None:
    """LoRA's targets and modules, or which weights are frozen without it.

    With LoRA, vision and projector are frozen unless they have a learning rate; without it, everything learns but
    a part whose learning rate is 0. Whisper's encoder is always frozen, and the audio projector always learns;
    when it is aligned, nothing else does.
    """
    aligning = isinstance(training, AudioOptions) and training.stage == "align"
    for parameter_name, parameter in model.named_parameters():
        if "audio_tower." in parameter_name or (aligning and AUDIO_PROJECTOR not in parameter_name):
            parameter.requires_grad_(False)
    if aligning:
        model.model.audio_projector.float()  # bfloat16 would round its small steps away
        return
    hears = model.config.model_type in HEARING
    if options.use_peft and hears:
        options.lora_modules_to_save = [*(options.lora_modules_to_save or []), AUDIO_PROJECTOR]
    projector, vision = training.projector_learning_rate, training.vision_learning_rate
    if options.use_peft:
        if not options.lora_target_modules:
            targets = pattern(linears(model))
            options.lora_target_modules = f"{targets}|{VISION_TARGETS}" if vision else targets
        if projector:
            found = [module for module, _ in model.named_modules() if re.fullmatch(PROJECTOR, module)]
            options.lora_modules_to_save = [*(options.lora_modules_to_save or []), *found]
        return
    for parameter_name, parameter in model.named_parameters():
        if {"projector": projector, "vision": vision}.get(part_of(parameter_name)) == 0:
            parameter.requires_grad_(False)


def frames_of(rows: Dataset, wanted: int | None) -> int:
    """How many frames every row can give.

    Raises:
        InputError: rows with neither frames nor a video, or videos and no ``--frames``.
    """
    if wanted is not None:
        return wanted
    counts = pc.list_value_length(rows.with_format("arrow")["images"].combine_chunks()) if len(rows) else []
    fewest = min((count.as_py() or 0 for count in counts), default=0)
    if fewest:
        return fewest
    if "video" in rows.features and any(rows["video"]):
        raise InputError("the clips are videos: say how many frames of each the model is to see, --frames 8")
    raise InputError(
        "there are clips without frames; build with --media frames, or give --frames 0 for text only"
    )


def measured(rows: Dataset, encoder: Encoder, questions_per_sequence: int, limit: int) -> Dataset:
    """Units with their row's weight, the tokens of their longest conversation (``longest``) and of what goes through the model (``length``).

    Nothing is ever cut, so a conversation that is too long stops the run now.

    Raises:
        InputError: names the longest sequence and what to lower.
    """
    out = units(rows, questions_per_sequence)
    found = [
        encoder.lengths(rows[unit["row"]], unit["questions"])
        for unit in tqdm(out, desc="measuring sequences", disable=len(out) < 500, file=sys.stderr)
    ]
    longest = [max(one.alone) for one in found]
    worst = max(range(len(longest)), key=longest.__getitem__)
    if longest[worst] > limit:
        raise InputError(
            f"{name(rows[out[worst]['row']])} takes {longest[worst]} tokens, the budget is {limit}; "
            "lower --max_pixels or --frames, or raise --max_length (nothing is cut: a cut would fall on pixels)"
        )
    weights = rows["weight"] if "weight" in rows.features else [1.0] * len(rows)
    out = out.add_column("weight", [weights[index] for index in out["row"]])
    out = out.add_column("longest", longest)
    return out.add_column("length", [one.packed for one in found])


def raise_if_vision_learns(model: Any, training: TrainingOptions) -> None:
    """Features are kept of what doesn't change; and the cache's name is the hash of whole weights."""
    for weight, parameter in model.named_parameters():
        if parameter.requires_grad and part_of(weight) in ("vision", "projector"):
            raise InputError(
                f"--cache_vision keeps what a frozen vision tower sees, and {weight} learns; leave it away, or "
                "leave away --vision_learning_rate and --projector_learning_rate (without --use_peft: 0 for both)"
            )
    if is_sharded(training):
        raise InputError(
            "--cache_vision with weights sharded over cards: no card can run the tower; leave it away"
        )


def raise_if_test(split: str) -> None:
    """Choosing a checkpoint by the test split would make its score a training score."""
    if split.startswith("test"):
        raise InputError(
            f"evaluating on {split!r} while training spends it; use --dataset_test_split validation"
        )


def is_sharded(training: TrainingOptions) -> bool:
    """Whether no process holds whole weights (FSDP, DeepSpeed ZeRO-3), by the options or by `accelerate launch`."""
    launched = os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"
    return bool(training.fsdp) or launched or is_deepspeed_zero3_enabled()


def raise_if_sharded(training: TrainingOptions) -> None:
    """Answers are generated past the wrapper that gathers sharded weights."""
    if is_sharded(training):
        raise InputError(
            "weights are sharded over cards: give --eval_questions 0 (loss only), and predict afterwards"
        )
