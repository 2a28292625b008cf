"""A page to leaf through: the frames of a clip with the evidence marked, a question, its answer; judged by key.

The page is one file without scripts from elsewhere; frames are inside it. What was judged is kept by the browser until it
is saved as JSON.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from surgvqa.builders.bits.blind import BOX
from surgvqa.builders.cases import draws
from surgvqa.builders.inspection import moments
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests

TEMPLATE = Path(__file__).with_name("page.html")
FRAMES = 4  # of a clip: its first, its last and those nearest to the evidence
Row = Mapping[str, Any]


def write(folder: Path, path: Path, n: int, seed: int = 0) -> int:
    """Write the page of ``n`` drawn questions; returns how many there are on it."""
    if n < 1:
        raise InputError(f"--n {n}: one question is the least")
    if path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"--page {path} lies inside the data set; it would be published with it")
    manifest = manifests.whole(folder)
    if not any(name.startswith("clips/") for name in manifest["files"]):
        raise InputError(f"{folder} has no config `clips`; inspect what `surgvqa-build SOURCE` wrote")
    ids_by_file = draw_questions(folder, manifest, n, seed)
    labels = moments.read(folder, manifest, ids_by_file)
    items = [
        item for name in sorted(ids_by_file) for item in _items(folder / name, ids_by_file[name], labels)
    ]
    items.sort(key=lambda item: draws.fraction("inspect", seed, item["qa_id"]))
    name = folder.resolve().name
    data = json.dumps({"data": manifest["sha256"], "name": name, "folder": str(folder), "items": items})
    page = TEMPLATE.read_text("utf-8").replace("/*ITEMS*/", data.replace("</", "<\\/"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page.replace("<!--NAME-->", html.escape(folder.resolve().name)), "utf-8")
    return len(items)


def draw_questions(folder: Path, manifest: Row, n: int, seed: int) -> dict[str, set[str]]:
    """Return the ids of the questions to look at by the file they are in: kinds in turn, each in drawn order."""
    kinds: dict[str, list[tuple[float, str, str]]] = {}
    for name in sorted(name for name in manifest["files"] if name.startswith("clips/")):
        for qa in questions(folder / name):
            place = draws.fraction("inspect", seed, qa["qa_id"])
            kinds.setdefault(qa["kind"], []).append((place, qa["qa_id"], name))
    queues = [sorted(entries) for _, entries in sorted(kinds.items())]
    turns = [
        queue[turn]
        for turn in range(max(map(len, queues), default=0))
        for queue in queues
        if turn < len(queue)
    ]
    ids_by_file: dict[str, set[str]] = {}
    for _, qa_id, name in turns[:n]:
        ids_by_file.setdefault(name, set()).add(qa_id)
    return ids_by_file


def questions(path: Path) -> Iterator[Row]:
    """Yield the questions of a shard of config ``clips``."""
    for batch in pq.ParquetFile(path).iter_batches(columns=["qa"]):
        for row in batch.column("qa").to_pylist():
            yield from row


def _items(path: Path, ids: set[str], labels: moments.Moments) -> Iterator[dict[str, Any]]:
    file = pq.ParquetFile(path)
    columns = ["clip_id", "case_id", "phase", "start_s", "end_s", "frame_times_s", "images", "qa"]
    for group in range(file.num_row_groups):
        question_lists = file.read_row_group(group, columns=["qa"]).column("qa").to_pylist()
        if not any(qa["qa_id"] in ids for row in question_lists for qa in row):
            continue
        for row in file.read_row_group(group, columns=columns).to_pylist():
            for qa in row["qa"]:
                if qa["qa_id"] in ids:
                    yield _item(row, qa, labels)


def _item(row: Row, qa: Row, labels: moments.Moments) -> dict[str, Any]:
    times, images = row["frame_times_s"], row["images"]
    evidence = sorted(qa["evidence_s"] or ())
    nearest = _nearest(times, evidence, len(images))
    return {
        "qa_id": qa["qa_id"],
        "clip_id": row["clip_id"],
        "kind": qa["kind"],
        "question": qa["question"],
        "answer": qa["answer"],
        "short_answer": qa["short_answer"],
        "choices": list(qa["choices"] or ()),
        "evidence": [moments.within(row, at) for at in evidence],
        "frames": [
            {
                "at": moments.within(row, times[i]),
                "evidence": i in nearest.values(),
                "jpeg": base64.b64encode(images[i]["bytes"]).decode(),
                "marks": _marks(
                    labels.scene(row["case_id"], times[i]), qa, i in (nearest.values() or (len(times) - 1,))
                ),
            }
            for i in _frame_numbers(len(images), tuple(nearest.values()))
        ],
        "facts": [
            labels.words(row, at) for at in (evidence or [times[-1] if times else row["end_s"]])[:FRAMES]
        ],
    }


def _nearest(times: Sequence[float], evidence: Sequence[float], number: int) -> dict[float, int]:
    """Return the frame that is nearest to each moment of evidence; none in a row without pictures."""
    return {at: min(range(number), key=lambda i: abs(times[i] - at)) for at in evidence if number}


def _frame_numbers(number: int, nearest: Sequence[int]) -> list[int]:
    """Return the frames that the page shows, in order of time."""
    if not number:
        return []
    return sorted([*dict.fromkeys((*nearest, number - 1, 0))][:FRAMES])


def _marks(scene: Row | None, qa: Row, shows_evidence: bool) -> list[dict[str, Any]]:
    """Return the boxes on a frame: of the things that are spoken of, and on the evidence those written as numbers."""
    marks: list[dict[str, Any]] = []
    words = f"{qa['question']} {qa['answer']}".lower()
    if scene is not None and scene["width"]:
        sides = (scene["width"], scene["height"]) * 2
        marks += [
            {"name": node["name"], "box": [at / side for at, side in zip(node["bbox"], sides, strict=True)]}
            for node in scene["nodes"]
            if node.get("bbox") and node["name"].lower() in words
        ]
    if shows_evidence:
        number_texts = (("answer", qa["short_answer"]), ("question", qa["question"]))
        marks += [
            {"name": name, "box": [int(number) / 1000 for number in match.groups()], "written": True}
            for name, text in number_texts
            for match in BOX.finditer(text)
        ]
    return marks
