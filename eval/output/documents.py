"""JSON documents on disk, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

SCHEMA_VERSION = 1  # of every document; a key that is renamed or changes its meaning raises it


def write(path: Path, figures: Mapping[str, object]) -> None:
    """Write figures as JSON with their schema version, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    text = json.dumps({"schema_version": SCHEMA_VERSION, **figures}, indent=1, ensure_ascii=False) + "\n"
    # A lone surrogate in someone's labels has no UTF-8; as \\udXXX it is the same text to a JSON reader.
    part.write_text(text, encoding="utf-8", errors="backslashreplace")
    part.replace(path)
