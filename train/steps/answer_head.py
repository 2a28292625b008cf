"""Only the tokens that are taught go through the language model's head.

TRL's fused head leaves the others out on a card; on a CPU it scores them all (``compact`` in trl/trainer/utils.py),
of a clip with its questions two in three for nothing. Loss and gradients are the same.
"""

from __future__ import annotations

from typing import Any

from surgvqa.train.steps.labels import IGNORE
from torch import Tensor, nn
from transformers import PreTrainedModel

TAUGHT_MASK = "taught"


def taught_alone(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a batch whose labels (batch x length) are those of its n taught tokens (1 x n), already shifted; and where they lie.

    A batch on a card, or one that teaches nothing, stays as it is.

    >>> import torch
    >>> batch = taught_alone({"labels": torch.tensor([[-100, -100, 7, 8], [-100, 9, -100, -100]])})
    >>> batch["shift_labels"].tolist(), batch["taught"].int().tolist()
    ([[7, 8, 9]], [[0, 1, 1], [1, 0, 0]])
    """
    labels = inputs["labels"][:, 1:]
    taught_mask = labels != IGNORE
    if labels.device.type != "cpu" or not taught_mask.any():
        return inputs
    rest = {name: value for name, value in inputs.items() if name != "labels"}
    return {**rest, "shift_labels": labels[taught_mask][None], TAUGHT_MASK: taught_mask}


class TaughtOnly:
    """Lets a model's inner part hand over the states of the taught tokens alone, where a batch says which (``taught_alone``)."""

    def __init__(self, model: PreTrainedModel) -> None:
        inner = model.base_model  # what TRL's head calls
        inner.register_forward_pre_hook(self._look, with_kwargs=True)
        inner.register_forward_hook(self._leave_out)
        self._taught_mask: Tensor | None = None

    def _look(
        self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        self._taught_mask = kwargs.pop(TAUGHT_MASK, None)
        return args, kwargs

    def _leave_out(self, _: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if self._taught_mask is not None:  # batch x length x width to 1 x n x width
            output.last_hidden_state = output.last_hidden_state[:, :-1][self._taught_mask][None]
        return output
