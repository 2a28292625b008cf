"""A tower attends to all windows of one length at once: what it says, and what it learns, stay the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from surgvqa.eval.models import vision_attention
from surgvqa.train import tiny
from torch import Tensor
from torch.nn import functional
from transformers import AutoModelForImageTextToText

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
ONE_SIZE = [[4, 12, 16], [2, 12, 16]]
# Of Qwen2.5-VL's windows of 4 x 4 patches those at the right and lower edges are smaller.
SEVERAL = [[2, 12, 16], [1, 10, 14], [1, 6, 6]]


def seen(model: Any, grids: list[list[int]]) -> tuple[Tensor, Tensor]:
    """What the tower hands on of videos of noise, and the gradient of its first layer."""
    tower = model.model.visual
    generator = torch.Generator().manual_seed(0)
    width = tower.patch_embed.proj.weight[0].numel()
    patches = torch.randn(sum(t * h * w for t, h, w in grids), width, generator=generator)
    found = model.get_video_features(patches, video_grid_thw=torch.tensor(grids)).pooler_output
    model.zero_grad()
    torch.cat(list(found)).square().mean().backward()
    return torch.cat(list(found)).detach(), tower.patch_embed.proj.weight.grad.clone()


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[int]]:
    """The lengths of PyTorch's calls of attention."""
    found: Counter[int] = Counter()
    stock = functional.scaled_dot_product_attention

    def counting(query: Tensor, *rest: Any, **options: Any) -> Tensor:
        found[query.shape[2]] += 1
        return stock(query, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(functional, "scaled_dot_product_attention", counting)
        patch.setattr(vision_attention, "scaled_dot_product_attention", counting)
        yield found


@pytest.mark.parametrize("grids", [ONE_SIZE, SEVERAL], ids=["one size", "several"])
@pytest.mark.parametrize("family", FAMILIES)
def test_same_features_and_gradients_of_fewer_calls(
    family: str, grids: list[list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.make(family, tmp_path)
    model = AutoModelForImageTextToText.from_pretrained(tmp_path)
    with counted(monkeypatch) as one_by_one:
        stock, stock_gradient = seen(model, grids)
    vision_attention.side_by_side(model)
    with counted(monkeypatch) as together:
        found, gradient = seen(model, grids)
    assert (found - stock).abs().max() <= 1e-6 * stock.abs().max()
    assert (gradient - stock_gradient).abs().max() <= 1e-5 * stock_gradient.abs().max()
    assert set(together) == set(one_by_one)
    assert together.total() < one_by_one.total()
    if grids == ONE_SIZE:
        assert together.total() <= 2 * model.config.vision_config.depth


def test_another_attention_stays(tmp_path: Path) -> None:
    tiny.make("qwen2_5_vl", tmp_path)
    model = AutoModelForImageTextToText.from_pretrained(tmp_path, attn_implementation="eager")
    vision_attention.side_by_side(model)
    assert model.model.visual.config._attn_implementation == "eager"
    assert model.config.text_config._attn_implementation == "eager"


def test_what_is_saved_does_not_tell(tmp_path: Path) -> None:
    """Another program opens the model with the attention that it has."""
    tiny.make("qwen2_5_vl", tmp_path / "base")
    model = AutoModelForImageTextToText.from_pretrained(tmp_path / "base")
    vision_attention.side_by_side(model)
    assert model.config.text_config._attn_implementation == "sdpa"
    model.save_pretrained(tmp_path / "saved")
    assert vision_attention.NAME not in (tmp_path / "saved" / "config.json").read_text("utf-8")
    assert (
        AutoModelForImageTextToText.from_pretrained(
            tmp_path / "saved"
        ).model.visual.config._attn_implementation
        == "sdpa"
    )
