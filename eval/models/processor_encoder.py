"""Clips for any image-text model (MedGemma, …): its own processor makes tokens and pixels, by the chat template.

Qwen-VL has a faster encoder of its own (``surgvqa.eval.models.encode``). What any ``AutoModelForImageTextToText`` must
bring is a processor with a chat template whose answers begin with its generation prompt and end with a special token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from surgvqa.cards.command import InputError
from surgvqa.eval.chat.marks import marks
from surgvqa.eval.chat.thoughts import switch
from surgvqa.eval.models.audio_encoder import Ears
from surgvqa.eval.models.audio_graft import HEARING
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.encode import EncodedClip, Encoder, Lengths, Message, lengths
from surgvqa.eval.models.pixels import Frames
from torch import Tensor
from transformers import ProcessorMixin

HYBRIDS = ("qwen3_5", "qwen3_5_moe")  # three layers of linear attention to one of full
PATCH_FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", *HYBRIDS, *HEARING)  # whose patches we make ourselves
KINDS = ("token_type_ids", "mm_token_type_ids")  # which tokens stand for an image: 1, else 0


@dataclass(frozen=True, slots=True)
class ProcessedClip(EncodedClip):
    """As ``Encoded``; the pixels in ``media``, as the model's own processor hands them over."""

    media: Mapping[str, Tensor] = field(default_factory=dict)


def encoder_for(
    model_type: str,
    processor: ProcessorMixin,
    budget: Budget,
    root: Path | None = None,
    ears: Ears | None = None,
) -> Encoder:
    """Return the encoder that goes with a model type.

    Raises:
        InputError: a processor that doesn't follow the contract, or a budget that such a model can't keep.
    """
    if model_type in PATCH_FAMILIES:
        encoder = Encoder(processor, budget, root, ears)
        if model_type in HYBRIDS or budget.thoughts:  # an answer begins behind its thoughts
            encoder.marks = marks(processor, budget.thoughts)
        return encoder
    return ProcessorEncoder(processor, budget, root)


def raise_if_resized(model_type: str, where: str, **limits: int | None) -> None:
    """Pixel limits mean nothing to a processor that isn't Qwen-VL's.

    Args:
        model_type: of the model.
        where: what to call it.
        limits: ``min_pixels`` and ``max_pixels``; None (or the default of a budget) where they weren't given.

    Raises:
        InputError: a limit was given.
    """
    usual = {one.name: one.default for one in fields(Budget)}
    given_limits = [key for key, value in limits.items() if value not in (None, usual[key])]
    if given_limits and model_type not in PATCH_FAMILIES:
        raise InputError(
            f"{where} is a {model_type}: its processor sizes frames by its own configuration; leave --{given_limits[0]} away"
        )


class ProcessorEncoder(Encoder):
    """Turns rows of a ``clips`` data set into ``ProcessedClip``, by the processor alone.

    The processor sees a clip's frames once per question: it alone knows how many tokens they take.

    Raises:
        InputError: no chat template, answers without marks of their own, or videos (frames go in as images).
    """

    def prepare_media(self) -> None:
        """Look at the processor: where answers begin and end, and what stands for an image."""
        kind = type(self.processor).__name__
        if getattr(self.processor, "chat_template", None) is None:
            raise InputError(f"{kind} has no chat template; an instruction-tuned checkpoint brings one")
        if self.budget.media == "video":
            raise InputError(
                f"{kind}: frames go in one by one, videos only into a Qwen-VL; give --media images"
            )
        self.part = self.processor.image_processor
        self.marks = marks(self.processor, self.budget.thoughts)
        self.image_ids = [token for token in self.processor.image_token_ids if token is not None]
        if not self.image_ids:
            raise InputError(f"{kind} doesn't say which tokens stand for an image")
        self.pad_id = self.image_ids[0]
        self.kinds = next((key for key in KINDS if key in self.processor.model_input_names), None)
        self._places: dict[
            tuple[int, int, int], int
        ] = {}  # tokens of a clip's frames, by their number and size

    def chats(
        self, row: Mapping[str, Any], questions: Sequence[int], blocks: Sequence[Message], answered: bool
    ) -> list[list[Message]]:
        """As of any encoder, all contents as blocks: SmolVLM's template writes nothing for a plain text."""
        conversations = super().chats(row, questions, blocks, answered)
        for message in (message for chat in conversations for message in chat):
            if isinstance(message["content"], str):
                message["content"] = [{"type": "text", "text": message["content"]}]
        return conversations

    def encode_frames(
        self,
        row: Mapping[str, Any],
        questions: Sequence[int],
        answered: bool,
        frames: Frames,
        times: Sequence[float],
    ) -> ProcessedClip:
        """Token ids per question, and the clip's pixels as the processor gives them."""
        self.sounds(row, questions)  # refuses: it reads text only
        blocks = [{"type": "image", "image": Image.fromarray(frame)} for frame in frames]
        ids: list[list[int]] = []
        media: dict[str, Tensor] = {}
        for messages in self.chats(row, questions, blocks, answered):
            encoding = self.processor.apply_chat_template(
                messages,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
                add_generation_prompt=not answered,
                **switch(self.processor, self.budget.thoughts),
            )
            ids.append(encoding["input_ids"][0].tolist())
            media = {
                key: value
                for key, value in encoding.items()
                if key not in ("input_ids", "attention_mask", *KINDS)
            }
        if not len(frames):
            media = {}
        return ProcessedClip(
            tuple(ids), torch.zeros(0, 0), torch.zeros(0, 3, dtype=torch.int64), None, (), media
        )

    def lengths(self, row: Mapping[str, Any], questions: Sequence[int]) -> Lengths:
        """Tokens of the questions' conversations, each with its clip; frames are processed once for each of their sizes."""
        frames, times = self.frames(row)
        size = (len(frames), *frames.shape[1:3])
        texts = self.texts(row, questions, len(frames), answered=True)
        ids = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        if size not in self._places:
            whole = self.encode_frames(row, questions[:1], True, frames, times)
            self._places[size] = len(whole.ids[0]) - len(ids[0])
        places = self._places[size]  # before the questions, so behind none of them
        text = lengths(ids, [places] * len(ids))
        return Lengths(text.alone, text.joint - places * (len(ids) - 1))

    def inputs(
        self, ids: Sequence[Sequence[int]], clips: Sequence[EncodedClip], left: bool
    ) -> dict[str, Tensor]:
        """Return a batch of token ids, padded on the left or right, with a clip's pixels for each sequence.

        Raises:
            InputError: pictures that don't go into one batch.
        """
        width = max(map(len, ids))
        input_ids = torch.full((len(ids), width), self.tokenizer.pad_token_id)
        mask = torch.zeros(len(ids), width, dtype=torch.int64)
        for index, row in enumerate(ids):
            place = slice(width - len(row), width) if left else slice(0, len(row))
            input_ids[index, place] = torch.tensor(row)
            mask[index, place] = 1
        batch = {"input_ids": input_ids, "attention_mask": mask}
        if self.kinds is not None:
            batch[self.kinds] = torch.isin(input_ids, torch.tensor(self.image_ids)).long()
        whole = [clip for clip in clips if isinstance(clip, ProcessedClip)]
        for key in sorted({key for clip in whole for key in clip.media}):
            parts = [clip.media[key] for clip in whole if key in clip.media]
            if len({part.shape[1:] for part in parts}) > 1:
                raise InputError(
                    f"{type(self.processor).__name__} makes {key} of several shapes from these frames: "
                    "give a batch size of 1, or build the data set with frames of one size"
                )
            batch[key] = torch.cat(parts)
        return batch
