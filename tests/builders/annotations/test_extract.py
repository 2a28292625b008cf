"""New procedures and frames from videos: times, density, duplicates, labels, refinement."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from building import extract
from PIL import Image
from surgvqa.builders.__main__ import main
from surgvqa.builders.files.pictures import read_picture
from surgvqa.builders.frames.choice import choose_times, scene_changes, spread
from surgvqa.builders.frames.frame_labels import read
from surgvqa.builders.pipeline import new_procedure as begin
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.schema import Case, Entity, Phase, Scene
from surgvqa.cards.command import InputError

CHOLE = load("cholecystectomy")


@pytest.fixture
def root(tmp_path: Path, make_video) -> Path:
    """A procedure's folder: one video of 20 s at 10 pictures a second, two phases, three labelled moments."""
    folder = tmp_path / "root"
    (folder / "videos").mkdir(parents=True)
    make_video(folder / "videos" / "a.mp4", [100 * n for n in range(200)])
    (folder / "phases.csv").write_text(
        "case,phase,start,end\na,preparation,0,10\na,clipping and cutting,10,20\n"
    )
    (folder / "tools.csv").write_text("case,time,grasper,liver\na,2,1,1\na,10.5,0,1\na,15,1,0\n")
    return folder


def test_uniform_frames_are_the_ones_on_screen_and_carry_their_labels(root: Path, tmp_path: Path, make_video):
    found = extract(root, tmp_path / "out", "cholecystectomy", every=2.0)
    frames = read(found.path, CHOLE)
    times = [frame.timestamp_s for frame in frames]
    assert times == [0, 2, 4, 6, 8, 10, 10.5, 12, 14, 15, 16, 18] and found.duplicates == 0
    for frame in frames:
        assert make_video.read(read_picture(tmp_path / "out" / frame.image)) == round(10 * frame.timestamp_s)
        assert frame.phase == ("preparation" if frame.timestamp_s < 10 else "clipping and cutting")
    by_time = dict(zip(times, frames, strict=True))
    assert by_time[0].tools is None, "no label yet"
    assert [t.name for t in by_time[2].tools] == ["grasper"] and not by_time[2].weak
    assert [t.name for t in by_time[6].tools] == ["grasper"] and by_time[6].made_by == {
        "anatomy": "weak",
        "tools": "weak",
    }
    assert by_time[8].tools is None, "a label holds for five seconds"
    assert by_time[10.5].tools == () and not by_time[10.5].weak and by_time[12].weak
    assert found.labelled_frames == 3


def test_labels_made_by_hand_in_between_survive_another_extraction(root: Path, tmp_path: Path):
    path = extract(root, tmp_path / "out", "cholecystectomy", every=2.0).path
    entries = json.loads(path.read_text())
    entry = next(one for one in entries if one["timestamp_s"] == 4.0)
    entry["tools"], entry["made_by"] = ["hook"], {"anatomy": "weak"}
    path.write_text(json.dumps(entries))
    extract(root, tmp_path / "out", "cholecystectomy", every=1.0)
    frames = {frame.timestamp_s: frame for frame in read(path, CHOLE)}
    assert [tool.name for tool in frames[4.0].tools] == ["hook"] and "tools" not in frames[4.0].made_by
    assert [tool.name for tool in frames[3.0].tools] == ["grasper"] and frames[3.0].weak and len(frames) == 21


def test_a_budget_is_kept_and_bias_is_density_at_events():
    nodes = (Entity("hook", "hook", "instrument", "presence"),)
    phases = (Phase("preparation", 0, 50), Phase("clipping and cutting", 50, 100))
    case = Case("a", "x", "cholecystectomy", phases=phases, video=Path("a.mp4"), duration_s=100.0)
    uniform, biased = choose_times(case, 1.0, 40, False), choose_times(case, 1.0, 40, True)
    assert len(uniform) == 40 and len(biased) == 40

    def near(times):
        return sum(45 <= at <= 55 for at in times)

    assert near(uniform) == 4 and near(biased) >= 8
    moments = tuple(Scene(at, 0, 0, nodes) for at in (3.25, 77.5))
    labelled = choose_times(
        Case("a", "x", "y", scenes=moments, video=Path("a.mp4"), duration_s=100.0), 1.0, 10, False
    )
    assert {3.25, 77.5} <= set(labelled) and len(labelled) == 10


@pytest.mark.parametrize(("count", "places"), [(0, []), (1, [4]), (3, [1, 4, 8]), (99, list(range(10)))])
def test_spread_is_even_where_weights_are(count: int, places: list[int]):
    assert spread([1.0] * 10, count) == places


def test_the_same_picture_is_taken_once_unless_it_is_labelled(root: Path, tmp_path: Path, make_video):
    still = make_video.picture(7)
    make_video(root / "videos" / "a.mp4", [100 * n for n in range(200)], draw=lambda number: still)
    found = extract(root, tmp_path / "out", "cholecystectomy", every=1.0)
    assert [frame.timestamp_s for frame in read(found.path, CHOLE)] == [0.0, 2.0, 10.5, 15.0]
    assert found.duplicates == 17


def test_scene_changes_are_found_where_nothing_is_labelled(tmp_path: Path, make_video):
    def draw(number: int) -> np.ndarray:
        return make_video.picture(1 + number // 80)  # changes at 8 and at 16 seconds

    path = make_video(tmp_path / "b.mp4", [100 * n for n in range(200)], draw=draw)
    assert scene_changes(path, 20.0) == [8.0, 16.0]
    found = extract(path, tmp_path / "out", budget=12, biased=True)
    assert found.labelled_frames == 0 and found.path.is_file()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--biased"], "give --budget N"),
        (["--every", "0"], "numbers above 0"),
        (["--budget", "0"], "numbers above 0"),
    ],
)
def test_a_wrong_choice_is_one_line(options: list[str], said: str, root: Path, tmp_path: Path, capsys):
    command = ["frames", str(root), "--out", str(tmp_path / "out"), "--taxonomy", "cholecystectomy", *options]
    assert main(command) == 2 and said in capsys.readouterr().err


def test_no_video_and_bad_tables_are_one_line(root: Path, tmp_path: Path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["frames", str(tmp_path / "empty"), "--out", str(tmp_path / "out")]) == 2
    assert "no video" in capsys.readouterr().err
    (root / "phases.csv").write_text("case,phase,start,end\na,incison,0,10\n")
    assert main(["frames", str(root), "--out", str(tmp_path / "out"), "--taxonomy", "cholecystectomy"]) == 2
    assert "incison" in capsys.readouterr().err


# ---- new


def test_a_new_procedure_is_valid_yaml_that_must_be_filled_in(tmp_path: Path, capsys):
    folder = tmp_path / "appendectomy"
    assert main(["new", "appendectomy", "--dir", str(folder)]) == 0
    assert load(folder / "procedure.yaml").name == "appendectomy"
    assert main(["new", "appendectomy", "--dir", str(folder), "--check"]) == 2
    said = capsys.readouterr().err
    lines = (folder / "procedure.yaml").read_text().splitlines()
    places = re.findall(r"(example [a-z ]+) \(line (\d+)\)", said)
    assert ("example access", "12") in places and len(places) == 10
    assert all(lines[int(line) - 1].split("#")[0].rstrip(" ]").endswith(name) or f"{name}," in lines[int(line) - 1]
               for name, line in places), "each name with the line that holds it whole"  # fmt: skip
    text = (folder / "procedure.yaml").read_text().replace("example ", "my ")
    (folder / "procedure.yaml").write_text(text)
    tools = (folder / "tools.csv").read_text().replace("example ", "my ")
    (folder / "tools.csv").write_text(tools)
    assert any("nothing yet" in said for said in begin.check(folder))
    assert main(["new", "appendectomy", "--dir", str(folder)]) == 2
    assert "holds procedure.yaml" in capsys.readouterr().err
    assert (folder / "procedure.yaml").read_text() == text


def test_the_check_names_line_and_fault(root: Path, capsys):
    (root / "procedure.yaml").write_text("procedure: x\nphases: [preparation]\nanatomi: []\n")
    assert main(["new", "x", "--dir", str(root), "--check"]) == 2
    assert "line 3: unknown key 'anatomi'" in capsys.readouterr().err
    (root / "procedure.yaml").write_text(
        "procedure: x\nphases: [preparation]\nanatomy: [liver]\ninstruments: [grasper]\n"
    )
    assert main(["new", "x", "--dir", str(root), "--check"]) == 2
    assert "clipping and cutting" in capsys.readouterr().err
    (root / "phases.csv").write_text("case,phase,start,end\na,preparation,0,10\n")
    assert main(["new", "x", "--dir", str(root), "--check"]) == 0
    said = capsys.readouterr().out
    assert "s of video, 1 phases, 3 labelled moments" in said and "not read" not in said


def test_a_table_that_is_not_read_is_named(root: Path, capsys):
    (root / "procedure.yaml").write_text(
        "procedure: x\nphases: [preparation]\nanatomy: [liver]\ninstruments: [grasper]\n"
    )
    (root / "phases.csv").write_text("case,phase,start,end\na,preparation,0,10\n")
    (root / "adverse_events.csv").write_text("case,event,at\na,bleeding,3\n")
    assert main(["new", "x", "--dir", str(root), "--check"]) == 0
    assert (
        "note: adverse_events.csv: not read" in (said := capsys.readouterr().out)
        and "`surgvqa-build frames`" in said
    )


@pytest.mark.parametrize(
    ("encoding", "end"), [("utf-16", "\n"), ("utf-8-sig", "\r\n"), ("utf-8", "\r"), ("latin-1", "\n")]
)
def test_the_check_reads_tables_as_a_build_does(encoding: str, end: str, tmp_path: Path, capsys):
    (tmp_path / "procedure.yaml").write_text("procedure: x\nphases: [{name: sewing, synonyms: [Nähen]}]\n")
    (tmp_path / "phases.csv").write_bytes(f"case;phase;start;end{end}a;Nähen;0;4,5{end}".encode(encoding))
    code = main(["new", "x", "--dir", str(tmp_path), "--check"])
    told = capsys.readouterr()
    if encoding == "latin-1":
        assert code == 2 and "phases.csv: not UTF-8 at byte 24; save it as UTF-8" in told.err
    else:
        assert code == 0 and "a: no recording, 1 phases, 0 labelled moments" in told.out


def test_the_check_of_numbered_pictures_takes_their_rate(tmp_path: Path, capsys):
    (tmp_path / "procedure.yaml").write_text("procedure: x\nphases: [sewing]\nanatomy: [liver]\n")
    shape = {"label": "liver", "points": [[1, 2], [9, 8]], "shape_type": "rectangle"}
    for number in (25, 50):
        name = f"frame_{number:04}"
        for folder in ("annotations/a", "frames/a"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48)).save(tmp_path / "frames" / "a" / f"{name}.png")
        label = {"imagePath": f"{name}.png", "imageWidth": 64, "imageHeight": 48, "shapes": [shape]}
        (tmp_path / "annotations" / "a" / f"{name}.json").write_text(json.dumps(label))
    words = ["new", "x", "--dir", str(tmp_path), "--check"]
    assert main(words) == 2
    assert "give --image-rate" in capsys.readouterr().err
    assert main([*words, "--image-rate", "25"]) == 0
    assert "a: 2 pictures, 0 phases, 2 labelled moments" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["", "Über", "a b", "../x", "-x"])
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path):
    with pytest.raises(InputError, match="is no name"):
        begin.new(name, tmp_path)
    assert not any(tmp_path.iterdir())
