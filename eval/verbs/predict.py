"""``surgvqa-eval predict``: a model, or several, asked about a data set or a running video."""

from __future__ import annotations

from dataclasses import fields

from surgvqa.cards.arguments.words import next_line
from surgvqa.cards.command import InputError, refuse_nowhere, say
from surgvqa.eval.settings.predict import Predict, RunningVideo


def run(config: Predict) -> None:
    """Ask a model, or several."""
    if config.stream:
        watch(config)
        return
    if config.ask or config.ask_aloud:
        raise InputError("--ask and --ask-aloud go with --stream; a data set brings its own questions")
    refuse_nowhere(config.data, "data set")
    for model in config.model if config.engine == "hf" else ():
        refuse_nowhere(model, "model")
    if config.engine == "hf":
        say("loading PyTorch and transformers")
    from surgvqa.eval.answers import ensemble
    from surgvqa.eval.answers.predict import Run

    apart = {"ensemble", "model", *(one.name for one in fields(RunningVideo))}
    options = {name: value for name, value in vars(config).items() if name not in apart}
    if ensemble.run(Run(model=config.model[0], **options), config.model, config.ensemble):
        print(scoring_line(config))


def scoring_line(config: Predict) -> str:
    """Return the line with the command that scores the answers.

    >>> from pathlib import Path
    >>> scoring_line(Predict(data="my data", model=("m",), out=Path("a.jsonl"), split="validation"))
    "next: surgvqa-eval score a.jsonl --data 'my data' --split validation --out a-score.json"
    """
    verb = "pointing" if config.config == "pointing" else "score"
    split = ["--split", config.split] if config.split != "test" else []
    figures = config.out.with_name(f"{config.out.stem}-score.json")
    return next_line("surgvqa-eval", verb, config.out, "--data", config.data, *split, "--out", figures)


def watch(config: Predict) -> None:
    """Ask a model about a running video."""
    if len(config.model) > 1 or config.ensemble:
        raise InputError("--stream asks one model; leave --ensemble and the other --model away")
    say("loading PyTorch and transformers")
    from surgvqa.eval.answers.live_stream import Live, stream

    stream(
        Live(
            source=config.data,
            model=config.model[0],
            questions=config.ask,
            sound=config.ask_aloud,
            window_s=config.window,
            every_s=config.every,
            max_new_tokens=config.max_new_tokens or 64,
            out=config.out,
            frames=config.frames,
            base=config.base,
            dtype=config.dtype,
            device=config.device,
        )
    )
