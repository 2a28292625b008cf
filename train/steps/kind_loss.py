"""What is learned of each kind of question: weights of its answers in the loss, and its share of loss and gradient.

A taught token weighs what its question's kind weighs; the loss is the weighted mean over the taught tokens of all
accumulated batches of all processes, so that shared sequences, batches and accumulation don't change it. A curriculum
begins with the kinds of its first stage; those of a later stage weigh nothing until it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from surgvqa.cards.command import InputError, nearest
from surgvqa.train.steps.labels import IGNORE
from torch import Tensor, nn

KIND_INDEX = "kind_index"  # batch x length: which kind of question a token belongs to; -1 in none
FIGURES = ("tokens", "loss", "accuracy", "gradient_share")


class KindLoss:
    """The weights of a run's kinds, and figures of each kind since the last log.

    Args:
        kinds: of the training split.
        weights: of some kinds; 1 of the others.
        stages: kinds by the stage that they begin in; those that none names begin in the first.
    """

    def __init__(
        self, kinds: Iterable[str], weights: Mapping[str, float], stages: Sequence[Sequence[str]] = ()
    ) -> None:
        self.kinds = tuple(sorted(kinds))
        begins = {kind: stage for stage, names in enumerate(stages) for kind in names}
        amounts = torch.tensor([weights.get(kind, 1.0) for kind in self.kinds] + [1.0])  # last: no kind
        # TRL divides by a sum of at least 1: the least weight that isn't 0 is 1 here, and the mean is the same
        self.weights = amounts / amounts[amounts > 0].min()
        self.begins = torch.tensor([begins.get(kind, 0) / max(1, len(stages)) for kind in self.kinds] + [0.0])
        self.sums = torch.zeros(len(self.kinds), 4, dtype=torch.float64)
        self.batch_kinds: Tensor | None = None  # of the batch that goes through the model
        self.batch_weights: Tensor | None = None

    def at(self, progress: float) -> Tensor:
        """Return the weight of each kind, and of what has none, after a share of a run."""
        return torch.where(self.begins <= progress + 1e-9, self.weights, 0.0)

    def amount(self, batches: Sequence[Mapping[str, Tensor]], progress: float) -> Tensor:
        """Return the sum of the weights of all taught tokens of some batches."""
        weights = self.at(progress)
        return sum(
            (weights[one[KIND_INDEX][:, 1:].cpu()] * (one["labels"][:, 1:] != IGNORE).cpu()).sum()
            for one in batches
        )  # type: ignore[return-value]

    def take(self, inputs: Mapping[str, Tensor], progress: float) -> dict[str, Tensor]:
        """Return a batch as the model knows it; keeps which kinds its taught tokens are of."""
        batch = {name: value for name, value in inputs.items() if name != KIND_INDEX}
        self.batch_kinds = self.batch_weights = None
        if KIND_INDEX not in inputs:
            return batch
        kinds = inputs[KIND_INDEX][:, 1:]
        if "taught" in batch:  # the taught tokens alone (``answer_head``)
            kinds = kinds[batch["taught"]][None]
        self.batch_kinds, self.batch_weights = kinds, self.at(progress).to(kinds.device)[kinds]
        return batch

    def watch(self, model: nn.Module) -> None:
        """Weigh what the model's head hands over, whenever it learns."""
        model.register_forward_hook(self._weigh)

    def _weigh(self, module: nn.Module, _: Any, output: Any) -> None:
        kinds, weights = self.batch_kinds, self.batch_weights
        log_probs = getattr(output, "log_probs", None)
        if not module.training or kinds is None or weights is None or log_probs is None:
            return
        with torch.no_grad():
            own = output.label_mask.bool() & (kinds >= 0)
            chances = log_probs.detach()[own].double()
            columns = [
                torch.ones_like(chances),
                -chances,
                output.is_top1[own].double(),
                # half the sum of a token's gradient at the logits, each taken as positive
                (1 - chances.exp()) * weights[own],
            ]
            self.sums.index_add_(0, kinds[own].cpu(), torch.stack(columns, 1).cpu())
        output.log_probs = log_probs * weights

    def figures(self, total: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """Return loss, accuracy of tokens and share of the gradient of each kind since the last call.

        Args:
            total: adds up a tensor over all processes.
        """
        sums = total(self.sums)
        self.sums = torch.zeros_like(self.sums)
        whole = float(sums[:, 3].sum()) or 1.0
        out: dict[str, float] = {}
        for kind, (tokens, loss, correct, gradient) in zip(self.kinds, sums.tolist(), strict=True):
            if tokens:
                out |= {f"loss_{kind}": loss / tokens, f"accuracy_{kind}": correct / tokens}
                out[f"gradient_share_{kind}"] = gradient / whole
        return out


def read_weights(words: Sequence[str], kinds: Iterable[str]) -> dict[str, float]:
    """Return the weights of ``--kind_weights``.

    >>> read_weights(["phase=2", "count=0.5"], ["phase", "count"])
    {'phase': 2.0, 'count': 0.5}

    Raises:
        InputError: a kind that isn't there, or a weight that isn't a positive number or 0.
    """
    out = {}
    for word in words:
        kind, _, value = word.partition("=")
        try:
            out[kind] = float(value)
        except ValueError:
            raise InputError(f"--kind_weights {word}: expected KIND=WEIGHT, count=0.5") from None
        if not 0 <= out[kind] < float("inf"):
            raise InputError(f"--kind_weights {word}: a weight is 0 or more")
    refuse_unknown("--kind_weights", out, kinds)
    if out and not any(out.get(kind, 1.0) for kind in kinds):
        raise InputError("--kind_weights: every kind weighs 0, nothing would be learned")
    return out


def read_stages(words: Sequence[str], kinds: Iterable[str]) -> list[list[str]]:
    """Return the stages of ``--curriculum``.

    >>> read_stages(["phase,count", "where"], ["phase", "count", "where"])
    [['phase', 'count'], ['where']]

    Raises:
        InputError: a kind that isn't there, or stands twice; a first stage without a kind.
    """
    stages = [[kind for kind in word.split(",") if kind] for word in words]
    names = [kind for stage in stages for kind in stage]
    refuse_unknown("--curriculum", names, kinds)
    if twice := sorted({kind for kind in names if names.count(kind) > 1}):
        raise InputError(f"--curriculum names {twice[0]} twice")
    if any(not stage for stage in stages):
        raise InputError("--curriculum has a stage without a kind")
    return stages


def refuse_unknown(option: str, names: Iterable[str], kinds: Iterable[str]) -> None:
    """Refuse kinds that the training split doesn't have.

    Raises:
        InputError: names the first, and the nearest one.
    """
    names_of_kinds = sorted(kinds)
    for name in names:
        if name not in names_of_kinds:
            raise InputError(
                f"{option}: no kind {name!r} in the training split; {nearest(name, names_of_kinds)}"
            )
