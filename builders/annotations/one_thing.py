"""Several outlines of one thing, made one entity.

A tool that another one crosses is outlined in two pieces, the jaws of a forceps one by one. Whether that is so is
the source's to say (``Facts.several_outlines``, with its measured reason); where it doesn't, outlines stay apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from surgvqa.builders.geometry import masks
from surgvqa.builders.schema import Entity


def join_outlines(nodes: Sequence[Entity], width: int, height: int) -> tuple[Entity, ...]:
    """Return the entities of a picture of ``width x height``, those of one name, track and kind of outline made one.

    A joined mask is the union of the masks, a joined box the box around the boxes. What a source tracks apart, and
    a crowd region, stay apart.

    >>> jaws = [Entity(i, "forceps", "instrument", "box", (x, 0, x + 2, 2)) for i, x in (("a", 0), ("b", 4))]
    >>> [(one.id, one.bbox) for one in join_outlines(jaws, 10, 10)]
    [('a', (0, 0, 6, 2))]
    """
    groups: dict[tuple[object, ...], list[Entity]] = {}
    for node in nodes:
        apart = node.id if node.crowd or node.granularity not in ("mask", "box") else ""
        groups.setdefault((node.name, node.type, node.track, node.granularity, apart), []).append(node)
    return tuple(_union(same, width, height) if len(same) > 1 else same[0] for same in groups.values())


def _union(same: Sequence[Entity], width: int, height: int) -> Entity:
    """One entity with everything that several of them cover; as sure as the least sure of them."""
    boxes = [node.bbox for node in same if node.bbox is not None]
    x1, y1 = (min(box[i] for box in boxes) for i in (0, 1))
    x2, y2 = (max(box[i] for box in boxes) for i in (2, 3))
    scores = [node.confidence for node in same if node.confidence is not None]
    first = replace(same[0], bbox=(x1, y1, x2, y2), confidence=min(scores, default=None))
    if any(node.rle is None for node in same):
        return replace(first, centroid=((x1 + x2) / 2, (y1 + y2) / 2), area=(x2 - x1) * (y2 - y1))
    whole = np.zeros((height, width), bool)
    for node in same:
        whole |= masks.rle_to_mask(node.rle or "", width, height)
    rle = masks.mask_to_rle(whole)
    centroid, area = masks.centroid_of(rle, width, height), masks.area_of(rle, width, height)
    return replace(first, rle=rle, centroid=centroid, area=area)
