"""Attention of a Qwen-VL's vision tower: all windows of one length in one call.

Frames don't look at each other in these towers, nor do the windows of Qwen2.5-VL's. Without the flash-attn package
transformers calls attention once for each of them, in every layer: eight frames of 392 x 392 pixels, a video of four
steps, are 64 windows of 64 patches and fewer, and 64 calls, each too small to keep a card busy. Windows have one length
but at a frame's edge; those of one length go through PyTorch's attention side by side, and the result is the same.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.weak import WeakTensorKeyDictionary
from transformers import AttentionInterface, PreTrainedModel

# transformers hands the windows' lengths to an attention whose name has "flash" in it, and to no other.
NAME = "surgvqa_windows_not_flash"


def side_by_side(model: PreTrainedModel) -> None:
    """Let the tower attend so, where it would have gone window by window (``sdpa``); anything else stays.

    Args:
        model: a model whose inner part has a Qwen-VL's ``visual``.
    """
    AttentionInterface.register(NAME, attention)
    for module in model.modules():
        config: Any = getattr(module, "config", None)
        if hasattr(module, "spatial_merge_size") and config._attn_implementation == "sdpa":
            config._attn_implementation = NAME


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **how: Any,
) -> tuple[Tensor, None]:
    """Attention within windows that lie one behind the other.

    Shapes: ``query``, ``key``, ``value`` 1 x heads x length x size, ``cu_seq_lens_q`` windows + 1, where each begins
    and the last ends; the output 1 x length x heads x size.

    Args:
        module: the layer.
        query: of the layer.
        key: the same.
        value: the same.
        attention_mask: none, in these towers.
        how: transformers' words, of which ``cu_seq_lens_q``, ``scaling`` and ``dropout`` are read.
    """
    cu_seq_lens_q: Tensor = how["cu_seq_lens_q"]
    scaling, dropout = how["scaling"], how.get("dropout", 0.0)
    windows = windows_of(cu_seq_lens_q)
    states = (query[0], key[0], value[0])
    if len(windows) == 1:
        return within(states, windows[0].length, scaling, dropout)[None], None
    out = query.new_empty(query.shape[2], query.shape[1], query.shape[3])
    for one in windows:
        outputs = within([state[:, one.places] for state in states], one.length, scaling, dropout)
        out = out.index_copy(0, one.places, outputs)
    return out[None], None


class Windows(NamedTuple):
    """The windows of one length, and where their patches lie."""

    length: int
    places: Tensor  # patches, int64


_known_windows: MutableMapping[Tensor, list[Windows]] = WeakTensorKeyDictionary()


def windows_of(ends: Tensor) -> list[Windows]:
    """Return the windows by their lengths; all layers of a tower share the answer.

    To read lengths off a card, a layer would wait until everything before it has been computed.
    """
    if ends not in _known_windows:
        lengths = ends.diff()
        kinds: list[int] = lengths.unique().tolist()  # type: ignore[no-untyped-call]
        starts = {length: ends[:-1][lengths == length] for length in kinds}
        _known_windows[ends] = [
            Windows(length, (starts[length][:, None] + torch.arange(length, device=ends.device)).flatten())
            for length in kinds
        ]
    return _known_windows[ends]


def within(states: Sequence[Tensor], length: int, scaling: float, dropout: float) -> Tensor:
    """Attention within windows of one length: query, key and value, heads x (n * length) x size, to (n * length) x heads x size."""
    heads, _, size = states[0].shape
    query, key, value = (state.view(heads, -1, length, size).transpose(0, 1) for state in states)
    outputs = scaled_dot_product_attention(query, key, value, dropout_p=dropout, scale=scaling)
    return outputs.transpose(1, 2).flatten(0, 1)
