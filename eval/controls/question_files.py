"""Questions in files without columns: conversations, and lines of ``question|answer``.

Their short answer is the whole answer: nothing says which word of a sentence counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from surgvqa.cards.command import InputError, parse_json
from surgvqa.eval.controls.texts import questions_of
from surgvqa.eval.data import records, reference
from surgvqa.eval.data.predictions import Prediction

TURNS = ("conversations", "messages")
WINDOW = re.compile(r"(?P<case>.+)@(?P<start>\d+)-(?P<end>\d+)")  # a clip id of ours, milliseconds
TOLERANCE_S = 0.05
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


def evidence_outside(path: Path) -> list[str] | None:
    """Return the ids of questions whose evidence lies outside their clip's window; None where a file doesn't tell.

    The seconds of the evidence stand in `evidence_s`, the window in `start_s` and `end_s` or in a clip id of ours.
    """
    if path.suffix == ".txt":
        return None
    outside: list[str] = []
    has_evidence = False
    try:
        rows = list(reference.rows(path, "test") if path.is_dir() else records.rows(path))
    except InputError:  # no rows with columns: conversations in a form of their own, which tell no evidence
        return None
    for number, row in enumerate(rows):
        times, window = _seconds(row.get("evidence_s")), _window(row)
        if not times or window is None:
            continue
        has_evidence = True
        if min(times) < window[0] - TOLERANCE_S or max(times) > window[1] + TOLERANCE_S:
            outside.append(str(row.get("qa_id") or row.get("id") or number))
    return outside if has_evidence else None


def _seconds(value: object) -> list[float]:
    if isinstance(value, str) and value.strip().startswith("["):
        value = parse_json(value)
    return [float(one) for one in value] if isinstance(value, list | tuple) else []


def _window(row: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the seconds between which a row's clip lies.

    >>> _window({"clip_id": "a@1000-6000"}), _window({"start_s": 1, "end_s": 2.5}), _window({"clip_id": "a"})
    ((1.0, 6.0), (1.0, 2.5), None)
    """
    if row.get("start_s") not in (None, "") and row.get("end_s") not in (None, ""):
        return float(row["start_s"]), float(row["end_s"])
    match = WINDOW.fullmatch(str(row.get("clip_id") or ""))
    return (int(match["start"]) / 1000, int(match["end"]) / 1000) if match else None
