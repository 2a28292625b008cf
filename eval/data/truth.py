"""What answers are held against: the questions of a data set, and a procedure's terms."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from surgvqa.eval.data import columns, reference
from surgvqa.eval.data.predictions import Prediction


def spellings(taxonomy: str | None) -> Mapping[tuple[str, str], str] | None:
    """The terms of a procedure that answers are held against; None without ``--taxonomy``."""
    if not taxonomy:
        return None
    from surgvqa.builders.procedures.taxonomy import load

    return load(taxonomy).spellings


def truth(args: argparse.Namespace) -> tuple[list[Prediction] | None, list[Prediction] | None]:
    """The questions that were asked and those of training, None where none are given."""
    mapping = columns.parse_columns(args.data_columns)
    data = reference.questions(args.data, args.split, mapping) if args.data else None
    if args.train:
        return data, reference.questions(args.train, "train", mapping)
    return data, reference.training(args.data) if args.data else None
