"""Texts that somebody else wrote: ordinary files of a bounded size, UTF-8 or UTF-16."""

from __future__ import annotations

from pathlib import Path

from surgvqa.builders.files.names import require_regular
from surgvqa.cards.command import InputError

LARGEST = 2**29  # bytes of an annotation file: a million polygons of COCO are 200 MB
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_bytes(path: Path, file_name: str) -> bytes:
    """Return the bytes of an ordinary file of at most `LARGEST` bytes."""
    if not path.exists():
        raise InputError(f"no file {path}")
    size = require_regular(path, file_name).stat().st_size
    if size > LARGEST:
        raise InputError(f"{file_name}: {size} bytes; up to {LARGEST} are read: split it by pictures")
    data = path.read_bytes()
    if data.startswith(b"PK\x03\x04"):
        raise InputError(f"{file_name}: a ZIP archive; unpack it, and give the file or folder inside")
    return data


def read_text(path: Path, file_name: str) -> str:
    """Return the text of a file: UTF-8, with or without a byte order mark, or UTF-16 with one."""
    data = read_bytes(path, file_name)
    try:
        return data.decode("utf-16" if data.startswith(UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{file_name}: not {error.encoding.upper()} at byte {error.start}; save it as UTF-8"
        ) from error
