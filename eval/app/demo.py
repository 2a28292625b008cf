"""The app: look at a clip, ask up to two models, see their answers beside the truth and a blind guess.

    surgvqa-eval demo --data demo/dataset --model demo/adapter --score demo/score.json

It listens on 127.0.0.1 unless told otherwise, takes nothing from the network, and opens only what it was started with.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from surgvqa.builders.cases.scene import from_json
from surgvqa.builders.speech.sound import LONGEST_S, RATE, Samples, read_sound
from surgvqa.builders.speech.spoken import PROMPT
from surgvqa.cards.command import InputError
from surgvqa.eval.app import clip_html, listener
from surgvqa.eval.app.session import Clips, Models, Row, right
from surgvqa.eval.settings.pages import Demo

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
EMBEDDED = Path("demo")  # where `make demo` leaves its data set, adapter and score
ANY = "any kind"
NOBODY = "nobody"
DEAF = "this model reads text, it doesn't hear; start the app with --recogniser MODEL, or type the question"
FONTS = ["system-ui", "sans-serif"]  # the default theme would fetch its own from the network


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
            self.allowed.check(name, "data sets")
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
        root = Path(name) if Path(name).is_dir() else None
        said = [self.models.ask(model, row, question.strip(), root) for model in asked]
        return self.show(clips, row, annotated, question.strip(), said)

    def chosen(self, first: str, second: str) -> list[str]:
        """Return the models that are asked, each once, if the app may open them."""
        asked = [model.strip() for model in dict.fromkeys((first, second)) if model and model != NOBODY]
        if not asked:
            raise InputError("no model is chosen; choose one, or type a folder or a Hub name")
        if self.allowed is not None:
            for model in asked:
                self.allowed.check(model, "models")
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
        root = Path(name) if Path(name).is_dir() else None
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
        shown = clip_html.answers(question, said, qa["answer"] if qa else None, guess, right(qa, said))
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


def guarded(handler: Callable[..., list[Any]], outputs: int) -> Callable[..., list[Any]]:
    """Return the handler, whose mistakes are shown in its last output, the others left as they are."""

    @wraps(handler)
    def safe(*values: Any) -> list[Any]:
        try:
            found = handler(*values)
        except InputError as error:
            return [*[gr.skip()] * (outputs - 1), clip_html.message(str(error))]
        return [*found, ""] if len(found) < outputs else found

    return safe


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The page's parts that something happens to."""

    figures: Any
    note: Any
    name: Any
    kind: Any
    case: Any
    clip: Any
    frames: Any
    annotated: Any
    line: Any
    first: Any
    second: Any
    known: Any
    question: Any
    button: Any
    sound: Any
    aloud: Any
    heard: Any
    said: Any


def app(data: list[str], models: list[str], page: Page, score: Path | None = None) -> gr.Blocks:
    """Return the page, its first data set and models chosen."""
    with gr.Blocks(title="surgvqa", analytics_enabled=False) as blocks:
        connect(blocks, page, laid_out(data, models, score), score)
    return blocks


def laid_out(data: list[str], models: list[str], score: Path | None) -> Controls:
    """Lay the page out, from top to bottom."""
    with gr.Sidebar(open=True, position="left", elem_id="figures"):
        gr.Markdown("### By kind")
        figures = gr.HTML(table("", score) if score else "")
    gr.Markdown("# Ask a clip")
    note = gr.HTML(elem_id="note")
    with gr.Row():
        name = gr.Dropdown(data, value=data[0], label="Data set", allow_custom_value=True, elem_id="data")
        kind = gr.Dropdown([ANY], value=ANY, label="Kind", elem_id="kind")
        case = gr.Dropdown([], label="Case", elem_id="case")
        clip = gr.Dropdown([], label="Clip", elem_id="clip")
    frames = gr.HTML(elem_id="frames")
    annotated = gr.Checkbox(True, label="Draw what is annotated", elem_id="annotated")
    line = gr.HTML(elem_id="line")
    options = [*models, NOBODY]
    other = options[1] if len(models) > 1 else NOBODY
    with gr.Row():
        first = gr.Dropdown(
            options, value=options[0], label="Model A", allow_custom_value=True, elem_id="first"
        )
        second = gr.Dropdown(options, value=other, label="Model B", allow_custom_value=True, elem_id="second")
    known = gr.Dropdown([], label="The clip's questions", elem_id="known")
    with gr.Row():
        question = gr.Textbox(
            label="Question", placeholder="Ask anything about the clip", elem_id="question", scale=4
        )
        button = gr.Button("Ask", variant="primary", elem_id="ask", scale=1)
    with gr.Accordion("Speak", open=False, elem_id="speak"):
        spoken = f"A question of up to {LONGEST_S:g} s"
        sound = gr.Audio(sources=["microphone", "upload"], type="filepath", label=spoken, elem_id="sound")
        with gr.Row():
            aloud = gr.Button("Ask with the recording", variant="primary", elem_id="aloud")
            heard = gr.Button("Write it down first", elem_id="heard")
    said = gr.HTML(elem_id="said")
    return Controls(
        figures=figures,
        note=note,
        name=name,
        kind=kind,
        case=case,
        clip=clip,
        frames=frames,
        annotated=annotated,
        line=line,
        first=first,
        second=second,
        known=known,
        question=question,
        button=button,
        sound=sound,
        aloud=aloud,
        heard=heard,
        said=said,
    )


def connect(blocks: gr.Blocks, page: Page, it: Controls, score: Path | None) -> None:
    """Say what happens when something is chosen or pressed."""

    def on(listen: Any, handler: Callable[..., list[Any]], inputs: list[Any], outputs: list[Any]) -> None:
        safe = guarded(handler, len(outputs) + 1)
        listen(safe, inputs, [*outputs, it.note], show_progress="minimal")

    def choose_data(chosen: str) -> list[Any]:
        found = page.choose_data(chosen)
        found[1] = gr.skip() if score else found[1]
        return found

    seen = [it.frames, it.line, it.known, it.question, it.said]
    on(blocks.load, choose_data, [it.name], [it.kind, it.figures, it.case, it.clip, *seen])
    on(it.name.input, choose_data, [it.name], [it.kind, it.figures, it.case, it.clip, *seen])
    on(it.kind.input, page.choose_kind, [it.name, it.kind], [it.case, it.clip, *seen])
    on(it.case.input, page.choose_case, [it.name, it.kind, it.case], [it.clip, *seen])
    on(it.clip.input, page.choose_clip, [it.name, it.kind, it.clip, it.annotated], seen)
    on(it.annotated.input, page.look, [it.name, it.clip, it.annotated], [it.frames, it.line])
    on(it.known.input, lambda chosen: [chosen], [it.known], [it.question])
    models = [it.first, it.second]
    inputs = [it.name, it.clip, it.annotated, it.question, *models]
    on(it.button.click, page.ask, inputs, [it.said, it.frames])
    on(it.question.submit, page.ask, inputs, [it.said, it.frames])
    on(it.heard.click, page.listen, [it.sound], [it.question])
    aloud = [it.name, it.clip, it.annotated, it.sound, *models]
    on(it.aloud.click, page.ask_aloud, aloud, [it.said, it.frames])


def recogniser(model: str) -> Callable[[Path], str]:
    """Speech to text with a recogniser of transformers."""
    from transformers import pipeline

    try:
        listen = pipeline("automatic-speech-recognition", model=model)
    except (OSError, ValueError) as error:
        raise InputError(f"no speech recogniser at {model}: {str(error).splitlines()[0]}") from None
    return lambda path: str(listen(read_sound(path).samples)["text"]).strip()


def serve(config: Demo) -> None:
    """Start the app and wait.

    Raises:
        InputError: nothing to show; a port that is taken; a folder that isn't a data set.
    """
    data, models, score = list(config.data), list(config.model), config.score
    if not data and (EMBEDDED / "dataset").is_dir():
        data = [str(EMBEDDED / "dataset")]
        models = models or [str(path) for path in (EMBEDDED / "adapter", EMBEDDED / "base") if path.is_dir()]
        found = EMBEDDED / "score.json"
        score = score or (found if found.is_file() else None)
    if not data:
        raise InputError(f"no --data, and no {EMBEDDED / 'dataset'} here; `make demo` makes one")
    password = listener.password_for(config.host)
    hosts = listener.hosts_of(config.host, config.allow_host)
    hear = recogniser(config.recogniser) if config.recogniser else None
    page = Page(Models(config.dtype, config.device), hear, listener.Allowed([*data, *models], config.allow))
    page.data(data[0])
    blocks = app(data, models, page, score)
    try:
        blocks.queue(max_size=listener.MOST_WAITING, default_concurrency_limit=1).launch(
            server_name=config.host,
            server_port=config.port,
            share=False,
            show_error=False,
            auth=(listener.USER, password) if password else None,
            max_file_size=listener.MOST_UPLOADED,
            app_kwargs={"middleware": [Middleware(listener.OwnHost, hosts=hosts)]},
            ssr_mode=False,
            theme=gr.themes.Default(font=FONTS, font_mono=["monospace"]),
            head=(resources.files("surgvqa.eval.app") / "demo.html").read_text("utf-8"),
        )
    except OSError as error:
        raise InputError(
            f"cannot listen on {config.host}:{config.port}: {error}; give another --port"
        ) from None
