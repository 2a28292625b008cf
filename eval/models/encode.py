"""Clip rows to model inputs: frames or video to patches, turns to token ids. No labels here.

The same numbers as the stock processor (tests hold it to 1e-6), for a third of its CPU time: JPEG bytes become
uint8 patches, the device normalises them (``surgvqa.eval.models.pixels``), and text is tokenised before its image
placeholders are multiplied. Factors, patch sizes and token ids all come from the processor.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from surgvqa.builders.speech.sound import Samples
from surgvqa.cards.command import InputError
from surgvqa.eval.chat.marks import Marks
from surgvqa.eval.chat.thoughts import split, switch
from surgvqa.eval.data.row_media import name
from surgvqa.eval.models.audio_encoder import Ears
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.pixels import Frames, patchify
from surgvqa.eval.models.row_frames import frames_of, metadata, spacing
from torch import Tensor
from transformers import ProcessorMixin
from transformers.image_utils import SizeDict

Message = dict[str, Any]

# What stands around an answer in the chat templates of the Qwen-VL family.
OPENING = "<|im_start|>assistant\n"
CLOSING = "<|im_end|>"
OTHER_THOUGHTS = {
    False: "the answer has thoughts before it, <think>…</think>; give --thoughts teach, or mask to learn the answer alone",
    True: "the answer has no thoughts, <think>…</think>, before it; leave --thoughts away",
}
# Qwen-VL's own tokens for places: part of an answer in the form ``tokens``, and of nothing else.
PLACES = re.compile(r"<\|(?:object_ref|box|quad)_(?:start|end)\|>")


@dataclass(frozen=True, slots=True)
class EncodedClip:
    """One clip and some of its questions, ready to be batched."""

    ids: tuple[list[int], ...]  # token ids, one list per question, each a whole conversation
    patches: Tensor  # uint8, patches x (3 * patch * patch), or x (3 * 2 * patch * patch) for video
    grid: Tensor  # int64, images x 3 (or 1 x 3 for a video): time, height, width in patches
    second_per_grid: float | None  # of a video: seconds between two steps of the grid's time axis
    sounds: tuple[Samples, ...] = ()  # of spoken questions, one per question


class Lengths(NamedTuple):
    """Tokens of the conversations about a clip."""

    alone: list[int]  # of each, with the clip
    joint: int  # of all of them, one behind the other, after what they begin with in common


def lengths(ids: Sequence[list[int]], more: Sequence[int]) -> Lengths:
    """Of conversations by their token ids; ``more`` tokens are put into each later, for what is heard.

    >>> lengths([[7, 7, 1, 5], [7, 7, 2]], [0, 10])
    Lengths(alone=[4, 13], joint=15)
    """
    alone = [len(text) + extra for text, extra in zip(ids, more, strict=True)]
    columns = enumerate(zip(*ids, strict=False))
    common = next((at for at, column in columns if len(set(column)) > 1), min(map(len, ids)))
    return Lengths(alone, sum(alone) - common * (len(ids) - 1))


def turns(row: Mapping[str, Any]) -> tuple[str | None, list[tuple[str, str]]]:
    """Return a row's system message and its question-answer pairs, as plain text.

    >>> turns({"messages": [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": "A."}]})
    (None, [('Q?', 'A.')])

    Raises:
        InputError: turns that don't alternate between user and assistant.
    """
    messages = [(message["role"], plain(message["content"])) for message in row["messages"]]
    system = messages.pop(0)[1] if messages and messages[0][0] == "system" else None
    roles = [role for role, _ in messages]
    if not messages or roles != ["user", "assistant"] * (len(messages) // 2):
        raise InputError(f"{name(row)}: messages must alternate between user and assistant; found {roles}")
    texts = [text for _, text in messages]
    return system, list(zip(texts[::2], texts[1::2], strict=True))


def plain(content: str | Sequence[Mapping[str, Any]]) -> str:
    """Return a message's text; of content blocks, the text blocks (the images come from the row).

    >>> plain([{"type": "image"}, {"type": "text", "text": "Which phase?"}])
    'Which phase?'
    """
    if isinstance(content, str):
        return content
    return "".join(block["text"] for block in content if block["type"] == "text")


class Encoder:
    """Turns rows of a ``clips`` data set into ``EncodedClip``, for one processor and one budget.

    Args:
        processor: of a Qwen2-VL, Qwen2.5-VL or Qwen3-VL; its pixel limits are set to the budget's.
        budget: what the model sees of a clip.
        root: the folder that the rows' ``video`` paths are relative to.
        ears: of a model that hears; rows with ``sounds`` need them.
    """

    marks = Marks(OPENING, CLOSING)

    def __init__(
        self, processor: ProcessorMixin, budget: Budget, root: Path | None = None, ears: Ears | None = None
    ) -> None:
        self.processor = processor
        self.ears = ears
        self.sound_id = ears.pad_id if ears is not None else None
        self.tokenizer = processor.tokenizer
        self.budget = budget
        self.root = root
        special = sorted(self.tokenizer.all_special_tokens, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, special)))
        self.prepare_media()

    def prepare_media(self) -> None:
        """Find the processor's part for the budget's media, and set its limits."""
        budget = self.budget
        images = budget.media == "images"
        self.part = self.processor.image_processor if images else self.processor.video_processor
        limits = {"shortest_edge": budget.min_pixels, "longest_edge": budget.max_pixels}
        if budget.media == "video" and "qwen3" in type(self.part).__name__.lower():
            limits = {key: value * budget.frames for key, value in limits.items()}  # counts all frames
        self.part.size = SizeDict(**limits)
        self.pad: str = self.processor.image_token if images else self.processor.video_token
        self.pad_id = self.tokenizer.convert_tokens_to_ids(self.pad)

    def encode(self, row: Mapping[str, Any], questions: Sequence[int], answered: bool) -> EncodedClip:
        """Return the clip's pixels, and one conversation per chosen question, with or without its answer."""
        return self.encode_frames(row, questions, answered, *self.frames(row))

    def encode_frames(
        self,
        row: Mapping[str, Any],
        questions: Sequence[int],
        answered: bool,
        frames: Frames,
        times: Sequence[float],
    ) -> EncodedClip:
        """As ``encode``, with these frames and their seconds in the clip."""
        patches, grid = patchify(frames, self.part, self.budget.media)
        return self.encode_patches(row, questions, answered, patches, grid, times)

    def encode_patches(
        self,
        row: Mapping[str, Any],
        questions: Sequence[int],
        answered: bool,
        patches: Tensor,
        grid: Tensor,
        times: Sequence[float],
    ) -> EncodedClip:
        """As ``encode_frames``, with the frames cut up; no patches at all where the model gets features."""
        step = None
        if self.budget.media == "video":
            step = self.part.temporal_patch_size * spacing(times)
        ids = self.conversations(row, questions, grid, times, answered)
        sounds = self.sounds(row, questions)
        if self.ears is not None and sounds:
            pairs = zip(ids, sounds, strict=True)
            ids = tuple(self.ears.put(text, len(sound)) for text, sound in pairs)
        return EncodedClip(ids, patches, grid, step, sounds)

    def sounds(self, row: Mapping[str, Any], questions: Sequence[int]) -> tuple[Samples, ...]:
        """Return the recordings of a row's chosen questions; none where its questions are text.

        Raises:
            InputError: a recording that can't be read; recordings for a model without ears.
        """
        if "sounds" not in row:
            return ()
        if self.ears is None:
            raise InputError(f"{name(row)}: the questions are spoken, and this model reads text only")
        try:
            return tuple(self.ears.read(row["sounds"][number]) for number in questions)
        except InputError as error:
            raise InputError(f"{name(row)}: {error}") from None

    def sound_inputs(self, clips: Sequence[EncodedClip]) -> dict[str, Tensor]:
        """Return the sounds of a batch in the order in which they stand; empty without any."""
        sounds = [sound for clip in clips for sound in clip.sounds]
        return self.ears.features(sounds) if self.ears is not None and sounds else {}

    def lengths(self, row: Mapping[str, Any], questions: Sequence[int]) -> Lengths:
        """Tokens of the questions' conversations, from the first picture's header: nothing is decoded."""
        if self.budget.frames and row.get("images"):
            with Image.open(io.BytesIO(row["images"][0]["bytes"])) as picture:
                width, height = picture.size
        elif self.budget.frames:
            height, width = self.frames(row)[0].shape[1:3]
        times = [float(index) for index in range(self.budget.frames)]
        if self.budget.frames == 0:
            grid = torch.zeros(0, 3, dtype=torch.int64)
        elif self.budget.media == "images":
            patches = self.part.get_number_of_image_patches(height, width, {})
            grid = torch.tensor([[1, patches, 1]] * self.budget.frames)
        else:
            patches = self.part.get_num_of_video_patches(self.budget.frames, height, width, {})
            steps = -(-self.budget.frames // self.part.temporal_patch_size)
            grid = torch.tensor([[steps, patches // steps, 1]])
        ids = self.conversations(row, questions, grid, times, answered=True)
        sounds = [0] * len(ids)
        if "sounds" in row and self.ears is not None:
            sounds = [self.ears.tokens(self.ears.length(row["sounds"][number])) for number in questions]
        return lengths(ids, sounds)

    def frames(self, row: Mapping[str, Any]) -> tuple[Frames, list[float]]:
        """Return the budget's frames of a row and their seconds in the clip.

        Raises:
            InputError: as ``row_frames.frames_of``.
        """
        return frames_of(row, self.budget, self.root)

    def conversations(
        self,
        row: Mapping[str, Any],
        questions: Sequence[int],
        grid: Tensor,
        times: Sequence[float],
        answered: bool,
    ) -> tuple[list[int], ...]:
        """Token ids of one conversation per chosen question: system, clip, question, and its answer if wanted.

        Raises:
            InputError: a text holds one of the model's control tokens.
        """
        texts = self.texts(row, questions, len(grid), answered)
        pads, counts = self.placeholders(grid, times)
        if pads != self.pad:
            texts = [text.replace(self.pad, pads) for text in texts]
        rows = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        return tuple(self.multiply(ids, counts) for ids in rows)

    def texts(
        self, row: Mapping[str, Any], questions: Sequence[int], media: int, answered: bool
    ) -> list[str]:
        """Return the texts that ``conversations`` tokenises, with one placeholder for each of ``media`` images or videos.

        Raises:
            InputError: a text holds one of the model's control tokens.
        """
        blocks: list[Message] = [{"type": self.budget.media.removesuffix("s")}] * media
        return [
            self.processor.apply_chat_template(
                messages,
                tokenize=False,
                add_generation_prompt=not answered,
                **switch(self.processor, self.budget.thoughts),
            )
            for messages in self.chats(row, questions, blocks, answered)
        ]

    def chats(
        self, row: Mapping[str, Any], questions: Sequence[int], blocks: Sequence[Message], answered: bool
    ) -> list[list[Message]]:
        """One conversation per chosen question, ``blocks`` (the media) before it.

        Raises:
            InputError: a text holds one of the model's control tokens.
        """
        system, pairs = turns(row)
        out: list[list[Message]] = []
        for number in questions:
            question, reply = pairs[number][0], split(pairs[number][1])
            if answered and (reply.thoughts is not None) != self.budget.thoughts:
                raise InputError(f"{name(row)}: {OTHER_THOUGHTS[self.budget.thoughts]}")
            for text in (system or "", question, reply.thoughts or "", PLACES.sub("", reply.answer)):
                if match := self._special.search(text):
                    raise InputError(f"{name(row)}: the text {text!r} holds the control token {match[0]}")
            user = [*blocks, {"type": "text", "text": question}]
            conversation: list[Message] = [{"role": "user", "content": user}]
            if system is not None:
                conversation.insert(0, {"role": "system", "content": system})
            if answered:
                message: Message = {"role": "assistant", "content": reply.answer}
                conversation.append(
                    message if reply.thoughts is None else message | {"reasoning_content": reply.thoughts}
                )
            out.append(conversation)
        return out

    def text(self, ids: Sequence[int]) -> str:
        """Return what a model wrote, thoughts before it as ``<think>…</think>`` whatever the family writes."""
        if not self.budget.thoughts:
            return str(self.tokenizer.decode(ids, skip_special_tokens=True)).strip()
        reply: str = self.tokenizer.decode(ids, skip_special_tokens=False)
        return self.marks.read(reply, self.tokenizer.all_special_tokens)

    def placeholders(self, grid: Tensor, times: Sequence[float]) -> tuple[str, list[int]]:
        """Return what stands for the media in the text, with one pad for each run of pads, and the runs' lengths."""
        patches_per_token = self.part.merge_size**2
        if self.budget.media == "images":
            return self.pad, (grid.prod(-1) // patches_per_token).tolist()
        inputs = {"video_grid_thw": grid, "video_metadata": [metadata(times)]}
        text = self.processor.replace_video_token(inputs, 0)
        runs = re.findall(f"(?:{re.escape(self.pad)})+", text)
        short_text = re.sub(f"(?:{re.escape(self.pad)})+", self.pad, text)
        return short_text, [len(run) // len(self.pad) for run in runs]

    def multiply(self, ids: Sequence[int], counts: Sequence[int]) -> list[int]:
        """Token ids with the n-th pad repeated ``counts[n]`` times."""
        left = iter(counts)
        out: list[int] = []
        for token in ids:
            out.extend([token] * next(left) if token == self.pad_id else [token])
        return out

    def inputs(
        self, ids: Sequence[Sequence[int]], clips: Sequence[EncodedClip], left: bool
    ) -> dict[str, Tensor]:
        """Return a batch of token ids, padded on the left or right, with the clips' pixels in the order they stand."""
        width = max(map(len, ids))
        input_ids = torch.full((len(ids), width), self.tokenizer.pad_token_id)
        mask = torch.zeros(len(ids), width, dtype=torch.int64)
        for index, row in enumerate(ids):
            place = slice(width - len(row), width) if left else slice(0, len(row))
            input_ids[index, place] = torch.tensor(row)
            mask[index, place] = 1
        kinds = (input_ids == self.pad_id).to(torch.int32) * (1 if self.budget.media == "images" else 2)
        batch = {"input_ids": input_ids, "attention_mask": mask, "mm_token_type_ids": kinds}
        if not any(len(clip.grid) for clip in clips):
            return batch
        patches, grid = torch.cat([clip.patches for clip in clips]), torch.cat([clip.grid for clip in clips])
        pixels, where = ("pixel_values", "image_grid_thw")
        if self.budget.media == "video":
            pixels, where = ("pixel_values_videos", "video_grid_thw")
        batch |= ({pixels: patches} if len(patches) else {}) | {where: grid}
        if self.budget.media == "images":
            return batch
        if "second_per_grid_ts" in self.processor.model_input_names:
            batch["second_per_grid_ts"] = torch.tensor([clip.second_per_grid for clip in clips])
        return batch
