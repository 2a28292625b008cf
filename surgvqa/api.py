"""The verbs as functions: keyword arguments are a command's options, and the result is what the command writes.

Each takes the fields of its configuration (``surgvqa-build --help`` and the reference pages describe them) and does what
the command does, without printing. A mistake raises ``surgvqa.cards.command.InputError``, whose text is the command's line.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from surgvqa.builders.settings.build import Build
from surgvqa.builders.verbs.probe import Probe
from surgvqa.builders.verbs.verify import Verify
from surgvqa.cards.arguments.option import options
from surgvqa.cards.files.documents import Manifest
from surgvqa.cards.verbs.audit import Audit
from surgvqa.cards.verbs.push import Push
from surgvqa.eval.settings.pages import Report
from surgvqa.eval.settings.predict import Predict
from surgvqa.eval.settings.score import Compare, Score

if TYPE_CHECKING:
    from datasets import DatasetDict

    from surgvqa.builders.video.probe import VideoReport
    from surgvqa.cards.publish.hits import Hit
    from surgvqa.eval.app.shown_clip import ShownClip
    from surgvqa.eval.data.predictions import Prediction
    from surgvqa.eval.documents.comparison import ComparisonFile
    from surgvqa.eval.documents.scores import ScoreFile

P = ParamSpec("P")
C = TypeVar("C")
R = TypeVar("R")


def verb(config: Callable[P, C], run: Callable[[C], R]) -> Callable[P, R]:
    """Return a function that takes a configuration's fields; a path may be a string, several values a list."""
    kind: Any = config
    given = {one.name: one for one in options(kind)}

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        values = {
            name: _value(given[name], value) if name in given else value for name, value in kwargs.items()
        }
        made: C = kind(*args, **values)
        return run(made)

    call.__name__ = call.__qualname__ = run.__name__.removeprefix("_")
    fields = "".join(f"\n        {one.name}: {one.help}" for one in given.values())
    call.__doc__ = f"{run.__doc__}\n\n    Args:{fields}\n    "
    returned = inspect.signature(run).return_annotation
    call.__signature__ = inspect.signature(config).replace(return_annotation=returned)  # type: ignore[attr-defined]
    return call


def _value(option: Any, value: Any) -> Any:
    """Return a value as the configuration wants it."""
    if value is None:
        return None
    if option.many:
        items = [value] if isinstance(value, str | Path) else value
        return tuple(option.kind(item) for item in items)
    return Path(value) if option.kind is Path else value


def _build(config: Build) -> Manifest:
    """Build a data set; returns its manifest."""
    from surgvqa.builders.files import process_pool

    if config.workers:
        process_pool.begin("surgvqa.builders.pipeline.build")
    from surgvqa.builders.pipeline import build as pipeline

    return pipeline.build(config)


def _verify(config: Verify) -> int:
    """Check every file of a data set or a model, bit for bit; returns how many there are."""
    from surgvqa.builders.pipeline import verify as checking

    return checking.verify(config.folder)


def _probe(config: Probe) -> list[VideoReport]:
    """Decode every video of a folder; returns what is known of each, and what is wrong with it."""
    from surgvqa.builders.video import probe as probing

    return list(probing.probe_all(probing.files(config.root), config.workers))


def load(data: str | Path, config: str = "clips") -> DatasetDict:
    """Return all splits of a data set, a folder or a Hub name; its pictures are left as bytes.

    Raises:
        InputError: no such data set, or one that is unfinished, was changed, or has a case in two splits.
    """
    from surgvqa.eval.data.dataset import load_rows

    return load_rows(str(data), config)


def _predict(config: Predict) -> list[Prediction]:
    """Ask a model every question of a split; returns the answers, which are in the file, too."""
    from surgvqa.eval.data import predictions
    from surgvqa.eval.verbs import predict as asking

    asking.run(config)
    return predictions.read(config.out)


def _score(config: Score) -> ScoreFile:
    """Score predictions; returns every figure."""
    from surgvqa.eval.commands import run_score

    return run_score.score_figures(config)


def _compare(config: Compare) -> ComparisonFile:
    """Compare two files of predictions; returns every figure."""
    from surgvqa.eval.commands import run_score

    return run_score.comparison_figures(config)


def _report(config: Report) -> Path:
    """Write a page; returns where it is."""
    from surgvqa.eval.reports import report as pages

    pages.report(config)
    return config.out


def _audit(config: Audit) -> list[Hit]:
    """Search a folder for what must not be published; returns what was found."""
    from surgvqa.cards.publish import audit as searching
    from surgvqa.cards.publish.push import files_of

    return searching.audit(config.folder, files_of(config.folder))


def _push(config: Push) -> str:
    """Check, audit and publish a folder; returns the revision."""
    from surgvqa.cards.publish import push as publishing

    return publishing.push(
        config.folder, config.repo, repo_type=config.type, public=config.public, read_back=config.read_back
    )


def render(row: Mapping[str, Any]) -> ShownClip:
    """Return a row of the config ``clips`` as a notebook shows it: frames, questions and answers."""
    from surgvqa.eval.app.shown_clip import ShownClip

    return ShownClip(row)


build = verb(Build, _build)
verify = verb(Verify, _verify)
probe = verb(Probe, _probe)
predict = verb(Predict, _predict)
score = verb(Score, _score)
compare = verb(Compare, _compare)
report = verb(Report, _report)
audit = verb(Audit, _audit)
push = verb(Push, _push)
