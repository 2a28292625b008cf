"""The verbs ``score`` and ``compare``: files in, a table on the terminal and JSON out."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from surgvqa.cards.files.atomic import write_text
from surgvqa.cards.files.manifest import read_json
from surgvqa.eval.data import columns
from surgvqa.eval.data.truth import spellings, truth
from surgvqa.eval.documents.comparison import ComparisonFile
from surgvqa.eval.documents.runs import Provenance
from surgvqa.eval.documents.scores import ScoreFile
from surgvqa.eval.output import score_table, terminal
from surgvqa.eval.output.documents import SCHEMA_VERSION, write
from surgvqa.eval.scoring import compare as comparing
from surgvqa.eval.scoring import score as scoring
from surgvqa.eval.settings.score import Compare, Score

TABLES = {".csv": score_table.as_csv, ".tex": score_table.as_latex}


@contextmanager
def without_collector() -> Iterator[None]:
    """Hold back the collector of cycles: rows have none, and looking for them in 100,000 takes a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def score(config: Score) -> None:
    """Score one predictions file: print the table, write the figures."""
    figures = score_figures(config)
    show(terminal.scores(figures))
    if config.out and (as_text := TABLES.get(config.out.suffix.lower())):
        write_text(config.out, as_text(figures))
    elif config.out:
        write(config.out, figures)


@without_collector()
def score_figures(config: Score) -> ScoreFile:
    """Return the figures of one predictions file."""
    contents = columns.require_answers(
        columns.read(config.file, columns.parse_columns(config.columns)), config.file
    )
    data, train = truth(config)
    figures = scoring.score(
        contents.predictions,
        rule=config.rule,
        train=train,
        data=data,
        spellings=spellings(config.taxonomy),
        seed=config.seed,
    )
    read_as = dict(sorted(contents.read_as.items()))
    return {
        "schema_version": SCHEMA_VERSION,
        "file": config.file.name,
        "layout": contents.layout,
        "read_as": read_as,
        **figures,
    }


def compare(config: Compare) -> None:
    """Compare two predictions files on the same questions: print the table, write the figures."""
    figures = comparison_figures(config)
    show(terminal.comparison(figures))
    if config.out:
        write(config.out, figures)


@without_collector()
def comparison_figures(config: Compare) -> ComparisonFile:
    """Return the figures of two predictions files on the same questions."""
    mapping = columns.parse_columns(config.columns)
    a, b = (columns.require_answers(columns.read(file, mapping), file) for file in (config.a, config.b))
    data, _ = truth(config)
    figures = comparing.compare(a.predictions, b.predictions, rule=config.rule, data=data, seed=config.seed)
    runs = {"a": provenance(config.a), "b": provenance(config.b)}
    files = {"a": config.a.name, "b": config.b.name}
    return {"schema_version": SCHEMA_VERSION, "files": files, "runs": runs, **figures}


def show(text: str) -> None:
    """Print a text; a reader who has seen enough (``| head``) is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def provenance(file: Path) -> Provenance:
    """Return the provenance of a file's answers, as `predict` left it beside them: nothing that names a place."""
    path = file.with_suffix(".run.json")
    if not path.is_file():
        return {}
    facts = read_json(path, "delete it, or answer again")
    origin: Provenance = {}
    for key in ("engine", "config", "split", "control"):
        if key in facts:
            origin[key] = facts[key]
    return origin
