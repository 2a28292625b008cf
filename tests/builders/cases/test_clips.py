"""Clips tile a case: no gap, no overlap, bounded length, scenes in the middle, nested phases laid flat."""

from __future__ import annotations

import csv
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from surgvqa.builders.cases.timeline import annotated_course, course, label_at
from surgvqa.builders.cases.transitions import neighbours
from surgvqa.builders.cases.windows import frame_times, windows
from surgvqa.builders.schema import Case, Clip, Phase, Scene
from surgvqa.cards.command import InputError


def case(phases=(), scenes=(), **facts) -> Case:
    return Case(
        "a",
        "made-up",
        "cataract",
        phases=tuple(Phase(label, start, end) for label, start, end in phases),
        scenes=tuple(Scene(at, 100, 100) for at in scenes),
        **{"idle": "throughout", **facts},
    )


def spans(phases=(), scenes=(), seconds=5.0, **facts) -> list[tuple[str | None, int, int]]:
    clips, dropped = windows(case(phases, scenes, **facts), seconds)
    assert not [item for item in dropped if item.fault], dropped
    return [(clip.phase, clip.start_ms, clip.end_ms) for clip in clips]


def test_phases_and_the_idle_stretch_between_them_are_tiled():
    assert spans([("incision", 1.0, 8.0), ("viscoelastic", 10.0, 12.0)]) == [
        ("idle", 0, 1000),
        ("incision", 1000, 6000),
        ("incision", 6000, 8000),
        ("idle", 8000, 10000),
        ("viscoelastic", 10000, 12000),
    ]


def test_a_leftover_under_a_second_joins_its_neighbour_and_one_of_a_second_does_not():
    assert spans([("p", 0, 10.999)]) == [("p", 0, 5000), ("p", 5000, 10999)]
    assert spans([("p", 0, 11.0)]) == [("p", 0, 5000), ("p", 5000, 10000), ("p", 10000, 11000)]


def test_a_short_phase_does_not_borrow_from_the_next_phase():
    assert spans([("p", 0, 0.4), ("q", 0.4, 2.0)]) == [("p", 0, 400), ("q", 400, 2000)]


def test_windows_are_centred_on_the_annotated_moments():
    clips = windows(case([("p", 0, 30)], [10, 15, 20]), 5).clips
    with_scene = [(clip.start_ms, clip.end_ms, clip.scene.time_s) for clip in clips if clip.scene]
    assert with_scene == [(7500, 12500, 10), (12500, 17500, 15), (17500, 22500, 20)]


def test_every_annotated_moment_five_seconds_apart_has_its_clip_at_the_default_length():
    scenes = [0.0, 5.0, 10.0, 15.0, 20.0]
    clips = windows(case([("p", 3, 11), ("q", 11, 11.5), ("r", 14.9, 15.2)], scenes), 5).clips
    assert [clip.scene.time_s for clip in clips if clip.scene] == scenes
    assert [clip.phase for clip in clips if clip.scene] == ["idle", "p", "p", "r", "idle"]


def test_dense_moments_share_a_clip_so_that_it_shows_motion():
    clips = windows(case([("p", 0, 12)], [float(at) for at in range(12)]), 5).clips
    assert [clip.scene.time_s for clip in clips] == [0, 4, 8, 11]


def test_a_window_with_leftovers_on_both_sides_does_not_grow_past_the_limit():
    assert spans([("p", 0, 6.8)], [3.4]) == [("p", 0, 1000), ("p", 1000, 6800)]


def test_the_phase_that_started_last_holds_and_the_outer_one_resumes():
    assert spans([("preparation", 0, 10), ("out of body", 4, 6)]) == [
        ("preparation", 0, 4000),
        ("out of body", 4000, 6000),
        ("preparation", 6000, 10000),
    ]


def test_phases_without_length_and_hidden_phases_are_left_out_and_named():
    _, dropped = windows(case([("p", 0, 5), ("q", 3, 3), ("s", 0, 5), ("t", 0, 2.5), ("u", 2.5, 5)]), 5)
    assert [(item.item.split()[2], item.fault) for item in dropped] == [
        ("q", False),
        ("p", False),
        ("s", False),
    ]


def test_a_phase_that_ends_before_it_starts_is_a_fault():
    _, dropped = windows(case([("p", 5, 3)]), 5)
    assert [item.fault for item in dropped] == [True]
    assert "before it starts" in dropped[0].cause


def test_a_phase_beyond_the_end_of_the_video_is_a_fault_and_a_rounding_error_is_cut():
    _, dropped = windows(case([("p", 0, 20)], duration_s=10.0), 5)
    assert [item.fault for item in dropped] == [True] and "10 s" in dropped[0].cause
    clips, dropped = windows(case([("p", 0, 10.4)], duration_s=10.0), 5)
    assert clips[-1].end_ms == 10_000 and [item.fault for item in dropped] == [False]


def test_a_scene_beyond_the_end_of_the_video_is_a_fault():
    _, dropped = windows(case([("p", 0, 10)], [12.0], duration_s=10.0), 5)
    assert [item.fault for item in dropped] == [True] and "scene at 12 s" in dropped[0].item


def test_a_scene_just_past_the_last_frame_is_left_out():
    clips, dropped = windows(case([("p", 0, 10)], [10.0], duration_s=10.0), 5)
    assert not any(clip.scene for clip in clips) and [item.fault for item in dropped] == [False]


def test_two_scenes_at_one_moment_are_a_fault():
    _, dropped = windows(case([("p", 0, 10)], [2.0, 2.0001]), 5)
    assert [item.fault for item in dropped] == [True]


def test_an_excerpt_keeps_the_times_of_the_annotations():
    phases = [("p", 0, 100), ("q", 100, 200)]
    clips, dropped = windows(case(phases, duration_s=8.0, video_offset_s=-96.0), 5)
    assert [(c.phase, c.start_ms, c.end_ms) for c in clips] == [
        ("p", 96_000, 100_000),
        ("q", 100_000, 104_000),
    ]
    assert dropped and not any(item.fault for item in dropped)


def test_a_case_without_phases_has_clips_without_a_phase():
    assert spans(duration_s=7.0) == [(None, 0, 5000), (None, 5000, 7000)]


def test_rounding_between_two_phases_makes_no_clip_without_a_frame():
    clips, dropped = windows(case([("p", 0, 5), ("q", 5.017, 9)]), 5)
    assert [clip.phase for clip in clips] == ["p", "q"]
    assert "less than a frame" in dropped[0].cause


def test_clips_that_the_source_ships_are_kept():
    own = (Clip("a", 0, 700, None),)
    assert windows(case(duration_s=9.0, clips=own), 5).clips == own


def test_clip_seconds_under_one_are_refused():
    with pytest.raises(InputError, match=r"--clip-seconds 0\.5"):
        windows(case(duration_s=9.0), 0.5)


def test_previous_and_next_skip_interruptions_of_the_same_phase():
    stretches = annotated_course(case([("a", 0, 4), ("b", 4, 6), ("b", 8, 10), ("c", 10, 12)])).stretches
    assert neighbours(stretches, 9000) == ("a", "c")
    assert neighbours(stretches, 7000) == ("b", "b")
    assert neighbours(stretches, 1000) == ("none", "b")
    assert neighbours(stretches, 11_000) == ("b", "none")
    assert neighbours(stretches, 20_000) == ("c", "none")
    assert label_at(stretches, 20_000) is None


def test_an_outer_phase_that_resumes_comes_after_the_inner_one():
    stretches = annotated_course(case([("a", 0, 10), ("b", 4, 6)])).stretches
    assert neighbours(stretches, 8000) == ("b", "none")


moment = st.integers(0, 59_999).map(lambda ms: ms / 1000)
made_up = st.builds(
    case,
    phases=st.lists(
        st.tuples(st.sampled_from("pqr"), moment, moment).filter(lambda p: p[1] <= p[2]), max_size=6
    ),
    scenes=st.lists(moment, max_size=12, unique=True),
    duration_s=st.sampled_from([None, 60.0]),
)


@given(made_up, st.sampled_from([1.0, 1.5, 2.0, 3.3, 5.0, 12.0]))
@settings(max_examples=400, deadline=None)
def test_any_case_is_tiled(made: Case, seconds: float):
    assume(not made.phases or max(phase.end_s - phase.start_s for phase in made.phases) >= 1)
    clips, dropped = windows(made, seconds)
    assert not [item for item in dropped if item.fault]
    stretches = course(made).stretches
    assert all(clip.start_ms < clip.end_ms for clip in clips)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(clips)), "clips overlap"
    for stretch in stretches:  # completely covered, by clips of its own label alone
        inside = [c for c in clips if stretch.start_ms <= c.start_ms < stretch.end_ms]
        assert inside[0].start_ms == stretch.start_ms and inside[-1].end_ms == stretch.end_ms
        assert all(a.end_ms == b.start_ms for a, b in pairwise(inside))
        assert {c.phase for c in inside} == {stretch.label}
        if stretch.end_ms - stretch.start_ms >= 1000:
            shortest = min(c.end_ms - c.start_ms for c in inside)
            assert shortest >= min(1000, 0.4 * seconds * 1000 - 1), shortest
    assert all(c.end_ms - c.start_ms <= seconds * 1000 + 1000 for c in clips)
    for clip in clips:
        at = [round(scene.time_s * 1000) for scene in made.scenes]
        within = [t for t in at if clip.start_ms <= t < clip.end_ms]
        assert (clip.scene is not None) == bool(within), "a clip over annotated moments carries one of them"
        if clip.scene is not None:
            assert clip.start_ms <= round(clip.scene.time_s * 1000) < clip.end_ms


@given(st.integers(0, 50_000), st.integers(1, 9000), st.integers(1, 16))
def test_frame_times_lie_inside_the_clip(start: int, width: int, n: int):
    times = frame_times(Clip("a", start, start + width, None), n)
    assert len(times) == n and all(start / 1000 < t < (start + width) / 1000 for t in times)
    assert all(a < b for a, b in pairwise(times))


def test_all_real_cataract_cases_are_tiled(realdata: Path):
    folders = sorted((realdata / "cataract1k" / "phase_annotations").glob("case_*"))
    assert len(folders) > 40
    for folder in folders:
        with (folder / f"{folder.name}_annotations_phases.csv").open() as lines:
            rows = [
                (row["comment"], float(row["sec"]), float(row["endSec"])) for row in csv.DictReader(lines)
            ]
        clips, dropped = windows(case(rows), 5)
        assert not dropped
        for label, start, end in rows:
            own = [c for c in clips if round(start * 1000) <= c.start_ms < round(end * 1000)]
            assert {c.phase for c in own} == {label}
            assert sum(c.end_ms - c.start_ms for c in own) == round(end * 1000) - round(start * 1000)


def test_all_real_bypass_cases_with_nested_phases_are_tiled(realdata: Path):
    files = sorted((realdata / "multibypass140" / "labels").rglob("*.json"))
    assert len(files) > 60
    nested = 0
    for file in files:
        rows = json.loads(file.read_text())["phases"]
        made = case([(row["label_name"], row["start"] / 1000, row["end"] / 1000) for row in rows])
        clips, dropped = windows(made, 5)
        nested += any(a["end"] > b["start"] for a, b in pairwise(sorted(rows, key=lambda row: row["start"])))
        assert not [item for item in dropped if item.fault]
        assert all(a.end_ms <= b.start_ms for a, b in pairwise(clips))
        assert all(c.end_ms - c.start_ms <= 6000 for c in clips)
        covered = sum(c.end_ms - c.start_ms for c in clips if c.phase != "idle")
        marks = sorted({row["start"] for row in rows} | {row["end"] for row in rows})
        union = sum(b - a for a, b in pairwise(marks) if any(r["start"] <= a and b <= r["end"] for r in rows))
        assert covered == union
    assert nested > 50
