"""Copy the shipped base, and nothing that is not as it was shipped.

``origin.json`` says how it was made: commands, seed, versions, processor, date, and the SHA-256 of every file.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from surgvqa.cards.command import InputError

HERE = Path(__file__).parent
FAMILY = "qwen2_5_vl"
ORIGIN = "origin.json"


def copy(family: str, out: Path, seed: int = 0) -> None:
    """Copy the shipped base to ``out``, after a look at its files' hashes.

    Raises:
        InputError: another family than the one there is, another seed, or a file that isn't as it was shipped.
    """
    origin = json.loads((HERE / ORIGIN).read_text("utf-8"))
    if family != FAMILY:
        raise InputError(f"--size taught is a {FAMILY}; `make learn` teaches others, --size demo is untaught")
    if seed != origin["seed"]:
        raise InputError(
            f"--size taught was made with seed {origin['seed']}; another one is taught by `make learn`"
        )
    for name, digest in sorted(origin["files"].items()):
        if hashlib.sha256((HERE / name).read_bytes()).hexdigest() != digest:
            raise InputError(f"{HERE / name} is not as it was shipped; install surgvqa again")
    out.mkdir(parents=True, exist_ok=True)
    for name in (*sorted(origin["files"]), ORIGIN):
        shutil.copyfile(HERE / name, out / name)
    print(f"{out}: {family} of size taught, {origin['parameters']:,} weights")
