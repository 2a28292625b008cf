"""The app's service: data sets, clips, pictures, time lines, and the known answers to a question."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgvqa.cards.command import InputError
from surgvqa.eval.app import film, shapes
from surgvqa.eval.app.clips import Clips, Search, ShortClip, Split
from surgvqa.eval.app.listener import Allowlist
from surgvqa.eval.app.marks import annotated_frames, annotated_moments
from surgvqa.eval.app.stored_answers import Answers, read_answers, tally
from surgvqa.eval.app.tracks import distance, in_words, phases_within, time_line
from surgvqa.eval.data.predictions import Prediction

# Which clips the strip shows: all, those that the first or the second answerer got wrong, those where they differ.
FILTERS = ("all", "a", "b", "apart")
PART = 60  # clips of the strip at a time
FILMS = 24  # kept in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class AppInputs:
    """The inputs of the app, from the command line."""

    data: Sequence[str]
    models: Sequence[str] = ()
    predictions: Sequence[Path] = ()
    score: Path | None = None
    video_root: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRequest:
    """The clip of a data set and the two answerers that a request names ("" is nobody)."""

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

    def __init__(self, inputs: AppInputs) -> None:
        self.inputs = inputs
        self.allowlist = Allowlist([*inputs.data, *inputs.models, *map(str, inputs.predictions)])
        self.lock = threading.RLock()
        self.read: dict[str, Clips] = {}
        self.live: dict[tuple[str, str], Answers] = {}
        self.stored_answers: dict[str, Answers] = {}
        self.films: OrderedDict[tuple[str, str | None, str], bytes] = OrderedDict()

    def start(self, recogniser: bool) -> shapes.Start:
        """Return what there is to choose from."""
        labels = self.allowlist.labels
        files = labels(map(str, self.inputs.predictions))
        return {
            "data": labels(self.inputs.data),
            "answerers": [*labels(self.inputs.models), *files],
            "files": files,
            "recogniser": recogniser,
        }

    def clips(self, data: str) -> Clips:
        """Return a data set, read once."""
        if data not in self.allowlist.labels(self.inputs.data):
            raise InputError("this app opens only the data sets it was started with; choose one of the list")
        name = self.allowlist.check(data, "data sets")
        with self.lock:
            if name not in self.read:
                self.read[name] = Clips(name)
            return self.read[name]

    def split(self, request: ClipRequest) -> Split:
        """Return the split that is named, or the one that is shown first."""
        return self.clips(request.data).split(request.split)

    def root(self, request: ClipRequest) -> Path | None:
        """Return where a data set's video paths start."""
        name = Path(self.clips(request.data).name)
        return self.inputs.video_root or (name if name.is_dir() else None)

    def facts(self, request: ClipRequest) -> shapes.DataFacts:
        """Return what a data set can be searched by, and its figures by kind."""
        clips, split = self.clips(request.data), self.split(request)
        title, figures = figures_of(Path(clips.name), self.inputs.score)
        return {
            "splits": clips.splits,
            "split": request.split or clips.splits[0],
            "cases": split.cases,
            "kinds": [{"name": kind, "words": in_words(kind)} for kind in split.kinds],
            "figures": figures,
            "title": title,
            "first": split.first_with_boxes,
        }

    def answers(self, data: str, answerer: str) -> Answers | None:
        """Return what an answerer has said so far on a data set; None of nobody."""
        if not answerer:
            return None
        place = self.allowlist.check(answerer, "models")
        with self.lock:
            if place in map(str, self.inputs.predictions):
                if place not in self.stored_answers:
                    self.stored_answers[place] = read_answers(Path(place))
                return self.stored_answers[place]
            return self.live.setdefault((data, place), Answers())

    def verdicts(self, request: ClipRequest) -> tuple[Mapping[str, bool], Mapping[str, bool]]:
        """Return which questions the two answerers got right and wrong."""
        split = self.split(request)
        both = [self.answers(request.data, name) for name in (request.a, request.b)]
        first, second = (one.verdicts(split) if one else {} for one in both)
        return first, second

    def find(self, request: ClipRequest, strip: Strip) -> shapes.FoundClips:
        """Search the clips of a split."""
        if strip.show not in FILTERS:
            raise InputError(f"show {strip.show}: known are {', '.join(FILTERS)}")
        split = self.split(request)
        first, second = self.verdicts(request)
        verdict = {
            "all": None,
            "a": lambda one: first.get(one.qa_id) is False,
            "b": lambda one: second.get(one.qa_id) is False,
            "apart": lambda one: (
                one.qa_id in first and one.qa_id in second and first[one.qa_id] != second[one.qa_id]
            ),
        }[strip.show]
        search = Search(case=strip.case, kind=strip.kind, answer=strip.answer, verdict=verdict)
        matching_clips = [clip for clip in split.clips if search.finds(clip)]
        at = next((place for place, clip in enumerate(matching_clips) if clip.clip_id == request.clip), -1)
        begin = strip.first if strip.first is not None else max(0, at - strip.count // 3)
        begin = max(0, min(begin, max(0, len(matching_clips) - 1)))
        shown_clips = matching_clips[begin : begin + max(1, min(strip.count, 200))]
        lines = [self.line(request, clip, first, second) for clip in shown_clips]
        reason = "" if matching_clips else self.no_clip_reason(request, strip)
        return {"total": len(matching_clips), "first": begin, "at": at, "clips": lines, "reason": reason}

    def no_clip_reason(self, request: ClipRequest, strip: Strip) -> str:
        """Return why a search found nothing: an answerer that is looked for has answered nothing here."""
        names = {"a": request.a, "b": request.b}
        first, second = self.verdicts(request)
        counts = {"a": len(first), "b": len(second)}
        for who in {"all": "", "a": "a", "b": "b", "apart": "ab"}[strip.show]:
            if not names[who]:
                return f"nobody is chosen as {who.upper()}"
            if not counts[who]:
                is_file = names[who] in self.allowlist.labels(map(str, self.inputs.predictions))
                cause = "answers no question of this split" if is_file else "was asked nothing yet; press Ask"
                return f"{who.upper()}, {names[who]}, {cause}"
        if strip.show == "apart":
            return "A and B agree wherever both have answered"
        return "no clip fits this search"

    def phases(self, request: ClipRequest, clip: ShortClip) -> list[shapes.PhasePart]:
        """Return the phases of a clip in order."""
        return phases_within(self.clips(request.data).courses.get(clip.case_id, ()), clip)

    def line(
        self,
        request: ClipRequest,
        clip: ShortClip,
        first: Mapping[str, bool],
        second: Mapping[str, bool],
    ) -> shapes.ClipLine:
        """Return a clip as the strip shows it."""
        return {
            "clip": clip.clip_id,
            "case": clip.case_id,
            "start_s": clip.start_s,
            "end_s": clip.end_s,
            "phases": self.phases(request, clip),
            "pictures": clip.has_pictures,
            "a": tally(first, clip),
            "b": tally(second, clip),
        }

    def clip(self, request: ClipRequest) -> shapes.ClipPage:
        """Return everything about a clip but its pixels."""
        split = self.split(request)
        row = split.row(request.clip)
        first, second = self.verdicts(request)
        short = split.clip(request.clip)
        scenes = split.scenes(short.case_id)
        if short.has_pictures:
            when = film.moments(row)
            width, height = film.size(row, self.root(request))
        else:
            when, (width, height) = annotated_moments(short, scenes)
        return {
            "clip": short.clip_id,
            "case": short.case_id,
            "split": request.split or self.clips(request.data).splits[0],
            "start_s": short.start_s,
            "end_s": short.end_s,
            "phases": self.phases(request, short),
            "pictures": short.has_pictures,
            "width": width,
            "height": height,
            "times": list(when.times),
            "pace_s": when.pace_s,
            "annotated": annotated_frames(short, when.times, scenes),
            "questions": [
                {
                    "question": one.question,
                    "kind": one.kind,
                    "words": in_words(one.kind),
                    "evidence_s": list(short.evidence.get(one.qa_id, ())),
                    "a": first.get(one.qa_id),
                    "b": second.get(one.qa_id),
                }
                for one in short.questions
            ],
        }

    def case(self, request: ClipRequest) -> shapes.TimeLine:
        """Return the time line of a clip's case."""
        split = self.split(request)
        case = split.clip(request.clip).case_id
        return time_line(case, split.scenes(case), self.clips(request.data).courses.get(case, ()))

    def at(self, request: ClipRequest, seconds: float) -> shapes.Place:
        """Return the clip of the same case that shows a moment, or the nearest one."""
        split = self.split(request)
        clips = split.of(split.clip(request.clip).case_id)
        near = min(clips, key=lambda clip: distance(clip, seconds))
        return {"clip": near.clip_id}

    def picture(self, request: ClipRequest, index: int | None) -> tuple[bytes, str]:
        """Return a frame of a clip, or the one in its middle, and its type."""
        row = self.split(request).row(request.clip)
        if index is None:
            index = len(film.moments(row).times) // 2
        return film.picture(row, self.root(request), index)

    def film(self, request: ClipRequest) -> bytes:
        """Return a clip as an MP4 file; the latest ones are kept."""
        key = (request.data, request.split, request.clip)
        with self.lock:
            if key in self.films:
                self.films.move_to_end(key)
                return self.films[key]
        mp4 = film.film(self.split(request).row(request.clip), self.root(request))
        with self.lock:
            self.films[key] = mp4
            while len(self.films) > FILMS:
                self.films.popitem(last=False)
        return mp4

    def known_answers(self, request: ClipRequest, question: str) -> shapes.KnownAnswers:
        """Return the truth, a blind guess and the answers so far to a question."""
        split = self.split(request)
        annotated_question = find_question(split.clip(request.clip), question)
        return {
            "truth": annotated_question.answer if annotated_question else None,
            "blind": self.clips(request.data).guess(
                question,
                annotated_question.kind if annotated_question else None,
                annotated_question.choices if annotated_question else (),
            ),
            "blind_note": self.clips(request.data).guess_note,
            "a": self.card(request, request.a, annotated_question),
            "b": self.card(request, request.b, annotated_question),
        }

    def card(
        self, request: ClipRequest, answerer: str, annotated_question: Prediction | None
    ) -> shapes.Card | None:
        """Return the answer that is known already, if there is one."""
        own = self.answers(request.data, answerer)
        answer = own.by_question.get(annotated_question.qa_id) if own and annotated_question else None
        if own is None or annotated_question is None or answer is None:
            return None
        return {
            "text": answer.prediction,
            "seconds": answer.seconds,
            "confidence": answer.confidence,
            "error": None if answer.error is None else self.allowlist.hide_places(answer.error),
            "right": own.verdicts(self.split(request)).get(annotated_question.qa_id),
            "marks": [],
        }


def find_question(clip: ShortClip, question: str) -> Prediction | None:
    """Return a clip's question of that text; None of a question of one's own."""
    return next((one for one in clip.questions if one.question == question), None)


def figures_of(data: Path, score: Path | None) -> tuple[str, list[shapes.Figures]]:
    """Return the figures by kind, of a score or else of the data set's own report, and what they are.

    Raises:
        InputError: the score isn't what ``surgvqa-eval score --out`` writes.
    """
    if score is not None:
        try:
            figures = json.loads(score.read_text("utf-8"))
            title = f"{score.name}: {100 * figures['accuracy']:.1f} % of the {figures['n_headline']} that count right"
            return title, [figure(kind, facts) for kind, facts in sorted(figures["by_kind"].items())]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{score} is not what `surgvqa-eval score --out` wrote: {error}") from None
    report = data / "report.json"
    if not report.is_file():
        return "", []
    document = json.loads(report.read_text("utf-8"))
    title = f"{document['blind_on']}: right without looking"
    measured_kinds = {
        kind: facts for kind, facts in document["kinds"].items() if facts.get("n_blind", facts["n"])
    }
    return title, [figure(kind, facts) for kind, facts in sorted(measured_kinds.items())]


def figure(kind: str, facts: Mapping[str, Any]) -> shapes.Figures:
    """Return a line of the table by kind."""
    right, majority, best = (
        f"{100 * facts[name]:.1f} %" if facts.get(name) is not None else "–"
        for name in ("accuracy", "blind_majority", "blind_best")
    )
    note = "every answer is the same: it measures nothing" if facts.get("single_class") else ""
    return {
        "kind": in_words(kind),
        "questions": str(facts.get("n_blind", facts["n"])),
        "right": right,
        "majority": majority,
        "best": best,
        "note": note,
    }
