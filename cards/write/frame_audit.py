"""The frame audit: a random sample of a data set's pictures for a person to look at, and what that person saw.

    surgvqa-card audit DIR --sheets LOOK --frames 3000    # contact sheets, outside DIR
    surgvqa-card audit DIR --looked-at 3000 --hits 0      # into the manifest and the card

No hit in n frames drawn at random bounds the share of all frames that show what they must not: at most 3/n, with
95 % confidence (the rule of three).
"""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files.documents import Manifest
from surgvqa.cards.write.dataset import dataset_card

COLUMNS, ROWS, WIDTH, HEIGHT = 6, 5, 320, 240  # of a sheet and of a picture on it
PICTURES = ("poster", "images", "image")  # columns that hold pictures; beside a poster, `images` is empty


class Sheets(NamedTuple):
    """Contact sheets, and how many pictures are on them, of how many."""

    paths: list[Path]
    frame_count: int
    total: int


def sheets(folder: Path, out: Path, frames: int) -> Sheets:
    """Write contact sheets of ``frames`` pictures drawn at random to ``out``, of all where there are no more.

    The draw follows from the data set's content: the same one can be looked at again. Raises ``InputError`` where
    there is no picture, or ``out`` lies inside the data set.
    """
    from PIL import Image

    if out.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"--sheets {out} lies inside the data set; they would be published with it")
    if frames < 1:
        raise InputError(f"--frames {frames}: 1 is the least; 3000 without a hit bound the share at 0.1 %")
    manifest = manifests.read(folder)
    places = [
        (name, group, row, n)
        for name, group, row, count in picture_counts(folder, manifest)
        for n in range(count)
    ]
    if not places:
        raise InputError(f"{folder} has no pictures to look at; --sheets is for a data set with frames")
    frames = min(frames, len(places))
    content = hashlib.sha256("".join(sorted(f["sha256"] for f in manifest["files"].values())).encode())
    sample = sorted(random.Random(content.hexdigest()).sample(places, frames))
    out.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    size = COLUMNS * ROWS
    sheet = Image.new("RGB", (COLUMNS * WIDTH, ROWS * HEIGHT))
    for number, data in enumerate(pictures(folder, sample)):
        with Image.open(io.BytesIO(data)) as picture:
            small = picture.convert("RGB")
            small.thumbnail((WIDTH, HEIGHT))
        sheet.paste(small, (number % COLUMNS * WIDTH, number % size // COLUMNS * HEIGHT))
        if number % size == size - 1 or number == frames - 1:
            paths.append(out / f"sheet-{len(paths):04d}.jpg")
            sheet.save(paths[-1], quality=85)
            sheet = Image.new("RGB", (COLUMNS * WIDTH, ROWS * HEIGHT))
    return Sheets(paths, frames, len(places))


def picture_column(names: Sequence[str]) -> str | None:
    """Return the column of a table that holds pictures."""
    return next((name for name in PICTURES if name in names), None)


def picture_counts(folder: Path, manifest: Manifest) -> Iterator[tuple[str, int, int, int]]:
    """Yield (file, row group, row, number of pictures) of every row with pictures, without reading a picture."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for name in sorted(name for name in manifest["files"] if name.endswith(".parquet")):
        with pq.ParquetFile(folder / name) as table:
            if column := picture_column(table.schema_arrow.names):
                for group in range(table.num_row_groups):
                    if column == "image":
                        counts = [1] * table.metadata.row_group(group).num_rows
                    elif (
                        column == "poster"
                    ):  # the paths are null and tell how many there are at almost no cost
                        paths = table.read_row_group(group, columns=["poster.path"])
                        counts = pc.cast(pc.is_valid(paths[column]), "int64").to_pylist()
                    else:
                        paths = table.read_row_group(group, columns=[f"{column}.list.element.path"])
                        counts = pc.list_value_length(paths[column]).to_pylist()
                    yield from ((name, group, row, count) for row, count in enumerate(counts) if count)


def pictures(folder: Path, sample: list[tuple[str, int, int, int]]) -> Iterator[bytes]:
    """Yield the bytes of drawn pictures, in order; a row group is read once."""
    import pyarrow.parquet as pq

    at: tuple[str, int] | None = None
    column: Any = None
    for name, group, row, number in sample:
        if at != (name, group):
            with pq.ParquetFile(folder / name) as table:
                field = picture_column(table.schema_arrow.names)
                column = table.read_row_group(group, columns=[field])[field]
            at = (name, group)
        cell = column[row].as_py()
        yield (cell[number] if isinstance(cell, list) else cell)["bytes"]


def record(folder: Path, looked_at: int, hits: int) -> None:
    """Write what a person saw into the manifest, and the bound that follows into the card."""
    manifest = manifests.whole(folder)
    total = sum(one[3] for one in picture_counts(folder, manifest))
    if not 1 <= looked_at <= total or not 0 <= hits <= looked_at:
        raise InputError(f"--looked-at {looked_at} --hits {hits}: {folder} has {total} pictures")
    manifest["privacy"] = {"frames": looked_at, "hits": hits}
    manifests.rewrite(
        folder, manifest, manifests.CARD, dataset_card(manifest, manifests.report_of(folder, manifest))
    )
