"""A source folder in, a data set folder out: checked first, built case by case, published in one step.

Nothing of a data set is visible in ``out`` before all of it is there: shards wait in ``out/.build``, and
the manifest is written last. A build that was killed goes on where it stopped, and ends with the same bytes.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import inspect
import json
import os
import platform
import shutil
import socket
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
from surgvqa.builders import balance as balancing
from surgvqa.builders import leaks, report, sources
from surgvqa.builders.parquet import sync_folder, write_text
from surgvqa.builders.questions import NINE
from surgvqa.builders.schema import QA, Case, Dropped
from surgvqa.builders.shard import (
    MEDIA,
    Job,
    Options,
    Record,
    Survey,
    build_shard,
    questions,
    refuse_repeated,
    staged,
    survey,
    whole,
)
from surgvqa.builders.splits import SPLITS, assign
from surgvqa.builders.transitions import Transitions, transitions
from surgvqa.builders.workers import Failed, run_tasks
from surgvqa.cards import manifest as manifests
from surgvqa.cards.command import InputError, nearest
from surgvqa.cards.dataset import dataset_card
from tqdm import tqdm

STAGING = ".build"
LIBRARIES = ("av", "datasets", "numpy", "pillow", "pyarrow", "pycocotools", "simplejpeg")
SURVEY_S = 600.0  # a look at one case: hashing a 10 GB file takes half a minute
SHARD_S = 6 * 3600.0  # an eight-hour recording in 4K, at a tenth of the speed measured for 1024 x 768
MEMORY_BYTES = 8 * 2**30  # address space of a worker; a 4K HEVC decode takes 1.5 GB of it


def build(
    source: str,
    root: Path,
    out: Path,
    *,
    clip_seconds: float = 5.0,
    frames: int = 8,
    media: str = "frames",
    max_side: int | None = 512,
    kinds: Sequence[str] = NINE,
    test_cases: Sequence[str] = (),
    validation: float = 0.1,
    test: float = 0.2,
    balance: str = "none",
    seed: int = 0,
    system: str | None = None,
    decoder: str = "pyav",
    on_error: str = "fail",
    max_blind: float = report.MAX_BLIND,
    workers: int = 1,
    source_options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the data set folder ``out`` from the source's folder ``root``; returns its manifest.

    Raises ``InputError`` with everything that is wrong with the input, before any heavy work, unless
    ``on_error`` is "quarantine", which leaves it out and names it. ``workers`` 0 stays in this process.
    """
    if media not in MEDIA:
        raise InputError(f"--media {media}: {nearest(media, MEDIA)}")
    if frames < 1 or (max_side is not None and max_side < 16) or workers < 0:
        raise InputError(f"--frames {frames} --max-side {max_side} --workers {workers}: too small")
    module = sources.load(source)
    own = {**defaults(module), **(source_options or {})}
    options = Options(clip_seconds, frames, media, max_side, tuple(kinds), seed, decoder, system)  # type: ignore[arg-type]
    parameters = {
        "source": source,
        **asdict(options),
        "test_cases": sorted(test_cases),
        "validation": validation,
        "test": test,
        "balance": balance,
        "on_error": on_error,
        "max_blind": max_blind,
        **{name: value.name if isinstance(value, Path) else value for name, value in own.items()},
    }
    with locked(out) as staging:
        cases, dropped = read(module, root, own)
        surveys, found = look_at(cases, root, options, workers)
        dropped = [*dropped, *found]
        refuse_faults(dropped, root, on_error)
        jobs = plan(surveys, root, options, test_cases, validation, test, balance)
        code = code_version()
        keys = {job.case.case_id: job.key(code, surveys[job.case.case_id].digests) for job in jobs}
        if (finished := unchanged(out, parameters, set(keys.values()), code, dropped)) is not None:
            clear(staging)
            return finished
        reopen(out, staging, set(keys.values()))
        records, failed = build_shards(jobs, keys, staging, workers)
        refuse_faults(failed, root, on_error)
        jobs = [job for job in jobs if job.case.case_id in records]
        if not jobs:
            raise InputError(f"nothing is left of {root} to build from: {listed(failed)}")
        notes = tuple(module.notes([s.case for s in surveys.values()])) if hasattr(module, "notes") else ()
        notes += tuple(jobs[0].balance.notes) if jobs[0].balance else ()
        return finish(
            out, staging, module, parameters, jobs, records, surveys, [*dropped, *failed], notes, max_blind
        )


def defaults(module: ModuleType) -> dict[str, Any]:
    """What a source's own options are when nobody gives them."""
    parameters = inspect.signature(module.cases).parameters.values()
    return {
        one.name: one.default
        for one in parameters
        if one.kind is one.KEYWORD_ONLY and one.default is not one.empty
    }


@contextmanager
def locked(out: Path) -> Iterator[Path]:
    """The staging folder of ``out``, for one build at a time; gone again if nothing is left in it."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; give a folder")
    made = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    folder = os.open(out, os.O_RDONLY)  # the lock goes with the process, however it ends
    staging = out / STAGING
    owner = staging / "owner"
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = owner.read_text("utf-8") if owner.is_file() else "another process"
            raise InputError(f"{out}: {who} is building there; wait for it, or give another --out") from None
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
            if made and not any(out.iterdir()):
                out.rmdir()
    finally:
        os.close(folder)


def refuse_foreign(out: Path) -> None:
    """Raise where ``out`` holds what no build wrote: it would be published with the data set."""
    known = {*manifests.UNLISTED, ".gitattributes"}
    ours = any((out / name).exists() for name in (manifests.NAME, STAGING))
    for path in sorted(out.iterdir()):
        written = ours and path.name in ("clips", "qa", "videos")
        if not written and path.name not in known and path.name != STAGING:
            raise InputError(
                f"--out {out} holds {path.name}, which no build wrote; give an empty or a new folder"
            )


def read(module: ModuleType, root: Path, options: Mapping[str, Any]) -> tuple[list[Case], list[Dropped]]:
    """All cases of a source and what it leaves out; two cases of one id are a fault of both."""
    found = list(module.cases(root, **options))
    cases = [one for one in found if isinstance(one, Case)]
    dropped = [one for one in found if isinstance(one, Dropped)]
    times = Counter(case.case_id for case in cases)
    for case_id, count in sorted(times.items()):
        if count > 1:
            dropped.append(Dropped(case_id, f"{count} cases have this id; ids must be unique", fault=True))
    return [case for case in cases if times[case.case_id] == 1], dropped


def look_at(
    cases: Sequence[Case], root: Path, options: Options, workers: int
) -> tuple[dict[str, Survey], list[Dropped]]:
    """Survey every case; a fault of one leaves that case out."""
    if options.media != "none" and cases and not any(case.video or case.frames for case in cases):
        raise InputError(f"no case below {root} has a video or a picture; add them, or use --media none")
    surveys: dict[str, Survey] = {}
    dropped: list[Dropped] = []
    tasks = [(case, root, options) for case in cases]
    results = run_tasks(survey, tasks, parallel(workers, options), SURVEY_S, MEMORY_BYTES)
    for index, result in tqdm(results, total=len(tasks), desc="check", unit="case", disable=None):
        case_id = cases[index].case_id
        if isinstance(result, Failed):
            dropped.append(Dropped(case_id, result.cause, fault=True))
            continue
        try:
            refuse_repeated(result.clips)
        except InputError as error:
            dropped.append(Dropped(case_id, str(error), fault=True))
            continue
        surveys[case_id] = result
    for found in surveys.values():
        dropped.extend(found.dropped)
    ordered = {case_id: surveys[case_id] for case_id in sorted(surveys) if surveys[case_id].clips}
    return ordered, sorted(dropped, key=lambda one: (one.item, one.cause))


def parallel(workers: int, options: Options) -> int:
    """Without pixels there is no decoder to be guarded from, and a process costs more than it saves."""
    return 0 if options.media == "none" and workers == 1 else workers


def listed(dropped: Sequence[Dropped]) -> str:
    """Faults on one line, in order."""
    return "; ".join(f"{one.item}: {one.cause}" for one in dropped) or "no case was found"


def refuse_faults(dropped: Sequence[Dropped], root: Path, on_error: str) -> None:
    """Raise with one list of everything that is wrong, unless it is to be left out."""
    faults = [one for one in dropped if one.fault]
    if faults and on_error == "fail":
        raise InputError(
            f"{len(faults)} fault{'s' if len(faults) > 1 else ''} below {root}: {listed(faults)}. Correct them, "
            "or leave them out with --on-error quarantine"
        )


def plan(
    surveys: Mapping[str, Survey],
    root: Path,
    options: Options,
    test_cases: Sequence[str],
    validation: float,
    test: float,
    balance: str,
) -> list[Job]:
    """Every case's job: its split, and what the training cases teach about the order of phases."""
    if not surveys:
        raise InputError(f"no case below {root} has a clip that could be shown; look at --media")
    cases = [found.case for found in surveys.values()]

    def asked(known: Transitions, split: Mapping[str, str]) -> dict[str, list[QA]]:
        return {
            case_id: [
                qa
                for clip in found.clips
                for qa in questions(
                    Job(found.case, found.clips, split.get(case_id, ""), known, options, root), clip
                )
            ]
            for case_id, found in surveys.items()
        }

    kinds = {
        case_id: Counter(qa.kind for qa in found) for case_id, found in asked(transitions(cases), {}).items()
    }
    split = assign(
        cases, kinds_by_case=kinds, test_cases=test_cases, seed=options.seed, validation=validation, test=test
    )
    known = transitions(case for case in cases if split[case.case_id] == "train")
    even = None
    if balance == "answers":
        by_split: dict[str, list[QA]] = {name: [] for name in SPLITS}
        for case_id, found in asked(known, split).items():
            by_split[split[case_id]].extend(found)
        even = balancing.answers(by_split, options.seed)
    elif balance != "none":
        raise InputError(f"--balance {balance}: known: answers, none")
    return [
        Job(found.case, found.clips, split[case_id], known, options, root, even)
        for case_id, found in surveys.items()
    ]


def build_shards(
    jobs: Sequence[Job], keys: Mapping[str, str], staging: Path, workers: int
) -> tuple[dict[str, Record], list[Dropped]]:
    """Build what isn't there whole; returns the record of every case and the cases that failed."""
    records: dict[str, Record] = {}
    failed: list[Dropped] = []
    for job in jobs:
        found = whole(staging, keys[job.case.case_id])
        if found is not None:
            records[job.case.case_id] = found
    left = [job for job in jobs if job.case.case_id not in records]
    tasks = [(job, keys[job.case.case_id], staging) for job in left]
    bar = tqdm(total=len(jobs), initial=len(records), desc="build", unit="case", disable=None)
    for index, result in run_tasks(
        build_shard, tasks, parallel(workers, jobs[0].options), SHARD_S, MEMORY_BYTES
    ):
        case_id = left[index].case.case_id
        if isinstance(result, Failed):
            failed.append(Dropped(case_id, result.cause, fault=True))
        else:
            records[case_id] = result
        bar.update()
    bar.close()
    return records, sorted(failed, key=lambda one: one.item)


def unchanged(
    out: Path, parameters: Mapping[str, Any], keys: set[str], code: str, dropped: Sequence[Dropped]
) -> dict[str, Any] | None:
    """The manifest of a finished build of the very same things, if every file is still as it was written."""
    from surgvqa.builders.verify import verify

    try:
        verify(out)
        manifest: dict[str, Any] = manifests.read(out)
    except InputError:
        return None
    wanted = json.loads(json.dumps([parameters, sorted(keys), code, left_out(dropped)]))
    found = [manifest["parameters"], sorted(manifest["shards"]), manifest["code"], manifest["dropped"]]
    return manifest if found == wanted and (out / manifests.CARD).is_file() else None


def left_out(dropped: Sequence[Dropped]) -> list[dict[str, Any]]:
    """What is left out, as the manifest lists it."""
    return [{"item": one.item, "cause": one.cause, "fault": one.fault} for one in dropped]


def reopen(out: Path, staging: Path, keys: set[str]) -> None:
    """Take the wanted shards of an earlier build back into the staging folder, and clear the rest away.

    The manifest goes first: from here until the end, ``out`` is no data set.
    """
    plan_file = staging / "plan.json"
    earlier: dict[str, Any] = {}
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
        for name, found in record["files"].items():
            there, here = out / found["path"], staged(staging, key, name)
            if key in keys and there.is_file() and not here.exists():
                here.parent.mkdir(parents=True, exist_ok=True)
                there.replace(here)
        if key in keys:
            files = {n: {k: v for k, v in f.items() if k != "path"} for n, f in record["files"].items()}
            write_text(staging / f"{key}.json", json.dumps({"key": key, "files": files}, sort_keys=True))
    plan_file.unlink(missing_ok=True)
    for name in ("clips", "qa", "videos", manifests.CARD, manifests.REPORT):
        remove(out / name)
    for path in staging.iterdir():
        if path.name.split(".")[0] not in keys and path.name != "owner":
            remove(path)
    for path in staging.rglob("*.tmp"):
        path.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """A file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def finish(
    out: Path,
    staging: Path,
    module: ModuleType,
    parameters: Mapping[str, Any],
    jobs: Sequence[Job],
    records: Mapping[str, Record],
    surveys: Mapping[str, Survey],
    dropped: Sequence[Dropped],
    notes: Sequence[str],
    max_blind: float,
) -> dict[str, Any]:
    """Give every file its final name, then the report, the card and, last, the manifest."""
    shards = named(jobs, records)
    described = report.describe(
        {
            split: stream(staging, jobs, records, split)
            for split in SPLITS
            if any(j.split == split for j in jobs)
        },
        dropped=dropped,
        notes=notes,
        max_blind=max_blind,
    )
    leaks.refuse(described["leaks"])
    digests = {path: sha for job in jobs for path, sha in surveys[job.case.case_id].digests.items()}
    text = dump(described)
    manifest: dict[str, Any] = {
        "surgvqa": version("surgvqa"),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        "code": code_version(),
        "source": asdict(module.FACTS),
        "parameters": dict(parameters),
        "splits": {job.case.case_id: job.split for job in jobs},
        "counts": described["splits"],
        "files": {
            found["path"]: {"sha256": found["sha256"], "bytes": found["bytes"]}
            for record in shards.values()
            for found in record["files"].values()
        },
        "shards": shards,
        "derived": {manifests.REPORT: hashlib.sha256(text.encode()).hexdigest()},
        "source_files": dict(sorted(digests.items())),
        "dropped": left_out(dropped),
    }
    card = dataset_card(manifest, described)
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
    write_text(out / manifests.NAME, dump(sealed(manifest)), staging)
    clear(staging)
    return manifest


def clear(staging: Path) -> None:
    """Empty the staging folder but for the owner's name."""
    for path in staging.iterdir():
        if path.name != "owner":
            remove(path)


def named(jobs: Sequence[Job], records: Mapping[str, Record]) -> dict[str, dict[str, Any]]:
    """Every shard's files with their final names: a number per split and config, in the order of cases."""
    totals = Counter(
        (name, job.split) for job in jobs for name in records[job.case.case_id]["files"] if "/" not in name
    )
    numbers: Counter[tuple[str, str]] = Counter()
    shards: dict[str, dict[str, Any]] = {}
    for job in jobs:
        record = records[job.case.case_id]
        files = {}
        for name, found in record["files"].items():
            at = (name, job.split)
            path = f"{name}/{job.split}-{numbers[at]:05d}-of-{totals[at]:05d}.parquet"
            if "/" in name:
                path = f"videos/{job.split}/{name.split('/', 1)[1]}"
            else:
                numbers[at] += 1
            files[name] = {**found, "path": path}
        shards[record["key"]] = {"files": files}
    return shards


def stream(
    staging: Path, jobs: Sequence[Job], records: Mapping[str, Record], split: str
) -> Iterator[dict[str, Any]]:
    """The rows of config ``clips`` of a split, a row group at a time."""
    columns = ["clip_id", "case_id", "start_s", "end_s", "frame_times_s", "images", "qa"]
    for job in jobs:
        record = records[job.case.case_id]
        if job.split == split and "clips" in record["files"]:
            with pq.ParquetFile(staged(staging, record["key"], "clips")) as table:
                for batch in table.iter_batches(batch_size=8, columns=columns):
                    yield from batch.to_pylist()


def dump(value: Any) -> str:
    """JSON that is the same for the same value."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False, sort_keys=True) + "\n"


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest with the sha256 of its own text, so that a flipped bit in it shows."""
    return {**manifest, "sha256": hashlib.sha256(dump(dict(manifest)).encode()).hexdigest()}


def code_version() -> str:
    """A digest of the code and the libraries that the bytes of a shard follow from."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.yaml")]):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    digest.update(" ".join(f"{name}={version(name)}" for name in LIBRARIES).encode())
    return digest.hexdigest()
