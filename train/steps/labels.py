"""Labels of the assistant's turns with their end (``<|im_end|>``), found by token ids.

Not from a processor's mask (all zeros for images before transformers 5.18), and not from the word "assistant"
(users write it too).
"""

from __future__ import annotations

from collections.abc import Sequence

from surgvqa.cards.command import InputError
from surgvqa.eval.models.encode import CLOSING, OPENING
from transformers import PreTrainedTokenizerBase

IGNORE = -100  # what torch's cross entropy leaves out


def assistant_labels(
    ids: Sequence[int], tokenizer: PreTrainedTokenizerBase, opening: str = OPENING, closing: str = CLOSING
) -> list[int]:
    """``ids`` where the assistant speaks, from the first word of an answer to the token that ends it; else -100.

    Args:
        ids: of a whole conversation.
        tokenizer: that made them.
        opening: what stands before an answer in the chat template.
        closing: the token that ends one.

    Raises:
        InputError: no assistant turn, or one without end.
    """
    start: list[int] = tokenizer(opening, add_special_tokens=False)["input_ids"]
    end: int = tokenizer.convert_tokens_to_ids(closing)
    labels = [IGNORE] * len(ids)
    place, has_answer = 0, False
    while place < len(ids):
        if list(ids[place : place + len(start)]) != start:
            place += 1
            continue
        place, has_answer = place + len(start), True
        while True:
            if place >= len(ids):
                raise InputError(f"an answer has no {closing}; does the chat template end the turns with it?")
            labels[place] = ids[place]
            place += 1
            if ids[place - 1] == end:
                break
    if not has_answer:
        text = tokenizer.decode(list(ids[-40:]))
        raise InputError(
            f"nothing to learn: no {opening!r} in …{text!r}; is the chat template the model's own?"
        )
    return labels


def mask_thoughts(labels: list[int], tokenizer: PreTrainedTokenizerBase, closing: str) -> None:
    """Leave out of the labels what stands before the answer itself: its thoughts and what ends them.

    Args:
        labels: of a conversation, changed in place.
        tokenizer: that made its ids.
        closing: what stands behind thoughts in the chat template.

    Raises:
        InputError: an answer's thoughts have no end.
    """
    # White space before it may be one token with the thoughts' last sign.
    end: list[int] = tokenizer(closing.lstrip(), add_special_tokens=False)["input_ids"]
    places = [place for place in range(len(labels)) if labels[place : place + len(end)] == end]
    if not places:
        raise InputError(f"an answer's thoughts have no end, {closing.strip()!r}")
    first = next(place for place, label in enumerate(labels) if label != IGNORE)
    labels[first : places[0] + len(end)] = [IGNORE] * (places[0] + len(end) - first)
