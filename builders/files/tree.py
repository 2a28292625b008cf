"""The files below a folder, also behind links to other disks; each folder once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path


def below(root: Path) -> Iterator[Path]:
    """Yield every file and folder below a folder, also behind links; a folder that links lead to twice comes once.

    What macOS adds to archives (``._name``, ``__MACOSX``) is left out: it repeats the names of files without their
    content. `Path.rglob` wouldn't enter a linked folder, and what lies there would count as absent.
    """
    visited: set[tuple[int, int]] = set()
    for folder, inside, names in os.walk(root, followlinks=True):
        found = Path(folder).stat()
        if (found.st_dev, found.st_ino) in visited:
            inside.clear()
            continue
        visited.add((found.st_dev, found.st_ino))
        inside[:] = sorted(name for name in inside if name != "__MACOSX")
        for name in sorted((*inside, *names)):
            if not name.startswith("._"):
                yield Path(folder) / name


def files_below(root: Path, *patterns: str) -> list[Path]:
    """Return the ordinary files below a folder whose names fit one of some patterns, or all of them, by their paths.

    A pattern is matched with and without its case: ``*.xml`` fits ``A.XML``.
    """
    wanted = [pattern.lower() for pattern in patterns] or ["*"]
    return sorted(
        path
        for path in below(root)
        if any(fnmatchcase(path.name.lower(), pattern) for pattern in wanted) and path.is_file()
    )
