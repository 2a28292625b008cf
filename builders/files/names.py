"""Names as people give them, and files that are safe to open."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from surgvqa.cards.command import InputError

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # a case's id is part of file names and of other ids
# What recorders and converters name videos by.
VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv",
    ".flv", ".264", ".h264", ".265", ".hevc", ".ogv", ".3gp", ".dv", ".vob",
)  # fmt: skip
_NO_NAME = re.compile(r"[/\\\x00-\x1f\x7f]")
# What Unicode doesn't take apart into a letter and its accent, and German umlauts, which are written with an e.
_SPELLINGS = {
    "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "æ": "ae", "Æ": "Ae",
    "ø": "o", "Ø": "O", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i",
}  # fmt: skip


def safe_id(name: str) -> str:
    """Return the id of a thing that somebody named: letters, digits, ".", "_", "-"; the same name gives the same id.

    Raises ``InputError`` for what is no name: empty, a path, hidden, or with control characters.

    >>> safe_id("case-7"), safe_id("Fall 3 (Müller)"), safe_id("José"), safe_id("患者1")
    ('case-7', 'Fall_3_Mueller', 'Jose', 'u60a3u80051')
    """
    if SAFE.fullmatch(name):
        return name
    text = unicodedata.normalize("NFC", name).strip()
    if not text or text.startswith(".") or _NO_NAME.search(text):
        raise InputError(f"{name!r} is no name for a case; use letters, digits, '.', '_', '-'")
    safe_text = "".join(map(_ascii, text))
    safe_text = re.sub(r"[^A-Za-z0-9._-]+", "_", safe_text).strip("_.-")
    if not SAFE.fullmatch(safe_text):
        raise InputError(f"{name!r} is no name for a case: it holds no letter or digit")
    return safe_text


def _ascii(char: str) -> str:
    if char.isascii():
        return char
    if char in _SPELLINGS:
        return _SPELLINGS[char]
    plain = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    return plain or (f"u{ord(char):x}" if char.isalnum() else "_")


def require_regular(path: Path, file_name: str | None = None) -> Path:
    """Return the path of an ordinary file, and refuse any other: a pipe or a device may block for ever.

    Raises ``InputError`` for anything else, and where there is nothing.
    """
    file_name = file_name or path.name
    if not path.is_file():
        what = "a folder" if path.is_dir() else "a pipe or a device" if path.exists() else "not there"
        raise InputError(f"{file_name}: {what}; an ordinary file is needed")
    return path
