"""A look at one case before anything is built of it: hashes, media, clips, and what is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from surgvqa.builders.annotations.picture_names import refuse_beyond
from surgvqa.builders.cases import moments
from surgvqa.builders.cases import scene as scenes
from surgvqa.builders.cases.timeline import to_ms
from surgvqa.builders.cases.windows import windows
from surgvqa.builders.configs import pointing, segmentation
from surgvqa.builders.files.pictures import one_colour
from surgvqa.builders.schema import Case, Clip, Omission, Survey
from surgvqa.builders.shards.job import Media, Options, below
from surgvqa.builders.video import covering
from surgvqa.builders.video.case_media import fit, look, refuse_late, stills, with_media
from surgvqa.cards.command import InputError

BLANK = "the picture is of one colour, so nothing is asked of it"
OUTSIDE = "a frame of it lies outside the body"


def survey(case: Case, root: Path, options: Options) -> Survey:
    """Hash a case's files, look at its media, lay out its clips; raise ``InputError`` for what is wrong."""
    digests = {}
    for path in (*case.files, *([case.video] if case.video else []), *(frame.path for frame in case.frames)):
        if not path.is_file():
            raise InputError(f"no file {below(path, root)}")
    for path in sorted({*case.files, *([case.video] if case.video else [])}):
        with path.open("rb") as file:
            digests[below(path, root)] = hashlib.file_digest(file, "sha256").hexdigest()
    media = look(case) if options.media != "none" or case.video else None
    case = with_media(case, media)
    refuse_beyond(case)
    pixels = media if options.media != "none" else None
    if pixels is not None:
        case = fit(case, pixels)
    case, unseen = without_blank(case)
    case = scenes.link(case)
    if options.asking == "informative":
        clips, omissions = moments.windows(
            without_partial_stills(case, options), options.clip_seconds, options.frames
        )
    else:
        clips, omissions = windows(case, options.clip_seconds)
    omissions = (*unseen, *omissions)
    if options.screen is not None:
        inside_clips = tuple(clip for clip in clips if not options.screen.away(clip))
        omissions = (
            *omissions,
            *(Omission(clip.clip_id, OUTSIDE) for clip in clips if clip not in inside_clips),
        )
        clips = inside_clips
        case = replace(
            case, scenes=tuple(one for one in case.scenes if not at_stretch(case, one.time_s, options))
        )
    if pixels is not None:
        refuse_late(case, clips, pixels)
    kept_clips = tuple(clip for clip in clips if has_pixels(case, clip, options.media))
    if len(kept_clips) < len(clips):
        cause = f"{len(clips) - len(kept_clips)} of {len(clips)} clips have no picture inside their window"
        if not case.video and (not case.frames or options.media != "frames"):
            cause = f"there is no {'video' if case.frames else 'video and no picture'} of this case"
        omissions = (*omissions, Omission(case.case_id, cause))
    if pixels is not None and options.screen is not None:
        published_s = covering.published_seconds(case, kept_clips, options.frames)
        case = replace(case, covered_regions=covering.regions(case, options.screen, pixels, published_s))
    if options.pointing is not None:
        omissions = (*omissions, *pointing.unshown(case))
    if options.segmentation is not None:
        omissions = (*omissions, *segmentation.unshown(case, options.segmentation.task))
    return Survey(case, kept_clips, tuple(omissions), digests)


def without_partial_stills(case: Case, options: Options) -> Case:
    """Return a case without its stills where none is shown and some annotated moments have none: any can be asked about."""
    still_times = {to_ms(frame.time_s) for frame in case.frames}
    if options.media == "none" and any(to_ms(scene.time_s) not in still_times for scene in case.scenes):
        return replace(case, frames=())
    return case


def without_blank(case: Case) -> tuple[Case, list[Omission]]:
    """Return a case without the stills that show nothing, and what these are.

    A source blackens what lies outside the body. Only pictures that nothing is annotated on are looked at.
    """
    empty = {to_ms(scene.time_s) for scene in case.scenes if not scene.nodes and not scene.actions}
    if case.video is not None or not empty:
        return case, []
    blank = {
        to_ms(frame.time_s): frame.path.name
        for frame in case.frames
        if to_ms(frame.time_s) in empty and one_colour(frame.path)
    }
    omissions = [Omission(f"{case.case_id}: {name}", BLANK) for _, name in sorted(blank.items())]
    return replace(
        case,
        frames=tuple(frame for frame in case.frames if to_ms(frame.time_s) not in blank),
        scenes=tuple(scene for scene in case.scenes if to_ms(scene.time_s) not in blank),
        ratings=tuple(one for one in case.ratings if to_ms(one.time_s) not in blank),
    ), omissions


def at_stretch(case: Case, time_s: float, options: Options) -> bool:
    """Whether a moment of a case lies in a stretch outside the body."""
    stretches = options.screen.stretches if options.screen is not None else ()
    return any(name == case.case_id and start_s <= time_s < end_s for name, start_s, end_s in stretches)


def has_pixels(case: Case, clip: Clip, media: Media) -> bool:
    """Whether a clip can be shown the way that is asked for."""
    if media == "none" or case.video is not None:
        return True
    return media == "frames" and bool(stills(case, clip))


def refuse_repeated(clips: Sequence[Clip]) -> None:
    """Raise ``InputError`` for two clips (of one split) or two shipped questions of one id."""
    ids: set[tuple[str | None, str]] = set()
    windows = ((clip.split, clip.clip_id) for clip in clips)
    for name in (*windows, *((None, qa.qa_id) for clip in clips for qa in clip.qa)):
        if name in ids:
            raise InputError(f"the id {name[1]} is there twice; ids must be unique")
        ids.add(name)
