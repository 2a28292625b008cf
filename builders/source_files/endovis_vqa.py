r"""EndoVis-17/18-VQA: the questions others wrote on EndoVis' frames, in the two forms they travel in.

Text files, a line per question (Surgical_VQA): ``seq_1/vqa/Sentence/frame000_QA.txt`` with
``question|answer in a sentence`` and, beside them, ``Classification/`` with ``question|short answer``.
Conversations (EndoChat and other LLaVA files): a JSON list of ``{image, conversations: [{from, value}, …]}``,
the image as ``EndoVis-18-VQA\\seq_5\\left_frames\\frame028.png`` or ``…17…/left_frames/seq1_frame015.jpg``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from surgvqa.builders.annotations.outlines import read_json
from surgvqa.builders.cases.timeline import to_ms
from surgvqa.builders.files.texts import read_text
from surgvqa.builders.files.tree import files_below
from surgvqa.builders.schema import QA, Clip, Scene
from surgvqa.cards.command import InputError


class WrittenQuestion(NamedTuple):
    """One question as it was written."""

    question: str
    answer: str
    short_answer: str


Key = tuple[int, int, int]  # year, sequence, frame
QuestionsByFrame = Mapping[Key, Sequence[WrittenQuestion]]

_TEXT = re.compile(r"frame_?0*(\d+)_QA\.txt", re.IGNORECASE)
_YEAR = re.compile(r"endovis\D{0,2}(?:20)?(17|18)", re.IGNORECASE)
_PLACE = re.compile(r"seq_?0*(\d+).*?frame_?0*(\d+)", re.IGNORECASE)
_HOW = re.compile(r"\s*(<image>|Answer the question (with|in|using) .*?\.?$)\s*", re.IGNORECASE)
KINDS = (  # what a question is about, by how it begins
    ("organ", "recognition", re.compile(r"what organ", re.IGNORECASE)),
    ("activity", "recognition", re.compile(r"what is the state of", re.IGNORECASE)),
    ("position", "spatial", re.compile(r"where is", re.IGNORECASE)),
    ("instrument", "spatial", re.compile(r"what is the tool in", re.IGNORECASE)),
    ("instruments", "recognition", re.compile(r"what tools", re.IGNORECASE)),
    ("count", "recognition", re.compile(r"how many", re.IGNORECASE)),
)


def kind_of(question: str) -> tuple[str, str]:
    """(kind, reasoning) of a question.

    >>> kind_of("Where is prograsp forceps located?"), kind_of("Why?")
    (('position', 'spatial'), ('open', 'recognition'))
    """
    for kind, reasoning, begins in KINDS:
        if begins.match(question):
            return kind, reasoning
    return "open", "recognition"


def read(path: Path) -> dict[Key, list[WrittenQuestion]]:
    """Every question below a folder or in a JSON file, by the frame it is on.

    Raises ``InputError`` where there is none or one cannot be read.
    """
    if path.is_file():
        return _conversations(path)
    if not path.is_dir():
        raise InputError(f"--vqa {path}: no such folder or file")
    return _texts(path)


def _texts(folder: Path) -> dict[Key, list[WrittenQuestion]]:
    questions: dict[Key, list[WrittenQuestion]] = defaultdict(list)
    short: dict[Key, dict[str, str]] = defaultdict(dict)
    files = [path for path in files_below(folder, "*_qa.txt") if _TEXT.fullmatch(path.name)]
    short_files = [path for path in files if path.parent.name.lower() == "classification"]
    sentences = [path for path in files if path not in set(short_files)]
    if not files:
        raise InputError(
            f"--vqa {folder}: no frame000_QA.txt below it, as seq_1/vqa/Sentence/frame000_QA.txt"
        )
    for path in short_files:
        short[_key(path.resolve().as_posix(), path.name)].update(_lines(path))
    for path in sentences:
        key = _key(path.resolve().as_posix(), path.name)
        for question, answer in _lines(path):
            questions[key].append(WrittenQuestion(question, answer, short[key].get(question, answer)))
    if not sentences:
        for key, pairs in short.items():
            questions[key] = [WrittenQuestion(question, answer, answer) for question, answer in pairs.items()]
    return dict(questions)


def _lines(path: Path) -> list[tuple[str, str]]:
    pairs = []
    for number, line in enumerate(read_text(path, str(path)).split("\n"), 1):
        if not line.strip():
            continue
        question, bar, answer = line.partition("|")
        if not bar or not question.strip() or not answer.strip() or "|" in answer:
            raise InputError(f"{path} line {number}: {line[:60]!r} is not question|answer")
        pairs.append((question.strip(), answer.strip()))
    return pairs


def _conversations(path: Path) -> dict[Key, list[WrittenQuestion]]:
    questions: dict[Key, list[WrittenQuestion]] = defaultdict(list)
    items = read_json(path, path.name)
    if not isinstance(items, list):
        raise InputError(f"{path}: not a list of conversations")
    for number, item in enumerate(items):
        where = f"{path.name}: conversation {number}"
        try:
            key = _key(str(item["image"]).replace("\\", "/"), where)
            turns = item["conversations"]
            pairs = zip(turns[::2], turns[1::2], strict=True)
            texts = [
                (_turn(one, ("human", "user"), where), _turn(two, ("gpt", "assistant"), where))
                for one, two in pairs
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{where}: not {{image, conversations: [{{from, value}}, …]}}: {error}"
            ) from error
        questions[key] += [
            WrittenQuestion(_HOW.sub("", question), answer, answer) for question, answer in texts
        ]
    if not questions:
        raise InputError(f"{path}: holds no conversation")
    return dict(questions)


def _turn(turn: Any, roles: Container[str], where: str) -> str:
    if not isinstance(turn, Mapping):
        raise TypeError(f"a turn is {type(turn).__name__}")
    role = turn.get("from", turn.get("role"))
    if role not in roles:
        raise InputError(f"{where}: a turn of {role!r}; human (or user) and gpt (or assistant) take turns")
    return str(turn["value"] if "value" in turn else turn["content"]).strip()


def _key(text: str, where: str) -> Key:
    year, place = _YEAR.findall(text), _PLACE.search(text)
    if not year or place is None:
        raise InputError(f"{where}: {text!r} doesn't say which frame: EndoVis-18-…/seq_5/…/frame028")
    return int(year[-1]), int(place[1]), int(place[2])


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions of all sequences, and which of them a frame was found for."""

    file: Path | None = None  # or folder that they were read from
    by_frame: QuestionsByFrame = field(default_factory=dict)
    matched_frames: set[Key] = field(default_factory=set)

    def left(self) -> list[Key]:
        """Frames with questions that were not found."""
        return sorted(set(self.by_frame) - self.matched_frames)


def clips(
    case_id: str,
    sequence: tuple[int, int],
    frames: Container[int],
    scenes: Sequence[Scene],
    questions: Questions,
    rate: float,
) -> tuple[Clip, ...]:
    """Return a clip for every frame of a sequence that has questions; one asked twice in the same words counts once.

    ``sequence`` is its year and number, ``rate`` its frames per second.
    """
    scenes_by_start = {to_ms(scene.time_s): scene for scene in scenes}
    frame_clips = []
    by_frame = questions.by_frame
    for key in sorted(key for key in by_frame if key[:2] == sequence and key[2] in frames):
        questions.matched_frames.add(key)
        start = to_ms(key[2] / rate)
        clip = Clip(case_id, start, start + to_ms(1 / rate), None, scenes_by_start.get(start))
        frame_clips.append(_with_questions(clip, by_frame[key]))
    return tuple(frame_clips)


def _with_questions(clip: Clip, questions: Sequence[WrittenQuestion]) -> Clip:
    qa: list[QA] = []
    counts: dict[str, int] = {}
    for one in dict.fromkeys(questions):
        kind, reasoning = kind_of(one.question)
        counts[kind] = counts.get(kind, 0) + 1
        name = f"{clip.clip_id}#{kind}" + (f"-{counts[kind]}" if counts[kind] > 1 else "")
        evidence = (clip.start_ms / 1000,) if clip.scene is not None else ()
        qa.append(QA(name, kind, reasoning, one.question, one.answer, one.short_answer, (), evidence))
    return Clip(clip.case_id, clip.start_ms, clip.end_ms, clip.phase, clip.scene, tuple(qa))
