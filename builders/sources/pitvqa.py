"""PitVQA and PitVis: 25 endoscopic pituitary operations, annotated once a second.

Expects the authors' ground truth below the root: ``instruments_csv/instruments_XX.csv`` and
``steps_csv/steps_XX.csv`` (a ``metadata/map_instruments.csv`` is checked against where it is there), and
optionally ``videos/video_XX.mp4`` (24 fps) or their 1 Hz frames ``images/video_XX/00000.png``.

Positions are 1 top-left, 2 top-right, 3 centre, 4 bottom-left, 5 bottom-right, as in the authors' own
code (https://github.com/mobarakol/PitVQA_Annotations, code_for_QA/utils.py); a table that goes round
with 3 lower-left, 4 lower-right, 5 centre misplaces most of them.

``questions="official"`` is the authors' own set, oddities included (``builders/pitvqa_official.py``);
``"ours"`` is cleaned: what contradicts itself is left out and counted.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgvqa.builders import taxonomy
from surgvqa.builders.pitvqa_official import NOT_A_STEP, OUT, Row, frame_clips
from surgvqa.builders.schema import Case, Dropped, Entity, Facts, Frame, Phase, Scene
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

FRAME_SIZE = (1280, 720)  # metadata/video_encoder_details.txt
HELD_OUT = ("02", "06", "12", "13", "24")  # the authors' val_seq, on which their results are reported
POSITIONS = {1: "top-left", 2: "top-right", 3: "center", 4: "bottom-left", 5: "bottom-right"}
NONE = ("no_visible_instrument", "no_secondary_instrument")
OCCLUDED = "occluded_image_inside_patient"
COLUMNS = {
    "int_video",
    "int_time",
    "str_instrument1",
    "str_instrument2",
    "pos_instrument1",
    "pos_instrument2",
}


def cases(root: Path, questions: str = "ours") -> Iterator[Case | Dropped]:
    """Every video, in order; ``questions`` is ``official`` or ``ours``."""
    if questions not in ("official", "ours"):
        raise InputError(f"--questions {questions}: the pitvqa source knows official and ours")
    files = _numbered(root, "instruments")
    steps = _numbered(root, "steps")
    if not files:
        raise InputError(
            f"no instruments_csv/instruments_XX.csv below {root}; get the ground truth from {FACTS.homepage} "
            "or https://github.com/mobarakol/PitVQA_Annotations"
        )
    codes = _codes(root)
    for number, path in sorted(files.items()):
        if number in steps:
            yield from _case(root, number, path, steps.pop(number), codes, questions)
        else:
            yield Dropped(f"video_{number}", f"{path.name} is there and steps_{number}.csv isn't", fault=True)
    for number, path in sorted(steps.items()):
        cause = f"{path.name} is there and instruments_{number}.csv isn't"
        yield Dropped(f"video_{number}", cause, fault=True)


def notes(cases: Sequence[Case]) -> tuple[str, ...]:
    """What was measured on the input."""
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


def _numbered(root: Path, kind: str) -> dict[str, Path]:
    """``kind``_XX.csv in the root or one folder below it, by number."""
    found: dict[str, Path] = {}
    for path in sorted([*root.glob(f"{kind}_*.csv"), *root.glob(f"*/{kind}_*.csv")]):
        if match := re.fullmatch(rf"{kind}_(\d{{2}})\.csv", path.name):
            if other := found.get(match[1]):
                raise InputError(f"{root}: {other} and {path} are the same video; keep one")
            found[match[1]] = path
    return found


def _case(
    root: Path, number: str, path: Path, steps_path: Path, codes: dict[str, int], questions: str
) -> Iterator[Case | Dropped]:
    case_id = f"video_{number}"
    left_out = _Ledger()
    try:
        rows = _instrument_rows(path, int(number), codes, left_out)
        steps = _step_rows(steps_path, int(number))
        media, frames = _media(root, case_id)
        out = {row.second for row in rows if OUT in (row.name1, row.name2)}
        last = max(row.second for row in rows) + 1
        on_disk = {frame.time_s for frame in frames} or {float(row.second) for row in rows}
        phases, scenes, clips = (), (), ()
        if questions == "ours":
            scenes = tuple(scene for scene in _scenes(rows, path.name, left_out) if scene.time_s in on_disk)
            phases = tuple(_phases(steps, last, out, steps_path.name, int(number), left_out))
        else:
            known = taxonomy.load(FACTS.procedure)
            names = {step.name: known.canonical("phase", step.name) for step in steps}
            changes = [(step.start, step.name) for step in steps]
            asked = frame_clips(case_id, rows, changes, names.__getitem__, left_out.add)
            clips = tuple(clip for clip in asked if (clip.end_ms - 500) / 1000 in on_disk)
        for row in rows:
            if row.second not in on_disk:
                left_out.add(path.name, "its frame is not on disk", row.second)
    except (_BadFileError, taxonomy.UnknownLabel) as problem:
        yield Dropped(case_id, str(problem), fault=True)
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
        split="test" if number in HELD_OUT else "train",
        files=tuple(file for file in (path, steps_path, media) if file),
    )
    yield from left_out.items()


class _BadFileError(Exception):
    """Why a video's files can't be used; stays inside this file."""


class _Ledger:
    """Seconds left out, by file and cause."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], list[int]] = defaultdict(list)

    def add(self, file: str, cause: str, second: int) -> None:
        self.seconds[file, cause].append(second)

    def items(self) -> Iterator[Dropped]:
        for (file, cause), seconds in sorted(self.seconds.items()):
            yield Dropped(f"{file}: {len(seconds)} rows at second {_ranges(seconds)}", cause)


def _ranges(seconds: Sequence[int]) -> str:
    """Seconds as ranges.

    >>> _ranges([4, 1, 2, 3, 9])
    '1-4, 9'
    """
    parts: list[list[int]] = []
    for second in sorted(seconds):
        if parts and second <= parts[-1][1] + 1:
            parts[-1][1] = second
        else:
            parts.append([second, second])
    return ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in parts)


def _read(path: Path, columns: set[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV with the line each stands on; any encoding (the names are ASCII), CRLF or LF."""
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    reader = csv.DictReader(text.splitlines())
    missing = columns - set(reader.fieldnames or ())
    if missing:
        raise _BadFileError(f"{path.name} lacks the column {', '.join(sorted(missing))}")
    for row in reader:
        yield reader.line_num, {key: (value or "").strip() for key, value in row.items() if key in columns}


def _whole(text: str, where: str) -> int:
    """A whole number, also as pandas writes it next to blanks ("3.0")."""
    if not re.fullmatch(r"-?\d{1,9}(\.0+)?", text):
        raise _BadFileError(f"{where}: {text!r} is not a whole number")
    return int(text.split(".")[0])


def _codes(root: Path) -> dict[str, int]:
    """Name to number from map_instruments.csv, empty where the map isn't there."""
    for path in sorted([*root.glob("*/map_instruments.csv"), *root.glob("metadata/*/map_instruments.csv")]):
        try:
            rows = [row for _, row in _read(path, {"int_instrument", "str_instrument"})]
            return {row["str_instrument"]: _whole(row["int_instrument"], path.name) for row in rows}
        except _BadFileError as problem:
            raise InputError(f"{path}: {problem}") from None
    return {}


def _instrument_rows(path: Path, video: int, codes: dict[str, int], left_out: _Ledger) -> list[Row]:
    """Every row of the file, by second."""
    rows: dict[int, Row] = {}
    for line, row in _read(path, COLUMNS | {"int_instrument1", "int_instrument2"}):
        where = f"{path.name} line {line}"
        second = _whole(row["int_time"], where)
        position = [
            _whole(row[key], where) if row[key] else None for key in ("pos_instrument1", "pos_instrument2")
        ]
        names = row["str_instrument1"], row["str_instrument2"]
        numbers = [_whole(row[f"int_instrument{i}"], where) for i in (1, 2)]
        if any(place is not None and place not in POSITIONS for place in position):
            raise _BadFileError(f"{where}: a position outside 1-5")
        if second in rows or second < 0:
            raise _BadFileError(f"{where}: second {second} is there twice or below 0")
        flaw = None
        if _whole(row["int_video"], where) != video:
            flaw = f"the row names video {row['int_video']}"
        elif any(codes.get(name, number) != number for name, number in zip(names, numbers, strict=True)):
            flaw = "the instrument's name and number disagree"
        rows[second] = Row(second, names[0], names[1], position[0], position[1], flaw)
    if not rows:
        raise _BadFileError(f"{path.name} has no rows")
    return [rows[second] for second in sorted(rows)]


@dataclass(frozen=True, slots=True)
class _Step:
    start: int
    name: str
    video: int


def _step_rows(path: Path, video: int) -> list[_Step]:
    """Step changes in the order of the file, names with underscores."""
    rows = []
    for line, row in _read(path, {"int_video", "int_time", "str_step"}):
        where = f"{path.name} line {line}"
        name = "_".join(row["str_step"].lower().split())
        rows.append(_Step(_whole(row["int_time"], where), name, _whole(row["int_video"], where)))
    if not rows:
        raise _BadFileError(f"{path.name} has no rows")
    return rows


def _scenes(rows: Sequence[Row], file: str, left_out: _Ledger) -> Iterator[Scene]:
    """A scene for every second that doesn't contradict itself."""
    known = taxonomy.load(FACTS.procedure)
    for row in rows:
        pairs = [(row.name1, row.position1), (row.name2, row.position2)]
        if OUT in (row.name1, row.name2):
            cause = "out of the patient"
        elif row.name1 == OCCLUDED:
            cause = "the image is occluded"
        elif row.flaw:
            cause = row.flaw
        elif any(name in NONE and place for name, place in pairs):
            cause = "a position without an instrument"
        elif any(name not in NONE and not place for name, place in pairs):
            cause = "an instrument without a position"
        else:
            named = [
                (known.canonical("instrument", name), place) for name, place in pairs if name not in NONE
            ]
            yield Scene(float(row.second), *FRAME_SIZE, nodes=tuple(_entities(named)))
            continue
        left_out.add(file, cause, row.second)


def _entities(named: Sequence[tuple[str, int | None]]) -> Iterator[Entity]:
    for rank, (name, place) in enumerate(named, start=1):
        twice = rank == 2 and named[0][0] == name
        yield Entity(
            id=f"{name}#2" if twice else name,
            name=name,
            type="instrument",
            granularity="quadrant",
            grid=POSITIONS[place] if place else None,
            rank=rank,
        )


def _phases(
    steps: Sequence[_Step], last: int, out: set[int], file: str, video: int, left_out: _Ledger
) -> Iterator[Phase]:
    """Steps sorted by second; a row that names another video leaves its stretch unlabelled.

    Seconds out of the patient belong to no step: nothing in the picture tells which one it is.
    """
    known = taxonomy.load(FACTS.procedure)
    ordered = sorted(steps, key=lambda step: step.start)
    for step, following in zip(ordered, [*ordered[1:], None], strict=True):
        end = min(last, following.start if following else last)
        if step.video != video:
            left_out.add(file, f"the row names video {step.video}", step.start)
        elif step.name not in NOT_A_STEP:
            label = known.canonical("phase", step.name)
            start = step.start
            for second in (*sorted(at for at in out if step.start <= at < end), end):
                if second > start:
                    yield Phase(label, float(start), float(second))
                start = second + 1


def _media(root: Path, case_id: str) -> tuple[Path | None, tuple[Frame, ...]]:
    """The video, or the 1 Hz frames named by their second, or neither."""
    for folder in (root / "images" / case_id, root / case_id):
        files = sorted(path for path in folder.glob("*") if re.fullmatch(r"\d+\.(png|jpg)", path.name))
        if files:
            return None, tuple(Frame(float(int(path.stem)), path) for path in files)
    for path in (root / "videos" / f"{case_id}.mp4", root / f"{case_id}.mp4"):
        if path.is_file():
            return path, ()
    return None, ()
