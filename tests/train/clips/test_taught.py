"""What isn't taught needs no head: same loss, same gradients, fewer tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from colour_clips import row, write
from surgvqa.train import tiny
from surgvqa.train.clips import clip_trainer
from surgvqa.train.clips.prepare import prepare
from trl.trainer import utils


def scored(folder: Path, *options: str) -> tuple[torch.Tensor, torch.Tensor, int, int]:
    """Loss and gradients of one batch, how many tokens the head scored, and how many are taught."""
    run = prepare(
        [
            *("--model_name_or_path", str(folder / "base"), "--dataset_name", str(folder / "data"), "--dtype", "float32"),
            *("--output_dir", str(folder / "out"), "--use_cpu", "true", "--bf16", "false", "--report_to", "none"),
            *options,
        ]
    )  # fmt: skip
    seen: list[int] = []
    head = utils._ChunkedLogProbFunction

    class Counting:
        @staticmethod
        def apply(hidden: torch.Tensor, *rest: Any) -> Any:
            seen.append(len(hidden))
            return head.apply(hidden, *rest)

    batch = run.trainer.data_collator([run.units[index] for index in range(3)])
    count = int((batch["labels"][:, 1:] != -100).sum())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "_ChunkedLogProbFunction", Counting)
        loss = run.trainer.compute_loss(run.trainer.model, batch)
    loss.backward()
    grads = [one.grad.flatten() for one in run.trainer.model.parameters() if one.grad is not None]
    run.trainer.end()
    return loss.detach(), torch.cat(grads), seen[0], count


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen3_vl"])
@pytest.mark.parametrize(
    "options",
    [(), ("--use_peft", "true"), ("--questions-per-sequence", "1", "--gradient_checkpointing", "true")],
)
def test_loss_and_gradients_stay(
    family: str, options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.make(family, tmp_path / "base")
    write(tmp_path / "data", train=[row(number, questions=number + 1) for number in range(3)])
    loss, gradient, tokens, count = scored(tmp_path, *options)
    assert tokens == count
    monkeypatch.setattr(clip_trainer, "taught_alone", lambda inputs: inputs)
    all_loss, all_gradient, all_tokens, _ = scored(tmp_path, *options)
    assert all_tokens > 2 * count
    assert abs(loss - all_loss) <= 1e-6 * all_loss
    assert (gradient - all_gradient).norm() <= 1e-5 * all_gradient.norm()
