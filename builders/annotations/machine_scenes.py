"""Scenes that a segmenter made: `surgvqa-build procedure … --segmenter DIR`.

The segmenter needs torch and building doesn't, so it runs as a command of its own (`surgvqa-train masks`) and leaves
COCO files with a ``score`` for every picture and outline. A moment whose scene a machine made has a ``confidence``; so
has every question that rests on it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from surgvqa.builders.annotations import outlines
from surgvqa.builders.cases.timeline import to_ms
from surgvqa.builders.geometry.masks import scaled_mask
from surgvqa.builders.procedures.taxonomy import Taxonomy, load
from surgvqa.builders.schema import Case, Frame, Scene
from surgvqa.builders.video.timing import read_timeline
from surgvqa.cards.command import InputError


@dataclass(frozen=True, slots=True)
class CaseMoments:
    """The moments of a case to outline: (second of the case, second of the video or path of a still)."""

    video: Path | None
    moments: tuple[tuple[float, float | str], ...]


def choose_moments(
    video: Path | None, offset_s: float, frames: Sequence[Frame], annotated_s: Sequence[float], every: float
) -> CaseMoments:
    """Return the annotated moments of a case, or, where there is none, one every so many seconds, or all its stills."""
    if video is None:
        there = {to_ms(time_s) for time_s in annotated_s}
        stills = [frame for frame in frames if not there or to_ms(frame.time_s) in there]
        return CaseMoments(None, tuple((frame.time_s, str(frame.path)) for frame in stills))
    length = read_timeline(video).duration_s
    times = annotated_s or [round(at - offset_s, 3) for at in np.arange(every / 2, length, every)]
    return CaseMoments(
        video, tuple((float(at), float(at + offset_s)) for at in times if 0 <= at + offset_s < length)
    )


def predict(segmenter: Path, cases: Mapping[str, CaseMoments], folder: Path) -> dict[str, Path]:
    """Have the segmenter outline the moments of all cases; the file of each, below ``folder``.

    Raises:
        InputError: the command failed; its own line on stderr says why.
    """
    request = {
        case_id: {"video": str(one.video) if one.video else None, "moments": one.moments}
        for case_id, one in cases.items()
        if one.moments
    }
    with tempfile.TemporaryDirectory() as place:
        request_file = Path(place) / "request.json"
        request_file.write_text(json.dumps(request), "utf-8")
        command = [
            sys.executable,
            "-m",
            "surgvqa.train",
            "masks",
            str(segmenter),
            "--request",
            str(request_file),
        ]
        process = subprocess.run([*command, "--out", str(folder)], check=False)
    if process.returncode:
        raise InputError(f"--segmenter {segmenter}: it outlined nothing; the line above says why")
    return {case_id: folder / f"{case_id}.json" for case_id in request}


def scenes(path: Path, taxonomy: Taxonomy) -> Iterator[Scene]:
    """Yield the scenes of a file that `surgvqa-train masks` wrote."""
    read = outlines.coco(path, taxonomy)
    if read.faults:
        raise InputError(f"{path}: {read.faults[0].cause}; delete it, and it is made again")
    for picture in read.pictures:
        if picture.time_s is None or picture.confidence is None:
            raise InputError(
                f"{path}: no time_s or no score of {picture.name}; delete it, and it is made again"
            )
        yield Scene(
            picture.time_s, picture.width, picture.height, picture.nodes, confidence=picture.confidence
        )


def notes(cases: Sequence[Case]) -> tuple[str, ...]:
    """Return notes on a segmenter: its agreement with people where both outlined, and the number of scenes it made alone."""
    both = right = inventions = misses = 0
    overlaps: list[float] = []
    compared_cases = set()
    scene_count = sum(scene.confidence is not None for case in cases for scene in case.scenes)
    for case in cases:
        taxonomy = load(case.taxonomy or case.procedure)
        true = {to_ms(one.time_s): one for one in case.scenes if one.width and one.confidence is None}
        for path in (path for path in case.files if path.parent.name == "predicted" and true):
            for guess in scenes(path, taxonomy):
                if (truth := true.get(to_ms(guess.time_s))) is None:
                    continue
                both += 1
                compared_cases.add(case.case_id)
                there, guess_masks = (draw_masks(one, (truth.width, truth.height)) for one in (truth, guess))
                right += len(there.keys() & guess_masks.keys())
                inventions += len(guess_masks.keys() - there.keys())
                misses += len(there.keys() - guess_masks.keys())
                for name in there.keys() & guess_masks.keys():
                    one, other = there[name], guess_masks[name]
                    if one is not None and other is not None:
                        overlaps.append(float((one & other).sum() / (one | other).sum()))
    sentences = []
    if scene_count:
        sentences.append(
            f"a segmenter made {scene_count} scenes; they have a confidence and the questions on them a label_confidence"
        )
    if both:
        sentences.append(
            f"segmenter against people, instruments on {both} moments of {len(compared_cases)} cases: {right} found, "
            f"{misses} missed, {inventions} invented"
            + (f"; mean IoU of those found {np.mean(overlaps):.2f}" if overlaps else "")
        )
    return tuple(sentences)


def draw_masks(scene: Scene, size: tuple[int, int]) -> dict[str, np.ndarray | None]:
    """Return the instruments of a scene by name, all of one name as one mask of ``size``; None where one has no outline."""
    masks: dict[str, np.ndarray | None] = {}
    for node in scene.nodes:
        if node.type != "instrument":
            continue
        mask = scaled_mask(node.rle, scene, size) if node.rle is not None else None
        before = masks.get(node.name, np.zeros(size[::-1], bool))
        masks[node.name] = None if mask is None or before is None else before | mask
    return masks
