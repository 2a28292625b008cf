"""Traps of CholecTrack20's files, on an invented tree: skipped seconds, tracks, hands, ids without names, wrong pictures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from surgvqa.builders import sources
from surgvqa.builders.schema import Action, Case, Omission

TREE = Path(__file__).parents[2] / "fixtures" / "cholectrack20"


def read(root: Path = TREE, **options: str) -> tuple[dict[str, Case], list[Omission]]:
    found = list(sources.load("cholectrack20").cases(root, **options))
    cases = {one.case_id: one for one in found if isinstance(one, Case)}
    return cases, [one for one in found if isinstance(one, Omission)]


def changed(folder: Path, key: str, value: object) -> list[Omission]:
    """What is refused once the first instrument of VID91 has another value."""
    shutil.copytree(TREE, folder / "set")
    path = folder / "set" / "Training" / "VID91" / "vid91.json"
    file = json.loads(path.read_text())
    file["annotations"]["25"][0][key] = value
    path.write_text(json.dumps(file))
    cases, dropped = read(folder / "set")
    assert "VID91" not in cases
    return [one for one in dropped if one.fault]


def test_skipped_seconds_are_unknown() -> None:
    case = read()[0]["VID91"]
    assert [(one.label, one.start_s, one.end_s) for one in case.phases] == [
        ("calot triangle dissection", 1, 4),
        ("calot triangle dissection", 8, 9),
        ("gallbladder packaging", 9, 10),
    ]
    note = sources.load("cholectrack20").notes([case])[1]
    assert note.startswith("1 times labels skip")


def test_instruments_have_tracks_and_hands() -> None:
    case = read()[0]["VID91"]
    at = {scene.time_s: scene for scene in case.scenes}
    assert [(node.id, node.track) for node in at[8].nodes] == [
        ("grasper", "grasper 3"),
        ("grasper#2", "grasper 5"),
    ]
    assert at[1].nodes[0].track == at[3].nodes[0].track != at[8].nodes[1].track
    assert at[2].events == (
        "held: grasper, main surgeon's left hand",
        "held: hook, main surgeon's right hand",
        "condition: smoke",
    )
    assert at[1].nodes[0].bbox == (16, 12, 32, 24)  # shares of 64 x 48
    assert at[9].nodes[0].name == "specimen bag" and at[9].nodes[0].bbox == (32, 24, 64, 48)
    assert at[9].events == ()  # operator 0 is nobody


def test_actions_are_those_that_the_file_explains() -> None:
    cases, dropped = read()
    assert [scene.actions for scene in cases["VID93"].scenes] == [
        (Action("grasper", "retract", "gallbladder"), Action("hook", "dissect", "cystic plate")),
        None,  # -2: of the hook nobody says what it does
        (Action("grasper", None, None),),
    ]
    assert {scene.actions for scene in cases["VID91"].scenes} == {None}
    assert ("VID30, 1 times", "an action whose ids no list of the file explains") in [
        (one.item, one.cause) for one in dropped
    ]


def test_folders_say_the_split_and_pictures_of_another_video_are_left_out() -> None:
    cases, dropped = read()
    assert {name: case.split for name, case in cases.items()} == {
        "VID30": "validation",
        "VID91": "train",
        "VID93": "test",
    }
    assert not cases["VID30"].frames and len(cases["VID91"].frames) == 5
    assert ("VID30", sources.load("cholectrack20").WRONG_PICTURES[30]) in [
        (one.item, one.cause) for one in dropped
    ]
    assert {case.split for case in read(protocol="none")[0].values()} == {None}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("instrument", 7, "frame 25: instrument 7 has no name; expected one of 0, 1"),
        ("instrument", None, "instrument is None, expected a whole number"),
        ("tool_bbox", [0.2, 0.2, 100, 40], "expected left, top, width, height from 0 to 1"),
        ("tool_bbox", [-1, -1, -1, -1], "expected left, top, width, height from 0 to 1"),
        ("phase", 3, "its instruments lie in phases [1, 3]; a frame has one"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, key: str, value: object, message: str) -> None:
    (fault,) = changed(tmp_path, key, value)
    assert message in fault.cause
