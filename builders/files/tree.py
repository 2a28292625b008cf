"""The files below a folder, each once; a link that leads out of it is refused.

What a link leads to outside may be anybody's: a picture of another patient, a file of the system. `Path.rglob` wouldn't
enter a linked folder, and what lies there would count as absent, so such a link is named and never passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from surgvqa.builders.schema import Case
from surgvqa.cards.command import InputError


def leads_out(path: Path, root: Path) -> bool:
    """Whether a path below a folder leads out of it, by a link or by "..".

    The stores of the Hub's cache and of git-annex, to which every file of theirs is a link, belong to the folder.
    """
    here, there = root.resolve(), path.resolve()
    return not any(there.is_relative_to(one) for one in (here, *_stores(here)))


def _stores(root: Path) -> Iterator[Path]:
    """Yield where the Hub's cache or git-annex would keep the content of the files of a folder."""
    for folder in (root, *root.parents):
        yield folder / ".git" / "annex" / "objects"
        if folder.name == "snapshots":
            yield folder.parent / "blobs"


def refuse_links(paths: Iterable[Path], root: Path) -> None:
    """Raise ``InputError`` for a path that lies below a folder and leads out of it by a link."""
    above = root.absolute()
    sound: set[Path] = (
        set()
    )  # folders: resolving one path in each of them is enough for those that are no links
    for path in paths:
        whole = path.absolute()
        if not whole.is_relative_to(above) or (whole.parent in sound and not whole.is_symlink()):
            continue
        if leads_out(whole, root):
            where = whole.relative_to(above).as_posix()
            raise InputError(
                f"{where}: a link to {whole.resolve()}, outside {root}; copy it there, or give the folder it leads to"
            )
        if not whole.is_symlink():
            sound.add(whole.parent)


def refuse_links_of(case: Case, *roots: Path | None) -> None:
    """Raise ``InputError`` where a file of a case is a link out of the folder that it was given in."""
    paths = (*case.files, *(frame.path for frame in case.frames), *([case.video] if case.video else []))
    for root in roots:
        if root is not None:
            refuse_links(paths, root)


def below(root: Path) -> Iterator[Path]:
    """Yield every file and folder below a folder, also behind links in it; what links lead to twice comes once.

    What macOS adds to archives (``._name``, ``__MACOSX``) is left out: it repeats the names of files without their
    content.

    Raises:
        InputError: a link to a folder outside.
    """
    inodes: set[tuple[int, int]] = set()
    for folder, inside, names in os.walk(root, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in inodes:
            inside.clear()
            continue
        inodes.add((status.st_dev, status.st_ino))
        inside[:] = sorted(name for name in inside if name != "__MACOSX")
        refuse_links((link for name in inside if (link := Path(folder) / name).is_symlink()), root)
        for name in sorted((*inside, *names)):
            if not name.startswith("._"):
                yield Path(folder) / name


def files_below(root: Path, *patterns: str) -> list[Path]:
    """Return the ordinary files below a folder whose names fit one of some patterns, or all of them, by their paths.

    A pattern is matched with and without its case: ``*.xml`` fits ``A.XML``.

    Raises:
        InputError: a link to a folder outside, or to a file outside whose name fits.
    """
    globs = [pattern.lower() for pattern in patterns] or ["*"]
    fitting = [
        path for path in below(root) if any(fnmatchcase(path.name.lower(), pattern) for pattern in globs)
    ]
    refuse_links((path for path in fitting if path.is_symlink()), root)
    return sorted(path for path in fitting if path.is_file())
