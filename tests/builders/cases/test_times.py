"""Seconds, milliseconds and frame numbers told apart; what nobody annotated is unknown, never idle."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from surgvqa.builders.cases import timeline, times
from surgvqa.builders.cases.agreement import overlaps
from surgvqa.builders.cases.timeline import course, phase_at
from surgvqa.builders.cases.transitions import around, transitions
from surgvqa.builders.cases.windows import windows
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.ask import KINDS, ask
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import Case, Omission, Phase, Scene
from surgvqa.builders.sources import procedure
from surgvqa.cards.command import InputError

PHASES = ("incision", "viscoelastic", "capsulorhexis")


def case(*spans: tuple[float, float], **facts) -> Case:
    phases = tuple(Phase(PHASES[i % 3], start, end) for i, (start, end) in enumerate(spans))
    return Case("a", "made-up", "cataract", phases, **facts)


def labels(one: Case) -> list[tuple[str | None, int, int]]:
    return [(stretch.label, stretch.start_ms, stretch.end_ms) for stretch in course(one).stretches]


@pytest.mark.parametrize(
    ("spans", "length_s", "said"),
    [
        ([(0, 37500), (37500, 75000)], None, "no operation is that long: frame numbers"),
        ([(0, 600_000), (600_000, 1_190_000)], 1200.0, "milliseconds"),
        ([(0, 9000), (9000, 29_000)], 1200.0, "frame numbers at 25 a second"),
        ([(0, 9000), (9000, 35_700)], 1200.0, "frame numbers at 30 a second"),
        ([(0, 70_000)], 1200.0, "frame numbers at 60 a second"),
        ([(0, 0.004), (0.004, 0.009)], 1200.0, "no phase is that short"),
        ([(0, 0.004), (0.004, 0.009)], None, "no phase is that short"),
        ([(0, 0.4), (0.4, 1.0)], 1200.0, "shares of the recording"),
        ([(0, 8), (8, 19.5)], 1200.0, "a sixtieth of its recording .* minutes"),
    ],
)
def test_times_that_are_no_seconds_are_refused(spans, length_s, said):
    with pytest.raises(InputError, match=said):
        windows(case(*spans, duration_s=length_s), 5.0)


@pytest.mark.parametrize(
    ("spans", "length_s"),
    [([(0, 600), (600, 1190)], 1200.0), ([(0, 20)], 1200.0), ([(0, 8), (8, 40)], 1200.0), ([(0, 0.5), (10, 40)], 41.0), ([(0, 20_000)], None), ([(0, 50_000)], 50_400.0)],
)  # fmt: skip
def test_seconds_are_taken(spans, length_s):
    assert not [one for one in windows(case(*spans, duration_s=length_s), 5.0).omissions if one.fault]


def test_seconds_that_end_at_a_sixtieth_are_taken_where_the_table_says_so(tmp_path: Path):
    spans = ((0, 8), (8, 19.5))
    assert not windows(case(*spans, duration_s=1200.0, seconds_stated=True), 5.0).omissions
    for head, first, second, stated in (
        ("case,phase,start,end", "a,incision,0,8", "a,viscoelastic,8,19.5", False),
        ("case,phase,start,end,unit", "a,incision,0,8,s", "a,viscoelastic,8,19.5,s", True),
        ("case,phase,start,end,unit", "a,incision,0,8,s", "a,viscoelastic,8,19.5,", False),
        ("case,phase,start,end", "a,incision,0:00:00,0:00:08", "a,viscoelastic,0:00:08,0:00:19.5", True),
        ("case,phase,start,end", "a,incision,0:00:00,0:00:08", "a,viscoelastic,8,19.5", False),
    ):
        (tmp_path / "phases.csv").write_text(f"{head}\n{first}\n{second}\n")
        (one,) = procedure.cases(tmp_path, taxonomy="cataract")
        assert isinstance(one, Case) and one.seconds_stated == stated
        assert [(phase.start_s, phase.end_s) for phase in one.phases] == [*spans]


def test_annotated_moments_are_looked_at_like_phases():
    moments = tuple(Scene(at, 10, 10) for at in (0.0, 25_000.0))
    with pytest.raises(InputError, match=r"its moments end at 25000 s, 25 times .* frame numbers"):
        windows(case((0, 900), scenes=moments, duration_s=1000.0), 5.0)


def test_a_gap_is_unknown_and_idle_where_the_source_says_so():
    assert labels(case((2, 4), (6, 8), duration_s=10.0)) == [
        (None, 0, 2000), ("incision", 2000, 4000), (None, 4000, 6000), ("viscoelastic", 6000, 8000), (None, 8000, 10000),
    ]  # fmt: skip
    for idle, ends in (("until_last", ("idle", "idle", None)), ("throughout", ("idle", "idle", "idle"))):
        found = [label for label, *_ in labels(case((2, 4), (6, 8), duration_s=10.0, idle=idle))]
        assert tuple(found[::2]) == ends
    stated = case((0, 4), (6, 8), duration_s=8.0, idle_s=((4.0, 6.0),))
    assert [label for label, *_ in labels(stated)] == ["incision", "idle", "viscoelastic"]


def test_the_time_of_a_row_that_cannot_be_read_is_unknown_whatever_holds_around_it():
    one = case((0, 10), (20, 30), duration_s=30.0, idle="throughout", unknown=((4.0, 6.0), (12.0, 14.0)))
    assert [label for label, *_ in labels(one)] == [
        "incision", None, "incision", "idle", None, "idle", "viscoelastic",
    ]  # fmt: skip
    assert phase_at(one, 5000) is None and phase_at(one, 11_000) == "idle"
    assert around(one, 25_000) == (None, "none") and around(one, 1000) == ("none", None)


def test_nothing_is_asked_where_nothing_is_known():
    one = case((0, 10), (20, 30), duration_s=60.0)
    known, names = transitions([one]), load("cataract")
    for clip in windows(one, 5.0).clips:
        asked = {qa.kind: qa.short_answer for qa in ask(clip, one, names, known, Selection(kinds=KINDS))}
        if clip.phase is None:
            assert not asked, clip
        else:
            # before the first there is nothing; what lies between and behind nobody knows
            first = clip.phase == "incision"
            assert asked.keys() - {"caption"} == ({"phase", "previous_phase"} if first else {"phase"})


def test_rounding_between_phases_hides_none():
    one = case((0, 10), (10.5, 20), duration_s=20.4)
    assert around(one, 5000) == ("none", "viscoelastic") and around(one, 15_000) == ("incision", "none")


def test_overlaps_are_said_with_their_seconds_and_cases():
    one, other = case((0, 10), (6, 20)), case((0, 10), (10, 20))
    (note,) = overlaps([one, other])
    assert "4 s in 1 case: a (4 s)" in note
    assert overlaps([other]) == ()


def test_many_phases_take_linear_time():
    count = 10_000
    one = case(*((i, i + 1.5) for i in range(count)), duration_s=count + 1.0)
    begun = time.monotonic()
    for clip in windows(one, 5.0).clips:
        around(one, clip.start_ms)
    assert timeline.overlap_ms(one) == 500 * (count - 1)
    assert time.monotonic() - begun < 20
    with pytest.raises(InputError, match="one row per phase, not per frame"):
        times.refuse([(i, i + 1.0) for i in range(100_000)], [], None)


@pytest.mark.parametrize(
    ("content", "right"),
    [
        (b"case,phase,start,end\na,incision,0,4.5\n", (0.0, 4.5)),
        ("case;phase;start;end\na;incision;0,5;4,5\n".encode("utf-8-sig"), (0.5, 4.5)),
        ("case\tphase\tstart\tend\na\tincision\t0\t4,5\n".encode("utf-16"), (0.0, 4.5)),
        (b"case,phase,start,end\ra,incision,0:00:02,1:02:03.5\r", (2.0, 3723.5)),
        (b"case;phase;start;end\ra;incision;0,5;4,5\r", (0.5, 4.5)),
        (b'case,phase,start,end\na,incision,"0","4,5"\n', (0.0, 4.5)),
        (b"case,phase,start,end\na,incision,00:02,00:04\n", "Write h:mm:ss, or seconds"),
        (b'case,phase,start,end\na,incision,0,"1,500"\n', "thousands, or three decimals"),
        (b"case,phase,start,end\na,incision,0:61:00,2:00:00\n", "not a number"),
        ("case,phase,start,end\nMüller,incision,0,4\n".encode("latin-1"), "not UTF-8 at byte 22"),
    ],
)
def test_times_as_people_write_them(content: bytes, right: tuple[float, float] | str, tmp_path: Path) -> None:
    (tmp_path / "phases.csv").write_bytes(content)
    found = list(procedure.cases(tmp_path, taxonomy="cataract"))
    if isinstance(right, str):
        faults = [one.cause for one in found if isinstance(one, Omission) and one.fault]
        assert any(right in cause for cause in faults)
        return
    read = next(one for one in found if isinstance(one, Case))
    assert [(phase.start_s, phase.end_s) for phase in read.phases] == [right]


def test_a_phase_before_its_recording_is_a_fault_and_before_an_excerpt_is_not() -> None:
    for offset, wrong in ((0.0, True), (-5.0, False)):
        early = case((-5.0, 4.0), duration_s=20.0, video_offset_s=offset)
        assert any(one.fault for one in course(early).omissions) == wrong


def test_what_two_tables_say_otherwise_is_unknown_not_idle():
    steps = (Phase("clip cystic duct", 12, 14), Phase("clip cystic artery", 14, 30))
    facts = {"steps": steps, "idle_s": ((10, 20), (40, 50)), "unknown": ((45, 60),), "duration_s": 60.0}
    case = Case("a", "made", "cholecystectomy", phases=(Phase("preparation", 0, 10),), **facts)
    labels = [phase_at(case, 1000 * at) for at in (5, 11, 12, 15, 19, 35, 41, 46)]
    assert labels == ["preparation", "idle", None, None, None, None, "idle", None]
    assert around(case, 5000)[1] is None, "what holds from 12 to 20 s may be a phase of its own"
