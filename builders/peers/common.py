"""The common part of every format: the rows it reads of a data set, and its list of losses."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pyarrow.parquet as pq
from surgvqa.builders.cases.splits import SPLITS
from surgvqa.builders.questions.messages import image_names
from surgvqa.builders.row_types import ClipRow, QAColumns
from surgvqa.builders.schema import FEATURES, QA_COLUMNS
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests

LOSSES = "lost.json"
NO_PICTURE = "clip without a picture"
SOURCE = "source.json"  # licence and citation: they go where the data go
BATCH = 16  # rows held at once: their pictures are 5 MB
REST = "surgvqa"  # key of what a format has no place for, as JSON
EMPTY: tuple[object, ...] = (None, "", [], ())


@dataclass(frozen=True, slots=True)
class Target:
    """A data set that is written in another format."""

    folder: Path
    out: Path
    losses: Counter[str] = field(default_factory=Counter)  # what -> rows or questions

    @property
    def name(self) -> str:
        """The name of the data set, of small letters, digits and underscores."""
        plain = "".join(
            char if char.isascii() and char.isalnum() else "_" for char in self.folder.resolve().name.lower()
        )
        return plain.strip("_") or "dataset"

    def splits(self) -> list[str]:
        """Return the splits that there are."""
        names = [one for one in SPLITS if any((self.folder / "clips").glob(f"{one}-*.parquet"))]
        if not names:
            raise InputError(f"{self.folder} has no config clips; `surgvqa-build SOURCE` writes it")
        return names

    def clips(self, split: str) -> Iterator[ClipRow]:
        """Yield the clips of a split in their order."""
        for path in sorted((self.folder / "clips").glob(f"{split}-*.parquet")):
            with pq.ParquetFile(path) as table:
                missing = sorted(set(FEATURES) - set(table.schema_arrow.names))
                if missing:
                    raise InputError(
                        f"{path} has no column {missing[0]}; build the data set with this version"
                    )
                for batch in table.iter_batches(batch_size=BATCH):
                    yield from cast(list[ClipRow], batch.to_pylist())

    def pictures(self, row: ClipRow) -> list[str]:
        """Write a clip's pictures once; returns their names below the folder.

        A clip without pictures (``--media`` clips, reference or none) is counted among what is lost.
        """
        names = image_names(row["clip_id"], len(row["images"] or ()))
        for name, image in zip(names, row["images"] or (), strict=True):
            path = self.out / name
            if not path.resolve().is_relative_to(self.out.resolve()):
                raise InputError(f"the picture {name!r} lies outside {self.out}")
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(image["bytes"])
        if not names:
            self.losses[NO_PICTURE] += 1
        return names

    def lose(self, row: Mapping[str, object], kept_columns: Sequence[str], what: str = "column") -> None:
        """Count the columns of a row that say something and aren't kept."""
        for name, value in row.items():
            if name not in kept_columns and value not in EMPTY:
                self.losses[f"{what} {name}"] += 1

    def questions(self, row: ClipRow) -> list[QAColumns]:
        """Return a clip's questions, for formats of questions; counts what such formats can't say."""
        if not row["qa"]:
            self.losses["clip without a question"] += 1
        if any(message["role"] == "system" for message in row["messages"]):
            self.losses["system message"] += 1
        return row["qa"]

    def say_source(self) -> None:
        """Write where the data come from and under which licence, if the data set says so."""
        if (self.folder / manifests.NAME).is_file():
            write_json(self.out / SOURCE, manifests.read(self.folder)["source"])

    def say_lost(self) -> dict[str, int]:
        """Write what is lost beside the files, and return it."""
        losses = dict(sorted(self.losses.items()))
        (self.out / LOSSES).write_text(json.dumps(losses, indent=1, ensure_ascii=False) + "\n", "utf-8")
        return losses


def rest(row: ClipRow) -> str:
    """Return all of a clip but its pictures as JSON, for formats with a place for more keys."""
    columns = {name: row[name] for name in FEATURES if name != "images"}  # type: ignore[literal-required]
    return json.dumps(columns, ensure_ascii=False)


def question_rest(row: ClipRow, qa: QAColumns) -> str:
    """Return all of a question and of its clip but pictures and other questions as JSON."""
    clip = {
        name: row[name]  # type: ignore[literal-required]
        for name in FEATURES
        if name not in ("images", "qa", "messages")
    }
    return json.dumps({**clip, "question": {name: qa.get(name) for name in QA_COLUMNS}}, ensure_ascii=False)


def letters(qa: QAColumns) -> dict[str, str]:
    """Return a question's choices by letter; none where it is open or has more than letters.

    >>> letters({"choices": ["yes", "no"]})
    {'A': 'yes', 'B': 'no'}
    """
    choices = qa["choices"] or []
    return {chr(65 + number): choice for number, choice in enumerate(choices)} if len(choices) <= 26 else {}


def answer_letter(qa: QAColumns) -> str | None:
    """Return the letter of the right answer, None where no single choice is it."""
    matches = [letter for letter, choice in letters(qa).items() if choice == qa["short_answer"]]
    return matches[0] if len(matches) == 1 else None


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON for people and programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")


def write_lines(path: Path, rows: Iterator[Mapping[str, object]]) -> int:
    """Write a file of one JSON object a line; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count
