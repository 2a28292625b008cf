"""Several processes, one model: batches divided among them, sums over all of them.

A loss that is a mean over a batch, Dice over a batch and batch norm are not the mean of what the processes find
alone; ``total`` and ``share_batch_norm`` make them what one process would find with the whole batch. All of it does
nothing in a process that wasn't started by torchrun.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as group


def device(name: str | None) -> torch.device:
    """Return the device that was asked for; else a card, where there is one."""
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def join(device: torch.device) -> None:
    """Meet the other processes that torchrun started."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not group.is_initialized():
        group.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            timeout=timedelta(hours=6),  # the first one validates meanwhile
        )


def size() -> int:
    """Return the number of processes."""
    return group.get_world_size() if group.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return group.get_rank() if group.is_initialized() else 0


def first() -> bool:
    """Whether this is the one that validates, prints and writes."""
    return rank() == 0


class _Sum(torch.autograd.Function):
    """A sum over all processes whose gradient is the sum of theirs; torch.distributed.nn has it, and is deprecated."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        """Add up."""
        value_sum = value.contiguous().clone()
        group.all_reduce(value_sum)
        return value_sum

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        """Add up the gradients."""
        gradient_sum = gradient.contiguous().clone()
        group.all_reduce(gradient_sum)
        return gradient_sum


def total(value: Tensor) -> Tensor:
    """Return the sum over all processes; gradients flow back to each."""
    if size() == 1:
        return value
    value_sum: Tensor = _Sum.apply(value)
    return value_sum


def mean(own_sum: Tensor, count: int) -> Tensor:
    """Return a sum over this process's samples as the mean over all processes'; 0 of none."""
    number = total(torch.tensor(float(count), device=own_sum.device))
    return total(own_sum) / number.clamp(min=1)


def mean_gradients(model: nn.Module) -> None:
    """Average the gradients. Every process has found those of the same loss, over its own samples, times their number."""
    if size() == 1:
        return
    gradients = [one.grad for one in model.parameters() if one.grad is not None]
    flat = torch.cat([one.reshape(-1) for one in gradients])
    group.all_reduce(flat)
    for one, mean in zip(gradients, torch.split(flat, [one.numel() for one in gradients]), strict=True):
        one.copy_(mean.view_as(one) / size())


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the samples of all processes; torch's SyncBatchNorm runs on GPUs only."""

    def forward(self, features: Tensor) -> Tensor:
        """(n, channels, height, width), normalised."""
        if not self.training:
            return super().forward(features)
        values = features.float()
        count = total(torch.tensor(float(values.numel() // values.shape[1]), device=features.device))
        mean = total(values.sum((0, 2, 3))) / count
        spread = total((values - mean[:, None, None]).square().sum((0, 2, 3))) / count
        with torch.no_grad():
            assert self.running_mean is not None and self.running_var is not None
            self.running_mean.lerp_(mean, self.momentum or 0.1)
            self.running_var.lerp_(spread * count / (count - 1), self.momentum or 0.1)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked += 1
        scale = self.weight * (spread + self.eps).rsqrt()
        normal = values * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]
        return normal.to(features.dtype)


def share_batch_norm(model: nn.Module) -> None:
    """Let every batch norm of a model look at all processes' samples."""
    if size() > 1:
        for module in model.modules():
            if type(module) is nn.BatchNorm2d:
                module.__class__ = SharedBatchNorm
