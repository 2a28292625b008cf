"""Rewards of guessers that never look: the floor under a run's rewards, measured before step 1.

A reward that a constant answer nearly fills teaches that answer and nothing else. So the guessers of
``surgvqa.eval.spatial.pointing_figures``, which see no pixel, are paid by the run's own rewards on its own rows; a
data set or a mix in which one of them nearly earns what the right answers earn is refused.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from surgvqa.cards.command import InputError
from surgvqa.eval.output import terminal
from surgvqa.eval.spatial.pointing_figures import guessers
from surgvqa.train.pointing.grpo_options import Reward
from surgvqa.train.pointing.question_rows import guesses

SAMPLE_SIZE = 512  # rows that are paid, drawn by seed
MOST = 0.9  # of what the right answers earn
BLIND = ("centre", "class_mean", "whole_image", "refuses")  # quadrant_centre knows the right quadrant


def total(
    rows: Sequence[Mapping[str, Any]], texts: Sequence[str], mix: Sequence[tuple[Reward, float]]
) -> float:
    """Return the mean weighted reward of an answer per row, as TRL adds it up: a reward that doesn't apply counts 0."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    completions = [[{"role": "assistant", "content": text}] for text in texts]
    values = [(reward(completions=completions, **columns), weight) for reward, weight in mix]
    return sum(weight * (value or 0.0) for amounts, weight in values for value in amounts) / len(rows)


def mean_rewards(
    rows: Sequence[Mapping[str, Any]], mix: Sequence[tuple[Reward, float]], seed: int = 0
) -> dict[str, float]:
    """Return the mean reward of the right answers (``right``) and of each guesser, on up to 512 rows.

    Args:
        rows: of the config ``pointing``, without their pictures.
        mix: rewards with their weights.
        seed: of the draw.
    """
    some = random.Random(seed).sample(list(rows), min(SAMPLE_SIZE, len(rows)))
    right = [row["completion"][0]["content"] for row in some]
    guesses = guessers(some, rows)
    return {
        "right": total(some, right, mix),
        **{name: total(some, guesses[name], mix) for name in BLIND},
        "one_answer": max(total(some, [text] * len(some), mix) for text in sorted(set(right))[:16]),
    }


def question_rewards(
    rows: Sequence[Mapping[str, Any]], mix: Sequence[tuple[Reward, float]], seed: int = 0
) -> dict[str, float]:
    """As ``mean_rewards``, for questions on clips: by the most frequent answer of each kind and of each question.

    Args:
        rows: of one question each, without their pictures.
        mix: rewards with their weights.
        seed: of the draw.
    """
    some = random.Random(seed).sample(range(len(rows)), min(SAMPLE_SIZE, len(rows)))
    own = [rows[place] for place in some]
    out = {"right": total(own, [row["answer"] for row in own], mix)}
    for guesser, texts in guesses(rows).items():
        out[guesser] = total(own, [texts[place] for place in some], mix)
    return out


def examine(values: Mapping[str, float], out: TextIO | None = None) -> float:
    """Print what is earned; the best guesser's mean reward.

    Raises:
        InputError: a guesser earns nearly what the right answers earn.
    """
    lines: list[Sequence[str]] = [("answers", "mean reward")]
    lines += [(name.replace("_", " "), f"{value:.3f}") for name, value in values.items()]
    print(terminal.table(lines), file=out or sys.stderr)
    best = max((name for name in values if name != "right"), key=values.__getitem__)
    if values[best] >= MOST * values["right"]:
        raise InputError(
            f"{best.replace('_', ' ')}, which sees no pixel, earns {values[best]:.2f} where right answers earn "
            f"{values['right']:.2f}: nothing would be learned but that. Ask for what is rarer (pointing: "
            "--pointing-types, negatives; clips: --questions informative), or change --reward_weights"
        )
    return values[best]
