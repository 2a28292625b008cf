"""The labels of a case at a moment: its phase, and the scene that was annotated then, also of a neighbouring clip."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

SAME_S = 0.05  # moments closer than this are one: labels and frames are timed in milliseconds, frames rounded
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Moments:
    """The labels of cases over their time."""

    courses: Mapping[str, list[Row]]  # the phases of a case with their seconds
    scenes: Mapping[str, list[Row]]  # the annotated scenes of a case

    def scene(self, case: str, at: float) -> Row | None:
        """Return the scene of a moment; None where nothing was annotated then."""
        close = [scene for scene in self.scenes.get(case, ()) if abs(scene["time_s"] - at) <= SAME_S]
        return min(close, key=lambda scene: abs(scene["time_s"] - at), default=None)

    def phase(self, row: Row, at: float) -> str | None:
        """Return the phase of a moment; without a course, the clip's own, which is that of its end."""
        course = self.courses.get(row["case_id"])
        if course is None:
            return str(row["phase"]) if row["phase"] and abs(at - row["end_s"]) <= SAME_S else None
        part = next((part for part in course if part["start_s"] <= at < part["end_s"]), None)
        return str(part["phase"]) if part and part["phase"] else None

    def words(self, row: Row, at: float) -> str:
        """Say what is annotated at a moment of a clip."""
        phase, scene = self.phase(row, at), self.scene(row["case_id"], at)
        things = [
            f"{node['name']} at {node['grid']}" if node.get("grid") else node["name"]
            for node in (scene or {"nodes": ()})["nodes"]
        ]
        events = [event for event in (scene or {"events": ()})["events"] if not event.startswith("phase:")]
        things_text = (
            "the data set records no things of this moment"
            if scene is None
            else ", ".join(things) or "nothing in view"
        )
        parts = [f"phase {phase}" if phase else "phase unknown", things_text, *events]
        return f"At {within(row, at)}: " + "; ".join(parts) + "."


def within(row: Row, at: float) -> str:
    """Return a moment as seconds of its clip.

    >>> within({"start_s": 6.001}, 6.0), within({"start_s": 6.001}, 7.8)
    ('0.0 s', '1.8 s')
    """
    return f"{round(at - row['start_s'], 1) + 0.0:.1f} s"


def read(folder: Path, manifest: Row, ids_by_file: Mapping[str, Iterable[str]]) -> Moments:
    """Read the scenes of all cases that have a clip in the given files, and the phases of every case."""
    cases = {
        case
        for name in ids_by_file
        for case in pq.read_table(folder / name, columns=["case_id"]).column("case_id").to_pylist()
    }
    scenes: dict[str, list[Row]] = {}
    for name in sorted(name for name in manifest["files"] if name.startswith("clips/")):
        for batch in pq.ParquetFile(folder / name).iter_batches(columns=["case_id", "scene"]):
            for row in batch.to_pylist():
                if row["scene"] and row["case_id"] in cases:
                    scenes.setdefault(row["case_id"], []).append(json.loads(row["scene"]))
    return Moments(manifest.get("courses") or {}, scenes)
