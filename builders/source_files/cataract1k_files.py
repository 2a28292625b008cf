"""The files of Cataract-1K, found by their names, and the authors' fold lists."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from surgvqa.builders.files.tables import rows
from surgvqa.builders.files.tree import files_below
from surgvqa.builders.schema import Omission
from surgvqa.cards.command import InputError

FOLDER = re.compile(r"case_?(\d+)", re.IGNORECASE)
PHASES = re.compile(r"case_?(\d+)_annotations_phases(-checkpoint)?\.csv", re.IGNORECASE)
MASKS = re.compile(r"instances(-checkpoint)?\.json", re.IGNORECASE)
VIDEO = re.compile(r"case_?(\d+)\.(mp4|avi|mkv|mov|m4v|webm)", re.IGNORECASE)
IMAGE = re.compile(r"case_?(\d+)_(\d+)\.(png|jpe?g)", re.IGNORECASE)
_NOT_PICTURES = re.compile(r"mask|label|^ann", re.IGNORECASE)  # folders of label images
FOLD = re.compile(r"Cat1k_anatomy_instrument_(\d+)_(train|test)\.csv")


@dataclass(slots=True)
class Files:
    """The files of one case."""

    phases: list[Path] = field(default_factory=list)
    masks: list[Path] = field(default_factory=list)
    videos: list[Path] = field(default_factory=list)
    images: dict[int, list[Path]] = field(default_factory=dict)


def find(root: Path) -> tuple[dict[str, Files], list[Omission]]:
    """Return every case's files, by the folder ``case_NNNN`` they lie in, else by their own name."""
    files_by_case: dict[str, Files] = defaultdict(Files)
    nowhere: list[Omission] = []
    for path in files_below(root):
        name = path.name
        kinds = ((kind, kind.fullmatch(name)) for kind in (PHASES, MASKS, VIDEO, IMAGE))
        kind, match = next(((kind, match) for kind, match in kinds if match), (None, None))
        if kind is None or match is None or (kind is IMAGE and _NOT_PICTURES.search(path.parent.name)):
            continue
        folders = (root.resolve().name, *path.relative_to(root).parts[:-1])
        matches = (FOLDER.fullmatch(folder) for folder in reversed(folders))
        inside = next((match for match in matches if match), None) or FOLDER.match(name)
        if inside is None:
            cause = "it belongs to no case: no folder above it is named case_NNNN"
            nowhere.append(Omission(relative_path(root, path), cause, fault=True))
            continue
        files = files_by_case[f"case_{inside[1]}"]
        if kind is IMAGE:
            files.images.setdefault(int(match[2]), []).append(path)
        else:
            {PHASES: files.phases, MASKS: files.masks, VIDEO: files.videos}[kind].append(path)
    return dict(files_by_case), nowhere


def relative_path(root: Path, path: Path) -> str:
    """Return a file's path as messages have it."""
    return path.relative_to(root).as_posix()


def official_splits(folder: Path, fold: int, *, required: bool = True) -> dict[str, str]:
    """Read what the authors' fold lists below a folder say: case -> "train" or "test".

    Raises:
        InputError: ``required`` and not there, no such fold, or a case that is in both lists.
    """
    lists = {(int(match[1]), match[2]): path for path, match in fold_lists(folder)}
    if not lists and not required:
        return {}
    if (fold, "train") not in lists or (fold, "test") not in lists:
        there = ", ".join(str(number) for number in sorted({number for number, _ in lists})) or "none"
        raise InputError(
            f"no Cat1k_anatomy_instrument_{fold}_train.csv and …_test.csv below {folder}; folds there: {there}"
        )
    splits: dict[str, str] = {}
    for part in ("train", "test"):
        path = lists[fold, part]
        for row in rows(path, ("imgs",), path.name):
            matches = [FOLDER.fullmatch(folder) for folder in Path(row["imgs"]).parts]
            folder_match = next((match for match in matches if match), None)
            if folder_match is None:
                raise InputError(f"{path.name}: {row['imgs']!r} has no folder case_NNNN")
            if splits.setdefault(f"case_{folder_match[1]}", part) != part:
                raise InputError(
                    f"{path.name}: case_{folder_match[1]} is in the train and in the test list of fold {fold}"
                )
    return splits


def fold_lists(folder: Path) -> list[tuple[Path, re.Match[str]]]:
    """Return the authors' fold lists below a folder, with the number and the part that their names say."""
    matches = ((path, FOLD.fullmatch(path.name)) for path in files_below(folder, "Cat1k_*.csv"))
    return [(path, match) for path, match in matches if match]
