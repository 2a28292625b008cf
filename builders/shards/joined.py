"""Files of several cases: many cases' own files are written one behind the other, a row group as it was.

The Hub takes 10,000 files of a folder. A part keeps its hash in the manifest, so that a repair builds parts again and joins them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping
from pathlib import Path

from surgvqa.builders.files.parquet import join
from surgvqa.builders.shards.write import digest, staging_path
from surgvqa.cards.files.documents import CaseShard, PlacedShard

MOST_FILES = (
    1_000  # of a config and split; three splits of them are a third of what a folder of the Hub takes
)


def per_file(files: int) -> int:
    """Return how many cases share a file.

    >>> per_file(1_000), per_file(1_001), per_file(10_000)
    (1, 2, 10)
    """
    return -(-files // MOST_FILES)


def parts_of(shards: Mapping[str, CaseShard]) -> dict[str, list[tuple[str, str]]]:
    """Return (shard, config) of the parts of every file of several cases, in their order."""
    numbers: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for key, record in shards.items():
        for name, file in record["files"].items():
            if "part" in file:
                numbers[file["path"]].append((file["part"], key, name))
    return {path: [(key, name) for _, key, name in sorted(parts)] for path, parts in sorted(numbers.items())}


def join_parts(
    shards: Mapping[str, CaseShard], staging: Path, places: Container[str] | None = None
) -> dict[Path, PlacedShard]:
    """Write the files of several cases in the staging folder; returns what each is, with its final place.

    ``places``: the places of those that are due; by default all.
    """
    files: dict[Path, PlacedShard] = {}
    for number, (path, parts) in enumerate(parts_of(shards).items()):
        if places is not None and path not in places:
            continue
        whole = staging / f"joined.{number:05d}.parquet"
        join([staging_path(staging, key, name) for key, name in parts], whole)
        files[whole] = {**digest(whole), "path": path}
    return files
