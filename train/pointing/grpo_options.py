"""The options of a GRPO run: TRL's own, with our defaults, and a few of ours."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from surgvqa.cards.command import InputError, nearest
from surgvqa.train import rewards
from surgvqa.train.pointing import question_rewards
from surgvqa.train.steps.config_files import option_names
from surgvqa.train.steps.options import DataOptions, parse_groups
from surgvqa.train.steps.refused_options import (
    REFUSED_BY_GRPO,
    raise_if_no_optimizer,
    raise_if_refused,
    raise_if_several,
)
from trl import GRPOConfig, ModelConfig

Reward = Callable[..., list[float | None]]
OURS = {
    name: module
    for module in (rewards, question_rewards)
    for name in vars(module)
    if name.endswith("_reward")
}


@dataclass
class RewardOptions(DataOptions):
    """The source of the questions, and the reward of an answer."""

    dataset_config: str | None = field(default="pointing", metadata={"help": "Config of the data set."})
    reward_funcs: list[str] | None = field(
        default=None,
        metadata={
            "help": "Of surgvqa.train.rewards or surgvqa.train.pointing.question_rewards by name, or any dotted path; by default for pointing "
            "spatial, instrument, quadrant, negatives, format (and step where rows ask for it), for clips answer and "
            "brevity, weighted as their WEIGHTS say."
        },
    )


@dataclass
class GrpoOptions(GRPOConfig):
    """TRL's GRPOConfig, and how large the model sees a frame."""

    min_pixels: int | None = field(
        default=None, metadata={"help": "Least pixels of a frame; an adapter knows its own."}
    )
    max_pixels: int | None = field(
        default=None, metadata={"help": "Most pixels of a frame; an adapter knows its own."}
    )
    frames: int | None = field(
        default=None,
        metadata={"help": "Frames of a clip; by default all that every row has, or the adapter's."},
    )
    probe_questions: int = field(
        default=4,
        metadata={
            "help": "Questions of each kind on clips that are answered before step 1, to see whether their answers earn "
            "unlike rewards; 0 for none."
        },
    )
    max_completion_length: int | None = field(default=256, metadata={"help": "Most tokens of an answer."})
    gradient_checkpointing: bool = field(
        default=False, metadata={"help": "Less memory for about a third more time."}
    )

    def __post_init__(self) -> None:
        if not torch.cuda.is_available():
            self.use_cpu = True  # else transformers refuses bf16, which a CPU computes in well
            self.bf16 = bool(self.bf16)  # type: ignore[has-type]
        super().__post_init__()


def parse(arguments: Sequence[str]) -> tuple[RewardOptions, GrpoOptions, ModelConfig]:
    """Command line and ``--config`` file to options; the command line wins.

    Raises:
        InputError: as ``options.parse``, with what a GRPO run can't honour; numbers that TRL can't batch.
    """
    try:
        data, training, model = parse_groups(arguments, (RewardOptions, GrpoOptions, ModelConfig), "grpo")
    except ValueError as error:  # GRPOConfig's own, on generations and batch sizes that don't fit
        raise InputError(str(error).splitlines()[0]) from None
    raise_if_refused(option_names(arguments), training, model, data, REFUSED_BY_GRPO)
    raise_if_no_optimizer(training)
    raise_if_several(data.datasets)
    return data, training, model


def reward_functions(
    names: Sequence[str] | None,
    weights: Sequence[float] | None,
    kinds: set[str],
    on_clips: bool = False,
) -> tuple[list[Reward], list[float]]:
    """Return the rewards that were asked for, or the default mix, with their weights.

    Args:
        names: of ``surgvqa.train.rewards``, or dotted paths.
        weights: one each; by default those of ``rewards.WEIGHTS``, 1 for a reward that isn't ours.
        kinds: of the rows' questions.
        on_clips: whether they are questions on clips, and not places.

    Raises:
        InputError: no such reward, or another number of weights.
    """
    usual = question_rewards.WEIGHTS if on_clips else rewards.WEIGHTS
    if names is None and on_clips:
        names = list(usual)
    if names is None:
        names = [name for name in rewards.WEIGHTS if name != "step_reward" or "grounded" in kinds]
    functions = [_function(name) for name in names]
    if weights is None:
        weights = [usual.get(name.rsplit(".", 1)[-1], 1.0) for name in names]
    if len(weights) != len(functions):
        raise InputError(f"{len(weights)} --reward_weights for {len(functions)} rewards: {', '.join(names)}")
    return functions, list(weights)


def _function(name: str) -> Reward:
    module, _, last = name.rpartition(".")
    if not module and last not in OURS:
        raise InputError(f"no reward {name!r}; {nearest(name, OURS)}; another's by its path, module.function")
    try:
        function: Any = getattr(importlib.import_module(module or OURS[last].__name__), last)
    except (ImportError, AttributeError) as error:
        raise InputError(f"no reward {name!r}: {error}") from None
    if not callable(function):
        raise InputError(f"{name} is no function")
    return function  # type: ignore[no-any-return]
