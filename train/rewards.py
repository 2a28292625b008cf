"""Rewards for pointing, as plain functions over the columns of the ``pointing`` config.

With TRL's own command, no trainer of ours::

    trl grpo --dataset_name DIR --dataset_config pointing --reward_funcs \
        surgvqa.train.rewards.grounding_reward surgvqa.train.rewards.negatives_reward ...

Each takes what TRL passes (``completions`` and every column as a list) and gives one number per completion,
or None where it doesn't apply to the row. What can be gained without looking is small: several objects share
the credit of one, a name counts only with a place near the right one, and an answer that can't be read, or
that refuses where there is something to see, gets nothing (``tests/train/pointing/test_rewards.py`` holds the exploits).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from surgvqa.builders.geometry.coordinates import box_centre, iou, quadrant
from surgvqa.cards.command import InputError
from surgvqa.eval.spatial.pointing import Pair, Reading, Row, distance, in_mask, place, read, same_label, word

REACH = 0.25  # of the diagonal: a point farther off earns nothing
LEAST_OVERLAP = 0.1  # IoU below which a box earns nothing for its name: one around everything is below it
MIX = {"spatial": 0.5, "instrument": 0.3, "quadrant": 0.2}
# What `surgvqa-train grpo` adds up. A refusal weighs as much as a right place, with either sign, and being
# readable next to nothing: it is learned at once and must not pay for the rest.
WEIGHTS = {
    **{f"{name}_reward": weight for name, weight in MIX.items()},
    **{"negatives_reward": 1.0, "format_reward": 0.1, "step_reward": 0.2},
}
LONGEST = 120  # characters of an answer per object of the truth, and of one that refuses
Completion = str | Sequence[dict[str, Any]]


def spatial_reward(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
    """Return the nearness of the answer: 1 in the mask (IoU for boxes, 1 in the right quadrant), falling to 0 at REACH.

    >>> row = dict(kind="locate", form="point", space=[100, 100], width=100, height=100, granularity="point",
    ...            visible=True, labels=["tip"], points=[[0.5, 0.5]], boxes=[[]], positions=["center"],
    ...            masks=[""], mask_size=[100, 100], phase=None)
    >>> columns = {name: [value, value] for name, value in row.items()}
    >>> spatial_reward(['<point x="50" y="50">tip</point>', '<point x="5" y="5">tip</point>'], **columns)
    [1.0, 0.0]
    """
    return [_share(row, reading, _near) for row, reading in _each(completions, columns)]


def instrument_reward(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
    """Whether things are called by their names, counted only for those within reach of their places."""
    return [_share(row, reading, _label) for row, reading in _each(completions, columns)]


def quadrant_reward(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
    """Whether things are in the right one of the five positions."""
    return [_share(row, reading, _quadrant) for row, reading in _each(completions, columns)]


def grounding_reward(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
    """Return the default: 0.5 spatial + 0.3 instrument + 0.2 quadrant; where nothing is there, 1 for saying so."""
    out: list[float | None] = []
    for row, reading in _each(completions, columns):
        if not row["visible"]:
            out.append(float(reading.answer.absent))
            continue
        parts = {"spatial": _near, "instrument": _label, "quadrant": _quadrant}
        out.append(sum(weight * (_share(row, reading, parts[name]) or 0.0) for name, weight in MIX.items()))
    return out


def negatives_reward(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
    """Reward replies on what is absent, 1 for saying so, -1 for pointing at it, and -1 for refusing what is there."""
    out: list[float | None] = []
    for row, reading in _each(completions, columns):
        is_refusal = reading.answer.absent
        if row["visible"]:
            out.append(-1.0 if is_refusal else None)
        else:
            out.append(1.0 if is_refusal else -1.0)
    return out


def format_reward(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
    """1 for an answer that can be read, says each thing once and doesn't ramble, else 0."""
    out: list[float | None] = []
    for (row, reading), completion in zip(_each(completions, columns), completions, strict=True):
        objects = reading.answer.objects
        once = len(set(objects)) == len(objects)
        short = len(_text(completion)) <= LONGEST * max(1, len(row["labels"]))
        out.append(float(reading.answer.error is None and once and short))
    return out


def step_reward(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
    """Whether a grounded answer begins with the right step; None for the other kinds."""
    return [
        float(reading.step == row["phase"]) if row["kind"] == "grounded" else None
        for row, reading in _each(completions, columns)
    ]


def _text(completion: Completion) -> str:
    """Return what was said: a string, or a conversation's last message."""
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


def _each(completions: Sequence[Completion], columns: dict[str, Any]) -> Iterator[tuple[Row, Reading]]:
    lists = {
        name: value
        for name, value in columns.items()
        if isinstance(value, list) and len(value) == len(completions)
    }
    if missing := {"kind", "form", "visible", "labels"} - set(lists):
        raise InputError(
            f"the rewards need the columns of the pointing config; there is no {', '.join(sorted(missing))}"
        )
    for i, completion in enumerate(completions):
        row = {name: value[i] for name, value in lists.items()}
        yield row, read(row, _text(completion))


def _share(row: Row, reading: Reading, credit: Callable[[Row, Pair], float]) -> float | None:
    """Return the mean credit over targets and superfluous objects alike; None where there is no target."""
    if not row["visible"]:
        return None
    return sum(credit(row, pair) for pair in reading.pairs) / len(reading.pairs)


def _near(row: Row, pair: Pair) -> float:
    target, item = pair.truth, pair.item
    if target is None or item is None:
        return 0.0
    if item.box and target.box:
        return iou(item.box, target.box)
    at = place(item)
    if at is None or target.point is None or row["granularity"] in ("cell", "quadrant"):
        return float(word(row, item) == target.position)
    closeness = max(0.0, 1 - distance(row, at, target.point) / REACH) ** 2
    if target.mask:
        return 1.0 if in_mask(row, target, at) else closeness / 2
    return closeness


def _label(row: Row, pair: Pair) -> float:
    target, item = pair.truth, pair.item
    if target is None or item is None or not same_label(row, target, item):
        return 0.0
    return float(_near(row, pair) >= (LEAST_OVERLAP if item.box and target.box else 1e-9))


def _quadrant(row: Row, pair: Pair) -> float:
    target, item = pair.truth, pair.item
    if target is None or item is None:
        return 0.0
    at = place(item)
    middle = box_centre(target.box) if item.box and target.box else target.point
    if at is None or middle is None or row["granularity"] in ("cell", "quadrant"):
        return float(word(row, item) == target.position)
    return float(quadrant(at) == quadrant(middle))
