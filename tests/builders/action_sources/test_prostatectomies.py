"""Traps of GraSP's and PSI-AVA's files, on invented trees: clocks, idle time, labels that changed, a detector's files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from surgvqa.builders import sources
from surgvqa.builders.action_sources import grasp
from surgvqa.builders.schema import Case, Omission
from surgvqa.cards.command import InputError

TREES = Path(__file__).parents[2] / "fixtures"


def read(name: str, root: Path | None = None, **options: str) -> tuple[dict[str, Case], list[Omission]]:
    found = list(sources.load(name).cases(root or TREES / name, **options))
    cases = {one.case_id: one for one in found if isinstance(one, Case)}
    return cases, [one for one in found if isinstance(one, Omission)]


def changed(folder: Path, file: str, change: Callable[[Any], None]) -> tuple[dict[str, Case], list[Omission]]:
    """What GraSP's tree reads as once a file has changed."""
    shutil.copytree(TREES / "grasp", folder / "set")
    path = folder / "set" / "annotations" / file
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return read("grasp", folder / "set")


def test_a_label_a_second_makes_phases_steps_and_idle_time() -> None:
    case = read("grasp")[0]["CASE091"]
    assert [(one.label, one.start_s, one.end_s) for one in case.phases] == [
        ("left pelvic lymphadenectomy", 2, 4),
        ("developing the space of Retzius", 4, 6),
    ]
    assert case.idle_s == ((1, 2),)
    assert [(one.label, one.start_s) for one in case.steps] == [
        ("id illiac vein artery", 2),
        ("prevessical dissection", 4),
    ]
    assert (case.split, read("grasp")[0]["CASE093"].split) == ("train", "test")
    assert read("grasp", protocol="none")[0]["CASE091"].split is None


def test_things_have_outlines_and_actions_are_events() -> None:
    at = {scene.time_s: scene for scene in read("grasp")[0]["CASE091"].scenes}
    assert {node.name: node.granularity for node in at[2].nodes} == {
        "bipolar forceps": "mask",
        "monopolar curved scissors": "mask",
    }
    assert at[2].events == (
        "action: bipolar forceps, hold",
        "action: bipolar forceps, still",
        "action: monopolar curved scissors, cut",
    )
    assert at[2].actions is None  # nobody says to what it is done


def test_frames_of_the_recording_are_counted_at_its_own_rate() -> None:
    assert grasp.moment_of("CASE001/000001642.jpg", "f")[1] == pytest.approx(1642 / 45)
    assert grasp.moment_of("CASE053/000001065.jpg", "f")[1] == pytest.approx(1065 / 30)
    with pytest.raises(InputError, match="not named like CASE001"):
        grasp.moment_of("1.jpg", "f")


def test_a_case_without_a_rate_is_left_out_by_name(tmp_path: Path) -> None:
    def rename(content: Any) -> None:
        for number, image in enumerate(content["images"]):
            image["file_name"] = f"CASE014/{45 * number + 7:09}.jpg"

    for term in ("long", "short"):
        shutil.rmtree(tmp_path / "set", ignore_errors=True)
        cases, dropped = changed(tmp_path, f"grasp_{term}-term_train.json", rename)
        assert "CASE014" not in cases and (grasp.NO_RATE in [one.cause for one in dropped])


def test_the_file_of_a_label_a_second_goes_before_the_other(tmp_path: Path) -> None:
    def disagree(content: Any) -> None:
        content["phases_categories"] = [{"id": 1, "name": "LPIL"}, {"id": 3, "name": "Retzius_Space"}]
        for one in content["annotations"]:
            one["phases"] = 3

    cases, dropped = changed(tmp_path, "grasp_short-term_train.json", disagree)
    assert [one.start_s for one in cases["CASE091"].phases] == [2, 4]
    (said,) = [one for one in dropped if "says otherwise" in one.cause]
    assert said.item.endswith("2 times") and not said.fault


@pytest.mark.parametrize(
    ("file", "key", "value", "message"),
    [
        ("grasp_long-term_train.json", "phases", 9, "phase 9 has no name"),
        ("grasp_long-term_train.json", "image_id", 99, "of no picture of the file"),
        ("grasp_short-term_train.json", "actions", [3], "action 3 has no name"),
        ("grasp_short-term_train.json", "bbox", [60, 0, 20, 20], "lie outside"),
    ],
)
def test_what_nobody_knows_is_a_fault(
    tmp_path: Path, file: str, key: str, value: object, message: str
) -> None:
    def change(content: Any) -> None:
        content["annotations"][0][key] = value

    dropped = [one for one in changed(tmp_path, file, change)[1] if one.fault]
    assert any(message in one.cause for one in dropped), dropped


def test_two_phases_of_one_second_are_a_fault(tmp_path: Path) -> None:
    def twice(content: Any) -> None:
        content["annotations"].append({**content["annotations"][1], "id": 99, "phases": 3})

    cases, dropped = changed(tmp_path, "grasp_long-term_train.json", twice)
    assert "CASE091" not in cases and any("two phases" in one.cause for one in dropped if one.fault)


def test_a_case_in_two_splits_is_a_fault(tmp_path: Path) -> None:
    shutil.copytree(TREES / "grasp", tmp_path / "set")
    folder = tmp_path / "set" / "annotations"
    shutil.copy(folder / "grasp_long-term_train.json", folder / "grasp_long-term_test.json")
    assert any("in one split" in one.cause for one in read("grasp", tmp_path / "set")[1] if one.fault)


def test_psi_ava_reads_one_fold_and_no_detections() -> None:
    cases, dropped = read("psi_ava")
    assert [one.cause for one in dropped] == [grasp.NO_ANNOTATION]
    assert [scene.time_s for scene in cases["CASE092"].scenes] == [5]  # of second 40 nobody says anything
    assert {one.split for one in cases.values()} == {"train", "test"}
    case = cases["CASE091"]
    assert [(clip.start_ms, clip.end_ms) for clip in case.clips] == [
        (1000, 2000),
        (36_000, 37_000),
        (71_000, 72_000),
    ]
    assert [(one.label, one.start_s, one.end_s) for one in case.phases] == [
        ("left pelvic lymphadenectomy", 36, 37),
        ("left pelvic lymphadenectomy", 71, 72),
    ]
    assert case.scenes[1].nodes[0].bbox == (0, 8, 20, 18)
    assert read("psi_ava", protocol="fold2")[0]["CASE091"].split == "test"


def test_a_fold_that_is_not_there_is_named_with_the_other(tmp_path: Path) -> None:
    shutil.copytree(TREES / "psi_ava" / "fold2", tmp_path / "fold2")
    with pytest.raises(InputError, match=r"no fold1/.*fold2 is there: --protocol fold2"):
        read("psi_ava", tmp_path)
    assert len(read("psi_ava", tmp_path, protocol="fold2")[0]) == 2


def test_lines_of_four_files_are_questions_on_one_picture(tmp_path: Path) -> None:
    cases, dropped = read("psi_ava_vqa")
    assert not dropped and (cases["CASE091"].split, cases["CASE092"].split) == ("train", "test")
    assert [[(qa.kind, qa.short_answer) for qa in clip.qa] for clip in cases["CASE091"].clips] == [
        [("position", "top left"), ("phase", "LPAI")],
        [("position", "bottom right")],  # said twice
    ]
    assert [clip.start_ms for clip in cases["CASE091"].clips] == [36_000, 71_000]
    shutil.copytree(TREES / "psi_ava_vqa", tmp_path / "set")
    (tmp_path / "set" / "Val" / "C1_location.txt").write_text("CASE091/00106.jpg|where?|top left\n")
    cases, dropped = read("psi_ava_vqa", tmp_path / "set")
    assert cases["CASE091"].split is None and ["both ask about it" in one.cause for one in dropped] == [True]
    (tmp_path / "set" / "Val" / "C1_location.txt").write_text("where?|top left\n")
    assert any(
        "line 1: 'where?|top left' is not CASE001" in one.cause
        for one in read("psi_ava_vqa", tmp_path / "set")[1]
    )
