"""The colour neighbour: the answer of the training clip with the nearest colours, the crudest way to look."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image
from surgvqa.eval.data.streams import clips, frames

GRID = 4  # mean colour of 4 x 4 fields: where what colour is, and nothing finer


def signature(frames: Iterable[bytes]) -> npt.NDArray[np.float32]:
    """Return a clip's mean colours, ``GRID * GRID * 3`` numbers, averaged over its frames."""
    fields = []
    for frame in frames:
        with Image.open(io.BytesIO(frame)) as image:
            image.draft("RGB", (16 * GRID, 16 * GRID))
            small = image.convert("RGB").resize((GRID, GRID), Image.Resampling.BOX)
            fields.append(np.asarray(small, dtype=np.float32).ravel())
    mean: npt.NDArray[np.float32] = np.stack(fields).mean(axis=0, dtype=np.float32)
    return mean


def nearest_colour(where: str, split: str = "test", keep: int = 200) -> dict[str, list[str]]:
    """For each clip of a split with frames the ``keep`` training clips of most similar colours, nearest first."""
    train, asked_clips = (
        {
            row["clip_id"]: signature(pictures)
            for row in clips(where, name)
            if (pictures := frames(row, where))
        }
        for name in ("train", split)
    )
    if not train:
        return {}
    names = np.array(sorted(train))
    table = np.stack([train[name] for name in names.tolist()])
    return {
        clip: names[np.argsort(np.square(table - own).sum(axis=1), kind="stable")[:keep]].tolist()
        for clip, own in asked_clips.items()
    }
