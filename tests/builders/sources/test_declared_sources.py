"""Traps of real layouts: what the invented trees of described data sets must come out as."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from plain_video import render
from surgvqa.builders import sources
from surgvqa.builders.__main__ import main
from surgvqa.builders.cases.scene import from_json, to_json
from surgvqa.builders.geometry import masks
from surgvqa.builders.schema import Case, Omission
from surgvqa.builders.tabular import clock, description, find, rows, source
from surgvqa.cards.command import InputError

pytestmark = pytest.mark.usefixtures("nothing_stays")
FIXTURES = Path(__file__).parents[2] / "fixtures"
FOLDER = Path(sources.__path__[0])
DESCRIBED = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read(name: str, root: Path | None = None, **options: object) -> list[Case | Omission]:
    return list(sources.load(name).cases(root or FIXTURES / name, **options))


def phases(
    name: str, root: Path | None = None, **options: object
) -> dict[str, list[tuple[str, float, float]]]:
    found = [one for one in read(name, root, **options) if isinstance(one, Case)]
    return {
        case.case_id: [(one.label, round(one.start_s, 3), round(one.end_s, 3)) for one in case.phases]
        for case in found
    }


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_description_has_at_most_40_lines(name: str) -> None:
    assert (FOLDER / f"{name}.yaml").read_text("utf-8").count("\n") <= 40


def test_cholec80_counts_25_frames_a_second_in_both_tables() -> None:
    assert phases("cholec80")["video02"] == [
        ("preparation", 0, 2),
        ("calot triangle dissection", 2, 5),
        ("gallbladder packaging", 5, 6),
        ("cleaning and coagulation", 6, 7),
    ]
    case = next(one for one in read("cholec80") if isinstance(one, Case) and one.case_id == "video45")
    assert [phase.end_s for phase in case.phases] == [2, 4, 5]  # every 25th frame alone
    assert [scene.time_s for scene in case.scenes] == [0, 1, 2, 3, 4]
    assert [node.name for node in case.scenes[2].nodes] == ["grasper", "clipper"]
    assert case.split == "validation"


@pytest.mark.parametrize(
    ("protocol", "split"), [("40/40", "test"), ("none", None), ("official", "validation")]
)
def test_a_protocol_says_the_split(protocol: str, split: str | None) -> None:
    found = {one.case_id: one.split for one in read("cholec80", protocol=protocol) if isinstance(one, Case)}
    assert found["video45"] == split
    with pytest.raises(InputError, match="--protocol 70/30"):
        read("cholec80", protocol="70/30")


def test_autolaparo_counts_seconds_from_one() -> None:
    assert phases("autolaparo")["video03"][0] == ("preparation", 0, 2)
    assert phases("autolaparo")["video03"][-1] == ("washing", 6, 8)


def test_autolaparo_motion_is_one_question_a_clip() -> None:
    found = {one.case_id: one for one in read("autolaparo_motion") if isinstance(one, Case)}
    assert {case_id: case.clips[0].qa[0].short_answer for case_id, case in found.items()} == {
        "clip001": "static",
        "clip170": "zoom in",
        "clip171": "left",
        "clip300": "zoom out",
    }
    assert found["clip171"].split == "validation" and found["clip001"].clips[0].end_ms == 10_000


def test_a_name_that_nothing_divides_is_clip_and_frame() -> None:
    found = {one.case_id: one for one in read("autolaparo_masks") if isinstance(one, Case)}
    first, later = found["clip001"].scenes
    assert (first.time_s, later.time_s) == (0, 0.96)  # frames 1 and 25 of 25 a second
    assert {node.name: node.bbox for node in first.nodes} == {
        "grasping forceps": (0, 0, 10, 6),  # the shaft and what it ends in
        "uterus": (12, 10, 26, 20),
    }
    assert [frame.time_s for frame in found["clip001"].frames] == [0, 0.96]
    assert [node.name for node in found["clip171"].scenes[0].nodes] == ["ligasure"]
    assert (found["clip001"].split, found["clip171"].split) == ("train", "validation")
    with pytest.raises(InputError, match="isn't one of"):
        find.compile_pattern("{number:x}.png")


def test_heichole_counts_frames_of_its_own_recording(tmp_path: Path) -> None:
    root = tmp_path / "heichole"
    shutil.copytree(FIXTURES / "heichole", root)
    faults = [one for one in read("heichole", root) if isinstance(one, Omission)]
    assert faults and all(one.fault and "--fps" in one.cause for one in faults)
    assert phases("heichole", root, fps=2.0)["Hei-Chole2"][0] == ("preparation", 0, 4)
    render(root / "Videos" / "Full" / "Hei-Chole2.mp4", 6, 128, 96)  # four frames a second
    assert phases("heichole", root)["Hei-Chole2"][0] == ("preparation", 0, 2)


def test_starts_alone_last_until_the_next_one_and_the_end() -> None:
    assert phases("cataract101")["case_811"] == [
        ("incision", 2, 6),
        ("viscoelastic", 6, 10),  # two neighbours of one phase
        ("phacoemulsification", 10, 16),
    ]
    module = sources.load("cataract101")
    list(module.cases(FIXTURES / "cataract101"))
    assert any("2 s of 1 cases lie before their first label" in note for note in module.notes([]))
    assert any(note.startswith("1 starts in 1 cases repeat the label before") for note in module.notes([]))
    assert not any("Not every case" in note for note in module.notes([])), "of two cases nobody can tell"


def test_phases_that_a_few_cases_lack_are_named(tmp_path: Path) -> None:
    """Of twelve cases one lacks a phase; what a third of them lacks is no rule that this would break."""
    root = Path(shutil.copytree(FIXTURES / "cataract101", tmp_path / "root"))
    header, *_ = (root / "annotations.csv").read_text().splitlines()
    lines, videos = [header], [(root / "videos.csv").read_text().splitlines()[0]]
    for number in range(12):
        labels = [1] * (number > 0) + [2] + [3] * (number > 3)
        lines += [f"{900 + number};{25 * at};{label}" for at, label in enumerate(labels)]
    fields = videos[0].split(";")
    row = dict(zip(fields, (root / "videos.csv").read_text().splitlines()[1].split(";"), strict=True))
    videos += [
        ";".join((row | {"VideoID": str(900 + number)})[name] for name in fields) for number in range(12)
    ]
    (root / "annotations.csv").write_text("\n".join(lines) + "\n")
    (root / "videos.csv").write_text("\n".join(videos) + "\n")
    module = sources.load("cataract101")
    cases = [one for one in module.cases(root) if isinstance(one, Case)]
    assert len(cases) == 12
    assert "Not every case has all phases: incision is in 11 of 12" in module.notes(cases)


@pytest.mark.parametrize("name", ["cataract1k_v2", "cataract1k"])
def test_flags_of_use_are_no_phases(name: str) -> None:
    found = phases(name, FIXTURES / "cataract1k_v2")
    assert found["case_3101"] == [("incision", 6, 14), ("viscoelastic", 14, 30)]


def test_a_half_label_is_neither_yes_nor_no() -> None:
    (case,) = (one for one in read("cataracts") if isinstance(one, Case) and one.case_id == "train04")
    assert [scene.time_s for scene in case.scenes] == [0, 2, 3]
    assert [len(scene.nodes) for scene in case.scenes] == [0, 1, 1]
    assert any(isinstance(one, Omission) and "disagree" in one.cause for one in read("cataracts"))


def test_ophnet_has_a_byte_order_mark_and_overlaps() -> None:
    found = phases("ophnet")
    assert found["case_0101"][1] == ("OphNet phase 6", 8.5, 20)
    module = sources.load("ophnet")
    cases = [one for one in module.cases(FIXTURES / "ophnet") if isinstance(one, Case)]
    assert [one.split for one in cases] == ["train", "validation", "test"]
    assert any(note.startswith("1 phases of 1 cases begin before") for note in module.notes(cases))


def test_milliseconds_and_nested_phases() -> None:
    assert ("out of body", 5, 8) in phases("multibypass140")["BBP81"]
    assert any(isinstance(one, Omission) and "severe_index" in one.cause for one in read("multibypass140"))


def test_a_trial_without_a_transcript_keeps_its_scores() -> None:
    found = {one.case_id: one for one in read("jigsaws") if isinstance(one, Case)}
    assert found["Suturing_B004"].phases[0].label.startswith("reaching for the needle")
    skill = {one.kind: one.short_answer for one in found["Suturing_C004"].clips[-1].qa}
    assert skill["skill"] == "expert" and skill["grs"] == "26" and skill["time_and_motion"] == "4"


def test_a_tool_and_its_handle_are_one_thing_and_tape_is_left_out_by_name() -> None:
    case = next(one for one in read("cadis") if isinstance(one, Case) and one.case_id == "Video01")
    assert {node.name for node in case.scenes[0].nodes} == {
        "pupil",
        "iris",
        "cornea",
        "phacoemulsification tip",
    }
    tip = next(node for node in case.scenes[0].nodes if node.name == "phacoemulsification tip")
    assert tip.bbox == (20, 0, 26, 10) and case.scenes[0].time_s == 10
    assert any(isinstance(one, Omission) and "surgical tape" in one.cause for one in read("cadis"))


def test_a_mask_value_that_nobody_knows_is_a_fault(tmp_path: Path) -> None:
    from PIL import Image

    shutil.copytree(FIXTURES / "cadis", tmp_path / "cadis")
    path = next((tmp_path / "cadis").rglob("Labels/Video12*.png"))
    Image.new("L", (32, 24), 77).save(path)
    assert any(
        isinstance(one, Omission) and one.fault and "77" in one.cause
        for one in read("cadis", tmp_path / "cadis")
    )


def test_pixels_of_no_known_class_are_kept_and_a_picture_of_wrong_values_is_not_read(tmp_path) -> None:
    shutil.copytree(FIXTURES / "endoscapes", tmp_path / "endoscapes")
    path = next((tmp_path / "endoscapes").rglob("semseg/*.png"))
    pixels = np.array(Image.open(path))
    pixels[:4, :5] = 255
    Image.fromarray(pixels).save(path)
    (scene,) = (
        scene
        for one in read("endoscapes", tmp_path / "endoscapes")
        if isinstance(one, Case)
        for scene in one.scenes
        if any(node.rle for node in scene.nodes)
    )
    assert masks.area_of(scene.unsaid_rle or "", scene.width, scene.height) == (pixels == 255).sum()
    assert from_json(to_json(scene)) == scene
    pixels[8, 8] = 7
    Image.fromarray(pixels).save(path)
    found = read("endoscapes", tmp_path / "endoscapes")
    assert not any(node.rle for one in found if isinstance(one, Case) for s in one.scenes for node in s.nodes)
    assert [one for one in found if isinstance(one, Omission) and "value 7" in one.cause and not one.fault]


def test_criteria_are_what_two_of_three_raters_say() -> None:
    found = {one.case_id: one for one in read("endoscapes") if isinstance(one, Case)}
    views = [clip for clip in found["301"].clips if clip.qa]
    assert [[qa.short_answer for qa in clip.qa] for clip in views] == [
        ["no", "no", "yes"],
        ["yes", "yes", "yes"],
    ]
    assert "1 of 3 raters" in views[0].qa[0].answer
    assert found["302"].split == "validation"
    assert {node.granularity for node in found["301"].scenes[0].nodes} == {"box"}
    assert {node.granularity for node in found["301"].scenes[1].nodes} == {"mask"}


def test_seconds_between_sparse_labels_are_not_asked_about() -> None:
    found = {one.case_id: one for one in read("cholect50") if isinstance(one, Case)}
    assert [clip.start_ms for clip in found["VID92"].clips] == [16_000, 23_000, 40_000]
    assert not found["VID91"].clips and not found["VID91"].scenes[0].width
    assert found["VID91"].scenes[0].events == (
        "action: grasper, retract, gallbladder",
        "action: hook, dissect, gallbladder",
    )
    assert found["VID91"].scenes[2].nodes == () and found["VID92"].split == "train"


def test_where_a_frame_lies_in_its_video_is_left_out() -> None:
    found = read("cholec80_vqa")
    questions = [qa for one in found if isinstance(one, Case) for clip in one.clips for qa in clip.qa]
    assert (
        questions[0].question == "what is the phase of image?" and questions[0].short_answer == "preparation"
    )
    assert any(isinstance(one, Omission) and "gives the phase away" in one.cause for one in found)


def test_a_box_behind_an_answer_is_left_out_by_name() -> None:
    found = read("endovis18_vqla")
    cases = {one.case_id: one for one in found if isinstance(one, Case)}
    assert [(qa.kind, qa.short_answer) for qa in cases["seq_01"].clips[0].qa] == [
        ("organ", "kidney"),
        ("position", "left-top"),
    ]
    assert (cases["seq_01"].split, cases["seq_02"].split) == ("validation", "train")
    assert ("3 lines", "fields after the answer") in [
        (one.item, one.cause) for one in found if isinstance(one, Omission)
    ]


def test_an_unknown_label_is_a_fault_of_its_case(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "cholec80", tmp_path / "c")
    path = tmp_path / "c" / "phase_annotations" / "video45-phase.txt"
    path.write_text("Frame,Phase\n0,1\n25,Closing\n50,1\n")
    found = read("cholec80", tmp_path / "c")
    assert [one.item for one in found if isinstance(one, Omission) and one.fault] == ["video45"]


def test_a_row_that_lacks_is_named_and_not_idle(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "cholec80", tmp_path / "c")
    path = tmp_path / "c" / "phase_annotations" / "video45-phase.txt"
    path.write_text("Frame,Phase\n0,1\n25,1\n50,1\n200,1\n")
    assert any(
        isinstance(one, Omission) and "no label from 3 to 8 s" in one.cause
        for one in read("cholec80", tmp_path / "c")
    )


def test_every_fault_of_a_description_is_named_with_its_line(tmp_path: Path) -> None:
    facts = ("name", "homepage", "licence", "access", "procedure", "tried")
    lines = [*(f"{one}: x" for one in facts), "phases:", "  files: a", "  lable: b", "  holds: forever"]
    lines += [
        "frames: {files: a, time: {fps: fast}}",
        "expected: {cases: many}",
        "splits: {all: {trian: 1-4}}",
    ]
    path = tmp_path / "own.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(InputError) as caught:
        description.read(path)
    said = str(caught.value)
    assert "line 1: no 'citation'" in said and "line 9: unknown key 'lable': did you mean label?" in said
    for number, what in (
        (10, "phases.0.holds"),
        (11, "frames.time.fps"),
        (12, "expected.cases"),
        (13, "splits.all"),
    ):
        assert f"line {number}: {what}" in said
    path.write_text("- x")
    with pytest.raises(InputError, match=r"own\.yaml: expected keys with values: source, name"):
        description.read(path)


def test_tables_of_all_kinds_read_alike(tmp_path: Path) -> None:
    wanted = [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]
    for text in (
        "a,b\n1,x\n2,y\n",
        "\ufeffa;b\r\n1; x\r\n\r\n2;y\r\n",
        "a\tb\n1\tx\n2\ty",
        "a b\n1  x \n2 y \n",
    ):
        path = tmp_path / "table.txt"
        path.write_bytes(text.encode())
        assert rows.read(path, "table.txt") == wanted
    path.write_text("a,b\n1\n")
    with pytest.raises(InputError, match="row 2 has 1 cells"):
        rows.read(path, "table.txt")
    path.write_text("a,b,,\n1,x,,\n2,y,,\n")  # as spreadsheets write empty columns
    assert rows.read(path, "table.txt") == wanted


def test_a_cell_behind_the_columns_is_refused_or_left_out_by_a_word(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    for text, header in (("a,b\n1,x\n2,y,unsure\n", ()), ("1,x\n2,y,unsure\n", ("a", "b"))):
        path.write_text(text)
        with pytest.raises(InputError, match=r"'unsure' stands behind the last column, b"):
            rows.read(path, "table.csv", header)
    wanted = [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]
    assert rows.read(path, "table.csv", ("a", "b", "...")) == wanted
    path.write_text("a,...\n1,2\n")
    assert rows.read(path, "table.csv") == [{"a": "1", "...": "2"}]
    path.write_text("1,x,\n2,y\n")
    assert rows.read(path, "table.csv", ("a", "b")) == wanted


def test_a_frame_before_the_first_one_is_refused() -> None:
    with pytest.raises(InputError, match="before the first frame"):
        clock.seconds("0", description.Clock(fps=1, first=1), 1.0, "row 1")


def test_a_pattern_needs_no_folder_above_or_below(tmp_path: Path) -> None:
    (tmp_path / "deep" / "Labels").mkdir(parents=True)
    (tmp_path / "deep" / "Labels" / "VIDEO07-Phase.txt").touch()
    assert [one.fields["case"] for one in find.Tree(tmp_path).find(["video{case}-phase.txt"])] == ["07"]
    assert not [*find.Tree(tmp_path).find(["video{case}-phase.txt", "!labels/*"])]


def test_the_list_names_every_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", "--json"]) == 0
    listed = {one["source"]: one for one in json.loads(capsys.readouterr().out)}
    assert sorted(listed) == sources.names()
    assert all(one["licence"] and one["access"] and one["reads"] and one["tried"] for one in listed.values())


REAL = {
    "cholec80": ("cholec80_phase_tool", 10),
    "cataract101": ("cataract101", 101),
    "ophnet": ("ophnet", 743),
    "multibypass140": ("multibypass140", 70),
    "jigsaws": ("jigsaws", 103),
    "cholect50": ("cholect50_val", 2),
    "cadis": ("cadis", 2),
    "surgvu": ("surgvu25_sample", 1),
}


@pytest.mark.parametrize("name", sorted(REAL))
def test_real_files_read_by_name_alone(name: str, realdata: Path) -> None:
    folder, count = REAL[name]
    found = read(name, realdata / folder)
    assert len([one for one in found if isinstance(one, Case)]) == count
    assert not [one for one in found if isinstance(one, Omission) and one.fault]


@pytest.mark.parametrize("name", ["cholec80", "endovis18_vqa"])
def test_a_folder_of_something_else_is_named_with_what_it_holds(name: str, tmp_path: Path) -> None:
    (tmp_path / "joined.txt").write_text("what organ is being operated? kidney\n")
    with pytest.raises(
        InputError, match=r"no file like .*; it holds 1 files, such as joined\.txt; get it at"
    ):
        read(name, tmp_path)


OWN = """name: Mine
homepage: https://example.org
licence: CC-BY-4.0
access: ask
citation: none
procedure: {procedure}
phases:
  files: "label_{{number}}.txt"
  time: {{column: Frame, fps: 1, first: 1}}
  label: Phase
  ids: {{1: {first}, 2: Second part}}
splits: {{train: 1-10, validation: 11-14, test: 15-21}}
"""


def described(folder: Path, procedure: str, first: str = "First part") -> Path:
    """A description, three label files, and a taxonomy that calls itself by a name that ships."""
    for number in (1, 11, 16):
        (folder / f"label_{number:02}.txt").write_text("Frame\tPhase\n1\t1\n2\t1\n3\t1\n")
    (folder / "names.yaml").write_text(
        "procedure: hysterectomy\ntitle: Mine\nphases:\n- First part\n- Second part\n"
    )
    path = folder / "mine.yaml"
    path.write_text(OWN.format(procedure=procedure, first=first))
    return path


def test_a_taxonomy_beside_a_description_is_the_one_that_is_asked_from(tmp_path: Path) -> None:
    path = described(tmp_path, "names.yaml")
    out = tmp_path / "out"
    assert main(["--source", str(path), "--root", str(tmp_path), "--out", str(out), "--media", "none",
                 "--questions", "nine", "--kinds", "phase", "--clip-seconds", "1"]) == 0  # fmt: skip
    rows = [row for file in sorted(out.glob("qa/*.parquet")) for row in pq.read_table(file).to_pylist()]
    assert {row["short_answer"] for row in rows} == {"First part"}
    assert {choice for row in rows for choice in row["choices"]} <= {"First part", "Second part", "idle"}


def test_splits_without_a_protocol_are_the_official_ones(tmp_path: Path) -> None:
    read = source.module(described(tmp_path, "names.yaml"), "mine").cases(tmp_path)
    assert [(case.case_id, case.split) for case in read] == [
        ("01", "train"),
        ("11", "validation"),
        ("16", "test"),
    ]


@pytest.mark.parametrize(
    ("procedure", "first", "said"),
    [
        ("names.yaml", "Third part", r"mine\.yaml: ids 1: unknown phase 'Third part'"),
        ("other.yaml", "First part", r"no procedure file .*other\.yaml"),
    ],
)
def test_an_id_and_a_taxonomy_that_are_not_there_are_named(
    tmp_path: Path, procedure: str, first: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        list(source.module(described(tmp_path, procedure, first), "mine").cases(tmp_path))
