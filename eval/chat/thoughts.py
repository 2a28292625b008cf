"""Thoughts before an answer: how rows hold them, and what tells a chat template to ask for them."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

THOUGHTS = re.compile(r"\s*<think>(.*?)</think>\s*(.*)", re.DOTALL)


class Reply(NamedTuple):
    """An answer, and the thoughts before it where there are some."""

    thoughts: str | None
    answer: str


def split(text: str) -> Reply:
    r"""Return a row's answer and its thoughts, ``<think>…</think>`` before it.

    >>> split("<think>\nA grasper holds it.\n</think>\n\nYes."), split("Yes.")
    (Reply(thoughts='A grasper holds it.', answer='Yes.'), Reply(thoughts=None, answer='Yes.'))
    """
    match = THOUGHTS.fullmatch(text)
    return Reply(match[1].strip(), match[2]) if match else Reply(None, text)


def switch(processor: Any, thinks: bool) -> dict[str, bool]:
    """Return what tells a chat template whether thoughts come first; nothing where the template has no such switch.

    A template without it would hand the word on to the processor, which warns at every call.
    """
    template = getattr(processor, "chat_template", None)
    return {"enable_thinking": thinks} if "enable_thinking" in str(template) else {}
