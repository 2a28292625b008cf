"""Files by patterns: ``labels/{split}/video{case}-phase.txt``, anywhere below a root.

``{case}``, ``{number}`` (a case of digits), ``{case:tool}`` (a case with "tool" in its name), ``{frame}`` (digits),
``{number:3}`` and ``{frame:3}`` (so many digits, for names that nothing divides, ``171025.png``) and ``{split}`` capture; ``*`` is any part of a name; ``!`` before a pattern leaves its files out. A pattern matches the end of a
path, so a folder above or below the one that the authors ship is as good, and so are upper and lower case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from surgvqa.builders.files.tree import files_below
from surgvqa.cards.command import InputError

PARTS: Mapping[str, str] = {
    "case": r"(?P<case>[^/]+?)",
    "frame": r"(?P<frame>\d+)",
    "split": r"(?P<split>[^/]+?)",
    "number": r"(?P<case>\d+)",  # a case that is a number
}


class FileMatch(NamedTuple):
    """A file and what its path says."""

    path: Path
    fields: Mapping[str, str]


@cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return a pattern as a regular expression.

    >>> compile_pattern("video{case}-phase.txt").search("a/b/video07-phase.txt")["case"]
    '07'
    >>> compile_pattern("{number:3}{frame:3}.png").search("masks/171025.png").groups()
    ('171', '025')
    """
    text = re.escape(pattern).replace(r"\*", "[^/]*")
    for name, part in PARTS.items():
        text = text.replace(rf"\{{{name}\}}", part)
    text = re.sub(r"\\{case:([a-z_]+)\\}", r"(?P<case>[^/]*\1[^/]*?)", text)
    text = re.sub(r"\\{number:(\d+)\\}", r"(?P<case>\\d{\1})", text)
    text = re.sub(r"\\{frame:(\d+)\\}", r"(?P<frame>\\d{\1})", text)
    if re.search(r"\\[{}]", text):  # a brace of the pattern; those of a count aren't escaped
        raise InputError(f"the pattern {pattern!r} holds what isn't one of {', '.join(PARTS)}")
    return re.compile(rf"(?:^|/){text}$", re.IGNORECASE)


class Tree:
    """The files below a root, listed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        name = root.resolve().name
        files = (path for path in files_below(root) if path.name[0] != ".")
        self.files = [(path, f"{name}/{path.relative_to(root).as_posix()}") for path in files]

    def find(self, patterns: Sequence[str]) -> Iterator[FileMatch]:
        """Yield the files that fit one of the patterns, in order of their paths."""
        wanted_patterns = [one for one in patterns if one[0] != "!"]
        not_wanted = [one[1:] for one in patterns if one[0] == "!"]
        for path, text in self.files:
            match = next(
                (match for one in wanted_patterns if (match := compile_pattern(one).search(text))), None
            )
            if match and not any(compile_pattern(one).search(text) for one in not_wanted):
                yield FileMatch(path, match.groupdict())

    def describe(self) -> str:
        """Say how many files there are, and name three of them."""
        names = ", ".join(self.relative_path(path) for path, _ in self.files[:3])
        return f"it holds {len(self.files):,} files, such as {names}" if names else "it holds no file"

    def relative_path(self, path: Path) -> str:
        """Return a path below the root, as messages and notes call it."""
        return path.relative_to(self.root).as_posix()


def fields_of(patterns: Sequence[str], name: str) -> Mapping[str, str] | None:
    """Return what a name says by the first pattern that it fits, or None."""
    for pattern in patterns:
        if match := compile_pattern(pattern).search(name.replace("\\", "/")):
            return match.groupdict()
    return None
