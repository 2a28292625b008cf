"""Modes under which a training step runs on shapes alone, while bytes and multiplications are counted.

Floating-point tensors lie on the meta device, which has shapes and no values. Token ids, grids and masks keep theirs on the
CPU: a model asks them how many image tokens there are, and where. Where the two meet, the result is on the meta device.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import flop_registry
from torch.utils.weak import WeakIdKeyDictionary

ATEN = torch.ops.aten
INDEXING = (ATEN.index.Tensor, ATEN.index_put.default, ATEN.index_put_.default)
BACKWARD = 2.5  # times the products of attention's forward: flash attention computes one of the two once more


class Meter:
    """Bytes of storages that are alive, the most that ever were, and multiply-adds times two."""

    def __init__(self, weights: Iterable[Tensor]) -> None:
        self.live = self.peak = self.flops = 0
        # A weight's transpose has the weight's storage: it is no allocation of the step.
        self._storages = WeakIdKeyDictionary({weight.untyped_storage(): None for weight in weights})

    def see(self, tensor: Tensor) -> None:
        """Count a tensor's storage once, until it is gone."""
        storage = tensor.untyped_storage()
        if storage in self._storages:
            return
        self._storages[storage] = None
        size = storage.nbytes()
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, size)

    def _forget(self, size: int) -> None:
        self.live -= size


class ShapesAlone(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs what touches the meta device there, and everything else for real."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.meter = meter

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run one operator."""
        kwargs = dict(kwargs or {})
        if func is ATEN._to_copy.default and args[0].device.type == "cpu" and not args[0].is_floating_point():
            kwargs["device"] = torch.device(
                "cpu"
            )  # a mask that follows the states to their device keeps its values
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if any(tensor.device.type == "meta" for tensor in tensors):
            if func in INDEXING:
                args = (args[0], _as_numbers(args[1]), *args[2:])
            args, kwargs = tree_map_only(Tensor, _to_meta, (args, kwargs))
            if kwargs.get("device") is not None:
                kwargs["device"] = torch.device("meta")
        out = func(*args, **kwargs)
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor) and leaf.device.type == "meta":
                self.meter.see(leaf)
        if (count := flop_registry.get(func.overloadpacket)) is not None:
            self.meter.flops += count(*args, **kwargs, out_val=out)
        return out


def _to_meta(tensor: Tensor) -> Tensor:
    return tensor.to("meta")


def _as_numbers(indices: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Return masks as the numbers of what they pick: how many that are is a question of values."""
    numbers: list[Tensor | None] = []
    for index in indices:
        if index is not None and index.dtype == torch.bool:
            numbers.extend(index.nonzero(as_tuple=True))
        else:
            numbers.append(index)
    return numbers


@contextmanager
def flash_attention(meter: Meter) -> Iterator[None]:
    """Let attention keep what the kernels of a card keep: query, key, value, output and a number per row.

    The meta device has none of these kernels, and would count a matrix of all pairs of tokens.
    """

    def attend(
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        **_: Any,
    ) -> Tensor:
        pairs = query.numel() // query.shape[-1] * key.shape[-2]
        products = 2 * pairs * (query.shape[-1] + value.shape[-1]) * (0.5 if is_causal else 1)
        learns = torch.is_grad_enabled() and any(one.requires_grad for one in (query, key, value))
        meter.flops += int(products * (1 + BACKWARD * learns))
        out: Tensor = _Kernel.apply(query, key, value)
        return out

    # In force as long as it is there.
    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    library.impl("scaled_dot_product_attention", attend, "AutogradMeta")  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        del library


class _Kernel(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return something of the output's shape."""
        out = query.new_empty(*query.shape[:-1], value.shape[-1])
        rows = query.new_empty(query.shape[:-1], dtype=torch.float32)
        ctx.save_for_backward(query, key, value, out, rows)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Return gradients' shapes."""
        query, key, value, *_ = ctx.saved_tensors
        return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
