"""What happens in the app when something is chosen or pressed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
from surgvqa.builders.cases.scene import from_json
from surgvqa.builders.speech.sound import RATE, Samples, read_sound
from surgvqa.builders.speech.spoken import PROMPT
from surgvqa.cards.command import InputError
from surgvqa.eval.app import clip_html, listener
from surgvqa.eval.app.session import Clips, Models, Row, right

ANY = "any kind"
NOBODY = "nobody"
DEAF = "this model reads text, it doesn't hear; start the app with --recogniser MODEL, or type the question"


class Page:
    """What the app's events do; a handler's mistakes become a note in the page and the app goes on."""

    def __init__(
        self,
        models: Models,
        hear: Callable[[Path], str] | None = None,
        allowed: listener.Allowed | None = None,
    ) -> None:
        self.models = models
        self.allowed = allowed
        self.hear = hear
        self.known: dict[str, Clips] = {}

    def data(self, name: str | None) -> Clips:
        """Return a data set, read once."""
        if not name or not name.strip():
            raise InputError("no data set is chosen; choose one, or type a folder or a Hub name")
        if self.allowed is not None:
            name = self.allowed.check(name, "data sets")
        if name not in self.known:
            self.known[name] = Clips(name)
        return self.known[name]

    def choose_data(self, name: str) -> list[Any]:
        """Kinds, then all that follows."""
        clips = self.data(name)
        kinds = [ANY, *clips.kinds()]
        return [gr.update(choices=kinds, value=ANY), table(clips.name), *self.choose_kind(name, ANY)]

    def choose_kind(self, name: str, kind: str) -> list[Any]:
        """Return the cases with such questions, and what follows."""
        cases = self.data(name).cases(wanted(kind))
        if not cases:
            raise InputError(f"no clip of {name} has a question of kind {kind}")
        return [gr.update(choices=cases, value=cases[0]), *self.choose_case(name, kind, cases[0])]

    def choose_case(self, name: str, kind: str, case: str) -> list[Any]:
        """Return the case's clips, and what follows."""
        clips = self.data(name).of(case, wanted(kind))
        if not clips:
            raise InputError(f"case {case} has no clip with a question of kind {kind}")
        named = [
            (f"{clip['start_s']:.1f}-{clip['end_s']:.1f} s {clip['phase'] or ''}", clip["clip_id"])
            for clip in clips
        ]
        first = named[0][1]
        return [gr.update(choices=named, value=first), *self.choose_clip(name, kind, first, True)]

    def choose_clip(self, name: str, kind: str, clip_id: str, annotated: bool) -> list[Any]:
        """Return the stage, the timeline and the clip's questions."""
        row = self.data(name).row(clip_id)
        asked = list(dict.fromkeys(qa["question"] for qa in row["qa"] if wanted(kind) in (None, qa["kind"])))
        first = asked[0] if asked else ""
        return [
            *self.look(name, clip_id, annotated),
            gr.update(choices=asked, value=first or None),
            first,
            "",
        ]

    def look(self, name: str, clip_id: str, annotated: bool) -> list[Any]:
        """Return the frames, with or without what is annotated, and the timeline."""
        clips = self.data(name)
        row = clips.row(clip_id)
        marks = clip_html.marks_of(from_json(row["scene"])) if annotated and row["scene"] else ()
        return [clip_html.stage(row, marks), clip_html.timeline(clips.of(row["case_id"], None), clip_id)]

    def ask(
        self, name: str, clip_id: str, annotated: bool, question: str, first: str, second: str
    ) -> list[Any]:
        """Answers side by side, and the frames with what they point at."""
        if not question or not question.strip():
            raise InputError("no question; choose one, type one, or speak")
        clips = self.data(name)
        row = clips.row(clip_id)
        asked = self.chosen(first, second)
        root = Path(clips.name) if Path(clips.name).is_dir() else None
        said = [self.models.ask(model, row, question.strip(), root) for model in asked]
        return self.show(clips, row, annotated, question.strip(), said)

    def chosen(self, first: str, second: str) -> list[str]:
        """Return the models that are asked, each once, if the app may open them."""
        asked = [model.strip() for model in dict.fromkeys((first, second)) if model and model != NOBODY]
        if not asked:
            raise InputError("no model is chosen; choose one, or type a folder or a Hub name")
        if self.allowed is not None:
            return [self.allowed.check(model, "models") for model in asked]
        return asked

    def ask_aloud(
        self, name: str, clip_id: str, annotated: bool, path: str | None, first: str, second: str
    ) -> list[Any]:
        """Return the recording itself to models that hear, its words to the others where a recogniser is at hand."""
        if not path:
            raise InputError("nothing was recorded; allow the microphone, or upload a recording")
        sound = read_sound(Path(path))
        clips = self.data(name)
        row = clips.row(clip_id)
        asked = self.chosen(first, second)
        root = Path(clips.name) if Path(clips.name).is_dir() else None
        words = self.hear(Path(path)) if self.hear is not None else None
        said = [self.answer_aloud(model, row, sound.samples, words, root) for model in asked]
        return self.show(clips, row, annotated, words or f"a recording of {sound.seconds:.1f} s", said)

    def answer_aloud(
        self, model: str, row: Row, sound: Samples, words: str | None, root: Path | None
    ) -> clip_html.Said:
        """One model's answer to a recording."""
        try:
            hears = self.models.hears(model)
        except InputError as error:
            return clip_html.Said(model, "", 0.0, error=str(error))
        if hears:
            return self.models.ask(model, row, PROMPT, root, sound=sound)
        if words is None:
            return clip_html.Said(model, "", 0.0, error=DEAF)
        return self.models.ask(model, row, words, root)

    def show(
        self, clips: Clips, row: Row, annotated: bool, question: str, said: list[clip_html.Said]
    ) -> list[Any]:
        """Answers beside what is known, and the frames with what they point at."""
        qa = next((one for one in row["qa"] if one["question"] == question), None)
        guess = clips.guess(question, qa["kind"] if qa else None)
        hidden = self.allowed.hidden if self.allowed is not None else str
        named = [
            replace(one, model=hidden(one.model), error=None if one.error is None else hidden(one.error))
            for one in said
        ]
        shown = clip_html.answers(question, named, qa["answer"] if qa else None, guess, right(qa, said))
        marks = list(clip_html.marks_of(from_json(row["scene"])) if annotated and row["scene"] else ())
        for one, who in zip(said, ("a", "b"), strict=False):
            if one.text and (space := self.models.space(one.model, row)):
                marks.extend(clip_html.marks_in(one.text, space, who))
        return [shown, clip_html.stage(row, marks)]

    def listen(self, path: str | None) -> list[Any]:
        """Return a spoken question as text."""
        if not path:
            raise InputError("nothing was recorded; allow the microphone, or upload a recording")
        sound = read_sound(Path(path))
        if self.hear is None:
            raise InputError(
                f"heard {sound.seconds:.1f} s, but these models read text; start the app with --recogniser MODEL "
                "(openai/whisper-small, say), or type the question"
            )
        was = "" if (sound.rate, sound.channels) == (RATE, 1) else (
            f"The recording had {sound.rate:,} Hz and {sound.channels} channels; it was turned into 16,000 Hz mono."
        )  # fmt: skip
        return [self.hear(Path(path)), clip_html.message(was)]


def wanted(kind: str | None) -> str | None:
    """Return the kind to filter by."""
    return None if kind in (None, ANY) else kind


def table(data: str, score: Path | None = None) -> str:
    """Return the per-kind table: of a score, else the blind figures of the data set's own report."""
    if score is not None:
        try:
            found = json.loads(score.read_text("utf-8"))
            return clip_html.table(
                found["by_kind"], f"{score.name}: {found['accuracy']:.0%} of {found['n']} right"
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{score} is not what `surgvqa-eval score --out` wrote: {error}") from None
    report = Path(data) / "report.json"
    if not report.is_file():
        return ""
    return clip_html.table(json.loads(report.read_text("utf-8"))["kinds"], "the data set, without looking")


def guarded(
    handler: Callable[..., list[Any]], outputs: int, hidden: Callable[[str], str] = str
) -> Callable[..., list[Any]]:
    """Return the handler, whose mistakes are shown in its last output, the others left as they are.

    ``hidden`` takes out of a message what clients must not see.
    """

    @wraps(handler)
    def safe(*values: Any) -> list[Any]:
        try:
            found = handler(*values)
        except InputError as error:
            return [*[gr.skip()] * (outputs - 1), clip_html.message(hidden(str(error)))]
        return [*found, ""] if len(found) < outputs else found

    return safe
