"""Linear attention (Qwen3.5's gated delta rule) over a clip once, and on from there for each of its questions.

A layer of linear attention reads its tokens one after the other into a state of fixed size, after a short convolution
over the last few. No mask can make questions share a clip there; its state can: the clip goes through once, and each
question goes on from a copy of the state and of the convolution's last inputs. The layer's own forward does both, from
a cache that keeps what it is given instead of copying it, so that gradients flow back through the branch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import pad


class Layout(Protocol):
    """The layout of the clips and questions in a batch of packed sequences."""

    prefix: int  # tokens of the longest clip, P
    lengths: Tensor  # batch, int64: tokens of each clip
    slots: Tensor  # S x Q, int64: a question's tokens in the flattened batch; 0 behind its end
    slots_in_use: Tensor  # T, int64: which of the S x Q slots hold a token
    question_tokens: Tensor  # T, int64: where in the flattened batch
    clip_places: Tensor  # C, int64: the clips' tokens among batch x P, each clip shifted to the right
    clip_tokens: Tensor  # C, int64: where in the flattened batch
    owner: Tensor  # S, int64: the sequence a question belongs to


class Branch:
    """The state that one layer keeps between two parts of a sequence, in the words of transformers' caches.

    Args:
        conv: the convolution's last inputs, batch x channels x kernel; None at the beginning.
        recurrent: the state, batch x heads x key x value; None at the beginning.
    """

    def __init__(self, conv: Tensor | None = None, recurrent: Tensor | None = None) -> None:
        self.conv, self.recurrent = conv, recurrent

    def of(self, owner: Tensor) -> Branch:
        """Return a copy for each question of its clip's."""
        assert self.conv is not None and self.recurrent is not None
        return Branch(self.conv[owner], self.recurrent[owner])

    def get_conv_state(self, *_: Any, **__: Any) -> Tensor | None:
        """Return the convolution's last inputs."""
        return self.conv

    def get_recurrent_state(self, *_: Any, **__: Any) -> Tensor | None:
        """Return the state."""
        return self.recurrent

    def is_recording_past(self, *_: Any) -> bool:
        """Return True: the layer then never updates the convolution's inputs in place, which would break gradients."""
        return True

    def update_conv_state(self, new: Tensor, *_: Any, conv_kernel_size: int, **__: Any) -> Tensor:
        """All inputs the convolution needs for ``new``; keeps the last ``conv_kernel_size``."""
        whole = new if self.conv is None else torch.cat([self.conv, new], dim=-1)
        self.conv = pad(whole, (max(0, conv_kernel_size - whole.shape[-1]), 0))[..., -conv_kernel_size:]
        return whole

    def update_recurrent_state(self, new: Tensor, *_: Any, **__: Any) -> Tensor:
        """Keep the state."""
        self.recurrent = new
        return new


def is_linear(module: nn.Module) -> bool:
    """Whether a module is a gated delta rule."""
    return type(module).__name__.endswith("GatedDeltaNet")


def branch_layer(module: nn.Module) -> None:
    """Let a layer of linear attention take packed sequences, where its forward is told their layout (``shared_prefix``)."""
    stock: Callable[..., Tensor] = module.forward

    def forward(
        hidden_states: Tensor, *args: Any, shared_prefix: Layout | None = None, **kwargs: Any
    ) -> Tensor:
        if shared_prefix is None:
            return stock(hidden_states, *args, **kwargs)
        return forward_packed(stock, hidden_states, shared_prefix)

    module.forward = forward


def forward_packed(layer: Callable[..., Tensor], states: Tensor, plan: Layout) -> Tensor:
    """Return a layer's output for packed sequences: batch x length x width to the same.

    Clips are shifted to the right before they go in, so that each ends with its own last token: the layer leaves
    masked tokens out of its state at the beginning, and nowhere else.
    """
    batch, length, width = states.shape
    place = torch.arange(plan.prefix, device=states.device) - (
        plan.prefix - plan.lengths[:, None]
    )  # batch x P
    inside = place >= 0
    rows = torch.arange(batch, device=states.device)[:, None]
    clips = states[rows, place.clamp(min=0)] * inside[..., None].to(states.dtype)
    branch = Branch()
    clip_outputs = layer(clips, cache=branch, attention_mask=inside)
    flat = states.flatten(0, 1)
    question_outputs = layer(flat[plan.slots], cache=branch.of(plan.owner), attention_mask=None)
    out = torch.zeros_like(flat)
    clip_states = clip_outputs.flatten(0, 1)[plan.clip_places]
    question_states = question_outputs.flatten(0, 1)[plan.slots_in_use]
    out = out.index_copy(0, plan.clip_tokens, clip_states.to(out.dtype))
    out = out.index_copy(0, plan.question_tokens, question_states.to(out.dtype))
    return out.view(batch, length, width)
