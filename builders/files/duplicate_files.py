"""One file among several that are the same: byte-equal copies and editors' autosaves are left out and named."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from surgvqa.builders.schema import Omission

AUTOSAVE = "-checkpoint"  # how Jupyter names its own copies


def choose(paths: Iterable[Path], root: Path, what: str) -> tuple[Path | None, tuple[Omission, ...]]:
    """Return the file that counts, and the others with the reason why they don't.

    Two files that differ are a fault, unless one is an autosave.
    """
    candidates = sorted(paths, key=lambda path: (AUTOSAVE in path.name, len(path.parts), path))
    left_out: list[Omission] = []
    for path in candidates[1:]:
        item, original = path.relative_to(root).as_posix(), candidates[0].relative_to(root).as_posix()
        if same_bytes(path, candidates[0]):
            left_out.append(Omission(item, f"a byte-equal copy of {original}"))
        elif AUTOSAVE in path.name:
            left_out.append(
                Omission(item, f"an editor's autosave; it differs from {original}, which is read")
            )
        else:
            left_out.append(
                Omission(item, f"{what}: this and {original} differ; keep one of them", fault=True)
            )
    return (candidates[0] if candidates else None), tuple(left_out)


def same_bytes(one: Path, other: Path) -> bool:
    """Whether two files hold the same."""
    if one.stat().st_size != other.stat().st_size:
        return False
    digests = []
    for path in (one, other):
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").digest())
    return digests[0] == digests[1]
