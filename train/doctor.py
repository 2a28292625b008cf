"""Checks before step 1: what would train silently on nothing, found while it costs a second."""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from surgvqa.cards.command import InputError
from torch import Tensor
from trl import SFTTrainer

PIXELS = ("pixel_values", "pixel_values_videos")


def pixels_matter(trainer: SFTTrainer, units: Dataset) -> float:
    """How much the loss changes, relative, when two clips get each other's pixels.

    Raises:
        InputError: not at all, or no more than when the same batch is computed twice: the model is
            blind, whatever its loss does.
    """
    batch = trainer.data_collator([units[0]])
    other = different(trainer, units, batch)
    key = next((name for name in PIXELS if name in batch), None)
    if key is None:
        raise InputError("no pixels in the batch: the collator lost them, or the clips have none")
    first, again, swapped = (
        loss_of(trainer, {**batch, key: pixels}) for pixels in (batch[key], batch[key], other)
    )
    noise, change = abs(again - first), abs(swapped - first)
    if not change > 10 * noise:
        raise InputError(
            f"swapping the pixels of two clips leaves the loss at {first:.6f}: they don't reach the model"
        )
    return change / abs(first)


def different(trainer: SFTTrainer, units: Dataset, batch: dict[str, Tensor]) -> Tensor:
    """Pixels of the same shape as the batch's and from another clip, or its own upside down if there is none."""
    key = next((name for name in PIXELS if name in batch), None)
    if key is None:
        return torch.empty(0)
    for index in range(1, min(len(units), 64)):
        if units[index]["row"] == units[0]["row"]:
            continue
        pixels = trainer.data_collator([units[index]]).get(key)
        if pixels is not None and pixels.shape == batch[key].shape and not torch.equal(pixels, batch[key]):
            return pixels
    return batch[key].flip(0)


@torch.no_grad()
def loss_of(trainer: SFTTrainer, batch: dict[str, Any]) -> float:
    """The trainer's own loss of a batch, without dropout and without a trace in its metrics."""
    model = trainer.model
    was_training = model.training
    model.eval()
    model.to(trainer.args.device)
    loss = trainer.compute_loss(model, trainer._prepare_inputs(dict(batch)))
    trainer._metrics["eval"].clear()
    model.train(was_training)
    return float(loss)
