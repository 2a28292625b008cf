"""One case in, its shard out: a pure function of the case, the options and the code.

Whoever calls it, in whatever order and from however many processes, gets the same bytes: the process pool
of `build.py`, a Slurm array or Ray. A finished shard is its files and, written last, its record.
"""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict, cast

import numpy as np
from surgvqa.builders.configs import pointing, segmentation
from surgvqa.builders.files.parquet import CLIPS_PER_GROUP, ROWS_PER_GROUP, write_text, writer
from surgvqa.builders.schema import FEATURES, QA_FEATURES, REFERENCE_FEATURES, Facts
from surgvqa.builders.shards.job import Job, Record
from surgvqa.builders.shards.rows import qa_rows, rows
from surgvqa.builders.shards.survey import OUTSIDE
from surgvqa.cards.files.documents import PlacedShard, Source

ROWS_PER_PICTURE_GROUP = 256  # a row of config `pointing` holds one frame of 40 kB
LIBRARIES = ("av", "datasets", "numpy", "pillow", "pyarrow", "pycocotools", "simplejpeg")


def build_shard(job: Job, key: str, folder: Path) -> Record:
    """Write a case's shard below ``folder`` and, last, its record ``KEY.json``; return the record."""
    folder.mkdir(parents=True, exist_ok=True)
    videos = folder / f"{key}.videos"
    if job.options.media == "clips":
        videos.mkdir(exist_ok=True)
    omissions: list[list[str]] = []
    detector = job.options.screen.detector if job.options.screen is not None else None

    def refuse(time_s: float, picture: np.ndarray) -> bool:
        outside = detector is not None and detector(picture)
        item = [f"{job.case.case_id}: picture at {time_s:g} s", OUTSIDE]
        if outside and item not in omissions:
            omissions.append(item)
        return outside

    clip_features = REFERENCE_FEATURES if job.options.media == "reference" else FEATURES
    tables = {"clips": folder / f"{key}.clips.parquet", "qa": folder / f"{key}.qa.parquet"}
    with (
        writer(tables["clips"], clip_features, CLIPS_PER_GROUP) as write_clip,
        writer(tables["qa"], QA_FEATURES, ROWS_PER_GROUP) as write_qa,
    ):
        for clip in rows(job, videos, omissions):
            write_clip(clip)
            for one in qa_rows(clip):
                write_qa(one)
    if job.options.pointing is not None:
        tables["pointing"] = folder / f"{key}.pointing.parquet"
        with writer(tables["pointing"], pointing.POINTING_FEATURES, ROWS_PER_PICTURE_GROUP) as write_row:
            for pointing_row in pointing.rows(
                job.case, job.options.pointing, job.options.max_side, job.options.decoder, refuse
            ):
                write_row(pointing_row)
    if job.options.segmentation is not None:
        tables["segmentation"] = folder / f"{key}.segmentation.parquet"
        features = segmentation.SEGMENTATION_FEATURES
        with writer(tables["segmentation"], features, ROWS_PER_PICTURE_GROUP) as write_row:
            for segmentation_row in segmentation.rows(
                job.case, job.options.segmentation, job.options.max_side, job.options.decoder, refuse
            ):
                write_row(segmentation_row)
    files = {name: path for name, path in tables.items() if path.is_file()}
    if job.options.media == "clips":
        files |= {f"videos/{path.name}": path for path in sorted(videos.iterdir())}
    record = Record(
        key=key, files={name: digest(path) for name, path in sorted(files.items())}, dropped=omissions
    )
    write_text(folder / f"{key}.json", json.dumps(record, sort_keys=True))
    return record


def digest(path: Path) -> PlacedShard:
    """Return a file's sha256 and size."""
    with path.open("rb") as file:
        return {
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
            "bytes": path.stat().st_size,
        }


def staging_path(folder: Path, key: str, name: str) -> Path:
    """Return the path of a shard's file until the data set is whole."""
    return folder / f"{key}.{name}.parquet" if "/" not in name else folder / f"{key}.{name}"


def whole(folder: Path, key: str) -> Record | None:
    """Return the record of a finished shard whose every file is as it was written, else None."""
    path = folder / f"{key}.json"
    if not path.is_file():
        return None
    try:
        record: Record = json.loads(path.read_text("utf-8"))
        if all(digest(staging_path(folder, key, name)) == entry for name, entry in record["files"].items()):
            return record
    except (ValueError, KeyError, OSError):
        return None
    return None


class MadeWith(TypedDict):
    """The code and the libraries, as a manifest names them."""

    surgvqa: str
    versions: dict[str, str]
    code: str


def made_with() -> MadeWith:
    """Return the code and the libraries that write a data set."""
    return {
        "surgvqa": version("surgvqa"),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        "code": code_version(),
    }


def source_of(facts: Facts) -> Source:
    """Return the facts on a source, as a manifest has them."""
    return cast(Source, asdict(facts))


@cache
def code_version() -> str:
    """Return a digest of the code and the libraries that the bytes of a shard follow from."""
    digest = hashlib.sha256()
    folder = Path(__file__).parents[1]  # all of surgvqa.builders
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.yaml")]):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    digest.update(" ".join(f"{name}={version(name)}" for name in LIBRARIES).encode())
    return digest.hexdigest()
