"""Tracks of a video: things with their places at some frames, read at the frames that labels are wanted of.

Between two of its frames a box moves evenly, a turned one where both are turned alike; an outline is known to be in
view, without a place. A track holds until
it says that the thing is out of view, at most to the video's end where the export says that. Before the first frame and
behind the last one of all tracks nothing is known.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from surgvqa.builders.annotations.entities import entities, phase_of
from surgvqa.builders.annotations.shapes import MALFORMED_ERRORS, Faults, Picture, Shape
from surgvqa.builders.label_exports.export_context import ExportContext
from surgvqa.builders.schema import Point
from surgvqa.cards.command import InputError


@dataclass(frozen=True, slots=True)
class Key:
    """A key frame of a track; without a shape the thing is out of view from here on."""

    frame: float
    shape: Shape | None
    moves: bool = True  # evenly to the next one; else its place is known at this frame alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """The facts of an export's video."""

    name: str  # "" where it doesn't say
    size: tuple[int, int]
    rate: float  # frames per second; frame 0 is shown at second 0
    begins: int = 0  # the number that its form gives the first frame
    last: int | None = None  # its last frame, where it is said
    held: bool = True  # a track that hasn't ended holds up to the last frame


def pictures(
    tracks: Sequence[Sequence[Key]], film: Film, context: ExportContext, faults: Faults
) -> Iterator[Picture]:
    """Yield a picture for every wanted moment that the tracks cover, or for their own frames where none is wanted.

    Args:
        tracks: the keys of every track.
        film: their video.
        context: the names and the moments.
        faults: gets the faults.
    """
    tracks = [sorted(keys, key=lambda key: key.frame) for keys in tracks if keys]
    if not tracks:
        return
    first = min(keys[0].frame for keys in tracks)
    last = max(keys[-1].frame for keys in tracks)
    if first < 0:
        cause = f"a shape at frame {first + film.begins:g}; frames of this form count from {film.begins}"
        faults.add(film.name or "the video", cause)
        return
    beyond = max((key.frame for keys in tracks for key in keys if key.shape is not None), default=0)
    if (
        film.last is not None and beyond > film.last + 1
    ):  # how many frames there are is said with or without the last
        cause = f"a shape at frame {beyond + film.begins:g} of a video that ends at {film.last + film.begins}"
        faults.add(film.name or "the video", cause)
        return
    if film.held and film.last is not None and any(keys[-1].shape is not None for keys in tracks):
        last = max(last, film.last)
    size, rate = film.size, film.rate
    own = {key.frame: key.frame / rate for keys in tracks for key in keys if key.frame % 1 == 0}
    moments_by_frame = {round(at * rate): at for at in context.moments} or {
        int(frame): at for frame, at in own.items()
    }
    frames = sorted(frame for frame in moments_by_frame if first <= frame <= last)
    there: list[list[Shape]] = [[] for _ in frames]
    for keys in tracks:
        for key, after in pairwise([*keys, Key(last + 1, None)]):
            if key.shape is None:
                continue
            for at in range(bisect_left(frames, key.frame), bisect_left(frames, after.frame)):
                there[at].append(between(key, after, frames[at]))
    for frame, shapes in zip(frames, there, strict=True):
        try:
            things, phase = phase_of(shapes, context.names)
            nodes = entities(things, context.names, size, faults.cuts, masked=False, picture=f"frame {frame}")
            yield Picture(film.name, *size, nodes, time_s=moments_by_frame[frame], phase=phase)
        except (InputError, *MALFORMED_ERRORS) as error:
            faults.add(f"frame {frame}", error)


def between(key: Key, after: Key, frame: float) -> Shape:
    """Return a track's shape at a frame from one key to the next."""
    shape = key.shape
    assert shape is not None  # the caller's condition
    if frame == key.frame:
        return shape
    if after.shape is None and (shape.box is not None or shape.turned_box) and key.moves:
        return shape
    share = (frame - key.frame) / (after.frame - key.frame)
    if key.moves and after.shape is not None and _turned_alike(shape.turned_box, after.shape.turned_box):
        corners = zip(shape.turned_box, after.shape.turned_box, strict=True)
        return replace(
            shape, turned_box=[(x + share * (u - x), y + share * (v - y)) for (x, y), (u, v) in corners]
        )
    if shape.box is None or after.shape is None or after.shape.box is None or not key.moves:
        return replace(shape, box=None, polygons=(), rle=None, turned_box=(), trace=())
    x1, y1, x2, y2 = (a + share * (b - a) for a, b in zip(shape.box, after.shape.box, strict=True))
    return replace(shape, box=(x1, y1, x2, y2))


def _turned_alike(one: Sequence[Point], other: Sequence[Point]) -> bool:
    """Whether the sides of two turned boxes are parallel: between other ones, tools turn them in ways of their own."""
    if not one or not other:
        return False
    (x, y), (u, v) = (
        (corners[1][0] - corners[0][0], corners[1][1] - corners[0][1]) for corners in (one, other)
    )
    across, along = x * v - y * u, x * u + y * v
    return along > 0 and abs(across) < SAME_TURN * along


SAME_TURN = 0.001  # radians: 0.06 degrees
