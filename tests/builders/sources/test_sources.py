"""The one contract of all sources. A source is a file in builders/sources/ or text_sources/ and something in tests/fixtures/:

``NAME/`` is an invented tree in its format, ``NAME.json`` says, where needed, the options to read it with and
the videos that are rendered into a copy of it (path -> seconds, width, height).
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from PIL import Image
from plain_video import render
from surgvqa.builders import procedures, sources
from surgvqa.builders.cases.scene import from_json, link, to_json
from surgvqa.builders.cases.timeline import IDLE, course, to_ms
from surgvqa.builders.cases.transitions import transitions
from surgvqa.builders.cases.windows import frame_times, windows
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.ask import ask
from surgvqa.builders.questions.messages import conversation
from surgvqa.builders.schema import FEATURES, QA_COLUMNS, Case, Omission
from surgvqa.builders.video.decode import read_frames
from surgvqa.builders.video.timing import read_timeline
from surgvqa.cards.command import InputError

FIXTURES = Path(__file__).parents[2] / "fixtures"


class Tree(NamedTuple):
    """A source with its invented tree."""

    name: str
    root: Path
    options: dict[str, Any]

    def read(self) -> list[Case | Omission]:
        return list(sources.load(self.name).cases(self.root, **self.options))


def tree(name: str, folder: Path) -> Tree:
    """A copy of a source's invented tree, with its videos."""
    told = FIXTURES / f"{name}.json"
    root = folder / name
    if (FIXTURES / name).is_dir():
        shutil.copytree(FIXTURES / name, root)
    else:
        assert told.is_file(), f"no tests/fixtures/{name}/ and no tests/fixtures/{name}.json"
    extra = json.loads(told.read_text()) if told.is_file() else {}
    for path, (seconds, width, height) in extra.get("videos", {}).items():
        render(root / path, seconds, width, height)
    return Tree(name, root, {key: _path(root, value) for key, value in extra.get("options", {}).items()})


def _path(root: Path, value: Any) -> Any:
    """``{"below": "x"}`` is the path ``x`` below the tree's root."""
    return root / value["below"] if isinstance(value, dict) else value


@pytest.fixture(scope="module", params=sources.names())
def fixture_tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return tree(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def found(fixture_tree: Tree) -> list[Case | Omission]:
    return fixture_tree.read()


@pytest.fixture(scope="module")
def cases(found: list[Case | Omission]) -> list[Case]:
    return [link(case) for case in found if isinstance(case, Case)]


def test_it_states_what_a_card_must_say(fixture_tree: Tree) -> None:
    facts = dataclasses.asdict(sources.load(fixture_tree.name).FACTS)
    assert all(value.strip() for value in facts.values()), facts
    assert facts["homepage"].startswith("https://")
    assert facts["citation"].lstrip().startswith("@")


def test_cases_are_sorted_unique_and_sound(fixture_tree: Tree, found: list[Case | Omission]) -> None:
    cases = [case for case in found if isinstance(case, Case)]
    assert cases, "the invented tree holds at least one case"
    ids = [case.case_id for case in cases]
    assert ids == sorted(set(ids))
    assert not [item for item in found if isinstance(item, Omission) and item.fault]
    for case in cases:
        assert case.source == fixture_tree.name
        taxonomy = load(case.taxonomy or case.procedure)
        assert taxonomy.name == case.procedure
        assert {phase.label for phase in case.phases} <= {*taxonomy.phases}
        for scene in case.scenes:
            assert len({node.id for node in scene.nodes}) == len(scene.nodes)
            for node in scene.nodes:
                assert node.name in (taxonomy.anatomy if node.type == "anatomy" else taxonomy.instruments)
                assert (node.rle is not None) == (node.granularity == "mask")
                assert node.bbox is None or (node.bbox[0] < node.bbox[2] and node.bbox[1] < node.bbox[3])
        assert all(path.is_file() for path in case.files)
        media = [case.video] if case.video else [frame.path for frame in case.frames]
        assert {*media} <= {*case.files}


GAPS_ARE_IDLE = ("cataract1k", "synthetic")  # by their authors: a gap between two phases is idle


def test_idle_is_only_what_the_source_says_and_no_table_contradicts(cases: list[Case]) -> None:
    for case in cases:
        assert case.idle == "stated" or case.source in GAPS_ARE_IDLE
        idle = [one for one in course(case).stretches if one.label == IDLE]
        if case.idle == "stated":
            said = [(to_ms(start), to_ms(end)) for start, end in case.idle_s]
            assert all(any(a <= one.start_ms and one.end_ms <= b for a, b in said) for one in idle)
        others = [(step.start_s, step.end_s) for step in case.steps] + [*case.unknown]
        if case.idle == "until_last":
            seen = (s.time_s for s in case.scenes if any(n.type == "instrument" for n in s.nodes))
            others += [(at_s, at_s + 0.001) for at_s in seen]
        for one in idle:
            assert not [1 for a, b in others if to_ms(a) < one.end_ms and to_ms(b) > one.start_ms]


def test_no_word_for_out_of_the_body_means_that_nothing_is_under_way() -> None:
    for path in sorted(Path(procedures.__file__).parent.glob("*.yaml")):
        words = yaml.safe_load(path.read_text("utf-8")).get("idle", [])
        assert not [word for word in words if "out" in word.lower()], path.name


def test_two_readings_are_equal(fixture_tree: Tree, found: list[Case | Omission]) -> None:
    assert fixture_tree.read() == found


def test_every_clip_encodes_and_is_asked_about(cases: list[Case]) -> None:
    known = transitions(cases)
    seen: set[str] = set()
    for case in cases:
        taxonomy = load(case.taxonomy or case.procedure)
        for clip in windows(case, 5.0).clips:
            assert 0 <= clip.start_ms < clip.end_ms
            assert clip.phase is None or clip.phase == IDLE or clip.phase in taxonomy.phases
            qa = clip.qa or ask(clip, case, taxonomy, known)
            ids = [clip.clip_id, *(one.qa_id for one in qa)]
            assert len({*ids}) == len(ids) and not seen & {*ids}
            seen.update(ids)
            for one in qa:
                assert not one.choices or one.short_answer in one.choices, one
            if clip.scene is not None:
                assert from_json(to_json(clip.scene)) == clip.scene
            row = dict.fromkeys(FEATURES) | {
                "clip_id": clip.clip_id,
                "case_id": case.case_id,
                "source": case.source,
                "procedure": case.procedure,
                "phase": clip.phase,
                "start_s": clip.start_ms / 1000,
                "end_s": clip.end_ms / 1000,
                "frame_times_s": list(frame_times(clip, 4)),
                "images": [],
                "scene": to_json(clip.scene) if clip.scene else None,
                "qa": [{name: _plain(getattr(one, name)) for name in QA_COLUMNS} for one in qa],
                "messages": conversation(qa),
            }
            assert FEATURES.features().encode_example(row)["clip_id"] == clip.clip_id


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def test_every_frame_asked_for_decodes(cases: list[Case]) -> None:
    for case in cases:
        for frame in case.frames:
            with Image.open(frame.path) as picture:
                picture.load()
        if case.video is None:
            continue
        length = read_timeline(case.video).duration_s
        times = [
            time_s + case.video_offset_s
            for clip in windows(dataclasses.replace(case, duration_s=length), 5.0).clips
            for time_s in frame_times(clip, 3)
        ]
        assert times and min(times) >= 0 and max(times) < length
        assert len(read_frames(case.video, sorted(times))) == len(times)


def test_no_case_lies_in_two_splits(cases: list[Case]) -> None:
    splits: dict[str, str | None] = {}
    for case in cases:
        assert splits.setdefault(case.case_id, case.split) == case.split
        assert case.split in (None, "train", "validation", "test")


def test_a_missing_folder_is_named_with_what_to_do(fixture_tree: Tree, tmp_path: Path) -> None:
    if fixture_tree.name == "synthetic":
        pytest.skip("renders what is missing")
    missing = tmp_path / "not-there"
    with pytest.raises(InputError, match="not-there") as error:
        list(sources.load(fixture_tree.name).cases(missing, **fixture_tree.options))
    told = str(error.value)
    assert "--root" in told or "http" in told, "what to do about it: where to get it, or which option to give"


def test_an_empty_folder_is_refused(fixture_tree: Tree, tmp_path: Path) -> None:
    if fixture_tree.name == "synthetic":
        pytest.skip("renders what is missing")
    with pytest.raises(InputError, match=str(tmp_path)):
        list(sources.load(fixture_tree.name).cases(tmp_path, **fixture_tree.options))


def test_fixtures_are_small() -> None:
    large = [path for path in FIXTURES.rglob("*") if path.is_file() and path.stat().st_size > 50_000]
    assert not large


def test_every_fixture_belongs_to_a_source() -> None:
    stray = {path.stem for path in FIXTURES.iterdir() if path.is_dir()} - {*sources.names()}
    assert not stray
