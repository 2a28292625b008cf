"""The search in a Parquet file: its header, its strings and its pictures, at any depth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from surgvqa.cards.command import one_line
from surgvqa.cards.publish.hits import CLIP_TIMES, Hit, excerpt_of, in_picture, in_text, match_of, normalise
from surgvqa.cards.publish.identifiers import CONFIRMATIONS

# Masks are run lengths of the characters 0 to o, "`\\14K5L3N" for one, in which a path of Windows is soon to be found.
RUN_LENGTHS = r'"(?:\w+_)?rle": ?"[0-o]*"'  # in a scene's JSON
IDENTITY, FOUR_DIGITS = "a patient's identity", "1234"  # a rule, and what makes it hit a label such as "mrn"
ONLY_RUN_LENGTHS = "^[0-o]*$"  # in a column named mask or masks


def in_table(
    file: str, path: Path, patterns: dict[str, str], advance: Callable[[int], object] = int
) -> Iterator[Hit]:
    """Yield the hits in a Parquet file: in strings, pictures and its own header; a column of a row group at a time.

    ``advance`` is told of the bytes that were searched: one file may be the whole data set.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as table:
        for key, value in (table.schema_arrow.metadata or {}).items():
            yield from in_text(
                file, key.decode("utf-8", "replace"), value.decode("utf-8", "replace"), patterns
            )
        for group in range(table.num_row_groups):
            sizes: Counter[str] = Counter()
            for index in range((parts := table.metadata.row_group(group)).num_columns):
                part = parts.column(index)
                sizes[part.path_in_schema.split(".")[0]] += part.total_compressed_size
            for name in table.schema_arrow.names:
                if group == 0:
                    yield from in_field(file, table.schema_arrow.field(name), patterns)
                yield from in_column(file, name, table.read_row_group(group, columns=[name])[name], patterns)
                advance(sizes[name])


def in_field(file: str, field: Any, patterns: dict[str, str]) -> Iterator[Hit]:
    """Yield the hits in the name and the metadata of a column and of the fields in it, and columns that only tell who."""
    import pyarrow as pa

    kind = field.type
    yield from in_text(file, "a column's name", field.name, patterns)
    for key, value in (field.metadata or {}).items():
        text = f"{key.decode('utf-8', 'replace')}: {value.decode('utf-8', 'replace')}"
        yield from in_text(file, f"the metadata of {field.name}", text, patterns)
    rule = patterns.get(IDENTITY)
    if not kind.num_fields and rule and match_of(IDENTITY, rule, f"{field.name}: {FOUR_DIGITS}"):
        yield Hit(file, field.name, IDENTITY, "a column of that name")
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind) and "a date" in patterns:
        yield Hit(file, field.name, "a date", f"a column of {kind}")
    for index in range(kind.num_fields):
        yield from in_field(file, kind.field(index), patterns)


def in_column(file: str, where: str, column: Any, patterns: dict[str, str]) -> Iterator[Hit]:
    """Yield the hits in an Arrow array of any nesting: pictures by their headers, strings by the rules."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for array in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        kind = array.type
        if pa.types.is_dictionary(kind):
            array, kind = array.dictionary, kind.value_type
        if kind in (pa.string_view(), pa.binary_view()):
            kind = pa.large_string() if kind == pa.string_view() else pa.large_binary()
            array = array.cast(kind)
        if pa.types.is_map(kind):
            yield from in_column(file, f"{where}.key", array.keys, patterns)
            array, kind = array.items, kind.item_type
            yield from in_column(file, where, array, patterns)
        elif pa.types.is_struct(kind):
            names = [kind.field(index).name for index in range(kind.num_fields)]
            for name in names:
                yield from in_column(file, f"{where}.{name}", pc.struct_field(array, name), patterns)
            if set(names) == {"bytes", "path"}:  # an Image or Video; its path is where it lay
                for value in pc.unique(pc.struct_field(array, "path").drop_null()):
                    yield Hit(
                        file,
                        f"{where}.path",
                        "the name of the file a picture came from",
                        repr("…" + one_line(value.as_py())[-4:]),
                    )
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            yield from in_column(file, where, pc.list_flatten(array), patterns)
        elif (
            pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
        ):
            for value in array.drop_null():
                yield from in_picture(file, where, value.as_py())
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            if where.endswith("scene"):
                array = pc.replace_substring_regex(array, RUN_LENGTHS, "")
            elif where.endswith(("mask", "masks")):
                array = array.filter(pc.invert(pc.match_substring_regex(array, ONLY_RUN_LENGTHS)))
            array = pc.unique(
                pc.replace_substring_regex(readable(pc.unique(array.drop_null())), CLIP_TIMES, "")
            )
            wide = pc.unique(array.filter(pc.invert(pc.string_is_ascii(array))))
            for what, rule in patterns.items():
                matches = array.filter(pc.match_substring_regex(array, rule))
                # A rule that has to be confirmed may hit what comes first for nothing; and for RE2 a word ends before "ü".
                candidates = (
                    pc.unique(pa.concat_arrays([matches, wide])) if what in CONFIRMATIONS else matches[:1]
                )
                for value in candidates:
                    match = match_of(what, rule, value.as_py())
                    if match is not None or what not in CONFIRMATIONS:
                        yield Hit(
                            file, where, what, excerpt_of(match) if match is not None else "by RE2 alone"
                        )
                        break


def readable(array: Any) -> Any:
    """Return an Arrow array of strings as ``normalise`` does, one by one only where a string needs it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pc.all(pc.and_(pc.string_is_ascii(array), pc.invert(pc.match_substring_regex(array, "[&%]"))))
    if plain.as_py() is not False:
        return array
    return pa.array([None if one is None else normalise(one) for one in array.to_pylist()], array.type)
