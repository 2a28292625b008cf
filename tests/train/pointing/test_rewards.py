"""Rewards for pointing: what is worth what, and that nothing which doesn't look beats a model that does."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable

import pytest
from surgvqa.builders.configs import pointing
from surgvqa.builders.configs.pointing_questions import Pointing, questions
from surgvqa.builders.geometry.coordinate_text import NOT_VISIBLE, Location, write
from surgvqa.builders.geometry.coordinates import CELLS, QUADRANTS, THOUSAND, Grid, Space, cell, quadrant
from surgvqa.builders.geometry.masks import polygons_to_rle
from surgvqa.builders.schema import Case, Entity, Phase, Scene
from surgvqa.cards.command import InputError
from surgvqa.eval.spatial.pointing_figures import asked_name
from surgvqa.train import rewards
from surgvqa.train.pointing.blind_rewards import total as paid

WIDTH, HEIGHT = 200, 160
NAMES = ("suction", "kerrisons", "ring curette", "drill")


def a_case(granularity: str, scenes: int = 60, seed: int = 0) -> Case:
    """One or two things a scene, anywhere, of 40 x 30 pixels: a mask, or one of the five positions."""
    rng = random.Random(seed)
    made = []
    for second in range(scenes):
        nodes = []
        for rank, name in enumerate(rng.sample(NAMES, rng.choice((1, 1, 2))), start=1):
            if granularity == "quadrant":
                place = rng.choice(list(QUADRANTS))
                nodes.append(Entity(name, name, "instrument", "quadrant", grid=place, rank=rank))
                continue
            x, y = rng.uniform(0, WIDTH - 40), rng.uniform(0, HEIGHT - 30)
            rle = polygons_to_rle([[x, y, x + 40, y, x + 40, y + 30, x, y + 30]], WIDTH, HEIGHT)
            box = (x, y, x + 40, y + 30)
            nodes.append(Entity(name, name, "instrument", "mask", bbox=box, rle=rle, rank=rank))
        made.append(Scene(float(second), WIDTH, HEIGHT, tuple(nodes)))
    return Case("case", "invented", "p", (Phase("cutting", 0, scenes),), tuple(made))


SETTINGS = {
    "point": ("mask", Pointing("point")),
    "json points": ("mask", Pointing("json")),
    "resized pixels": ("mask", Pointing("json", model_type="qwen2_5_vl", grid=Grid(28, 3136, 100 * 784))),
    "json boxes": ("mask", Pointing("json", "box")),
    "box": ("mask", Pointing("box")),
    "tokens": ("mask", Pointing("tokens")),
    "words for cells": ("mask", Pointing("words")),
    "words for quadrants": ("quadrant", Pointing("words")),
    "points for quadrants": ("quadrant", Pointing("point", spread=0.1)),
}


def rows_of(setting: str) -> list[dict]:
    granularity, how = SETTINGS[setting]
    case = a_case(granularity)
    return [pointing.row(case, question, how, WIDTH, HEIGHT, None) for question in questions(case, how)]


def score(
    rows: list[dict], texts: list[str], reward: Callable = rewards.grounding_reward
) -> list[float | None]:
    """As TRL calls it: a list per column, completions as conversations."""
    columns = {name: [row[name] for row in rows] for name in rows[0] if name != "images"}
    return reward([[{"role": "assistant", "content": text}] for text in texts], **columns, trainer_state=None)


def total(rows: list[dict], texts: list[str]) -> float:
    """The mean of grounding, with negatives and format at half and a tenth of its weight."""
    kinds = (rewards.grounding_reward, 1.0), (rewards.negatives_reward, 0.5), (rewards.format_reward, 0.1)
    return statistics.mean(
        sum(weight * (values[i] or 0.0) for values, weight in parts)
        for parts in [[(score(rows, texts, reward), weight) for reward, weight in kinds]]
        for i in range(len(rows))
    )


def mixed(rows: list[dict], texts: list[str]) -> float:
    """What `surgvqa-train grpo` adds up by default."""
    mix = [(getattr(rewards, name), weight) for name, weight in rewards.WEIGHTS.items()]
    return paid(rows, texts, mix)


def answer(row: dict, places: list[tuple[str, float, float, float]]) -> str:
    """Names at points with a half-size, in the row's form."""
    boxes = row["form"] in ("box", "tokens") or "bbox_2d" in row["prompt"][0]["content"]
    words = quadrant if "top-center" not in row["prompt"][0]["content"] else cell
    objects = []
    for name, x, y, half in places:
        x, y = min(1, max(0, x)), min(1, max(0, y))
        box = (max(0, x - half), max(0, y - half), min(1, x + half), min(1, y + half))
        objects.append(Location(name, None if boxes else (x, y), box if boxes else None, words((x, y))))
    text = write(objects, row["form"], Space(WIDTH, HEIGHT), Space(*row["space"]))
    return f"Step: {row['phase']}\n{text}" if row["kind"] == "grounded" else text


def centres(row: dict) -> list[tuple[str, float, float]]:
    """Where the targets are."""
    named = QUADRANTS if row["granularity"] == "quadrant" else CELLS
    points = [tuple(p) or named[at] for p, at in zip(row["points"], row["positions"], strict=True)]
    return [(label, *point) for label, point in zip(row["labels"], points, strict=True)]


def weak(row: dict, rng: random.Random) -> str:
    """An honest weak model: a tenth of the frame off on each axis, wrong names, missed and invented things."""
    if not row["visible"]:
        if rng.random() < 0.5:
            return write([], row["form"], Space(WIDTH, HEIGHT), THOUSAND)
        return answer(row, [(asked_name(row), rng.random(), rng.random(), 0.1)])
    if rng.random() < 0.1:
        return NOT_VISIBLE
    return answer(
        row,
        [
            (
                name if rng.random() < 0.8 else rng.choice(NAMES),
                x + rng.gauss(0, 0.1),
                y + rng.gauss(0, 0.1),
                0.1,
            )
            for name, x, y in centres(row)
        ],
    )


GRID = [(x / 10 + 0.05, y / 10 + 0.05) for y in range(10) for x in range(10)]
EXPLOITS: dict[str, Callable[[dict], str]] = {
    # the middle of the frame, with the right names (the prompt gives them)
    "centre": lambda row: answer(row, [(name, 0.5, 0.5, 0.1) for name in row["labels"] or [asked_name(row)]]),
    # a box around everything contains every target
    "whole image": lambda row: answer(row, [(name, 0.5, 0.5, 0.5) for name in row["labels"] or [asked_name(row)]]),
    # one of a hundred points is surely right
    "every point at once": lambda row: answer(row, [(asked_name(row), x, y, 0.05) for x, y in GRID]),
    # each name everywhere
    "every name at every quadrant": lambda row: answer(row, [(n, *at, 0.2) for n in NAMES for at in QUADRANTS.values()]),
    # the same tag again and again, in case each counts
    "repeated tags": lambda row: answer(row, [(name, x, y, 0.1) for name, x, y in centres(row)] * 10 or [(asked_name(row), 0.5, 0.5, 0.1)] * 10),
    # clipped instead of refused, these would land on the border or overflow
    "huge numbers": lambda row: f'[{{"point_2d": [1e308, {"9" * 400}], "label": "{asked_name(row)}"}}] <point x="1e999" y="99999">a</point>',
    # the prompt holds an example of the markup
    "copying the prompt": lambda row: row["prompt"][0]["content"],
    # right on every negative
    "refusing always": lambda row: NOT_VISIBLE,
    # both at once: right whatever is there
    "refusing and pointing": lambda row: f"{NOT_VISIBLE}\n" + answer(row, [(asked_name(row), 0.5, 0.5, 0.1)]),
    "names alone": lambda row: ", ".join(row["labels"] or [asked_name(row)]),
    "nothing": lambda row: "",
    "the corner": lambda row: answer(row, [(name, 0, 0, 0.05) for name in row["labels"] or [asked_name(row)]]),
}  # fmt: skip


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, tuple[float, float, float]]]:
    return earned(every=3)


def earned(every: int = 1) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Per setting and policy: the mean of `grounding_reward`, the mean total, and the mean of grpo's default mix."""
    result = {}
    for setting in SETTINGS:
        rows = rows_of(setting)[::every]
        rng = random.Random(1)
        policies = {"weak": [weak(row, rng) for row in rows]}
        policies |= {name: [policy(row) for row in rows] for name, policy in EXPLOITS.items()}
        result[setting] = {
            name: (statistics.mean(score(rows, texts)), total(rows, texts), mixed(rows, texts))
            for name, texts in policies.items()
        }
    return result


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("exploit", EXPLOITS)
def test_no_exploit_comes_near_an_honest_weak_model(table, setting, exploit):
    assert table[setting][exploit][0] < 0.75 * table[setting]["weak"][0]
    assert table[setting][exploit][1] < 0.75 * table[setting]["weak"][1]
    assert table[setting][exploit][2] < 0.75 * table[setting]["weak"][2]


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_right_answer_earns_everything(setting):
    rows = rows_of(setting)
    right = [row["completion"][0]["content"] for row in rows]
    assert {row["kind"] for row in rows} == {"locate", "absent", "grounded"}
    values = sorted(score(rows, right))
    # rounding costs boxes 1 % and, at the border of two positions, one row in a hundred the 0.2
    assert values[0] > 0.79 and values[len(values) // 50] > 0.98
    for reward in (rewards.format_reward, rewards.negatives_reward, rewards.step_reward):
        assert {value for value in score(rows, right, reward) if value is not None} == {1.0}


def one(form: str = "point", **changes) -> dict:
    row = {
        "kind": "locate", "form": form, "space": [100, 100], "width": 100, "height": 100, "granularity": "point", "visible": True,
        "labels": ["tip"], "points": [[0.5, 0.5]], "boxes": [[]], "positions": ["center"], "masks": [""], "mask_size": [100, 100],
        "phase": None, "prompt": [{"role": "user", "content": ""}],
    }  # fmt: skip
    return row | changes


def test_the_mix_is_half_three_tenths_a_fifth():
    # right place, wrong name: all but the 0.3
    assert score([one()], ['<point x="50" y="50">drill</point>']) == [pytest.approx(0.7)]
    # right quadrant and name, a tenth of the diagonal off: 0.5 x 0.6² + 0.5
    assert score([one()], ['<point x="60" y="60">tip</point>']) == [pytest.approx(0.5 * 0.6**2 + 0.5)]
    # so far off that neither place nor name counts
    assert score([one()], ['<point x="95" y="95">tip</point>']) == [0]


def test_two_objects_share_one_targets_credit():
    texts = ['<point x="50" y="50">tip</point>' * n for n in (1, 2, 4)]
    assert [score([one()], [text])[0] for text in texts] == [pytest.approx(1 / n) for n in (1, 2, 4)]


def test_a_point_in_the_mask_is_all_right_and_beside_it_half():
    mask = polygons_to_rle([[40, 40, 60, 40, 60, 60, 40, 60]], 100, 100)
    row = one(granularity="mask", masks=[mask])
    spatial = [
        score([row], [f'<point x="{x}" y="50">tip</point>'], rewards.spatial_reward)[0]
        for x in (41, 59, 61, 84, 86)
    ]
    assert spatial[:2] == [1, 1] and 0.2 < spatial[2] < 0.5 and 0 < spatial[3] < 0.01 and spatial[4] == 0


def test_absent_and_refused():
    absent = one(visible=False, labels=[], points=[], boxes=[], positions=[], masks=[], granularity=None)
    point = '<point x="50" y="50">tip</point>'
    assert score([absent, absent, absent], [NOT_VISIBLE, point, "?"]) == [1, 0, 0]
    assert score([absent, absent], [NOT_VISIBLE, point], rewards.negatives_reward) == [1, -1]
    assert score([one(), one()], [NOT_VISIBLE, point], rewards.negatives_reward) == [-1, None]
    for reward in (rewards.spatial_reward, rewards.instrument_reward, rewards.quadrant_reward):
        assert score([absent], [point], reward) == [None]


def test_format():
    point = '<point x="50" y="50">tip</point>'
    texts = [point, f"It is here: {point}", point * 2, point + "a" * 200, "<point>", NOT_VISIBLE]
    assert score([one()] * 6, texts, rewards.format_reward) == [1, 1, 0, 0, 0, 1]


def test_step():
    row = one(kind="grounded", phase="durotomy")
    point = '<point x="50" y="50">tip</point>'
    texts = [f"Step: durotomy\n{point}", f"Step: sellotomy\n{point}", point]
    assert score([row] * 3, texts, rewards.step_reward) == [1, 0, 0]
    assert score([row] * 3, texts, rewards.spatial_reward) == [1, 1, 1]  # the place counts without the step
    assert score([one()], [point], rewards.step_reward) == [None]


def test_plain_strings_and_wrong_columns():
    assert rewards.spatial_reward(["nowhere"], **{k: [v] for k, v in one().items()}) == [0.0]
    with pytest.raises(InputError, match="pointing config"):
        rewards.grounding_reward(["a"], answer=["b"])


def shown(table: dict[str, dict[str, tuple[float, float, float]]]) -> str:
    """What grpo's default mix pays, as Markdown: a line per policy, a column per form."""
    lines = [f"| | {' | '.join(table)} |", f"|---|{'---:|' * len(table)}"]
    for policy in next(iter(table.values())):
        own = [f"{table[setting][policy][2]:.2f}" for setting in table]
        name = "**an honest weak model**" if policy == "weak" else policy
        lines.append(f"| {name} | {' | '.join(own)} |")
    return "\n".join(lines)


if __name__ == "__main__":  # the table of tests/benchmarks/README.md
    print(shown(earned()))
