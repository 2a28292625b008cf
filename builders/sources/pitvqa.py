"""PitVQA and PitVis: 25 endoscopic pituitary operations, annotated once a second.

Expects the authors' ground truth below the root: ``instruments_csv/instruments_XX.csv`` and
``steps_csv/steps_XX.csv`` (a ``metadata/map_instruments.csv`` is checked against where it is there), and
optionally ``videos/video_XX.mp4`` (24 fps) or their 1 Hz frames ``images/video_XX/00000.png``.

Positions are 1 top-left, 2 top-right, 3 centre, 4 bottom-left, 5 bottom-right, as in the authors' own
code (https://github.com/mobarakol/PitVQA_Annotations, code_for_QA/utils.py); a table that goes round
with 3 lower-left, 4 lower-right, 5 centre misplaces most of them.

``questions="official"`` is the authors' own set, oddities included (``builders/source_files/pitvqa_official.py``);
``"ours"`` is cleaned: what contradicts itself is left out and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from surgvqa.builders.procedures import taxonomy
from surgvqa.builders.schema import Case, Clip, Entity, Facts, Frame, Omission, Phase, Scene
from surgvqa.builders.source_files.pitvqa_files import (
    POSITIONS,
    BadFileError,
    Ledger,
    Row,
    Step,
    files_by_number,
    instrument_codes,
    instrument_rows,
    step_rows,
)
from surgvqa.builders.source_files.pitvqa_official import NOT_A_STEP, OUT, frame_clips
from surgvqa.cards.command import InputError

FACTS = Facts(
    name="PitVQA",
    homepage="https://doi.org/10.5522/04/27004666",
    licence="annotations: not stated; videos: CC BY-NC-SA 4.0 (PitVis challenge)",
    access="Frames and questions from UCL's research data repository, the ground truth CSVs from "
    "https://github.com/mobarakol/PitVQA_Annotations, the videos from https://doi.org/10.5522/04/26531686.",
    citation="""@inproceedings{he2024pitvqa,
  title={PitVQA: Image-grounded Text Embedding LLM for Visual Question Answering in Pituitary Surgery},
  author={He, Runlong and Xu, Mengya and Das, Adrito and Khan, Danyal Z. and Bano, Sophia and Marcus, Hani J.
    and Stoyanov, Danail and Clarkson, Matthew J. and Islam, Mobarakol},
  booktitle={International Conference on Medical Image Computing and Computer-Assisted Intervention},
  year={2024}
}""",
    procedure="pituitary",
)
TRIED_ON = "real files"
READS = "phases, instruments, positions, questions, videos, frames"

FRAME_SIZE = (1280, 720)  # metadata/video_encoder_details.txt
HELD_OUT = ("02", "06", "12", "13", "24")  # the authors' val_seq, on which their results are reported
NONE = ("no_visible_instrument", "no_secondary_instrument")
OCCLUDED_IMAGE = "occluded_image_inside_patient"


def cases(root: Path, *, questions: str = "ours") -> Iterator[Case | Omission]:
    """Every video, in order; the official questions keep the authors' split where their held-out videos are there.

    Args:
        root: holds instruments_csv and steps_csv, and videos or images where there are any.
        questions: official (the authors' own set, oddities included) or ours (cleaned).

    Raises:
        InputError: no ground truth below ``root``, or neither of the two question sets is asked for.
    """
    if questions not in ("official", "ours"):
        raise InputError(f"--questions {questions}: the pitvqa source knows official and ours")
    files = files_by_number(root, "instruments")
    steps = files_by_number(root, "steps")
    if not files:
        raise InputError(
            f"no instruments_csv/instruments_XX.csv below {root}; get the ground truth from {FACTS.homepage} "
            "or https://github.com/mobarakol/PitVQA_Annotations"
        )
    codes = instrument_codes(root)
    split = questions == "official" and any(number in files for number in HELD_OUT)
    for number, path in sorted(files.items()):
        if number in steps:
            for item in _case(root, number, path, steps.pop(number), codes, questions):
                held_out = "test" if number in HELD_OUT else "train"
                yield replace(item, split=held_out) if split and isinstance(item, Case) else item
        else:
            yield Omission(
                f"video_{number}", f"{path.name} is there and steps_{number}.csv isn't", fault=True
            )
    for number, path in sorted(steps.items()):
        cause = f"{path.name} is there and instruments_{number}.csv isn't"
        yield Omission(f"video_{number}", cause, fault=True)


def notes(cases: Sequence[Case]) -> tuple[str, ...]:
    """State what was measured on the input."""
    frames = sum(len(case.clips) for case in cases)
    if frames:
        total = sum(len(clip.qa) for case in cases for clip in case.clips)
        odd = sum(qa.short_answer in NONE for case in cases for clip in case.clips for qa in clip.qa)
        return (
            f"The authors' own questions: {total:,} on {frames:,} frames of {len(cases)} videos "
            "(published: 884,242 on 109,173 of 25).",
            f"{odd:,} questions ask which instrument is at a position where none is annotated; they are the "
            "authors', who leave them out when they train.",
        )
    scenes = [scene for case in cases for scene in case.scenes]
    return (
        f"{len(scenes):,} annotated seconds; a position is one of five (quarters and centre) of the tip of an "
        "instrument, no finer: no point or box was annotated.",
    )


def _case(
    root: Path, number: str, path: Path, steps_path: Path, codes: dict[str, int], questions: str
) -> Iterator[Case | Omission]:
    case_id = f"video_{number}"
    left_out = Ledger()
    try:
        rows = instrument_rows(path, int(number), codes, left_out)
        steps = step_rows(steps_path, int(number))
        media, frames = _media(root, case_id)
        last = max(row.second for row in rows) + 1
        on_disk = {frame.time_s for frame in frames} or {float(row.second) for row in rows}
        phases: tuple[Phase, ...] = ()
        scenes: tuple[Scene, ...] = ()
        clips: tuple[Clip, ...] = ()
        idle: list[tuple[float, float]] = []
        unknown: list[tuple[float, float]] = []
        if questions == "ours":
            scenes = tuple(scene for scene in _scenes(rows, path.name, left_out) if scene.time_s in on_disk)
            timeline = _timeline(steps, last, rows, int(number))
            phases, idle, unknown = tuple(timeline.phases), timeline.idle, timeline.unknown
            for step in timeline.strange:
                left_out.add(steps_path.name, f"the row names video {step.video}", step.start)
        else:
            vocabulary = taxonomy.load(FACTS.procedure)
            names = {
                step.name: vocabulary.canonical("phase", step.name) for step in steps if step.name != OUT
            }
            changes = [(step.start, step.name) for step in steps]
            official_clips = frame_clips(case_id, rows, changes, names.__getitem__, left_out.add)
            clips = tuple(clip for clip in official_clips if (clip.end_ms - 500) / 1000 in on_disk)
        for row in rows:
            if row.second not in on_disk:
                left_out.add(path.name, "its frame is not on disk", row.second)
    except (BadFileError, taxonomy.UnknownLabel) as problem:
        yield Omission(case_id, str(problem), fault=True)
        return
    yield Case(
        case_id=case_id,
        source="pitvqa",
        procedure=FACTS.procedure,
        phases=phases,
        scenes=scenes,
        video=media,
        frames=frames,
        duration_s=float(last),
        clips=clips,
        idle_s=tuple(idle),
        unknown=tuple(unknown),
        files=tuple(file for file in (path, steps_path, media) if file),
    )
    yield from left_out.items()


def _scenes(rows: Sequence[Row], file: str, left_out: Ledger) -> Iterator[Scene]:
    """Yield a scene for every second that doesn't contradict itself."""
    vocabulary = taxonomy.load(FACTS.procedure)
    for row in rows:
        pairs = [(row.name1, row.position1), (row.name2, row.position2)]
        if OUT in (row.name1, row.name2):
            cause = "out of the patient"
        elif row.name1 == OCCLUDED_IMAGE:
            cause = "the image is occluded"
        elif row.flaw:
            cause = row.flaw
        elif any(name in NONE and place for name, place in pairs):
            cause = "a position without an instrument"
        elif any(name not in NONE and not place for name, place in pairs):
            cause = "an instrument without a position"
        else:
            instruments = [
                (vocabulary.canonical("instrument", name), place) for name, place in pairs if name not in NONE
            ]
            yield Scene(float(row.second), *FRAME_SIZE, nodes=tuple(_entities(instruments)))
            continue
        left_out.add(file, cause, row.second)


def _entities(instruments: Sequence[tuple[str, int | None]]) -> Iterator[Entity]:
    for rank, (name, place) in enumerate(instruments, start=1):
        twice = rank == 2 and instruments[0][0] == name
        yield Entity(
            id=f"{name}#2" if twice else name,
            name=name,
            type="instrument",
            granularity="quadrant",
            grid=POSITIONS[place] if place else None,
            rank=rank,
        )


@dataclass(frozen=True, slots=True)
class _Timeline:
    """The time line of a video's steps."""

    phases: list[Phase] = field(default_factory=list)
    idle: list[tuple[float, float]] = field(default_factory=list)  # no step, and no row contradicts it
    unknown: list[tuple[float, float]] = field(default_factory=list)
    strange: list[Step] = field(default_factory=list)  # of another video


def _timeline(steps: Sequence[Step], last: int, rows: Sequence[Row], video: int) -> _Timeline:
    """Sort the seconds of a video by what its steps say; ``last`` is the second after its last row.

    Unknown are the stretch of a row that names another video, seconds out of the patient (nothing in the picture tells
    which step it is, and that the operation stands still nobody says), and seconds without a step that show an instrument.
    """
    timeline = _Timeline()
    vocabulary = taxonomy.load(FACTS.procedure)
    out = [row.second for row in rows if OUT in (row.name1, row.name2)]
    at_work = [row.second for row in rows if row.name1 not in (OUT, OCCLUDED_IMAGE, *NONE)]
    steps_in_order = sorted(steps, key=lambda step: step.start)
    for step, following in zip(steps_in_order, [*steps_in_order[1:], None], strict=True):
        start, end = step.start, min(last, following.start if following else last)
        if step.video != video:
            timeline.strange.append(step)
            timeline.unknown.append((float(start), float(end)))
        elif step.name in NOT_A_STEP:
            timeline.idle.extend(_without(start, end, at_work) if step.name != OUT else ())
        else:
            label = vocabulary.canonical("phase", step.name)
            timeline.phases.extend(Phase(label, *span) for span in _without(start, end, out))
    return timeline


def _without(start: int, end: int, seconds: Sequence[int]) -> Iterator[tuple[float, float]]:
    """Yield the parts of a stretch without some of its seconds.

    >>> list(_without(2, 9, [1, 4, 8]))
    [(2.0, 4.0), (5.0, 8.0)]
    """
    for second in (*sorted(at for at in seconds if start <= at < end), end):
        if second > start:
            yield float(start), float(second)
        start = second + 1


def _media(root: Path, case_id: str) -> tuple[Path | None, tuple[Frame, ...]]:
    """Return the video, or the 1 Hz frames named by their second, or neither."""
    for folder in (root / "images" / case_id, root / case_id):
        files = sorted(path for path in folder.glob("*") if re.fullmatch(r"\d+\.(png|jpg)", path.name))
        if files:
            return None, tuple(Frame(float(int(path.stem)), path) for path in files)
    for path in (root / "videos" / f"{case_id}.mp4", root / f"{case_id}.mp4"):
        if path.is_file():
            return path, ()
    return None, ()
