"""Rewards of tests, named on a command line by their dotted name."""

from __future__ import annotations

from typing import Any


def length_reward(completions: list[Any], **columns: Any) -> list[float]:
    return [float(len(said[-1]["content"])) for said in completions]


def letters_reward(completions: list[Any], expected: Any = None, **columns: Any) -> list[float]:
    return [float(sum(map(ord, said[-1]["content"])) % 97) / 97 for said in completions]
