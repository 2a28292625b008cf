"""``surgvqa-build labels``: what other tools say about frames, merged into a metadata file without losing hand-made labels.

The exports of `builders/label_exports` are read. Pictures are matched by their names, also behind what an exporter
added to them; a video's frames by their times. A picture of which one element can't be read is refused by name.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from surgvqa.builders.annotations.entities import number_entities
from surgvqa.builders.annotations.picture_names import of_another, original, parts
from surgvqa.builders.annotations.shapes import Annotations, Names, Picture
from surgvqa.builders.files.faults import summarise
from surgvqa.builders.files.pictures import Size, sizes_of
from surgvqa.builders.frames import frame_labels
from surgvqa.builders.frames.entry import FIELDS, ROLES, FrameLabels
from surgvqa.builders.geometry.checks import refuse_other_shape
from surgvqa.builders.label_exports import exports
from surgvqa.builders.label_exports.export_context import ExportContext, have_places
from surgvqa.builders.procedures.taxonomy import Taxonomy, load
from surgvqa.builders.schema import Omission
from surgvqa.builders.settings.labels import Labels
from surgvqa.cards.command import InputError

FIELDS_OF_THINGS: tuple[Literal["anatomy", "tools"], ...] = ("anatomy", "tools")
NEAR_S = 0.02  # from a picture's time to its frame's, where no rate says how far frames are apart


@dataclass(frozen=True, slots=True)
class MergeOutcome:
    """The result of a merge."""

    frames: int  # whose labels were looked at
    unmatched_pictures: tuple[str, ...]  # pictures that the metadata file has no frame of
    left_out: tuple[Omission, ...] = ()  # what was cut, left out by design, or refused and quarantined


def merge(config: Labels) -> MergeOutcome:
    """Add the labels of other tools' exports to a metadata file.

    A detector's labels never replace a person's. A field of ``config.of`` that a picture shows nothing of is known to
    be empty; where none is named, those that the picture's own export names anything of. ``config.image_rate`` is the frames per
    second of a video that a file numbers the frames of.

    Raises:
        InputError: one list of everything that can't be read, or no picture at all that is known.
    """
    into, files, image_rate = config.into, config.files, config.image_rate
    taxonomy = load(config.taxonomy)
    frames = frame_labels.read(into, taxonomy)
    index = _Index(into, frames, image_rate)
    moments = tuple(sorted({frame.timestamp_s for frame in frames}))
    context = ExportContext(Names(taxonomy), image_rate, moments, index.size)
    read = [one for path in files for one in exports.each(path, context)]
    faults = [fault for one in read for fault in one.faults]
    new, unmatched_pictures = _match_pictures(_looked_for(read, config), index, faults)
    if faults and config.on_error != "quarantine":
        raise InputError(
            f"{len(faults)} fault{'s' if len(faults) > 1 else ''}, and nothing was merged: {summarise(faults)}. Correct "
            "them, or leave these pictures out with --on-error quarantine"
        )
    if not new:
        raise InputError(
            f"no picture of {', '.join(path.name for path in files)} is in {into}; the first unknown one is "
            f"{unmatched_pictures[0] if unmatched_pictures else 'none: the files are empty, or all was left out'}"
        )
    frame_labels.write(into, frame_labels.refine(frames, new.values()))
    notes = [note for one in read for note in one.notes]
    return MergeOutcome(len(new), tuple(unmatched_pictures), (*faults, *notes))


def _match_pictures(
    pictures: Iterable[tuple[Picture, Labels]], index: _Index, faults: list[Omission]
) -> tuple[dict[tuple[str, str], FrameLabels], list[str]]:
    """Return the labels by video and picture, and the pictures without a frame. A frame with a refused picture has none."""
    new: dict[tuple[str, str], FrameLabels] = {}
    refused_keys: set[tuple[str, str]] = set()
    unmatched_pictures: list[str] = []
    for picture, config in pictures:
        match = index.match(picture)
        if match is None:
            unmatched_pictures.append(picture.name)
            continue
        key = (match.video_id, match.image)
        try:
            index.refuse_other_shape(match, picture)
            labels = _labels(match, picture, config)
            new[key] = _join_labels(new[key], labels) if key in new else labels
        except InputError as error:
            faults.append(Omission(picture.name or match.image, str(error), fault=True))
            refused_keys.add(key)
    return {key: frame for key, frame in new.items() if key not in refused_keys}, unmatched_pictures


@dataclass(slots=True)
class _Index:
    """The frames of a metadata file, by the ends of their names and by their times."""

    into: Path
    frames: Sequence[FrameLabels]
    rate: float
    by_name: dict[tuple[str, ...], list[FrameLabels]] = field(default_factory=dict)
    by_stem: dict[tuple[str, ...], list[FrameLabels]] = field(default_factory=dict)
    by_time: dict[str, list[FrameLabels]] = field(default_factory=dict)
    sizes: dict[str, Size | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for frame in sorted(self.frames, key=lambda one: one.timestamp_s):
            names = parts(frame.image)
            for i in range(len(names)):
                self.by_name.setdefault(names[i:], []).append(frame)
                self.by_stem.setdefault(_stem(names[i:]), []).append(frame)
            self.by_time.setdefault(frame.video_id, []).append(frame)

    def match(self, picture: Picture) -> FrameLabels | None:
        """Return the frame of a picture: by its time, else by the longest end of its name that is known."""
        if picture.time_s is not None:
            return self.by_time_of(picture)
        return self.by_name_of(picture.name, picture.recordings)

    def by_name_of(self, name: str, recordings: tuple[str, ...] = ()) -> FrameLabels | None:
        """Return the frame that a name means; what an exporter added, and the ending, count only where nothing else fits."""
        names = parts(name)
        bare = (*names[:-1], original(names[-1]))
        for index, key in (
            (self.by_name, names),
            (self.by_name, bare),
            (self.by_stem, _stem(names)),
            (self.by_stem, _stem(bare)),
        ):
            for i in range(len(key)):
                matches = index.get(key[i:], [])
                matches = [frame for frame in matches if not _of_another((*recordings, *names[:-1]), frame)]
                if len(matches) == 1:
                    return matches[0]
                if matches:
                    same = ", ".join(frame.image for frame in matches[:3])
                    raise InputError(f"{name} may be {same}; give names with their folders")
        return None

    def by_time_of(self, picture: Picture) -> FrameLabels | None:
        """Return the frame nearest to a picture's time, of the picture's video."""
        video = PurePosixPath(parts(picture.name)[-1])
        names = {video.name, video.stem, original(video.name), PurePosixPath(original(video.name)).stem}
        there = [name for name in self.by_time if name in names]
        if not there and len(self.by_time) > 1:
            raise InputError(
                f"the frames of {picture.name or 'a video without a name'} may be of any of "
                f"{', '.join(sorted(self.by_time)[:5])}; name the export's video as one of them"
            )
        recordings = [PurePosixPath(original(video.name)).stem, *picture.recordings]
        if not there and of_another(recordings, self.by_time):
            raise InputError(
                f"the frames are of {', '.join(sorted(self.by_time)[:5])}, and the export is of {video.name}, as its name says"
            )
        frames = self.by_time[there[0] if there else next(iter(self.by_time))]
        at = picture.time_s or 0.0
        i = bisect_left(frames, at, key=lambda frame: frame.timestamp_s)
        near = min(frames[max(0, i - 1) : i + 1], key=lambda frame: abs(frame.timestamp_s - at))
        reach = 0.5 / self.rate if self.rate > 0 else NEAR_S
        return near if abs(near.timestamp_s - at) <= reach + 1e-9 else None

    def size(self, name: str) -> tuple[int, int] | None:
        """Return the size of the frame that a name means, as it is shown; of "" that of the first frame."""
        frame = self.by_name_of(name) if name else self.frames[0]
        size = self.of(frame) if frame else None
        return size.viewed_size if size else None

    def of(self, frame: FrameLabels) -> Size | None:
        """Return the size of a frame's picture, or None where the picture isn't there."""
        if frame.image not in self.sizes:
            path = self.into.parent / frame.image
            self.sizes[frame.image] = sizes_of(path) if path.is_file() else None
        return self.sizes[frame.image]

    def refuse_other_shape(self, frame: FrameLabels, picture: Picture) -> None:
        """Refuse places that were drawn in a picture of another shape than the frame's."""
        size = self.of(frame) if have_places(picture.nodes) else None
        if size is not None:
            refuse_other_shape((picture.width, picture.height), size.viewed_size, size.stored_size)


def _of_another(folders: tuple[str, ...], frame: FrameLabels) -> bool:
    """Whether a picture's folders name another recording than a frame's."""
    return of_another(folders, (*parts(frame.image)[:-1], frame.video_id))


def _stem(names: tuple[str, ...]) -> tuple[str, ...]:
    return (*names[:-1], PurePosixPath(names[-1]).stem)


def _looked_for(read: Sequence[Annotations], config: Labels) -> Iterator[tuple[Picture, Labels]]:
    """Yield every picture with what was looked for in it: what is named, else what its export names anything of.

    Who outlined anatomy in one export didn't say that there are no tools. Files of one picture each are one export;
    one that names nothing at all was looked at for what the others name.
    """
    singles = [picture for one in read if len(one.pictures) == 1 for picture in one.pictures]
    pictures = [picture for one in read for picture in one.pictures]
    whole = _named_fields(pictures) if _says_anything(pictures) else FIELDS_OF_THINGS
    for export in (singles, *(one.pictures for one in read if len(one.pictures) != 1)):
        own = replace(config, of=config.of or (_named_fields(export) if _says_anything(export) else whole))
        yield from ((picture, own) for picture in export)


def _says_anything(pictures: Iterable[Picture]) -> bool:
    """Whether any picture names a thing or a phase."""
    return any(picture.nodes or picture.phase for picture in pictures)


def _named_fields(pictures: Iterable[Picture]) -> tuple[Literal["anatomy", "tools"], ...]:
    """Return the fields whose things pictures name."""
    there = {node.type for picture in pictures for node in picture.nodes}
    return tuple(name for name in FIELDS_OF_THINGS if ROLES[name] in there)


def _join_labels(first: FrameLabels, second: FrameLabels) -> FrameLabels:
    """Return what two pictures of the same frame say. Raises ``InputError`` where both say something, and not the same."""
    fields: dict[str, Any] = {}
    for name in FIELDS:
        one, other = getattr(first, name), getattr(second, name)
        if one is None or other is None or one == other:
            fields[name] = other if one is None else one
        elif name != "phase" and (_phase_alone(first) or _phase_alone(second)):
            fields[name] = one or other
        else:
            what = "one says that there are none" if not (one and other) else "both name some"
            raise InputError(
                f"{first.image} is labelled twice, and its {name} differ: {what}; keep one of them"
            )
    return replace(frame_labels.refine([first], [second])[0], **fields)


def _phase_alone(frame: FrameLabels) -> bool:
    """Whether a picture says its phase and names no thing: phases may be annotated apart."""
    return frame.phase is not None and not (frame.tools or frame.anatomy)


def _labels(frame: FrameLabels, picture: Picture, config: Labels) -> FrameLabels:
    made_by, least = config.made_by, config.min_confidence
    nodes = [node for node in picture.nodes if node.confidence is None or node.confidence >= least]
    fields: dict[str, Any] = {}
    for name in config.of:
        role = ROLES[name]
        fields[name] = number_entities(node for node in nodes if node.type == role)
    if picture.phase is not None:
        fields["phase"] = picture.phase
    maker = {} if made_by == "hand" else dict.fromkeys(fields, made_by)
    has_boxes = any(node.bbox for node in nodes)
    return FrameLabels(
        frame.image,
        frame.video_id,
        frame.timestamp_s,
        width=picture.width if has_boxes else 0,
        height=picture.height if has_boxes else 0,
        made_by=maker,
        **fields,
    )


# ---- reading


def read(path: Path, taxonomy: Taxonomy, image_rate: float = 0.0) -> tuple[Picture, ...]:
    """Return the pictures that a tool's file labels, without frames beside it.

    Raises:
        InputError: no such file, none of the tools', or one list of its faults.
    """
    export: Annotations = exports.read(path, ExportContext(Names(taxonomy), image_rate))
    if export.faults:
        raise InputError(summarise(export.faults))
    return export.pictures
