"""All questions of a clip in one sequence: the clip's tokens once, every question sees them and itself only.

A sequence is ``clip, question 1, question 2, …`` (``surgvqa.train.clips.collate.pack``). Every question gets the
rotary positions it would have alone, and attention in two parts: the clip's tokens among themselves, causal;
then each question's tokens over the clip's and their own, the questions as a batch. No ``L x L`` mask is ever
built, and the kernels are PyTorch's own on every device. A layer of linear attention (Qwen3.5) reads the clip once and
goes on from a copy of its state for each question (``surgvqa.eval.sharing.linear_attention``). Loss and gradients equal
one row per question.

``SharedPrefix(model)`` hooks the inner model (``…Model``), which TRL's trainers call directly, past the outer
``forward``; batches without ``question_index`` go through unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from surgvqa.cards.command import InputError
from surgvqa.eval.sharing.linear_attention import branch_layer, is_linear
from surgvqa.train.clips.collate import PREFIX
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedConfig, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

ATTENTION = "surgvqa_shared_prefix"
GRIDS = ("image_grid_thw", "video_grid_thw", "second_per_grid_ts")


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of the questions in a batch of packed sequences; S questions, the longest of Q tokens."""

    prefix: int  # tokens of the longest clip, P
    lengths: Tensor  # batch, int64: tokens of each clip
    slots: Tensor  # S x Q, int64: a question's tokens in the flattened batch; 0 behind its end
    # As numbers, not as a mask: a layer that picks by a mask waits for the card to count it.
    slots_in_use: Tensor  # T, int64: which of the S x Q slots hold a token
    question_tokens: Tensor  # T, int64: where in the flattened batch
    clip_places: Tensor  # C, int64: the clips' tokens among batch x P, each clip shifted to the right
    clip_tokens: Tensor  # C, int64: where in the flattened batch
    owner: Tensor  # S, int64: the sequence a question belongs to
    mask: Tensor  # S x 1 x Q x (P + Q), bool: what a question's tokens may look at
    positions: Tensor  # axes x batch x length, int64: time, height, width; or one axis, the order of tokens


def layout(question_index: Tensor, prefix_positions: Tensor) -> Layout:
    """Return the layout of a batch.

    Args:
        question_index: batch x length; 0 in the clip, the question's number in a question, -1 in padding.
        prefix_positions: axes x batch x P, rotary positions of the clips' tokens.
    """
    batch, length = question_index.shape
    lengths = (question_index == PREFIX).sum(1)
    prefix = prefix_positions.shape[2]
    row, column = (question_index > PREFIX).nonzero(as_tuple=True)
    number = row * (length + 1) + question_index[row, column]
    _, question, counts = number.unique_consecutive(  # type: ignore[no-untyped-call]
        return_inverse=True, return_counts=True
    )
    starts = counts.cumsum(0) - counts
    offset = torch.arange(len(row), device=row.device) - starts[question]
    shape = (len(counts), int(counts.max()))
    slots = row.new_zeros(shape)
    slots[question, offset] = row * length + column
    right_places = torch.arange(prefix, device=row.device) - (prefix - lengths[:, None])  # batch x P
    clip_places = (right_places >= 0).flatten().nonzero()[:, 0]
    clip_tokens = (torch.arange(batch, device=row.device)[:, None] * length + right_places).flatten()[
        clip_places
    ]
    owner = row[starts]
    clip = torch.arange(prefix, device=row.device) < lengths[owner][:, None]  # S x P
    own = torch.ones(shape[1], shape[1], dtype=torch.bool, device=row.device).tril()
    mask = torch.cat([clip[:, None].expand(-1, shape[1], -1), own.expand(shape[0], -1, -1)], dim=2)
    axes = len(prefix_positions)
    positions = prefix_positions.new_zeros(axes, batch, length)
    positions[:, :, :prefix] = prefix_positions
    # The clip ends in text, where time, height and width agree: a question goes on from there.
    last = prefix_positions.gather(2, (lengths - 1).view(1, batch, 1).expand(axes, -1, -1))[:, :, 0]
    positions[:, row, column] = last[:, row] + 1 + offset
    return Layout(
        prefix=prefix,
        lengths=lengths,
        slots=slots,
        slots_in_use=question * shape[1] + offset,
        question_tokens=row * length + column,
        clip_places=clip_places,
        clip_tokens=clip_tokens,
        owner=owner,
        mask=mask[:, None],
        positions=positions,
    )


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    shared_prefix: Layout | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention of packed sequences in two parts; without a layout, PyTorch's attention as it is.

    Shapes: ``query`` batch x heads x length x size, the output batch x length x heads x size.
    """
    if shared_prefix is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    plan, prefix = shared_prefix, shared_prefix.prefix
    # Behind the end of a shorter clip stand questions; what is computed for them here is overwritten below.
    clip, _ = sdpa_attention_forward(
        module, query[:, :, :prefix], key[:, :, :prefix], value[:, :, :prefix], None, **kwargs
    )

    def questions(states: Tensor) -> Tensor:  # batch x heads x length x size -> S x heads x Q x size
        return states.transpose(1, 2).flatten(0, 1)[plan.slots].transpose(1, 2)

    keys = torch.cat([key[:, :, :prefix][plan.owner], questions(key)], dim=2)
    values = torch.cat([value[:, :, :prefix][plan.owner], questions(value)], dim=2)
    answers, _ = sdpa_attention_forward(module, questions(query), keys, values, plan.mask, **kwargs)
    batch, heads, length, size = query.shape
    out = torch.cat([clip, clip.new_zeros(batch, length - prefix, heads, size)], dim=1)
    flat = out.flatten(0, 1).index_copy(0, plan.question_tokens, answers.flatten(0, 1)[plan.slots_in_use])
    return flat.view(batch, length, heads, size), None


def raise_if_unshared(config: PreTrainedConfig) -> None:
    """Refuse a model whose questions can't share a clip.

    Raises:
        InputError: names what stands against it, and what to do.
    """
    text = config.get_text_config()
    reasons = sorted(set(getattr(text, "layer_types", None) or ()) - {"full_attention", "linear_attention"})
    if config.model_type.startswith("gemma") and getattr(text, "use_bidirectional_attention", True):
        reasons.append("image tokens that see later ones")
    if reasons:
        raise InputError(
            f"shared sequences need causal attention to everything, a {config.model_type} has {', '.join(reasons)}; "
            "give --questions-per-sequence 1"
        )


class SharedPrefix:
    """Teaches a model to take packed sequences.

    Args:
        model: a Qwen2-VL, Qwen2.5-VL, Qwen3-VL, Qwen3.5 or SmolVLM for conditional generation; an adapter may be put
            on it before or after.

    Raises:
        InputError: as ``raise_if_unshared``.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        raise_if_unshared(model.config)
        AttentionInterface.register(ATTENTION, attention)
        AttentionMaskInterface.register(ATTENTION, sdpa_mask)
        model.set_attn_implementation({"text_config": ATTENTION})
        for module in model.modules():
            if is_linear(module):
                branch_layer(module)
        inner = model.get_base_model().model if hasattr(model, "get_base_model") else model.model
        inner.register_forward_pre_hook(self._plan, with_kwargs=True)
        inner.get_decoder().register_forward_pre_hook(self._hand_over, with_kwargs=True)
        self._layout: Layout | None = None

    def _plan(self, inner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        index = kwargs.pop("question_index", None)
        self._layout = None
        if index is None:
            return args, kwargs
        clip = index == PREFIX
        prefix = int(clip.sum(1).max())
        if hasattr(inner, "get_rope_index"):
            positions, _ = inner.get_rope_index(
                kwargs["input_ids"][:, :prefix],
                mm_token_type_ids=kwargs["mm_token_type_ids"][:, :prefix],
                attention_mask=clip[:, :prefix].long(),
                **{key: kwargs[key] for key in GRIDS if kwargs.get(key) is not None},
            )
        else:  # one axis, the order of tokens
            positions = torch.arange(prefix, device=index.device).expand(1, len(index), -1)
        self._layout = layout(index, positions)
        # No mask: the layout says what sees what. (The trainer needs it to count tokens.)
        steps = self._layout.positions if len(positions) > 1 else self._layout.positions[0]
        return args, kwargs | {"position_ids": steps, "attention_mask": None}

    def _hand_over(self, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, kwargs if self._layout is None else kwargs | {"shared_prefix": self._layout}
