"""A source folder in, a data set folder out: checked first, built case by case, published in one step.

A build that was killed goes on where it stopped, and ends with the same bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from surgvqa.builders.asking import extensions
from surgvqa.builders.files.faults import list_faults, refuse_faults
from surgvqa.builders.files.process_pool import Failure
from surgvqa.builders.pipeline.executors import Engine, run
from surgvqa.builders.pipeline.parameters import complete, parameters_of
from surgvqa.builders.pipeline.prepare import (
    Ready,
    parallel,
    prepare,
    public_omissions,
)
from surgvqa.builders.pipeline.publish import Publication, finish, left_out
from surgvqa.builders.pipeline.staging import clear, lock, reopen
from surgvqa.builders.pipeline.verify import verify
from surgvqa.builders.privacy.pseudonyms import Pseudonyms
from surgvqa.builders.privacy.pseudonyms import load as load_pseudonyms
from surgvqa.builders.schema import Omission
from surgvqa.builders.settings.build import Build
from surgvqa.builders.shards.job import MEDIA, Job, Record
from surgvqa.builders.shards.write import code_version, whole
from surgvqa.cards.command import InputError, nearest
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files.documents import LeftOut, Manifest
from tqdm import tqdm


def build(config: Build) -> Manifest:
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
    with lock(out) as staging:
        ready = prepare(config, workers=here, pseudonyms=names)
        if names is not None:
            names.save()
        code = code_version()
        keys = keys_of(ready, code, names)
        manifest = finished_manifest(out, parameters, set(keys.values()), code, ready.omissions)
        if manifest is not None:
            clear(staging)
            return manifest
        reopen(out, staging, set(keys.values()))
        records, failures = build_shards(ready.jobs, keys, staging, config.workers, engine)
        refuse_faults(failures, root, config.on_error)
        jobs = [job for job in ready.jobs if job.name in records]
        if not jobs:
            raise InputError(f"nothing is left of {root} to build from: {list_faults(failures)}")
        public_failures = public_omissions(failures, root, names)
        ready = replace(
            ready, jobs=tuple(jobs), omissions=(*ready.omissions, *public_failures, *unshown(jobs, records))
        )
        if not any("clips" in record["files"] for record in records.values()):
            raise InputError(
                f"nothing is left of {root}: every clip has a frame outside the body (--outside)"
            )
        publication = Publication(
            config=config, parameters=parameters, ready=ready, records=records, names=names
        )
        return finish(publication, staging, parallel(here, config.media))


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
    hides = config.cover or config.cover_text or config.outside is not None or config.pseudonyms is not None
    if config.media == "reference" and hides:
        raise InputError("--media reference names the source's own files; nothing of them can be hidden")


def keys_of(ready: Ready, code: str, names: Pseudonyms | None) -> dict[str, str]:
    """Return the name of every job's shard."""
    keys = {job.name: job.key(code, ready.surveys[job.case.case_id].digests) for job in ready.jobs}
    return {name: names.key(key) for name, key in keys.items()} if names is not None else keys


def unshown(jobs: Sequence[Job], records: Mapping[str, Record]) -> list[Omission]:
    """List what the shards left out once their pixels were seen."""
    return [Omission(item, cause) for job in jobs for item, cause in records[job.name]["dropped"]]


def build_shards(
    jobs: Sequence[Job], keys: Mapping[str, str], staging: Path, workers: int, engine: Engine
) -> tuple[dict[str, Record], list[Omission]]:
    """Build what isn't there whole; returns the record of every case and the cases that failed."""
    records: dict[str, Record] = {}
    failures: list[Omission] = []
    for job in jobs:
        record = whole(staging, keys[job.name])
        if record is not None:
            records[job.name] = record
    # The longest first: begun last, it would keep one worker busy while all others wait.
    left = sorted((job for job in jobs if job.name not in records), key=lambda job: -len(job.clips))
    tasks = [(job, keys[job.name], staging) for job in left]
    bar = tqdm(total=len(jobs), initial=len(records), desc="build", unit="case", disable=None)
    for index, result in run(engine, tasks, parallel(workers, jobs[0].options.media)):
        name = left[index].name
        if isinstance(result, Failure):
            failures.append(Omission(name, result.cause, fault=True))
        else:
            records[name] = result
        bar.update()
    bar.close()
    return records, sorted(failures, key=lambda one: one.item)


def finished_manifest(
    out: Path, parameters: Mapping[str, object], keys: set[str], code: str, omissions: Sequence[Omission]
) -> Manifest | None:
    """Return the manifest of a finished build of the very same things, if every file is still as it was written."""
    try:
        verify(out)
        manifest = manifests.read(out)
    except InputError:
        return None
    shard_omissions = [
        Omission(item, cause) for shard in manifest["shards"].values() for item, cause in shard["dropped"]
    ]
    expected_facts = json.loads(
        json.dumps([parameters, sorted(keys), code, sort_omissions(left_out([*omissions, *shard_omissions]))])
    )
    recorded_facts = [
        manifest["parameters"],
        sorted(manifest["shards"]),
        manifest["code"],
        sort_omissions(manifest["dropped"]),
    ]
    return manifest if recorded_facts == expected_facts and (out / manifests.CARD).is_file() else None


def sort_omissions(omissions: Sequence[LeftOut]) -> list[LeftOut]:
    """Sort what is left out, whatever the order it was found in."""
    return sorted(omissions, key=lambda one: (one["item"], one["cause"]))
