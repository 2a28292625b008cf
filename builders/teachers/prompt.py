"""The prompt of a language model about a frame, and the schema of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from surgvqa.builders.cases.scene import CELLS
from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.frames.entry import FrameLabels
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.questions import wording
from surgvqa.builders.row_types import Message
from surgvqa.builders.schema import Entity
from surgvqa.builders.teachers.samples import Sample, Turn
from surgvqa.cards.command import parse_json

ANSWER_TOKENS = 450  # of three samples, measured on the template teacher's; for the estimate
CHARS_PER_TOKEN = 4
SYSTEM = (
    'You are a surgical assistant that "sees" the described scene and writes training data about it. Answer in JSON. '
    "Speak of what is visible, never of a list, labels or a description. State only what the scene says: no guesses "
    "(may, might, probably, appears), no actions, colours, looks or changes, no numbers but counts."
)
TASK = """Write:
1. "conversation": 3 to 6 short questions and answers answerable from this scene.
2. "description": one structured description in bullet points ("- Phase: ...", "- Anatomy: ...").
3. "reasoning": 1 or 2 questions and answers about safety checks or the usual next phase.
Use precise surgical language and the names given here. Name everything that a question asks for."""
PAIR = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
    "required": ["question", "answer"],
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "conversation": {"type": "array", "items": PAIR, "minItems": 3, "maxItems": 6},
        "description": {"type": "string"},
        "reasoning": {"type": "array", "items": PAIR, "minItems": 1, "maxItems": 2},
    },
    "required": ["conversation", "description", "reasoning"],
    "additionalProperties": False,
}
Messages = list[Message]


class BadAnswerError(Exception):
    """An answer that is not what was asked for; worth another try."""


def prompt(frame: FrameLabels, taxonomy: Taxonomy) -> Messages:
    """Return the messages that describe one frame's labels; they hold no name, time or place of the picture."""
    lines = [f"Scene of a {taxonomy.title}:"]
    if frame.phase is not None:
        lines.append(f"- Phase: {'none, the operation is idle' if frame.phase == IDLE else frame.phase}")
    for title, things in (("Anatomy visible", frame.anatomy), ("Instruments visible", frame.tools)):
        if things is not None:
            lines.append(f"- {title}: {'; '.join(map(_thing, things)) or 'none'}")
    events = [f"{name}: {'yes' if holds else 'no'}" for name, holds in frame.events or ()]
    if events:
        lines.append(f"- Safety state: {'; '.join(events)}")
    lines.append("Nothing is known of anything that is not listed here. Of the procedure it is known:")
    phases = taxonomy.phases
    at = phases.index(frame.phase) if frame.phase in phases else len(phases)
    if at + 1 < len(phases):
        after = phases[at + 1]
        tools = wording.join_names(taxonomy.used_in.get(after, ()))
        lines.append(f"- Usual next phase: {after}" + (f", with {tools}" if tools else ""))
    for gate in taxonomy.gates:
        when = f"before {gate.before}" if gate.before else "before the end"
        lines.append(f'- Safety check "{gate.name}" ({when}): {"; ".join(gate.conditions)}')
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "\n".join([*lines, "", TASK])}]


def _thing(thing: Entity) -> str:
    return f"{thing.name} at the {thing.grid}" if thing.grid in CELLS else thing.name


def parse(content: str) -> tuple[Sample, ...]:
    """Return the three samples of an answer.

    Raises:
        BadAnswerError: not JSON, or not of the schema.
    """
    try:
        answer = parse_json(content)
    except ValueError as error:
        raise BadAnswerError(f"not JSON: {error}") from error
    if not isinstance(answer, dict) or set(answer) != set(SCHEMA["required"]):
        raise BadAnswerError("not an object of conversation, description and reasoning")
    if not isinstance(answer["description"], str):
        raise BadAnswerError("the description is no text")
    talk, thoughts = _pairs(answer["conversation"], 3, 6), _pairs(answer["reasoning"], 1, 2)
    turn = Turn("Describe the frame in detail.", answer["description"])
    return Sample("conversation", talk), Sample("description", (turn,)), Sample("reasoning", thoughts)


def _pairs(value: Any, least: int, most: int) -> tuple[Turn, ...]:
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise BadAnswerError(f"not {least} to {most} pairs")
    for one in value:
        texts = one.values() if isinstance(one, dict) and set(one) == {"question", "answer"} else [None]
        if not all(isinstance(text, str) for text in texts):
            raise BadAnswerError("a pair that isn't a question and an answer")
    return tuple(Turn(one["question"], one["answer"]) for one in value)


def estimate(prompts: Sequence[Messages], per_million_in: float, per_million_out: float) -> dict[str, float]:
    """Tokens and money that asking these prompts takes, from their lengths.

    >>> estimate([[{"role": "user", "content": "x" * 4000}]], 1.0, 10.0)
    {'requests': 1, 'tokens_in': 1000, 'tokens_out': 450, 'cost': 0.0055}
    """
    tokens_in = sum(len(one["content"]) for messages in prompts for one in messages) // CHARS_PER_TOKEN
    tokens_out = ANSWER_TOKENS * len(prompts)
    cost = (tokens_in * per_million_in + tokens_out * per_million_out) / 1_000_000
    return {
        "requests": len(prompts),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "cost": round(cost, 4),
    }
