"""Verify a data set or a model bit for bit against its hashes: every damaged file by its name."""

from __future__ import annotations

from pathlib import Path

from surgvqa.builders.pipeline.staging import STAGING
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files import sums

# What the Hub and its client add to a repository's folder.
HUB_FILES = (".gitattributes:", ".cache/huggingface/")


def verify(folder: Path) -> int:
    """Check every file of a data set's or a model's folder; returns how many there are.

    Raises ``InputError`` that names each file that is missing, changed or not of the data set.
    """
    if not (folder / manifests.NAME).exists() and (folder / sums.NAME).is_file():
        faults, remedy = sums.faults(folder), "Train again, or copy the folder again"
        count = sums.count(folder)
    else:
        faults = list(find_damage(folder).values())
        remedy = "`surgvqa-build verify DIR --repair ROOT` builds them again; so does the same build: what is whole is kept"
        count = 0
        if not faults:
            manifest = manifests.read(folder)
            count = len(manifest["files"]) + len(manifest.get("derived", ())) + 1
    if faults:
        raise InputError(
            f"{folder}: {len(faults)} file{'s' if len(faults) > 1 else ''} damaged: {'; '.join(faults)}. {remedy}"
        )
    return count


def find_damage(folder: Path) -> dict[str, str]:
    """Every damaged, missing or foreign file of a data set, with what is wrong with it.

    Raises ``InputError`` where the manifest itself is damaged: nobody knows then what the others should be.
    """
    if (folder / STAGING).exists() and not (folder / manifests.NAME).exists():
        raise InputError(f"{folder} is unfinished: a build was interrupted; run the same build again")
    manifest = manifests.whole(folder)
    faults = [
        one
        for one in manifests.faults(folder, manifest["files"])
        if not one.startswith((f"{STAGING}/", *HUB_FILES))
    ]
    faults += manifests.seal_faults(folder, manifest)
    return {one.split(": ", 1)[0]: one for one in faults}
