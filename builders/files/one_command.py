"""One command at a time in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import lock_descriptor
from surgvqa.cards.command import InputError


def hold(number: int) -> bool:
    """Lock an open file or folder, by its descriptor, for this process; False where another one holds it.

    The lock is on the thing itself, so that no file is left behind, and goes with the process, however that ends.
    """
    return lock_descriptor(number, blocking=False)


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Hold a folder, made if need be, for this command; gone again if nothing was put there.

    Raises:
        InputError: another command is at work there, or ``out`` is a file.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a folder")
    is_new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    number = os.open(out, os.O_RDONLY)
    try:
        if not hold(number):
            raise InputError(f"{out}: another command is writing there; wait for it, or give another folder")
        try:
            yield
        finally:
            if is_new and out.is_dir() and not any(out.iterdir()):
                out.rmdir()
    finally:
        os.close(number)
