"""`sha256sums.txt` of a model's folder: what training wrote, so that any flipped bit shows and has a file's name.

`sha256sum -c sha256sums.txt` reads it, too. Its first line is a comment that holds the hash of the others.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from surgvqa.cards.files.manifest import CARD, put, sha256

NAME = "sha256sums.txt"
# What a trainer writes beside a model: logs and the points to go on from, which later runs change.
OTHERS = (CARD, NAME, ".gitattributes", "trainer_state.json", "training_args.bin")
LINE = re.compile(r"([0-9a-f]{64})  (\S[^\n]*)")


def write(folder: Path) -> Path:
    """Write the hashes of the files in a model's folder (not of those below it); returns their file."""
    names = sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file() and path.name not in OTHERS and not path.name.startswith(".")
    )
    lines = "".join(f"{sha256(folder / name)}  {name}\n" for name in names)
    put(folder / NAME, f"# {hashlib.sha256(lines.encode()).hexdigest()}\n{lines}")
    return folder / NAME


def read(folder: Path) -> dict[str, str] | None:
    """The hashes by file name, None where the file of hashes is itself damaged."""
    try:
        first, _, lines = (folder / NAME).read_bytes().decode("utf-8").partition("\n")
    except UnicodeDecodeError:
        return None
    if first != f"# {hashlib.sha256(lines.encode()).hexdigest()}":
        return None
    found = [LINE.fullmatch(line) for line in lines.split("\n")[:-1]]
    return {match[2]: match[1] for match in found if match}


def faults(folder: Path) -> list[str]:
    """What of a model's folder isn't as training left it, each with its file's name."""
    hashes = read(folder)
    if hashes is None:
        return [f"{NAME}: its text is not the one that was written"]
    found = []
    for name, wanted in sorted(hashes.items()):
        path = folder / name
        if "/" in name or "\\" in name or path.is_symlink():
            found.append(f"{name}: not a file of this folder")
        elif not path.is_file():
            found.append(f"{name}: listed, but not there")
        elif sha256(path) != wanted:
            found.append(f"{name}: its SHA-256 is not the one in {NAME}")
    weights = {path.name for path in folder.glob("*.safetensors")} - set(hashes)
    return found + [f"{name}: there, but not listed" for name in sorted(weights)]
