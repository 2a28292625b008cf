"""A data set as the evaluation reads it: from a folder or the Hub, split by split, pictures as bytes, no cache."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from PIL import Image
from surgvqa.builders.cases.splits import SPLITS
from surgvqa.builders.files.parquet import read_rows
from surgvqa.cards.command import InputError, nearest
from surgvqa.eval.data import whole
from surgvqa.eval.settings.one_split import absent_split

if TYPE_CHECKING:
    from datasets import IterableDataset

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SplitRows:
    """The rows of one split, read anew by every loop, with the names of its columns."""

    rows: Iterable[Row]
    columns: Sequence[str]
    pictures: Sequence[str]  # the columns that hold a picture or a list of pictures

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows."""
        return iter(self.rows)


@dataclass(frozen=True, slots=True)
class _TableRows:
    """Rows of Parquet files."""

    paths: Sequence[Path]

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows as they are stored."""
        return iter(map(dict, read_rows(self.paths)))


def splits(where: str, config: str | None = None, leaking: bool = False) -> dict[str, SplitRows]:
    """Every split of a data set, streamed and undecoded (images are ``{"bytes", "path"}``).

    ``where`` is a folder of ours, any folder that `load_dataset` reads, one that `save_to_disk` wrote, or
    ``org/name`` on the Hub. Without ``config``: ``clips`` where there is one, else the only one.

    ``leaking`` lets a case lie in two splits: for who counts the leaks.

    Raises:
        InputError: nothing readable or whole there, a case in two splits, or several configs and none asked for.
    """
    folder = Path(where)
    config_name = config or "clips"
    if whole.ours(folder) and (tables := sorted((folder / config_name).glob(whole.SHARD))):
        whole.refuse_unfinished(folder, config)
        if not leaking:
            whole.refuse_leaks(folder, config_name)
        return _of_tables(tables)
    return _of_datasets(where, config, leaking)


def _of_tables(tables: Sequence[Path]) -> dict[str, SplitRows]:
    """Return the splits of a folder of ours from its files: ``datasets`` and PyTorch would take 6 s of CPU to import."""
    paths: dict[str, list[Path]] = {}
    for path in tables:
        paths.setdefault(path.name.split("-")[0], []).append(path)
    split_rows = {}
    for split in sorted(
        paths, key=lambda name: (SPLITS.index(name) if name in SPLITS else len(SPLITS), name)
    ):
        schema = pq.read_schema(paths[split][0])
        feature_types = (
            json.loads((schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        )
        pictures = [
            name
            for name, column in feature_types.items()
            if "Image" in (column.get("_type"), _inner_type(column))
        ]
        split_rows[split] = SplitRows(_TableRows(paths[split]), schema.names, pictures)
    return split_rows


def _inner_type(column: dict[str, Any]) -> object:
    """Return the type of a list's items; None where a column is no list of one type."""
    inner = column.get("feature")
    return inner.get("_type") if isinstance(inner, dict) else None


def _of_datasets(where: str, config: str | None, leaking: bool) -> dict[str, SplitRows]:
    """Return the splits of anybody else's data set, and of one on the Hub."""
    from datasets import DatasetDict, load_dataset, load_from_disk
    from datasets.utils.logging import set_verbosity_error

    set_verbosity_error()
    if (Path(where) / "dataset_dict.json").is_file() or (Path(where) / "dataset_info.json").is_file():
        saved_splits = load_from_disk(where)
        saved_splits = (
            saved_splits if isinstance(saved_splits, DatasetDict) else DatasetDict({"all": saved_splits})
        )
        return {str(name): _of_stream(split.to_iterable_dataset()) for name, split in saved_splits.items()}
    if Path(where).is_dir():
        whole.refuse_unfinished(Path(where), config)
    config_name = _config(where, config)
    if Path(where).is_dir() and not leaking:
        whole.refuse_leaks(Path(where), config_name)
    try:
        split_streams = load_dataset(where, config_name, streaming=True)
    except (
        OSError,
        ValueError,
    ) as error:  # datasets raises these for absent, unreachable and unreadable ones
        raise InputError(f"{where}: not a data set that can be read here ({error})") from error
    return {str(name): _of_stream(split) for name, split in split_streams.items()}


def _of_stream(split: IterableDataset) -> SplitRows:
    """Return a stream with its columns; none of a stream that doesn't know them."""
    from datasets import Image as Picture
    from datasets import List

    features = split.features or {}
    pictures = [
        name
        for name, feature in features.items()
        if isinstance(feature.feature if isinstance(feature, List) else feature, Picture)
    ]
    return SplitRows(split.decode(False), list(features), pictures)


def _config(where: str, config: str | None) -> str:
    if not Path(where).exists() and where.count("/") != 1:
        raise InputError(f"{where}: no such folder, and not a data set's name on the Hub (org/name)")
    from datasets import get_dataset_config_names

    names = get_dataset_config_names(where)
    if config is None and "clips" in names:
        return "clips"
    if config is None and len(names) == 1:
        return str(names[0])
    if config is None or config not in names:
        problem = (
            f"no config {config!r}; {nearest(config, names)}"
            if config
            else f"which config of {sorted(names)}?"
        )
        raise InputError(f"{where}: {problem} (--config)")
    return config


def questions(where: str, leaking: bool = False) -> dict[str, list[Row]]:
    """Return the rows of the ``qa`` config, by split: every question of a data set of ours, with its phase and case."""
    return {name: list(split) for name, split in splits(where, "qa", leaking).items()}


def clips(where: str, split: str, leaking: bool = False) -> Iterator[Row]:
    """Yield the rows of the ``clips`` config of one split, one at a time.

    Raises:
        InputError: no such split.
    """
    rows_by_split = splits(where, "clips", leaking)
    if split not in rows_by_split:
        raise absent_split(where, split, rows_by_split)
    yield from rows_by_split[split]


def picture(value: Row) -> bytes:
    """Return the encoded bytes of an undecoded image cell, from the row itself or from the file it points at."""
    return value["bytes"] if value["bytes"] is not None else Path(value["path"]).read_bytes()


def frames(row: Row, where: str, count: int = 8) -> list[bytes]:
    """Return a clip's frames as encoded pictures: those in its row, else ``count`` from its cut video.

    Empty where it has neither here: no media, or videos that lie elsewhere (``--media reference``, the Hub).
    """
    if row.get("images"):
        return [picture(cell) for cell in row["images"]]
    root = Path(where).resolve()
    path = (root / row["video"]).resolve() if row.get("video") else None
    if path is None or not path.is_relative_to(root) or not path.is_file():
        return []
    from surgvqa.builders.files.pictures import encode_jpeg  # only data sets of videos need a decoder
    from surgvqa.builders.video.decode import read_frames

    start, begins = row["start_s"], row["video_start_s"]
    known_times = row["frame_times_s"] or [start]
    picks = sorted({round(i * (len(known_times) - 1) / max(1, count - 1)) for i in range(count)})
    # The first frame of a cut clip can be from before its start: it stands at the clip's second 0.
    times = [begins + max(0.0, known_times[i] - start) for i in picks]
    return [encode_jpeg(shot.image) for shot in read_frames(path, times)]


def thumbnail(data: bytes, width: int) -> bytes:
    """Return a picture as a JPEG of at most ``width`` pixels across."""
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB")
        small.thumbnail((width, width))
        stream = io.BytesIO()
        small.save(stream, "JPEG", quality=80)
        return stream.getvalue()
