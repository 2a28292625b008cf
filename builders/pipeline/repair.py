"""Only what is damaged of a data set is built again, from its source, and must come out as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from surgvqa.builders.cases.splits import SPLITS
from surgvqa.builders.files.parquet import write_text
from surgvqa.builders.files.process_pool import MEMORY_BYTES, Failure, run_tasks
from surgvqa.builders.pipeline import report
from surgvqa.builders.pipeline.build import keys_of
from surgvqa.builders.pipeline.count_shards import described_rows
from surgvqa.builders.pipeline.executors import SHARD_S
from surgvqa.builders.pipeline.parameters import config_of
from surgvqa.builders.pipeline.prepare import Ready, prepare
from surgvqa.builders.pipeline.staging import clear, lock
from surgvqa.builders.pipeline.verify import find_damage
from surgvqa.builders.privacy.pseudonyms import load as load_pseudonyms
from surgvqa.builders.row_types import CountedRow
from surgvqa.builders.schema import Omission
from surgvqa.builders.shards.joined import join_parts
from surgvqa.builders.shards.write import build_shard, code_version, staging_path
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files.documents import CaseShard, Manifest, PlacedShard
from surgvqa.cards.write.dataset import dataset_card


def repair(folder: Path, root: Path, pseudonyms: Path | None = None, workers: int = 1) -> list[str]:
    """Build the damaged files of ``folder`` again from the source's folder ``root``; returns their names.

    Nothing else is touched, and the manifest stays as it is: what comes out must have its hashes.

    Raises:
        InputError: what cannot be mended this way: a damaged manifest, files that aren't the data set's, configs that
            were added later, another version of the code, another source; nothing is changed then.
    """
    faults = find_damage(folder)
    if not faults:
        return []
    manifest = manifests.read(folder)
    if set(faults) == {manifests.CARD}:  # of any data set: it follows from the two other documents alone
        write_card(folder, manifest, folder)
        return still_damaged(folder) or [manifests.CARD]
    refuse_hopeless(folder, manifest, faults)
    if ("pseudonyms" in manifest["parameters"]) != (pseudonyms is not None):
        raise InputError(f"{folder}: its build {'had' if pseudonyms is None else 'had no'} --pseudonyms FILE")
    with lock(folder) as staging:
        names = load_pseudonyms(pseudonyms, folder) if pseudonyms is not None else None
        parameters = manifest["parameters"]
        if names is not None:  # the manifest has the other names; the source the real ones
            real = {other: name for name, other in names.cases.items()}
            parameters = {**parameters, "test_cases": [real[other] for other in parameters["test_cases"]]}
        ready = prepare(config_of(parameters, root, folder), workers=workers, pseudonyms=names)
        keys = keys_of(ready, manifest["code"], names)
        jobs = {keys[job.name]: job for job in ready.jobs}
        damaged_shards = {
            key: shard for key, shard in manifest["shards"].items() if paths(shard) & set(faults)
        }
        if missing := sorted(set(damaged_shards) - set(jobs)):
            digests = {path: sha for one in ready.surveys.values() for path, sha in one.digests.items()}
            changes = changed_files(manifest, digests) or f"{len(missing)} shards differ"
            raise InputError(
                f"{root} is not what {folder} was built from ({changes}); give the source as it was, or build again"
            )
        tasks = [(jobs[key], key, staging) for key in sorted(damaged_shards)]
        for index, record in run_tasks(build_shard, tasks, workers, SHARD_S, MEMORY_BYTES):
            key = tasks[index][1]
            if isinstance(record, Failure):
                raise InputError(f"{tasks[index][0].name}: {record.cause}")
            put(folder, staging, key, damaged_shards[key], record["files"], set(faults))
        for whole, file in join_parts(damaged_shards, staging, set(faults)).items():
            move(whole, folder, file["path"], file["sha256"], manifest["files"][file["path"]]["sha256"])
        if manifests.REPORT in faults:
            write_report(folder, manifest, ready, staging)
        if manifests.CARD in faults:
            write_card(folder, manifest, staging)
        clear(staging)
    return still_damaged(folder) or sorted(faults)


def write_card(folder: Path, manifest: Manifest, aside: Path) -> None:
    """Write the card from manifest and report."""
    card = dataset_card(manifest, manifests.report_of(folder, manifest), manifest.get("repo"))
    write_text(folder / manifests.CARD, card, aside)


def still_damaged(folder: Path) -> list[str]:
    """Raise where something is damaged; return nothing."""
    if left := find_damage(folder):
        raise InputError(f"{folder}: still damaged after repair: {'; '.join(left.values())}")
    return []


def refuse_hopeless(folder: Path, manifest: Manifest, faults: Mapping[str, str]) -> None:
    """Raise where a data set can't be mended from its source."""
    strange = [
        name for name in faults if name not in manifest["files"] and name not in manifest.get("derived", {})
    ]
    if strange:
        raise InputError(
            f"{folder}: {faults[strange[0]]}: it isn't the data set's; move it away, then repair"
        )
    spoken_files = [name for name in faults if name.startswith("spoken/")]
    if spoken_files:
        raise InputError(
            f"{folder}: {faults[spoken_files[0]]}: `surgvqa-build spoken {folder}` writes config spoken again"
        )
    if "shards" not in manifest or "code" not in manifest:
        raise InputError(f"{folder} is no data set of a source; make it again the way it was made")
    if manifest["code"] != code_version():
        raise InputError(
            f"{folder} was written by another version of surgvqa or its libraries "
            f"({manifest['surgvqa']}, {manifest['versions']}): install that one, or run the same build again"
        )


def paths(shard: CaseShard) -> set[str]:
    """Return the files of a shard, below the folder."""
    return {file["path"] for file in shard["files"].values()}


def put(
    folder: Path,
    staging: Path,
    key: str,
    shard: CaseShard,
    new_files: Mapping[str, PlacedShard],
    faults: set[str],
) -> None:
    """Give the damaged files of a shard their place, if they came out as they were."""
    for name, file in shard["files"].items():
        if file["path"] not in faults:
            continue
        sha256 = new_files[name]["sha256"] if name in new_files else ""
        if "part" not in file:
            move(staging_path(staging, key, name), folder, file["path"], sha256, file["sha256"])
        elif sha256 != file["sha256"]:
            raise other_bytes(file["path"])


def move(here: Path, folder: Path, path: str, sha256: str, due: str) -> None:
    """Give a file its place in the data set, if it came out as it was."""
    if sha256 != due:
        raise other_bytes(path)
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    here.replace(folder / path)


def other_bytes(path: str) -> InputError:
    """Return the refusal of a file that can't be mended."""
    return InputError(f"{path} comes out with other bytes than it had; run the same build again")


def write_report(folder: Path, manifest: Manifest, ready: Ready, staging: Path) -> None:
    """Write the report from the rows and the manifest, as the build wrote it."""
    build_report = report.describe(
        {split: rows_of_split(folder, manifest, split) for split in SPLITS if manifest["counts"].get(split)},
        omissions=[Omission(**one) for one in manifest["dropped"]],
        notes=ready.notes,
        left_out=ready.left_out,
        max_blind=manifest["parameters"]["max_blind"],
    )
    write_text(folder / manifests.REPORT, manifests.dump(build_report), staging)


def rows_of_split(folder: Path, manifest: Manifest, split: str) -> Iterator[CountedRow]:
    """Yield the rows of config ``clips`` of a split, in the order they were built."""
    for name in sorted(name for name in manifest["files"] if name.startswith(f"clips/{split}-")):
        yield from described_rows(folder / name)


def changed_files(manifest: Manifest, digests: Mapping[str, str]) -> str:
    """Say which source files differ from those that were read then."""
    recorded_digests = manifest["source_files"]
    other = sorted(name for name in recorded_digests if digests.get(name) != recorded_digests[name])
    return f"{len(other)} files differ, such as {other[0]}" if other else ""
