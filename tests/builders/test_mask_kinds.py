"""Kinds on masks and ratings, held against the rectangles that were drawn: where things are is known by arithmetic."""

from __future__ import annotations

import math
import random
import re
from collections import Counter

import pytest
from surgvqa.builders.asking.pool import POOL, asked
from surgvqa.builders.cases import moments
from surgvqa.builders.cases.scene import link
from surgvqa.builders.cases.transitions import transitions
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import QA, Case, Entity, Phase, Rating, Scene

W, H = 800, 600
TOOLS = ("spatula", "gauge")
PARTS = ("cornea", "pupil", "lens")
CRITERION = "the view is clear"
Rectangle = tuple[float, float, float, float]
World = list[tuple[dict[float, dict[str, Rectangle]], dict[float, int], tuple[float, ...], tuple[QA, ...]]]


def drawn(name: str, rectangle: Rectangle) -> Entity:
    x1, y1, x2, y2 = rectangle
    rle = masks.polygons_to_rle([[x1, y1, x2, y1, x2, y2, x1, y2]], W, H)
    role = "instrument" if name in TOOLS else "anatomy"
    box, middle, area = masks.box_of(rle, W, H), masks.centroid_of(rle, W, H), masks.area_of(rle, W, H)
    return Entity(name, name, role, "mask", box, middle, area, rle=rle)


def picture(draw: random.Random) -> dict[str, Rectangle]:
    """Structures anywhere, a bar that comes in from the left and one from below."""
    found: dict[str, Rectangle] = {}
    for name in PARTS:
        if draw.random() < 0.8:
            half, x, y = draw.uniform(20, 110), draw.uniform(120, 680), draw.uniform(120, 480)
            found[name] = (x - half, y - half, x + half, y + half)
    if draw.random() < 0.85:
        y = draw.uniform(40, 560)
        found["spatula"] = (0, y - 10, draw.uniform(150, 700), y + 10)
    if draw.random() < 0.85:
        x = draw.uniform(40, 760)
        found["gauge"] = (x - 10, draw.uniform(100, 450), x + 10, H)
    return found


@pytest.fixture(scope="module")
def world() -> World:
    cases, raws, rated = [], {}, {}
    for number in range(4):
        draw, name = random.Random(number), f"case {number}"
        pictures = {5.0 * i: picture(draw) for i in range(40)}
        scenes = tuple(
            Scene(at, W, H, tuple(drawn(*one) for one in things.items())) for at, things in pictures.items()
        )
        met = {at: draw.randint(0, 3) for at in pictures}
        ratings = tuple(Rating(at, CRITERION, n, 3) for at, n in met.items())
        phases = (Phase("incision", 0, 250),)
        case = Case(name, "made", "cataract", phases, scenes, duration_s=250.0, ratings=ratings)
        cases.append(link(case))
        raws[name], rated[name] = pictures, met
    known, taxonomy = transitions(cases), load("cataract")
    return [
        (raws[case.case_id], rated[case.case_id], clip.frames_s, asked(clip, case, taxonomy, known))
        for case in cases
        for clip in moments.windows(case, 5.0, 8).clips
    ]


def tip(name: str, bar: Rectangle) -> tuple[float, float]:
    x1, y1, x2, y2 = bar
    return (x2, (y1 + y2) / 2) if name == "spatula" else ((x1 + x2) / 2, y1)


def middle(rectangle: Rectangle) -> tuple[float, float]:
    return (rectangle[0] + rectangle[2]) / 2, (rectangle[1] + rectangle[3]) / 2


def area(rectangle: Rectangle) -> float:
    return (rectangle[2] - rectangle[0]) * (rectangle[3] - rectangle[1])


def hour_off(short: str, point: tuple[float, float], centre: tuple[float, float]) -> float:
    """Hours between an answer and the direction from a centre to a point."""
    true = math.degrees(math.atan2(point[0] - centre[0], centre[1] - point[1])) / 30 % 12
    off = abs(int(short.split()[0]) - true) % 12
    return min(off, 12 - off)


def cell(point: tuple[float, float]) -> str:
    row, column = int(point[1] * 3 // H), int(point[0] * 3 // W)
    names = (("top-left", "top-center", "top-right"), ("middle-left", "center", "middle-right"))
    return (*names, ("bottom-left", "bottom-center", "bottom-right"))[row][column]


def way(before: tuple[float, float], after: tuple[float, float]) -> str:
    dx, dy = after[0] - before[0], after[1] - before[1]
    return ("right" if dx > 0 else "left") if abs(dx) > abs(dy) else ("down" if dy > 0 else "up")


def right(pictures: dict[float, dict[str, Rectangle]], rated: dict[float, int], qa: QA) -> bool:
    """Whether an answer is what was drawn."""
    short, at = qa.short_answer, qa.evidence_s[-1]
    things, first = pictures.get(at, {}), pictures.get(qa.evidence_s[0], {})
    bare = qa.question.split(": ")[0]
    asked_of = bare if re.search("|".join((*TOOLS, *PARTS, "instrument")), bare) else qa.question
    two = sorted((one for one in (*TOOLS, *PARTS) if re.search(rf"\b{one}\b", asked_of)), key=asked_of.index)
    tools = {name: bar for name, bar in things.items() if name in TOOLS}
    tool = next((one for one in two if one in TOOLS), "")
    part = next((one for one in two if one in PARTS), "")
    match qa.kind:
        case "criterion":
            return rated[at] in (0, 3) and short == ("yes" if rated[at] == 3 else "no")
        case "anatomy" | "instruments":
            names = [one for one in (PARTS if qa.kind == "anatomy" else TOOLS) if one in things]
            return sorted(short.split(", ")) == (sorted(names) or ["none"])
        case "phase" | "phase_change":
            return short == ("incision" if qa.kind == "phase" else "not within the clip")
        case "option_anatomy" | "option":
            return {short} == set(qa.choices) & things.keys()
        case "missing":
            return {short} == set(qa.choices) - things.keys()
        case "presence":
            return short == ("yes" if two[0] in things else "no")
        case "count":
            return short == str(len(tools))
        case "entered" | "exited":
            sides = (things, first) if qa.kind == "entered" else (first, things)
            gone = [one for one in TOOLS if one in sides[0] and one not in sides[1]]
            return sorted(short.split(", ")) == (sorted(gone) or ["none"])
        case "seen_when":
            ends = {(1, 0): "only at the start", (0, 1): "only at the end", (1, 1): "at both ends"}
            return short == ends.get((two[0] in first, two[0] in things), "at neither end")
        case "in_box":
            return _meant(qa.question, tools) == short
        case "tip_clock":
            if short == "not visible":
                return tool not in things
            point, eye = tip(tool, tools[tool]), middle(things["pupil"])
            # Ten pixels at the tip are half an hour at a distance of 40.
            return hour_off(short, point, eye) < 0.5 + 20 / max(1.0, math.dist(point, eye))
        case "tip_reach":
            away = math.dist(tip(tool, tools[tool]), middle(things["pupil"]))
            radius, slack = math.sqrt(area(things["pupil"]) / math.pi), 12
            low, high = {
                "within half its radius": (0, 0.5),
                "between that and its border": (0.5, 1),
                "up to half a radius beyond it": (1, 1.5),
            }.get(short, (1.5, 1e9))
            return low * radius - slack <= away <= high * radius + slack
        case "tip_from_tip":
            named = re.search(r"(?:around|from|If) the tip of the (\w+)", qa.question)
            other = next(one for one in TOOLS if one != named[1])
            point, centre = tip(other, tools[other]), tip(named[1], tools[named[1]])
            return hour_off(short, point, centre) < 0.5 + 20 / math.dist(point, centre)
        case "points_to":
            return short == ("3 o'clock" if tool == "spatula" else "12 o'clock")
        case "entry_side":
            return short == ("left" if tool == "spatula" else "bottom")
        case "tip_order" | "tip_height":
            axis = qa.kind == "tip_height"
            return short == min(tools, key=lambda name: tip(name, tools[name])[axis])
        case "tip_cell":
            return short == cell(tip(tool, tools[tool]))
        case "tip_in" | "tip_in_reworded":
            meant = tool or _meant(qa.question, tools)
            x, y = tip(meant, tools[meant])
            answers = set()
            for inside in (
                0,
                4,
                8,
                14,
            ):  # the tip is the middle of a bar's last pixels, some way inside its end
                at_x, at_y = (x - inside, y) if meant == "spatula" else (x, y + inside)
                holds = [n for n in PARTS if n in things and _inside(things[n], at_x, at_y)]
                answers.add(min(holds, key=lambda name: area(things[name]), default="none of them"))
            return short in answers
        case "tip_shift":
            return short == way(tip(tool, first[tool]), tip(tool, things[tool]))
        case "moved":
            return short == way(middle(first[part]), middle(things[part]))
        case "middle":
            return short == cell(middle(things[part]))
        case "left_of" | "higher":
            return short == min(two, key=lambda name: middle(things[name])[qa.kind == "higher"])
        case "larger":
            return short == max(two, key=lambda name: area(things[name]))
        case "cover":
            share = area(things[two[0]]) / W / H * 100
            low, high = {
                "under 2 %": (0, 2),
                "2 to 6 %": (2, 6),
                "6 to 15 %": (6, 15),
                "15 to 30 %": (15, 30),
            }.get(short, (30, 100))
            return low <= share <= high
        case "direction":
            named = re.search(r"(?:around|from|If) (?:the middle|that) of the (\w+)", qa.question)
            ref = named[1]
            other = next(one for one in two if one != ref)
            point, centre = middle(things[other]), middle(things[ref])
            return hour_off(short, point, centre) < 0.5 + 10 / math.dist(point, centre)
        case "resized":
            times = area(things[two[0]]) / area(first[two[0]])
            grown = {
                "at least half as large again": times > 1.45,
                "at most two thirds as large": times < 0.69,
            }
            return grown.get(short, 0.8 < times < 1.25)
        case "tools_cover":
            share = sum(map(area, tools.values())) / W / H * 100  # bars may cross: a little less
            low, high = {"under 2 %": (0, 2.2), "2 to 6 %": (2, 6.5), "6 to 15 %": (6, 15)}[short]
            return low <= share <= high
        case "tools_quarter":
            quarters = {
                "top-left": (0, 0, W / 2, H / 2), "top-right": (W / 2, 0, W, H / 2),
                "bottom-left": (0, H / 2, W / 2, H), "bottom-right": (W / 2, H / 2, W, H),
            }  # fmt: skip
            held = {name: sum(shared(one, bar) for bar in tools.values()) for name, one in quarters.items()}
            return short == max(held, key=lambda name: held[name])
        case "box":
            if short == "not visible":
                return two[0] not in things
            scaled = [at * 1000 / side for at, side in zip(things[two[0]], (W, H, W, H), strict=True)]
            numbers = map(int, re.findall(r"\d+", short))
            return all(abs(a - b) <= 3 for a, b in zip(scaled, numbers, strict=True))
    raise AssertionError(f"{qa.kind} has no check")


def shared(a: Rectangle, b: Rectangle) -> float:
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, across) * max(0.0, down)


def _inside(rectangle: Rectangle, x: float, y: float) -> bool:
    return rectangle[0] <= x <= rectangle[2] and rectangle[1] <= y <= rectangle[3]


def _meant(question: str, tools: dict[str, Rectangle]) -> str:
    """The tool that a question means without its name."""
    if found := re.search(r"\[(\d+), (\d+), (\d+), (\d+)\]", question):
        numbers = list(map(int, found.groups()))
        scaled = {
            n: [at * 1000 / s for at, s in zip(bar, (W, H, W, H), strict=True)] for n, bar in tools.items()
        }
        return min(scaled, key=lambda n: sum(abs(a - b) for a, b in zip(scaled[n], numbers, strict=True)))
    ordered = sorted(tools, key=lambda name: middle(tools[name])[0])
    return ordered[-1 if "rightmost" in question else 0]


def test_every_answer_is_what_was_drawn(world):
    checked, wrong = Counter(), []
    for pictures, rated, _, questions in world:
        for qa in questions:
            checked[qa.kind] += 1
            if not right(pictures, rated, qa):
                wrong.append((qa.kind, qa.question[-60:], qa.short_answer, pictures.get(qa.evidence_s[-1])))
    assert not wrong, (len(wrong), wrong[:4])
    due = "criterion anatomy tip_clock points_to entry_side tip_order tip_height tip_in tip_in_reworded tip_shift"
    due += " moved middle left_of higher larger cover box direction resized tools_cover tools_quarter tip_reach tip_from_tip"
    assert set(due.split()) <= checked.keys(), checked


def test_what_raters_differ_on_is_not_asked(world):
    for _, rated, _, questions in world:
        for qa in questions:
            assert qa.kind != "criterion" or rated[qa.evidence_s[0]] in (0, 3)


def test_the_kinds_of_tools_that_are_only_named_are_counted():
    def seen(*names: str) -> tuple[Entity, ...]:
        return tuple(Entity(name, name, "instrument", "presence") for name in names)

    scenes = tuple(Scene(float(t), 0, 0, seen(*TOOLS) if t > 3 else seen("gauge")) for t in range(6))
    case = link(Case("a", "made", "cataract", (), scenes, duration_s=9.0))
    known = transitions([case])
    (clip,) = [one for one in moments.windows(case, 5.0, 8).clips if one.scene]
    found = {
        qa.qa_id.split("#")[1]: qa
        for qa in asked(clip, case, load("cataract"), known, Selection(kinds=("classes", "count")))
    }
    assert found["classes"].short_answer == "2" and found["classes-start"].short_answer == "1"
    assert not any(name.startswith("count") for name in found)


def test_a_tip_without_an_eye_is_placed_in_the_frame():
    scenes = tuple(Scene(5.0 * i, W, H, (drawn("spatula", (0, 80, 150 + 200 * i, 100)),)) for i in range(3))
    case = link(Case("a", "made", "cataract", (), scenes, duration_s=20.0))
    known, kinds = transitions([case]), Selection(kinds=("tip_cell",))
    clips = [one for one in moments.windows(case, 5.0, 8).clips if one.scene]
    found = [qa for clip in clips for qa in asked(clip, case, load("cataract"), known, kinds)]
    assert found
    for qa in found:
        assert qa.short_answer == cell((150 + 200 * qa.evidence_s[0] / 5, 90)), qa


def test_what_nobody_says_may_hide_anything():
    """A part of a picture is of no class: what isn't seen elsewhere may lie there, and is no longer asked about."""
    things = (
        drawn("spatula", (0, 80, 300, 100)),
        drawn("pupil", (400, 300, 500, 400)),
        drawn("lens", (0, 400, 90, 500)),
    )
    draw = random.Random(9)
    others = [
        Scene(60.0 + 5 * i, W, H, tuple(drawn(*one) for one in picture(draw).items())) for i in range(20)
    ]
    hidden = masks.polygons_to_rle([[600, 20, 700, 20, 700, 90, 600, 90]], W, H)
    inside = masks.polygons_to_rle([[420, 320, 480, 320, 480, 380, 420, 380]], W, H)

    def kinds_of(unsaid: str | None) -> dict[str, set[str]]:
        scenes = (Scene(5.0, W, H, things, unsaid_rle=unsaid), *others)
        case = link(Case("a", "made", "cataract", (Phase("incision", 0, 250),), scenes, duration_s=250.0))
        known = transitions([case])
        clips = [one for one in moments.windows(case, 5.0, 8).clips if one.scene and one.scene.time_s == 5.0]
        found: dict[str, set[str]] = {}
        for seed in range(20):
            for qa in asked(clips[0], case, load("cataract"), known, Selection(kinds=tuple(POOL), seed=seed)):
                found.setdefault(qa.kind, set()).add(f"{qa.question} {qa.short_answer}")
        return found

    plain, masked, inner = kinds_of(None), kinds_of(hidden), kinds_of(inside)
    rest = {"anatomy", "instruments", "count", "missing", "presence", "tip_in", "option"} & plain.keys()
    assert {"anatomy", "count", "missing", "presence", "tip_in"} <= rest
    assert not rest & masked.keys() and {"middle", "cover", "entry_side"} <= masked.keys() & plain.keys()
    assert not any(one.endswith("not visible") for found in masked.values() for one in found)
    assert any("pupil" in one for one in plain["middle"] & masked["middle"])
    assert not any("pupil" in one for kind in ("middle", "cover", "larger") for one in inner.get(kind, ()))
