"""A case's pixels: what there is, whether it fits the annotations, and the frames of its clips."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from surgvqa.builders.cases.windows import frame_times
from surgvqa.builders.files.pictures import encode_jpeg, read_picture, resize, size_of
from surgvqa.builders.geometry import coordinates, masks
from surgvqa.builders.geometry.coordinates import Space
from surgvqa.builders.privacy.burned_text import FRAMES, cover
from surgvqa.builders.privacy.screen import Detector
from surgvqa.builders.schema import Case, Clip, Entity, Frame, Scene, Transform
from surgvqa.builders.video.decode import Decoder, iterate_frames, read_frames
from surgvqa.builders.video.display import SQUARE, Orientation, orientation, remarks, stretch
from surgvqa.builders.video.timing import open_video, read_timeline
from surgvqa.cards.command import InputError

SHAPE = 0.01  # a difference in aspect that rounding a size to whole pixels explains
LATE_S = (
    1.0  # annotations are rounded to seconds: a clip may end this much after its video; its frames may not
)


@dataclass(frozen=True, slots=True)
class Pixels:
    """Size and, for a video, length of a case's media."""

    width: int
    height: int
    duration_s: float | None = None
    stored_size: tuple[int, int] | None = None  # as the file holds it, where its pixels aren't square
    notes: tuple[str, ...] = ()  # what isn't stored as it is shown


@dataclass(frozen=True, slots=True)
class ClipFrames:
    """The frames of one clip: JPEG bytes and the seconds of the case at which they were taken."""

    clip: Clip
    images: tuple[bytes, ...]
    times_s: tuple[float, ...]
    outside: bool = False  # one of the frames was taken outside the body


def look(case: Case) -> Pixels | None:
    """Return the size and length of a case's media, or None without any.

    Raises ``InputError`` for a file that cannot be read.
    """
    if case.video is not None:
        return look_at_video(case.video)
    if case.crop is not None:
        return Pixels(*case.crop[2:])
    if case.frames:
        return Pixels(*size_of(case.frames[0].path))
    return None


def look_at_video(path: Path) -> Pixels:
    """Return the size of a video's picture as a player shows it, and what else must be known of it."""
    height, width = read_frames(path, [0.0])[0].image.shape[:2]
    with open_video(path) as (container, stream):
        frame = next(container.decode(stream))
        notes = remarks(stream, frame, path)
        square = stretch(stream.sample_aspect_ratio, path) == SQUARE
        upright = orientation(frame, path) == Orientation()
        stored_size = (frame.width, frame.height) if upright and not square else None
    return Pixels(width, height, read_timeline(path).duration_s, stored_size, notes)


def with_media(case: Case, pixels: Pixels | None) -> Case:
    """Return the case with what its media say: of a video its length, whatever is shown of it, and its notes."""
    if pixels is None:
        return case
    return replace(case, duration_s=case.duration_s or pixels.duration_s, notes=(*case.notes, *pixels.notes))


def sample(case: Case, pixels: Pixels, count: int = FRAMES) -> list[np.ndarray]:
    """Pictures of a case, evenly over its length, as they are."""
    if case.video is not None:
        length = pixels.duration_s or 0.0
        times = [length * (i + 0.5) / count for i in range(count)]
        return [shot.image for shot in read_frames(case.video, times)]
    step = max(1, len(case.frames) // count)
    pictures = [still(case, frame.path) for frame in case.frames[::step][:count]]
    return [picture for picture in pictures if picture.shape == pictures[0].shape]


def still(case: Case, path: Path) -> np.ndarray:
    """One of the case's stills, cut to what of it is kept, with its covered regions black."""
    picture = read_picture(path)
    if case.crop is None:
        return cover(picture, case.covered_regions)
    x, y, width, height = case.crop
    if picture.shape[0] < y + height or picture.shape[1] < x + width:
        raise InputError(
            f"{path}: {picture.shape[1]}x{picture.shape[0]} pixels; {width}x{height} at ({x}, {y}) are kept of it"
        )
    return cover(picture[y : y + height, x : x + width], case.covered_regions)


def fit(case: Case, pixels: Pixels) -> Case:
    """Return the case with its scenes in the pixels of its media.

    Raises ``InputError`` where the shapes differ and no transform is known: a box on a letterboxed picture
    would point at something else.
    """
    return replace(
        case,
        scenes=tuple(_fit_scene(case, scene, pixels) for scene in case.scenes),
        clips=tuple(
            replace(clip, scene=_fit_scene(case, clip.scene, pixels)) if clip.scene else clip
            for clip in case.clips
        ),
    )


def _fit_scene(case: Case, scene: Scene, pixels: Pixels) -> Scene:
    if not scene.width:  # labels without a place, of a frame whose size the source doesn't say
        return replace(scene, width=pixels.width, height=pixels.height)
    annotated_size, size = (scene.width, scene.height), (pixels.width, pixels.height)
    by = case.transform or scaling(annotated_size, size, case.squeezed)
    if (
        by is None and annotated_size == pixels.stored_size
    ):  # a tool that shows stored pixels as if they were square
        by = coordinates.resize(Space(*annotated_size), Space(*size))
    if by is not None:
        return move_scene(scene, by, pixels)
    if annotated_size != size and any(node.bbox or node.rle or node.centroid for node in scene.nodes):
        raise InputError(
            f"case {case.case_id}: its boxes are of a {scene.width}x{scene.height} frame, its pixels "
            f"{pixels.width}x{pixels.height}, and how one became the other is not known; use media in the "
            "annotations' shape, or --media none"
        )
    return scene


def scaling(
    annotated_size: tuple[int, int], media: tuple[int, int], squeezed: bool = False
) -> Transform | None:
    """From annotated pixels to those of a copy of another size; None where they are the same, or not known.

    Only a copy of the same shape (within 1 %) is known to be scaled and not cropped or letterboxed; with
    ``squeezed`` a square one is, too.

    >>> scaling((1024, 768), (512, 384))
    Transform(scale_x=0.5, scale_y=0.5, offset_x=0.0, offset_y=0.0)
    >>> scaling((1024, 768), (1024, 576)) is None
    True
    """
    by = coordinates.resize(Space(*annotated_size), Space(*media))
    whole = abs(by.scale_x / by.scale_y - 1) <= SHAPE or (squeezed and media[0] == media[1])
    return by if whole and annotated_size != media else None


def move_scene(scene: Scene, transform: Transform, pixels: Pixels) -> Scene:
    """Return a scene in the media's pixels; what falls outside of them is cut off."""
    nodes = (_move_entity(node, scene, transform, pixels) for node in scene.nodes)
    return replace(
        scene,
        width=pixels.width,
        height=pixels.height,
        nodes=tuple(node for node in nodes if node is not None),
        unsaid_rle=_moved_mask(scene.unsaid_rle, scene, transform, pixels),
    )


def _move_entity(node: Entity, scene: Scene, by: Transform, pixels: Pixels) -> Entity | None:
    box, centroid, area, rle = node.bbox, node.centroid, node.area, node.rle
    if box is not None:
        x1, x2 = (min(max(x * by.scale_x + by.offset_x, 0), pixels.width) for x in (box[0], box[2]))
        y1, y2 = (min(max(y * by.scale_y + by.offset_y, 0), pixels.height) for y in (box[1], box[3]))
        if x2 <= x1 or y2 <= y1:
            return None
        box = (x1, y1, x2, y2)
    if centroid is not None:
        x, y = centroid[0] * by.scale_x + by.offset_x, centroid[1] * by.scale_y + by.offset_y
        centroid = (min(max(x, 0), pixels.width), min(max(y, 0), pixels.height))
    rle, shaft, wrist, clasper = (
        _moved_mask(code, scene, by, pixels)
        for code in (rle, node.shaft_rle, node.wrist_rle, node.clasper_rle)
    )
    if area is not None:
        area *= by.scale_x * by.scale_y
    grid = node.grid if box is None and centroid is None else None  # a cell of the new frame
    node = replace(node, shaft_rle=shaft, wrist_rle=wrist, clasper_rle=clasper)
    return replace(node, bbox=box, centroid=centroid, area=area, rle=rle, grid=grid)


def _moved_mask(rle: str | None, scene: Scene, by: Transform, pixels: Pixels) -> str | None:
    if rle is None:
        return None
    mask = masks.rle_to_mask(rle, scene.width, scene.height)
    size = (pixels.width, pixels.height)
    return masks.mask_to_rle(masks.move(mask, (by.scale_x, by.scale_y), (by.offset_x, by.offset_y), size))


def refuse_late(case: Case, clips: Sequence[Clip], pixels: Pixels) -> None:
    """Raise ``InputError`` where a clip reaches beyond its video."""
    if pixels.duration_s is None:
        return
    for clip in clips:
        start_s, end_s = (at / 1000 + case.video_offset_s for at in (clip.start_ms, clip.end_ms))
        if end_s > pixels.duration_s + LATE_S or start_s >= pixels.duration_s or start_s < 0:
            raise InputError(
                f"{case.video}: clip {clip.clip_id} lies at {start_s:.3f}-{end_s:.3f} s of a video of "
                f"{pixels.duration_s:.3f} s; check that the annotations belong to it, or its time offset"
            )


def stills(case: Case, clip: Clip) -> tuple[Frame, ...]:
    """Return the pictures of a case without video that were taken inside a clip, in order of time.

    Of a clip whose frames the source names it is those and no others, or none where one is missing.
    """
    if clip.frames_s:
        named_ms = {round(time_s * 1000) for time_s in clip.frames_s}
        frames_by_ms = {at: f for f in case.frames if (at := round(f.time_s * 1000)) in named_ms}
        return (
            tuple(frames_by_ms[at] for at in sorted(frames_by_ms)) if frames_by_ms.keys() == named_ms else ()
        )
    inside = [f for f in case.frames if clip.start_ms <= round(f.time_s * 1000) < clip.end_ms]
    return tuple(sorted(inside, key=lambda frame: frame.time_s))


def take(
    case: Case,
    clips: Sequence[Clip],
    frames: int,
    max_side: int | None,
    decoder: Decoder,
    detector: Detector | None = None,
) -> Iterator[ClipFrames]:
    """Yield the frames of every clip, clip by clip in the order given; one pass over the video, flat memory.

    ``detector`` tells frames outside the body; a clip with one is marked.
    """
    if case.video is None:
        for clip in clips:
            clip_stills = stills(case, clip)
            if clip.frames_s:
                times = {round(time_s * 1000) for time_s in frame_times(clip, frames)}
                clip_stills = tuple(frame for frame in clip_stills if round(frame.time_s * 1000) in times)
            pictures = [resize(still(case, frame.path), max_side) for frame in clip_stills]
            images = tuple(encode_jpeg(picture) for picture in pictures)
            outside = detector is not None and any(map(detector, pictures))
            yield ClipFrames(clip, images, tuple(frame.time_s for frame in clip_stills), outside)
        return
    video: Path = case.video
    timeline = read_timeline(video)
    times_by_clip = {
        clip.clip_id: tuple(time_s + case.video_offset_s for time_s in frame_times(clip, frames))
        for clip in clips
    }
    waiting = deque(sorted(clips, key=lambda clip: times_by_clip[clip.clip_id]))
    jpegs_by_clip: dict[str, list[tuple[float, bytes]]] = {clip.clip_id: [] for clip in clips}
    owners = sorted((time_s, clip_id) for clip_id, times in times_by_clip.items() for time_s in times)
    before, jpeg, away = -1.0, b"", False
    outside_clips: set[str] = set()
    for (_, clip_id), shot in zip(
        owners, iterate_frames(video, [time_s for time_s, _ in owners], decoder, timeline), strict=True
    ):
        if shot.time_s != before:
            picture = resize(cover(shot.image, case.covered_regions), max_side)
            before, jpeg = shot.time_s, encode_jpeg(picture)
            away = detector is not None and detector(picture)
        if away:
            outside_clips.add(clip_id)
        jpegs_by_clip[clip_id].append((shot.time_s - case.video_offset_s, jpeg))
        while waiting and len(jpegs_by_clip[waiting[0].clip_id]) == len(times_by_clip[waiting[0].clip_id]):
            clip = waiting.popleft()
            jpegs = jpegs_by_clip.pop(clip.clip_id)
            yield ClipFrames(
                clip,
                tuple(data for _, data in jpegs),
                tuple(time_s for time_s, _ in jpegs),
                clip.clip_id in outside_clips,
            )
