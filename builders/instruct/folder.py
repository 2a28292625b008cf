"""The folder of a data set with config `instruct`: what may be replaced, where pictures lie, how it is finished."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from surgvqa.builders.files import parquet
from surgvqa.builders.pipeline.shard import LIBRARIES, code_version
from surgvqa.builders.privacy.pseudonyms import Pseudonyms, refuse_named
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Facts
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files.manifest import dump, sealed
from surgvqa.cards.write.instruct import instruct_card

CONFIG = "instruct"
ROWS_PER_GROUP = 200  # 40 kB a picture: 8 MB
FRAMES_PER_SHARD = 4000  # with three samples of 40 kB each: half a gigabyte


def teacher_folder(out: Path) -> Path:
    """Where answers and refused samples lie: beside the data set, so that they are never published with it."""
    return out.with_name(f"{out.name}.teacher")


def refuse_foreign(out: Path) -> None:
    """Refuse a folder that holds something other than instruction data."""
    if not out.exists() or not any(out.iterdir()):
        return
    others = sorted(path.name for path in out.iterdir() if path.name not in (CONFIG, *manifests.UNLISTED))
    own = not (out / manifests.NAME).is_file() or manifests.read(out)["parameters"].get("source") == CONFIG
    if others or not own:
        raise InputError(
            f"{out} holds {', '.join(others) or 'another data set'}; give --out a folder of its own"
        )


def emptied(out: Path) -> Path:
    """Return the folder of the config without what an earlier run left; from here to the end ``out`` is no data set."""
    folder = out / CONFIG
    folder.mkdir(parents=True, exist_ok=True)
    for name in manifests.UNLISTED:
        (out / name).unlink(missing_ok=True)
    for old in folder.iterdir():
        old.unlink()
    return folder


def picture(root: Path, name: str) -> Path:
    r"""Return a picture's path, which stays below ``root``; ``\`` separates folders as ``/`` does."""
    path = root / name.replace("\\", "/")
    if not path.resolve().is_relative_to(root.resolve()):
        raise InputError(f"the picture {name!r} lies outside {root}")
    if not path.is_file():
        raise InputError(f"no picture {path}")
    return path


def facts_of(taxonomy: Taxonomy) -> Facts:
    """Describe where instruction data comes from, for the card."""
    return Facts(
        name=f"Instructions on {taxonomy.title}",
        homepage="https://github.com/surgvqa/surgvqa",
        licence="other: whatever the owner of the recordings decides",
        access="from the owner of the recordings",
        citation="@misc{own_procedure, title = {Recordings of the data set's author}}",
        procedure=taxonomy.name,
    )


def finish(
    out: Path,
    facts: Facts,
    read: Path,
    files: Sequence[Path],
    report: Mapping[str, Any],
    parameters: Mapping[str, Any],
    split: Mapping[str, str],
    command: Sequence[str],
    dropped: Sequence[Mapping[str, Any]] = (),
    names: Pseudonyms | None = None,
) -> None:
    """Write report, card and, last, the manifest of what was made of the file ``read``."""
    text = dump(dict(report))
    manifest: dict[str, Any] = {
        "surgvqa": version("surgvqa"),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        "code": code_version(),
        "source": asdict(facts),
        "parameters": {**parameters, **({"pseudonyms": "FILE"} if names else {})},
        "commands": [list(command)],
        "splits": dict(split),
        "counts": report["splits"],
        "files": {
            path.relative_to(out).as_posix(): {"sha256": manifests.sha256(path), "bytes": path.stat().st_size}
            for path in files
        },
        "source_files": {names.file(read.name): names.digest(manifests.sha256(read))}
        if names
        else {read.name: manifests.sha256(read)},
        "dropped": list(dropped),
    }
    card = instruct_card(manifest, report)
    manifest["derived"] = manifests.derived({manifests.REPORT: text, manifests.CARD: card})
    parquet.write_text(out / manifests.REPORT, text)
    parquet.write_text(out / manifests.CARD, card)
    if names is not None:
        names.save()
        refuse_named(out, manifest, names)
    parquet.write_text(out / manifests.NAME, dump(sealed(manifest)))
