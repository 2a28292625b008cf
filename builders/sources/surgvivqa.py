"""SurgViVQA: questions on eight-frame windows of colonoscopies from REAL-Colon.

Expects, anywhere below the root, ``in_template.jsonl`` and ``out_template.jsonl`` (the same questions in two
wordings, a JSON object per line), and optionally ``{train,eval,test}_multivideo.jsonl`` (a published split),
REAL-Colon's ``video_info.csv`` (frame rates) and frames ``002-001_1234.jpg``. Without frames: ``--media none``.

A clip is a window; questions on the same eight frames share it, so that their pictures are stored once. Ids of
the files are not unique and are not used. Frame n of a video lies at second n / fps.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from surgvqa.builders.cases.splits import part
from surgvqa.builders.files.tables import number, rows
from surgvqa.builders.files.texts import read_bytes
from surgvqa.builders.files.tree import files_below
from surgvqa.builders.schema import QA, Case, Clip, Facts, Frame, Omission
from surgvqa.cards.command import InputError, parse_json

FACTS = Facts(
    name="SurgViVQA",
    homepage="https://github.com/madratak/SurgViVQA",
    licence="CC BY-NC-SA 4.0 (questions); CC BY 4.0 (REAL-Colon frames)",
    access="Questions from https://github.com/madratak/SurgViVQA, frames from REAL-Colon, "
    "https://doi.org/10.25452/figshare.plus.22202866.",
    citation="""@misc{drago2025surgvivqa,
  title={SurgViVQA: Temporally-Grounded Video Question Answering for Surgical Scene Understanding},
  author={Drago, Mauro Orazio and others},
  year={2025},
  eprint={2511.03325},
  archivePrefix={arXiv}
}""",
    procedure="colonoscopy",
)
TRIED_ON = "real files"
READS = "questions, videos, frames"

TEMPLATES = {"in_template": "", "out_template": "-out"}  # file -> ending of its questions' ids
OFFICIAL = {"train_multivideo": "train", "eval_multivideo": "validation", "test_multivideo": "test"}
APART_S = 1.0  # windows of train and validation in one video lie further apart than this
FASTEST = 1000.0  # frames per second of any camera; more is a slip of the pen
# Frames per second where there is no video_info.csv beside the questions (REAL-Colon's own figures).
FPS = {f"002-00{n}": 25.0 for n in range(1, 6)} | {"002-006": 29.97}
YES_NO = ("yes", "no")
# kind -> (reasoning, answers to choose from, beyond those met in the files)
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "blue_dye_presence": ("verification", YES_NO),
    "endoscope_visibility": ("verification", YES_NO),
    "fluid_occlusion_level": ("recognition", ("absent", "complete")),
    "flush_action": ("temporal", YES_NO),
    "lesion_histology_extended": ("recognition", ("adenoma", "hyperplastic")),
    "lesion_motion_direction": ("temporal", ("up", "down", "left", "right", "stable")),
    "lesion_screen_position": ("spatial", ("upper-left", "upper-right", "lower-left", "lower-right")),
    "lesion_site": ("recognition", ("ascending", "transverse", "descending", "sigma", "rectum")),
    "lesion_size_range": ("recognition", ("<5", "5-9", ">9")),
    "lighting_mode": ("recognition", ("NBI", "WL")),
    "mucosa_visibility": ("verification", YES_NO),
    "nbi_status": ("verification", YES_NO),
    "occlusion_check": ("verification", YES_NO),
    "scope_backward_motion": ("temporal", YES_NO),
    "scope_forward_motion": ("temporal", YES_NO),
    "scope_motion": ("temporal", YES_NO),
    "scope_motion_type": ("temporal", ("advancing", "withdrawing")),
    "scope_outside": ("verification", YES_NO),
    "tool_catheter_check": ("verification", YES_NO),
    "tool_identification": ("recognition", ("forceps", "catheter", "snare")),
}
TEXTS = ("video_id", "question", "question_type", "answer", "short_answer")


@dataclass(frozen=True, slots=True)
class SourceQuestion:
    """A line of a question file."""

    video: str
    numbers: tuple[int, ...]  # of the frames
    kind: str
    question: str
    answer: str
    short_answer: str
    support: tuple[int | None, int | None, float | None]  # frames, of how many, ratio as stated
    suffix: str
    split: str | None


def cases(
    root: Path, *, template: str = "both", official_splits: bool = False, held_out: str = "002-004"
) -> Iterator[Case | Omission]:
    """Every video, in order.

    Args:
        root: a folder that holds the question files.
        template: in, out or both wordings of the questions.
        official_splits: keep the published split, whose windows overlap; the report counts how many.
        held_out: the video that is the test split (the published split's); without one of that name, the last.
    """
    if template not in ("in", "out", "both"):
        raise InputError(f"--template {template}: known: in, out, both")
    meanings = OFFICIAL if official_splits else TEMPLATES
    if not official_splits and template != "both":
        meanings = {f"{template}_template": TEMPLATES[f"{template}_template"]}
    files = _files(root, meanings, official_splits)
    lines: dict[str, list[SourceQuestion]] = defaultdict(list)
    for name, path in files.items():
        for entry in _read(path, root, meanings[name], official_splits):
            if isinstance(entry, Omission):
                yield entry
            else:
                lines[entry.video].append(entry)
    answers_by_kind: dict[str, set[str]] = defaultdict(set)
    for line in (line for video_lines in lines.values() for line in video_lines):
        answers_by_kind[line.kind].add(line.short_answer)
    rates, lengths, tables = _rates(root)
    test = held_out if held_out in lines else max(lines, default=None)
    for video in sorted(lines):
        fps = rates.get(video) or FPS.get(video)
        if fps is None:
            yield Omission(
                video, "no frame rate of it; put REAL-Colon's video_info.csv below --root", fault=True
            )
            continue
        clips, repeats = _clips(video, lines[video], fps, answers_by_kind, official_splits)
        yield from repeats
        frames, faults = _frames(root, video, clips, fps)
        yield from faults
        of_clips = {clip.split for clip in clips}
        if official_splits:
            split = "test" if of_clips == {"test"} else "train"
        else:
            split = "test" if video == test and len(lines) > 1 else "train"
            clips = part(clips, APART_S)
        yield Case(
            case_id=video,
            source="surgvivqa",
            procedure=FACTS.procedure,
            frames=frames,
            duration_s=lengths[video] / fps if video in lengths else None,
            clips=clips,
            split=split,
            files=(*files.values(), *tables, *(frame.path for frame in frames)),
        )


def notes(cases: Sequence[Case]) -> tuple[str, ...]:
    """State what was measured on the input: sizes, kinds with a single answer, windows of a video that share frames."""
    windows = [clip for case in cases for clip in case.clips]
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    held_out: dict[str, Counter[str]] = defaultdict(Counter)
    for case in cases:
        for qa in (qa for clip in case.clips for qa in clip.qa):
            answers[qa.kind][qa.short_answer] += 1
            if case.split == "test":
                held_out[qa.kind][qa.short_answer] += 1
    single = sorted(kind for kind, counts in answers.items() if len(counts) == 1)
    in_test = sorted(kind for kind, counts in held_out.items() if len(counts) == 1)
    lines = (
        f"{sum(len(clip.qa) for clip in windows):,} questions on {len(windows):,} windows of {len(cases)} videos.",
        f"One answer only, so they measure nothing: {', '.join(single) or 'no kind'}; "
        f"in the held-out video also {', '.join(kind for kind in in_test if kind not in single) or 'no other'}.",
    )
    official = [(case.case_id, clip) for case in cases for clip in case.clips if case.split != "test"]
    train_frames = {(video, at) for video, clip in official if clip.split == "train" for at in clip.frames_s}
    validation_clips = [(video, clip) for video, clip in official if clip.split == "validation"]
    total = sum(len(clip.qa) for _, clip in validation_clips)
    leak_count = sum(
        len(c.qa) for video, c in validation_clips if train_frames & {(video, at) for at in c.frames_s}
    )
    share = f" ({leak_count / total:.1%})" if total else ""
    return (
        *lines,
        f"{leak_count} of {total} validation questions{share} are on a frame that is also in train.",
    )


def _files(root: Path, meanings: Mapping[str, str], official: bool) -> dict[str, Path]:
    """Return the question files by name."""
    files = {}
    for name in meanings:
        paths = files_below(root, f"{name}.jsonl")
        if len(paths) > 1:
            raise InputError(f"{paths[0]} and {paths[1]}: one {name}.jsonl below --root, please")
        if paths:
            files[name] = paths[0]
    missing = [f"{name}.jsonl" for name in meanings if name not in files]
    if not files or (official and missing):
        raise InputError(
            f"no {', '.join(missing)} below {root}; the question files are at {FACTS.homepage}"
            + (", the split's at https://github.com/kulsoom-abdullah/SurgViVQA-Audio" if official else "")
        )
    return files


def _read(path: Path, root: Path, meaning: str, official: bool) -> Iterator[SourceQuestion | Omission]:
    """Read the questions of a file; a bad line is a fault that names it. The last line may lack its line break."""
    file_name = path.relative_to(root).as_posix()
    for index, line in enumerate(read_bytes(path, file_name).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            yield _parse_question(
                parse_json(line), "" if official else meaning, meaning if official else None
            )
        except (ValueError, KeyError, TypeError) as error:
            yield Omission(f"{file_name} line {index}", f"not a question: {_reason(error)}", fault=True)


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no field {error.args[0]}"
    return "not whole JSON" if isinstance(error, json.JSONDecodeError) else str(error)


def _parse_question(row: Any, suffix: str, split: str | None) -> SourceQuestion:
    """Return a checked row; raises ValueError, KeyError or TypeError."""
    if not isinstance(row, dict):
        raise ValueError(f"expected an object, found {type(row).__name__}")
    for name in TEXTS:
        if not isinstance(row[name], str) or not row[name].strip():
            raise ValueError(f"{name} is {row[name]!r}, expected text")
    numbers = row["frame_numbers"]
    if (
        not isinstance(numbers, list)
        or not numbers
        or any(type(n) is not int or n < 0 for n in numbers)
        or sorted({*numbers}) != numbers
    ):
        raise ValueError(f"frame_numbers {numbers!r} are not numbers in rising order")
    if row.get("frames") and row["frames"] != [f"{row['video_id']}_{number}" for number in numbers]:
        raise ValueError(f"frames {row['frames']} are not frames {numbers} of {row['video_id']}")
    texts = [row[name].strip() for name in TEXTS]
    support: Any = tuple(row.get(name) for name in ("support_frames", "total_frames", "support_ratio"))
    if any(isinstance(n, bool) or not isinstance(n, int | float | None) for n in support):
        raise ValueError(f"support_frames, total_frames, support_ratio are {support}, expected numbers")
    return SourceQuestion(
        texts[0], tuple(numbers), texts[2], texts[1], texts[3], texts[4], support, suffix, split
    )


def _clips(
    video: str,
    lines: Sequence[SourceQuestion],
    fps: float,
    answers_by_kind: Mapping[str, set[str]],
    official: bool,
) -> tuple[tuple[Clip, ...], list[Omission]]:
    """Return a clip per window (and official split), in order, with its questions; repeated lines are left out, named."""
    windows: dict[tuple[tuple[int, ...], str | None], list[SourceQuestion]] = defaultdict(list)
    for line in lines:
        windows[line.numbers, line.split].append(line)
    clips, repeats = [], []
    name_counts: Counter[str] = Counter()
    for (numbers, split), window_lines in sorted(
        windows.items(), key=lambda item: (item[0][0], item[0][1] or "")
    ):
        start, end = round(1000 * numbers[0] / fps), round(1000 * (numbers[-1] + 1) / fps)
        clip = Clip(video, start, end, None, frames_s=tuple(round(n / fps, 6) for n in numbers), split=split)
        qa: list[QA] = []
        for line in dict.fromkeys(window_lines):
            if window_lines.count(line) > 1:
                repeats.append(Omission(f"{clip.clip_id} {line.kind}", "the same line is there twice"))
            name = f"{clip.clip_id}#{line.kind}{line.suffix}"
            name_counts[name] += 1
            if name_counts[name] > 1:
                name += f"-{name_counts[name]}"
            reasoning, choices = KINDS.get(line.kind, ("recognition", ()))
            choices = (*choices, *sorted(answers_by_kind[line.kind] - {*choices}))
            frames, of, ratio = line.support
            qa.append(
                QA(
                    name, line.kind, reasoning, line.question, line.answer, line.short_answer, choices,
                    support_frames=frames, total_frames=of, support_ratio=ratio,
                )
            )  # fmt: skip
        clips.append(replace(clip, qa=tuple(qa)))
    return tuple(clips), repeats


def _frames(
    root: Path, video: str, clips: Sequence[Clip], fps: float
) -> tuple[tuple[Frame, ...], list[Omission]]:
    """Return the pictures of a video's windows; none at all is no fault, a gap among them is."""
    paths: dict[float, Path] = {}
    name = re.compile(rf"{re.escape(video)}_0*(\d+)\.(jpe?g|png)", re.IGNORECASE)
    for path in files_below(root, f"{video}_*"):
        if match := name.fullmatch(path.name):
            paths.setdefault(round(int(match[1]) / fps, 6), path)
    if not paths:
        return (), []
    faults = [
        Omission(
            clip.clip_id,
            f"{len(missing)} of its {len(clip.frames_s)} frames are not below the root",
            fault=True,
        )
        for clip in clips
        if (missing := [at for at in clip.frames_s if at not in paths])
    ]
    times = sorted({at for clip in clips for at in clip.frames_s if at in paths})
    return tuple(Frame(at, paths[at]) for at in times), faults


def _rates(root: Path) -> tuple[dict[str, float], dict[str, int], list[Path]]:
    """Frames per second and number of frames of each video in video_info.csv, where there is one."""
    paths = files_below(root, "video_info.csv")
    rates, lengths = {}, {}
    for path in paths[:1]:
        for index, row in enumerate(rows(path, ("unique_video_name", "fps", "num_frames")), start=2):
            where = f"{path.name} row {index}"
            fps, frames = number(row, "fps", where), number(row, "num_frames", where)
            if not 0 < fps <= FASTEST or frames < 1:
                raise InputError(f"{where}: {frames:g} frames at {fps:g} a second")
            rates[row["unique_video_name"]], lengths[row["unique_video_name"]] = fps, int(frames)
    return rates, lengths, paths[:1]
