"""What stands around an answer, and around its thoughts, in a processor's chat template."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from surgvqa.cards.command import InputError
from surgvqa.eval.chat.thoughts import Reply, switch


class Marks(NamedTuple):
    """The texts around an answer."""

    opening: str  # ends where generation begins
    closing: str  # a special token
    lead: str = ""  # what the model writes first: SmolVLM's template puts a space before the answer
    thoughts_opening: str = ""  # what the model writes before its thoughts
    thoughts_closing: str = ""  # and behind them

    def write(self, reply: Reply, with_thoughts: bool) -> str:
        """Return what the model writes for a reply, with the end of its turn; with or without its thoughts."""
        thoughts = ""
        if with_thoughts and reply.thoughts is not None:
            thoughts = f"{self.thoughts_opening}{reply.thoughts}{self.thoughts_closing}"
        return f"{self.lead}{thoughts}{reply.answer}{self.closing}"

    def read(self, text: str, special: Iterable[str]) -> str:
        r"""Return what a model wrote with its thoughts as ``<think>…</think>``, without special tokens.

        >>> marks = Marks("<|turn>model\n", "<turn|>", "", "<|channel>thought\n", "\n<channel|>")
        >>> marks.read("<|channel>thought\nIt is red.\n<channel|>Yes.<turn|>", ["<turn|>"])
        '<think>It is red.</think>\n\nYes.'
        """
        thoughts, end, answer = text.partition(self.thoughts_closing.strip())
        thoughts = thoughts.removeprefix(self.thoughts_opening)
        for token in special:
            thoughts, answer = thoughts.replace(token, ""), answer.replace(token, "")
        return f"<think>{thoughts.strip()}" + (f"</think>\n\n{answer.strip()}" if end else "")


def marks(processor: Any, thinks: bool = False) -> Marks:
    """Return what stands around an answer in a processor's chat template.

    Args:
        processor: of the model.
        thinks: whether thoughts come before the answer.

    Raises:
        InputError: an answer doesn't begin where generation would, or nothing ends it; no place for thoughts.
    """

    def text(answer: str | None, prompt: bool = False) -> str:
        messages: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "Which phase?"}]}]
        if answer is not None:
            message: dict[str, Any] = {"role": "assistant", "content": [{"type": "text", "text": answer}]}
            messages.append(message | ({"reasoning_content": "Lens"} if thinks else {}))
        chat: str = processor.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=prompt, **switch(processor, thinks)
        )
        return chat

    question, begun, reply = text(None), text(None, prompt=True), text("Incision")
    before, _, end = reply.removeprefix(question).partition("Incision")
    opening = begun.removeprefix(question)
    special = processor.tokenizer.all_special_tokens
    closing = max((token for token in special if end.startswith(token)), key=len, default=None)
    lead = before.removeprefix(opening)
    if thinks:
        thoughts_opening, _, thoughts_closing = lead.partition("Lens")
        if not before.startswith(opening) or not thoughts_closing.strip():
            raise InputError(
                f"the chat template writes {before!r} before an answer: it has no place for thoughts; "
                "take a checkpoint that thinks, or leave --thoughts away"
            )
    if not opening or not before.startswith(opening) or (lead.strip() and not thinks):
        raise InputError(
            f"the chat template writes {reply.removeprefix(question)!r} for an answer and begins one with "
            f"{opening!r}: what is taught wouldn't be what is generated; take another template"
        )
    if closing is None:
        raise InputError(f"the chat template ends an answer with {end!r}, which is no special token")
    if not any(token in opening for token in special):  # a user may write "Assistant:" too
        last = max((question.rfind(token) for token in special if token in question), default=len(question))
        opening = question[last:] + opening
    if thinks:
        return Marks(opening, closing, "", thoughts_opening, thoughts_closing)
    return Marks(opening, closing, lead)
