"""The rows of one case's clips and questions, in the order of its clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import cast

from surgvqa.builders.cases import moments
from surgvqa.builders.cases import scene as scenes
from surgvqa.builders.cases.windows import frame_times
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.ask import ask
from surgvqa.builders.questions.messages import conversation
from surgvqa.builders.row_types import ClipRow, Picture, QAColumns, QARow
from surgvqa.builders.schema import QA, QA_COLUMNS, QA_FEATURES, Clip
from surgvqa.builders.shards.job import Job, below
from surgvqa.builders.shards.reference import POSTER_SIDE, address
from surgvqa.builders.shards.survey import OUTSIDE
from surgvqa.builders.video.case_media import ClipFrames, take
from surgvqa.builders.video.cut import Cut, cut
from surgvqa.builders.video.timing import read_timeline


def questions(job: Job, clip: Clip) -> tuple[QA, ...]:
    """Return a clip's own questions, where its source ships some or they are chosen, else those that are generated."""
    options = job.options
    if options.asking == "informative":  # chosen over all cases before any shard is built
        return clip.qa
    taxonomy = load(job.case.taxonomy or job.case.procedure)
    candidates = clip.qa or ask(clip, job.case, taxonomy, job.transitions, options.selection)
    return tuple(qa for qa in candidates if job.balance is None or job.balance.keeps(job.split, qa))


def rows(job: Job, videos: Path | None = None, omissions: list[list[str]] | None = None) -> Iterator[ClipRow]:
    """Yield the rows of config ``clips``; cut files go below ``videos`` with ``--media clips``.

    Clips with a frame outside the body are left out and go into ``omissions`` as (item, cause).
    """
    options, case = job.options, job.case
    detector = options.screen.detector if options.screen is not None else None
    left = [] if omissions is None else omissions
    if options.media == "frames":
        for pictures in take(case, job.clips, options.frames, options.max_side, options.decoder, detector):
            if pictures.outside:
                left.append([pictures.clip.clip_id, OUTSIDE])
            else:
                yield row(job, pictures, None)
        return
    if options.media == "reference":
        yield from reference_rows(job)
        return
    for clip in job.clips:
        offset, name = case.video_offset_s, None
        times: tuple[float, ...] = clip.frames_s
        if options.media == "clips" and case.video is not None and videos is not None:
            safe = clip.clip_id.replace("/", "_").replace("\\", "_")
            name = f"videos/{job.split}/{safe}.mp4"
            shift = round(offset * 1000)
            how = Cut(
                max_side=options.max_side,
                decoder=options.decoder,
                covered_regions=case.covered_regions,
                detector=detector,
            )
            shown_times = cut(
                case.video, clip.start_ms + shift, clip.end_ms + shift, videos / f"{safe}.mp4", how
            )
            if shown_times is None:
                left.append([clip.clip_id, OUTSIDE])
                continue
            times = tuple(time_s - offset for time_s in shown_times)
        yield row(job, ClipFrames(clip, (), times), name)


def reference_rows(job: Job) -> Iterator[ClipRow]:
    """Yield the rows of ``--media reference``: the source's own video, and what a viewer of the table can show of it."""
    case, offset = job.case, job.case.video_offset_s
    if case.video is None:  # the survey leaves such cases out
        raise ValueError(f"case {case.case_id} has no video to refer to")
    timeline = read_timeline(case.video)
    name = below(timeline.path, job.root)
    side = min(POSTER_SIDE, job.options.max_side or POSTER_SIDE)
    for poster in take(case, job.clips, 1, side, job.options.decoder):
        clip = poster.clip
        video_times = (time_s + offset for time_s in frame_times(clip, job.options.frames))
        times = tuple(timeline.seconds(timeline.at(time_s)) - offset for time_s in video_times)
        place = address(name, clip.start_ms / 1000 + offset, clip.end_ms / 1000 + offset)
        picture: Picture = {"bytes": poster.images[0], "path": None}
        yield {**row(job, ClipFrames(clip, (), times), name), "poster": picture, "address": place}


def row(job: Job, pictures: ClipFrames, video: str | None) -> ClipRow:
    """Return one row of config ``clips``."""
    clip, case = pictures.clip, job.case
    qa = questions(job, clip)
    if job.options.asking == "informative" and not moments.asks_itself(case) and pictures.times_s:
        qa = tuple(_held_within(one, pictures.times_s) for one in qa)
    start = None
    if video is not None:
        start = clip.start_ms / 1000 + case.video_offset_s if job.options.media == "reference" else 0.0
    return {
        "clip_id": clip.clip_id,
        "case_id": case.case_id,
        "source": case.source,
        "procedure": case.procedure,
        "phase": clip.phase,
        "start_s": clip.start_ms / 1000,
        "end_s": clip.end_ms / 1000,
        "frame_times_s": list(pictures.times_s),
        "images": [{"bytes": data, "path": None} for data in pictures.images],
        "video": video,
        "video_start_s": start,
        "weight": job.weight,
        "scene": scenes.to_json(clip.scene) if clip.scene is not None else None,
        "qa": [columns(one) for one in qa],
        "messages": conversation(qa, job.options.system),
    }


def _held_within(qa: QA, times: Sequence[float]) -> QA:
    evidence_s = within(qa.evidence_s, times)
    return qa if evidence_s == qa.evidence_s else replace(qa, evidence_s=evidence_s)


def within(evidence: Sequence[float], times: Sequence[float]) -> tuple[float, ...]:
    """Moments as seconds of the frames shown: a frame that shows a moment began up to its length before it.

    >>> within((0.0, 9.5), (0.0, 4.76, 9.48))
    (0.0, 9.48)
    """
    return tuple(min(max(at, times[0]), times[-1]) for at in evidence)


def columns(qa: QA) -> QAColumns:
    """Return a question as its columns; the names of both are the same."""
    row: dict[str, object] = dict(zip(QA_COLUMNS, _values_of()(qa), strict=True))
    for name in _list_columns():
        row[name] = list(cast(tuple[object, ...], row[name]))
    return cast(QAColumns, row)


@cache
def _list_columns() -> tuple[str, ...]:
    """Return the columns that hold several values."""
    return tuple(
        one.name for one in fields(QA) if one.name in QA_COLUMNS and str(one.type).startswith("tuple")
    )


@cache
def _values_of() -> Callable[[QA], tuple[object, ...]]:
    """Return what reads all columns of a question at once: a hundred hours have a million questions."""
    return attrgetter(*QA_COLUMNS)


def qa_rows(clip: ClipRow) -> Iterator[QARow]:
    """Yield the rows of config ``qa`` that belong to a row of ``clips``."""
    clip_columns: dict[str, object] = {**clip}
    shared_columns = {name: clip_columns[name] for name in QA_FEATURES if name not in QA_COLUMNS}
    for one in clip["qa"]:
        yield cast(QARow, {**one, **shared_columns})
