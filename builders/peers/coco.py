"""COCO: the annotated moments of clips whose picture is there, with boxes and masks in that picture's pixels."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from PIL import Image
from surgvqa.builders.cases.scene import from_json
from surgvqa.builders.geometry import masks
from surgvqa.builders.peers.common import Target, write_json
from surgvqa.builders.row_types import ClipRow
from surgvqa.builders.schema import Entity, Scene

SAME_S = 0.02  # half a frame of 25 a second: a picture within it shows the annotated moment


def write(target: Target) -> None:
    """Write ``annotations/instances_SPLIT.json`` and the pictures."""
    for split in target.splits():
        names = sorted(
            {node.name for row in target.clips(split) if (one := scene_of(row)) for node in one.nodes}
        )
        categories = {name: number for number, name in enumerate(names, start=1)}
        images: list[Mapping[str, object]] = []
        annotations: list[Mapping[str, object]] = []
        for row in target.clips(split):
            moment = pictured_scene(row)
            target.losses["question"] += len(row["qa"])
            if moment is None:
                target.losses["annotated moment without its picture"] += row["scene"] is not None
                continue
            scene, at = moment
            pictures = target.pictures(row)
            with Image.open(io.BytesIO(row["images"][at]["bytes"])) as picture:
                size = picture.size
            target.losses["mask or box scaled to its picture"] += size != (scene.width, scene.height)
            target.losses["relation, event or action of a moment"] += bool(scene.edges or scene.events)
            number = len(images) + 1
            images.append(
                {
                    "id": number, "file_name": pictures[at], "width": size[0], "height": size[1],
                    "clip_id": row["clip_id"], "case_id": row["case_id"], "time_s": scene.time_s, "phase": row["phase"],
                }
            )  # fmt: skip
            for node in scene.nodes:
                entry = annotation(node, scene, size)
                if entry is None:
                    target.losses["thing without a box or a mask"] += 1
                    continue
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": categories[node.name],
                        **entry,
                    }
                )
        write_json(
            target.out / "annotations" / f"instances_{split}.json",
            {
                "info": {"description": f"{target.name}, {split}"},
                "images": images,
                "annotations": annotations,
                "categories": [{"id": number, "name": name} for name, number in categories.items()],
            },
        )


def scene_of(row: ClipRow) -> Scene | None:
    """Return a clip's annotated moment."""
    return from_json(row["scene"]) if row["scene"] else None


def pictured_scene(row: ClipRow) -> tuple[Scene, int] | None:
    """Return a clip's annotated moment and the number of the picture that shows it."""
    scene = scene_of(row)
    if scene is None or not row["images"] or not row["frame_times_s"]:
        return None
    at = min(range(len(row["images"])), key=lambda number: abs(row["frame_times_s"][number] - scene.time_s))
    return (scene, at) if abs(row["frame_times_s"][at] - scene.time_s) <= SAME_S else None


def annotation(node: Entity, scene: Scene, size: tuple[int, int]) -> Mapping[str, Any] | None:
    """Return a thing as COCO has it, in the pixels of a picture of ``size``; None where it has neither box nor mask."""
    if node.rle is not None:
        mask = masks.scaled_mask(node.rle, scene, size)
        if not mask.any():
            return None
        rle = masks.mask_to_rle(mask)
        x1, y1, x2, y2 = masks.box_of(rle, *size)
        segmentation: object = {"size": [size[1], size[0]], "counts": rle}
        area = masks.area_of(rle, *size)
    elif node.bbox is not None and scene.width and scene.height:
        across, down = size[0] / scene.width, size[1] / scene.height
        x1, y1, x2, y2 = (
            value * by for value, by in zip(node.bbox, (across, down, across, down), strict=True)
        )
        segmentation, area = [], (x2 - x1) * (y2 - y1)
    else:
        return None
    return {
        "bbox": [x1, y1, x2 - x1, y2 - y1], "area": area, "iscrowd": int(bool(node.crowd)), "segmentation": segmentation,
        "name": node.id,
    }  # fmt: skip
