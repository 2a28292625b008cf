"""The pages of the documentation, and the shell blocks in them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from hints import ROOT, next_commands

__all__ = ["ROOT", "blocks", "shell"]
SHELL = ("", "bash", "sh", "shell", "console")


def blocks(text: str) -> Iterator[str]:
    """The shell blocks of a Markdown text, continuation lines joined."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if language in SHELL:
            yield re.sub(r"\\\n\s*", " ", block)


def shell(script: str, folder: Path, seconds: float) -> str:
    """Run a block as a person would paste it; every line must succeed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env=os.environ | {"PATH": path, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    next_commands(done.stdout)
    return done.stdout
