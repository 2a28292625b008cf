"""Frames of clips, as a page holds them."""

from __future__ import annotations

from surgvqa.eval.data import streams
from surgvqa.eval.output import page

FRAMES = 4  # of an example
WIDTH = 320  # pixels of a frame on the page


def clip_frames(where: str, split: str, clip_ids: set[str]) -> dict[str, list[str]]:
    """At most ``FRAMES`` frames of each wanted clip, evenly picked, as addresses that hold them."""
    frames_by_clip = {}
    for row in streams.clips(where, split, leaking=True):  # pictures to look at; nothing is scored on them
        if row["clip_id"] not in clip_ids:
            continue
        shots = streams.frames(row, where, FRAMES)
        last, count = len(shots) - 1, min(FRAMES, len(shots))
        picks = sorted({round(i * last / max(1, count - 1)) for i in range(count)})
        if picks:
            frames_by_clip[row["clip_id"]] = [
                page.data_uri(streams.thumbnail(shots[i], WIDTH)) for i in picks
            ]
        clip_ids = clip_ids - {row["clip_id"]}
        if not clip_ids:
            break
    return frames_by_clip
