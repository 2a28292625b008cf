"""Whether a data set folder is, bit for bit, what its build wrote: every damaged file by its name."""

from __future__ import annotations

import hashlib
from pathlib import Path

from surgvqa.builders.folder import STAGING
from surgvqa.cards import manifest as manifests
from surgvqa.cards.command import InputError


def verify(folder: Path) -> int:
    """Check every file of a data set folder; returns how many there are.

    Raises ``InputError`` that names each file that is missing, changed or not of the data set.
    """
    if (folder / STAGING).exists() and not (folder / manifests.NAME).exists():
        raise InputError(f"{folder} is unfinished: a build was interrupted; run the same build again")
    path = folder / manifests.NAME
    manifest = manifests.read(folder)
    if not isinstance(manifest, dict):
        raise InputError(f"{path} is no manifest; build the data set again")
    content = {name: value for name, value in manifest.items() if name != "sha256"}
    if path.read_bytes() != manifests.dump(manifests.sealed(content)).encode():
        raise InputError(f"{path} is damaged: its text is not the one that was written; build again")
    found = [one for one in manifests.faults(folder, manifest["files"]) if not one.startswith(f"{STAGING}/")]
    for name, sha256 in manifest["derived"].items():
        if not (folder / name).is_file():
            found.append(f"{name}: listed, but not there")
        elif hashlib.sha256((folder / name).read_bytes()).hexdigest() != sha256:
            found.append(f"{name}: its SHA-256 is not the one in {manifests.NAME}")
    if found:
        raise InputError(
            f"{folder}: {len(found)} file{'s' if len(found) > 1 else ''} damaged: {'; '.join(found)}. "
            "Run the same build again: what is whole is kept"
        )
    return len(manifest["files"]) + len(manifest["derived"]) + 1
