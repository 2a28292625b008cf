"""Which tokens are taught: the assistant's turns with their ``<|im_end|>``, found by token ids.

Not from a processor's mask (all zeros for images before transformers 5.18), and not from the word "assistant"
(users write it too).
"""

from __future__ import annotations

from collections.abc import Sequence

from surgvqa.cards.command import InputError
from transformers import PreTrainedTokenizerBase

IGNORE = -100  # what torch's cross entropy leaves out
OPENING = "<|im_start|>assistant\n"
CLOSING = "<|im_end|>"


def assistant_labels(ids: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """``ids`` where the assistant speaks, from the first word of an answer to its ``<|im_end|>``; else -100.

    Raises:
        InputError: no assistant turn, or one without end.
    """
    opening: list[int] = tokenizer(OPENING, add_special_tokens=False)["input_ids"]
    closing: int = tokenizer.convert_tokens_to_ids(CLOSING)
    labels = [IGNORE] * len(ids)
    place, found = 0, False
    while place < len(ids):
        if list(ids[place : place + len(opening)]) != opening:
            place += 1
            continue
        place, found = place + len(opening), True
        while True:
            if place >= len(ids):
                raise InputError(f"an answer has no {CLOSING}; does the chat template end the turns with it?")
            labels[place] = ids[place]
            place += 1
            if ids[place - 1] == closing:
                break
    if not found:
        text = tokenizer.decode(list(ids[-40:]))
        raise InputError(f"nothing to learn: no {OPENING!r} in …{text!r}; is this a Qwen-VL chat template?")
    return labels
