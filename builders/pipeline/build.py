"""A source folder in, a data set folder out: checked first, built case by case, published in one step.

A build that was killed goes on where it stopped, and ends with the same bytes.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from surgvqa.builders import sources
from surgvqa.builders.asking import extensions
from surgvqa.builders.cases import leakage
from surgvqa.builders.files.parquet import sync_folder, write_text
from surgvqa.builders.files.process_pool import Failed
from surgvqa.builders.pipeline import report
from surgvqa.builders.pipeline.count_shards import tally
from surgvqa.builders.pipeline.executors import Engine, run
from surgvqa.builders.pipeline.parameters import command_of, complete, parameters_of
from surgvqa.builders.pipeline.prepare import (
    Ready,
    listed,
    parallel,
    prepare,
    published,
    refuse_faults,
)
from surgvqa.builders.pipeline.shard import (
    LIBRARIES,
    MEDIA,
    Job,
    Record,
    code_version,
    staged,
    whole,
)
from surgvqa.builders.pipeline.staging import clear, locked, named, reopen
from surgvqa.builders.pipeline.verify import verify
from surgvqa.builders.privacy.pseudonyms import Pseudonyms, refuse_named
from surgvqa.builders.privacy.pseudonyms import load as load_pseudonyms
from surgvqa.builders.schema import Dropped
from surgvqa.builders.settings.build import Build
from surgvqa.cards.command import InputError, nearest
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files.manifest import dump, sealed
from surgvqa.cards.write.dataset import dataset_card
from tqdm import tqdm


def build(config: Build) -> dict[str, Any]:
    """Build the data set folder ``config.out`` from the source's folder ``config.root``; returns its manifest.

    Raises ``InputError`` with everything that is wrong with the input, before any heavy work, unless
    ``on_error`` is "quarantine", which leaves it out and names it. ``workers`` 0 stays in this process.
    """
    refuse(config)
    extensions.use(config.kinds_from, config.templates)
    root, out = config.root, config.out
    names = load_pseudonyms(config.pseudonyms, out) if config.pseudonyms is not None else None
    config = complete(config, names)
    parameters = parameters_of(config, names)
    engine = Engine(config.engine, config.partition, config.time, config.memory_gb)
    # On a cluster N is the number of ranks; looking and counting are done here, on as many cores as there are.
    here = config.workers if engine.name == "local" else min(config.workers, os.cpu_count() or 1)
    with locked(out) as staging:
        ready = prepare(config, workers=here, pseudonyms=names)
        if names is not None:
            names.save()
        code = code_version()
        keys = keys_of(ready, code, names)
        finished = unchanged(out, parameters, set(keys.values()), code, ready.dropped)
        if finished is not None:
            clear(staging)
            return finished
        reopen(out, staging, set(keys.values()))
        records, failed = build_shards(ready.jobs, keys, staging, config.workers, engine)
        refuse_faults(failed, root, config.on_error)
        jobs = [job for job in ready.jobs if job.name in records]
        if not jobs:
            raise InputError(f"nothing is left of {root} to build from: {listed(failed)}")
        gone = published(failed, root, names)
        ready = replace(ready, jobs=tuple(jobs), dropped=(*ready.dropped, *gone, *unshown(jobs, records)))
        if not any("clips" in record["files"] for record in records.values()):
            raise InputError(
                f"nothing is left of {root}: every clip has a frame outside the body (--outside)"
            )
        return finish(config, staging, parameters, ready, records, parallel(here, config.media), names)


def refuse(config: Build) -> None:
    """Raise for options that can't be, or can't be together."""
    if config.media not in MEDIA:
        raise InputError(f"--media {config.media}: {nearest(config.media, MEDIA)}")
    if config.frames < 1 or 0 < config.max_side < 16 or config.max_side < 0 or config.workers < 0:
        raise InputError(
            f"--frames {config.frames} --max-side {config.max_side} --workers {config.workers}: too small"
        )
    if config.pointing is not None and config.media == "none":
        raise InputError("--pointing needs pictures; leave out --media none")
    if config.segmentation is not None and config.media == "none":
        raise InputError("--segmentation needs pictures; leave out --media none")
    hidden = config.cover or config.cover_text or config.outside is not None or config.pseudonyms is not None
    if config.media == "reference" and hidden:
        raise InputError("--media reference names the source's own files; nothing of them can be hidden")


def keys_of(ready: Ready, code: str, names: Pseudonyms | None) -> dict[str, str]:
    """Return the name of every job's shard."""
    keys = {job.name: job.key(code, ready.surveys[job.case.case_id].digests) for job in ready.jobs}
    return {name: names.key(key) for name, key in keys.items()} if names is not None else keys


def unshown(jobs: Sequence[Job], records: Mapping[str, Record]) -> list[Dropped]:
    """What the shards left out once its pixels were seen."""
    return [Dropped(item, cause) for job in jobs for item, cause in records[job.name]["dropped"]]


def build_shards(
    jobs: Sequence[Job], keys: Mapping[str, str], staging: Path, workers: int, engine: Engine
) -> tuple[dict[str, Record], list[Dropped]]:
    """Build what isn't there whole; returns the record of every case and the cases that failed."""
    records: dict[str, Record] = {}
    failed: list[Dropped] = []
    for job in jobs:
        found = whole(staging, keys[job.name])
        if found is not None:
            records[job.name] = found
    # The longest first: begun last, it would keep one worker busy while all others wait.
    left = sorted((job for job in jobs if job.name not in records), key=lambda job: -len(job.clips))
    tasks = [(job, keys[job.name], staging) for job in left]
    bar = tqdm(total=len(jobs), initial=len(records), desc="build", unit="case", disable=None)
    for index, result in run(engine, tasks, parallel(workers, jobs[0].options.media)):
        name = left[index].name
        if isinstance(result, Failed):
            failed.append(Dropped(name, result.cause, fault=True))
        else:
            records[name] = result
        bar.update()
    bar.close()
    return records, sorted(failed, key=lambda one: one.item)


def unchanged(
    out: Path, parameters: Mapping[str, Any], keys: set[str], code: str, dropped: Sequence[Dropped]
) -> dict[str, Any] | None:
    """Return the manifest of a finished build of the very same things, if every file is still as it was written."""
    try:
        verify(out)
        manifest: dict[str, Any] = manifests.read(out)
    except InputError:
        return None
    seen = [Dropped(*one) for shard in manifest["shards"].values() for one in shard["dropped"]]
    wanted = json.loads(json.dumps([parameters, sorted(keys), code, ordered(left_out([*dropped, *seen]))]))
    found = [
        manifest["parameters"],
        sorted(manifest["shards"]),
        manifest["code"],
        ordered(manifest["dropped"]),
    ]
    return manifest if found == wanted and (out / manifests.CARD).is_file() else None


def ordered(dropped: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is left out, whatever the order it was found in."""
    return sorted(dropped, key=lambda one: (one["item"], one["cause"]))


def left_out(dropped: Sequence[Dropped]) -> list[dict[str, Any]]:
    """What is left out, as the manifest lists it."""
    return [{"item": one.item, "cause": one.cause, "fault": one.fault} for one in dropped]


def finish(
    config: Build,
    staging: Path,
    parameters: Mapping[str, Any],
    ready: Ready,
    records: Mapping[str, Record],
    workers: int,
    names: Pseudonyms | None = None,
) -> dict[str, Any]:
    """Give every file its final name, then the report, the card and, last, the manifest."""
    out, jobs = config.out, ready.jobs
    shards = named(jobs, records)
    described = report.describe(
        tally(staging, jobs, records, workers),
        dropped=ready.dropped,
        notes=ready.notes,
        left_out=ready.left_out,
        max_blind=config.max_blind,
    )
    inside = any(clip.split for job in jobs for clip in job.clips)
    if not parameters.get("official_splits"):  # those are published as they are, and their leaks counted
        leakage.refuse(described["leaks"], but="shared_cases" if inside else None)
    digests = {path: sha for job in jobs for path, sha in ready.surveys[job.case.case_id].digests.items()}
    text = dump(described)
    manifest: dict[str, Any] = {
        "surgvqa": version("surgvqa"),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        "code": code_version(),
        "source": asdict(sources.load(config.source).FACTS),
        "parameters": dict(parameters),
        "commands": [command_of(config, names)],
        "splits": {
            case_id: "+".join(job.split for job in jobs if job.case.case_id == case_id)
            for case_id in sorted({job.case.case_id for job in jobs})
        },
        "counts": described["splits"],
        "files": {
            found["path"]: {"sha256": found["sha256"], "bytes": found["bytes"]}
            for record in shards.values()
            for found in record["files"].values()
        },
        "shards": shards,
        "source_files": dict(sorted(digests.items())),
        "dropped": left_out(ready.dropped),
    }
    card = dataset_card(manifest, json.loads(text))  # in the order of the file, as a repair reads it
    manifest["derived"] = manifests.derived({manifests.REPORT: text, manifests.CARD: card})
    write_text(staging / "plan.json", json.dumps(shards))
    for key, record in shards.items():
        for name, found in record["files"].items():
            path = out / found["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            staged(staging, key, name).replace(path)
    for folder in {(out / path).parent for path in manifest["files"]}:
        sync_folder(folder)
    write_text(out / manifests.REPORT, text, staging)
    write_text(out / manifests.CARD, card, staging)
    if names is not None:
        refuse_named(out, manifest, names)
    write_text(out / manifests.NAME, dump(sealed(manifest)), staging)
    clear(staging)
    return manifest
