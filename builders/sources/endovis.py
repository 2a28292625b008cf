"""EndoVis 2017 and 2018: frames of robotic nephrectomies with masks of instruments, their parts and the scene.

Sequences are found by their folders' names anywhere below the root, as the challenge's archives unpack::

    instrument_1_4_training/instrument_dataset_1/left_frames/frame000.png
    instrument_1_4_training/instrument_dataset_1/ground_truth/Left_Prograsp_Forceps_labels/frame000.png
    instrument_2017_test/instrument_dataset_1/{left_frames,TypeSegmentation,PartsSegmentation}/frame225.png
    miccai_challenge_2018_release_1/seq_1/{left_frames,labels}/frame000.png
    Data/Test/{Images,Ground_Truth}/frame000.png      copies in which only the parts are told apart

Frames of 1920x1080 are cut to the camera's 1280x1024 at (320, 28). A folder named test above a sequence makes
it one of the challenge's test sequences::

    surgvqa-build endovis --root EndoVis --vqa EndoVis-18-VQA --out dataset
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from surgvqa.builders.files.duplicate_files import choose
from surgvqa.builders.files.pictures import size_of
from surgvqa.builders.files.tree import files_below
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.schema import Case, Clip, Facts, Frame, Omission, Scene
from surgvqa.builders.source_files import endovis_masks, endovis_vqa
from surgvqa.cards.command import InputError, nearest

FACTS = Facts(
    name="EndoVis 2017 and 2018 (Robotic Instrument and Scene Segmentation)",
    homepage="https://endovissub2017-roboticinstrumentsegmentation.grand-challenge.org",
    licence="other: the challenges' terms, research use",
    access="https://endovissub2017-roboticinstrumentsegmentation.grand-challenge.org (after registration)",
    citation="""@article{allan2019endovis17,
  title = {2017 Robotic Instrument Segmentation Challenge},
  author = {Allan, Max and Shvets, Alex and Kurmann, Thomas and Zhang, Zichen and Duggal, Rahul and others},
  journal = {arXiv:1902.06426},
  year = {2019},
}
@article{allan2020endovis18,
  title = {2018 Robotic Scene Segmentation Challenge},
  author = {Allan, Max and Kondo, Satoshi and Bodenstedt, Sebastian and Leger, Stefan and others},
  journal = {arXiv:2001.11190},
  year = {2020},
}""",
    procedure="nephrectomy",
)
TRIED_ON = "real files"
READS = "masks, questions, frames"

RATE = 2.0  # frames per second; of 2018, stretches without motion were cut out, so its seconds are nominal
SEQUENCES = {17: tuple(range(1, 9)), 18: (*range(1, 8), *range(9, 17))}  # of training; there is no 8 in 2018
# 2017: the four folds of the challenge's winners, used since; test sequences of each.
# https://github.com/ternaus/robot-surgery-segmentation/blob/master/prepare_train_val.py
FOLDS: dict[str, tuple[int, tuple[int, ...]]] = {
    "0": (17, (1, 3)),
    "1": (17, (2, 5)),
    "2": (17, (4, 8)),
    "3": (17, (6, 7)),
    "vqa": (18, (1, 5, 16)),  # EndoVis-18-VQA, Seenivasan et al. 2022
    "isinet": (18, (2, 5, 9, 15)),  # ISINet, González et al. 2020
}

_SEQUENCE = re.compile(r"(instrument_dataset|seq)_0*(\d+)", re.IGNORECASE)
_FRAME = re.compile(r"frame_?0*(\d+)\.(png|bmp|jpe?g)", re.IGNORECASE)
_TASKS = (endovis_masks.TYPE, endovis_masks.PART, endovis_masks.BINARY)


def cases(root: Path, *, fold: str = "official", vqa: Path | None = None) -> Iterator[Case | Omission]:
    """Read every sequence below ``root``.

    Args:
        root: the folder of the unpacked archives.
        fold: official (the challenge's training and test sequences), 0 to 3 (2017), vqa or isinet (2018).
        vqa: questions on the frames: a folder of frame000_QA.txt files or a JSON file of conversations.
    """
    if not root.is_dir():
        raise InputError(f"no folder {root}; get EndoVis at {FACTS.access} and give its folder as --root")
    if fold != "official" and fold not in FOLDS:
        raise InputError(f"--fold {fold}: {nearest(fold, ['official', *FOLDS])}")
    sequences = _find(root)
    if not sequences:
        raise InputError(
            f"nothing of EndoVis below {root}: no instrument_dataset_N/left_frames, no seq_N/left_frames with "
            f"pictures frame000.png; get it at {FACTS.access}"
        )
    missing = _missing(sequences)
    if fold != "official":
        year, _ = FOLDS[fold]
        if lacking := [name for name, its_year in missing if its_year == year] or (
            [f"all of EndoVis 20{year}"] if not any(one.year == year for one in sequences.values()) else []
        ):
            raise InputError(
                f"--fold {fold} needs every training sequence of EndoVis 20{year}; missing below {root}: "
                f"{', '.join(lacking)}"
            )
    yield from (Omission(name, "not below the root: this sequence is missing") for name, _ in missing)
    questions = endovis_vqa.Questions(vqa, endovis_vqa.read(vqa)) if vqa else endovis_vqa.Questions()
    for case_id in sorted(sequences):
        yield from _case(root, case_id, sequences[case_id], fold, questions)
    if left := questions.left():
        year, number, frame = left[0]
        cause = f"{len(left)} frames with questions are not below the root, such as 20{year} seq {number} frame {frame}"
        yield Omission(vqa.name if vqa else "vqa", cause)


@dataclass(slots=True)
class _Sequence:
    """The files of one sequence."""

    year: int
    number: int  # 0 of a copy that doesn't say
    test: bool
    frames: dict[int, list[Path]] = field(default_factory=dict)
    masks: dict[str, dict[int, list[Path]]] = field(default_factory=lambda: defaultdict(dict))


def _find(root: Path) -> dict[str, _Sequence]:
    """Every sequence with frames, by its case id."""
    sequences: dict[str, _Sequence] = {}
    for path in files_below(root):
        match = _FRAME.fullmatch(path.name)
        if match is None:
            continue
        inside = (root.resolve().name, *path.relative_to(root).parts[:-1])
        at, year, number = _place(inside)
        if at is None:
            continue
        test = any("test" in name.lower() for name in inside[1 : at + 1])
        label = f"seq{number:02d}" if number else re.sub(r"[^a-z0-9]+", "-", inside[at].lower())
        case_id = f"endovis{year}_{'test_' if test and number else ''}{label}"
        sequence = sequences.setdefault(case_id, _Sequence(year, number, test))
        folder, frame = inside[-1], int(match[1])
        if folder.lower() in ("left_frames", "images"):
            sequence.frames.setdefault(frame, []).append(path)
        elif folder.lower() == "ground_truth":  # a copy with all instruments in one picture
            sequence.masks[endovis_masks.PART].setdefault(frame, []).append(path)
        elif "ground_truth" in map(str.lower, inside) or folder.lower() in (*_TASKS, "labels"):
            sequence.masks[folder].setdefault(frame, []).append(path)
    return {case_id: one for case_id, one in sequences.items() if one.frames}


def _place(inside: Sequence[str]) -> tuple[int | None, int, int]:
    """Which of a picture's folders is its sequence, of which year, with which number."""
    for at in range(len(inside) - 1, -1, -1):
        if match := _SEQUENCE.fullmatch(inside[at]):
            return at, 17 if match[1].lower() == "instrument_dataset" else 18, int(match[2])
    if inside[-1].lower() in ("images", "ground_truth") and len(inside) > 1:
        return len(inside) - 2, 17, 0
    return None, 0, 0


def _missing(sequences: dict[str, _Sequence]) -> list[tuple[str, int]]:
    """List the missing training sequences of each year of which any is there."""
    prefixes = {17: "instrument_dataset", 18: "seq"}
    there = {
        year: {one.number for one in sequences.values() if one.year == year and not one.test}
        for year in prefixes
    }
    return [
        (f"{prefixes[year]}_{number}", year)
        for year, numbers in SEQUENCES.items()
        if there[year] - {0}
        for number in numbers
        if number not in there[year]
    ]


def _case(
    root: Path, case_id: str, files: _Sequence, fold: str, questions: endovis_vqa.Questions
) -> Iterator[Case | Omission]:
    """Yield what of a sequence is left out, then the sequence."""
    drops: list[Omission] = []
    pictures = {number: _one(root, paths, drops) for number, paths in sorted(files.frames.items())}
    size = _size(root, case_id, pictures.values())
    if isinstance(size, Omission):
        yield size
        return
    crop = endovis_masks.window(*size)
    width, height = crop[2:] if crop else size
    taxonomy = load(FACTS.procedure)
    scenes: list[Scene] = []
    read: list[Path] = []
    for number, path in pictures.items():
        read.append(path)
        if not files.masks:
            continue
        try:
            masks = {
                folder: _mask(root, folder, there, number, drops) for folder, there in files.masks.items()
            }
            file_names = {folder: _relative_path(root, one) for folder, one in masks.items()}
            nodes = endovis_masks.entities(masks, file_names, size, crop, taxonomy)
        except InputError as error:
            drops.append(Omission(f"{case_id}: frame {number}", str(error), fault=True))
            continue
        read += masks.values()
        scenes.append(Scene(number / RATE, width, height, nodes))
    alone = sorted({number for there in files.masks.values() for number in there} - set(pictures))
    if alone:
        drops.append(Omission(case_id, f"{len(alone)} masks have no frame, of frame {alone[0]} for one"))
    yield from drops
    clips: tuple[Clip, ...] = ()
    if not files.test or not files.number:
        sequence = (files.year, files.number)
        clips = endovis_vqa.clips(case_id, sequence, pictures, scenes, questions, RATE)
    if clips and questions.file is not None and questions.file.is_file():
        read.append(questions.file)
    yield Case(
        case_id,
        "endovis",
        taxonomy.name,
        scenes=tuple(scenes),
        frames=tuple(Frame(number / RATE, path) for number, path in pictures.items()),
        crop=crop,
        clips=clips,
        split=_split(files, fold),
        files=tuple(read),
    )


def _size(root: Path, case_id: str, pictures: Iterable[Path]) -> tuple[int, int] | Omission:
    """Return the size of a sequence's frames, or why it has none."""
    sizes: dict[tuple[int, int], Path] = {}
    for path in pictures:
        try:
            sizes.setdefault(size_of(path, _relative_path(root, path)), path)
        except InputError as error:
            return Omission(_relative_path(root, path), str(error).partition(": ")[2], fault=True)
    if len(sizes) > 1:
        listing = ", ".join(
            f"{_relative_path(root, path)} is {w}x{h}" for (w, h), path in sorted(sizes.items())
        )
        return Omission(case_id, f"its frames differ in size: {listing}", fault=True)
    return next(iter(sizes))


def _split(files: _Sequence, fold: str) -> str | None:
    """Train or test by the fold; None of a copy that doesn't say which sequence it is."""
    if not files.number:
        return None
    if fold != "official" and files.year == FOLDS[fold][0] and not files.test:
        return "test" if files.number in FOLDS[fold][1] else "train"
    return "test" if files.test else "train"


def _one(root: Path, paths: list[Path], drops: list[Omission]) -> Path:
    path, left_out = choose(paths, root, paths[0].name)
    drops += left_out
    return path or paths[0]


def _mask(root: Path, folder: str, there: dict[int, list[Path]], number: int, drops: list[Omission]) -> Path:
    if number not in there:
        raise InputError(f"it has a frame and no mask in {folder}; add it, or take the frame away")
    return _one(root, there[number], drops)


def _relative_path(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def notes(read: Sequence[Case]) -> tuple[str, ...]:
    """State what the reader of a score must know about these splits."""
    lines = []
    numbers = {case.case_id.removeprefix("endovis17_test_") for case in read if "17_test_" in case.case_id}
    again = sorted(n for n in numbers if any(case.case_id == f"endovis17_{n}" for case in read))
    if again:
        lines.append(
            f"EndoVis 2017's test {', '.join(again)} go on where the training sequences of those numbers end: the same "
            "operations are on both sides of the official split; only test sequences 9 and 10 are operations of their own"
        )
    crop_count = sum(case.crop is not None for case in read)
    x, y, width, height = endovis_masks.CROP
    lines.append(
        f"{crop_count} of {len(read)} sequences are cut to {width}x{height} at ({x}, {y}), the camera's picture"
    )
    return tuple(lines)
