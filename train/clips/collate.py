"""Batches for training: one sequence per question, or all questions of a clip behind the clip (``pack``).

A data set of units (row, questions) is what a trainer shuffles; this looks the rows up, encodes them
(``surgvqa.eval.models.encode``) and adds the labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from datasets import Dataset
from surgvqa.cards.command import InputError
from surgvqa.eval.data.row_media import name
from surgvqa.eval.models.encode import Encoder, turns
from surgvqa.train.clips.vision_cache import ClipFeatures, VisionCache
from surgvqa.train.steps.kind_loss import KIND_INDEX
from surgvqa.train.steps.labels import IGNORE, assistant_labels, mask_thoughts
from torch import Tensor

NO_PATCHES = torch.zeros(0, 0, dtype=torch.uint8)
PREFIX, PAD = 0, -1  # in `question_index`; a question's tokens carry its number, from 1


@dataclass(frozen=True, slots=True)
class TrainingSequence:
    """Token ids of one training sequence, what is taught of them, and which question each belongs to."""

    ids: list[int]
    labels: list[int]
    questions: list[int]


def pack(
    rows: Sequence[Sequence[int]], labels: Sequence[Sequence[int]], own: int | None = None
) -> TrainingSequence:
    """Several conversations about one clip as one sequence: what they begin with, once, then each one's rest.

    The common start never reaches an answer, and what follows an answer's ``<|im_end|>`` (a line break
    that nothing is learned from) is dropped. Tokens ``own``, which stand for sound, are never common.

    >>> pack([[7, 7, 1, 5], [7, 7, 2, 6]], [[-100, -100, -100, 5], [-100, -100, -100, 6]])
    TrainingSequence(ids=[7, 7, 1, 5, 2, 6], labels=[-100, -100, -100, 5, -100, 6], questions=[0, 0, 1, 1, 2, 2])
    """
    first = min(next(i for i, label in enumerate(row) if label != IGNORE) for row in labels)
    common = 0
    while common < first - 1 and rows[0][common] != own and len({row[common] for row in rows}) == 1:
        common += 1
    sequence = TrainingSequence(list(rows[0][:common]), [IGNORE] * common, [PREFIX] * common)
    for number, (ids, row_labels) in enumerate(zip(rows, labels, strict=True), start=1):
        end = max(i for i, label in enumerate(row_labels) if label != IGNORE) + 1
        sequence.ids.extend(ids[common:end])
        sequence.labels.extend(row_labels[common:end])
        sequence.questions.extend([number] * (end - common))
    return sequence


def units(rows: Dataset, questions_per_sequence: int) -> Dataset:
    """Return what one training sequence holds: columns ``row`` (an index into ``rows``) and ``questions``.

    Args:
        rows: a ``clips`` data set; only its texts are read.
        questions_per_sequence: at most so many questions of a clip share a sequence; 0 for all of them.
    """
    out: dict[str, list[Any]] = {"row": [], "questions": []}
    for index, row in enumerate(
        rows.select_columns([c for c in ("clip_id", "messages") if c in rows.features])
    ):
        count = len(turns(row)[1])
        step = questions_per_sequence or max(count, 1)
        for start in range(0, count, step):
            out["row"].append(index)
            out["questions"].append(list(range(start, min(start + step, count))))
    if not out["row"]:
        raise InputError("the data set has no question to learn from (column messages)")
    return Dataset.from_dict(out)


class Collator:
    """Units to a batch of tensors, with labels; ``question_index`` tells shared sequences apart.

    Args:
        rows: the ``clips`` data set, its images not decoded; or several, which a unit's ``table`` counts from 0.
        encoder: turns its rows into model inputs.
        shared: pack the questions of a unit behind one clip; else every question brings its clip.
        masks_thoughts: leave the thoughts before an answer out of what is taught.

    With a ``cache`` of the clips, batches hold their features and no pixel is read.
    """

    cache: VisionCache | None = None
    kinds: Mapping[str, int] = {}  # of the questions whose loss is told apart, by their number

    def __init__(
        self,
        rows: Dataset | Sequence[Dataset],
        encoder: Encoder,
        shared: bool,
        masks_thoughts: bool = False,
    ) -> None:
        self.tables = [rows] if isinstance(rows, Dataset) else list(rows)
        self.encoder = encoder
        self.shares_prefix = shared
        self.masks_thoughts = masks_thoughts

    def __call__(self, units: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Encode, label, pack and pad."""
        sequences, clips = [], []
        kinds: list[list[int]] = []  # of each sequence's tokens
        features: list[ClipFeatures] = []
        for unit in units:
            table, index = unit.get("table", 0), unit["row"]
            row = self.tables[table][index]
            if self.cache is None:
                clip = self.encoder.encode(row, unit["questions"], answered=True)
            else:
                clip_features = self.cache.load(table, index)
                clip = self.encoder.encode_patches(
                    row, unit["questions"], True, NO_PATCHES, clip_features.grid, clip_features.times
                )
                features += [clip_features] * (1 if self.shares_prefix else len(clip.ids))
            try:
                labels = [self.labels(ids) for ids in clip.ids]
            except InputError as error:
                raise InputError(f"{name(row)}: {error}") from None
            own_kinds = (
                [self.kinds.get(row["qa"][number]["kind"], -1) for number in unit["questions"]]
                if self.kinds
                else []
            )
            if self.shares_prefix:
                sequences.append(pack(clip.ids, labels, self.encoder.sound_id))
                kinds.append(
                    [
                        own_kinds[number - 1] if number else -1
                        for number in sequences[-1].questions
                        if own_kinds
                    ]
                )
                clips.append(clip)
            else:
                for number, (ids, row_labels) in enumerate(zip(clip.ids, labels, strict=True)):
                    sequences.append(TrainingSequence(ids, row_labels, []))
                    kinds.append([own_kinds[number]] * len(ids) if own_kinds else [])
                    clips.append(replace(clip, sounds=clip.sounds[number : number + 1]))
        batch = self.encoder.inputs([sequence.ids for sequence in sequences], clips, left=False)
        batch |= self.encoder.sound_inputs(clips)
        if self.cache is not None:
            batch |= self.cache.batch(features)
        width = batch["input_ids"].shape[1]
        batch["labels"] = pad_rows([sequence.labels for sequence in sequences], IGNORE, width)
        if self.shares_prefix:
            batch["question_index"] = pad_rows([sequence.questions for sequence in sequences], PAD, width)
        if self.kinds:
            batch[KIND_INDEX] = pad_rows(kinds, -1, width)
        return batch

    def labels(self, ids: Sequence[int]) -> list[int]:
        """Return what is taught of a conversation."""
        encoder = self.encoder
        labels = assistant_labels(ids, encoder.tokenizer, encoder.marks.opening, encoder.marks.closing)
        if self.masks_thoughts:
            mask_thoughts(labels, encoder.tokenizer, encoder.marks.thoughts_closing)
        return labels


def pad_rows(rows: Sequence[Sequence[int]], value: int, width: int) -> Tensor:
    """Rows of integers as a tensor ``rows x width``, filled up on the right.

    >>> pad_rows([[1], [2, 3]], -1, 2).tolist()
    [[1, -1], [2, 3]]
    """
    out = torch.full((len(rows), width), value)
    for index, row in enumerate(rows):
        out[index, : len(row)] = torch.tensor(row)
    return out
