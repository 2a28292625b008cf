"""Moments near a border: of a phase, a step, an exchange of instruments, a cell; labels that are seconds off."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from surgvqa.builders.asking.pool import POOL, certified_questions
from surgvqa.builders.cases import moments
from surgvqa.builders.cases.scene import link
from surgvqa.builders.cases.transitions import transitions
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import QA, Action, Case, Entity, Phase, Scene


def questions(case: Case, *kinds: str) -> list[QA]:
    known, clips = transitions([case]), moments.windows(case, 5.0, 8).clips
    chosen = Selection(kinds=kinds or tuple(POOL))
    return [
        qa for clip in clips for qa in certified_questions(clip, case, load(case.procedure), known, chosen)
    ]


def seen(name: str) -> Entity:
    return Entity(name, name, "instrument", "presence")


def seconds(*names: Iterable[str], phases: tuple[Phase, ...] = (), **facts: object) -> Case:
    """A laparoscopy with a label a second."""
    scenes = tuple(Scene(float(at), 0, 0, tuple(map(seen, row))) for at, row in enumerate(names))
    phases = phases or (Phase("preparation", 0, float(len(names))),)
    return link(
        Case("a", "made", "cholecystectomy", phases, scenes, duration_s=float(len(names)), **facts)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("cut", [61.0, 63.0, 65.0, 67.5])
def test_a_moment_seconds_from_a_border_has_no_phase_and_no_step(cut):
    steps = (Phase("trocar placement", 0, cut), Phase("retractor placement", cut, 120))
    phases = (Phase("preparation", 0, cut), Phase("gastric pouch creation", cut, 120))
    case = link(Case("a", "made", "gastric_bypass", phases, steps=steps, duration_s=120.0))
    found = [qa for qa in questions(case, "phase", "step", "step_of") for at in qa.evidence_s]
    assert {"phase", "step", "step_of"} - {"step_of"} <= {qa.kind for qa in found}
    assert all(abs(at - cut) >= 3 for qa in found for at in qa.evidence_s)
    assert {"preparation", "gastric pouch creation"} <= {qa.short_answer for qa in found}


def test_a_phase_between_two_borders_is_not_asked_at_either():
    """Two seconds of another phase, twelve seconds in: neither it nor what is close to it is asked about."""
    phases = (
        Phase("preparation", 0, 12),
        Phase("clipping and cutting", 12, 14),
        Phase("preparation", 14, 30),
    )
    tools = [*[["hook"]] * 12, *[["clipper"]] * 2, *[["hook"]] * 16]
    found = questions(seconds(*tools, phases=phases), "phase")
    assert found and all(qa.short_answer == "preparation" for qa in found)
    assert all(not 9 < at < 17 for qa in found for at in qa.evidence_s)


def rows_of(*spans: tuple[str, int, int], length: int = 40) -> list[list[str]]:
    """The names in view of every second; a span is a name, its first second and the one after its last."""
    return [[name for name, start, end in spans if start <= at < end] for at in range(length)]


@pytest.mark.parametrize("kind", ["leaves_at", "enters_at", "when", "how_long", "timed_caption"])
@pytest.mark.parametrize("apart", [0, 1, 3])
def test_an_exchange_of_two_instruments_has_no_second(kind, apart):
    """The hook goes, and the scissors come: which did so first, rows of a second can't say."""
    start = 14 if kind == "leaves_at" else 15
    case = seconds(*rows_of(("hook", 0, start), ("scissors", start + apart, 40)))
    found = [qa for qa in questions(case, kind) if any(start - 1 <= at <= start + 1 for at in qa.evidence_s)]
    tools = [
        qa for qa in found if kind == "timed_caption" or "hook" in qa.question or "scissors" in qa.question
    ]
    if kind != "timed_caption":
        tools = [qa for qa in tools if qa.short_answer != "not within the clip"]
    if apart < 2:
        assert not tools, tools
    elif kind in ("leaves_at", "when"):
        assert tools


def test_of_two_that_come_within_a_second_none_is_first():
    near = seconds(*rows_of(("grasper", 0, 40), ("hook", 14, 40), ("scissors", 15, 40)))
    apart = seconds(*rows_of(("grasper", 0, 40), ("hook", 14, 40), ("scissors", 16, 40)))
    assert not questions(near, "which_first")
    assert [qa.short_answer for qa in questions(apart, "which_first")] == ["hook"]


def test_an_instrument_of_a_single_row_is_neither_seen_nor_unseen():
    """A spatula of one row between two of scissors is a slip of the pen, by the look of it."""
    slip = seconds(*rows_of(("grasper", 0, 40), ("hook", 14, 15)))
    real = seconds(*rows_of(("grasper", 0, 40), ("hook", 14, 16)))
    over = seconds(*rows_of(("grasper", 0, 40), ("hook", 14, 16), ("clipper", 18, 19)))
    assert not questions(slip, "ever_seen")
    assert {qa.short_answer for qa in questions(real, "ever_seen")} == {"grasper, hook"}
    assert all("clipper" not in qa.short_answer for qa in questions(over, "ever_seen"))


@pytest.mark.parametrize(("lasts", "is_asked"), [(1, False), (2, True)])
@pytest.mark.parametrize("shows", [True, False])
def test_a_moment_of_a_single_row_is_not_asked_about(lasts, is_asked, shows):
    """The clipper is there, or missing, at 15 s for one row alone; the grasper, in view all along, can be asked about."""
    at = [("clipper", 15, 15 + lasts)] if shows else [("clipper", 0, 15), ("clipper", 15 + lasts, 40)]
    case = seconds(*rows_of(("grasper", 0, 40), ("hook", 30, 40), ("scissors", 34, 40), *at))
    kinds = ("instruments", "presence", "option", "missing", "classes", "entered", "exited", "seen_when")
    found = [qa for qa in questions(case, *kinds) if 15.0 in qa.evidence_s]
    of_clipper = [qa for qa in found if qa.kind in ("instruments", "classes") or "clipper" in qa.question]
    assert bool(of_clipper) is is_asked


@pytest.mark.parametrize(("tools", "number"), [((), 0), (("hook",), 1)])
def test_a_change_of_phase_with_nothing_in_view_is_not_asked(tools, number):
    """Nothing else in a picture marks it; a case whose instruments nobody labels is asked as before."""
    phases = (Phase("preparation", 0, 27), Phase("gallbladder dissection", 27, 60))
    case = seconds(*[["hook"]] * 20, *[list(tools)] * 20, *[["hook"]] * 20, phases=phases)
    assert (
        len([qa for qa in questions(case, "phase_change") if qa.short_answer.startswith("in its")]) == number
    )
    phases = (Phase("preparation", 0, 27.5), Phase("gallbladder dissection", 27.5, 60))
    plain = link(Case("a", "made", "cholecystectomy", phases, duration_s=60.0))
    assert [qa for qa in questions(plain, "phase_change") if qa.short_answer.startswith("in its")]


def test_a_source_states_how_far_its_moments_are_off():
    """Of labels that are ten seconds off nobody asks what is in view close to a change, nor its second."""
    rows = rows_of(("grasper", 0, 120), ("hook", 43, 120), length=120)
    kinds = ("instruments", "presence", "classes", "option", "missing", "entered", "seen_when", "ever_seen")
    kinds += ("enters_at", "when", "how_long", "timed_caption")
    sure, unsure = seconds(*rows), seconds(*rows, moment_error_s=10.0)
    near = [qa for qa in questions(sure, *kinds) if any(33 < at < 52 for at in qa.evidence_s)]
    assert {"instruments", "entered", "enters_at", "when"} <= {qa.kind for qa in near}
    found = questions(unsure, *kinds)
    close = [qa for qa in found if any(33 < at < 52 for at in qa.evidence_s)]
    # The grasper stays: that it does can be asked.
    assert found and {qa.kind for qa in close} <= {"presence", "seen_when"}
    assert not [qa for qa in close if "hook" in qa.question]
    assert {qa.kind for qa in found} >= {"instruments", "classes"}
    phases = (Phase("preparation", 0, 63), Phase("gallbladder dissection", 63, 120))
    for error, number in ((0.0, 1), (10.0, 0)):
        case = seconds(*rows, phases=phases, moment_error_s=error)
        assert len([q for q in questions(case, "phase_change") if q.short_answer.startswith("in")]) == number
        assert questions(case, "phase")


def test_seconds_of_a_clip_count_from_its_start():
    """A lone moment's clip begins half a clip before it, and so does a video that is cut from it."""
    scenes = (Scene(20.0, 0, 0, (seen("hook"),)), Scene(60.0, 0, 0, (seen("grasper"),)))
    case = link(Case("a", "made", "cholecystectomy", (Phase("preparation", 0, 90),), scenes, duration_s=90.0))
    (clip,) = [c for c in moments.windows(case, 5.0, 8).clips if c.scene and c.scene.time_s == 20.0]
    found = [qa for qa in questions(case, "instruments") if qa.evidence_s == (20.0,)]
    assert clip.start_ms == 17500 and clip.frames_s[0] > 17.7
    assert found and all("2.5 s of the clip" in qa.question for qa in found)


def boxed(name: str, x: float, y: float) -> Entity:
    """A box around a middle in thousandths of a square frame of a thousand pixels."""
    return Entity(name, name, "instrument", "box", (x - 50, y - 50, x + 50, y + 50), (x, y), 10_000.0)


@pytest.mark.parametrize(
    ("way", "asked"),
    [
        ([(500, 100)] * 3 + [(500, 500)] * 2 + [(500, 900)], True),  # one cell down, then another
        (
            [(633, 816)] * 3 + [(714, 558)] * 2 + [(714, 900)],
            False,
        ),  # over a corner: another cell comes first
        ([(714, 434)] * 3 + [(551, 715)] * 2 + [(551, 450)], False),
        ([(100, 100)] * 3 + [(900, 100)] * 2 + [(900, 500)], False),  # over the cell between
    ],
)
def test_a_way_over_a_third_cell_has_no_order(way, asked):
    scenes = tuple(Scene(float(at), 1000, 1000, (boxed("hook", *place),)) for at, place in enumerate(way))
    case = link(Case("a", "made", "cholecystectomy", (Phase("preparation", 0, 6),), scenes, duration_s=6.0))
    found = {qa.kind for qa in questions(case, "goes_to", "reaches")}
    assert found == ({"goes_to", "reaches"} if asked else set())


def test_bare_places_follow_each_other_where_they_touch():
    def case(*places: str) -> Case:
        scenes = tuple(
            Scene(float(at), 0, 0, (Entity("hook", "hook", "instrument", "quadrant", grid=place),))
            for at, place in enumerate(places)
        )
        return link(
            Case("a", "made", "cholecystectomy", (Phase("preparation", 0, 6),), scenes, duration_s=6.0)
        )

    start = ["top-left"] * 2
    for between, asked in (("center", True), ("top-right", True), ("bottom-right", False)):
        made = case(*start, between, between, "bottom-left", "bottom-left")
        assert bool(questions(made, "goes_to")) is asked, between


def act(instrument: str, verb: str | None, target: str | None) -> Action:
    return Action(instrument, verb, target)


def test_a_verb_that_another_one_implies_is_no_wrong_choice():
    """Who retracts the gallbladder with a grasper grasps it."""
    acts = [
        act("grasper", "retract", "gallbladder"),
        act("grasper", "grasp", "gallbladder"),
        act("grasper", "dissect", "gallbladder"),
    ]
    acts += [
        act("grasper", "retract", "liver"),
        act("hook", "dissect", "gallbladder"),
        act("hook", "coagulate", "liver"),
    ]
    scenes = tuple(
        Scene(10.0 * at, 0, 0, (seen(one.instrument),), actions=(one,)) for at, one in enumerate(acts)
    )
    case = link(Case("a", "made", "cholecystectomy", (Phase("preparation", 0, 70),), scenes, duration_s=70.0))
    found = questions(case, "triplet")
    assert found
    for qa in found:
        tool, what = qa.short_answer.split(": ")
        alike = [one for one in qa.choices if one.startswith(tool) and one.split()[-1] == what.split()[-1]]
        assert alike == [qa.short_answer], qa.choices


def test_a_verb_of_the_instruments_own_name_does_not_ask_for_it():
    acts = [
        act("grasper", "grasp", "gallbladder"),
        act("clipper", "clip", "cystic duct"),
        act("scissors", "cut", "cystic duct"),
    ]
    acts += [act("irrigator", "irrigate", "liver"), act("grasper", "retract", "gallbladder")]
    scenes = tuple(
        Scene(10.0 * at, 0, 0, (seen(one.instrument),), actions=(one,)) for at, one in enumerate(acts)
    )
    case = link(Case("a", "made", "cholecystectomy", (Phase("preparation", 0, 70),), scenes, duration_s=70.0))
    assert sorted(qa.short_answer for qa in questions(case, "actor")) == ["grasper", "scissors"]


@pytest.mark.parametrize(
    ("wide", "answer"), [(256, None), (230, "under two thirds"), (290, "two thirds to four fifths")]
)
def test_a_width_is_a_width(wide, answer):
    """A cornea cut flat, 392 pixels wide and 270 high: by the root of areas a pupil of 230 pixels was wider than it is."""

    def part(name: str, x: float, y: float, across: float, down: float) -> Entity:
        rle = masks.polygons_to_rle([[x, y, x + across, y, x + across, y + down, x, y + down]], 800, 600)
        box, middle, area = (
            masks.box_of(rle, 800, 600),
            masks.centroid_of(rle, 800, 600),
            masks.area_of(rle, 800, 600),
        )
        return Entity(name, name, "anatomy", "mask", box, middle, area, rle=rle)

    eye = (part("cornea", 200, 150, 392, 270), part("pupil", 260, 160, wide, 230))
    scenes = (Scene(5.0, 800, 600, eye),)
    case = link(Case("a", "made", "cataract", (Phase("incision", 0, 20),), scenes, duration_s=20.0))
    assert [qa.short_answer for qa in questions(case, "pupil_width")] == ([answer] if answer else [])


@pytest.mark.parametrize(("end", "number"), [(31.5, 0), (45.0, 1)])
def test_that_no_phase_changes_is_asked_seconds_away_from_one(end, number):
    """Of a phase that ends a second after the clip nobody can tell that it doesn't end within it."""
    phases = (Phase("preparation", 0, end), Phase("gallbladder dissection", end, 90))
    case = seconds(*[["hook"]] * 90, phases=phases)
    found = set()
    for seed in range(120):
        known, taxonomy = transitions([case]), load(case.procedure)
        for clip in moments.windows(case, 5.0, 8).clips:
            if clip.start_ms == 24_000:
                chosen = Selection(kinds=("phase_change",), seed=seed)
                found |= {qa.short_answer for qa in certified_questions(clip, case, taxonomy, known, chosen)}
    assert found == ({"not within the clip"} if number else set())


@pytest.mark.parametrize("hidden", [False, True])
def test_a_phase_between_two_frames_is_a_change_of_its_own(hidden):
    """A second of another phase that no frame of a long clip shows: the phase then changes three times."""
    short = (Phase("clipping and cutting", 22.4, 23.4),) if hidden else ()
    first = (Phase("preparation", 0, 22.4), *short, Phase("preparation", 23.4, 33.0)) if hidden else ()
    phases = (*(first or (Phase("preparation", 0, 33.0),)), Phase("gallbladder dissection", 33.0, 90))
    case = link(Case("a", "made", "cholecystectomy", phases, duration_s=90.0))
    (clip,) = [one for one in moments.windows(case, 5.0, 8).clips if one.start_ms == 18_000]
    assert not any(22.4 <= at < 23.4 for at in clip.frames_s)
    taxonomy, chosen = load(case.procedure), Selection(kinds=("phase_change",))
    found = certified_questions(clip, case, taxonomy, transitions([case]), chosen)
    assert bool([qa for qa in found if qa.short_answer == "in its last third"]) is not hidden
