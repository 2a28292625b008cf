"""FiftyOne: ``samples.json`` for ``fiftyone.Dataset.from_json``, a sample a picture, things as detections."""

from __future__ import annotations

import io
from collections.abc import Mapping

from PIL import Image
from surgvqa.builders.peers.coco import annotation, pictured_scene
from surgvqa.builders.peers.common import Target, question_rest, write_json
from surgvqa.builders.row_types import ClipRow
from surgvqa.builders.schema import FEATURES

KEPT_COLUMNS = (
    "clip_id",
    "case_id",
    "source",
    "procedure",
    "phase",
    "start_s",
    "end_s",
    "weight",
    "frame_times_s",
    "images",
    "qa",
    "messages",
    "scene",
)
TEXT, NUMBER = "fiftyone.core.fields.StringField", "fiftyone.core.fields.FloatField"
LABEL = "fiftyone.core.fields.EmbeddedDocumentField(fiftyone.core.labels.{})"
# Its loader takes no sample with a field that the file doesn't name first.
FIELDS = {
    **dict.fromkeys(("clip_id", "case_id", "source", "procedure"), TEXT),
    **dict.fromkeys(("start_s", "end_s", "weight", "time_s"), NUMBER),
    "questions": f"fiftyone.core.fields.ListField({TEXT})",
    "phase": LABEL.format("Classification"),
    "things": LABEL.format("Detections"),
}


def write(target: Target) -> None:
    """Write ``samples.json`` and the pictures; splits are tags."""
    samples: list[Mapping[str, object]] = []
    for split in target.splits():
        for row in target.clips(split):
            names = target.pictures(row)
            questions = target.questions(row)
            target.lose({name: row[name] for name in FEATURES}, KEPT_COLUMNS)  # type: ignore[literal-required]
            moment = pictured_scene(row)
            for number, name in enumerate(names):
                sample: dict[str, object] = {
                    "filepath": name,
                    "tags": [split],
                    "clip_id": row["clip_id"],
                    "case_id": row["case_id"],
                    "source": row["source"],
                    "procedure": row["procedure"],
                    "start_s": row["start_s"],
                    "end_s": row["end_s"],
                    "weight": row["weight"],
                    "time_s": row["frame_times_s"][number],
                    "questions": [question_rest(row, qa) for qa in questions],
                }
                if row["phase"] is not None:
                    sample["phase"] = {"_cls": "Classification", "label": row["phase"]}
                if moment is not None and moment[1] == number:
                    sample["things"] = {"_cls": "Detections", "detections": detections(row, number)}
                samples.append(sample)
    head = {"name": target.name, "media_type": "image", "sample_fields": FIELDS}
    write_json(target.out / "samples.json", {**head, "samples": samples})


def detections(row: ClipRow, number: int) -> list[Mapping[str, object]]:
    """Return the things of a picture, boxes as shares of it."""
    moment = pictured_scene(row)
    if moment is None:
        return []
    scene, _ = moment
    with Image.open(io.BytesIO(row["images"][number]["bytes"])) as picture:
        width, height = picture.size
    entries: list[Mapping[str, object]] = []
    for node in scene.nodes:
        one = annotation(node, scene, (width, height))
        if one is not None:
            x, y, across, down = one["bbox"]
            box = [x / width, y / height, across / width, down / height]
            entries.append({"_cls": "Detection", "label": node.name, "bounding_box": box, "entity": node.id})
    return entries
