"""What a picture of rectangles says of every question on masks: the checker, which shares no code with the builder.

Things are rectangles by name, as raw files hold them: an instrument is a bar that comes in over one side of the frame, so
that its tip is known by arithmetic.
"""

from __future__ import annotations

import math
import re

from surgvqa.builders.schema import QA

W, H = 800, 600
TOOLS = ("spatula", "gauge", "unspecified instrument")
PARTS = (
    "cornea",
    "pupil",
    "implanted lens",
    "gallbladder",
    "cystic duct",
    "cystic artery",
    "cystic plate",
    "hepatocystic triangle",
)
CHECKED = frozenset(
    [
        "criterion",
        "anatomy",
        "option_anatomy",
        "tip_clock",
        "points_to",
        "entry_side",
        "tip_order",
        "tip_height",
        "tip_in",
        "tip_in_reworded",
        "tip_shift",
        "tip_cell",
        "tip_reach",
        "advanced",
        "tip_nears",
        "tip_from_tip",
        "moved",
        "middle",
        "left_of",
        "higher",
        "larger",
        "cover",
        "off_centre",
        "pupil_width",
        "direction",
        "resized",
        "tools_cover",
        "tools_quarter",
    ]
)  # the kinds that rest on masks and ratings; the others are checked on dense labels
Rectangle = tuple[float, float, float, float]
Pictures = dict[float, dict[str, Rectangle]]


WAYS = {"left": (1, 0), "right": (-1, 0), "bottom": (0, -1), "top": (0, 1)}  # a bar's direction, by its side
POINTS = {"left": "3 o'clock", "right": "9 o'clock", "bottom": "12 o'clock", "top": "6 o'clock"}


def side_of(bar: Rectangle) -> str:
    """Over which side of the frame a bar comes in."""
    touches = {"left": bar[0] <= 0, "right": bar[2] >= W, "bottom": bar[3] >= H, "top": bar[1] <= 0}
    (side,) = [side for side, touching in touches.items() if touching]
    return side


def tip(bar: Rectangle, back: float = 0) -> tuple[float, float]:
    """Where a bar ends, or a way back from there."""
    x1, y1, x2, y2 = bar
    dx, dy = WAYS[side_of(bar)]
    ends = {1: x2, -1: x1, 0: (x1 + x2) / 2}[dx], {1: y2, -1: y1, 0: (y1 + y2) / 2}[dy]
    return ends[0] - back * dx, ends[1] - back * dy


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


def right(pictures: Pictures, rated: dict[tuple[float, str], int], qa: QA) -> bool:
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
            (met,) = [n for (when, words), n in rated.items() if when == at and words in qa.question]
            return met in (0, 3) and short == ("yes" if met == 3 else "no")
        case "anatomy" | "instruments":
            names = [one for one in (PARTS if qa.kind == "anatomy" else TOOLS) if one in things]
            return sorted(short.split(", ")) == (sorted(names) or ["none"])
        case "phase" | "phase_change":
            return short == ("incision" if qa.kind == "phase" else "not within the clip")
        case "advanced":
            long = [max(bar[2] - bar[0], bar[3] - bar[1]) for bar in (first[tool], things[tool])]
            gone, far = long[1] - long[0], 0.05 * math.hypot(W, H)
            low, high = {"further in": (far - 10, W), "further out": (-W, 10 - far)}.get(short, (-30, 30))
            return low <= gone <= high
        case "tip_nears":
            away = [
                math.dist(tip(one[tool]), middle(one["pupil"])) / math.sqrt(area(one["pupil"]) / math.pi)
                for one in (first, things)
            ]
            return short == ("nearer" if away[1] < away[0] else "further away")
        case "off_centre":
            point = middle(things[part])
            return hour_off(short, point, (W / 2, H / 2)) < 0.5 + 10 / math.dist(point, (W / 2, H / 2))
        case "pupil_width":
            widths = [things[name][2] - things[name][0] for name in ("pupil", "cornea")]
            share = widths[0] / widths[1] * 100
            low, high = {"under two thirds": (0, 66.7), "two thirds to four fifths": (66.6, 80)}.get(
                short, (80, 100)
            )
            return low <= share <= high
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
            point, eye = tip(tools[tool]), middle(things["pupil"])
            # Ten pixels at the tip are half an hour at a distance of 40.
            return hour_off(short, point, eye) < 0.5 + 20 / max(1.0, math.dist(point, eye))
        case "tip_reach":
            away = math.dist(tip(tools[tool]), middle(things["pupil"]))
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
            point, centre = tip(tools[other]), tip(tools[named[1]])
            return hour_off(short, point, centre) < 0.5 + 20 / math.dist(point, centre)
        case "points_to":
            return short == POINTS[side_of(tools[tool])]
        case "entry_side":
            return short == side_of(tools[tool])
        case "tip_order" | "tip_height":
            axis = qa.kind == "tip_height"
            return short == min(tools, key=lambda name: tip(tools[name])[axis])
        case "tip_cell":
            return short == cell(tip(tools[tool]))
        case "tip_in" | "tip_in_reworded":
            meant = tool or _meant(qa.question, tools)
            answers = set()
            for inside in (
                0,
                4,
                8,
                14,
            ):  # the tip is the middle of a bar's last pixels, some way inside its end
                at_x, at_y = tip(tools[meant], inside)
                holds = [n for n in PARTS if n in things and _inside(things[n], at_x, at_y)]
                answers.add(min(holds, key=lambda name: area(things[name]), default="none of them"))
            return short in answers
        case "tip_shift":
            return short == way(tip(first[tool]), tip(things[tool]))
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
            named = re.search(
                rf"(?:around|from|If) (?:the middle|that) of the ({'|'.join(PARTS)})", qa.question
            )
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
