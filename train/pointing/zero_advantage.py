"""Before step 1: of how many questions all sampled answers earn the same, so that nothing is learned from them."""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import torch
from surgvqa.cards.command import InputError
from surgvqa.eval.output import terminal

Share = tuple[int, int]  # questions without an advantage, of how many


def sample(rows: Sequence[str], per_kind: int, seed: int) -> list[int]:
    """Return up to so many rows of each kind, drawn by seed.

    Args:
        rows: the kind of each row.
        per_kind: at most.
        seed: of the draw.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for place, kind in enumerate(rows):
        places[kind].append(place)
    draw = random.Random(seed)
    return [
        place
        for kind in sorted(places)
        for place in draw.sample(places[kind], min(per_kind, len(places[kind])))
    ]


def shares(trainer: Any, per_kind: int) -> dict[str, Share]:
    """Return, by kind, of how many questions all answers that the model samples now earn the same.

    Args:
        trainer: of TRL, before its first step; it is left as it was.
        per_kind: questions of each kind.
    """
    rows, count = trainer.train_dataset, trainer.num_generations
    places = sample(rows["kind"], per_kind, trainer.args.seed)
    out: dict[str, Share] = {}
    was_training = trainer.model.training
    trainer.model.to(trainer.args.device).train()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(trainer.args.seed)
        for place in places:
            row = rows[place]
            batch = trainer._generate_and_score_completions([row] * count)
            is_zero = bool((batch["advantages"].abs() < 1e-6).all())
            zero, total = out.get(row["kind"], (0, 0))
            out[row["kind"]] = (zero + is_zero, total + 1)
    trainer.model.train(was_training)
    for log in (
        *trainer._metrics.values(),
        *(own for own in trainer._logs.values() if hasattr(own, "clear")),
    ):
        log.clear()
    return out


def examine(shares_by_kind: Mapping[str, Share], out: TextIO | None = None) -> None:
    """Print the shares.

    Raises:
        InputError: no question has an advantage.
    """
    lines: list[Sequence[str]] = [("kind", "questions without an advantage")]
    lines += [(kind, f"{zero} of {total}") for kind, (zero, total) in sorted(shares_by_kind.items())]
    print(terminal.table(lines), file=out or sys.stderr)
    if shares_by_kind and all(zero == total for zero, total in shares_by_kind.values()):
        raise InputError(
            "all answers to each question earn the same: nothing would be learned. Teach the answers first "
            "(`surgvqa-train sft`), raise --temperature or --num_generations, or give rewards that tell answers apart"
        )
