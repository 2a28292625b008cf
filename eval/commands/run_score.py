"""The verbs ``score`` and ``compare``: files in, a table on the terminal and JSON out."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from surgvqa.cards.files.manifest import read_json
from surgvqa.eval.data import columns
from surgvqa.eval.data.truth import spellings, truth
from surgvqa.eval.output import terminal
from surgvqa.eval.output.documents import write
from surgvqa.eval.scoring import compare as comparing
from surgvqa.eval.scoring import score as scoring


def score(args: argparse.Namespace) -> None:
    """Score one predictions file."""
    loaded = columns.answered(columns.read(args.file, columns.parse_columns(args.columns)), args.file)
    data, train = truth(args)
    figures = scoring.score(
        loaded.predictions,
        rule=args.rule,
        train=train,
        data=data,
        spellings=spellings(args.taxonomy),
        seed=args.seed,
    )
    read_as = dict(sorted(loaded.read_as.items()))
    figures = {"file": args.file.name, "layout": loaded.layout, "read_as": read_as, **figures}
    show(terminal.scores(figures))
    if args.out:
        write(args.out, figures)


def compare(args: argparse.Namespace) -> None:
    """Compare two predictions files on the same questions."""
    mapping = columns.parse_columns(args.columns)
    a, b = (columns.answered(columns.read(file, mapping), file) for file in (args.a, args.b))
    data, _ = truth(args)
    figures = comparing.compare(a.predictions, b.predictions, rule=args.rule, data=data, seed=args.seed)
    runs = {"a": asked(args.a), "b": asked(args.b)}
    figures = {"files": {"a": args.a.name, "b": args.b.name}, "runs": runs, **figures}
    show(terminal.comparison(figures))
    if args.out:
        write(args.out, figures)


def show(text: str) -> None:
    """Print a text; a reader who has seen enough (``| head``) is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def asked(file: Path) -> dict[str, Any]:
    """How the answers of a file came about, as `predict` left it beside them: nothing that names a place."""
    path = file.with_suffix(".run.json")
    if not path.is_file():
        return {}
    said = read_json(path, "delete it, or answer again")
    return {key: said[key] for key in ("engine", "config", "split", "control") if key in said}
