"""The head and its loss as TRL computes them: in tiles, so that the logits of all tokens never lie side by side.

TRL's kernel (``trl/kernels/chunked_logprob.py``, release 1.x) multiplies 4,096 tokens with 32,768 words at a time, and once
more in the backward pass; the gradients are added up in float32.
"""

from __future__ import annotations

from typing import Any

import torch
from surgvqa.train.planning.meta_mode import Meter
from torch import Tensor

TOKENS, WORDS = 4096, 32768  # of a tile


class TiledHead(torch.autograd.Function):
    """A loss of the states of taught tokens (n x width) under a head's weight (vocabulary x width), by its shapes."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, meter: Meter) -> Tensor:
        """Return a number without a value."""
        ctx.save_for_backward(states, weight)
        ctx.meter = meter
        _tile(states)
        meter.flops += 2 * states.shape[0] * weight.numel()
        return states.new_empty(())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None]:  # type: ignore[override]
        """Return gradients' shapes; the weight's where it learns."""
        states, weight = ctx.saved_tensors
        learns = ctx.needs_input_grad[1]
        tile = _tile(states)
        sums = [torch.empty_like(one, dtype=torch.float32) for one in (states, *[weight] * learns)]
        ctx.meter.flops += (4 + 2 * learns) * states.shape[0] * weight.numel()
        del tile
        return sums[0].to(states.dtype), sums[1].to(weight.dtype) if learns else None, None


def _tile(states: Tensor) -> Tensor:
    """Return a tile of logits."""
    return states.new_empty(min(len(states), TOKENS), WORDS)
