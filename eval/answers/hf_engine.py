"""Greedy answers to many questions on a clip, with the clip run through the model once.

The clip's keys and values, and the states of linear attention, are computed once and lent to each of its questions;
the answers are those of asking one question at a time (``tests/eval/answers/test_predict.py`` holds it).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel
from surgvqa.eval.models.encode import EncodedClip, Encoder
from surgvqa.eval.models.processor_encoder import ProcessorEncoder
from surgvqa.eval.sharing.interfaces import cache_of, cache_word
from surgvqa.eval.sharing.linear_attention import is_linear
from torch import Tensor
from transformers import PreTrainedModel, StoppingCriteria, StoppingCriteriaList

GRIDS = ("image_grid_thw", "video_grid_thw", "second_per_grid_ts")


@dataclass(frozen=True, slots=True)
class Answer:
    """The text of a model's answer, and the mean probability of its tokens (its end included)."""

    text: str
    confidence: float | None  # None where a server doesn't tell


def common_length(rows: Sequence[Sequence[int]], own: int | None = None) -> int:
    """Return the number of tokens that all rows begin with; every row keeps at least one of its own.

    Args:
        rows: token ids.
        own: a token that each row has for itself although it looks the same: one that stands for sound.

    >>> common_length([[1, 2, 3], [1, 2, 4]]), common_length([[1, 2]]), common_length([[1, 9, 3], [1, 9, 3]], 9)
    (2, 1, 1)
    """
    longest = min(map(len, rows)) - 1
    first = rows[0]
    return next((i for i in range(longest) if first[i] == own or len({row[i] for row in rows}) > 1), longest)


@torch.inference_mode()
def answers(
    model: PreTrainedModel,
    encoder: Encoder,
    clips: Sequence[EncodedClip],
    longest: int,
    began: Callable[[], None] | None = None,
) -> list[list[Answer]]:
    """Answer every clip's questions.

    Args:
        model: in evaluation mode, hooked by ``normalise_on_device``.
        encoder: made the clips.
        clips: encoded without answers.
        longest: tokens an answer may have; longer ones are cut there.
        began: is called once the first token of every answer is there.

    Returns:
        One list per clip, one answer per question.
    """
    if isinstance(encoder, ProcessorEncoder):
        return one_by_one(model, encoder, clips, longest, began)
    outer: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    inner = outer.model
    commons = [common_length(clip.ids, encoder.sound_id) for clip in clips]
    prefixes = [clip.ids[0][:common] for clip, common in zip(clips, commons, strict=True)]
    memory, _ = look_at(inner, encoder, prefixes, clips)
    began = once(began)
    owners = [i for i, clip in enumerate(clips) for _ in clip.ids]
    rests = [ids[common:] for clip, common in zip(clips, commons, strict=True) for ids in clip.ids]
    sound_inputs = encoder.sound_inputs(clips)
    groups = together(rests, any(is_linear(module) for module in inner.modules()))
    answer_by_number: dict[int, Answer] = {}
    for group in groups:
        questions = Questions(
            memory=memory if len(groups) == 1 else copy.deepcopy(memory),
            owners=[owners[i] for i in group],
            rests=[rests[i] for i in group],
            sound_inputs=sound_inputs,
        )
        replies = answer_batch(outer, encoder, questions, longest, began)
        answer_by_number.update(zip(group, replies, strict=True))
    flat = (answer_by_number[number] for number in range(len(rests)))
    return [[next(flat) for _ in clip.ids] for clip in clips]


@dataclass(frozen=True, slots=True)
class ClipMemory:
    """The cache of the clips that a model has seen."""

    cache: Any
    mask: Tensor  # clips x length: which tokens are theirs
    last: Tensor  # 3 x clips: time, height and width of their last tokens


def look_at(
    inner: Any, encoder: Encoder, ids: Sequence[Sequence[int]], clips: Sequence[EncodedClip]
) -> tuple[ClipMemory, Tensor]:
    """Run token ids with their clips through a model; returns its memory of them, and its state after the last ones."""
    batch = {key: value.to(inner.device) for key, value in encoder.inputs(ids, clips, left=True).items()}
    positions, _ = inner.get_rope_index(
        batch["input_ids"],
        mm_token_type_ids=batch["mm_token_type_ids"],
        attention_mask=batch["attention_mask"],
        **{key: batch[key] for key in GRIDS if key in batch},
    )
    out = inner(**batch, position_ids=positions, use_cache=True)
    memory = ClipMemory(cache_of(inner, out), batch["attention_mask"], positions[:, :, -1])
    return memory, out.last_hidden_state[:, -1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Questions that go through the model as one batch, behind their clips."""

    memory: ClipMemory  # of the clips; used up by the answers
    owners: Sequence[int]  # each question's clip
    rests: Sequence[Sequence[int]]  # each question's tokens behind its clip's
    sound_inputs: Mapping[str, Tensor]  # their sounds, in their order


def once(call: Callable[[], None] | None) -> Callable[[], None] | None:
    """Return a function that does something the first time only."""
    if call is None:
        return None
    open_calls = [call]

    def first() -> None:
        if open_calls:
            open_calls.pop()()

    return first


def together(rests: Sequence[Sequence[int]], in_order: bool) -> list[list[int]]:
    """Which questions go through the model as one batch: all, or those of one length.

    Args:
        rests: the questions' tokens behind what they share.
        in_order: the model reads them one after the other into a state, which padding between clip and question
            would change.

    >>> together([[1], [1, 2], [3]], True), together([[1], [1, 2], [3]], False)
    ([[0, 2], [1]], [[0, 1, 2]])
    """
    if not in_order:
        return [list(range(len(rests)))]
    groups: dict[int, list[int]] = {}
    for number, rest in enumerate(rests):
        groups.setdefault(len(rest), []).append(number)
    return [groups[length] for length in sorted(groups)]


def left_padded(rests: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return questions as one tensor, padded on the left, and which of its tokens are theirs (1).

    >>> left_padded([[5], [6, 7]], 0, torch.device("cpu"))[0].tolist()
    [[0, 5], [6, 7]]
    """
    width = max(map(len, rests))
    tokens = torch.full((len(rests), width), pad, device=device)
    own = torch.zeros(len(rests), width, dtype=torch.int64, device=device)
    for index, rest in enumerate(rests):
        tokens[index, width - len(rest) :] = torch.tensor(rest, device=device)
        own[index, width - len(rest) :] = 1
    return tokens, own


def answer_batch(
    outer: Any,
    encoder: Encoder,
    questions: Questions,
    longest: int,
    began: Callable[[], None] | None = None,
    states: list[Tensor] | None = None,
) -> list[Answer]:
    """Return the answers to some questions, from what was kept of their clips.

    Args:
        outer: the model.
        encoder: made the clips.
        questions: a batch.
        longest: tokens an answer may have.
        began: is called once the first tokens are there.
        states: gets the model's last state before each token.
    """
    inner, tokenizer, device = outer.model, encoder.tokenizer, outer.device
    memory, count = questions.memory, len(questions.rests)
    owner = torch.tensor(questions.owners, device=device)
    cache = memory.cache
    cache.reorder_cache(owner)
    tokens, own = left_padded(questions.rests, tokenizer.pad_token_id, device)
    mask = torch.cat([memory.mask[owner], own], dim=1)
    # A clip ends in text, where time, height and width agree: its questions go on from there.
    steps = memory.last[:, owner][..., None] + own.cumsum(1)

    ends = torch.tensor(end_tokens(outer, encoder), device=device)
    answer_tokens: list[Tensor] = []
    chances: list[Tensor] = []
    running = torch.ones(count, dtype=torch.bool, device=device)
    sound_inputs = {key: value.to(device) for key, value in questions.sound_inputs.items()}
    while True:
        out = inner(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=steps,
            use_cache=True,
            **{cache_word(inner): cache},
            **sound_inputs,
        )
        sound_inputs = {}  # from now on it is in the cache
        if states is not None:
            states.append(out.last_hidden_state[:, -1])
        chance, token = outer.lm_head(out.last_hidden_state[:, -1]).float().softmax(-1).max(-1)
        answer_tokens.append(torch.where(running, token, tokenizer.pad_token_id))
        chances.append(torch.where(running, chance, 0.0))
        running = running & ~torch.isin(token, ends)
        if began is not None and len(answer_tokens) == 1:
            token.tolist()  # the device has come this far
            began()
        if len(answer_tokens) == longest or not running.any():
            break
        tokens, steps = answer_tokens[-1][:, None], steps[:, :, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
    return _to_text(encoder, torch.stack(answer_tokens, 1), torch.stack(chances, 1))


def _to_text(encoder: Encoder, answer_ids: Tensor, sure: Tensor) -> list[Answer]:
    """Return tokens as text, with the mean of their probabilities; those behind an answer's end have none."""
    counts = (sure > 0).sum(1).clamp(min=1)
    return [
        Answer(encoder.text(ids), float(total / count))
        for ids, total, count in zip(answer_ids.tolist(), sure.sum(1), counts, strict=True)
    ]


def one_by_one(
    model: PreTrainedModel,
    encoder: ProcessorEncoder,
    clips: Sequence[EncodedClip],
    longest: int,
    began: Callable[[], None] | None = None,
) -> list[list[Answer]]:
    """As ``answers``, by the model's own ``generate``: each question with a clip of its own, as a batch."""
    outer: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    rows = [ids for clip in clips for ids in clip.ids]
    batch = encoder.inputs(rows, [clip for clip in clips for _ in clip.ids], left=True)
    ends, pad = end_tokens(outer, encoder), encoder.tokenizer.pad_token_id
    out: Any = model.generate(
        **{key: value.to(model.device) for key, value in batch.items()},
        max_new_tokens=longest,
        do_sample=False,
        eos_token_id=ends,
        pad_token_id=pad,
        output_logits=True,
        return_dict_in_generate=True,
        stopping_criteria=StoppingCriteriaList([First(began)] if began is not None else []),
    )
    answer_ids = out.sequences[:, batch["input_ids"].shape[1] :]
    chances = torch.stack(out.logits, 1).float().softmax(-1).gather(2, answer_ids[..., None])[..., 0]
    end_counts = torch.isin(answer_ids, torch.tensor(ends, device=answer_ids.device)).cumsum(1)
    answer_mask = (
        end_counts - torch.isin(answer_ids, torch.tensor(ends, device=answer_ids.device)).long() == 0
    )  # its end included
    sure = (chances * answer_mask).sum(1) / answer_mask.sum(1)
    texts = [encoder.text(row[keep].tolist()) for row, keep in zip(answer_ids, answer_mask, strict=True)]
    flat = iter(Answer(text, float(chance)) for text, chance in zip(texts, sure, strict=True))
    return [[next(flat) for _ in clip.ids] for clip in clips]


class First(StoppingCriteria):
    """Calls ``began`` once, with the first token; stops nothing."""

    def __init__(self, began: Callable[[], None]) -> None:
        self.began: Callable[[], None] | None = began

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:  # type: ignore[override]
        """After each token."""
        if self.began is not None:
            input_ids.tolist()  # the device has come this far
            self.began()
            self.began = None
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


def end_tokens(model: PreTrainedModel, encoder: Encoder) -> list[int]:
    """Token ids that end an answer: the generation config's, and the tokenizer's end of a turn."""
    configured_ids = model.generation_config.eos_token_id
    token_ids = configured_ids if isinstance(configured_ids, list) else [configured_ids]
    token_ids = [
        *token_ids,
        encoder.tokenizer.eos_token_id,
        encoder.tokenizer.convert_tokens_to_ids(encoder.marks.closing),
    ]
    return sorted({token for token in token_ids if token is not None})
