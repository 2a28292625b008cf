"""The pages of the documentation, and the shell blocks in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHELL = ("", "bash", "sh", "shell", "console")


def blocks(text: str) -> Iterator[str]:
    """The shell blocks of a Markdown text, continuation lines joined."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if language in SHELL:
            yield re.sub(r"\\\n\s*", " ", block)
