"""JSON documents on disk, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

SCHEMA_VERSION = 1  # of every document; a key that is renamed or changes its meaning raises it

LINES = 3  # levels of objects that are laid out a key a line; what lies deeper stands on one line
MANY = 200  # entries of an object beyond which each stands on one line
ENCODE = json.JSONEncoder(ensure_ascii=False).encode


def lines(value: object, level: int = 0) -> str:
    """Return JSON that a person can read and that is written fast: only what lies on one line goes to the C encoder.

    >>> print(lines({"a": {"b": [1, 2]}}))
    {
     "a": {
      "b": [1, 2]
     }
    }
    """
    if level == LINES or not isinstance(value, dict) or not value:
        return ENCODE(value)
    inner = LINES if len(value) > MANY else level + 1
    pad = " " * (level + 1)
    own = (f"{pad}{ENCODE(str(key))}: {lines(entry, inner)}" for key, entry in value.items())
    return "{\n" + ",\n".join(own) + "\n" + " " * level + "}"


def write(path: Path, figures: Mapping[str, object]) -> None:
    """Write figures as JSON with their schema version, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    text = lines({"schema_version": SCHEMA_VERSION, **figures}) + "\n"
    # A lone surrogate in someone's labels has no UTF-8; as \\udXXX it is the same text to a JSON reader.
    part.write_text(text, encoding="utf-8", errors="backslashreplace")
    part.replace(path)
