"""How long answers took: a file beside them, because two equal runs differ in nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from surgvqa.cards.command import InputError, parse_json
from surgvqa.eval.data.predictions import Prediction


def seconds_file(predictions: Path) -> Path:
    """Return where the seconds of a file's answers stand.

    >>> seconds_file(Path("p.jsonl")).name
    'p.seconds.jsonl'
    """
    return predictions.with_suffix(".seconds.jsonl")


@contextmanager
def seconds_beside(predictions: Path) -> Iterator[IO[str]]:
    """Open the file of seconds to append to; a piece of a line that a killed run left goes, an empty file, too."""
    path = seconds_file(predictions)
    whole = path.read_bytes() if path.is_file() else b""
    with path.open("a", encoding="utf-8") as file:
        os.truncate(path, whole.rfind(b"\n") + 1)
        yield file
    if not path.stat().st_size:
        path.unlink()


def append_seconds(file: IO[str], answers: Iterable[Prediction], seconds: float) -> None:
    """Write how long a batch took, in equal shares for its answers."""
    own = list(answers)
    share = round(seconds / max(1, len(own)), 4)
    file.writelines(json.dumps({"qa_id": one.qa_id, "seconds": share}) + "\n" for one in own)
    file.flush()


def with_seconds(answers: Sequence[Prediction], path: Path) -> list[Prediction]:
    """Return a file's answers with the seconds that ``predict`` wrote beside them, where it did.

    Raises:
        InputError: a line of them is no JSON; the last one may be cut off, as a killed run leaves it.
    """
    beside = seconds_file(path)
    if not beside.is_file():
        return list(answers)
    took: dict[str, float] = {}
    lines = beside.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            row: Mapping[str, float | str] = parse_json(line)
            took[str(row["qa_id"])] = float(row["seconds"])
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{beside}, line {number}: expected a qa_id and its seconds; delete the file to score without them"
            ) from None
    return [
        replace(one, seconds=took[one.qa_id]) if one.seconds is None and one.qa_id in took else one
        for one in answers
    ]
