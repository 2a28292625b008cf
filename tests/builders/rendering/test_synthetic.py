"""The renderer: known truth, the same bytes for the same seed, and nothing to gain without looking."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Hashable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from surgvqa.builders.cases.scene import grid_cell, link
from surgvqa.builders.cases.windows import windows
from surgvqa.builders.geometry.masks import rle_to_mask
from surgvqa.builders.questions.motion import motions
from surgvqa.builders.rendering.draw import Stage
from surgvqa.builders.rendering.plan import DIRECTIONS, INSTRUMENTS, SIDES, Beat, Plan, plan
from surgvqa.builders.schema import Case
from surgvqa.builders.sources import cataract1k, synthetic
from surgvqa.builders.video.decode import read_frames
from surgvqa.cards.command import InputError

SMALL = {"render_cases": 2, "size": 96, "phase_seconds": 6.0}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    list(synthetic.cases(folder, **SMALL))
    return folder


@pytest.fixture(scope="module")
def cases(root: Path) -> list[Case]:
    return [link(case) for case in synthetic.cases(root, **SMALL) if isinstance(case, Case)]


def digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_equal_seeds_give_equal_bytes_and_others_do_not(root: Path, tmp_path: Path) -> None:
    list(synthetic.cases(tmp_path / "again", **SMALL))
    assert digests(tmp_path / "again") == digests(root)
    list(synthetic.cases(tmp_path / "other", **(SMALL | {"render_seed": 1})))
    other = digests(tmp_path / "other")
    assert other.keys() == digests(root).keys()
    same = {path for path, digest in digests(root).items() if other[path] == digest}
    assert {Path(path).name for path in same} == {"case_0001_video.csv", "case_0002_video.csv"}


def test_the_format_is_cataract_1ks(root: Path, cases: list[Case]) -> None:
    found = [case for case in cataract1k.cases(root) if isinstance(case, Case)]
    assert [case.phases for case in found] == [case.phases for case in cases]
    assert [len(case.scenes) for case in found] == [len(case.scenes) for case in cases]
    assert (root / "Phase_recognition_dataset/videos/case_0001.mp4").is_file()


def test_a_second_run_reads_and_other_parameters_are_refused(root: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    list(synthetic.cases(root, **SMALL))
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()} == before
    with pytest.raises(InputError, match="rendered with other size \\(size=96\\)"):
        list(synthetic.cases(root, **(SMALL | {"size": 64})))
    (tmp_path / "theirs.txt").write_text("x")
    with pytest.raises(InputError, match="holds something else"):
        list(synthetic.cases(tmp_path, **SMALL))
    for wrong in ({"difficulty": 1.5}, {"render_cases": 0}, {"size": 97}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            list(synthetic.cases(tmp_path / "new", **(SMALL | wrong)))


def test_rendering_that_was_interrupted_goes_on(root: Path, tmp_path: Path) -> None:
    list(synthetic.cases(tmp_path / "x", **SMALL))
    (tmp_path / "x" / synthetic.PARAMETERS_FILE).unlink()
    (tmp_path / "x" / "Phase_recognition_dataset/videos/case_0002.mp4").write_bytes(b"half")
    list(synthetic.cases(tmp_path / "x", **SMALL))
    assert digests(tmp_path / "x") == digests(root)


def test_every_moment_has_its_clip_centred_on_a_beat(cases: list[Case]) -> None:
    for case in cases:
        clips = windows(case, 5.0).clips
        assert all(clip.scene is not None for clip in clips)
        for clip in clips[1:]:
            assert clip.scene is not None and (clip.scene.time_s + 0.5) % 5 == 0
            assert 4.5 <= (clip.end_ms - clip.start_ms) / 1000 <= 5.5


def test_masks_lie_on_the_pixels_they_name(cases: list[Case]) -> None:
    """Inside an instrument's mask are saturated colours, far more often than around it at difficulty 0."""
    made = plan(3, difficulty=0.0)
    stage = Stage(made, 128)
    seen = 0
    for beat in made.beats:
        picture = stage.draw(beat.middle_s).astype(int)
        vivid = picture.max(axis=2) - picture.min(axis=2) > 150
        tools = [shape for shape in stage.shapes(beat.middle_s) if shape.track is not None]
        covered = np.zeros(vivid.shape, bool)
        for shape in tools:
            covered |= fill(shape.points, stage.width, stage.height)
        assert not (vivid & ~covered).mean() > 0.002, "vivid pixels that belong to no mask"
        for shape in tools:
            inside = fill(shape.points, stage.width, stage.height)
            least = 0.25 if INSTRUMENTS.index(shape.name) >= 5 else 0.5
            assert vivid[inside].mean() > least, shape.name
            seen += 1
    assert seen > 5


def fill(points: list[tuple[float, float]], width: int, height: int) -> np.ndarray:
    from surgvqa.builders.geometry.masks import polygons_to_rle

    return rle_to_mask(polygons_to_rle([[v for p in points for v in p]], width, height), width, height)


def test_video_shows_what_was_drawn(root: Path, cases: list[Case]) -> None:
    stage = Stage(plan(1, phase_seconds=6.0), 96)
    assert cases[0].video is not None
    for shot in read_frames(cases[0].video, [4.4, 20.0, 33.2]):
        assert np.abs(shot.image.astype(int) - stage.draw(shot.time_s)).mean() < 8
        assert np.abs(shot.image.astype(int) - stage.draw(shot.time_s + 5)).mean() > 12


def test_motion_is_known_and_asked_about(cases: list[Case]) -> None:
    """The direction read from the masks is the one that was planned, wherever one is read."""
    asked = 0
    for number, case in enumerate(cases, start=1):
        made = plan(number, phase_seconds=6.0)
        names = {track.id: track.name.lower() for track in made.tracks}
        planned = {beat.middle_s: beat.motions for beat in made.beats}
        for clip in windows(case, 5.0).clips:
            assert clip.scene is not None
            for motion in motions(clip, case, 8):
                if motion.kind == "motion_direction" and motion.name in names.values():
                    truth = {names[track]: way for track, way in planned[clip.scene.time_s].items()}
                    assert motion.answer == truth[motion.name], (clip.clip_id, motion)
                    asked += 1
    assert asked > 20


def test_moving_and_still_things_are_asked_about_also_of_four_frames(cases: list[Case]) -> None:
    """Moments too close to the clip's ends, or to each other, leave only what keeps still: known without looking."""
    ways = Counter(
        motion.answer
        for case in cases
        for clip in windows(case, 5.0).clips
        for motion in motions(clip, case, 4)
        if motion.kind == "motion_direction"
    )
    assert {*ways} == {*DIRECTIONS} and ways["still"] < 0.5 * ways.total(), ways


def test_a_clip_begins_with_what_was_there_before(cases: list[Case]) -> None:
    """Instruments come and go between a clip's first frame of four and its second: what entered can be seen."""
    for number in range(1, 4):
        made = plan(number)
        for before, beat in pairwise(made.beats):

            def in_view(time_s: float, made: Plan = made) -> set[int]:
                return {track.id for track in made.tracks if track.at(time_s) is not None}

            start_s = beat.middle_s - 2.5
            assert in_view(start_s + 0.625) == in_view(before.middle_s) == {*before.motions}
            assert in_view(start_s + 1.875) == in_view(beat.middle_s) == {*beat.motions}


def test_instruments_enter_and_leave_by_one_side() -> None:
    for track in plan(5).tracks:
        out_x, out_y = SIDES[track.side]
        for x, y in ((track.xs[0], track.ys[0]), (track.xs[-1], track.ys[-1])):
            assert (x - 0.5) * out_x + (y - 0.5) * out_y > 0.5, (track.side, x, y)
        assert all(0 < x < 1 and 0 < y < 1 for x, y in list(zip(track.xs, track.ys, strict=True))[1:-1])


# What a guesser gains who doesn't look, or looks at colours only


class Seen(NamedTuple):
    """A beat as a guesser sees it, and the truth."""

    case: int
    colours: np.ndarray  # histogram of three pictures
    phase: str
    names: frozenset[str]
    cell: str | None  # of the only instrument
    motion: str | None


def histogram(picture: np.ndarray) -> np.ndarray:
    counts, _ = np.histogramdd(picture.reshape(-1, 3) // 43, bins=(6, 6, 6), range=((0, 6),) * 3)
    return np.sqrt(counts.ravel() / counts.sum())


def look(stage: Stage, beat: Beat) -> Seen:
    pictures = [stage.draw(beat.middle_s + later) for later in (-1.9, 0.0, 1.9)]
    tools = [shape for shape in stage.shapes(beat.middle_s) if shape.track is not None]
    cell = motion = None
    if len(tools) == 1 and tools[0].track is not None:
        x, y = np.array(tools[0].points).mean(axis=0)
        cell = grid_cell((float(x), float(y)), stage.width, stage.height)
        motion = beat.motions[tools[0].track]
    colours = np.concatenate([histogram(picture) for picture in pictures])
    names = frozenset(shape.name for shape in tools)
    return Seen(stage.plan.number, colours, beat.phase or "idle", names, cell, motion)


@pytest.fixture(scope="module")
def seen() -> tuple[list[Seen], list[Seen]]:
    """Beats of 30 training and 10 held-out cases at the default difficulty."""
    beats = [
        look(stage, beat) for stage in (Stage(plan(k), 80) for k in range(1, 41)) for beat in stage.plan.beats
    ]
    return [one for one in beats if one.case <= 30], [one for one in beats if one.case > 30]


def by_colour(train: list[Seen], test: list[Seen], truth: Callable[[Seen], Hashable]) -> tuple[float, float]:
    """Accuracy of the seven nearest by colour, and of the commonest answer."""
    train = [one for one in train if truth(one) is not None]
    test = [one for one in test if truth(one) is not None]
    known = np.stack([one.colours for one in train])
    right = 0
    for one in test:
        nearest = np.argsort(((known - one.colours) ** 2).sum(axis=1), kind="stable")[:7]
        right += Counter(truth(train[index]) for index in nearest).most_common(1)[0][0] == truth(one)
    commonest = Counter(truth(one) for one in train).most_common(1)[0][0]
    return right / len(test), sum(truth(one) == commonest for one in test) / len(test)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "blind", "gain"),
    [("phase", 0.2, 0.12), ("cell", 0.25, 0.1), ("motion", 0.35, 0.1), ("names", 0.3, 0.1)],
)
def test_blind_and_colour_guessers_stay_low(
    seen: tuple[list[Seen], list[Seen]], name: str, blind: float, gain: float
) -> None:
    found, commonest = by_colour(*seen, lambda one: getattr(one, name))
    assert commonest < blind
    assert found < commonest + gain


def test_colours_do_not_tell_whether_an_instrument_is_in_view(seen: tuple[list[Seen], list[Seen]]) -> None:
    train, test = seen
    scores = []
    for name in INSTRUMENTS:
        shown = [one for one in train if name in one.names]
        absent = [one for one in train if name not in one.names][:: max(1, len(train) // len(shown) - 1)]
        sides = []
        for present in (True, False):
            asked = [one for one in test if (name in one.names) == present]
            sides.append(by_colour([*shown, *absent], asked, lambda one, name=name: name in one.names)[0])
        scores.append(sum(sides) / 2)
    assert np.mean(scores) < 0.6  # 0.5 is chance; a hue for every instrument on a plain eye gives 0.96


def test_the_phase_does_not_tell_the_instruments(seen: tuple[list[Seen], list[Seen]]) -> None:
    """A blind guesser who is told the phase and says its commonest set of instruments."""
    train, test = seen
    usual = {
        phase: Counter(one.names for one in train if one.phase == phase).most_common(1)[0][0]
        for phase in {one.phase for one in train}
    }
    working = [one for one in test if one.phase != "idle"]
    assert np.mean([usual[one.phase] == one.names for one in working]) < 0.35


def test_answers_are_spread(seen: tuple[list[Seen], list[Seen]]) -> None:
    beats = [*seen[0], *seen[1]]
    cells = Counter(one.cell for one in beats if one.cell)
    ways = Counter(one.motion for one in beats if one.motion)
    names = Counter(name for one in beats for name in one.names)
    assert len(cells) == 9 and min(cells.values()) > 0.6 * sum(cells.values()) / 9
    assert {*ways} == {*DIRECTIONS} and min(ways.values()) > 0.7 * sum(ways.values()) / 5
    assert {*names} == {*INSTRUMENTS} and min(names.values()) > 0.4 * sum(names.values()) / 10
    assert len({one.phase for one in beats}) == 13


def test_the_default_is_not_trivial() -> None:
    import inspect

    default = inspect.signature(synthetic.cases).parameters["difficulty"].default
    assert 0.4 <= default < 1
    assert plan(1).difficulty == default
    clean, hard = (Stage(plan(1, difficulty=d), 64) for d in (0.0, default))
    assert not any(beat.patches or beat.glares or beat.bubbles for beat in clean.plan.beats)
    assert all(len(beat.patches) == 5 for beat in hard.plan.beats)


def test_notes_say_how_far_the_phase_tells(cases: list[Case]) -> None:
    (note,) = synthetic.notes(cases)
    assert "usual instrument is in view in" in note


def test_stills_in_place_of_videos(tmp_path: Path) -> None:
    """Four a beat; between the first two things come and go, and nothing else does until the next beat."""
    told = {"render_cases": 1, "size": 64, "phase_seconds": 5.0, "stills": True}
    (case,) = (one for one in synthetic.cases(tmp_path, **told) if isinstance(one, Case))
    pictures = sorted(tmp_path.rglob("*.png"))
    images = json.loads(next(tmp_path.rglob("instances.json")).read_text())["images"]
    assert [path.name for path in pictures] == sorted(image["file_name"] for image in images)
    assert case.video is None and not list(tmp_path.rglob("*.mp4"))
    assert [frame.time_s for frame in case.frames] == [scene.time_s for scene in case.scenes]
    names = [{node.name for node in scene.nodes if node.type == "instrument"} for scene in case.scenes[1:]]
    beats = [names[at : at + 4] for at in range(0, len(names), 4)]
    assert all(second == third == fourth for _, second, third, fourth in beats)
    assert sum(first != second for first, second, *_ in beats) > 0.5 * len(beats)
    assert all(last == first for (*_, last), (first, *_) in pairwise(beats))
