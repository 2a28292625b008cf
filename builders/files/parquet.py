"""Rows into Parquet as they come: fixed-size row groups, page checksums, the features in the metadata.

Pages end where their content says (content-defined chunking) and have an index, as ``datasets`` 5 writes them: a store
that keeps files in chunks, as the Hub does, gets only the pages that an edit changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from surgvqa.builders.columns import Column, Columns, Image, List
from surgvqa.cards.command import InputError, machine_fault
from surgvqa.cards.files import manifest
from surgvqa.cards.files.atomic import pending_path, replace, sync_folder, write_text

__all__ = [
    "CLIPS_PER_GROUP",
    "GROUP_BYTES",
    "ROWS_PER_GROUP",
    "join",
    "pending_path",
    "read_rows",
    "replace",
    "sync_folder",
    "verify_unchanged",
    "write_text",
    "writer",
]

CLIPS_PER_GROUP = 32  # 8 frames of 40 kB each: 10 MB, which is what the writer and a reader hold at once
GROUP_BYTES = 3 * 2**20  # of pictures: a group of larger ones ends sooner
ROWS_PER_GROUP = 20_000  # questions: 5 MB


@contextmanager
def writer(
    path: Path, features: Columns, rows_per_group: int
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yield a function that takes rows; the file appears whole under its name when the block ends well.

    Columns are collected, not rows: a question costs a list entry per column. Without a row no file is made.
    """
    schema = features.arrow_schema
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    appends = [(name, column.append) for name, column in columns.items()]
    pictures = [name for name, feature in features.items() if _holds(feature)]
    pending = pending_path(path)
    table: pq.ParquetWriter | None = None
    picture_bytes = 0  # bytes of pictures

    def flush() -> None:
        nonlocal table, picture_bytes
        if table is None:
            table = _open(pending, schema)
        table.write_batch(pa.RecordBatch.from_pydict(columns, schema=schema), row_group_size=rows_per_group)
        for column in columns.values():
            column.clear()
        picture_bytes = 0

    first = columns[schema.names[0]]

    def write(row: Mapping[str, Any]) -> None:
        nonlocal picture_bytes
        for name, append in appends:
            append(row[name])
        for name in pictures:
            images = row[name] if isinstance(row[name], list) else [row[name]]
            picture_bytes += sum(len(image["bytes"] or b"") for image in images if image)
        if len(first) >= rows_per_group or picture_bytes >= GROUP_BYTES:
            flush()

    try:
        yield write
        if first:
            flush()
        if table is not None:
            table.close()
            replace(pending, path)
    except BaseException:
        if table is not None:
            table.close()
        pending.unlink(missing_ok=True)
        raise


def join(parts: Sequence[Path], path: Path) -> None:
    """Write tables of the same columns one behind the other as one; a row group at a time in memory."""
    pending = pending_path(path)
    with _open(pending, pq.read_schema(parts[0])) as table:
        for part in parts:
            with pq.ParquetFile(part) as source:
                for group in range(source.num_row_groups):
                    rows = source.read_row_group(group)
                    table.write_table(rows, row_group_size=max(1, len(rows)))
    replace(pending, path)


def _open(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    leaves = _leaves(schema)
    pictures = {leaf for leaf in leaves if leaf.endswith(".list.element.bytes")}
    return pq.ParquetWriter(
        path,
        schema,
        compression={leaf: "NONE" if leaf in pictures else "ZSTD" for leaf in leaves},  # JPEG doesn't shrink
        use_dictionary=[leaf for leaf in leaves if leaf not in pictures],
        write_page_checksum=True,
        write_page_index=True,
        use_content_defined_chunking=True,
    )


def _holds(feature: Column) -> bool:
    """Whether a column is of pictures, one or several a row."""
    return isinstance(feature.feature if isinstance(feature, List) else feature, Image)


def _leaves(schema: pa.Schema) -> list[str]:
    """Return the dotted names Parquet gives to the columns of a schema."""
    leaves: list[str] = []

    def walk(name: str, kind: pa.DataType) -> None:
        if pa.types.is_list(kind):
            walk(f"{name}.list.element", kind.value_type)
        elif pa.types.is_struct(kind):
            for field in kind:
                walk(f"{name}.{field.name}", field.type)
        else:
            leaves.append(name)

    for field in schema:
        walk(field.name, field.type)
    return leaves


def read_rows(paths: Sequence[Path]) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of tables, sixteen at a time in memory.

    Raises:
        InputError: a file that is no whole table.
    """
    for path in paths:
        try:
            with pq.ParquetFile(path) as table:
                for batch in table.iter_batches(batch_size=16):
                    yield from batch.to_pylist()
        except (pa.ArrowInvalid, OSError) as error:
            if machine_fault(error) is not None:
                raise
            raise InputError(f"{path}: not a whole Parquet file ({error}); copy or build it again") from error


@contextmanager
def verify_unchanged(folder: Path, paths: Sequence[Path]) -> Iterator[None]:
    """Hold files of a data set to its manifest before they are read, and to themselves afterwards.

    Raises:
        InputError: a file isn't what the manifest says, or was changed while it was read.
    """
    entries = manifest.whole(folder)["files"] if (folder / manifest.NAME).is_file() else {}
    before = {path: manifest.sha256(path) for path in paths}
    for path, digest in before.items():
        entry = entries.get(path.relative_to(folder).as_posix())
        if entries and (entry is None or entry["sha256"] != digest):
            raise InputError(f"{path}: not what {folder / manifest.NAME} says; {manifest.MEND}")
    yield
    for path, digest in before.items():
        if manifest.sha256(path) != digest:
            raise InputError(f"{path} was changed while it was read; run the same command again")
