"""Questions in files without columns: conversations, and lines of ``question|answer``.

Their short answer is the whole answer: nothing says which word of a sentence counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from surgvqa.cards.command import InputError, parse_json
from surgvqa.eval.controls.texts import questions_of
from surgvqa.eval.data import reference
from surgvqa.eval.data.predictions import Prediction

TURNS = ("conversations", "messages")
KINDS = ("kind", "qa_type", "question_type", "sub_tag", "main_tag")
PICTURES = ("image", "images", "video", "videos")


def read(path: Path, columns: Mapping[str, str] | None = None) -> list[Prediction]:
    """Read the questions of a file: conversations, lines of ``question|answer``, or columns as `score` reads them.

    Raises:
        InputError: a file that is none of them, or without answers.
    """
    if path.suffix == ".txt":
        return list(_lines(path))
    if path.suffix in (".json", ".jsonl") and not columns and (samples := _samples(path)):
        return [row for number, sample in enumerate(samples) for row in _turns(sample, number)]
    return reference.questions(path, mapping=columns)


def _samples(path: Path) -> list[dict[str, Any]]:
    """Return the samples of a file of conversations; nothing where it holds something else."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".jsonl":
            values = [parse_json(line) for line in text.split("\n") if line.strip()]
        else:
            values = parse_json(text)
    except (ValueError, OSError):
        return []  # the reader of columns says what is wrong with the file
    samples = values if isinstance(values, list) else []
    talks = [
        s for s in samples if isinstance(s, dict) and any(isinstance(s.get(name), list) for name in TURNS)
    ]
    return talks if len(talks) == len(samples) else []


def _turns(sample: Mapping[str, Any], number: int) -> Iterator[Prediction]:
    media = next((str(sample[name]) for name in PICTURES if sample.get(name)), "")
    name = str(sample.get("id", number))
    kind = next((str(sample[key]) for key in KINDS if sample.get(key)), "")
    for turn, (question, answer) in enumerate(questions_of(dict(sample), {})):
        text = question.replace("<image>", "").replace("<video>", "").strip()
        yield Prediction(f"{name}#{turn}", media, "", kind, "", text, answer, answer)


def _lines(path: Path) -> Iterator[Prediction]:
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
        if not line.strip():
            continue
        question, bar, answer = line.strip().partition("|")
        if not bar:
            raise InputError(f"{path}, line {number}: expected question|answer, found no |")
        yield Prediction(
            f"{path.stem}#{number}", path.stem, "", "", "", question.strip(), answer, answer.strip()
        )
