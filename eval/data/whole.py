"""The condition of a data set before it is read: finished, unedited, no case in two splits.

A folder is held to this where it is one of ours: it has a manifest, a build's staging folder, or tables that are
named and shaped as a build names and shapes them. Anybody else's data set is only asked for the third.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from surgvqa.builders.cases.splits import refuse_shared_cases
from surgvqa.builders.pipeline.staging import FOLDERS, STAGING
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files.documents import Shard

CONFIGS = (*FOLDERS, "instruct")
SHARD = "*-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9].parquet"
CASE = "case_id"
AGAIN = "run the same build again, or copy the folder again"
MOST = 5  # faults in one message


def refuse_unfinished(folder: Path, config: str | None = None) -> None:
    """Raise unless a folder of ours is whole: its manifest sealed, every file there, those of ``config`` unchanged.

    Without ``config`` every file's bytes are looked at. The card may be edited: nobody learns from it.
    """
    if not (folder / manifests.NAME).is_file():
        if (folder / STAGING).is_dir() or ours(folder):
            raise InputError(
                f"{folder} is unfinished: it has no {manifests.NAME}, which a build writes last; {AGAIN}"
            )
        return
    manifest = manifests.whole(folder)
    if not isinstance(manifest.get("files"), dict):
        return  # a manifest of another program
    faults = [one for one in manifests.seal_faults(folder, manifest) if one.startswith(manifests.REPORT)]
    shards: Mapping[str, Shard] = manifest["files"]
    for name, shard in sorted(shards.items()):
        path = folder / name
        read = config is None or name.split("/")[0] in (config, "videos")
        if not path.is_file():
            faults.append(f"{name}: listed, but not there")
        elif path.stat().st_size != shard["bytes"]:
            faults.append(f"{name}: {path.stat().st_size} bytes, should be {shard['bytes']}")
        elif read and name.endswith(".parquet") and _digest(path) != shard["sha256"]:
            faults.append(f"{name}: its SHA-256 is not the one in {manifests.NAME}")
    there = {
        path.relative_to(folder).as_posix() for name in CONFIGS for path in (folder / name).glob("*.parquet")
    }
    faults += [f"{name}: there, but not listed" for name in sorted(there - set(shards))]
    if faults:
        more = f"; and {len(faults) - MOST} more" if len(faults) > MOST else ""
        raise InputError(
            f"{folder} is not what was built: {'; '.join(faults[:MOST])}{more}; {AGAIN} "
            f"(`surgvqa-build verify {folder}` looks at every byte)"
        )


def refuse_other_video(root: Path, path: Path) -> None:
    """Raise where a video below a data set of ours isn't the one that was written.

    Its bytes are read when it is first shown, not all videos before the first step: of 100 GB that would take minutes.
    """
    expected_digest = _videos(root, *_stat(root / manifests.NAME)).get(path.relative_to(root).as_posix())
    if expected_digest is not None and _digest(path) != expected_digest:
        raise InputError(f"{path}: its SHA-256 is not the one in {manifests.NAME}; {AGAIN}")


def _stat(path: Path) -> tuple[int, int]:
    """Return what changes with a file; zeros where there is none."""
    return (path.stat().st_mtime_ns, path.stat().st_size) if path.is_file() else (0, 0)


@lru_cache(maxsize=8)
def _videos(root: Path, *_: int) -> Mapping[str, str]:
    """Return the digests of a data set's videos; none of a folder that is no data set."""
    manifest = manifest_of(root)
    shards = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(shards, dict):
        return {}
    return {name: shard["sha256"] for name, shard in shards.items() if name.startswith("videos/")}


def ours(folder: Path) -> bool:
    """Whether a folder has tables as our builds write them: in a config's folder, numbered, with a column of cases."""
    for config in CONFIGS:
        for path in sorted((folder / config).glob(SHARD)):
            try:
                return CASE in pq.read_schema(path).names
            except (OSError, pa.ArrowInvalid):
                return True  # of our name, and broken off
    return False


def _digest(path: Path) -> str:
    """Return a file's SHA-256; once for a file that stays as it is."""
    facts = path.stat()
    return _cached_digest(path.resolve(), facts.st_size, facts.st_mtime_ns, facts.st_ino)


@lru_cache(maxsize=100_000)
def _cached_digest(path: Path, *_: int) -> str:
    return manifests.sha256(path)


def refuse_leaks(folder: Path, config: str) -> None:
    """Raise where a case lies in two splits of a folder's config, unless its source divides that case by itself."""
    cases: dict[str, set[str]] = {}
    for path in sorted((folder / config).glob("*-*.parquet")):
        with pq.ParquetFile(path) as table:
            if CASE in table.schema_arrow.names:
                column = pc.unique(table.read(columns=[CASE])[CASE])
                cases.setdefault(path.name.split("-")[0], set()).update(
                    map(str, column.drop_null().to_pylist())
                )
    refuse_undeclared(cases, manifest_of(folder), str(folder))


def manifest_of(folder: Path) -> Any:
    """Return a folder's manifest; {} where it has none."""
    return manifests.read(folder) if (folder / manifests.NAME).is_file() else {}


def refuse_undeclared(cases: Mapping[str, Iterable[str]], manifest: Any, where: str) -> None:
    """Raise where a case lies in two splits and the manifest ``manifest`` doesn't say that its source divides it."""
    declared_splits: Mapping[str, str] = manifest.get("splits", {}) if isinstance(manifest, dict) else {}
    divided_cases = {case for case, split in declared_splits.items() if "+" in str(split)}
    try:
        refuse_shared_cases({split: set(group) - divided_cases for split, group in cases.items()})
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def check(folder: Path, config: str | None) -> None:
    """Raise for a folder that is unfinished or edited, or that has a case in two splits of ``config``."""
    refuse_unfinished(folder, config)
    if config is not None:
        refuse_leaks(folder, config)
