"""Builds: the same bytes every time, nothing half written, every bad input named."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np
import pytest
from building import build
from datasets import load_dataset
from surgvqa.builders.__main__ import main
from surgvqa.builders.files.pictures import decode_jpeg, encode_jpeg, resize
from surgvqa.builders.pipeline import build as building
from surgvqa.builders.pipeline import executors, prepare
from surgvqa.builders.pipeline.verify import verify
from surgvqa.builders.schema import FEATURES, QA_FEATURES
from surgvqa.builders.shards.reference import POSTER_SIDE
from surgvqa.builders.video.decode import read_frames
from surgvqa.cards.__main__ import main as main_card
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.write.frame_audit import picture_counts
from surgvqa.eval.data.dataset import without_decoding

RENDER = {"render_cases": 4, "phase_seconds": 5.0, "frame_rate": 4, "size": 64}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Four short rendered cases."""
    path = tmp_path_factory.mktemp("rendered") / "root"
    from surgvqa.builders.sources import synthetic

    list(synthetic.cases(path, **RENDER))
    return path


@pytest.fixture
def copy(root, tmp_path) -> Path:
    """The cases again, to be damaged."""
    return Path(shutil.copytree(root, tmp_path / "root"))


def make(root, out, **options):
    return build("synthetic", root, out, **{"workers": 0, "source_options": RENDER} | options)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.fixture(scope="module")
def built(root, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("built") / "out"
    make(root, out)
    return out


def video_of(root: Path, case_id: str) -> Path:
    return next(root.rglob(f"{case_id}.mp4"))


def test_the_folder_loads_with_its_features(built):
    clips, qa = load_dataset(str(built), "clips"), load_dataset(str(built), "qa")
    assert set(clips) == set(qa) == {"train", "validation", "test"}
    assert clips["train"].features == FEATURES.features()
    assert qa["train"].features == QA_FEATURES.features()
    for split in clips:
        rows = clips[split].remove_columns("images")
        assert [q["qa_id"] for row in rows for q in row["qa"]] == qa[split]["qa_id"]
    manifest = json.loads((built / "manifest.json").read_text())
    assert sum(c["clips"] for c in manifest["counts"].values()) == sum(map(len, clips.values()))


def test_frames_are_those_of_the_video_at_their_stated_times(root, built):
    row = load_dataset(str(built), "clips", split="test")[0]
    raw = load_dataset(str(built), "clips", split="test").with_format("arrow")[0]
    images = raw["images"][0].as_py()
    assert len(images) == 8 and all(image["path"] is None for image in images)
    width = (row["end_s"] - row["start_s"]) / 8
    asked = [row["start_s"] + width * (i + 0.5) for i in range(8)]
    shots = read_frames(video_of(root, row["case_id"]), asked)
    assert row["frame_times_s"] == [shot.time_s for shot in shots]
    assert [image["bytes"] for image in images] == [encode_jpeg(resize(shot.image, 512)) for shot in shots]


def test_the_longest_case_is_begun_first(root, tmp_path, monkeypatch):
    """Begun last, it would keep one worker busy while all others wait."""
    begun = []
    run = building.run
    monkeypatch.setattr(
        building, "run", lambda engine, tasks, n: begun.extend(tasks) or run(engine, tasks, n)
    )
    make(root, tmp_path / "out", media="none")
    counts = [len(job.clips) for job, *_ in begun]
    assert counts == sorted(counts, reverse=True) and len(set(counts)) > 1


@pytest.mark.parametrize("media", [pytest.param("frames", marks=pytest.mark.slow), "clips"])
def test_the_same_bytes_with_one_and_two_workers_and_again(root, tmp_path, media):
    one, two = tmp_path / "one", tmp_path / "two"
    make(root, one, media=media, workers=1)
    make(root, two, media=media, workers=2)
    assert tree(one) == tree(two)
    before = {path: path.stat().st_mtime_ns for path in two.rglob("*.parquet")}
    make(root, two, media=media, workers=2)
    assert tree(one) == tree(two)
    assert before == {path: path.stat().st_mtime_ns for path in two.rglob("*.parquet")}


def test_another_place_gives_the_same_bytes(root, built, copy, tmp_path):
    make(copy, tmp_path / "out")
    assert tree(tmp_path / "out") == tree(built)


def test_a_changed_case_alone_is_built_again(copy, tmp_path, monkeypatch):
    out = tmp_path / "out"
    make(copy, out, test_cases=["case_0001"])
    with video_of(copy, "case_0003").open("ab") as file:
        file.write(b"\0" * 8)
    built_again = []
    real = executors.build_shard
    monkeypatch.setattr(
        executors, "build_shard", lambda job, *rest: built_again.append(job.case.case_id) or real(job, *rest)
    )
    make(copy, out, test_cases=["case_0001"])
    assert built_again == ["case_0003"]
    verify(out)


@pytest.mark.parametrize(
    ("media", "images", "video", "times"),
    [("clips", 0, True, True), ("reference", 0, True, True), ("none", 0, False, False)],
)
def test_media_modes(root, tmp_path, media, images, video, times):
    out = tmp_path / "out"
    make(root, out, media=media)
    verify(out)
    row = load_dataset(str(out), "clips", split="train")[5]
    assert (len(row["images"]), bool(row["video"]), bool(row["frame_times_s"])) == (images, video, times)
    if media == "reference":
        assert (root / row["video"]).is_file()
        assert row["video_start_s"] == row["start_s"]
        place, _, span = row["address"].partition("#t=")
        assert unquote(place) == row["video"]
        assert [float(at) for at in span.split(",")] == [row["start_s"], row["end_s"]]
        poster = np.asarray(row["poster"], int)
        middle = read_frames(root / row["video"], [(row["start_s"] + row["end_s"]) / 2])[0].image
        shown = decode_jpeg(encode_jpeg(resize(middle, POSTER_SIDE)))
        assert poster.shape == shown.shape and np.abs(poster - shown).mean() < 1
    else:
        assert "poster" not in row
    if media == "clips":
        assert Path(row["video"]).name == f"{row['clip_id']}.mp4"
        # the cut file shows at its own second t what the source shows at start + t
        source = video_of(root, row["case_id"])
        seconds = np.linspace(0, row["end_s"] - row["start_s"] - 0.01, 7)
        cut = read_frames(out / row["video"], list(seconds))
        true = read_frames(source, [row["start_s"] + t for t in seconds])
        for ours, theirs in zip(cut, true, strict=True):
            assert ours.image.shape == theirs.image.shape
            assert np.abs(ours.image.astype(int) - theirs.image).mean() < 6
        assert len(row["frame_times_s"]) == len(set(row["frame_times_s"]))


def test_posters_are_looked_at_and_mixed_but_are_no_frames(root, tmp_path):
    """Two data sets that name their videos make one; a person is shown the posters before they are published."""
    out = tmp_path / "a b"
    make(root, out, media="reference", test_cases=["case_0003"])
    other = tmp_path / "other"
    render = RENDER | {"render_seed": 5}
    make(tmp_path / "more", other, media="reference", test_cases=["case_0003"], source_options=render)
    assert main(["mix", str(out), str(other), "--drop-shared", "--out", str(tmp_path / "mix")]) == 0
    verify(tmp_path / "mix")
    rows = load_dataset(str(tmp_path / "mix"), "clips", split="test")
    assert {row["video"].partition("/")[0] for row in rows} == {"a b", "other"}
    assert all(row["address"].partition("#")[0] == quote(row["video"]) for row in rows)
    assert all(row["poster"].size == (64, 48) for row in rows)
    clips = sum(one["clips"] for one in json.loads((out / "manifest.json").read_text())["counts"].values())
    manifest = manifests.read(out)
    assert sum(count for *_, count in picture_counts(out, manifest)) == clips
    assert main_card(["audit", str(out), "--sheets", str(tmp_path / "look"), "--frames", "3"]) == 0
    assert "poster" not in without_decoding(rows).features


def test_cut_clips_keep_uneven_times(tmp_path, make_video):
    from surgvqa.builders.video.cut import cut
    from surgvqa.builders.video.timing import read_timeline

    pts = [int(t) for t in np.cumsum([0, *np.random.default_rng(1).integers(5, 90, 119)])]
    path = make_video(tmp_path / "v.mp4", pts, options={"bf": "3"}, turn=1)
    times = cut(path, 1000, 3000, tmp_path / "clip.mp4")
    inside = [p for p in pts if p < 3000 and p >= max(q for q in pts if q <= 1000)]
    assert [round(t * 1000) for t in times] == inside
    timeline = read_timeline(tmp_path / "clip.mp4")
    assert [round(timeline.seconds(int(p)) * 1000) for p in timeline.shown_pts] == [
        max(0, p - 1000) for p in inside
    ]
    shots = read_frames(tmp_path / "clip.mp4", [timeline.seconds(int(p)) for p in timeline.shown_pts])
    assert [make_video.read(np.rot90(s.image)) for s in shots] == [pts.index(p) for p in inside]
    first = (tmp_path / "clip.mp4").read_bytes()
    cut(path, 1000, 3000, tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == first


def test_any_moment_of_a_cut_clip_can_be_asked_for(tmp_path, make_video):
    from surgvqa.builders.video.cut import cut

    path = make_video(tmp_path / "v.mp4", range(0, 4000, 200))
    cut(path, 0, 2191, tmp_path / "clip.mp4")
    (last,) = read_frames(
        tmp_path / "clip.mp4", [2.18]
    )  # its last frame comes at 2.0 s and is shown to the end
    assert make_video.read(last.image) == 10


def test_a_folder_built_again_loads_its_new_rows(root, tmp_path):
    """`load_dataset` caches a local folder under its last name and its card alone."""
    out = tmp_path / "out"
    for frames in (2, 3):
        make(root, out, frames=frames)
        assert len(load_dataset(str(out), "clips", split="train")[0]["images"]) == frames


# ---- killed, locked, full, damaged


@pytest.mark.slow  # test_a_killed_command_goes_on kills one, too
@pytest.mark.parametrize("step", [2, 1])
def test_killed_at_any_step_it_goes_on_and_ends_the_same(tmp_path, step):
    """SIGKILL before each call that changes the folder; finished shards are kept, the end is the same."""
    few = {"render_cases": 2, "phase_seconds": 5.0, "size": 64, "frame_rate": 1}
    root, want = tmp_path / "root", tmp_path / "want"
    make(root, want, media="none", source_options=few)
    want = tree(want)

    def killed(at: int, out: Path) -> bool:
        pid = os.fork()
        if pid == 0:
            calls = 0

            def fatal(real):
                def call(*args, **kwargs):
                    nonlocal calls
                    calls += 1
                    if calls == at:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return real(*args, **kwargs)

                return call

            for name in ("replace", "unlink", "write_text", "mkdir", "rmdir"):
                setattr(Path, name, fatal(getattr(Path, name)))
            make(root, out, media="none", source_options=few)
            os._exit(0)
        return os.WIFSIGNALED(os.waitpid(pid, 0)[1])

    at, finished, kept, points = 1, 0, 0, 0
    while True:
        out = tmp_path / f"out{at}"
        dead = killed(at, out)
        if not dead:
            break
        if (out / "manifest.json").is_file():
            verify(out)  # what can be seen is whole
        records = len([p for p in out.rglob(".build/*.json") if len(p.stem) == 64])
        if (out / "manifest.json").is_file():
            records = 2
        shards = []
        real = executors.build_shard
        executors.build_shard = lambda *task, real=real, shards=shards: shards.append(1) or real(*task)
        try:
            make(root, out, media="none", source_options=few)
        finally:
            executors.build_shard = real
        assert tree(out) == want, f"killed at step {at}"
        points, finished, kept = (
            points + 1,
            finished + records,
            kept + records - max(0, len(shards) - 2 + records),
        )
        shutil.rmtree(out)
        at += step
    assert points >= 20
    assert finished >= 20 and kept >= 0.9 * finished, f"{kept} of {finished} finished shards were kept"


@pytest.mark.slow
def test_a_killed_command_goes_on(root, built, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "surgvqa.builders", "synthetic", "--root", str(root), "--out", str(out)]
    command += [
        "--questions",
        "nine",
        "--render-cases",
        "4",
        "--phase-seconds",
        "5",
        "--frame-rate",
        "4",
        "--size",
        "64",
        "--workers",
        "2",
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd="/")
    until = time.monotonic() + 120
    while not list(out.glob(".build/" + "?" * 64 + ".json")) and time.monotonic() < until:
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert not (out / "manifest.json").exists()
    assert not list(out.glob("clips/*"))
    assert subprocess.run(command, capture_output=True, cwd="/").returncode == 0
    assert tree(out) == tree(built)


def test_two_builds_in_one_folder(root, tmp_path):
    with (
        building.lock(tmp_path / "out"),
        pytest.raises(InputError, match=rf"process {os.getpid()} on .* is building"),
    ):
        make(root, tmp_path / "out")
    make(root, tmp_path / "out", media="none")


def test_a_full_disk(root, built, tmp_path, monkeypatch):
    from surgvqa.builders.files import parquet

    real, calls = parquet.replace, []

    def full(pending, path):
        if len(calls) == 5:
            raise OSError(28, "No space left on device")
        calls.append(path)
        real(pending, path)

    monkeypatch.setattr(parquet, "replace", full)
    with pytest.raises(InputError, match="no space left on the disk"):
        make(root, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()
    monkeypatch.setattr(parquet, "replace", real)
    make(root, tmp_path / "out")
    assert tree(tmp_path / "out") == tree(built)


def test_a_file_that_no_manifest_lists_is_found(root, tmp_path):
    """Flipped bits: tests/project/test_flips.py."""
    out = tmp_path / "out"
    make(root, out, media="clips")
    verify(out)
    (out / "clips" / "more.parquet").write_bytes(b"")
    with pytest.raises(InputError, match=r"more\.parquet: there, but not listed"):
        verify(out)


def test_a_damaged_shard_alone_is_built_again(root, built, tmp_path):
    out = Path(shutil.copytree(built, tmp_path / "out"))
    path = sorted(out.glob("clips/train-*"))[0]
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    make(root, out)
    assert tree(out) == tree(built)


def test_foreign_files_stay_and_are_named(root, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.docx").write_text("all of it")
    with pytest.raises(InputError, match=r"thesis\.docx, which no build wrote"):
        make(root, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["thesis.docx"]


# ---- bad input


def refused(root, out, *said, **options):
    """The build fails with one message that says it all, and leaves nothing behind."""
    with pytest.raises(InputError) as error:
        make(root, out, **options)
    for words in said:
        assert words in str(error.value)
    assert not out.exists()
    return str(error.value)


def test_all_faults_in_one_list_before_any_work(copy, tmp_path):
    video_of(copy, "case_0001").write_bytes(b"")
    whole = video_of(copy, "case_0002").read_bytes()
    video_of(copy, "case_0002").write_bytes(whole[: len(whole) // 2])
    table = next(copy.rglob("case_0003_annotations_phases.csv"))
    table.write_text(table.read_text().replace("endSec", "end"))
    refused(
        copy,
        tmp_path / "out",
        "3 faults",
        "case_0001.mp4",
        "case_0002.mp4",
        "case_0003_annotations_phases.csv",
    )
    manifest = make(copy, tmp_path / "out", on_error="quarantine")
    faults = [one for one in manifest["dropped"] if one["fault"]]
    assert len(faults) == 3
    assert {"case_0001", "case_0002"}.isdisjoint(manifest["splits"])
    assert json.loads((tmp_path / "out" / "report.json").read_text())["dropped"]


def test_a_video_damaged_inside(copy, tmp_path):
    """Its packets are all there, so only decoding shows it: no shard, no row, and the cause is named."""
    path = video_of(copy, "case_0002")
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 2000
    data[start : start + 4000] = b"\xff" * 4000
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"case_0002\.mp4: "):
        make(copy, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert not list((tmp_path / "out").glob("*"))  # the finished shards wait in the hidden folder
    manifest = make(copy, tmp_path / "out", on_error="quarantine")
    assert "case_0002" not in {
        c.split("@")[0] for c in load_dataset(str(tmp_path / "out"), "clips")["train"]["clip_id"]
    }
    assert [one["item"] for one in manifest["dropped"] if one["fault"]] == ["case_0002"]


def test_nothing_to_read(tmp_path):
    with pytest.raises(InputError, match="no folder"):
        build("cataract1k", tmp_path / "gone", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_clip_beyond_the_end(copy, tmp_path):
    table = next(copy.rglob("case_0003_annotations_phases.csv"))
    lines = table.read_text().splitlines()
    values = lines[-1].split(",")
    header = lines[0].split(",")
    values[header.index("endSec")] = str(float(values[header.index("endSec")]) + 60)
    table.write_text("\n".join([*lines[:-1], ",".join(values)]) + "\n")
    refused(copy, tmp_path / "out", "case_0003", "the recording ends at")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"media": "film"}, "--media film"),
        ({"kinds": ["phases"]}, "did you mean phase?"),
        ({"test_cases": ["case_1"]}, "no such case"),
        ({"decoder": "vlc"}, "--decoder vlc"),
        ({"frames": 0}, "--frames 0"),
        ({"balance": "kinds"}, "--balance kinds"),
        ({"clip_seconds": 0.2}, "--clip-seconds 0.2"),
    ],
)
def test_bad_options(root, tmp_path, options, said):
    refused(root, tmp_path / "out", said, **options)


def test_boxes_of_another_shape_are_refused(copy, tmp_path, make_video):
    """A letterboxed copy of a video: its boxes would lie elsewhere, and nobody said where."""
    path = video_of(copy, "case_0002")
    shots = read_frames(path, [0.0, 1.0])
    wide = np.pad(shots[0].image, ((0, 0), (32, 32), (0, 0)))
    make_video(path, [200 * i for i in range(400)], draw=lambda _: wide)
    refused(copy, tmp_path / "out", "case_0002", "boxes are of a 64x48 frame, its pixels 128x48")


def test_exit_codes_and_one_line(root, tmp_path, capsys):
    assert (
        main(
            [
                "synthetic",
                "--root",
                str(root),
                "--out",
                str(tmp_path / "o"),
                "--size",
                "64",
                "--media",
                "none",
            ]
        )
        == 2
    )
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "other" in said
    assert main(["verify", str(tmp_path)]) == 2


def test_sources_options_reach_the_source(root, tmp_path, capsys):
    own = ["--render-cases", "4", "--phase-seconds", "5", "--frame-rate", "4", "--size", "64"]
    out = tmp_path / "o"
    assert main(["synthetic", "--root", str(root), "--out", str(out), "--media", "none", *own]) == 0
    assert "is ready" in capsys.readouterr().out
    assert main(["verify", str(out)]) == 0
    assert json.loads((out / "manifest.json").read_text())["parameters"]["phase_seconds"] == 5.0


def test_help_is_quick():
    for words in (["--help"], ["synthetic", "--help"], ["probe", "--help"]):
        start = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "surgvqa.builders", *words], check=True, capture_output=True, cwd="/"
        )
        assert time.monotonic() - start < 3  # a second on a quiet machine


def test_images_decode(built):
    row = load_dataset(str(built), "clips", split="train").with_format("arrow")[0]
    assert decode_jpeg(row["images"][0][0]["bytes"].as_py()).shape == (48, 64, 3)


def test_the_test_cases_do_not_depend_on_the_kinds_asked(root, tmp_path, monkeypatch):
    stratified, real = [], prepare.assign

    def assign(cases, **given):
        stratified.append(given["kinds_by_case"])
        return real(cases, **given)

    monkeypatch.setattr(prepare, "assign", assign)
    for kinds in (("entered", "motion_direction"), ("caption",)):
        make(root, tmp_path / kinds[0], media="none", kinds=kinds)
    assert stratified[0] == stratified[1]


def test_balanced_cases_weigh_the_same_in_training_and_nothing_elsewhere(root, tmp_path):
    make(root, tmp_path / "out", media="none", balance="cases")
    splits = load_dataset(str(tmp_path / "out"), "clips")
    total: dict[str, float] = {}
    for row in splits["train"]:
        total[row["case_id"]] = total.get(row["case_id"], 0.0) + row["weight"]
    clips = len(splits["train"])
    assert len(total) > 1 and sum(total.values()) == pytest.approx(clips)
    assert list(total.values()) == pytest.approx([clips / len(total)] * len(total))
    assert set(splits["test"]["weight"]) == {1.0}
