"""Questions that a table answers once a case: skill, the camera's motion, whether a criterion holds."""

from __future__ import annotations

from surgvqa.builders.schema import QA, Clip
from surgvqa.builders.tabular.description import Ask
from surgvqa.cards.command import InputError

MOMENT_MS = 1  # the clip of a case of which nobody says how long it is


def answered(spec: Ask, clip: Clip, said: str, where: str) -> QA:
    """One question on a clip, with what its table says as the answer."""
    short = spec.ids.get(said, said)
    choices = spec.choices or tuple(dict.fromkeys(spec.ids.values()))
    if not short or (choices and short not in choices):
        raise InputError(f"{where}: {spec.label} is {said!r}, none of {', '.join(spec.ids or choices)}")
    name, answer = f"{clip.clip_id}#{spec.kind}", spec.answer.format(x=short)
    return QA(name, spec.kind, spec.reasoning, spec.question, answer, short, choices)


def whole(case_id: str, length_s: float | None, phase: str | None = None) -> Clip:
    """The clip of a whole case."""
    end = round(length_s * 1000) if length_s else MOMENT_MS
    return Clip(case_id, 0, end, phase)
