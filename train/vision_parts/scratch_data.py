"""Samples of a data set for a model from nothing: pictures, questions and answers, as tensors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from surgvqa.builders.files.pictures import decode_jpeg
from surgvqa.cards.command import InputError
from surgvqa.eval.data import streams
from surgvqa.train.vision_parts.scratch_model import IGNORE_INDEX
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedTokenizerFast

PAD, START, QUESTION_END, END = (
    "<pad>",
    "<start>",
    "<asked>",
    "<end>",
)  # <start> question <asked> answer <end>


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture (size x size x 3), what is asked about it, and what it really shows."""

    case_id: str
    picture: np.ndarray
    question: str
    answer: str
    phase: str | None
    instruments: frozenset[str] | None  # None: nobody looked


def samples(folder: Path, split: str, kinds: Sequence[str], side: int) -> list[Sample]:
    """Return the questions of a split.

    Raises:
        InputError: no such split, no pictures in the rows, or none of the kinds.
    """
    question_samples = []
    for row in streams.clips(str(folder), split):
        if not row["images"]:
            raise InputError(f"{folder}: no pictures in the rows; build it with --media frames")
        scene = json.loads(row["scene"]) if row["scene"] else None
        instruments = None
        if scene is not None:
            instruments = frozenset(node["name"] for node in scene["nodes"] if node["type"] == "instrument")
        for qa in row["qa"]:
            if qa["kind"] not in kinds:
                continue
            about = qa["evidence_s"][0] if qa["evidence_s"] else (row["start_s"] + row["end_s"]) / 2
            nearest = int(np.argmin([abs(time_s - about) for time_s in row["frame_times_s"]]))
            picture = Image.fromarray(decode_jpeg(row["images"][nearest]["bytes"])).resize((side, side))
            question_samples.append(
                Sample(
                    row["case_id"],
                    np.asarray(picture),
                    qa["question"],
                    qa["answer"],
                    row["phase"],
                    instruments,
                )
            )
    if not question_samples:
        raise InputError(
            f"{folder}, {split}: no question of kind {', '.join(kinds)}; build it with --kinds {' '.join(kinds)}"
        )
    return question_samples


def words(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Return a byte-pair tokenizer of the texts: a word that occurs often is one token."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=2048,
            special_tokens=[PAD, START, QUESTION_END, END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token=PAD, bos_token=START, eos_token=END)


def prompt(tokenizer: PreTrainedTokenizerFast, question: str) -> list[int]:
    """Return the ids up to where the answer begins."""
    ids: list[int] = tokenizer(f"{START}{question}{QUESTION_END}", add_special_tokens=False)["input_ids"]
    return ids


def batch(
    batch_samples: Sequence[Sample], tokenizer: PreTrainedTokenizerFast, seed: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """(ids, labels, pictures); pictures are moved, turned and lit a little, by the seed."""
    rows, labels = [], []
    for one in batch_samples:
        prompt_ids = prompt(tokenizer, one.question)
        answer_ids = tokenizer(f"{one.answer}{END}", add_special_tokens=False)["input_ids"]
        rows.append(torch.tensor(prompt_ids + answer_ids))
        labels.append(torch.tensor([IGNORE_INDEX] * len(prompt_ids) + answer_ids))
    pixels = pictures(batch_samples, device)
    draw = torch.Generator().manual_seed(seed)
    n = len(batch_samples)
    angle = (torch.rand(n, generator=draw) - 0.5) * 0.4
    scale = 0.85 + 0.3 * torch.rand(n, generator=draw)
    rotation = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(n, 2, 2)
    shift = (torch.rand(n, 2, 1, generator=draw) - 0.5) * 0.2
    grid = functional.affine_grid(
        torch.cat([rotation * scale[:, None, None], shift], 2), list(pixels.shape), align_corners=False
    )
    light = 0.85 + 0.3 * torch.rand(n, 3, 1, 1, generator=draw)
    moved_pixels = functional.grid_sample(
        pixels, grid.to(device), padding_mode="reflection", align_corners=False
    )
    pad = torch.nn.utils.rnn.pad_sequence
    return (
        pad(rows, batch_first=True).to(device),
        pad(labels, batch_first=True, padding_value=IGNORE_INDEX).to(device),
        (moved_pixels * light.to(device)).clamp(0, 1),
    )


def pictures(batch_samples: Sequence[Sample], device: torch.device) -> Tensor:
    """(n, 3, size, size) in 0-1."""
    pixels = torch.from_numpy(np.stack([one.picture for one in batch_samples]))
    return pixels.to(device).movedim(-1, 1).float() / 255
