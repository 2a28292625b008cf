"""Every file's verdict, with the decoder's own words; a file that kills its decoder kills no build."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from surgvqa.builders.__main__ import main
from surgvqa.builders.files.process_pool import Failure, run_tasks
from surgvqa.builders.video.display import INTERLACED_NOTE
from surgvqa.builders.video.probe import probe
from surgvqa.cards.command import InputError

CONSTANT = [40 * i for i in range(60)]

# What is wrong with each file of ../shared/realdata/video_oddities, and what else must be known of it.
ODDITIES = {
    "decord/corrupted.mp4": ("2 of 50 packets cannot be decoded: .*NAL", {"unreadable": False}),
    "decord/flipping_a_pancake.mkv": (None, {"vfr": False, "frames": 310}),
    "decord/unordered.mov": (None, {"frames": 4}),
    "decord/video_0.mov": (None, {"rotation": 0, "width": 568}),
    "decord/video_180.mov": (None, {"rotation": 180, "width": 568}),
    "decord/video_270.mov": (None, {"rotation": 270, "width": 320}),
    "decord/video_90.mov": (None, {"rotation": 90, "width": 320}),
    "imageio/realshort.mp4": (None, {"frames": 36}),
    "libopenshot/test1.mp4": (
        None,
        {
            "frames": 21,
            "width": 660,
            "notes": [
                "its 720x480 pixels aren't square (11/12); shown as 660x480",
                INTERLACED_NOTE,
            ],
        },
    ),
    "llamafactory_mllm_demo/1.mp4": (None, {"decoded_duration_s": 9.72}),
    "llamafactory_mllm_demo/2.avi": (None, {"frames": 270}),
    "llamafactory_mllm_demo/3.mp4": (None, {"frames": 146}),
    "llamafactory_mllm_demo/4.mp4": (None, {"width": 224, "height": 224}),
    "openh264/BA_MW_D_IDR_LOST.264": ("27 of 97 packets gave no frame", {}),
    "openh264/BA_MW_D_P_LOST.264": ("pictures are missing", {}),
    "openh264/Cisco_Men_whisper_640x320_CABAC_Bframe_9.264": (None, {"frames": 9}),
    "openh264/Error_I_P.264": ("5 of 6 frames are corrupt", {"frames": 1}),
    "openh264/SVA_CL1_E.264": (None, {"frames": 50, "duration_s": None}),
    "torchcodec/av1_video.mkv": (None, {"frames": 125}),
    "torchcodec/bt709_full_range.mp4": (None, {"frames": 30}),
    "torchcodec/h264_10bits.mp4": (None, {"frames": 30}),
    "torchcodec/h265_10bits.mp4": (None, {"codec": "hevc"}),
    "torchcodec/h265_video.mp4": (None, {"frames": 10}),
    "torchcodec/nasa_13013.mp4": (None, {"width": 320, "height": 180, "fps": 25.0}),
}


def test_real_oddities(realdata: Path, tmp_path, capsys):
    assert (
        main(
            ["probe", str(realdata / "video_oddities"), "--json", str(tmp_path / "p.json"), "--workers", "0"]
        )
        == 0
    )
    found = {
        Path(one["path"]).relative_to(realdata / "video_oddities").as_posix(): one
        for one in json.loads((tmp_path / "p.json").read_text())
    }
    assert set(found) == set(ODDITIES)
    for name, (fault, facts) in ODDITIES.items():
        faults = "; ".join(found[name]["faults"])
        assert (not faults) if fault is None else re.search(fault, faults), f"{name}: {faults}"
        assert {key: found[name][key] for key in facts} == facts, name
    assert "24 files, 4 with faults" in capsys.readouterr().out


def test_a_sound_file(tmp_path, make_video):
    one = probe(make_video(tmp_path / "v.mp4", CONSTANT))
    assert (one.codec, one.width, one.height, one.fps, one.vfr, one.rotation) == (
        "h264",
        128,
        96,
        25.0,
        False,
        0,
    )
    assert (one.duration_s, one.decoded_duration_s, one.frames) == (2.4, 2.4, 60)
    assert (one.unreadable, one.faults, one.notes) == (False, (), ())


def test_uneven_and_turned(tmp_path, make_video):
    uneven = [int(t) for t in np.cumsum([0, *np.random.default_rng(1).integers(5, 90, 59)])]
    one = probe(make_video(tmp_path / "v.mp4", uneven, turn=1))
    assert (one.vfr, one.rotation, one.width, one.height, one.faults) == (True, 90, 96, 128, ())


@pytest.mark.parametrize(
    ("damage", "fault", "unreadable"),
    [
        (lambda data: b"", "the file is empty", True),
        (lambda data: b"no video" * 999, "Invalid data", True),
        (lambda data: data[: len(data) // 2], "Invalid data found .*moov", True),
    ],
)
def test_files_that_cannot_be_opened(tmp_path, make_video, damage, fault, unreadable):
    path = make_video(tmp_path / "v.mp4", CONSTANT)
    path.write_bytes(damage(path.read_bytes()))
    one = probe(path)
    assert one.unreadable is unreadable
    assert re.search(fault, "; ".join(one.faults))


def test_twenty_flipped_bytes(tmp_path, make_video):
    path = make_video(tmp_path / "v.mp4", CONSTANT)
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    start = data.index(b"mdat") + 1000
    for at in rng.integers(start, len(data) - 3000, 20):
        data[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)
    one = probe(path)
    assert one.faults and one.frames < 60 and not one.unreadable


def test_missing(tmp_path, capsys):
    with pytest.raises(InputError, match="no such video file"):
        probe(tmp_path / "gone.mp4")
    assert main(["probe", str(tmp_path)]) == 2
    assert "no video below" in capsys.readouterr().err


def work(kind: str) -> str:
    """A task for a worker process; found there by this file's name."""
    if kind == "crash":
        os.abort()
    if kind == "hang":
        time.sleep(600)
    if kind == "eat":
        bytearray(64 * 2**30)
    if kind == "bad":
        raise InputError("case 7 is bad")
    if kind == "bug":
        raise KeyError("ours")
    return kind


def test_workers_survive_their_tasks():
    tasks = [("a",), ("crash",), ("b",), ("bad",), ("eat",), ("c",), ("hang",), ("d",)]
    results = dict(run_tasks(work, tasks, workers=2, timeout_s=6, memory_bytes=4 * 2**30))
    assert [results[i] for i in (0, 2, 5, 7)] == ["a", "b", "c", "d"]
    assert "exit code -6" in results[1].cause
    assert results[3] == Failure("case 7 is bad")
    assert "more memory" in results[4].cause
    assert "no result after 6 s" in results[6].cause


def test_a_bug_is_no_bad_input():
    with pytest.raises(RuntimeError, match="KeyError: 'ours'"):
        list(run_tasks(work, [("bug",)], workers=1, timeout_s=60))
    with pytest.raises(KeyError):
        list(run_tasks(work, [("bug",)], workers=0, timeout_s=60))


def test_the_workers_server_is_begun_before_anything_heavy():
    """Its imports and the command's run side by side only as long as beginning it imports nothing heavy itself."""
    code = (
        "import sys; from surgvqa.builders.files import process_pool; assert process_pool.begin('json'); "
        "print(sorted({'datasets', 'numpy', 'av', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
