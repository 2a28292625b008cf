"""What the app's page looks at: data sets, clips, pictures, time lines, and what is known of a question."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgvqa.builders.cases.scene import from_json
from surgvqa.cards.command import InputError
from surgvqa.eval.app import film, shapes
from surgvqa.eval.app.clips import Clips, Search, ShortClip, Split
from surgvqa.eval.app.listener import Allowed
from surgvqa.eval.app.marks import Mark, marks_of
from surgvqa.eval.app.stored import Answers, read_answers
from surgvqa.eval.app.tracks import in_words, phase_in_words, time_line
from surgvqa.eval.data.predictions import Prediction

# Which clips the strip shows: all, those that the first or the second answerer got wrong, those where they differ.
SHOWN = ("all", "a", "b", "apart")
PART = 60  # clips of the strip at a time
FILMS = 24  # kept in memory
NO_TALLY: shapes.Tally = {"right": 0, "wrong": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What the app was started with, as the command line says it."""

    data: Sequence[str]
    models: Sequence[str] = ()
    predictions: Sequence[Path] = ()
    score: Path | None = None
    video_root: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a request names: a clip of a data set, and two answerers ("" is nobody)."""

    data: str = ""
    split: str | None = None
    clip: str = ""
    a: str = ""
    b: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Which clips are searched for, and which part of them is shown."""

    case: str | None = None
    kind: str | None = None
    answer: str = ""
    show: str = "all"
    first: int | None = None  # None: the part around the clip
    count: int = PART


class Service:
    """Everything the page can look at; a mistake raises ``InputError``."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.allowed = Allowed([*opened.data, *opened.models, *map(str, opened.predictions)])
        self.lock = threading.RLock()
        self.read: dict[str, Clips] = {}
        self.live: dict[tuple[str, str], Answers] = {}
        self.stored: dict[str, Answers] = {}
        self.films: OrderedDict[tuple[str, str | None, str], bytes] = OrderedDict()

    def start(self, recogniser: bool) -> shapes.Start:
        """Return what there is to choose from."""
        labels = self.allowed.labels
        files = labels(map(str, self.opened.predictions))
        return {
            "data": labels(self.opened.data),
            "answerers": [*labels(self.opened.models), *files],
            "files": files,
            "recogniser": recogniser,
        }

    def clips(self, data: str) -> Clips:
        """Return a data set, read once."""
        if data not in self.allowed.labels(self.opened.data):
            raise InputError("this app opens only the data sets it was started with; choose one of the list")
        name = self.allowed.check(data, "data sets")
        with self.lock:
            if name not in self.read:
                self.read[name] = Clips(name)
            return self.read[name]

    def split(self, wanted: Wanted) -> Split:
        """Return the split that is named, or the one that is shown first."""
        return self.clips(wanted.data).split(wanted.split)

    def root(self, wanted: Wanted) -> Path | None:
        """Return where a data set's video paths start."""
        name = Path(self.clips(wanted.data).name)
        return self.opened.video_root or (name if name.is_dir() else None)

    def facts(self, wanted: Wanted) -> shapes.DataFacts:
        """Return what a data set can be searched by, and its figures by kind."""
        clips, split = self.clips(wanted.data), self.split(wanted)
        title, figures = figures_of(Path(clips.name), self.opened.score)
        return {
            "splits": clips.splits,
            "split": wanted.split or clips.splits[0],
            "cases": split.cases,
            "kinds": [{"name": kind, "words": in_words(kind)} for kind in split.kinds],
            "figures": figures,
            "title": title,
        }

    def answers(self, data: str, answerer: str) -> Answers | None:
        """Return what an answerer has said so far on a data set; None of nobody."""
        if not answerer:
            return None
        place = self.allowed.check(answerer, "models")
        with self.lock:
            if place in map(str, self.opened.predictions):
                if place not in self.stored:
                    self.stored[place] = read_answers(Path(place))
                return self.stored[place]
            return self.live.setdefault((data, place), Answers())

    def verdicts(self, wanted: Wanted) -> tuple[Mapping[str, bool], Mapping[str, bool]]:
        """Return which questions the two answerers got right and wrong."""
        split = self.split(wanted)
        both = [self.answers(wanted.data, name) for name in (wanted.a, wanted.b)]
        first, second = (one.verdicts(split) if one else {} for one in both)
        return first, second

    def find(self, wanted: Wanted, strip: Strip) -> shapes.Found:
        """Search the clips of a split."""
        if strip.show not in SHOWN:
            raise InputError(f"show {strip.show}: known are {', '.join(SHOWN)}")
        split = self.split(wanted)
        first, second = self.verdicts(wanted)
        verdict = {
            "all": None,
            "a": lambda one: first.get(one.qa_id) is False,
            "b": lambda one: second.get(one.qa_id) is False,
            "apart": lambda one: (
                one.qa_id in first and one.qa_id in second and first[one.qa_id] != second[one.qa_id]
            ),
        }[strip.show]
        search = Search(case=strip.case, kind=strip.kind, answer=strip.answer, verdict=verdict)
        found = [clip for clip in split.clips if search.finds(clip)]
        at = next((place for place, clip in enumerate(found) if clip.clip_id == wanted.clip), -1)
        begin = strip.first if strip.first is not None else max(0, at - strip.count // 3)
        begin = max(0, min(begin, max(0, len(found) - 1)))
        shown = found[begin : begin + max(1, min(strip.count, 200))]
        lines = [self.line(clip, first, second) for clip in shown]
        return {"total": len(found), "first": begin, "at": at, "clips": lines}

    def line(self, clip: ShortClip, first: Mapping[str, bool], second: Mapping[str, bool]) -> shapes.ClipLine:
        """Return a clip as the strip shows it."""
        return {
            "clip": clip.clip_id,
            "case": clip.case_id,
            "start_s": clip.start_s,
            "end_s": clip.end_s,
            "phase": phase_in_words(clip.phase),
            "a": tally(first, clip),
            "b": tally(second, clip),
        }

    def clip(self, wanted: Wanted) -> shapes.ClipPage:
        """Return everything about a clip but its pixels."""
        split = self.split(wanted)
        row = split.row(wanted.clip)
        first, second = self.verdicts(wanted)
        when = film.moments(row)
        width, height = film.size(row, self.root(wanted))
        short = split.clip(wanted.clip)
        return {
            "clip": short.clip_id,
            "case": short.case_id,
            "split": wanted.split or self.clips(wanted.data).splits[0],
            "start_s": short.start_s,
            "end_s": short.end_s,
            "phase": phase_in_words(short.phase),
            "width": width,
            "height": height,
            "times": list(when.times),
            "pace_s": when.pace_s,
            "annotated": annotated_frames(short, when.times, split.scenes(short.case_id)),
            "questions": [
                {
                    "question": one.question,
                    "kind": one.kind,
                    "words": in_words(one.kind),
                    "a": first.get(one.qa_id),
                    "b": second.get(one.qa_id),
                }
                for one in short.questions
            ],
        }

    def case(self, wanted: Wanted) -> shapes.TimeLine:
        """Return the time line of a clip's case."""
        split = self.split(wanted)
        case = split.clip(wanted.clip).case_id
        return time_line(case, split.scenes(case))

    def at(self, wanted: Wanted, seconds: float) -> shapes.Place:
        """Return the clip of the same case that shows a moment, or the nearest one."""
        split = self.split(wanted)
        clips = split.of(split.clip(wanted.clip).case_id)
        near = min(clips, key=lambda clip: max(clip.start_s - seconds, seconds - clip.end_s, 0.0))
        return {"clip": near.clip_id}

    def picture(self, wanted: Wanted, index: int | None) -> tuple[bytes, str]:
        """Return a frame of a clip, or the one in its middle, and its type."""
        row = self.split(wanted).row(wanted.clip)
        if index is None:
            index = len(film.moments(row).times) // 2
        return film.picture(row, self.root(wanted), index)

    def film(self, wanted: Wanted) -> bytes:
        """Return a clip as an MP4 file; the latest ones are kept."""
        key = (wanted.data, wanted.split, wanted.clip)
        with self.lock:
            if key in self.films:
                self.films.move_to_end(key)
                return self.films[key]
        made = film.film(self.split(wanted).row(wanted.clip), self.root(wanted))
        with self.lock:
            self.films[key] = made
            while len(self.films) > FILMS:
                self.films.popitem(last=False)
        return made

    def known(self, wanted: Wanted, question: str) -> shapes.Known:
        """Return the truth, a blind guess and the answers so far to a question."""
        split = self.split(wanted)
        asked = annotated(split.clip(wanted.clip), question)
        return {
            "truth": asked.answer if asked else None,
            "blind": self.clips(wanted.data).guess(question, asked.kind if asked else None),
            "a": self.card(wanted, wanted.a, asked),
            "b": self.card(wanted, wanted.b, asked),
        }

    def card(self, wanted: Wanted, answerer: str, asked: Prediction | None) -> shapes.Card | None:
        """Return the answer that is known already, if there is one."""
        own = self.answers(wanted.data, answerer)
        said = own.said.get(asked.qa_id) if own and asked else None
        if own is None or asked is None or said is None:
            return None
        return {
            "text": said.prediction,
            "seconds": said.seconds,
            "confidence": said.confidence,
            "error": None if said.error is None else self.allowed.hidden(said.error),
            "right": own.verdicts(self.split(wanted)).get(asked.qa_id),
            "marks": [],
        }


def annotated_frames(
    clip: ShortClip, times: Sequence[float], scenes: Sequence[tuple[ShortClip, str | None]]
) -> list[shapes.AnnotatedFrame]:
    """Return what is annotated within a clip, in time, of the scenes of all clips of its case."""
    found: dict[float, shapes.AnnotatedFrame] = {}
    for other, text in scenes:
        moment = json.loads(text)["time_s"] if text else None
        if text is None or moment is None or not clip.start_s <= moment <= clip.end_s:
            continue
        scene = from_json(text)
        marks = marks_of(scene)
        placed = {mark.label for mark in marks}
        found[moment] = {
            "index": min(range(len(times)), key=lambda index: abs(times[index] - moment)),
            "time_s": moment,
            "marks": shapes_of(marks),
            "present": sorted({in_words(node.name) for node in scene.nodes if node.name not in placed}),
            "own": other.clip_id == clip.clip_id or (moment in found and found[moment]["own"]),
        }
    return [found[moment] for moment in sorted(found)]


def annotated(clip: ShortClip, question: str) -> Prediction | None:
    """Return a clip's question of that text; None of a question of one's own."""
    return next((one for one in clip.questions if one.question == question), None)


def tally(verdicts: Mapping[str, bool], clip: ShortClip) -> shapes.Tally:
    """Count the right and the wrong answers to a clip's questions."""
    own = [verdicts[one.qa_id] for one in clip.questions if one.qa_id in verdicts]
    return {"right": sum(own), "wrong": len(own) - sum(own)} if own else NO_TALLY


def shapes_of(marks: Sequence[Mark]) -> list[shapes.Shape]:
    """Return marks as the page draws them."""
    return [
        {"box": [round(side, 5) for side in mark.box], "label": in_words(mark.label), "role": mark.role}
        for mark in marks
    ]


def figures_of(data: Path, score: Path | None) -> tuple[str, list[shapes.Figures]]:
    """Return the figures by kind, of a score or else of the data set's own report, and what they are.

    Raises:
        InputError: the score isn't what ``surgvqa-eval score --out`` writes.
    """
    if score is not None:
        try:
            found = json.loads(score.read_text("utf-8"))
            title = f"{score.name}: {found['accuracy']:.0%} of {found['n']} right"
            return title, [figure(kind, facts) for kind, facts in sorted(found["by_kind"].items())]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{score} is not what `surgvqa-eval score --out` wrote: {error}") from None
    report = data / "report.json"
    if not report.is_file():
        return "", []
    kinds = json.loads(report.read_text("utf-8"))["kinds"]
    return "the data set, without looking", [figure(kind, facts) for kind, facts in sorted(kinds.items())]


def figure(kind: str, facts: Mapping[str, Any]) -> shapes.Figures:
    """Return a line of the table by kind."""
    right, blind = (
        f"{facts[name]:.0%}" if facts.get(name) is not None else "–"
        for name in ("accuracy", "blind_majority")
    )
    note = "every answer is the same: it measures nothing" if facts.get("single_class") else ""
    return {
        "kind": in_words(kind),
        "questions": str(facts["n"]),
        "right": right,
        "blind": blind,
        "note": note,
    }
