"""The rows of a mix: those of its sets, with names of their own and weights."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow.parquet as pq
from surgvqa.builders.cases.splits import SPLITS
from surgvqa.builders.columns import Columns
from surgvqa.builders.files.parquet import CLIPS_PER_GROUP, ROWS_PER_GROUP, writer
from surgvqa.builders.mixing.people import Part, Plan
from surgvqa.builders.schema import FEATURES, QA_FEATURES, REFERENCE_FEATURES
from surgvqa.cards.command import InputError
from tqdm import tqdm

CONFIGS: Mapping[str, tuple[Columns, int]] = {
    "clips": (FEATURES, CLIPS_PER_GROUP),
    "qa": (QA_FEATURES, ROWS_PER_GROUP),
}
BATCH = 16  # rows held at once


def shards(part: Part, config: str, split: str) -> list[Path]:
    """Return the files of a split of a set; those of another version's columns are refused."""
    paths = sorted((part.folder / config).glob(f"{split}-*.parquet"))
    for path in paths:
        schema = pq.read_schema(path).remove_metadata()
        schemas = [CONFIGS[config][0], *([REFERENCE_FEATURES] if config == "clips" else [])]
        if not any(schema.equals(one.arrow_schema.remove_metadata()) for one in schemas):
            raise InputError(
                f"{path} has the columns of another version of surgvqa; build {part.folder} again"
            )
    return paths


def factors(parts: Sequence[Part], plan: Plan, weights: Sequence[float]) -> dict[str, float]:
    """Return what the weights of a set's clips are multiplied by, so that training draws from sets as asked.

    A set of share s in the draws, of n clips of which each has weight 1, gets s * N / n: the mean stays 1.
    """
    if not weights:
        return {part.label: 1.0 for part in parts}
    sums = {part.label: 0.0 for part in parts}
    for part in parts:
        for path in shards(part, "clips", "train"):
            for row in pq.ParquetFile(path).read(columns=["case_id", "weight"]).to_pylist():
                sums[part.label] += row["weight"] if (part.label, row["case_id"]) in plan.names else 0.0
    empty = sorted(label for label, total in sums.items() if not total)
    if empty:
        raise InputError(
            f"--weights: {empty[0]} has no clip to train on; leave it out, or leave the weights out"
        )
    everything, of_weights = sum(sums.values()), sum(weights)
    return {
        part.label: weight / of_weights * everything / sums[part.label]
        for part, weight in zip(parts, weights, strict=True)
    }


def write(parts: Sequence[Part], plan: Plan, weights: Sequence[float], out: Path) -> dict[str, list[Path]]:
    """Write the files of all configs, one per set and split; returns those of config ``clips`` by split."""
    factor = factors(parts, plan, weights)
    clip_paths: dict[str, list[Path]] = {}
    for config, (features, group) in CONFIGS.items():
        (out / config).mkdir()
        if config == "clips" and any(
            part.manifest["parameters"].get("media") == "reference" for part in parts
        ):
            features = REFERENCE_FEATURES
        for split in SPLITS:
            unnumbered_paths: list[Path] = []
            for part in tqdm(parts, desc=f"{config} {split}", unit="set", disable=None):
                path = out / config / f"{split}-{len(unnumbered_paths)}.unnumbered"
                with writer(path, features, group) as put:
                    for row in rows(part, config, split):
                        if (part.label, row["case_id"]) in plan.names:
                            # a set built before a column came has no value in it
                            new_row = dict.fromkeys(features) | rename_row(row, part, plan)
                            if config == "clips" and split == "train":
                                new_row["weight"] = row["weight"] * factor[part.label]
                            if config == "clips":
                                new_row["video"] = copy_video(row, part, split, out)
                            if "address" in row:
                                new_row["address"] = f"{quote(part.label)}/{row['address']}"
                            put(new_row)
                if path.is_file():
                    unnumbered_paths.append(path)
            numbered_paths = [
                path.rename(path.with_name(f"{split}-{number:05d}-of-{len(unnumbered_paths):05d}.parquet"))
                for number, path in enumerate(unnumbered_paths)
            ]
            if numbered_paths and config == "clips":
                clip_paths[split] = numbered_paths
    return clip_paths


def rows(part: Part, config: str, split: str) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a split of a set."""
    for path in shards(part, config, split):
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_size=BATCH):
                yield from batch.to_pylist()


def rename_row(row: Mapping[str, Any], part: Part, plan: Plan) -> dict[str, object]:
    """Return a row under its case's name in the mix; ids begin with that of their case."""
    old, new = row["case_id"], plan.names[part.label, row["case_id"]]
    if old == new:
        return dict(row)

    def again(name: str | None) -> str | None:
        return f"{part.label}.{name}" if name is not None else None

    new_row: dict[str, object] = {**row, "case_id": new, "clip_id": again(row["clip_id"])}
    if "qa_id" in row:
        new_row |= {"qa_id": again(row["qa_id"]), "pair_id": again(row["pair_id"])}
    if "qa" in row:
        new_row["qa"] = [
            qa | {"qa_id": again(qa["qa_id"]), "pair_id": again(qa["pair_id"])} for qa in row["qa"]
        ]
    return new_row


def copy_video(row: Mapping[str, Any], part: Part, split: str, out: Path) -> str | None:
    """Copy a row's cut video to its place in the mix; a source's own file is named below the folder of its set."""
    if row["video"] is None:
        return None
    here = part.folder / row["video"]
    if part.manifest["parameters"].get("media") != "clips":
        return f"{part.label}/{row['video']}"
    place = out / "videos" / split / f"{part.label}.{Path(row['video']).name}"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(here, place)
    return place.relative_to(out).as_posix()
