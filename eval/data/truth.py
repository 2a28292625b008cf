"""The truth that answers are held against: a data set's questions, and a procedure's terms."""

from __future__ import annotations

from collections.abc import Mapping

from surgvqa.eval.data import columns, reference
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.settings.score import Truth


def spellings(taxonomy: str | None) -> Mapping[tuple[str, str], str] | None:
    """Return the terms of a procedure that answers are held against; None without ``--taxonomy``."""
    if not taxonomy:
        return None
    from surgvqa.builders.procedures.taxonomy import load

    return load(taxonomy).spellings


def truth(config: Truth) -> tuple[list[Prediction] | None, list[Prediction] | None]:
    """Return the questions that were asked and those of training, None where none are given."""
    mapping = columns.parse_columns(config.data_columns)
    data = reference.questions(config.data, config.split, mapping) if config.data else None
    if config.train:
        return data, reference.questions(config.train, "train", mapping)
    return data, reference.training(config.data) if config.data else None
