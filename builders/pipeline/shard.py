"""One case in, its shard out: a pure function of the case, the options and the code.

Whoever calls it, in whatever order and from however many processes, gets the same bytes: the process pool
of `build.py`, a Slurm array or Ray. A finished shard is its files and, written last, its record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np
from surgvqa.builders.annotations.picture_names import refuse_beyond
from surgvqa.builders.cases import moments
from surgvqa.builders.cases import scene as scenes
from surgvqa.builders.cases.balance import Balance
from surgvqa.builders.cases.timeline import to_ms
from surgvqa.builders.cases.transitions import Transitions
from surgvqa.builders.cases.windows import frame_times, windows
from surgvqa.builders.configs import pointing, segmentation
from surgvqa.builders.configs.pointing_questions import Pointing
from surgvqa.builders.configs.segmentation import Segmentation
from surgvqa.builders.files.parquet import CLIPS_PER_GROUP, ROWS_PER_GROUP, write_text, writer
from surgvqa.builders.privacy.screen import Screen, covered
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.ask import NINE, ask
from surgvqa.builders.questions.messages import conversation
from surgvqa.builders.schema import FEATURES, QA, QA_COLUMNS, QA_FEATURES, Case, Clip, Dropped, Survey
from surgvqa.builders.video.case_media import Taken, fit, look, refuse_late, sample, stills, take, with_media
from surgvqa.builders.video.cut import cut
from surgvqa.builders.video.decode import Decoder
from surgvqa.builders.video.timing import read_timeline
from surgvqa.cards.command import InputError

Media = Literal["frames", "clips", "reference", "none"]
Asking = Literal["informative", "nine"]
ASKING: tuple[Asking, ...] = ("informative", "nine")
ROWS_PER_PICTURE_GROUP = 256  # a row of config `pointing` holds one frame of 40 kB
MEDIA: tuple[Media, ...] = ("frames", "clips", "reference", "none")
LIBRARIES = ("av", "datasets", "numpy", "pillow", "pyarrow", "pycocotools", "simplejpeg")
Row = dict[str, Any]
OUTSIDE = "a frame of it lies outside the body"


@dataclass(frozen=True, slots=True)
class Options:
    """What of a build's parameters decides the rows of a case."""

    clip_seconds: float = 5.0
    frames: int = 8
    media: Media = "frames"
    max_side: int | None = 512
    kinds: tuple[str, ...] = NINE
    seed: int = 0
    decoder: Decoder = "pyav"
    system: str | None = None
    pointing: Pointing | None = None  # how to write config `pointing`; None for none
    segmentation: Segmentation | None = None  # the same for config `segmentation`
    screen: Screen | None = None  # what is covered and left out of the pictures
    asking: Asking = "nine"  # chosen for what they leave open, or the same kinds of every clip


@dataclass(frozen=True, slots=True)
class Job:
    """All that the shard of one case follows from. Paths of the case lie below ``root``."""

    case: Case
    clips: tuple[Clip, ...]
    split: str
    known: Transitions
    options: Options
    root: Path
    balance: Balance | None = None
    weight: float = 1.0  # of each of its clips in training

    @property
    def name(self) -> str:
        """The case, and the split where several share it."""
        divided = any(clip.split for clip in self.case.clips) and len(self.clips) < len(self.case.clips)
        return f"{self.case.case_id} ({self.split})" if divided else self.case.case_id

    def key(self, code: str, digests: dict[str, str]) -> str:
        """Return a name for these bytes: other inputs, options or code give another."""
        portable = json.dumps([code, digests, repr(replace(_below(self), root=Path()))])
        return hashlib.sha256(portable.encode()).hexdigest()


class Record(TypedDict):
    """What is known of a finished shard. Files by their kind: "clips", "qa", "pointing", "videos/NAME"."""

    key: str
    files: dict[str, dict[str, Any]]
    dropped: list[list[str]]  # [item, cause] of what was left out once its pixels were seen


def below(path: Path, root: Path) -> str:
    """Return a path as it is written down: below the root, or its bare name."""
    inside = path.resolve().is_relative_to(root.resolve())
    return path.resolve().relative_to(root.resolve()).as_posix() if inside else path.name


def _below(job: Job) -> Job:
    case, root = job.case, job.root
    return replace(
        job,
        case=replace(
            case,
            video=Path(below(case.video, root)) if case.video else None,
            taxonomy=Path(below(case.taxonomy, root)) if case.taxonomy else None,
            frames=tuple(replace(frame, path=Path(below(frame.path, root))) for frame in case.frames),
            files=tuple(Path(below(path, root)) for path in case.files),
        ),
    )


def survey(case: Case, root: Path, options: Options) -> Survey:
    """Hash a case's files, look at its media, lay out its clips; raise ``InputError`` for what is wrong."""
    digests = {}
    for path in sorted({*case.files, *([case.video] if case.video else [])}):
        with path.open("rb") as file:
            digests[below(path, root)] = hashlib.file_digest(file, "sha256").hexdigest()
    found = look(case) if options.media != "none" or case.video else None
    case = with_media(case, found)
    refuse_beyond(case)
    pixels = found if options.media != "none" else None
    if pixels is not None:
        case = fit(case, pixels)
    if pixels is not None and options.screen is not None:
        size, shown = (pixels.width, pixels.height), pixels
        case = replace(case, covered=covered(case, options.screen, *size, lambda: sample(case, shown)))
    case = scenes.link(case)
    if options.asking == "informative":
        clips, dropped = moments.windows(pictured(case, options), options.clip_seconds, options.frames)
    else:
        clips, dropped = windows(case, options.clip_seconds)
    if options.screen is not None:
        seen = tuple(clip for clip in clips if not options.screen.away(clip))
        dropped = (*dropped, *(Dropped(clip.clip_id, OUTSIDE) for clip in clips if clip not in seen))
        clips = seen
        case = replace(
            case, scenes=tuple(one for one in case.scenes if not at_stretch(case, one.time_s, options))
        )
    if pixels is not None:
        refuse_late(case, clips, pixels)
    kept = tuple(clip for clip in clips if has_pixels(case, clip, options.media))
    if len(kept) < len(clips):
        cause = f"{len(clips) - len(kept)} of {len(clips)} clips have no picture inside their window"
        if not case.video and (not case.frames or options.media != "frames"):
            cause = f"there is no {'video' if case.frames else 'video and no picture'} of this case"
        dropped = (*dropped, Dropped(case.case_id, cause))
    if options.pointing is not None:
        dropped = (*dropped, *pointing.unshown(case))
    if options.segmentation is not None:
        dropped = (*dropped, *segmentation.unshown(case, options.segmentation.task))
    return Survey(case, kept, tuple(dropped), digests)


def pictured(case: Case, options: Options) -> Case:
    """Return a case without its stills where none is shown and some annotated moments have none: any can be asked about."""
    shown = {to_ms(frame.time_s) for frame in case.frames}
    if options.media == "none" and any(to_ms(scene.time_s) not in shown for scene in case.scenes):
        return replace(case, frames=())
    return case


def at_stretch(case: Case, time_s: float, options: Options) -> bool:
    """Whether a moment of a case lies in a stretch outside the body."""
    known = options.screen.stretches if options.screen is not None else ()
    return any(name == case.case_id and start_s <= time_s < end_s for name, start_s, end_s in known)


def has_pixels(case: Case, clip: Clip, media: Media) -> bool:
    """Whether a clip can be shown the way that is asked for."""
    if media == "none" or case.video is not None:
        return True
    return media == "frames" and bool(stills(case, clip))


def questions(job: Job, clip: Clip) -> tuple[QA, ...]:
    """Return a clip's own questions, where its source ships some or they are chosen, else those that are generated."""
    options = job.options
    if options.asking == "informative":  # chosen over all cases before any shard is built
        return clip.qa
    taxonomy = load(job.case.taxonomy or job.case.procedure)
    asked = clip.qa or ask(clip, job.case, taxonomy, job.known, options.kinds, options.seed, options.frames)
    return tuple(qa for qa in asked if job.balance is None or job.balance.keeps(job.split, qa))


def rows(job: Job, videos: Path | None = None, dropped: list[list[str]] | None = None) -> Iterator[Row]:
    """Yield the rows of config ``clips``; cut files go below ``videos`` with ``--media clips``.

    Clips with a frame outside the body are left out and go into ``dropped`` as (item, cause).
    """
    options, case = job.options, job.case
    detector = options.screen.detector if options.screen is not None else None
    left = [] if dropped is None else dropped
    if options.media == "frames":
        for taken in take(case, job.clips, options.frames, options.max_side, options.decoder, detector):
            if taken.outside:
                left.append([taken.clip.clip_id, OUTSIDE])
            else:
                yield row(job, taken, None)
        return
    timeline = read_timeline(case.video) if options.media == "reference" and case.video else None
    for clip in job.clips:
        offset, name = case.video_offset_s, None
        times: tuple[float, ...] = clip.frames_s
        if timeline is not None:
            asked = (time_s + offset for time_s in frame_times(clip, options.frames))
            times = tuple(timeline.seconds(timeline.at(time_s)) - offset for time_s in asked)
            name = below(timeline.path, job.root)
        elif options.media == "clips" and case.video is not None and videos is not None:
            safe = clip.clip_id.replace("/", "_").replace("\\", "_")
            name = f"videos/{job.split}/{safe}.mp4"
            shift = round(offset * 1000)
            shown = cut(
                case.video,
                clip.start_ms + shift,
                clip.end_ms + shift,
                videos / f"{safe}.mp4",
                options.max_side,
                options.decoder,
                case.covered,
                detector,
            )
            if shown is None:
                left.append([clip.clip_id, OUTSIDE])
                continue
            times = tuple(time_s - offset for time_s in shown)
        yield row(job, Taken(clip, (), times), name)


def row(job: Job, taken: Taken, video: str | None) -> Row:
    """One row of config ``clips``."""
    clip, case = taken.clip, job.case
    qa = questions(job, clip)
    if job.options.asking == "informative" and not moments.asks_itself(case) and taken.times_s:
        qa = tuple(replace(one, evidence_s=within(one.evidence_s, taken.times_s)) for one in qa)
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
        "frame_times_s": list(taken.times_s),
        "images": [{"bytes": data, "path": None} for data in taken.images],
        "video": video,
        "video_start_s": start,
        "weight": job.weight,
        "scene": scenes.to_json(clip.scene) if clip.scene is not None else None,
        "qa": [{name: _plain(getattr(one, name)) for name in QA_COLUMNS} for one in qa],
        "messages": conversation(qa, job.options.system),
    }


def within(evidence: Sequence[float], shown: Sequence[float]) -> tuple[float, ...]:
    """Moments as seconds of the frames shown: a frame that shows a moment began up to its length before it.

    >>> within((0.0, 9.5), (0.0, 4.76, 9.48))
    (0.0, 9.48)
    """
    return tuple(min(max(at, shown[0]), shown[-1]) for at in evidence)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def qa_rows(clip: Row) -> Iterator[Row]:
    """Yield the rows of config ``qa`` that belong to a row of ``clips``."""
    shared = {name: clip[name] for name in QA_FEATURES if name not in QA_COLUMNS}
    for one in clip["qa"]:
        yield one | shared


def build_shard(job: Job, key: str, folder: Path) -> Record:
    """Write a case's shard below ``folder`` and, last, its record ``KEY.json``; return the record."""
    folder.mkdir(parents=True, exist_ok=True)
    videos = folder / f"{key}.videos"
    if job.options.media == "clips":
        videos.mkdir(exist_ok=True)
    dropped: list[list[str]] = []
    detector = job.options.screen.detector if job.options.screen is not None else None

    def refuse(time_s: float, picture: np.ndarray) -> bool:
        outside = detector is not None and detector(picture)
        item = [f"{job.case.case_id}: picture at {time_s:g} s", OUTSIDE]
        if outside and item not in dropped:
            dropped.append(item)
        return outside

    tables = {"clips": folder / f"{key}.clips.parquet", "qa": folder / f"{key}.qa.parquet"}
    with (
        writer(tables["clips"], FEATURES, CLIPS_PER_GROUP) as write_clip,
        writer(tables["qa"], QA_FEATURES, ROWS_PER_GROUP) as write_qa,
    ):
        for clip in rows(job, videos, dropped):
            write_clip(clip)
            for one in qa_rows(clip):
                write_qa(one)
    if job.options.pointing is not None:
        tables["pointing"] = folder / f"{key}.pointing.parquet"
        with writer(tables["pointing"], pointing.POINTING_FEATURES, ROWS_PER_PICTURE_GROUP) as write_row:
            for one in pointing.rows(
                job.case, job.options.pointing, job.options.max_side, job.options.decoder, refuse
            ):
                write_row(one)
    if job.options.segmentation is not None:
        tables["segmentation"] = folder / f"{key}.segmentation.parquet"
        features = segmentation.SEGMENTATION_FEATURES
        with writer(tables["segmentation"], features, ROWS_PER_PICTURE_GROUP) as write_row:
            for one in segmentation.rows(
                job.case, job.options.segmentation, job.options.max_side, job.options.decoder, refuse
            ):
                write_row(one)
    files = {name: path for name, path in tables.items() if path.is_file()}
    if job.options.media == "clips":
        files |= {f"videos/{path.name}": path for path in sorted(videos.iterdir())}
    record = Record(
        key=key, files={name: digest(path) for name, path in sorted(files.items())}, dropped=dropped
    )
    write_text(folder / f"{key}.json", json.dumps(record, sort_keys=True))
    return record


def digest(path: Path) -> dict[str, Any]:
    """Return a file's sha256 and size."""
    with path.open("rb") as file:
        return {
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
            "bytes": path.stat().st_size,
        }


def staged(folder: Path, key: str, name: str) -> Path:
    """Where a shard's file lies until the data set is whole."""
    return folder / f"{key}.{name}.parquet" if "/" not in name else folder / f"{key}.{name}"


def whole(folder: Path, key: str) -> Record | None:
    """Return the record of a finished shard whose every file is as it was written, else None."""
    path = folder / f"{key}.json"
    if not path.is_file():
        return None
    try:
        record: Record = json.loads(path.read_text("utf-8"))
        if all(digest(staged(folder, key, name)) == found for name, found in record["files"].items()):
            return record
    except (ValueError, KeyError, OSError):
        return None
    return None


def refuse_repeated(clips: Sequence[Clip]) -> None:
    """Raise ``InputError`` for two clips (of one split) or two shipped questions of one id."""
    seen: set[tuple[str | None, str]] = set()
    windows = ((clip.split, clip.clip_id) for clip in clips)
    for name in (*windows, *((None, qa.qa_id) for clip in clips for qa in clip.qa)):
        if name in seen:
            raise InputError(f"the id {name[1]} is there twice; ids must be unique")
        seen.add(name)


@cache
def code_version() -> str:
    """Return a digest of the code and the libraries that the bytes of a shard follow from."""
    digest = hashlib.sha256()
    folder = Path(__file__).parents[1]  # all of surgvqa.builders
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.yaml")]):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    digest.update(" ".join(f"{name}={version(name)}" for name in LIBRARIES).encode())
    return digest.hexdigest()
