"""The folder a data set is written to: one build at a time, finished shards kept, published in one step.

Nothing of a data set is visible before all of it is there: shards wait in ``.build``, and the manifest is
written last. What a killed build left is taken up again; what is not a build's own is never touched.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from surgvqa.builders.files.one_command import hold
from surgvqa.builders.files.parquet import sync_folder, write_text
from surgvqa.builders.shards import joined
from surgvqa.builders.shards.job import Job, Record
from surgvqa.builders.shards.write import staging_path
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files.documents import CaseShard, PlacedShard

STAGING = ".build"
FOLDERS = ("clips", "qa", "pointing", "segmentation", "spoken", "videos")


@contextmanager
def lock(out: Path) -> Iterator[Path]:
    """Yield the staging folder of ``out``, for one build at a time; gone again if nothing is left in it."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; give a folder")
    is_new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    folder = os.open(out, os.O_RDONLY)
    staging = out / STAGING
    owner = staging / "owner"
    try:
        if not hold(folder):
            who = owner.read_text("utf-8") if owner.is_file() else "another process"
            raise InputError(f"{out}: {who} is building there; wait for it, or give another --out")
        refuse_foreign(out)
        staging.mkdir(exist_ok=True)
        owner.write_text(f"process {os.getpid()} on {socket.gethostname()}", "utf-8")
        try:
            yield staging
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise InputError(
                f"{out}: no space left on the disk; free some and run the same command again, "
                "finished shards are kept"
            ) from error
        finally:
            owner.unlink(missing_ok=True)
            if staging.is_dir() and not any(staging.iterdir()):
                staging.rmdir()
            if is_new and not any(out.iterdir()):
                out.rmdir()
    finally:
        os.close(folder)


def refuse_foreign(out: Path) -> None:
    """Raise where ``out`` holds what no build wrote: it would be published with the data set."""
    own_names = {*manifests.UNLISTED_FILES, ".gitattributes"}
    ours = any((out / name).exists() for name in (manifests.NAME, STAGING))
    for path in sorted(out.iterdir()):
        is_from_build = ours and path.name in FOLDERS
        if not is_from_build and path.name not in own_names and path.name != STAGING:
            raise InputError(
                f"--out {out} holds {path.name}, which no build wrote; give an empty or a new folder"
            )


def reopen(out: Path, staging: Path, keys: set[str]) -> None:
    """Take the wanted shards of an earlier build back into the staging folder, and clear the rest away.

    The manifest goes first: from here until the end, ``out`` is no data set.
    """
    plan_file = staging / "plan.json"
    earlier: Mapping[str, CaseShard] = {}
    if (out / manifests.NAME).is_file():
        try:
            earlier = manifests.read(out)["shards"]
        except (InputError, KeyError, TypeError):
            earlier = {}  # damaged: what it listed is built again
        write_text(plan_file, json.dumps(earlier))
        (out / manifests.NAME).unlink()
        sync_folder(out)
    elif plan_file.is_file():
        earlier = json.loads(plan_file.read_text("utf-8"))
    for key, record in earlier.items():
        for name, file in record["files"].items():
            there, here = out / file["path"], staging_path(staging, key, name)
            if key in keys and "part" not in file and there.is_file() and not here.exists():
                here.parent.mkdir(parents=True, exist_ok=True)
                there.replace(here)
        if key in keys:
            files = {
                name: {"sha256": file["sha256"], "bytes": file["bytes"]}
                for name, file in record["files"].items()
            }
            again = {"key": key, "files": files, "dropped": record.get("dropped", [])}
            write_text(staging / f"{key}.json", json.dumps(again, sort_keys=True))
    plan_file.unlink(missing_ok=True)
    for name in (*FOLDERS, manifests.CARD, manifests.REPORT):
        remove(out / name)
    for path in staging.iterdir():
        if path.name.split(".")[0] not in keys and path.name != "owner":
            remove(path)
    for path in staging.rglob("*.tmp"):
        path.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def clear(staging: Path) -> None:
    """Empty the staging folder but for the owner's name."""
    for path in staging.iterdir():
        if path.name != "owner":
            remove(path)


def name_shards(jobs: Sequence[Job], records: Mapping[str, Record]) -> dict[str, CaseShard]:
    """Return every shard's files with their final names: a number per split and config, in the order of cases.

    Where there are more cases than files should be, several share one.
    """
    totals = Counter(
        (name, job.split) for job in jobs for name in records[job.name]["files"] if "/" not in name
    )
    numbers: Counter[tuple[str, str]] = Counter()
    shards: dict[str, CaseShard] = {}
    for job in jobs:
        record = records[job.name]
        files: dict[str, PlacedShard] = {}
        for name, file in record["files"].items():
            at = (name, job.split)
            files[name] = {"sha256": file["sha256"], "bytes": file["bytes"]}
            if "/" in name:
                files[name]["path"] = f"videos/{job.split}/{name.split('/', 1)[1]}"
                continue
            size = joined.per_file(totals[at])
            number, part = divmod(numbers[at], size)
            last = -(-totals[at] // size)
            files[name]["path"] = f"{name}/{job.split}-{number:05d}-of-{last:05d}.parquet"
            if size > 1:
                files[name]["part"] = part
            numbers[at] += 1
        shards[record["key"]] = {"files": files, "dropped": record["dropped"]}
    return shards
