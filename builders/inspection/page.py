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
from surgvqa.builders.cases import draws
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
    items = [item for name in sorted(ids_by_file) for item in _items(folder / name, ids_by_file[name])]
    items.sort(key=lambda item: draws.fraction("inspect", seed, item["qa_id"]))
    data = json.dumps({"data": manifest["sha256"], "name": folder.resolve().name, "items": items})
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


def _items(path: Path, ids: set[str]) -> Iterator[dict[str, Any]]:
    file = pq.ParquetFile(path)
    columns = ["clip_id", "phase", "start_s", "end_s", "frame_times_s", "images", "scene", "qa"]
    for group in range(file.num_row_groups):
        question_lists = file.read_row_group(group, columns=["qa"]).column("qa").to_pylist()
        if not any(qa["qa_id"] in ids for row in question_lists for qa in row):
            continue
        for row in file.read_row_group(group, columns=columns).to_pylist():
            for qa in row["qa"]:
                if qa["qa_id"] in ids:
                    yield _item(row, qa)


def _item(row: Row, qa: Row) -> dict[str, Any]:
    times, images = row["frame_times_s"], row["images"]
    frame_numbers = _frame_numbers(times, qa["evidence_s"] or (), len(images))
    scene = json.loads(row["scene"]) if row["scene"] else None
    return {
        "qa_id": qa["qa_id"],
        "clip_id": row["clip_id"],
        "kind": qa["kind"],
        "phase": row["phase"],
        "question": qa["question"],
        "answer": qa["answer"],
        "short_answer": qa["short_answer"],
        "choices": list(qa["choices"] or ()),
        "evidence_s": list(qa["evidence_s"] or ()),
        "span_s": [row["start_s"], row["end_s"]],
        "frames": [
            {
                "time_s": times[i],
                "evidence": any(abs(times[i] - at) < 0.05 for at in qa["evidence_s"] or ()),
                "jpeg": base64.b64encode(images[i]["bytes"]).decode(),
                "marks": _marks(scene, times[i], qa),
            }
            for i in frame_numbers
        ],
        "facts": _facts(scene),
    }


def _frame_numbers(times: Sequence[float], evidence: Sequence[float], number: int) -> list[int]:
    """Return the frames that the page shows, in order of time."""
    if not number:
        return []
    nearest = [min(range(number), key=lambda i: abs(times[i] - at)) for at in evidence]
    return sorted([*dict.fromkeys((*nearest, number - 1, 0))][:FRAMES])


def _marks(scene: Row | None, time_s: float, qa: Row) -> list[dict[str, Any]]:
    """Return the boxes of the things that the question names or the answer is, on the frame of the scene."""
    if scene is None or not scene["width"] or abs(scene["time_s"] - time_s) > 0.05:
        return []
    words = f"{qa['question']} {qa['answer']}".lower()
    return [
        {
            "name": node["name"],
            "box": [
                at / side
                for at, side in zip(node["bbox"], (scene["width"], scene["height"]) * 2, strict=True)
            ],
        }
        for node in scene["nodes"]
        if node.get("bbox") and node["name"].lower() in words
    ]


def _facts(scene: Row | None) -> list[str]:
    """Say in words what is annotated at the clip's scene."""
    if scene is None:
        return []
    return [
        f"{scene['time_s']:g} s: "
        + ", ".join(
            f"{node['name']}{' at ' + node['grid'] if node.get('grid') else ''}" for node in scene["nodes"]
        )
        + "".join(f"; {event}" for event in scene["events"])
    ]
