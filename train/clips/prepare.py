"""From the options of a run to a trainer that is ready for step 1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from surgvqa.cards.command import InputError
from surgvqa.eval.data.dataset import split_of
from surgvqa.eval.data.prompts import raise_if_other_pixels
from surgvqa.eval.models.audio_graft import HEARING
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.encode import Encoder, turns
from surgvqa.eval.models.load import add_adapter
from surgvqa.eval.models.out_of_memory import memory_advice
from surgvqa.eval.models.pixels import normalise_on_device
from surgvqa.eval.models.processor_encoder import PATCH_FAMILIES, encoder_for, raise_if_resized
from surgvqa.eval.models.vision_attention import side_by_side
from surgvqa.train.clips.answering import Answering
from surgvqa.train.clips.base_model import base_of, ears_of
from surgvqa.train.clips.clip_trainer import ClipTrainer, SaveBudget
from surgvqa.train.clips.frozen_tower import spare_frozen_towers
from surgvqa.train.clips.lora_targets import linears, of_tower, pattern
from surgvqa.train.clips.sequences import frames_of, is_sharded, sequences_of
from surgvqa.train.clips.shared_prefix import SharedPrefix, raise_if_unshared
from surgvqa.train.sources.adapter import adapter_of
from surgvqa.train.sources.material import held_out_of, material_of
from surgvqa.train.steps.answer_head import TaughtOnly
from surgvqa.train.steps.kind_loss import KindLoss, read_stages, read_weights
from surgvqa.train.steps.log_table import show_table
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
from transformers import (
    EarlyStoppingCallback,
    PreTrainedConfig,
    PreTrainedModel,
    TrainerCallback,
    WhisperFeatureExtractor,
)
from transformers.integrations import is_deepspeed_zero3_enabled
from trl import ModelConfig, get_peft_config

SHARERS = ("idefics3", "smolvlm")  # whose questions can share a clip, beside the Qwen-VL's


@dataclass(frozen=True, slots=True)
class PreparedRun:
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
    config: str | None = None  # of the data set


def prepare(
    arguments: Sequence[str], training_options: type[TrainingOptions] = TrainingOptions
) -> PreparedRun:
    """Read the options, load model and data, and measure every sequence.

    Args:
        arguments: of the command, after its verb.
        training_options: ``AudioOptions`` for a model that hears.

    Raises:
        InputError: an option, a model or a data set that doesn't fit; a sequence longer than the budget.
    """
    data, training, model_options = parse(arguments, training_options)
    with memory_advice(less_memory(training, model_options)):
        return assemble(data, training, model_options)


def assemble(data: DataOptions, training: TrainingOptions, model_options: ModelConfig) -> PreparedRun:
    """As ``prepare``, from options.

    Raises:
        InputError: as ``prepare``.
    """
    material = material_of(data, training)
    name, sound = material.name, material.sound
    rows = split_of(material.splits, data.dataset_train_split, name)

    where = model_options.model_name_or_path
    adapter = adapter_of(model_options, training)
    processor, model, extractor = base_of(model_options, training)
    if adapter is not None:
        processor, extractor = adapter.processor, adapter.extractor or extractor
    budget = budget_of(training, frames_of(rows, training.frames))
    ears = ears_of(model, processor, extractor, sound, where)
    model_type = model.config.model_type
    raise_if_unfit(model.config, training, where)
    encoder = encoder_for(model_type, processor, budget, Path(data.video_root or name), ears)
    raise_if_other_pixels(rows, model_type, processor.image_processor, name)
    limit = training.max_length or model.config.get_text_config().max_position_embeddings
    sequences = sequences_of(
        rows, held_out_of(material, data, training), encoder, training, limit, material.parts
    )

    fit_model(model, processor, training)
    own_targets = bool(model_options.lora_target_modules or adapter)
    if adapter is None:
        choose_what_learns(model, training, model_options)
    else:
        model = add_adapter(model, adapter, trainable=True)
    trainer = ClipTrainer(
        model=model,
        args=training,
        train_dataset=sequences.train,
        eval_dataset=sequences.held_out,
        data_collator=sequences.collator,
        processing_class=processor,
        peft_config=None if adapter else get_peft_config(model_options),
        callbacks=[SaveBudget(budget, extractor), *ends_early(training)],
    )
    if training.cache_vision is not None:
        raise_if_vision_learns(trainer.model, training)
    furnish(trainer, sequences.answering, name)
    tell_kinds_apart(trainer, rows, training)
    if model_options.use_peft and not is_deepspeed_zero3_enabled():
        learn_in_float32(trainer.model)
    spare_frozen_towers(trainer.model)
    facts = (name, rows, sequences.train, encoder, budget, limit, extractor, own_targets, data.dataset_config)
    return PreparedRun(trainer, training, model_options, *facts)


def ends_early(training: TrainingOptions) -> list[TrainerCallback]:
    """Return what ends a run that no longer gets better."""
    patience = training.early_stopping_patience
    return [] if patience is None else [EarlyStoppingCallback(patience)]


def furnish(trainer: ClipTrainer, answering: Answering | None, dataset_name: str) -> None:
    """Give a trainer what it asks, logs and writes beside TRL's."""
    trainer.answering = answering
    trainer.trained_on = dataset_name
    # SFTTrainer divides by the answer tokens of all accumulated batches if it is told their number; it isn't for
    # Qwen-VL (`accepts_loss_kwargs = False`), where a short answer in a small batch would weigh more.
    trainer.model_accepts_loss_kwargs = True
    show_table(trainer)


def tell_kinds_apart(trainer: ClipTrainer, rows: Dataset, training: TrainingOptions) -> None:
    """Let a trainer weigh and log each kind of question, where the rows say which kind each is of.

    Raises:
        InputError: weights or stages of kinds that aren't there.
    """
    clips = rows["qa"] if "qa" in rows.features else []
    counts = [len(turns(row)[1]) for row in rows.select_columns("messages")] if clips else []
    is_whole = bool(clips) and [len(questions) for questions in clips] == counts
    kinds = sorted({qa["kind"] for questions in clips for qa in questions}) if is_whole else []
    if not kinds and (training.kind_weights or training.curriculum):
        raise InputError(
            "--kind_weights and --curriculum need rows that say of what kind each question is (column qa)"
        )
    if not kinds:
        return
    weights = read_weights(training.kind_weights or (), kinds)
    trainer.by_kind = KindLoss(kinds, weights, read_stages(training.curriculum or (), kinds))
    trainer.by_kind.watch(trainer.model)
    trainer.data_collator.kinds = {kind: number for number, kind in enumerate(kinds)}


def budget_of(training: TrainingOptions, frames: int) -> Budget:
    """Return what the model sees of a clip."""
    media: Any = training.media  # the parser has seen that it is one of two
    return Budget(frames, media, training.min_pixels, training.max_pixels, training.thoughts != "off")


def raise_if_unfit(config: PreTrainedConfig, training: TrainingOptions, where: str) -> None:
    """Refuse options that a model of this type can't do.

    Raises:
        InputError: pixel limits, shared sequences or a cache of what a Qwen-VL sees, for another model.
    """
    model_type = config.model_type
    raise_if_resized(model_type, where, min_pixels=training.min_pixels, max_pixels=training.max_pixels)
    if model_type in PATCH_FAMILIES:
        return
    if training.questions_per_sequence != 1:
        raise_if_unshared(config)
        if model_type not in SHARERS:
            raise InputError(
                f"questions share a sequence in {', '.join((*PATCH_FAMILIES, *SHARERS))}, {where} is a {model_type}; "
                "give --questions-per-sequence 1"
            )
    if training.cache_vision is not None:
        raise InputError(f"--cache_vision keeps what a Qwen-VL sees, this is a {model_type}; leave it away")


def fit_model(model: PreTrainedModel, processor: Any, training: TrainingOptions) -> None:
    """Give the model the hooks that our collator's batches need."""
    if model.config.model_type in PATCH_FAMILIES:
        normalise_on_device(model, processor)
    if training.questions_per_sequence != 1:
        SharedPrefix(model)
    side_by_side(model)
    TaughtOnly(model)


def learn_in_float32(model: Any) -> None:
    """Keep what learns in float32: TRL makes QLoRA's bfloat16, which rounds steps of 1e-4 away."""
    for part, parameter in model.named_parameters():
        if "lora_" in part or ("audio_projector" in part and parameter.requires_grad):
            parameter.data = parameter.data.float()


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
            tower = VISION_TARGETS if model.config.model_type in PATCH_FAMILIES else pattern(of_tower(model))
            options.lora_target_modules = f"{targets}|{tower}" if vision else targets
        if projector:
            modules = [module for module, _ in model.named_modules() if re.fullmatch(PROJECTOR, module)]
            options.lora_modules_to_save = [*(options.lora_modules_to_save or []), *modules]
        return
    for parameter_name, parameter in model.named_parameters():
        if {"projector": projector, "vision": vision}.get(part_of(parameter_name)) == 0:
            parameter.requires_grad_(False)


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
