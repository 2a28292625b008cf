"""The optimiser of a run: a learning rate for each part of the model, AdamW, or Muon on the matrices.

Muon (https://kellerjordan.github.io/posts/muon) turns a matrix's momentum into its nearest orthogonal matrix;
it is PyTorch's ``torch.optim.Muon`` (``surgvqa.train.steps.muon``). It is for matrices inside the network: embeddings, heads, norms, biases and
convolutions stay with AdamW.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from surgvqa.train.steps.muon import Muon
from torch import nn

if TYPE_CHECKING:  # it imports TRL, and a model from scratch needs none of that
    from surgvqa.train.steps.options import TrainingOptions

PARTS = ("language", "projector", "vision", "audio")


def part_of(name: str) -> str:
    """Which part of an image-text model a parameter belongs to; ``audio`` is the projector of one that hears, and its encoder.

    >>> part_of("model.visual.merger.mlp.0.weight"), part_of("model.visual.blocks.0.attn.qkv.weight")
    ('projector', 'vision')
    >>> part_of("model.multi_modal_projector.mm_input_projection_weight"), part_of("model.vision_tower.post_layernorm.bias")
    ('projector', 'vision')
    >>> part_of("model.connector.modality_projection.proj.weight"), part_of("model.embed_vision.embedding_projection.weight")
    ('projector', 'projector')
    >>> part_of("base_model.model.model.language_model.layers.0.mlp.up_proj.lora_A.default.weight")
    'language'
    >>> part_of("model.audio_projector.1.weight")
    'audio'
    """
    if re.search(r"(^|\.)audio_(tower|projector)\.", name):
        return "audio"
    if re.search(
        r"(^|\.)(visual\.(deepstack_)?merger|(multi_modal_projector|connector|embed_vision)\.)", name
    ):
        return "projector"
    return "vision" if re.search(r"(^|\.)(visual|vision_tower|vision_model)\.", name) else "language"


def learning_rates(options: TrainingOptions) -> dict[str, float]:
    """Return the learning rate of each part; the language model's where a part has none of its own."""
    own = {
        "projector": options.projector_learning_rate,
        "vision": options.vision_learning_rate,
        "audio": options.audio_learning_rate,
    }
    return {part: options.learning_rate if own.get(part) is None else float(own[part] or 0) for part in PARTS}


def is_hidden_matrix(name: str, parameter: nn.Parameter) -> bool:
    """Whether Muon takes it."""
    return parameter.ndim == 2 and not re.search(r"embed|lm_head", name)


def divide_parameters(
    named_parameters: Iterable[tuple[str, nn.Parameter]],
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the parameters that Muon takes, and all others."""
    inside: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, one in named_parameters:
        (inside if is_hidden_matrix(name, one) else rest).append(one)
    return inside, rest


def optimizer_for(
    model: nn.Module,
    options: TrainingOptions,
    decay_names: Iterable[str],
    cls: Any,
    settings: Mapping[str, Any],
) -> torch.optim.Optimizer:
    """Return the optimiser of everything that learns, one group for each part, kind and weight decay.

    Args:
        model: as it is trained.
        options: learning rates and weight decay.
        decay_names: names of the parameters that decay (no norms, no biases).
        cls: the class for what Muon doesn't take, or for all.
        settings: its keyword arguments.
    """
    rates, decay_names = learning_rates(options), set(decay_names)
    groups: dict[tuple[bool, str, bool], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        muon = options.optimizer == "muon" and is_hidden_matrix(name, parameter)
        part = part_of(name)
        rate = rates[part]
        if muon and options.learning_rate:
            rate *= options.muon_learning_rate / options.learning_rate
        empty: dict[str, Any] = {
            "params": [],
            "lr": rate,
            "weight_decay": options.weight_decay if name in decay_names else 0.0,
        }
        groups.setdefault((muon, part, name in decay_names), {**empty, "part": part})["params"].append(
            parameter
        )
    rest = [group for (muon, _, _), group in groups.items() if not muon]
    matrices = [group for (muon, _, _), group in groups.items() if muon]
    if not matrices:
        return cls(rest, **settings)
    both: list[torch.optim.Optimizer] = [Muon(matrices)]
    return Together([*both, cls(rest, **settings)] if rest else both)


class Together(torch.optim.Optimizer):
    """Several optimisers as one; a scheduler sees all their groups."""

    def __init__(self, optimizers: list[torch.optim.Optimizer]) -> None:
        self.optimizers = optimizers
        self.defaults: dict[str, Any] = {}
        super().__init__([group for one in optimizers for group in one.param_groups], self.defaults)
        self._share()

    def _share(self) -> None:
        """Share the optimisers' own groups, not copies: a scheduler's change must reach them."""
        self.param_groups = [group for one in self.optimizers for group in one.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of each."""
        loss = closure() if closure is not None else None
        for one in self.optimizers:
            one.step()
        return loss

    def state_dict(self) -> dict[str, list[Any]]:
        """Each one's state, in order."""
        return {"optimizers": [one.state_dict() for one in self.optimizers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Put each one's state back."""
        for one, state in zip(self.optimizers, state_dict["optimizers"], strict=True):
            one.load_state_dict(state)
        self._share()
