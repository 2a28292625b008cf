"""Start the app: look through clips, ask models, see their answers beside the truth and a blind guess.

    surgvqa-eval demo --data demo/dataset --model demo/adapter --predictions demo/predictions.jsonl

It listens on 127.0.0.1 unless told otherwise, takes nothing from the network, and opens only what it was started with.
"""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from surgvqa.cards.command import InputError, refuse_nowhere
from surgvqa.eval.app import listener
from surgvqa.eval.settings.pages import Demo

if TYPE_CHECKING:
    from surgvqa.eval.answers.one_question import Models
    from surgvqa.eval.app.service import AppInputs, Service

DEMO_FOLDER = Path("demo")  # where `make demo` leaves its data set, adapter, answers and score


def app_inputs(config: Demo) -> AppInputs:
    """Return the data sets, models and answers to show: those that are named, else those of ``make demo``.

    Raises:
        InputError: nothing to show; a folder that isn't a data set; a file that isn't there.
    """
    from surgvqa.eval.app.service import AppInputs

    data, models = list(config.data), list(config.model)
    predictions, score = list(config.predictions), config.score
    if not data and (DEMO_FOLDER / "dataset").is_dir():
        data = [str(DEMO_FOLDER / "dataset")]
        models = models or [
            str(path) for path in (DEMO_FOLDER / "adapter", DEMO_FOLDER / "base") if path.is_dir()
        ]
        predictions = predictions or [path for path in (DEMO_FOLDER / "predictions.jsonl",) if path.is_file()]
        score = score or next((path for path in (DEMO_FOLDER / "score.json",) if path.is_file()), None)
    return AppInputs(
        data=data, models=models, predictions=predictions, score=score, video_root=config.video_root
    )


def refuse_mistakes(config: Demo) -> None:
    """Raise for what can be told from the names alone, before anything heavy is imported."""
    if not config.data and not (DEMO_FOLDER / "dataset").is_dir():
        raise InputError(f"no --data, and no {DEMO_FOLDER / 'dataset'} here; `make demo` makes one")
    for name in config.data:
        refuse_nowhere(name, "data set")
        if Path(name).is_dir() and not any(Path(name).rglob("*.parquet")):
            raise InputError(
                f"--data {name} holds no Parquet file; `surgvqa-build SOURCE --root ROOT --out {name}` makes one"
            )
    for name in config.model:
        refuse_nowhere(name, "model")
    for path in (*config.predictions, *([config.score] if config.score else ())):
        if not path.is_file():
            raise InputError(f"there is no file {path}")


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        InputError: the address is taken, or isn't this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(f"cannot listen on {host}:{port}: {error}; give another --port") from None


def serve(config: Demo) -> None:
    """Start the app and wait.

    Raises:
        InputError: nothing to show; a port that is taken; a folder that isn't a data set.
    """
    refuse_mistakes(config)
    password = listener.password_for(config.host)
    hosts = listener.hosts_of(config.host, config.allow_host)
    door = bound(config.host, config.port)
    from surgvqa.eval.app.asking import Asker, recogniser
    from surgvqa.eval.app.service import Service
    from surgvqa.eval.app.web import application

    silence_progress()
    service = Service(app_inputs(config))

    def models() -> Models:
        from surgvqa.eval.answers.one_question import Models

        return Models(config.dtype, config.device)

    asker = Asker(service, models, recogniser(config.recogniser) if config.recogniser else None)
    threading.Thread(target=read_ahead, args=[service], daemon=True).start()
    host = f"[{config.host}]" if ":" in config.host else config.host
    print(f"The app is on http://{host}:{door.getsockname()[1]}; Ctrl-C stops it", flush=True)
    server = uvicorn.Config(application(service, asker, hosts, password), log_level="warning")
    uvicorn.Server(server).run(sockets=[door])


def silence_progress() -> None:
    """Turn the progress bars of Hugging Face's libraries off: they would go on behind the app's address."""
    import datasets
    from huggingface_hub.utils.tqdm import disable_progress_bars

    datasets.disable_progress_bars()
    disable_progress_bars()  # transformers reads it when it is imported, with the first model


def read_ahead(service: Service) -> None:
    """Read the first data set while the browser opens; what is wrong with it is said here, and again in the page."""
    try:
        service.clips(service.start(False)["data"][0]).split()
    except InputError as error:
        print(f"surgvqa-eval demo: {error}", file=sys.stderr, flush=True)
