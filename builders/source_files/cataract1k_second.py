"""Cataract-1K's second release, one table each of annotations, phases and videos, under the first one's name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from surgvqa.builders.schema import Case, Omission
from surgvqa.builders.tabular import description, source
from surgvqa.builders.tabular.parts import Tally

FILE = Path(__file__).parents[1] / "sources" / "cataract1k_v2.yaml"


def read(root: Path, name: str, tally: Tally | None = None) -> Iterator[Case | Omission]:
    """Read a tree in the second release's layout for a source of any name."""
    spec = description.read(FILE).model_copy(update={"source": name})
    yield from source.read_tree(root, spec, tally or Tally(), "official", None, 0.0)
