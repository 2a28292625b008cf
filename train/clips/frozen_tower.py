"""A tower that doesn't learn runs without a graph.

With gradient checkpointing transformers lets the inputs of every part require gradients, the patches of a vision tower
too. What it computes then has a graph, and each step runs a frozen tower a second time and backwards, for gradients of
pixels that nobody reads.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

TOWER = re.compile(r"(^|\.)(visual|vision_tower|vision_model|audio_tower)$")


class WithoutGraph:
    """Turns gradients off while a module runs, and back to what they were."""

    def __init__(self, module: nn.Module) -> None:
        self._before: list[bool] = []
        module.register_forward_pre_hook(self._off)
        module.register_forward_hook(self._back, always_call=True)

    def _off(self, *_: Any) -> None:
        self._before.append(torch.is_grad_enabled())
        torch.set_grad_enabled(False)

    def _back(self, *_: Any) -> None:
        torch.set_grad_enabled(self._before.pop())


def spare_frozen_towers(model: nn.Module) -> list[str]:
    """Let every tower of which no weight learns run without a graph; returns their names.

    Args:
        model: with its adapter on, as it will be trained.
    """
    names: list[str] = []
    for name, module in model.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in names)
        if TOWER.search(name) and not inside and not any(one.requires_grad for one in module.parameters()):
            WithoutGraph(module)
            names.append(name)
    return names
