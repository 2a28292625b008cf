"""One's own tables, outlines and videos: every mistake in them has a line, and real Cholec80 goes through."""

from __future__ import annotations

import csv
import json
import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from building import build
from PIL import Image
from plain_video import render
from surgvqa.builders import sources
from surgvqa.builders.__main__ import main
from surgvqa.builders.annotations import machine_scenes
from surgvqa.builders.cases import scene
from surgvqa.builders.cases.timeline import phase_at
from surgvqa.builders.pipeline import prepare
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions import ask
from surgvqa.builders.schema import QA, Case, Frame, Omission, Scene
from surgvqa.builders.shards.job import Options
from surgvqa.builders.shards.survey import survey
from surgvqa.builders.sources import procedure
from surgvqa.builders.video import case_media
from surgvqa.cards.command import InputError

FIXTURE = Path(__file__).parents[2] / "fixtures" / "procedure"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(FIXTURE, tmp_path / "mine"))
    render(folder / "videos" / "theatre-1.mp4", 10, 128, 96)
    render(folder / "videos" / "second.mp4", 11, 128, 96)
    return folder


def read(root: Path, **options: Any) -> tuple[dict[str, Case], list[Omission], list[Omission]]:
    """Cases by id, what is left out by design, faults."""
    found = list(procedure.cases(root, **({"image_rate": 10.0} | options)))
    dropped = [item for item in found if isinstance(item, Omission)]
    return (
        {item.case_id: item for item in found if isinstance(item, Case)},
        [item for item in dropped if not item.fault],
        [item for item in dropped if item.fault],
    )


def test_tables_outlines_and_videos_meet_in_cases(root: Path) -> None:
    cases, dropped, faults = read(root)
    assert not dropped and not faults
    first, second = cases["theatre-1"], cases["theatre-2"]
    assert [(phase.label, phase.start_s, phase.end_s) for phase in first.phases] == [
        ("threading", 0.0, 4.0),
        ("sewing", 4.5, 9.0),
    ]
    assert [(scene.time_s, [node.id for node in scene.nodes]) for scene in first.scenes] == [
        (1.0, []),
        (3.0, ["needle"]),
        (5.0, ["needle"]),
        (8.0, ["needle", "scissors"]),
    ]
    assert {node.granularity for scene in first.scenes for node in scene.nodes} == {"presence"}
    shown = case_media.fit(first, case_media.look(first)).scenes[0]
    assert (shown.width, shown.height) == (128, 96)
    assert first.procedure == "button sewing" and first.taxonomy == root / "procedure.yaml"
    assert second.video_offset_s == -60.0
    assert case_media.look(second) == case_media.Pixels(128, 96, 11.0)
    assert [(scene.time_s, [node.id for node in scene.nodes]) for scene in second.scenes] == [
        (62.0, ["button", "needle"]),
        (68.0, ["button", "scissors"]),
    ]


def test_labels_of_other_tools_are_named_and_any_recorders_video_is_met(tmp_path: Path) -> None:
    (tmp_path / "phases.csv").write_text("case,phase,start,end\nop1,incision,0,8\n")
    for name in ("annotations/op1.xml", "annotations/op1/1.txt", "annotations/op1/1.png", "videos/op1.MTS"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    cases, dropped, faults = read(tmp_path, taxonomy="cataract")
    assert not faults and cases["op1"].video == tmp_path / "videos" / "op1.MTS"
    (unread,) = dropped
    assert unread.item == "annotations/: op1/1.txt, op1.xml" and "surgvqa-build labels" in unread.cause


def test_a_card_names_the_procedure_of_its_own_file(root: Path) -> None:
    cases = [*read(root)[0].values()]
    facts = sources.facts_of("procedure", cases)
    assert (facts.name, facts.procedure) == ("Button sewing, own recordings", "button sewing")
    assert sources.facts_of("cataract1k", cases).name == "Cataract-1K"


def test_polygons_of_a_group_are_one_thing_and_rectangles_boxes(root: Path) -> None:
    first, second = read(root)[0]["theatre-2"].scenes
    needle = next(node for node in first.nodes if node.name == "needle")
    assert needle.granularity == "mask" and needle.bbox == (10.0, 10.0, 50.0, 24.0)
    button = next(node for node in second.nodes if node.name == "button")
    assert (button.granularity, button.bbox, button.centroid, button.area) == (
        "box",
        (42.0, 30.0, 82.0, 60.0),
        (62.0, 45.0),
        1200.0,
    )


def test_an_offset_places_clips_in_the_video(root: Path) -> None:
    case = read(root)[0]["theatre-2"]
    for shown in ("frames", "none"):
        clips = survey(case, root, Options(media=shown)).clips
        assert (clips[0].start_ms, clips[-1].end_ms) == (60_000, 71_000)
    assert {clip.phase for clip in clips} == {"sewing", "cutting", None}


def test_coco_in_one_file_and_a_shipped_taxonomy(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    coco = {
        "images": [{"id": 1, "file_name": "frame_000050.jpg", "width": 100, "height": 50}],
        "categories": [{"id": 3, "name": "L-hook"}, {"id": 4, "name": "liver"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "segmentation": [], "bbox": [10, 10, 20, 5]},
            {
                "id": 2,
                "image_id": 1,
                "category_id": 4,
                "segmentation": {"size": [50, 100], "counts": [0, 50, 4950]},
                "bbox": [0, 0, 1, 50],
            },
        ],
    }
    (tmp_path / "annotations" / "op-7.json").write_text(json.dumps(coco))
    cases, _, faults = read(tmp_path, taxonomy="cholecystectomy", image_rate=25.0)
    case = cases["op-7"]
    assert case.taxonomy is None and not faults
    (scene,) = case.scenes
    assert scene.time_s == 2.0
    assert [(node.name, node.granularity, node.area) for node in scene.nodes] == [
        ("hook", "box", 100.0),
        ("liver", "mask", 50.0),
    ]


def test_outlines_of_a_machine_say_how_sure_it_was(tmp_path: Path) -> None:
    entry = {
        "id": 1,
        "image_id": 1,
        "category_id": 3,
        "segmentation": [],
        "bbox": [10, 10, 20, 5],
        "score": 0.75,
    }
    coco = {
        "images": [
            {"id": 1, "file_name": "1.png", "width": 100, "height": 50, "time_s": 2.5, "score": 0.75},
            {"id": 2, "file_name": "2.png", "width": 100, "height": 50, "time_s": 7.5, "score": 0.9},
        ],
        "categories": [{"id": 3, "name": "L-hook"}],
        "annotations": [entry],
    }
    path = tmp_path / "a.json"
    path.write_text(json.dumps(coco))
    hooked, empty = machine_scenes.scenes(path, load("cholecystectomy"))
    assert (hooked.confidence, hooked.nodes[0].confidence, empty.confidence) == (0.75, 0.75, 0.9)
    assert scene.from_json(scene.to_json(empty)).confidence == 0.9
    case = Case("a", "procedure", "cholecystectomy", scenes=(hooked, empty, Scene(12.5, 100, 50)))
    asked = [
        QA(str(n), "instruments", "", "", "", "", evidence_s=at)
        for n, at in enumerate([(2.5, 7.5), (7.5,), (12.5,), ()])
    ]
    assert [qa.label_confidence for qa in ask.with_confidence(asked, case)] == [0.75, 0.9, None, None]
    entry["score"] = 75
    path.write_text(json.dumps(coco))
    with pytest.raises(InputError, match=r"its score is 75; give 0 to 1"):
        list(machine_scenes.scenes(path, load("cholecystectomy")))


def test_a_segmenter_is_shown_annotated_moments_or_every_few_seconds(tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    render(video, 10, 128, 96)
    assert machine_scenes.choose_moments(video, 1.0, (), [], 4.0).moments == ((1.0, 2.0), (5.0, 6.0))
    assert machine_scenes.choose_moments(video, 1.0, (), [3.0, 60.0], 4.0).moments == ((3.0, 4.0),)
    stills = [Frame(1.0, Path("1.png")), Frame(2.0, Path("2.png"))]
    assert machine_scenes.choose_moments(None, 0.0, stills, [2.0], 4.0).moments == ((2.0, "2.png"),)
    assert len(machine_scenes.choose_moments(None, 0.0, stills, [], 4.0).moments) == 2


def test_stills_stand_in_for_a_video(root: Path) -> None:
    shutil.rmtree(root / "videos")
    (root / "videos.csv").unlink()
    folder = root / "frames" / "theatre-2"
    folder.mkdir(parents=True)
    for tenth in (620, 625, 680):
        Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(folder / f"shot_{tenth:04d}.png")
    case = read(root)[0]["theatre-2"]
    assert [frame.time_s for frame in case.frames] == [62.0, 62.5, 68.0]
    assert {scene.width for scene in case.scenes} == {128}
    assert {scene.width for scene in case_media.fit(case, case_media.look(case)).scenes} == {64}
    Image.fromarray(np.zeros((50, 64, 3), np.uint8)).save(folder / "shot_0690.png")
    (fault,) = read(root)[2]
    assert "differ in size" in fault.cause


def test_a_whole_build_with_its_own_words(root: Path, tmp_path: Path) -> None:
    options = {"image_rate": 10.0}
    out = tmp_path / "out"
    manifest = build(
        "procedure",
        root,
        out,
        frames=2,
        test_cases=["theatre-2"],
        validation=0.0,
        workers=0,
        source_options=options,
    )
    assert manifest["counts"]["test"]["cases"] == 1
    from datasets import load_dataset

    rows = load_dataset(str(out), "clips", split="test", cache_dir=str(tmp_path / "cache"))
    assert {*rows["procedure"]} == {"button sewing"} and {*rows["phase"]} <= {"sewing", "cutting", None}
    assert str(tmp_path) not in (out / "manifest.json").read_text()


def header(root: Path) -> None:
    (root / "phases.csv").write_text("operation,phase,begin,end\ntheatre-1,sewing,0,4\n")


def cells(root: Path) -> None:
    (root / "phases.csv").write_text("case,phase,start,end\ntheatre-1,sewing,0\n")


def label(root: Path) -> None:
    (root / "phases.csv").write_text("case,phase,start,end\ntheatre-1,sowing,0,4\n")


def backwards(root: Path) -> None:
    (root / "phases.csv").write_text("case,phase,start,end\ntheatre-1,sewing,4,0\n")


def word(root: Path) -> None:
    (root / "phases.csv").write_text("case,phase,start,end\ntheatre-1,sewing,0:30,4\n")


def latin(root: Path) -> None:
    (root / "phases.csv").write_bytes("case,phase,start,end\ntheatre-1,nähen,0,4\n".encode("latin-1"))


def escape(root: Path) -> None:
    (root / "phases.csv").write_text("case,phase,start,end\n../x,sewing,0,4\n")


def outside(root: Path) -> None:
    (root / "videos.csv").write_text("case,video,offset\ntheatre-2,../../etc/passwd,0\n")


def no_video(root: Path) -> None:
    (root / "videos" / "theatre-1.mp4").unlink()


def no_such_video(root: Path) -> None:
    (root / "videos" / "second.mp4").unlink()


def empty(root: Path) -> None:
    (root / "videos" / "theatre-1.mp4").write_bytes(b"")


def truncated(root: Path) -> None:
    path = root / "videos" / "theatre-1.mp4"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def column(root: Path) -> None:
    path = root / "tools.csv"
    path.write_text(path.read_text().replace("needle", "neddle"))


def tick(root: Path) -> None:
    path = root / "tools.csv"
    path.write_text(path.read_text().replace("1,0,0", "1,x,0"))


def twice(root: Path) -> None:
    path = root / "tools.csv"
    path.write_text(path.read_text() + "theatre-1,8,1,1\n")


def shape(root: Path) -> None:
    path = root / "annotations/theatre-2/shot_0620.json"
    path.write_text(path.read_text().replace('"polygon"', '"circle"', 1))


def few_points(root: Path) -> None:
    path = root / "annotations/theatre-2/shot_0620.json"
    path.write_text(
        path.read_text().replace("[[40, 30], [80, 30], [80, 60], [40, 60]]", "[[40, 30], [80, 30]]")
    )


def no_number(root: Path) -> None:
    path = root / "annotations/theatre-2/shot_0620.json"
    path.write_text(path.read_text().replace("shot_0620.png", "shot.png"))


@pytest.mark.parametrize("spoil", [empty, truncated])
def test_a_video_that_cannot_be_read_costs_its_case(
    root: Path, tmp_path: Path, spoil: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(root)
    asked = ["procedure", "--root", str(root), "--out", str(tmp_path / "out"), "--image-rate", "10"]
    assert main(asked) == 2
    assert "theatre-1.mp4" in capsys.readouterr().err.strip().splitlines()[-1]
    assert main([*asked, "--on-error", "quarantine"]) == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    (fault,) = (one for one in manifest["dropped"] if one["fault"])
    assert fault["item"] == "theatre-1" and list(manifest["splits"]) == ["theatre-2"]


def test_only_workers_open_videos(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that crashes its decoder takes down whoever opens it: never the build itself."""

    def crash(*_: Any, **__: Any) -> None:
        raise SystemError("a decoder ran in the builder's own process")

    monkeypatch.setattr(av, "open", crash)
    build("procedure", root, tmp_path / "out", test_cases=["theatre-1"], workers=1,
          source_options={"image_rate": 10.0})  # fmt: skip
    with pytest.raises(SystemError):
        build("procedure", root, tmp_path / "here", workers=0, source_options={"image_rate": 10.0})


BAD: dict[Callable[[Path], None], tuple[str, str]] = {
    header: ("phases.csv", "no column case, start"),
    cells: ("phases.csv", "row 2 has 3 cells, its header 4"),
    label: ("phases.csv row 2", "did you mean sewing?"),
    backwards: ("phases.csv row 2", "ends at 0 s, before it starts at 4 s"),
    word: ("phases.csv row 2", "start is '0:30': hours and minutes, or minutes and seconds"),
    latin: ("phases.csv", "not UTF-8"),
    escape: ("phases.csv row 2", "is no name for a case"),
    outside: ("videos.csv row 2", "lies outside"),
    no_video: ("theatre-1", "no video theatre-1.mp4 in"),
    no_such_video: ("videos.csv row 2", "no video"),
    column: ("tools.csv", "unknown label 'neddle': did you mean needle?"),
    tick: ("tools.csv row 2", "needle=x; 0 or 1"),
    twice: ("tools.csv row 6", "second 8 of the case is annotated twice"),
    shape: ("annotations/theatre-2/shot_0620.json: shape 0", "a circle of "),
    few_points: ("annotations/theatre-2/shot_0620.json", "three points"),
    no_number: ("annotations/theatre-2/shot_0620.json: shot.png", "holds no number"),
}


@pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)
def test_a_mistake_is_a_line_that_names_file_and_row(root: Path, spoil: Callable[[Path], None]) -> None:
    spoil(root)
    item, cause = BAD[spoil]
    faults = read(root)[2]
    assert [fault for fault in faults if fault.item.startswith(item) and cause in fault.cause], faults


def test_phases_beyond_the_videos_end_stop_the_build(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "phases.csv").write_text("case,phase,start,end\ntheatre-1,sewing,0,40\n")
    shutil.rmtree(root / "annotations")
    (root / "videos.csv").unlink()
    (root / "videos" / "second.mp4").unlink()
    out = tmp_path / "out"
    assert main(["procedure", "--root", str(root), "--out", str(out)]) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert "theatre-1" in told and "10 s" in told
    assert not out.exists()


def test_a_number_without_a_rate_asks_for_it(root: Path) -> None:
    faults = read(root, image_rate=None)[2]
    assert faults and all("--image-rate" in fault.cause for fault in faults)


def test_no_words_no_data(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no .*procedure\.yaml and no --taxonomy.*cholecystectomy"):
        read(tmp_path)
    with pytest.raises(InputError, match="nothing to read below"):
        read(tmp_path, taxonomy="cataract")
    with pytest.raises(InputError, match="did you mean cataract"):
        read(tmp_path, taxonomy="cataracts")


def test_a_video_of_no_case_is_named(root: Path) -> None:
    shutil.copy(root / "videos" / "second.mp4", root / "videos" / "third.mp4")
    (item,) = read(root)[1]
    assert item.item == "third.mp4"


def test_names_with_spaces_and_umlauts_are_read_and_their_ids_said(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    (root / "videos").mkdir(parents=True)
    render(root / "videos" / unicodedata.normalize("NFD", "Fall 3 Müller.mp4"), 5, 128, 96)
    (root / "phases.csv").write_text("case,phase,start,end\nFall 3 Müller,incision,0,5\n", "utf-8")
    cases, dropped, faults = read(root, taxonomy="cataract")
    assert not dropped and not faults
    case = cases["Fall_3_Mueller"]
    assert case.video is not None and case.notes == (procedure.RENAMED_NOTE,)
    assert (case_media.look(case) or case_media.Pixels(0, 0)).duration_s == 5.0
    (root / "phases.csv").write_text("case,phase,start,end\na b,incision,0,5\na_b,incision,0,5\n")
    assert "get the same id" in read(root, taxonomy="cataract")[2][0].cause


def test_the_time_of_an_unreadable_row_is_unknown_even_where_gaps_are_idle(root: Path) -> None:
    table = "case,phase,start,end\ntheatre-1,sewing,0,2\ntheatre-1,sowing,2,4\ntheatre-1,cutting,6,9\n"
    (root / "phases.csv").write_text(table)
    for gaps, between in (("unknown", None), ("idle", "idle")):
        case = read(root, gaps=gaps)[0]["theatre-1"]
        assert case.unknown == ((2.0, 4.0),)
        assert [phase_at(case, at) for at in (1000, 3000, 5000, 7000)] == ["sewing", None, between, "cutting"]
    (root / "phases.csv").write_text(table.replace("2,4", "2,?"))
    assert phase_at(read(root, gaps="idle")[0]["theatre-1"], 5000) is None
    with pytest.raises(InputError, match="--gaps idel: did you mean idle"):
        read(root, gaps="idel")


def test_a_row_that_says_idle_is_idle(root: Path) -> None:
    table = "case;phase;start;end\ntheatre-1;sewing;0;2\ntheatre-1;idle;2;4\ntheatre-1;cutting;6;9\n"
    (root / "phases.csv").write_text(table)
    case = read(root)[0]["theatre-1"]
    assert [phase_at(case, at) for at in (1000, 3000, 5000)] == ["sewing", "idle", None]


def test_a_pipe_is_no_video_and_no_table(root: Path) -> None:
    (root / "videos" / "theatre-1.mp4").unlink()
    os.mkfifo(root / "videos" / "theatre-1.mp4")
    (root / "tools.csv").unlink()
    os.mkfifo(root / "tools.csv")
    causes = {fault.item: fault.cause for fault in read(root)[2]}
    assert "a pipe or a device" in causes["theatre-1.mp4"] and "a pipe or a device" in causes["tools.csv"]


def test_phases_beyond_the_video_are_a_fault_in_check_too(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "phases.csv").write_text("case,phase,start,end\ntheatre-1,sewing,0,40\n")
    shutil.rmtree(root / "annotations")
    (root / "videos.csv").unlink()
    (root / "videos" / "second.mp4").unlink()
    assert main(["new", "sewing", "--check", "--dir", str(root)]) == 2
    assert "the recording ends at 10 s" in capsys.readouterr().err
    (root / "phases.csv").write_text("case,phase,start,end\ntheatre-1,sewing,0,6\ntheatre-1,cutting,4,9\n")
    assert main(["new", "sewing", "--check", "--dir", str(root)]) == 0
    assert "phases overlap for 2 s in 1 case: theatre-1" in capsys.readouterr().out


def test_empty_columns_of_a_spreadsheet_are_no_columns(root: Path) -> None:
    path = root / "phases.csv"
    right = read(root)
    lines = path.read_text().splitlines()
    path.write_text("".join(f"{line.replace(',', ';')};;\r\n" for line in lines))
    assert read(root) == right
    path.write_text("".join(f"{line},,{'x' if number == 1 else ''}\n" for number, line in enumerate(lines)))
    assert any("twice in its first line" in fault.cause for fault in read(root)[2])


@pytest.mark.parametrize("what", ["videos/theatre-1.mp4", "annotations", "phases.csv", "videos"])
def test_a_link_out_of_the_folder_is_refused_by_name(root: Path, tmp_path: Path, what: str) -> None:
    source, elsewhere, inside = root / what, tmp_path / "elsewhere", root / "stored"

    def faults(**more: Any) -> list[str]:
        return [
            str(one) for one in prepare.read(procedure, root, {"image_rate": 25.0, **more})[1] if one.fault
        ]

    assert not faults()
    shutil.move(source, elsewhere)
    shutil.copytree(elsewhere, inside) if elsewhere.is_dir() else shutil.copy(elsewhere, inside)
    source.symlink_to(inside)
    assert not faults()
    source.unlink()
    source.symlink_to(elsewhere)
    assert any(f"{what}" in one and f"a link to {elsewhere}" in one for one in faults())
    if what == "videos":
        source.unlink()
        assert not faults(videos=elsewhere)


# Real files, where they are at hand


def cholec80(realdata: Path, root: Path) -> Path:
    """Cholec80's own phase and tool files of video 05, and the clip of it from second 1858, as our tables."""
    told = json.loads((realdata / "cholec80_phase_tool" / "param.json").read_text())
    folder = realdata / "cholec80_phase_tool"
    with (folder / "video05-phase.txt").open() as file:
        rows = [(int(row["Frame"]) / 25, int(row["Phase"])) for row in csv.DictReader(file)]
    lines = ["case,phase,start,end"]
    start = 0
    for at in range(1, len(rows) + 1):
        if at == len(rows) or rows[at][1] != rows[start][1]:
            end = rows[at][0] if at < len(rows) else rows[-1][0] + 1
            lines.append(f"video05,{told['phaseLabels'][rows[start][1]]},{rows[start][0]},{end}")
            start = at
    (root / "videos").mkdir(parents=True)
    (root / "phases.csv").write_text("\n".join(lines) + "\n")
    with (folder / "video05-tool.txt").open() as file:
        tools = list(csv.reader(file))
    table = [["case", "time", *tools[0][1:]], *(["video05", str(int(r[0]) / 25), *r[1:]] for r in tools[1:])]
    (root / "tools.csv").write_text("\n".join(",".join(row) for row in table) + "\n")
    clip = realdata / "cholec80_clips" / "VID05_1858_and_VID08_1331_a.mp4"
    shutil.copy(clip, root / "videos" / clip.name)
    (root / "videos.csv").write_text(f"case,video,offset\nvideo05,{clip.name},-1858\n")
    return root


def test_the_real_cholec80_clip_goes_through(realdata: Path, tmp_path: Path) -> None:
    root = cholec80(realdata, tmp_path / "cholec80")
    cases, _, faults = read(root, taxonomy="cholecystectomy", image_rate=25.0)
    assert not faults
    found = survey(cases["video05"], root, Options())
    case, clips = found.case, found.clips
    assert case.duration_s == 32.0 and len(case.scenes) > 1900
    assert (clips[0].start_ms, clips[-1].end_ms) == (1_858_000, 1_890_000)
    assert {clip.phase for clip in clips} == {"gallbladder retraction"}
    assert {node.name for clip in clips if clip.scene for node in clip.scene.nodes} <= {
        "grasper",
        "specimen bag",
    }
    out = tmp_path / "out"
    build(
        "procedure",
        root,
        out,
        frames=4,
        validation=0.0,
        test=0.0,
        workers=0,
        source_options={"taxonomy": "cholecystectomy"},
    )
    from datasets import load_dataset

    rows = load_dataset(str(out), "clips", split="train", cache_dir=str(tmp_path / "cache"))
    assert len(rows) == len(clips) and all(len(row["images"]) == 4 for row in rows)
    assert all(row["images"][0].size[0] == 512 for row in rows)
    answers = {(qa["kind"], qa["short_answer"]) for row in rows for qa in row["qa"]}
    assert {answer for kind, answer in answers if kind == "phase"} == {"gallbladder retraction"}
    # the tools file: 30 of the 32 seconds show the grasper alone, two the specimen bag beside it
    assert {answer for kind, answer in answers if kind == "instruments"} == {
        "grasper",
        "grasper, specimen bag",
    }


def test_the_real_cholec_instance_seg_sample_goes_through(realdata: Path, tmp_path: Path) -> None:
    sample = realdata / "cholec_instance_seg" / "_sample_files" / "VID03_t80_sparse"
    shutil.copytree(sample / "ann_dir", tmp_path / "annotations" / "VID03")
    shutil.copytree(sample / "img_dir", tmp_path / "frames" / "VID03")
    cases, _, faults = read(tmp_path, taxonomy="cholecystectomy", image_rate=25.0)
    assert not faults
    case = cases["VID03"]
    assert [scene.time_s for scene in case.scenes] == [frame / 25 for frame in range(0, 300, 30)]
    assert [frame.time_s for frame in case.frames] == [scene.time_s for scene in case.scenes]
    sixth = case.scenes[5]
    assert [node.id for node in sixth.nodes] == ["hook", "grasper", "grasper#2"]
    with Image.open(case.frames[5].path) as picture:
        assert picture.size == (sixth.width, sixth.height)
    coco = json.loads(
        (
            realdata / "cholec_instance_seg/_sample_results/generated_coco_files/sample_generated_coco.json"
        ).read_text()
    )
    image = next(entry for entry in coco["images"] if "000150" in entry["file_name"])
    areas = sorted(entry["area"] for entry in coco["annotations"] if entry["image_id"] == image["id"])
    assert sorted(node.area or 0 for node in sixth.nodes) == pytest.approx(areas, rel=0.02)
