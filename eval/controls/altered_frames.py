"""Frames that are in two splits, but were cropped, padded, mirrored or turned in one of them.

Two hashes find them: one of the whole picture in eight ways (`turned_frames`), one of its points of interest
(`keypoints`, which needs OpenCV).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from surgvqa.builders.cases.leakage import WORDS, Finding, perceptual_hash
from surgvqa.eval.controls import keypoints, turned_frames
from surgvqa.eval.controls.turned_frames import Numbers

CHECKS = ("turned_frames", "cropped_frames")


@dataclass(frozen=True, slots=True)
class Look:
    """What one picture is compared by."""

    upright: list[int]  # 4 numbers of 64 bits
    turned: Numbers  # 8 x 4
    points: keypoints.Points | None  # None without OpenCV


@dataclass(frozen=True, slots=True)
class Shown:
    """A clip and the looks of its frames."""

    clip_id: str
    looks: tuple[Look, ...]


def look(content: bytes) -> Look | None:
    """Describe an encoded picture; None where it has next to no structure."""
    upright = perceptual_hash(content)
    if upright is None:
        return None
    points = keypoints.describe(content) if keypoints.available() else None
    return Look(upright, turned_frames.turned_hashes(content), points)


def find(earlier: Sequence[Shown], later: Sequence[Shown]) -> dict[str, list[Finding]]:
    """List clips of ``later`` with an altered frame of ``earlier``, by the check that finds it first."""
    owners = [clip for clip in earlier for _ in clip.looks]
    looks = [own for clip in earlier for own in clip.looks]
    upright = np.array([own.turned[0] for own in looks], np.uint64).reshape(-1, WORDS)
    index = keypoints.Index([own.points for own in looks if own.points is not None])
    findings: dict[str, list[Finding]] = {check: [] for check in CHECKS}
    for clip in later if looks else ():
        apart = [turned_frames.bits_apart(upright, own.turned) for own in clip.looks]
        closest = np.min(apart, axis=0) if apart else np.array([turned_frames.NEAR_BITS + 1])
        if closest.min() <= turned_frames.NEAR_BITS:
            like = owners[int(closest.argmin())].clip_id
            findings["turned_frames"].append(Finding(clip.clip_id, like, int(closest.min())))
            continue
        matches = [index.find(own.points) for own in clip.looks if own.points is not None]
        best = max((one for one in matches if one is not None), key=lambda one: one.points, default=None)
        if best is not None:
            findings["cropped_frames"].append(Finding(clip.clip_id, owners[best.frame].clip_id, best.points))
    return findings
