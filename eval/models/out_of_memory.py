"""A card that is full: one line that says what to lower, in which order, instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from surgvqa.cards.command import InputError


@contextmanager
def memory_advice(steps: Sequence[str]) -> Iterator[None]:
    """Say what to do where the card's memory runs out.

    Args:
        steps: what helps, the cheapest first.

    Raises:
        InputError: in place of ``torch.OutOfMemoryError``.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        message = (str(error).splitlines() or ["out of memory"])[0]
        raise InputError(f"the card is full ({message}); in this order: {', '.join(steps)}") from None
