"""A clip's questions as one conversation, for `trl sft`, and as LLaVA JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from surgvqa.builders.row_types import Message
from surgvqa.builders.schema import QA
from surgvqa.cards.command import InputError

CONTROL_TOKEN = re.compile(
    r"<\|\w+\|>"
)  # a text with one would end a turn in training; Qwen's models have no other form


def refuse_control_token(text: str, where: str) -> None:
    """Refuse a text that training would refuse.

    >>> refuse_control_token("a < b | c", "sample 1")

    Raises:
        InputError: the text holds a model's control token.
    """
    if "<|" in text and (match := CONTROL_TOKEN.search(text)):
        raise InputError(
            f"{where}: {text[:80]!r} holds the control token {match[0]}, which training refuses; take it out of the text"
        )


def conversation(qa: Sequence[QA], system: str | None = None) -> list[Message]:
    """All questions of a clip as turns, content plain strings; TRL puts the images before the first.

    >>> conversation([QA("a#phase", "phase", "recognition", "Which phase?", "It is incision.", "incision")], "Be brief.")
    [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'Which phase?'}, \
{'role': 'assistant', 'content': 'It is incision.'}]
    """
    turns: list[Message] = [{"role": "system", "content": system}] if system else []
    if system:
        refuse_control_token(system, "the system prompt")
    for one in qa:
        for text in (one.question, one.answer):
            refuse_control_token(text, f"question {one.qa_id}")
        turns.append({"role": "user", "content": one.question})
        turns.append({"role": "assistant", "content": one.answer})
    return turns


def image_names(clip_id: str, count: int) -> list[str]:
    """File names of a clip's frames, relative to the folder that the LLaVA JSON lies in.

    >>> image_names("case_1@0-5000", 2)
    ['images/case_1@0-5000/00.jpg', 'images/case_1@0-5000/01.jpg']
    """
    safe = clip_id.replace("/", "_").replace("\\", "_")
    return [f"images/{safe}/{number:02d}.jpg" for number in range(count)]


def llava(row: Mapping[str, Any]) -> dict[str, object]:
    r"""Return a row of config `clips` as a LLaVA sample: roles human and gpt, one `<image>` per frame.

    The frames' bytes are the row's ``images``, to be written under `image_names`. A system message has no
    place in LLaVA's format and is left out.

    >>> turn = {"role": "user", "content": "Which phase?"}, {"role": "assistant", "content": "It is incision."}
    >>> llava({"clip_id": "a@0-5", "images": [b""], "messages": list(turn)})["conversations"][0]
    {'from': 'human', 'value': '<image>\nWhich phase?'}
    """
    names = image_names(row["clip_id"], len(row["images"]))
    dialogue = [turn for turn in row["messages"] if turn["role"] != "system"]
    turns = [
        {"from": "human" if turn["role"] == "user" else "gpt", "value": turn["content"]} for turn in dialogue
    ]
    if turns:
        turns[0]["value"] = "<image>\n" * len(names) + turns[0]["value"]
    sample: dict[str, object] = {"id": row["clip_id"]}
    if names:
        sample["image"] = names[0] if len(names) == 1 else names
    return sample | {"conversations": turns}
