"""The options of a training run: TRL's own, with our defaults, and a few of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import torch
from surgvqa.cards.command import InputError
from surgvqa.eval.models.audio_graft import POOL
from surgvqa.eval.models.precision import native_bfloat16
from surgvqa.train.steps.config_files import (
    config_file,
    option_names,
    read_config,
    unknown_option,
    without_config,
)
from surgvqa.train.steps.refused_options import raise_if_impossible, raise_if_refused
from transformers import BitsAndBytesConfig
from trl import ModelConfig, ScriptArguments, SFTConfig, TrlParser, get_quantization_config

# LoRA on the language model's linears and nothing else: a bare `gate_proj` would also hit Qwen2.5-VL's tower.
LORA_TARGETS = r"model\.language_model\.layers\.\d+\.(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up|down)_proj)"


# The tower's, for --vision_learning_rate with LoRA.
VISION_TARGETS = (
    r"model\.visual\.blocks\.\d+\.(attn\.(qkv|proj)|mlp\.(fc1|fc2|linear_fc1|linear_fc2|(gate|up|down)_proj))"
)
PROJECTOR = (
    r"model\.(visual\.(merger|deepstack_merger_list\.\d+)|multi_modal_projector|connector|embed_vision)"
)
AUDIO_PROJECTOR = "model.audio_projector"
FIXED_OPTIONS = (
    "assistant_only_loss",
    "dataset_kwargs",
    "packing",
    "padding_free",
)  # set by every run, whatever was asked


@dataclass
class DataOptions(ScriptArguments):
    """The source of the clips."""

    dataset_config: str | None = field(default="clips", metadata={"help": "Config of the data set."})
    dataset_test_split: str = field(
        default="validation",
        metadata={"help": "Split that is evaluated while training; never the test split."},
    )
    datasets: list[str] | None = field(
        default=None,
        metadata={
            "help": "Several data sets in place of --dataset_name: paths, or PATH=WEIGHT for the parts they have of an "
            "epoch; in YAML also {path: …, config: …, weight: …}."
        },
    )
    video_root: str | None = field(
        default=None,
        metadata={"help": "Folder that `video` paths are relative to; the data set's own by default."},
    )


@dataclass
class TrainingOptions(SFTConfig):
    """TRL's SFTConfig, and what the model is to see of a clip."""

    frames: int | None = field(
        default=None, metadata={"help": "Frames of a clip; by default as many as every row has."}
    )
    media: str = field(
        default="images",
        metadata={"help": "Frames one by one (images), or as one video.", "choices": ["images", "video"]},
    )
    min_pixels: int = field(default=56 * 56, metadata={"help": "Least pixels of a frame."})
    max_pixels: int = field(default=512 * 512, metadata={"help": "Most pixels of a frame."})
    questions_per_sequence: int = field(
        default=0,
        metadata={
            "help": "Questions of a clip that share one sequence: 0 for all, 1 for one row per question."
        },
    )
    answer_weights: bool = field(
        default=False,
        metadata={
            "help": "Draw sequences by the weights of their questions, which even out the answers of each kind: "
            "a rare answer is seen more often, a frequent one less."
        },
    )
    kind_weights: list[str] | None = field(
        default=None,
        metadata={"help": "Weights of kinds of questions in the loss, phase=2 count=0.5; 1 of the others."},
    )
    curriculum: list[str] | None = field(
        default=None,
        metadata={
            "help": "Kinds of questions by stages of equal length, presence,phase count: those of a later stage are "
            "learned from its beginning on; kinds that aren't named, from the first."
        },
    )
    thoughts: str = field(
        default="off",
        metadata={
            "help": "Of answers with thoughts before them, <think>…</think>: teach them, or mask them and learn the "
            "answer behind them alone; off: there are none. The model is asked as it was taught.",
            "choices": ["off", "mask", "teach"],
        },
    )
    optimizer: str = field(
        default="adamw",
        metadata={
            "help": "adamw (or what --optim says), or muon: Muon on the matrices and AdamW on the rest.",
            "choices": ["adamw", "muon"],
        },
    )
    muon_learning_rate: float = field(default=0.02, metadata={"help": "Of Muon's matrices."})
    projector_learning_rate: float | None = field(
        default=None,
        metadata={
            "help": "Train the projector (vision to language) too, at this rate; with LoRA it is else frozen."
        },
    )
    vision_learning_rate: float | None = field(
        default=None,
        metadata={
            "help": "Train the vision tower too, at this rate: by LoRA with --use_peft, which else freezes it."
        },
    )
    audio_learning_rate: float | None = field(
        default=None,
        metadata={"help": "Of the projector from speech to language; --learning_rate by default."},
    )
    cache_vision: str | None = field(
        default=None,
        metadata={
            "help": "Folder for what the frozen vision tower makes of each clip: computed once, for all epochs and runs."
        },
    )
    eval_questions: int = field(
        default=200,
        metadata={
            "help": "Validation questions, the same each time and alike in kinds, that the model answers at "
            "every evaluation: eval_accuracy, eval_lift over a blind guess; 0 for loss only."
        },
    )
    early_stopping_patience: int | None = field(
        default=None,
        metadata={"help": "Stop after so many evaluations without a better eval_lift; keeps the best."},
    )
    max_length: int | None = field(
        default=None, metadata={"help": "Most tokens of a sequence; longer ones stop the run, none is cut."}
    )
    gradient_checkpointing: bool = field(
        default=False, metadata={"help": "Less memory for about a third more time."}
    )
    remove_unused_columns: bool | None = field(
        default=False, metadata={"help": "Fixed: the collator reads rows."}
    )

    # names of the options that were given, with those of the configuration file and without
    option_names = command_names = frozenset[str]()

    def __post_init__(self) -> None:
        if not torch.cuda.is_available():
            self.use_cpu = True  # else transformers refuses bf16, which a CPU computes in well
            self.bf16 = bool(self.bf16)  # type: ignore[has-type]
        # as they were asked for, before they are set to what the collator needs (`surgvqa.train.steps.refused_options`)
        self.original_values = {
            name: getattr(self, name) for name in ("remove_unused_columns", *FIXED_OPTIONS)
        }
        self.remove_unused_columns = False
        self.assistant_only_loss = False  # the collator's labels cover the answers and nothing else
        self.dataset_kwargs = {"skip_prepare_dataset": True}
        self.packing = self.padding_free = False
        if self.early_stopping_patience is not None:
            self.load_best_model_at_end = True
        if self.load_best_model_at_end and self.metric_for_best_model is None:  # type: ignore[has-type]
            self.metric_for_best_model = "eval_lift" if self.eval_questions else "eval_loss"
            self.greater_is_better = bool(self.eval_questions)
        super().__post_init__()
        if self.cache_vision is not None:
            self._check_cache_vision(self.cache_vision)
        if self.questions_per_sequence < 0:
            raise InputError("--questions-per-sequence is 0 (all), 1, 2, …")

    def _check_cache_vision(self, folder: str) -> None:
        if folder.lower() in ("true", "false", "yes", "no", "1", "0"):
            raise InputError(f"--cache_vision takes a folder, found {folder!r}")
        if self.frames == 0:
            raise InputError("--cache_vision with --frames 0: there is nothing to see; leave it away")
        if self.output_dir and Path(folder).resolve().is_relative_to(Path(self.output_dir).resolve()):
            raise InputError(
                f"--cache_vision {folder} lies in --output_dir, which gets published; give a folder beside it"
            )


@dataclass
class AudioOptions(TrainingOptions):
    """Training a model that hears."""

    stage: str = field(
        default="answer",
        metadata={
            "help": "align: the audio projector alone learns to write questions down; answer: the adapter and the "
            "projector learn to answer them.",
            "choices": ["align", "answer"],
        },
    )
    whisper: str | None = field(
        default=None,
        metadata={"help": "Whisper whose encoder a model without ears gets: folder or Hub name."},
    )
    audio_pool: int = field(
        default=POOL, metadata={"help": "Encoder frames (of 50 a second) per token, for --whisper."}
    )

    def __post_init__(self) -> None:
        if self.stage == "align" and self.frames is None:
            self.frames = 0  # nothing to be seen in a question's words
        super().__post_init__()


class Parser(TrlParser):
    """TRL's parser, with one clear line for a wrong option."""

    def error(self, message: str) -> NoReturn:
        """End on what argparse doesn't accept."""
        raise InputError(f"{message}; `{self.prog} --help` lists the options")


Training = TypeVar("Training", bound=TrainingOptions)


def parse(
    arguments: Sequence[str], training_options: type[Training] = TrainingOptions
) -> tuple[DataOptions, Training, ModelConfig]:
    """Command line and ``--config`` file to options; the command line wins.

    Args:
        arguments: of the command, after its verb.
        training_options: what kind of run.

    Raises:
        InputError: an unknown option (names the nearest), a file that isn't there or isn't a mapping.
    """
    verb = "sft" if training_options is TrainingOptions else "audio"
    try:
        data, training, model = parse_groups(arguments, (DataOptions, training_options, ModelConfig), verb)
    except ValueError as error:  # a value that transformers or TRL refuses itself
        raise InputError(str(error).splitlines()[0]) from None
    training.option_names = option_names(arguments)
    training.command_names = option_names(without_config(arguments))
    raise_if_refused(training.option_names, training, model, data)
    raise_if_impossible(training, model)
    return data, training, model


def parse_groups(arguments: Sequence[str], groups: tuple[Any, Any, Any], verb: str) -> tuple[Any, Any, Any]:
    """As ``parse``, for the option classes of data, training and model of any recipe.

    Raises:
        InputError: as ``parse``.
    """
    arguments = list(arguments)
    known_names = {option.name for group in groups for option in fields(group)}
    for index, argument in enumerate(arguments):
        if argument == "--config":
            if index + 1 == len(arguments):
                raise InputError(
                    "--config needs a file; surgvqa has sft_lora.yaml, sft_qlora.yaml, sft_full.yaml, grpo_lora.yaml"
                )
            arguments[index + 1] = str(config_file(arguments[index + 1]))
            read_config(Path(arguments[index + 1]), known_names)
        elif argument.startswith("--") and (fault := unknown_option(argument, known_names)):
            raise InputError(fault)
    data, training, model = Parser(groups, prog=f"surgvqa-train {verb}").parse_args_and_config(arguments)
    for value, option in (
        (model.model_name_or_path, "--model_name_or_path"),
        (data.dataset_name or getattr(data, "datasets", None), "--dataset_name"),
    ):
        if not value:
            raise InputError(f"{option} is missing; `surgvqa-train {verb} --help` shows a full line")
    return data, training, model


def less_memory(training: TrainingOptions, model: ModelConfig) -> list[str]:
    """List what a run can do about a full card, the cheapest first; what it does already is left out."""
    size, steps = training.per_device_train_batch_size, training.gradient_accumulation_steps
    per_sequence = training.questions_per_sequence
    smaller = f"--per_device_train_batch_size 1 --gradient_accumulation_steps {size * steps}"
    possible = [
        (size > 1, f"{smaller} (the same step in smaller parts)"),
        (not training.gradient_checkpointing, "--gradient_checkpointing true"),
        (per_sequence == 0 or per_sequence > 3, "--questions-per-sequence 3"),
        (not model.use_peft, "LoRA (sft_lora.yaml)"),
        (model.use_peft and not model.load_in_4bit, "4 bits (sft_qlora.yaml)"),
        (True, f"a lower --max_pixels (now {training.max_pixels}) or fewer --frames"),
        (True, "several cards (accelerate_fsdp.yaml)"),
    ]
    return [text for helps, text in possible if helps]


def quantisation(model: ModelConfig, device: str | torch.device) -> BitsAndBytesConfig | None:
    """TRL's quantisation, with the vision tower, ears and the head left as they are.

    ``model.visual``, not ``visual``: transformers matches module names from their start, so the short
    name would quantise the tower silently.
    """
    # four bits are computed in a type of their own, and "auto" is none
    sums = "bfloat16" if native_bfloat16(device) else "float32"
    model_options = replace(model, dtype=sums) if model.dtype in (None, "auto") else model
    config = get_quantization_config(model_options)
    if config is not None:
        towers = ["model.visual", "model.vision_tower", "model.vision_model"]  # Qwen-VL's, Gemma's, SmolVLM's
        projectors = ["model.multi_modal_projector", "model.embed_vision", "model.connector"]
        config.llm_int8_skip_modules = [*towers, *projectors, "model.audio_tower", AUDIO_PROJECTOR, "lm_head"]
    return config
