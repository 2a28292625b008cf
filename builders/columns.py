"""The columns of a table that we write, as ``datasets`` describes them in a Parquet file, without importing ``datasets``.

Importing ``datasets`` takes 3 s of CPU, half of it pandas. A build needs its description of the columns alone: the Arrow
schema with the entry ``huggingface``. A test holds both against those of ``datasets`` itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

if TYPE_CHECKING:
    from datasets import Features


@dataclass(frozen=True, slots=True)
class Value:
    """One value, by Arrow's name of its type."""

    dtype: str


@dataclass(frozen=True, slots=True)
class Image:
    """An encoded picture."""


@dataclass(frozen=True, slots=True)
class Audio:
    """An encoded sound."""

    sampling_rate: int


@dataclass(frozen=True, slots=True)
class List:
    """Any number of the same."""

    feature: Column


Column: TypeAlias = Value | Image | Audio | List | Mapping[str, "Column"]
FILE_TYPE = pa.struct({"bytes": pa.binary(), "path": pa.string()})  # how datasets stores pictures and sounds


class Columns(dict[str, Column]):
    """Columns by name, in their order."""

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The schema of a Parquet file that ``datasets`` loads with these columns.

        >>> Columns({"points": List(List(Value("float64")))}).arrow_schema.field("points").type
        ListType(list<item: list<item: double>>)
        """
        info = {"info": {"features": {name: _describe(column) for name, column in self.items()}}}
        fields = {name: _arrow_type(column) for name, column in self.items()}
        return pa.schema(list(fields.items()), metadata={"huggingface": json.dumps(info)})

    def features(self) -> Features:
        """Return the same columns as ``datasets`` has them; imports it."""
        from datasets import Features

        return Features.from_arrow_schema(self.arrow_schema)


def _arrow_type(column: Column) -> pa.DataType:
    if isinstance(column, Value):
        return pa.type_for_alias(column.dtype)
    if isinstance(column, List):
        return pa.list_(_arrow_type(column.feature))
    if isinstance(column, Mapping):
        return pa.struct({name: _arrow_type(one) for name, one in column.items()})
    return FILE_TYPE


def _describe(column: Column) -> dict[str, object]:
    """Return what ``datasets`` writes about a column."""
    if isinstance(column, Value):
        return {"dtype": column.dtype, "_type": "Value"}
    if isinstance(column, List):
        return {"feature": _describe(column.feature), "_type": "List"}
    if isinstance(column, Audio):
        return {"sampling_rate": column.sampling_rate, "_type": "Audio"}
    if isinstance(column, Mapping):
        return {name: _describe(one) for name, one in column.items()}
    return {"_type": "Image"}
