"""Questions to models, typed or spoken; no model is loaded before it is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from surgvqa.builders.speech.sound import RATE, Sound, read_sound
from surgvqa.builders.speech.spoken import PROMPT
from surgvqa.cards.command import InputError
from surgvqa.eval.app import shapes
from surgvqa.eval.app.clips import Row
from surgvqa.eval.app.marks import marks_in, shapes_of
from surgvqa.eval.app.service import ClipRequest, Service, find_question

if TYPE_CHECKING:  # these take PyTorch, which nothing needs before a question is asked
    from surgvqa.eval.answers.one_question import Models, TimedReply

DEAF = "this model reads text, it doesn't hear; start the app with --recogniser MODEL, or type the question"
Hear = Callable[[Sound], str]


class Asker:
    """Asks the models that the app was started with."""

    def __init__(self, service: Service, load: Callable[[], Models], hear: Hear | None = None) -> None:
        self.service, self.load, self.hear = service, load, hear
        self.models: Models | None = None

    def ready(self) -> Models:
        """Return the models, PyTorch imported at the first question."""
        with self.service.lock:
            if self.models is None:
                self.models = self.load()
            return self.models

    def ask(self, request: ClipRequest, answerer: str, question: str) -> shapes.Card:
        """Ask a model a question on a clip, or look its answer up in a file.

        Raises:
            InputError: there is no question, model or clip of that name.
        """
        question = question.strip()
        if not question:
            raise InputError("there is no question; choose one, type one, or speak")
        place = self.place(answerer)
        split = self.service.split(request)
        annotated_question = find_question(split.clip(request.clip), question)
        if place in map(str, self.service.inputs.predictions):
            card = self.service.card(request, answerer, annotated_question)
            if card is None:
                raise InputError(f"{answerer} holds no answer to this question; choose a model to ask it")
            return card
        row = split.row(request.clip)
        reply = self.ready().ask(place, row, question, self.service.root(request))
        card = self.card(place, row, reply)
        own = self.service.answers(request.data, answerer)
        if annotated_question and own and not reply.error:
            answer = dataclasses.replace(
                annotated_question,
                prediction=reply.text,
                confidence=reply.confidence,
                seconds=round(reply.seconds, 3),
            )
            card["right"] = own.add(split, answer)
        return card

    def ask_aloud(self, request: ClipRequest, answerer: str, recording: bytes) -> shapes.Card:
        """Give a recording to a model that hears, its words to one that reads where a recogniser is at hand."""
        place = self.place(answerer)
        if place in map(str, self.service.inputs.predictions):
            raise InputError(f"{answerer} is a file of answers, it doesn't hear; choose a model")
        sound = self.sound(recording)
        row = self.service.split(request).row(request.clip)
        root = self.service.root(request)
        models = self.ready()
        if models.hears(place):
            return self.card(place, row, models.ask(place, row, PROMPT, root, sound=sound.samples))
        if self.hear is None:
            raise InputError(DEAF)
        return self.card(place, row, models.ask(place, row, self.hear(sound), root))

    def write_down(self, recording: bytes) -> shapes.Transcript:
        """Return a spoken question as text."""
        sound = self.sound(recording)
        if self.hear is None:
            raise InputError(
                f"heard {sound.seconds:.1f} s, but these models read text; start the app with --recogniser MODEL "
                "(openai/whisper-small, say), or type the question"
            )
        was = "" if (sound.rate, sound.channels) == (RATE, 1) else (
            f"The recording had {sound.rate:,} Hz and {sound.channels} channels; it was turned into 16,000 Hz mono."
        )  # fmt: skip
        return {"text": self.hear(sound), "note": was}

    def sound(self, recording: bytes) -> Sound:
        """Return what was recorded."""
        if not recording:
            raise InputError("nothing was recorded; allow the microphone, or upload a recording")
        return read_sound(recording)

    def place(self, answerer: str) -> str:
        """Return where a model or a file of answers lies, if the app was started with it."""
        if not answerer:
            raise InputError("no model is chosen; choose one")
        if answerer in self.service.allowlist.labels(self.service.inputs.data):
            raise InputError(f"{answerer} is a data set; choose a model")
        return self.service.allowlist.check(answerer, "models")

    def card(self, place: str, row: Row, reply: TimedReply) -> shapes.Card:
        """Return an answer as the page shows it, with what it points at."""
        space = self.ready().space(place, row) if reply.text else None
        return {
            "text": reply.text,
            "seconds": round(reply.seconds, 3),
            "confidence": reply.confidence,
            "error": None if reply.error is None else self.service.allowlist.hide_places(reply.error),
            "right": None,
            "marks": shapes_of(marks_in(reply.text, space) if space else ()),
        }


def recogniser(model: str) -> Hear:
    """Return a recogniser of transformers, loaded when something is first heard."""
    pipelines: list[Callable[..., dict[str, str]]] = []

    def hear(sound: Sound) -> str:
        from transformers import pipeline

        if not pipelines:
            try:
                pipelines.append(pipeline("automatic-speech-recognition", model=model))
            except (OSError, ValueError) as error:
                raise InputError(
                    f"no speech recogniser at {Path(model).name}: {str(error).splitlines()[0]}"
                ) from None
        return str(pipelines[0](sound.samples)["text"]).strip()

    return hear
