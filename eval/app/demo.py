"""The app: look at a clip, ask up to two models, see their answers beside the truth and a blind guess.

    surgvqa-eval demo --data demo/dataset --model demo/adapter --score demo/score.json

It listens on 127.0.0.1 unless told otherwise, takes nothing from the network, and opens only what it was started with.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from surgvqa.builders.speech.sound import LONGEST_S, read_sound
from surgvqa.cards.command import InputError
from surgvqa.eval.app import listener
from surgvqa.eval.app.events import ANY, NOBODY, Page, guarded, table
from surgvqa.eval.app.session import Models
from surgvqa.eval.settings.pages import Demo

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
EMBEDDED = Path("demo")  # where `make demo` leaves its data set, adapter and score
FONTS = ["system-ui", "sans-serif"]  # the default theme would fetch its own from the network


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
        hidden = page.allowed.hidden if page.allowed is not None else str
        safe = guarded(handler, len(outputs) + 1, hidden)
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
    labels = page.allowed.labels if page.allowed is not None else list
    blocks = app(labels(data), labels(models), page, score)
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
