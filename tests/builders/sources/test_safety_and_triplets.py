"""Traps of Cholec80-CVS's workbook and of MultiBypassT40's label files, on invented trees."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from surgvqa.builders import sources
from surgvqa.builders.files.sheets import read_sheet
from surgvqa.builders.schema import Action, Case, Omission
from surgvqa.cards.command import InputError

TREES = Path(__file__).parents[2] / "fixtures"


def read(name: str, root: Path | None = None, **options: str) -> tuple[dict[str, Case], list[Omission]]:
    found = list(sources.load(name).cases(root or TREES / name, **options))
    cases = {one.case_id: one for one in found if isinstance(one, Case)}
    return cases, [one for one in found if isinstance(one, Omission)]


def answers(case: Case, number: int) -> list[str]:
    return [qa.short_answer for qa in case.clips[number].qa]


def test_a_stretch_is_asked_about_in_scores_and_reached_at_five_of_six() -> None:
    cases, dropped = read("cholec80_cvs")
    assert [(clip.start_ms, clip.end_ms) for clip in cases["video03"].clips] == [
        (605_000, 640_000),
        (720_000, 750_000),
    ]
    assert answers(cases["video03"], 1) == ["1", "1", "1", "no"]  # the authors' loader would say yes
    assert answers(cases["video05"], 0) == ["2", "1", "2", "yes"]
    assert [(one.item, one.cause, one.fault) for one in dropped] == [
        ("video05, row 5", "it ends at 550 s, no later than it begins at 560 s, though it scores", False)
    ]


def test_stretches_that_reach_into_clipping_are_counted() -> None:
    module = sources.load("cholec80_cvs")
    cases = [one for one in module.cases(TREES / "cholec80_cvs") if isinstance(one, Case)]
    assert "1 of 4 stretches reach into clipping" in module.notes(cases)[1]  # video05 clips at 520 s


@pytest.mark.parametrize(
    ("protocol", "splits"),
    [
        ("official", ("train", "test", "train")),
        ("cholec80", ("train", "train", "test")),
        ("fold1", ("train", "test", "train")),
        ("none", (None, None, None)),
    ],
)
def test_splits_of_two_sets_cross(protocol: str, splits: tuple[str | None, ...]) -> None:
    cases, _ = read("cholec80_cvs", protocol=protocol)
    assert tuple(cases[name].split for name in ("video03", "video05", "video49")) == splits
    with pytest.raises(InputError, match=r"fold0 to fold15 with folds\.json"):
        read("cholec80_cvs", protocol="fold7")


def test_folds_alone_are_no_labels(tmp_path: Path) -> None:
    shutil.copy(TREES / "cholec80_cvs" / "folds.json", tmp_path)
    with pytest.raises(InputError, match=r"folds\.json alone has no label"):
        read("cholec80_cvs", tmp_path)


def test_a_cell_behind_the_named_columns_of_a_workbook_is_refused_and_a_short_row_is_whole(
    tmp_path: Path,
) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path, book = tmp_path / "labels.xlsx", openpyxl.Workbook()
    for row in (["case", "label"], [None, None], ["a"], ["b", 2.0]):
        book.active.append(row)
    book.save(path)
    assert read_sheet(path, "labels.xlsx", ("case",)) == [
        {"case": "a", "label": ""},
        {"case": "b", "label": "2"},
    ]
    book.active.append(["c", 1, "unsure"])
    book.save(path)
    with pytest.raises(
        InputError, match=r"labels\.xlsx sheet 'Sheet': row 5 holds \['unsure'\] behind the last named column"
    ):
        read_sheet(path, "labels.xlsx", ("case",))


def test_the_sheet_with_the_columns_is_read_and_several_are_named(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path, book = tmp_path / "labels.xlsx", openpyxl.Workbook()
    book.active.append(["read me first"])
    for title, label in (("first rater", 1), ("second rater", 2)):
        sheet = book.create_sheet(title)
        sheet.append(["case", "label"])
        sheet.append(["a", label])
        book.save(path)
        if label == 1:
            assert read_sheet(path, "labels.xlsx", ("case", "label")) == [{"case": "a", "label": "1"}]
    message = r"sheets 'first rater', 'second rater' all have the columns case, label; name one of them with --sheet"
    with pytest.raises(InputError, match=message):
        read_sheet(path, "labels.xlsx", ("case", "label"))
    assert read_sheet(path, "labels.xlsx", ("case",), "second rater") == [{"case": "a", "label": "2"}]
    with pytest.raises(
        InputError, match=r"no sheet with the columns time; 'Sheet' has read me first; 'first"
    ):
        read_sheet(path, "labels.xlsx", ("time",))
    with pytest.raises(InputError, match=r"no sheet 'second ratter'; did you mean second rater"):
        read_sheet(path, "labels.xlsx", ("case",), "second ratter")


def test_a_workbook_reads_as_the_same_table(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    with (TREES / "cholec80_cvs" / "surgeons_annotations.csv").open(newline="") as file:
        for row in csv.reader(file):
            book.active.append([float(cell) if cell.isdigit() else cell for cell in row])
    book.active.append([None] * 10)
    book.save(tmp_path / "cholec80-CVS.xlsx")
    cases, _ = read("cholec80_cvs", tmp_path)
    assert {name: case.clips for name, case in cases.items()} == {
        name: case.clips for name, case in read("cholec80_cvs")[0].items()
    }
    (tmp_path / "cholec80-CVS.xlsx").write_bytes(b"PK not a workbook")
    with pytest.raises(InputError, match="not a workbook"):
        read("cholec80_cvs", tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("3,1,0,2,0,3,0,0,3,0", "0, 1 or 2 are due"),
        ("3,1,0,2,0,2,2,2,6,0", "critical_view is 0 of a sum of 6"),
        ("3,x,0,2,0,0,0,0,0,0", "initial_minute is 'x'"),
        ("3,12,0,12,30,2,1,1,4,0", "scored twice, differently"),
    ],
)
def test_a_row_that_contradicts_itself_is_a_fault(tmp_path: Path, line: str, message: str) -> None:
    text = (TREES / "cholec80_cvs" / "surgeons_annotations.csv").read_text()
    (tmp_path / "surgeons_annotations.csv").write_text(text + line + "\n")
    assert [one for one in read("cholec80_cvs", tmp_path)[1] if one.fault and message in one.cause]


def changed(folder: Path, change: Callable[[Any], None]) -> tuple[dict[str, Case], list[Omission]]:
    shutil.copytree(TREES / "multibypass_t40", folder / "set")
    path = folder / "set" / "label_files_challenge" / "C1V9.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return read("multibypass_t40", folder / "set")


def test_a_picture_is_at_the_frame_of_its_recording() -> None:
    cases, dropped = read("multibypass_t40")
    case = cases["C1V9"]
    assert [scene.time_s for scene in case.scenes] == [114, 115, 116, 117, 120]
    assert [frame.time_s for frame in case.frames] == [114, 115, 116]
    assert [(one.label, one.start_s, one.end_s) for one in case.phases] == [
        ("preparation", 114, 116),
        ("gastric pouch creation", 116, 117),
        ("gastric pouch creation", 120, 121),  # a picture without a phase lies between, and a gap
    ]
    assert not case.idle_s and "1 pictures without a phase" in dropped[0].cause
    assert (case.split, cases["C2V5"].split) == ("train", "validation")


def test_instruments_do_several_things_and_nothing() -> None:
    scenes = read("multibypass_t40")[0]["C1V9"].scenes
    assert scenes[2].actions == (
        Action("stapler", "staple", "stomach"),
        Action("grasper", "grasp", "stomach"),
    )
    assert scenes[4].actions == (Action("needle holder", None, None),)
    assert scenes[3].actions == () and scenes[3].nodes == ()
    assert {node.granularity for scene in scenes for node in scene.nodes} == {"presence"}


@pytest.mark.parametrize(
    ("where", "key", "value", "message"),
    [
        ("images", "raw_id", None, "not labels of MultiBypassT40"),
        ("images", "fps", 0, "not labels of MultiBypassT40"),
        ("images", "id", 1, "one id or one moment"),
        ("annotations", "image_id", 77, "isn't among its images"),
        ("annotations", "classnames", {"instrument": "grasper"}, "instrument, verb, target are due"),
    ],
)
def test_label_files_that_are_wrong_are_faults(
    tmp_path: Path, where: str, key: str, value: object, message: str
) -> None:
    def change(content: Any) -> None:
        content[where][0][key] = value

    cases, dropped = changed(tmp_path, change)
    assert "C1V9" not in cases and [one for one in dropped if one.fault and message in one.cause], dropped
