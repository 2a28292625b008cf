"""The bytes that a second push sends to a Hub that keeps files in chunks, by the Hub's own client."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hub import Hub
from published import SPLITS, clip_row, qa_rows, seal
from surgvqa.builders.columns import Columns
from surgvqa.builders.files.parquet import CLIPS_PER_GROUP, ROWS_PER_GROUP, writer
from surgvqa.builders.files.pictures import encode_jpeg
from surgvqa.builders.schema import FEATURES, QA_FEATURES

pytest.importorskip("hf_xet")
REPO = "me/eyes"
CLIPS = {"train": 330, "validation": 35, "test": 35}  # 8 pictures of 10 kB each: 32 MB
MISSING = {"video_start_s": None, "weight": 1.0, "frame_times_s": [0.0] * 8}


def rows(split: str, edited: int | None) -> list[dict]:
    """Clips of noise, for nothing in it repeats; the phase of one of them is another after the edit."""
    clips = []
    for number in range(CLIPS[split]):
        random = np.random.default_rng([len(split), number])
        noise = random.integers(0, 256, (8, 104, 104, 3), np.uint8)
        images = [{"bytes": encode_jpeg(picture), "path": None} for picture in noise]
        row = clip_row(SPLITS[split][0], number) | MISSING | {"images": images}
        if number == edited:
            row["phase"] = "viscoelastic"
            row["qa"] = [row["qa"][0] | {"answer": "This is viscoelastic.", "short_answer": "viscoelastic"}]
        row["qa"] = [dict.fromkeys(QA_FEATURES) | qa | {"weight": 1.0} for qa in row["qa"]]
        clips.append(row)
    return clips


def write(folder: Path, edited: int | None = None) -> Path:
    """A data set by the writer of every build."""
    for split in SPLITS:
        clips = rows(split, edited if split == "train" else None)
        questions = [question for clip in clips for question in qa_rows(clip)]
        put(folder / "clips" / f"{split}-00000-of-00001.parquet", FEATURES, CLIPS_PER_GROUP, clips)
        put(folder / "qa" / f"{split}-00000-of-00001.parquet", QA_FEATURES, ROWS_PER_GROUP, questions)
    seal(folder)
    return folder


def put(path: Path, features: Columns, group: int, values: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with writer(path, features, group) as add:
        for row in values:
            add(row)


def push(hub: Hub, folder: Path, home: Path) -> int:
    """Publish by the command, in a process of its own; the bytes that the Hub was sent."""
    before = len(hub.requests)
    done = subprocess.run(
        [sys.executable, "-m", "surgvqa.cards", "push", str(folder), REPO],
        env=hub.environment(str(home)) | {"PATH": "/usr/bin:/bin", "HF_HUB_DISABLE_XET": "0", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name, blob in hub.repo(REPO).head.tree.items():
        if name != ".gitattributes":
            assert blob.content == (folder / name).read_bytes(), name
    assert not hub.sent("PUT", "/lfs/"), "whole files were sent"
    return sum(size for _, _, size in hub.requests[before:])


@pytest.mark.slow
def test_one_edited_label_sends_under_a_hundredth_of_the_bytes_again(hub: Hub, tmp_path: Path) -> None:
    folder, home = write(tmp_path / "set"), tmp_path / "home"
    size = sum(path.stat().st_size for path in folder.rglob("*.*"))
    first = push(hub, folder, home)
    assert first > size * 0.7, "all of it is new"
    again = push(hub, write(folder, edited=170), home)
    print(f"{size:,} bytes; sent {first:,}, after one edited label {again:,} ({again / size:.2%})")
    assert 0 < again < size * 0.01
