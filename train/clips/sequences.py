"""The training and validation sequences of a run, each measured before step 1."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import pyarrow.compute as pc
from datasets import Dataset
from surgvqa.cards.command import InputError
from surgvqa.eval.data.row_media import name
from surgvqa.eval.models.budget import most_tokens
from surgvqa.eval.models.encode import Encoder, turns
from surgvqa.train.clips.answering import Answering
from surgvqa.train.clips.collate import Collator, units
from surgvqa.train.sources.mixture import Parts
from surgvqa.train.steps.options import (
    TrainingOptions,
)
from tqdm import tqdm
from transformers.integrations import is_deepspeed_zero3_enabled


@dataclass(frozen=True, slots=True)
class Sequences:
    """The sequences that a run learns from and is measured on."""

    train: Dataset
    held_out: Dataset | None
    collator: Collator
    answering: Answering | None  # questions that are answered at every evaluation


def sequences_of(
    rows: Dataset,
    held_out: Dataset | None,
    encoder: Encoder,
    training: TrainingOptions,
    limit: int,
    parts: Parts | None = None,
) -> Sequences:
    """Measure every sequence of both splits.

    Args:
        rows: of the training split.
        held_out: of the validation split.
        encoder: of the run.
        training: its options.
        limit: most tokens of a sequence.
        parts: gives the sequences of several data sets their parts of an epoch, by their rows and weights.

    Raises:
        InputError: one that is longer than ``limit``; evaluation questions for a sharded model.
    """
    is_shared, masks = training.questions_per_sequence != 1, training.thoughts == "mask"
    train = measure_units(rows, encoder, training.questions_per_sequence, limit, training.answer_weights)
    if parts is not None:
        weights = parts(train["row"], train["weight"])
        train = train.remove_columns("weight").add_column("weight", weights)
    if held_out is None:
        return Sequences(train, None, Collator(rows, encoder, is_shared, masks), None)
    units = measure_units(held_out, encoder, training.questions_per_sequence, limit)
    answering = None
    if training.eval_questions:
        raise_if_sharded(training)
        answering = Answering(
            held_out, rows, encoder, training.eval_questions, longest=most_tokens(encoder.budget, 64)
        )
    return Sequences(
        train.add_column("table", [0] * len(train)),
        units.add_column("table", [1] * len(units)),
        Collator([rows, held_out], encoder, is_shared, masks),
        answering,
    )


def frames_of(rows: Dataset, frames: int | None) -> int:
    """Return the number of frames that every row can give.

    Raises:
        InputError: rows with neither frames nor a video, or videos and no ``--frames``.
    """
    if frames is not None:
        return frames
    counts = pc.list_value_length(rows.with_format("arrow")["images"].combine_chunks()) if len(rows) else []
    fewest = min((count.as_py() or 0 for count in counts), default=0)
    if fewest:
        return fewest
    if "video" in rows.features and any(rows["video"]):
        raise InputError("the clips are videos: say how many frames of each the model is to see, --frames 8")
    raise InputError(
        "there are clips without frames; build with --media frames, or give --frames 0 for text only"
    )


def draw_weights(sequences: Dataset, rows: Dataset, by_answers: bool = False) -> list[float]:
    """Return how often each unit is drawn: its clip's weight; by answers, times the mean weight of its questions.

    Raises:
        InputError: questions without weights, where they are asked for.
    """
    clips = rows["weight"] if "weight" in rows.features else [1.0] * len(rows)
    weights = [clips[index] for index in sequences["row"]]
    if not by_answers:
        return weights
    questions = rows.select_columns([name for name in ("qa", "messages") if name in rows.features])
    weights_by_row = {}
    for index in set(sequences["row"]):
        row = questions[index]
        weights_by_row[index] = [one.get("weight") for one in row.get("qa") or ()]
        if len(weights_by_row[index]) != len(turns(row)[1]) or None in weights_by_row[index]:
            raise InputError(
                "--answer_weights: the questions have no weights; build with --questions informative, or leave it away"
            )
    means = [
        sum(weights_by_row[unit["row"]][number] for number in unit["questions"]) / len(unit["questions"])
        for unit in sequences
    ]
    return [weight * mean for weight, mean in zip(weights, means, strict=True)]


def measure_units(
    rows: Dataset, encoder: Encoder, questions_per_sequence: int, limit: int, answer_weights: bool = False
) -> Dataset:
    """Units with their row's weight, the tokens of their longest conversation (``longest``) and of what goes through the model (``length``).

    Nothing is ever cut, so a conversation that is too long stops the run now.

    Raises:
        InputError: names the longest sequence and what to lower.
    """
    out = units(rows, questions_per_sequence)
    lengths = [
        encoder.lengths(rows[unit["row"]], unit["questions"])
        for unit in tqdm(out, desc="measuring sequences", disable=len(out) < 500, file=sys.stderr)
    ]
    longest = [max(one.alone) for one in lengths]
    worst = max(range(len(longest)), key=longest.__getitem__)
    if longest[worst] > limit:
        raise InputError(
            f"{name(rows[out[worst]['row']])} takes {longest[worst]} tokens, the budget is {limit}; "
            "lower --max_pixels or --frames, or raise --max_length (nothing is cut: a cut would fall on pixels)"
        )
    out = out.add_column("weight", draw_weights(out, rows, answer_weights))
    out = out.add_column("longest", longest)
    return out.add_column("length", [one.joint for one in lengths])


def is_sharded(training: TrainingOptions) -> bool:
    """Whether no process holds whole weights (FSDP, DeepSpeed ZeRO-3), by the options or by `accelerate launch`."""
    is_fsdp_launch = os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"
    return bool(training.fsdp) or is_fsdp_launch or is_deepspeed_zero3_enabled()


def raise_if_sharded(training: TrainingOptions) -> None:
    """Answers are generated past the wrapper that gathers sharded weights."""
    if is_sharded(training):
        raise InputError(
            "weights are sharded over cards: give --eval_questions 0 (loss only), and predict afterwards"
        )
