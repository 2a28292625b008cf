"""Instruction data: what one sample is, and the rows of config `instruct`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from surgvqa.builders.columns import Columns, Image, List, Value
from surgvqa.builders.row_types import Message

SampleKind = Literal["conversation", "description", "reasoning"]
SAMPLE_KINDS: tuple[SampleKind, ...] = ("conversation", "description", "reasoning")


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One thing that a teacher wrote about one frame."""

    kind: SampleKind
    turns: tuple[Turn, ...]


STRING = Value("string")

# A row per sample: `images` and `messages` are what `trl sft` reads; placeholders are left out of `messages`,
# for pictures come before the first question. `image_names` are their names as the data calls them.
INSTRUCT_FEATURES = Columns(
    {
        "id": STRING,
        "case_id": STRING,
        "time_s": Value("float64"),
        "image_names": List(STRING),
        "images": List(Image()),
        "messages": List({"role": STRING, "content": STRING}),
        "sample": STRING,  # conversation, description, reasoning; null of imported ones
        "scene": STRING,  # JSON, as in config `clips`; null of imported ones
        "weak": Value("bool"),  # whether a label of the scene is weaker than made by hand at this very moment
        "teacher": STRING,  # "template", a model's name, or null of imported ones
        "verdict": STRING,  # "accepted" by the verifier, or "unchecked" of imported ones
        "llava": STRING,  # JSON: what the LLaVA sample that a row came from says beyond these columns
    }
)


def messages_of(turns: Sequence[Turn], system: str | None = None) -> list[Message]:
    """Write turns as chat messages with plain strings.

    >>> messages_of([Turn("Which phase?", "Incision.")])
    [{'role': 'user', 'content': 'Which phase?'}, {'role': 'assistant', 'content': 'Incision.'}]
    """
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    for turn in turns:
        messages.append({"role": "user", "content": turn.question})
        messages.append({"role": "assistant", "content": turn.answer})
    return messages
