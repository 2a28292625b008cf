"""The rows of config `instruct`: what a teacher wrote about each frame and a verifier let through, shard by shard."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from surgvqa.builders.cases.scene import to_json
from surgvqa.builders.cases.splits import SPLITS
from surgvqa.builders.files import parquet, pictures
from surgvqa.builders.frames import frame_labels
from surgvqa.builders.frames.entry import FrameLabels
from surgvqa.builders.instruct.folder import FRAMES_PER_SHARD, ROWS_PER_GROUP, empty_folder
from surgvqa.builders.row_types import InstructRow, Picture
from surgvqa.builders.settings.instruct import Instruct
from surgvqa.builders.teachers.asking import Teacher
from surgvqa.builders.teachers.samples import INSTRUCT_FEATURES, SAMPLE_KINDS, Sample, Turn, messages_of
from surgvqa.builders.verifying.verifier import Verifier
from surgvqa.cards.command import InputError
from surgvqa.cards.files.documents import SCHEMA, InstructReport, SplitCounts
from tqdm import tqdm


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The material of rows: labelled frames, their pictures, and the teacher that writes about them."""

    frames: Sequence[FrameLabels]
    split: Mapping[str, str]  # of every video
    places: Mapping[str, str]  # of every picture, below the labels' folder
    teacher: Teacher
    config: Instruct

    def path(self, frame: FrameLabels) -> Path:
        """Return the picture of a frame."""
        return self.config.labels.parent / self.places[frame.image].replace("\\", "/")


@dataclass(slots=True)
class Tally:
    """Counts of accepted and refused samples."""

    splits: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in SPLITS})
    turns: Counter[tuple[str, str]] = field(default_factory=Counter)  # by kind of sample and verdict
    reasons: Counter[str] = field(default_factory=Counter)
    weak: int = 0

    def add(self, split: str, frame: FrameLabels, samples: Sequence[Sample]) -> None:
        """Count the samples of a frame that are left."""
        self.splits[split]["frames"] += bool(samples)
        self.splits[split]["samples"] += len(samples)
        self.weak += len(samples) if frame.weak else 0

    def report(self, teacher: str) -> InstructReport:
        """Return the report on all that was counted; something must have been accepted."""
        accepted_turns = sum(count for (_, verdict), count in self.turns.items() if verdict == "accepted")
        return {
            "schema": SCHEMA,
            "splits": {name: sizes(counts) for name, counts in self.splits.items() if counts["cases"]},
            "teacher": teacher,
            "samples": {
                kind: {verdict: self.turns[kind, verdict] for verdict in ("accepted", "refused")}
                for kind in SAMPLE_KINDS
            },
            "accepted_share": accepted_turns / sum(self.turns.values()) if accepted_turns else 0.0,
            "reasons": dict(sorted(self.reasons.items(), key=lambda one: (-one[1], one[0]))),
            "weak": self.weak,
        }


def sizes(counts: Mapping[str, int]) -> SplitCounts:
    """Return the size of a split of instruction data."""
    return {"cases": counts["cases"], "frames": counts["frames"], "samples": counts["samples"]}


def write(material: Material, out: Path, beside: Path) -> tuple[list[Path], InstructReport]:
    """Write the shards of every split below ``out``; returns them and the report.

    What is refused goes into ``beside``, with the reasons.

    Raises:
        InputError: nothing was accepted.
    """
    verifier, tally = Verifier(material.teacher.taxonomy), Tally()
    beside.mkdir(parents=True, exist_ok=True)
    folder = empty_folder(out)
    files: list[Path] = []
    with (
        tqdm(total=len(material.frames), desc="verify", unit="frame", disable=None) as bar,
        (beside / "refused.jsonl").open("w", encoding="utf-8") as refused_file,
    ):
        for name in SPLITS:
            mine = [frame for frame in material.frames if material.split[frame.video_id] == name]
            tally.splits[name]["cases"] = len({frame.video_id for frame in mine})
            total = -(-len(mine) // FRAMES_PER_SHARD)
            for number in range(total):
                path = folder / f"{name}-{number:05d}-of-{total:05d}.parquet"
                with parquet.writer(path, INSTRUCT_FEATURES, ROWS_PER_GROUP) as put:
                    for frame in mine[number * FRAMES_PER_SHARD : (number + 1) * FRAMES_PER_SHARD]:
                        kept_samples = sift_samples(
                            frame, material.teacher.samples(frame), verifier, tally, refused_file
                        )
                        for row in rows(frame, kept_samples, material):
                            put(row)
                        tally.add(name, frame, kept_samples)
                        bar.update()
                if path.is_file():
                    files.append(path)
    report = tally.report(material.teacher.name)
    if not report["accepted_share"]:
        raise InputError(
            f"the verifier refused everything that {report['teacher']} wrote ({sum(tally.reasons.values())} turns); "
            f"the reasons are in {beside / 'refused.jsonl'}"
        )
    return files, report


def sift_samples(
    frame: FrameLabels, samples: Sequence[Sample], verifier: Verifier, tally: Tally, refused_file: TextIO
) -> list[Sample]:
    """Return what the verifier leaves of a frame's samples; count the rest, and write it down with the reasons."""
    kept_samples = []
    for sample in samples:
        left, refusals = verifier.sift(sample, frame)
        note(refused_file, frame, sample.kind, refusals)
        tally.reasons.update(cause.split(":")[0] for _, cause in refusals)
        tally.turns[sample.kind, "refused"] += len(refusals)
        if left is not None:
            tally.turns[sample.kind, "accepted"] += len(left.turns)
            kept_samples.append(left)
    return kept_samples


def note(file: TextIO, frame: FrameLabels, kind: str, refusals: Sequence[tuple[Turn, str]]) -> None:
    """Write what was refused, with its reason, for a person to look at."""
    for turn, cause in refusals:
        entry = {
            "image": frame.image,
            "video_id": frame.video_id,
            "sample": kind,
            **asdict(turn),
            "reason": cause,
        }
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def rows(frame: FrameLabels, samples: Sequence[Sample], material: Material) -> Iterator[InstructRow]:
    """Yield a row per sample of a frame; its picture is read and encoded once."""
    config = material.config
    images: list[Picture] = []
    if samples and config.media == "frames":
        pixels = pictures.resize(pictures.read_picture(material.path(frame)), config.max_side or None)
        images = [{"bytes": pictures.encode_jpeg(pixels), "path": None}]
    scene = to_json(frame_labels.scene_of(frame)) if samples else None
    for sample in samples:
        yield {
            "id": f"{frame.video_id}@{round(1000 * frame.timestamp_s)}#{sample.kind}",
            "case_id": frame.video_id,
            "time_s": frame.timestamp_s,
            "image_names": [frame.image],
            "images": images,
            "messages": messages_of(sample.turns, config.system),
            "sample": sample.kind,
            "scene": scene,
            "weak": frame.weak,
            "teacher": material.teacher.name,
            "verdict": "accepted",
            "llava": None,
        }
