"""The text family: a file a frame, a line a question, ``question|answer``, in folders of a video or sequence.

Cholec80-VQA writes three fields in one of its versions, ``frame/total|question|answer``; the first is where the frame
lies in its video, which gives the phase away, and is left out by name. Whatever follows an answer (SSG-VQA's boxes and
scene-graph programs) is no part of it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgvqa.builders.cases.timeline import to_ms
from surgvqa.builders.files.texts import read_text
from surgvqa.builders.schema import QA, Case, Clip, Omission
from surgvqa.builders.tabular.find import Tree
from surgvqa.cards.command import InputError

PLACE = re.compile(r"\d+/\d+")  # where a frame lies in its video


@dataclass(frozen=True, slots=True)
class Family:
    """The places of one set's files, and their numbering."""

    source: str
    procedure: str
    name: str
    access: str
    files: Sequence[str]  # patterns with {case} or {number} and {frame}
    short: Sequence[str] = ()  # patterns of files with the same questions and answers of few words
    case: str = "{case}"
    fps: float = 1.0
    fields: tuple[int, ...] = (2,)  # how many a line may have; 3 with a place in front
    longer: bool = False  # whether further fields may follow
    held_out: Mapping[str, Sequence[int]] | None = None  # official split -> numbers


def kind_of(question: str) -> tuple[str, str]:
    """(kind, reasoning) of a question, by how it begins.

    >>> kind_of("How many tools are there?"), kind_of("Is hook used in this frame?")
    (('count', 'recognition'), ('yes_no', 'verification'))
    """
    text = question.casefold()
    for begins, kind, reasoning in (
        (r"how many", "count", "recognition"),
        (r"(is|are|does|do|has|have|was|were)\b", "yes_no", "verification"),
        (r"(where|at which location|which location)", "position", "spatial"),
        (r".*\bphase\b", "phase", "recognition"),
        (r".*\bstep\b", "step", "recognition"),
        (r"what organ", "organ", "recognition"),
        (r"what is the state of", "activity", "recognition"),
        (r"(what|which)\b.*\b(tool|instrument)s?\b", "instruments", "recognition"),
    ):
        if re.match(begins, text):
            return kind, reasoning
    return "open", "recognition"


def read(root: Path, family: Family) -> Iterator[Case | Omission]:
    """Yield a case a video, a clip a frame that is asked about."""
    if not root.is_dir():
        raise InputError(
            f"no folder {root}; get {family.name} at {family.access} and give its folder as --root"
        )
    tree = Tree(root)
    frames: dict[str, dict[int, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for one in tree.find(family.files):
        name = one.fields["case"]
        case_id = family.case.format(case=int(name) if name.isdigit() and ":" in family.case else name)
        frames[case_id][int(one.fields["frame"])].append(one.path)
    if not frames:
        raise InputError(
            f"nothing of {family.name} below {root}: no file like {' or '.join(family.files)}; {tree.describe()}; "
            f"get it at {family.access}"
        )
    short: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    left: Counter[str] = Counter()
    for one in tree.find(family.short) if family.short else ():
        name = one.fields["case"]
        key = family.case.format(case=int(name) if name.isdigit() and ":" in family.case else name)
        short[key, str(int(one.fields["frame"]))].update(
            _lines(one.path, tree.relative_path(one.path), family, left)
        )
    for case_id, files in sorted(frames.items()):
        clips: list[Clip] = []
        try:
            for frame, paths in sorted(files.items()):
                pairs = [
                    pair for path in paths for pair in _lines(path, tree.relative_path(path), family, left)
                ]
                clips.append(_clip(case_id, frame, family.fps, pairs, short[case_id, str(frame)]))
        except InputError as error:
            yield Omission(case_id, str(error), fault=True)
            continue
        yield Case(
            case_id,
            family.source,
            family.procedure,
            clips=tuple(clips),
            split=_split(case_id, family),
            files=tuple(path for paths in files.values() for path in paths),
        )
    yield from (Omission(f"{count:,} lines", why) for why, count in sorted(left.items()))


def _lines(path: Path, file_name: str, family: Family, left: Counter[str]) -> list[tuple[str, str]]:
    """Return the questions and answers of a file."""
    pairs = []
    for number, line in enumerate(read_text(path, file_name).split("\n"), start=1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("|")]
        if 3 in family.fields and PLACE.fullmatch(cells[0]):
            left["where a frame lies in its video stands before the question: it gives the phase away"] += 1
            cells = cells[1:]
        if len(cells) < 2 or not cells[0] or not cells[1] or (len(cells) > 2 and not family.longer):
            raise InputError(f"{file_name} line {number}: {line[:60]!r} is not question|answer")
        if len(cells) > 2:
            left["fields after the answer"] += 1
        pairs.append((cells[0], cells[1]))
    return pairs


def _clip(
    case_id: str, frame: int, fps: float, pairs: Sequence[tuple[str, str]], short: Mapping[str, str]
) -> Clip:
    """Return a frame's clip; one question in the same words with the same answer counts once."""
    start = to_ms(frame / fps)
    clip = Clip(case_id, start, start + to_ms(1 / fps), None)
    counts: Counter[str] = Counter()
    qa = []
    for question, answer in dict.fromkeys(pairs):
        kind, reasoning = kind_of(question)
        counts[kind] += 1
        name = f"{clip.clip_id}#{kind}" + (f"-{counts[kind]}" if counts[kind] > 1 else "")
        qa.append(QA(name, kind, reasoning, question, answer, short.get(question, answer)))
    return Clip(clip.case_id, clip.start_ms, clip.end_ms, None, None, tuple(qa))


def _split(case_id: str, family: Family) -> str | None:
    if family.held_out is None:
        return None
    numbers = re.findall(r"\d+", case_id)
    number = int(numbers[-1]) if numbers else -1
    return next(
        (split for split, held_out_numbers in family.held_out.items() if number in held_out_numbers), "train"
    )
