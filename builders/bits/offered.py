"""Choices that are never right: who has seen a few answers of a kind crosses them out, so they aren't offered.

Counted over the whole pool, kind by kind: "over 30 %" of a set whose structures are never so large, a phase that no clip shows
clearly. A choice goes from the list of choices and from the wording that lists them; where the wording names it otherwise it stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from surgvqa.builders.schema import QA

# Times that a choice is offered and never right, for each choice beside it and in all: by an even chance once in 150 kinds.
OFTEN, LEAST = 5, 30
Pool = tuple[tuple[QA, ...], ...]  # the questions of each clip of a case


def without_idle_choices(pools: Sequence[Pool]) -> list[Pool]:
    """Return the questions of all cases without the choices that are never right in them."""
    offers, answers = Counter[tuple[str, tuple[str, ...]]](), set[tuple[str, str]]()
    for qa in (qa for pool in pools for questions in pool for qa in questions if qa.choices):
        offers[qa.kind, qa.choices] += 1
        answers.update((qa.kind, name) for name in (qa.short_answer, *qa.short_answer.split(", ")))
    offer_counts, widths = Counter[tuple[str, str]](), dict[tuple[str, str], int]()
    for (kind, choices), n in offers.items():
        for choice in choices:
            offer_counts[kind, choice] += n
            widths[kind, choice] = max(len(choices), widths.get((kind, choice), 0))
    idle = {
        key for key, n in offer_counts.items() if key not in answers and n >= max(LEAST, OFTEN * widths[key])
    }
    keys_to_mend = {key for key in offers if any((key[0], choice) in idle for choice in key[1])}
    return [
        tuple(
            tuple(_without(qa, idle) if (qa.kind, qa.choices) in keys_to_mend else qa for qa in questions)
            for questions in pool
        )
        for pool in pools
    ]


def _without(qa: QA, idle: set[tuple[str, str]]) -> QA:
    """Return a question without some choices; as it is where fewer than two would be left or its wording needs them."""
    kept_choices = tuple(choice for choice in qa.choices if (qa.kind, choice) not in idle)
    text = qa.question
    for comma in (", ", "; "):
        text = text.replace(comma.join(qa.choices), comma.join(kept_choices))
    idle_choices = [choice for choice in qa.choices if choice not in kept_choices]
    if len(kept_choices) < 2 or any(choice.lower() in text.lower() for choice in idle_choices):
        return qa
    return replace(qa, question=text, choices=kept_choices)
