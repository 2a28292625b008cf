"""``surgvqa-build frames``: still frames with their times from videos, and the metadata file that labels them.

Uniform, or biased to events: denser around phase changes and entries of instruments, and, where a case has no
labels, around scene changes. Frames that look like one kept before are left out. A labelled moment is always taken,
and its labels hold for that frame; frames near it carry them as weak ones, to be refined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from surgvqa.builders.cases.leakage import perceptual_hash
from surgvqa.builders.cases.scene import grid_cell, link
from surgvqa.builders.cases.timeline import annotated_course, course, label_at, to_ms
from surgvqa.builders.files.faults import summarise
from surgvqa.builders.files.pictures import encode_jpeg, resize
from surgvqa.builders.files.tree import refuse_links_of
from surgvqa.builders.frames import frame_labels
from surgvqa.builders.frames.choice import choose_times, length, shared_out
from surgvqa.builders.frames.entry import ROLES, FrameLabels, Maker
from surgvqa.builders.privacy.burned_text import cover
from surgvqa.builders.privacy.pseudonyms import load as load_pseudonyms
from surgvqa.builders.privacy.screen import Detector, Screen
from surgvqa.builders.privacy.screen import screen as look_through
from surgvqa.builders.procedures.taxonomy import Taxonomy, load
from surgvqa.builders.schema import Case, Entity, Omission, Scene
from surgvqa.builders.settings.frames import Frames
from surgvqa.builders.sources import procedure
from surgvqa.builders.video import covering
from surgvqa.builders.video.case_media import look, still
from surgvqa.builders.video.decode import iterate_frames
from surgvqa.builders.video.probe import files as video_files
from surgvqa.builders.video.timing import Timeline, read_timeline
from surgvqa.cards.command import InputError
from tqdm import tqdm

SAME_BITS = (
    6  # of 256: the same frame encoded anew differs by up to 11, frames 0.2 s apart by 8 in the median
)
NAME = "frames.json"
WEAK_S = 5.0  # how long a label of a moment holds, weakly, for the frames after it


@dataclass(frozen=True, slots=True)
class Extraction:
    """The result of an extraction."""

    frames: int
    duplicates: int
    outside: int  # moments left out because they show the outside of the body
    labelled_frames: int  # frames with a label made at that very moment
    path: Path


def extract(config: Frames) -> Extraction:
    """Write ``out/frames/CASE/MILLISECONDS.jpg`` and ``out/frames.json``; labels that are there already stay.

    Raises:
        InputError: nothing to read, bad tables or videos, a biased choice without a budget.
    """
    root, out, budget, pseudonyms = config.root, config.out, config.budget, config.pseudonyms
    taxonomy = load(config.taxonomy) if config.taxonomy else None
    screen = look_through(config.cover, config.cover_text, config.outside)
    if config.biased and budget is None:
        raise InputError("--biased chooses where a budget goes: give --budget N")
    if config.every <= 0 or (budget is not None and budget < 1):
        raise InputError(f"--every {config.every:g} and --budget {budget}: give numbers above 0")
    names = load_pseudonyms(pseudonyms, out) if pseudonyms is not None else None
    cases = [link(case) for case in cases_of(root, taxonomy, config.image_rate)]
    roles = known_roles(cases)
    lengths = [length(case) for case in cases]
    shares = shared_out(lengths, budget)
    labels: list[FrameLabels] = []
    duplicates = outside = 0
    for case, share in zip(cases, shares, strict=True):
        times = choose_times(case, config.every, share, config.biased)
        if screen is not None:
            inside = [at for at in times if not away(case, at, screen)]
            outside += len(times) - len(inside)
            case, times = with_covered_regions(case, screen, inside), inside
        if names is not None:
            case = replace(case, case_id=names.case(case.case_id))
        case_labels, case_duplicates, left = write_frames(
            case, times, out, config.max_side or None, roles, screen.detector if screen else None
        )
        labels += case_labels
        duplicates += case_duplicates
        outside += left
    if names is not None:
        names.save()
    if not labels:
        raise InputError(f"{root}: no frame was taken; look at --every and --budget")
    path = out / NAME
    own = taxonomy or (load(root / "procedure.yaml") if (root / "procedure.yaml").is_file() else None)
    if path.is_file() and own is not None:
        labels = frame_labels.refine(labels, frame_labels.read(path, own))
    frame_labels.write(path, labels)
    labelled_frames = sum(
        any(frame.made_by.get(f, "hand") == "hand" and getattr(frame, f) for f in ("tools", "anatomy"))
        for frame in labels
    )
    return Extraction(len(labels), duplicates, outside, labelled_frames, path)


def away(case: Case, second: float, how: Screen) -> bool:
    """Whether a second of the recording lies in a stretch outside the body."""
    at = second - case.video_offset_s
    return any(name == case.case_id and start_s <= at < end_s for name, start_s, end_s in how.stretches)


def with_covered_regions(case: Case, how: Screen, times: Sequence[float]) -> Case:
    """Return the case with the regions of its pictures that are to be painted black."""
    pixels = look(case)
    return (
        case if pixels is None else replace(case, covered_regions=covering.regions(case, how, pixels, times))
    )


def cases_of(root: Path, taxonomy: Taxonomy | None, image_rate: float = 0.0) -> list[Case]:
    """Return the cases of a procedure's folder, else a case per video."""
    if root.is_dir() and any((root / name).exists() for name in ("phases.csv", "tools.csv", "annotations")):
        names = (
            None if taxonomy is None else taxonomy.path if Path(taxonomy.path).is_file() else taxonomy.name
        )
        read = list(procedure.cases(root, taxonomy=names, image_rate=image_rate or None))
        wrong = [one for one in read if isinstance(one, Omission) and one.fault]
        if wrong:
            raise InputError(summarise(wrong))
        cases = [one for one in read if isinstance(one, Case)]
        for one in cases:
            refuse_links_of(one, root)
    else:
        cases = [Case(path.stem, "videos", "", video=path) for path in video_files(root)]
        if not cases:
            raise InputError(f"no video at {root}, and no phases.csv, tools.csv or annotations/ below it")
    cases = [
        replace(one, duration_s=read_timeline(one.video).duration_s) if one.video else one for one in cases
    ]
    faults = [one for case in cases for one in course(case).omissions if one.fault]
    if faults:
        raise InputError(summarise(faults))
    return cases


def known_roles(cases: Sequence[Case]) -> set[str]:
    """Return the roles that the labels ever hold; of another, nobody looked."""
    return {node.type for case in cases for scene in case.scenes for node in scene.nodes}


def write_frames(
    case: Case,
    times: Sequence[float],
    out: Path,
    max_side: int | None,
    roles: set[str],
    detector: Detector | None = None,
) -> tuple[list[FrameLabels], int, int]:
    """Write a case's frames; returns their labels, how many looked like one before, how many show the outside."""
    folder = out / "frames" / case.case_id
    folder.mkdir(parents=True, exist_ok=True)
    hashes: list[Any] = []
    labels: list[FrameLabels] = []
    taken_ms: set[int] = set()
    duplicates = outside = 0
    for asked_s, shown_s, image in tqdm(
        _pictures(case, times), case.case_id, len(times), unit="frame", disable=None
    ):
        if detector is not None and detector(image):
            outside += 1
            continue
        jpeg = encode_jpeg(resize(image, max_side))
        scene = _at(case, asked_s)
        if to_ms(shown_s) in taken_ms or (scene is None and _is_duplicate(jpeg, hashes)):
            duplicates += 1
            continue
        if (code := perceptual_hash(jpeg)) is not None:
            hashes.append(np.array(code, np.uint64))
        taken_ms.add(to_ms(shown_s))
        path = folder / f"{to_ms(shown_s):09d}.jpg"
        path.write_bytes(jpeg)
        frame = FrameLabels(path.relative_to(out).as_posix(), case.case_id, round(shown_s, 6))
        labels.append(label_frame(frame, case, asked_s, scene, roles))
    return labels, duplicates, outside


def _pictures(case: Case, times: Sequence[float]) -> Iterator[tuple[float, float, np.ndarray]]:
    """(second asked for, second the frame begins at, pixels)."""
    if case.video is not None:
        timeline: Timeline = read_timeline(case.video)
        for shot in iterate_frames(case.video, times, timeline=timeline):
            yield shot.requested_s, shot.time_s, cover(shot.image, case.covered_regions)
        return
    by_time = {frame.time_s: frame.path for frame in case.frames}
    for at in times:
        yield at, at, still(case, by_time[at])


def _is_duplicate(jpeg: bytes, hashes: Sequence[Any]) -> bool:
    """Whether a picture looks like one kept before; one without structure is never taken for another."""
    code = perceptual_hash(jpeg)
    if code is None or not hashes:
        return False
    differ = np.bitwise_count(np.stack(hashes) ^ np.array(code, np.uint64)).sum(axis=1)
    return bool(differ.min() <= SAME_BITS)


def _at(case: Case, second: float) -> Scene | None:
    """Return the scene that is labelled at a second of the recording."""
    at_ms = to_ms(second - case.video_offset_s)
    return next((scene for scene in case.scenes if to_ms(scene.time_s) == at_ms), None)


def label_frame(
    frame: FrameLabels, case: Case, second: float, scene: Scene | None, roles: set[str]
) -> FrameLabels:
    """Return a frame with what is labelled at its second, or, as weak labels, shortly before."""
    at = second - case.video_offset_s
    made_by: dict[str, Maker] = {}
    phase = label_at(annotated_course(case).stretches, to_ms(at))
    if scene is None:
        near = [one for one in case.scenes if 0 <= at - one.time_s <= WEAK_S]
        scene = max(near, key=lambda one: one.time_s, default=None)
        made_by = {"anatomy": "weak", "tools": "weak"}
    if scene is None:
        return replace(frame, phase=phase)
    weak = bool(made_by)
    things = {
        field: tuple(_thing(node, weak, scene) for node in scene.nodes if node.type == role)
        if role in roles
        else None
        for field, role in ROLES.items()
    }
    has_boxes = not weak and any(node.bbox for nodes in things.values() for node in nodes or ())
    return replace(
        frame,
        phase=phase,
        anatomy=things["anatomy"],
        tools=things["tools"],
        width=scene.width if has_boxes else 0,
        height=scene.height if has_boxes else 0,
        made_by={field: maker for field, maker in made_by.items() if things[field] is not None},
    )


def _thing(node: Entity, weak: bool, scene: Scene) -> Entity:
    """Return an entity as frame labels hold it: located by its box; where a moment's label is spread, it has no place."""
    if weak or node.bbox is None:
        return Entity(node.id, node.name, node.type, "presence", confidence=node.confidence)
    x1, y1, x2, y2 = node.bbox
    at = ((x1 + x2) / 2, (y1 + y2) / 2)
    return Entity(
        node.id, node.name, node.type, "box", node.bbox, at, (x2 - x1) * (y2 - y1),
        grid_cell(at, scene.width, scene.height), confidence=node.confidence,
    )  # fmt: skip
