"""The folder of a data set with config `instruct`: what may be replaced, where pictures lie, how it is finished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgvqa.builders.files import parquet
from surgvqa.builders.files.tree import leads_out
from surgvqa.builders.privacy.pseudonyms import Pseudonyms, refuse_named
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Facts
from surgvqa.builders.shards.write import made_with, source_of
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files.atomic import left_behind
from surgvqa.cards.files.documents import SCHEMA, InstructReport, LeftOut, Manifest
from surgvqa.cards.files.manifest import dump, with_seal
from surgvqa.cards.write.instruct import instruct_card

CONFIG = "instruct"
ROWS_PER_GROUP = 200  # 40 kB a picture: 8 MB
FRAMES_PER_SHARD = 4000  # with three samples of 40 kB each: half a gigabyte


def teacher_folder(out: Path) -> Path:
    """Return the folder of answers and refused samples: beside the data set, so that they are never published with it."""
    return out.with_name(f"{out.name}.teacher")


def refuse_foreign(out: Path) -> None:
    """Refuse a folder that holds something other than instruction data."""
    if not out.exists() or not any(out.iterdir()):
        return
    ours = {CONFIG, *manifests.UNLISTED_FILES, *(path.name for path in leftovers(out))}
    others = sorted(path.name for path in out.iterdir() if path.name not in ours)
    own = not (out / manifests.NAME).is_file() or manifests.read(out)["parameters"].get("source") == CONFIG
    if others or not own:
        raise InputError(
            f"{out} holds {', '.join(others) or 'another data set'}; give --out a folder of its own"
        )


def leftovers(out: Path) -> list[Path]:
    """Return what a run that was killed left of the files beside the config."""
    return [path for name in sorted(manifests.UNLISTED_FILES) for path in left_behind(out / name)]


def empty_folder(out: Path) -> Path:
    """Return the folder of the config without what an earlier run left; from here to the end ``out`` is no data set."""
    folder = out / CONFIG
    folder.mkdir(parents=True, exist_ok=True)
    for name in manifests.UNLISTED_FILES:
        (out / name).unlink(missing_ok=True)
    for old in (*folder.iterdir(), *leftovers(out)):
        old.unlink()
    return folder


def picture(root: Path, name: str) -> Path:
    r"""Return a picture's path, which stays below ``root``; ``\`` separates folders as ``/`` does."""
    path = root / name.replace("\\", "/")
    if leads_out(path, root):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A data set with config `instruct`, but for its report, card and manifest."""

    facts: Facts
    source: Path  # the file it was made of
    files: Sequence[Path]  # its shards
    report: InstructReport
    parameters: Mapping[str, object]
    split: Mapping[str, str]  # of every case
    command: Sequence[str]  # that makes the same again
    omissions: Sequence[LeftOut] = ()


def finish(out: Path, build: Build, names: Pseudonyms | None = None) -> None:
    """Write report, card and, last, the manifest."""
    text, source, code = dump(build.report), build.source, made_with()
    manifest: Manifest = {
        "schema": SCHEMA,
        "surgvqa": code["surgvqa"],
        "versions": code["versions"],
        "code": code["code"],
        "source": source_of(build.facts),
        "parameters": {**build.parameters, **({"pseudonyms": "FILE"} if names else {})},
        "commands": [list(build.command)],
        "splits": dict(build.split),
        "counts": build.report["splits"],
        "files": {path.relative_to(out).as_posix(): manifests.shard_of(path) for path in build.files},
        "source_files": {names.file(source.name): names.digest(manifests.sha256(source))}
        if names
        else {source.name: manifests.sha256(source)},
        "dropped": list(build.omissions),
    }
    card = instruct_card(manifest, build.report)
    manifest["derived"] = manifests.text_hashes({manifests.REPORT: text, manifests.CARD: card})
    parquet.write_text(out / manifests.REPORT, text)
    parquet.write_text(out / manifests.CARD, card)
    if names is not None:
        names.save()
        refuse_named(out, manifest, names)
    parquet.write_text(out / manifests.NAME, dump(with_seal(manifest)))
