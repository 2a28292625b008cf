"""Files that are there whole or not at all, also after a power cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def pending_path(path: Path) -> Path:
    """Return the path of a file until it is whole; a process that outlived its build disturbs no other."""
    return path.with_name(f"{path.name}.{os.getpid()}.tmp")


def replace(pending: Path, path: Path) -> None:
    """Give a finished file its name, in an order that a power cut cannot turn round."""
    with pending.open("rb") as file:
        os.fsync(file.fileno())
    pending.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def left_behind(path: Path) -> Iterator[Path]:
    """Yield unfinished copies of a file whose process was killed; those of processes that run are left alone."""
    if os.name != "posix":  # elsewhere signal 0 is no question
        return
    for old in path.parent.glob(f"{path.name}.*.tmp"):
        number = old.name.removeprefix(f"{path.name}.").removesuffix(".tmp")
        if not number.isdecimal():
            continue
        try:
            os.kill(int(number), 0)  # asks alone whether it is there
        except ProcessLookupError:
            yield old
        except (OverflowError, PermissionError):
            continue


def write_text(path: Path, text: str, aside: Path | None = None) -> None:
    """Write a small text file; ``aside`` is the folder that holds it until it is whole."""
    pending = pending_path((aside or path.parent) / path.name)
    for old in left_behind(pending.with_name(path.name)):
        old.unlink(missing_ok=True)
    try:
        pending.write_text(text, encoding="utf-8", newline="\n")
        replace(pending, path)
    finally:
        pending.unlink(missing_ok=True)
