"""Clips from a folder or the Hub, their pictures left as bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict, Image, List, load_dataset
from datasets.exceptions import DatasetNotFoundError
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests
from surgvqa.eval.data import whole
from surgvqa.eval.data.prompts import as_clips, is_prompts
from surgvqa.eval.settings.one_split import absent_split


def load_clips(name: str, config: str | None = "clips") -> DatasetDict:
    """All splits of a data set of clips; rows of one question each (config pointing) come as clips of a frame.

    Raises:
        InputError: no such folder or Hub repository, no such config, or rows without ``messages``.
    """
    splits = DatasetDict(
        {
            split: as_clips(rows) if is_prompts(rows.features) else rows
            for split, rows in load_rows(name, config).items()
        }
    )
    for split, rows in splits.items():
        if "messages" not in rows.features:
            column_names = ", ".join(rows.features)
            raise InputError(
                f"{name}, split {split}: no column messages; found {column_names}. Is this config clips?"
            )
    return splits


def load_rows(name: str, config: str | None) -> DatasetDict:
    """All splits of a data set as it is, its pictures left as bytes.

    Raises:
        InputError: no such folder or Hub repository, no such config.
    """
    if Path(name).exists() and not any(Path(name).rglob("*.parquet")):
        raise InputError(
            f"{name} holds no Parquet file; `surgvqa-build SOURCE --root ROOT --out {name}` makes one"
        )
    if Path(name).is_dir():
        whole.refuse_unfinished(Path(name), config or "clips")
    try:
        splits = load_folder(Path(name), config) or load_dataset(name, config)
    except (DatasetNotFoundError, FileNotFoundError, ConnectionError) as error:
        raise InputError(
            f"no data set {name}: neither a folder here nor reachable on the Hub ({error})"
        ) from None
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None
    refuse_shared(name, splits)
    return DatasetDict({split: without_decoding(rows) for split, rows in splits.items()})


def refuse_shared(name: str, splits: DatasetDict) -> None:
    """Raise where a case lies in two splits, unless the manifest says that the source divides it."""
    rows_by_split = {split: rows for split, rows in splits.items() if whole.CASE in rows.column_names}
    cases = {split: set(rows.unique(whole.CASE)) - {None} for split, rows in rows_by_split.items()}
    all_cases = [case for group in cases.values() for case in group]
    if len(set(all_cases)) == len(all_cases):
        return
    manifest = whole.manifest_of(Path(name)) if Path(name).is_dir() else hub_manifest(name)
    whole.refuse_undeclared(cases, manifest, name)


def hub_manifest(name: str) -> Any:
    """Return the manifest of a data set of the Hub; {} where it has none."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        path = hf_hub_download(name, manifests.NAME, repo_type="dataset")
    except (EntryNotFoundError, LocalEntryNotFoundError):
        return {}
    return manifests.read_json(Path(path), "the data set's manifest is damaged")


def load_folder(folder: Path, config: str | None) -> DatasetDict | None:
    """Return a folder of ours, ``CONFIG/SPLIT-*.parquet``, by its files; None where it isn't one.

    Not by its card: ``load_dataset(folder, config)`` of datasets 5.2 keys its cache by the card's text and the
    folder's last name, so a data set that was built again would give yesterday's rows.
    """
    files: dict[str, list[str]] = {}
    for path in sorted((folder / (config or "clips")).glob("*-*.parquet")):
        files.setdefault(path.name.split("-")[0], []).append(str(path))
    return load_dataset("parquet", data_files=files) if files else None


def split_of(splits: DatasetDict, split: str, where: str) -> Dataset:
    """One split.

    Raises:
        InputError: there is none of that name.
    """
    if split not in splits:
        raise absent_split(where, split, splits)
    return splits[split]


def without_decoding(rows: Dataset) -> Dataset:
    """Rows whose ``images`` come as ``{"bytes", "path"}``: decoding is the encoder's. Posters are for viewers alone."""
    if "poster" in rows.features:
        rows = rows.remove_columns("poster")
    if "images" in rows.features:
        return rows.cast_column("images", List(Image(decode=False)))
    return rows
