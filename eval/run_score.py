"""The verbs ``score`` and ``compare``: files in, a table on the terminal and JSON out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from surgvqa.cards.manifest import read_json
from surgvqa.eval import columns, reference, terminal
from surgvqa.eval import compare as comparing
from surgvqa.eval import score as scoring
from surgvqa.eval.predictions import Prediction


def score(args: argparse.Namespace) -> None:
    """Score one predictions file."""
    loaded = columns.read(args.file, columns.parse_columns(args.columns))
    data, train = truth(args)
    figures = scoring.score(
        loaded.predictions,
        rule=args.rule,
        train=train,
        data=data,
        spellings=spellings(args.taxonomy),
        seed=args.seed,
    )
    figures = {"file": args.file.name, "layout": loaded.layout, **figures}
    print(terminal.scores(figures))
    if args.out:
        write(args.out, figures)


def compare(args: argparse.Namespace) -> None:
    """Compare two predictions files on the same questions."""
    mapping = columns.parse_columns(args.columns)
    a, b = columns.read(args.a, mapping), columns.read(args.b, mapping)
    data, _ = truth(args)
    figures = comparing.compare(a.predictions, b.predictions, rule=args.rule, data=data, seed=args.seed)
    runs = {"a": asked(args.a), "b": asked(args.b)}
    figures = {"files": {"a": args.a.name, "b": args.b.name}, "runs": runs, **figures}
    print(terminal.comparison(figures))
    if args.out:
        write(args.out, figures)


def asked(file: Path) -> dict[str, Any]:
    """How the answers of a file came about, as `predict` left it beside them: nothing that names a place."""
    path = file.with_suffix(".run.json")
    if not path.is_file():
        return {}
    said = read_json(path, "delete it, or answer again")
    return {key: said[key] for key in ("engine", "config", "split", "control") if key in said}


def spellings(taxonomy: str | None) -> Mapping[tuple[str, str], str] | None:
    """The terms of a procedure that answers are held against; None without ``--taxonomy``."""
    if not taxonomy:
        return None
    from surgvqa.builders.taxonomy import load

    return load(taxonomy).spellings


def truth(args: argparse.Namespace) -> tuple[list[Prediction] | None, list[Prediction] | None]:
    """The questions that were asked and those of training, None where none are given."""
    mapping = columns.parse_columns(args.data_columns)
    data = reference.questions(args.data, args.split, mapping) if args.data else None
    if args.train:
        return data, reference.questions(args.train, "train", mapping)
    return data, reference.training(args.data) if args.data else None


def write(path: Path, figures: dict[str, Any]) -> None:
    """The figures as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    text = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
    # A lone surrogate in someone's labels has no UTF-8; as \\udXXX it is the same text to a JSON reader.
    part.write_text(text, encoding="utf-8", errors="backslashreplace")
    part.replace(path)
