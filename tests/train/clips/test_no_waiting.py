"""A layer never waits for the card: nothing in it reads a value, counts a mask or looks for what isn't zero."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from colour_clips import dataset, row
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.pixels import normalise_on_device
from surgvqa.eval.models.processor_encoder import encoder_for
from surgvqa.eval.models.vision_attention import side_by_side
from surgvqa.train import tiny
from surgvqa.train.clips.collate import Collator, units
from surgvqa.train.clips.shared_prefix import SharedPrefix
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoModelForImageTextToText, AutoProcessor

ATEN = torch.ops.aten
WAITS = {
    ATEN._local_scalar_dense, ATEN.nonzero, ATEN.masked_select, ATEN.unique_consecutive, ATEN._unique2, ATEN.unique_dim,
    ATEN.equal, ATEN.is_nonzero,
}  # fmt: skip


class Waiting(TorchDispatchMode):
    """Counts what a card would be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        picks = func.overloadpacket in (ATEN.index, ATEN.index_put, ATEN.index_put_)
        by_mask = picks and any(one.dtype == torch.bool for one in tree_leaves(args[1]) if one is not None)
        if func.overloadpacket in WAITS or by_mask:
            self.names.append(str(func))
        return func(*args, **(kwargs or {}))


@contextmanager
def watched(layers: list[torch.nn.Module], mode: Waiting) -> Iterator[None]:
    """Watch some layers' forwards."""
    stock = [layer.forward for layer in layers]

    def under(forward: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            with mode:
                return forward(*args, **kwargs)

        return run

    for layer in layers:
        layer.forward = under(layer.forward)
    yield
    for layer, forward in zip(layers, stock, strict=True):
        layer.forward = forward


@pytest.mark.parametrize("family", [*tiny.FAMILIES, "qwen3_5"])
@pytest.mark.parametrize("media", ["images", "video"])
def test_no_layer_of_a_shared_sequence_waits(family: str, media: Any, tmp_path: Path) -> None:
    tiny.make(family, tmp_path)
    processor = AutoProcessor.from_pretrained(tmp_path)
    rows = dataset([row(0, size=56, questions=5), row(1, size=84, questions=2)])
    encoder = encoder_for(family, processor, Budget(frames=4, media=media))
    batch = Collator(rows, encoder, True)(list(units(rows, 0)))
    batch.pop("labels")
    model = AutoModelForImageTextToText.from_pretrained(tmp_path, dtype="float32")
    normalise_on_device(model, processor)
    SharedPrefix(model)
    side_by_side(model)
    inner = model.model
    layers = [*inner.language_model.layers, *inner.visual.blocks[1:]]  # the first block finds the windows
    mode = Waiting()
    with watched(layers, mode):
        model.model(**batch, use_cache=False)
    assert len(layers) > 1 and not mode.names


def test_a_wait_is_seen() -> None:
    mode, states, mask = Waiting(), torch.ones(3), torch.tensor([True, False, True])
    with mode:
        assert states[mask].sum().item() == 2
    assert len(mode.names) == 2
