"""The measures that ``--measures`` names: "set_f1,number:2,time:5" as functions of replies and right answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from surgvqa.cards.command import InputError, nearest
from surgvqa.eval.measures import answers, lexical_models, texts

Measurement = Callable[[Sequence[str], Sequence[Sequence[str]]], float]

PLAIN: Mapping[str, Measurement] = {
    **texts.MEASURES,
    "meteor": lexical_models.meteor,
    "set_f1": answers.set_f1,
    "temporal_iou": answers.temporal_iou,
    "edit": answers.edit_score,
    "map": answers.mean_average_precision,
}
WITH_VALUE = {
    "number": "2, or 10% of the right one",
    "time": "5 (seconds)",
    "segmental_f1": "50 (per cent)",
    "bertscore": "FOLDER",
}


def measurements(text: str) -> dict[str, Measurement]:
    """Return the measures of an option by their names; those of free texts where it is empty.

    >>> sorted(measurements("")), sorted(measurements("number:2, set_f1"))
    (['bleu', 'chrf', 'exact', 'rouge_l', 'token_f1'], ['number:2', 'set_f1'])

    Raises:
        InputError: no such measure, or a value that it doesn't take.
    """
    if not text.strip():
        return dict(texts.MEASURES)
    return {entry: _measurement(entry) for entry in map(str.strip, text.split(",")) if entry}


def _measurement(entry: str) -> Measurement:
    name, _, value = entry.partition(":")
    if name in PLAIN and not value:
        return PLAIN[name]
    if name == "bertscore":
        return partial(lexical_models.bert_score, folder=value)
    if name in WITH_VALUE:
        amount = _amount(entry, name, value)
        if name == "number":
            relative = value.endswith("%")
            return partial(
                answers.near_numbers, tolerance=amount / 100 if relative else amount, relative=relative
            )
        if name == "time":
            return partial(answers.near_times, tolerance_s=amount)
        return partial(answers.segmental_f1, overlap=amount / 100)
    if name in PLAIN:
        raise InputError(f"--measures {entry}: {name} takes no value")
    raise InputError(f"--measures {entry}: no such measure; {nearest(name, sorted((*PLAIN, *WITH_VALUE)))}")


def _amount(entry: str, name: str, value: str) -> float:
    try:
        amount = float(value.removesuffix("%") if name == "number" else value)
    except ValueError:
        amount = -1.0
    if amount < 0:
        raise InputError(
            f"--measures {entry}: {name} needs a value behind a colon, for instance {WITH_VALUE[name]}"
        )
    return amount
