"""Kinds on masks, ratings and names, held against raw files by a checker that shares no code with the builder."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from mask_answers import CHECKED, PARTS, TOOLS, H, Pictures, Rectangle, W, right
from raw_masks import (
    read_cataract,
    read_cholec80,
    read_endoscapes,
    write_cataract,
    write_cholec80,
    write_endoscapes,
)
from surgvqa.builders import sources
from surgvqa.builders.asking.pool import POOL, certified_questions
from surgvqa.builders.cases import moments
from surgvqa.builders.cases.scene import link
from surgvqa.builders.cases.transitions import transitions
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import QA, Case, Entity, Phase, Scene

EYE = PARTS[:3]
Rated = dict[tuple[float, str], int]
World = list[tuple[Pictures, Rated, tuple[QA, ...]]]


def drawn(name: str, rectangle: Rectangle) -> Entity:
    x1, y1, x2, y2 = rectangle
    rle = masks.polygons_to_rle([[x1, y1, x2, y1, x2, y2, x1, y2]], W, H)
    role = "instrument" if name in TOOLS else "anatomy"
    box, middle, area = masks.box_of(rle, W, H), masks.centroid_of(rle, W, H), masks.area_of(rle, W, H)
    return Entity(name, name, role, "mask", box, middle, area, rle=rle)


def picture(draw: random.Random) -> dict[str, Rectangle]:
    """Structures anywhere, a bar that comes in from the left or right and one from below or above."""
    found: dict[str, Rectangle] = {}
    for name in EYE:
        if draw.random() < 0.8:
            half, x, y = draw.randint(20, 110), draw.randint(120, 680), draw.randint(120, 480)
            found[name] = (x - half, y - half, x + half, y + half)
    if draw.random() < 0.85:
        y, long = draw.randint(40, 560), draw.randint(150, 700)
        found["spatula"] = (0, y - 10, long, y + 10) if draw.random() < 0.6 else (W - long, y - 10, W, y + 10)
    if draw.random() < 0.85:
        x, long = draw.randint(40, 760), draw.randint(150, 500)
        found["gauge"] = (x - 10, H - long, x + 10, H) if draw.random() < 0.6 else (x - 10, 0, x + 10, long)
    return found


def questions(source: str, root: Path, kinds: tuple[str, ...] = tuple(POOL)) -> Iterator[tuple[str, QA]]:
    """Yield (case, question) of every clip of a source's files."""
    cases = [link(one) for one in sources.load(source).cases(root) if isinstance(one, Case)]
    known = transitions(cases)
    for case in cases:
        for clip in moments.windows(case, 5.0, 8).clips:
            selection = Selection(kinds=kinds)
            yield from (
                (case.case_id, qa)
                for qa in certified_questions(clip, case, load(case.procedure), known, selection)
            )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """(what raw files hold, raters, questions) of the cases of Cataract-1K and of Endoscapes."""
    eyes, bellies = tmp_path_factory.mktemp("eyes"), tmp_path_factory.mktemp("bellies")
    raws: dict[str, tuple[Pictures, Rated]] = {}
    for number in range(5901, 5905):
        draw = random.Random(number)
        write_cataract(eyes, number, [picture(draw) for _ in range(40)], number)
        raws[f"case_{number}"] = read_cataract(eyes, number), {}
    for video in range(301, 305):
        write_endoscapes(bellies, video, list(range(10, 160, 5)), video)
        raws[str(video)] = read_endoscapes(bellies, video)
    found: dict[str, list[QA]] = {name: [] for name in raws}
    for source, root in (("cataract1k", eyes), ("endoscapes", bellies)):
        for name, qa in questions(source, root):
            found[name].append(qa)
    return [(*raw, tuple(found[name])) for name, raw in raws.items()]


def test_every_answer_is_what_the_raw_files_say(world):
    checked, wrong = Counter(), []
    for pictures, rated, asked_of in world:
        for qa in asked_of:
            checked[qa.kind] += 1
            if not right(pictures, rated, qa):
                wrong.append((qa.kind, qa.question[-60:], qa.short_answer, pictures.get(qa.evidence_s[-1])))
    assert not wrong, (len(wrong), wrong[:4])
    assert CHECKED - {"tip_cell"} <= checked.keys(), (CHECKED - checked.keys(), checked)


def test_a_checker_that_reads_other_files_finds_every_kind_wrong_somewhere(world):
    """The files of the next case say something else: a check that holds there, too, checks nothing."""
    wrong: Counter[str] = Counter()
    for (*_, asked_of), (pictures, rated, _) in zip(
        world, [*world[1:4], world[0], *world[5:], world[4]], strict=True
    ):
        for qa in asked_of:
            try:
                wrong[qa.kind] += not right(pictures, rated, qa)
            except (LookupError, ValueError, StopIteration):  # what it asks about isn't there
                wrong[qa.kind] += 1
    assert not {kind for kind in CHECKED - {"tip_cell"} if not wrong[kind]}


def test_what_raters_differ_on_is_not_asked(world):
    for _, rated, asked_of in world:
        for qa in asked_of:
            if qa.kind == "criterion":
                at = qa.evidence_s[0]
                assert {n for (when, words), n in rated.items() if when == at and words in qa.question} <= {
                    0,
                    3,
                }


def test_a_tip_without_an_eye_is_placed_in_the_frame(tmp_path):
    for number in (5905, 5906):
        draw = random.Random(number)
        pictures = [picture(draw) for _ in range(30)]
        tools = [{name: one for name, one in things.items() if name in TOOLS} for things in pictures]
        write_cataract(tmp_path, number, tools, number)
    found = list(questions("cataract1k", tmp_path, ("tip_cell",)))
    assert len(found) > 20
    raws = {f"case_{number}": read_cataract(tmp_path, number) for number in (5905, 5906)}
    assert [qa for name, qa in found if not right(raws[name], {}, qa)] == []


def test_the_kinds_of_tools_that_are_only_named_are_counted(tmp_path):
    for number in (2, 45):
        write_cholec80(tmp_path, number, 600, number)
    raws = {f"video{number:02d}": read_cholec80(tmp_path, number) for number in (2, 45)}
    found = list(questions("cholec80", tmp_path, ("classes", "count")))
    assert len(found) > 20 and {qa.kind for _, qa in found} == {"classes"}
    assert [qa for name, qa in found if qa.short_answer != str(raws[name][qa.evidence_s[0]])] == []


def test_what_nobody_says_may_hide_anything():
    """A part of a picture is of no class: what isn't seen elsewhere may lie there, and is no longer asked about."""
    things = (
        drawn("spatula", (0, 80, 300, 100)),
        drawn("pupil", (400, 300, 500, 400)),
        drawn("implanted lens", (0, 400, 90, 500)),
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
            for qa in certified_questions(
                clips[0], case, load("cataract"), known, Selection(kinds=tuple(POOL), seed=seed)
            ):
                found.setdefault(qa.kind, set()).add(f"{qa.question} {qa.short_answer}")
        return found

    plain, masked, inner = kinds_of(None), kinds_of(hidden), kinds_of(inside)
    rest = {"anatomy", "instruments", "count", "missing", "presence", "tip_in", "option"} & plain.keys()
    assert {"anatomy", "count", "missing", "presence", "tip_in"} <= rest
    assert not rest & masked.keys() and {"middle", "cover", "entry_side"} <= masked.keys() & plain.keys()
    assert not any(one.endswith("not visible") for found in masked.values() for one in found)
    assert any("pupil" in one for one in plain["middle"] & masked["middle"])
    assert not any("pupil" in one for kind in ("middle", "cover", "larger") for one in inner.get(kind, ()))


@pytest.mark.parametrize(("low", "is_asked"), [((100, 60, 200, 90), True), ((100, 340, 200, 380), False)])
def test_a_structure_in_two_pieces_is_neither_higher_nor_lower(low: Rectangle, is_asked: bool) -> None:
    """A pupil of which a third lies below the lens beside it: nobody can say which of the two is higher."""
    rectangles = [(100, 10, 200, 70), low]
    outlines = [[x1, y1, x2, y1, x2, y2, x1, y2] for x1, y1, x2, y2 in rectangles]
    rle = masks.polygons_to_rle(outlines, W, H)
    middle, area = masks.centroid_of(rle, W, H), masks.area_of(rle, W, H)
    pupil = Entity("pupil", "pupil", "anatomy", "mask", masks.box_of(rle, W, H), middle, area, rle=rle)
    scene = Scene(5.0, W, H, (pupil, drawn("implanted lens", (400, 220, 500, 300))))
    case = link(Case("a", "made", "cataract", (Phase("incision", 0, 60),), (scene,), duration_s=60.0))
    clip = next(one for one in moments.windows(case, 5.0, 8).clips if one.scene)
    chosen = Selection(kinds=("higher",))
    drafts = certified_questions(clip, case, load("cataract"), transitions([case]), chosen)
    assert [qa.short_answer for qa in drafts] == (["pupil"] if is_asked else [])
