"""JSON documents on disk, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write(path: Path, figures: dict[str, Any]) -> None:
    """Return the figures as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    text = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
    # A lone surrogate in someone's labels has no UTF-8; as \\udXXX it is the same text to a JSON reader.
    part.write_text(text, encoding="utf-8", errors="backslashreplace")
    part.replace(path)
