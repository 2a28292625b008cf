"""Masks of videos by a segmenter, as COCO files that `surgvqa-build procedure` reads like any others.

surgvqa-train masks SEGMENTER --request request.json --out predicted

``surgvqa-build procedure … --segmenter SEGMENTER`` calls this, because building needs no torch. The request says what to
look at: ``{CASE: {"video": PATH or null, "moments": [[time_s, second of the video or path of a still], …]}}``. Each
case becomes ``CASE.json``; one that holds the same moments by the same segmenter already is left alone. How sure it
is, ``score``, is the mean probability inside a mask, and for a picture that of its least sure mask, or, where there is
none, what is left beside the likeliest class of any pixel.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from surgvqa.builders.files.parquet import write_text
from surgvqa.builders.geometry import masks
from surgvqa.builders.video.decode import iterate_frames
from surgvqa.cards.command import InputError
from surgvqa.train.segment import segment_picture
from surgvqa.train.segmenters.documents import Coco, CocoCategory, CocoImage, CocoMask, Request
from surgvqa.train.segmenters.models import load
from surgvqa.train.segmenters.parts import Segmenter
from surgvqa.train.settings.from_masks import Masks
from surgvqa.train.steps import distributed
from tqdm import tqdm

GENERIC_CLASSES = {"instrument", "shaft", "wrist", "clasper"}  # classes of the tasks binary and parts


def main(config: Masks) -> None:
    """Predict what isn't there yet."""
    model, document = load(config.segmenter)
    if GENERIC_CLASSES & set(model.classes):
        raise InputError(
            f"{config.segmenter} finds {', '.join(model.classes[1:])}, which names no instrument; train one on a data "
            "set built with --segmentation instruments or all"
        )
    try:
        request = json.loads(config.request.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"--request {config.request}: {error}") from error
    device = distributed.device(config.device)
    model = model.to(device)
    with (config.segmenter / "model.safetensors").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    config.out.mkdir(parents=True, exist_ok=True)
    for case_id, case_request in tqdm(sorted(request.items()), desc="masks", unit="case", disable=None):
        path = config.out / f"{case_id}.json"
        info = {
            "segmenter": digest,
            "moments": case_request["moments"]
            if case_request["video"]
            else [one for one, _ in case_request["moments"]],
        }
        if path.is_file() and json.loads(path.read_text("utf-8")).get("info") == info:
            continue
        write_text(
            path,
            json.dumps({"info": info, **coco(model, case_request, document["recipe"]["size"], device)})
            + "\n",
        )


def pictures(request: Request) -> Iterator[np.ndarray]:
    """Yield the pictures of a case's moments, height x width x 3."""
    places = [place for _, place in request["moments"]]
    if request["video"]:
        yield from (shot.image for shot in iterate_frames(Path(request["video"]), list(map(float, places))))
        return
    for place in places:
        with Image.open(str(place)) as picture:
            yield np.asarray(picture.convert("RGB"))


def coco(model: Segmenter, request: Request, size: int, device: torch.device) -> Coco:
    """COCO's lists for one case; several things of one class are one mask, as the segmenter sees no instances."""
    names = model.classes[1:]
    images: list[CocoImage] = []
    annotations: list[CocoMask] = []
    for number, ((time_s, _), picture) in enumerate(
        zip(request["moments"], pictures(request), strict=True), 1
    ):
        height, width = picture.shape[:2]
        class_masks, highest = segment_picture(model, picture, size, device)
        sure = min([share for _, share in class_masks.values()], default=1 - highest)
        images.append({"id": number, "file_name": f"{number}.png", "width": width, "height": height,
                       "time_s": time_s, "score": round(sure, 4)})  # fmt: skip
        for name, (mask, share) in class_masks.items():
            rle = masks.mask_to_rle(mask)
            x1, y1, x2, y2 = masks.box_of(rle, width, height)
            annotations.append({
                "id": len(annotations) + 1, "image_id": number, "category_id": names.index(name) + 1,
                "segmentation": {"size": [height, width], "counts": rle}, "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": int(mask.sum()), "iscrowd": 0, "score": round(share, 4),
            })  # fmt: skip
    categories: list[CocoCategory] = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    return {"images": images, "annotations": annotations, "categories": categories}
