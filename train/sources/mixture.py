"""Several data sets as one: their rows one after the other, and how much of an epoch each is to have.

    datasets:
    - cataract
    - {path: cholec, weight: 2}

A data set of weight 2 gives twice as many sequences as one of weight 1, whatever their sizes; without weights each
gives what it holds. An epoch has as many sequences as all hold together. The order follows from seed and epoch alone
(``surgvqa.train.clips.clip_trainer.Draws``), so that a run that is resumed goes on where it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict, concatenate_datasets
from surgvqa.cards.command import InputError, nearest

KEYS = ("path", "config", "weight")
# of the rows and weights of sequences, their weights in a mixture
Parts = Callable[[Sequence[int], Sequence[float]], list[float]]


@dataclass(frozen=True, slots=True)
class Source:
    """One data set of a mixture."""

    path: str
    config: str | None
    weight: float | None = None  # its part of an epoch, beside the others'


@dataclass(frozen=True, slots=True)
class Mixture:
    """The rows of all sources, by split, and where each source begins in a split."""

    sources: tuple[Source, ...]
    splits: Mapping[str, Dataset]
    ends: Mapping[str, tuple[int, ...]]  # of each source's rows in a split

    @property
    def name(self) -> str:
        """What a card and a message call it."""
        return " + ".join(source.path for source in self.sources)

    def factors(self, split: str, rows: Sequence[int], weights: Sequence[float]) -> list[float]:
        """Return each sequence's weight, so that its source's sum is its part of all sequences.

        Args:
            split: whose sequences.
            rows: the row that each is of.
            weights: how often each would be drawn without a mixture.
        """
        parts = [source.weight for source in self.sources]
        if all(part is None for part in parts):
            return list(weights)
        ends = self.ends[split]
        owners = [next(number for number, end in enumerate(ends) if row < end) for row in rows]
        sums = [0.0] * len(ends)
        for owner, weight in zip(owners, weights, strict=True):
            sums[owner] += weight
        whole = sum(part or 0.0 for part in parts)
        scale = [(part or 0.0) / whole * len(rows) / total for part, total in zip(parts, sums, strict=True)]
        return [weight * scale[owner] for owner, weight in zip(owners, weights, strict=True)]


def read_sources(values: Sequence[Any], config: str | None) -> tuple[Source, ...]:
    """Return the sources of ``--datasets``: ``PATH`` or ``PATH=WEIGHT``, in YAML also ``{path, config, weight}``.

    >>> read_sources(["cataract=1", "cholec=2"], "clips")[1]
    Source(path='cholec', config='clips', weight=2.0)

    Raises:
        InputError: a key or weight that can't be read, weights of some only, a data set twice.
    """
    sources = [source_of(value, config) for value in values]
    paths = [(source.path, source.config) for source in sources]
    if twice := next((path for path, _ in paths if paths.count((path, config)) > 1), None):
        raise InputError(f"--datasets names {twice} twice; give it a larger weight")
    if len({source.weight is None for source in sources}) > 1:
        bare = next(source.path for source in sources if source.weight is None)
        raise InputError(f"--datasets: {bare} has no weight and others have; give each one, or none")
    return tuple(sources)


def source_of(value: Any, config: str | None) -> Source:
    """Return one source.

    Raises:
        InputError: as ``read_sources``.
    """
    if isinstance(value, str):
        path, sign, weight = value.rpartition("=")
        return Source(path, config, weight_of(path, weight)) if sign else Source(value, config)
    if not isinstance(value, dict) or "path" not in value:
        raise InputError(f"--datasets: expected a path or {{path: …, weight: …}}, found {value!r}")
    if unknown := sorted(set(value) - set(KEYS)):
        raise InputError(f"--datasets: no key {unknown[0]!r}; {nearest(unknown[0], KEYS)}")
    part = value.get("weight")
    name = str(value["path"])
    return Source(name, value.get("config", config), None if part is None else weight_of(name, part))


def weight_of(path: str, text: object) -> float:
    """Return a weight.

    Raises:
        InputError: no positive number.
    """
    try:
        weight = float(str(text))
    except ValueError:
        weight = 0.0
    if not 0 < weight < math.inf:
        raise InputError(f"--datasets {path}: a weight is a number above 0, found {text!r}")
    return weight


def load_mixture(sources: Sequence[Source], load: Callable[[str, str | None], DatasetDict]) -> Mixture:
    """Load all sources and join the splits that every one has.

    Raises:
        InputError: as ``load``; sources whose columns differ.
    """
    splits_by_source = [(source, load(source.path, source.config)) for source in sources]
    splits, ends = {}, {}
    for split in [name for name in splits_by_source[0][1] if all(name in one for _, one in splits_by_source)]:
        tables = [with_whole_paths(one[split], source.path) for source, one in splits_by_source]
        first = tables[0].features
        for (source, _), table in zip(splits_by_source, tables, strict=True):
            if table.features != first:
                other = sorted(
                    name for name in {*first, *table.features} if first.get(name) != table.features.get(name)
                )
                raise InputError(
                    f"{source.path} has other columns than {splits_by_source[0][0].path} ({', '.join(other[:5])}); build both "
                    "with the same version, or join them with `surgvqa-build mix`"
                )
        splits[split] = concatenate_datasets(tables)
        sizes = [len(table) for table in tables]
        ends[split] = tuple(sum(sizes[: number + 1]) for number in range(len(sizes)))
    return Mixture(tuple(sources), splits, ends)


def with_whole_paths(rows: Dataset, folder: str) -> Dataset:
    """Rows whose videos have paths that hold from everywhere."""
    if "video" not in rows.features or not any(rows["video"]):
        return rows
    root = Path(folder).resolve()
    videos = [None if video is None else str(root / video) for video in rows["video"]]
    place = rows.column_names.index("video")
    names = [*rows.column_names[:place], "video", *rows.column_names[place + 1 :]]
    out = rows.remove_columns("video").add_column("video", videos, feature=rows.features["video"])
    return out.select_columns(names)
