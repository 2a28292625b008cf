"""A frozen tower keeps no graph, also where checkpointing lets every input require gradients; what learns, learns the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from colour_clips import row, write
from surgvqa.train import tiny
from surgvqa.train.clips.frozen_tower import WithoutGraph
from surgvqa.train.clips.model_checks import inner_model
from surgvqa.train.clips.prepare import prepare
from torch import Tensor, nn


def gradients(where: Path, family: str, *options: str) -> tuple[dict[str, Tensor], list[bool]]:
    """The gradients of one step, and whether what the tower says could have one."""
    if not (where / "base").exists():
        tiny.make(family, where / "base")
        write(where / "data", train=[row(n) for n in range(4)])
    words = {
        "model_name_or_path": where / "base", "dataset_name": where / "data", "output_dir": where / "out",
        "media": "images", "frames": 4, "use_peft": "true", "lora_dropout": 0, "bf16": "false", "dtype": "float32",
        "report_to": "none", "seed": 1, "max_steps": 1, "per_device_train_batch_size": 2,
    }  # fmt: skip
    run = prepare([*(word for name, value in words.items() for word in (f"--{name}", str(value))), *options])
    trainer = run.trainer
    inner = inner_model(trainer)
    tower = inner.visual if hasattr(inner, "visual") else inner.vision_tower
    kept: list[bool] = []

    def look(_: Any, __: Any, out: Any) -> None:
        tensors = out.values() if isinstance(out, dict) else out if isinstance(out, tuple) else (out,)
        kept.extend(one.requires_grad for one in tensors if isinstance(one, Tensor))

    tower.register_forward_hook(look)
    seen: dict[str, Tensor] = {}
    stock = trainer.accelerator.backward

    def backward(loss: Tensor, **more: Any) -> None:
        stock(loss, **more)
        seen.update(
            {name: one.grad.clone() for name, one in trainer.model.named_parameters() if one.grad is not None}
        )

    trainer.accelerator.backward = backward
    torch.manual_seed(0)
    trainer.train()
    return seen, kept


@pytest.mark.parametrize(("family", "together"), [("qwen2_5_vl", "0"), ("qwen3_vl", "0"), ("gemma3", "1")])
def test_checkpointing_brings_no_gradient_of_pixels(family, together, tmp_path):
    sequences = ("--questions_per_sequence", together)
    plain, _ = gradients(tmp_path, family, "--gradient_checkpointing", "false", *sequences)
    again, kept = gradients(tmp_path, family, "--gradient_checkpointing", "true", *sequences)
    assert kept and not any(kept)
    assert plain.keys() == again.keys() and plain and all("lora_" in name for name in plain)
    for name, one in plain.items():
        assert torch.allclose(one, again[name], rtol=1e-5, atol=1e-7), name


def test_a_tower_that_learns_keeps_its_graph(tmp_path):
    learns = ("--gradient_checkpointing", "true", "--vision_learning_rate", "1e-4")
    seen, kept = gradients(tmp_path, "qwen2_5_vl", *learns)
    assert any(kept) and any("visual" in name for name in seen)


def test_gradients_are_back_after_an_error():
    class Fails(nn.Module):
        def forward(self, value: Tensor) -> Tensor:
            raise ValueError("no such patch")

    module = Fails()
    WithoutGraph(module)
    with pytest.raises(ValueError, match="no such patch"):
        module(torch.ones(1))
    assert torch.is_grad_enabled()
    with torch.no_grad(), pytest.raises(ValueError, match="no such patch"):
        module(torch.ones(1))
    assert torch.is_grad_enabled()
