"""SurgViVQA's files as they are shipped: repeated ids, no last line break, splits that leak."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from building import build
from PIL import Image
from surgvqa.builders.schema import Case, Omission
from surgvqa.builders.sources import surgvivqa
from surgvqa.cards.command import InputError
from surgvqa.eval.data.dataset import load_clips

TREE = Path(__file__).parents[2] / "fixtures" / "surgvivqa"


def read(root: Path, **options: Any) -> tuple[list[Case], list[Omission]]:
    found = list(surgvivqa.cases(root, **options))
    return [o for o in found if isinstance(o, Case)], [o for o in found if isinstance(o, Omission)]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def report(source: Path, out: Path, **options: Any) -> dict[str, Any]:
    build("surgvivqa", source, out, media="none", source_options=options)
    return json.loads((out / "report.json").read_text())


def test_no_row_is_lost_to_equal_ids_or_a_missing_line_break() -> None:
    rows = lines(TREE / "in_template.jsonl")
    assert len({row["id"] for row in rows}) < len(rows)
    assert not (TREE / "in_template.jsonl").read_bytes().endswith(b"\n")
    cases, dropped = read(TREE, template="in")
    found = Counter((case.case_id, qa.kind) for case in cases for clip in case.clips for qa in clip.qa)
    assert found == Counter((row["video_id"], row["question_type"]) for row in rows)
    assert not dropped
    both, _ = read(TREE)
    ids = [qa.qa_id for case in both for clip in case.clips for qa in clip.qa]
    assert len(ids) == len(set(ids)) == 2 * len(rows)


def test_questions_on_one_window_share_its_clip_and_its_frames() -> None:
    cases, _ = read(TREE, template="in")
    first = cases[0].clips[0]
    assert [qa.kind for qa in first.qa] == ["scope_motion", "lesion_size_range"]
    assert (first.start_ms, first.end_ms) == (720, 1880)  # frames 18, 22 … 46 at 25 fps, the last one's end
    assert first.frames_s == tuple(n / 25 for n in range(18, 47, 4))
    windows = {(row["video_id"], row["frame_numbers"][0]) for row in lines(TREE / "in_template.jsonl")}
    assert sum(len(case.clips) for case in cases) == len(windows)


def test_support_and_choices_are_kept() -> None:
    cases, _ = read(TREE)
    asked = [qa for clip in cases[0].clips for qa in clip.qa]
    assert {qa.support_frames for qa in asked} == {6, 8}
    assert {(qa.total_frames, qa.support_ratio) for qa in asked} == {(8, 1.0)}
    size = next(qa for qa in asked if qa.kind == "lesion_size_range")
    assert size.short_answer == "<5" and size.choices == ("<5", "5-9", ">9")


def test_our_split_holds_a_video_out_and_shares_no_moment(tmp_path: Path) -> None:
    found = report(TREE, tmp_path / "out", held_out="009-001")
    assert found["splits"]["test"]["cases"] == 1
    assert {row["case_id"] for row in load_clips(str(tmp_path / "out"))["test"]} == {"009-001"}
    assert {name for name, split in found["splits"].items() if split["qa"]} == {"train", "validation", "test"}
    pair = found["leaks"]["pairs"]["train/validation"]
    assert pair == {"shared_cases": 2, "overlapping_windows": 0, "shared_frames": 0, "near_duplicates": 0}
    assert found["leaks"]["pairs"]["train/test"]["shared_cases"] == 0
    assert found["kinds"]["lesion_size_range"]["single_class"]
    assert any("lesion_size_range" in note for note in found["notes"])


def test_the_shipped_split_is_kept_and_its_leaks_counted(tmp_path: Path) -> None:
    found = report(TREE, tmp_path / "out", official_splits=True)
    eval_rows, train = lines(TREE / "eval_multivideo.jsonl"), lines(TREE / "train_multivideo.jsonl")
    assert found["splits"]["validation"]["qa"] == len(eval_rows)
    shown = {(row["video_id"], n) for row in train for n in row["frame_numbers"]}
    sharing = {
        (row["video_id"], row["frame_numbers"][0])
        for row in eval_rows
        if shown & {(row["video_id"], n) for n in row["frame_numbers"]}
    }
    assert sharing
    pair = found["leaks"]["pairs"]["train/validation"]
    assert pair["shared_frames"] == len(sharing)
    assert pair["overlapping_windows"] >= pair["shared_frames"]


def test_frames_of_a_window_are_the_very_eight(tmp_path: Path) -> None:
    shutil.copytree(TREE, tmp_path / "tree")
    cases, _ = read(TREE, template="in")
    rows = lines(TREE / "in_template.jsonl")
    wanted = {f"{row['video_id']}_{n}" for row in rows for n in row["frame_numbers"]}
    for name in sorted(wanted | {f"{row['video_id']}_{row['frame_numbers'][0] + 1}" for row in rows}):
        folder = tmp_path / "tree" / "frames" / f"{name[:7]}_frames"
        folder.mkdir(parents=True, exist_ok=True)
        value = int(name.split("_")[1]) % 200
        picture = np.random.default_rng(zlib.crc32(name.encode())).integers(
            0, 255, (32, 32, 3), dtype=np.uint8
        )
        picture[:16] = value
        Image.fromarray(picture).save(folder / f"{name}.jpg", quality=100)
    build("surgvivqa", tmp_path / "tree", tmp_path / "out", source_options={"template": "in"})
    row = load_clips(str(tmp_path / "out"))["train"][0]
    values = [round(np.asarray(Image.open(io.BytesIO(i["bytes"])))[:14].mean()) for i in row["images"]]
    numbers = [
        round(25 * at) if row["case_id"] != "009-003" else round(29.97 * at) for at in row["frame_times_s"]
    ]
    assert len(values) == 8 and [b - a for a, b in itertools.pairwise(numbers)] == [4] * 7
    assert all(abs(value - number % 200) <= 1 for value, number in zip(values, numbers, strict=True))

    gone = next((tmp_path / "tree").rglob(f"{rows[0]['frames'][3]}.jpg"))
    gone.unlink()
    with pytest.raises(InputError, match="1 of its 8 frames"):
        build("surgvivqa", tmp_path / "tree", tmp_path / "again", source_options={"template": "in"})
    build(
        "surgvivqa",
        tmp_path / "tree",
        tmp_path / "rest",
        source_options={"template": "in"},
        on_error="quarantine",
    )
    ids = {row["clip_id"] for part in load_clips(str(tmp_path / "rest")).values() for row in part}
    assert cases[0].clips[0].clip_id not in ids and len(ids) < sum(len(case.clips) for case in cases)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"id": "qa_1"', "not whole JSON"),
        ("[]", "expected an object"),
        ('{"video_id": "009-001", "question": "?", "question_type": "k", "answer": "a"}', "no field short_answer"),
        (
            '{"video_id": "009-001", "question": "?", "question_type": "k", "answer": "a", "short_answer": "", '
            '"frame_numbers": [1]}',
            "expected text",
        ),
        (
            '{"video_id": "009-001", "question": "?", "question_type": "k", "answer": "a", "short_answer": "a", '
            '"frame_numbers": [5, 1]}',
            "rising order",
        ),
    ],
)  # fmt: skip
def test_a_bad_line_is_named(tmp_path: Path, line: str, told: str) -> None:
    shutil.copytree(TREE, tmp_path / "tree")
    with (tmp_path / "tree" / "in_template.jsonl").open("a") as file:
        file.write("\n" + line)
    _, dropped = read(tmp_path / "tree")
    assert [one.fault for one in dropped] == [True]
    count = len(lines(TREE / "in_template.jsonl"))
    assert dropped[0].item == f"in_template.jsonl line {count + 1}" and told in dropped[0].cause


def test_a_video_without_a_known_rate_is_a_fault(tmp_path: Path) -> None:
    shutil.copytree(TREE, tmp_path / "tree")
    (tmp_path / "tree" / "video_info.csv").unlink()
    cases, dropped = read(tmp_path / "tree")
    assert not cases and len(dropped) == 3 and "video_info.csv" in dropped[0].cause


def test_the_published_leak_is_reproduced(realdata: Path, tmp_path: Path) -> None:
    found = report(realdata / "surgvivqa", tmp_path / "out", official_splits=True)
    assert {name: split["qa"] for name, split in found["splits"].items()} == {
        "train": 2302, "validation": 398, "test": 1000
    }  # fmt: skip
    assert "169 of 398 validation questions (42.5%)" in found["notes"][2]
    pair = found["leaks"]["pairs"]["train/validation"]
    assert pair["shared_frames"] == 169 and pair["overlapping_windows"] == 306


def test_all_shipped_rows_are_read_per_kind_and_video(realdata: Path, tmp_path: Path) -> None:
    root = realdata / "surgvivqa"
    for template in ("in", "out"):
        cases, dropped = read(root, template=template)
        found = Counter((case.case_id, qa.kind) for case in cases for clip in case.clips for qa in clip.qa)
        rows = lines(root / "data" / f"{template}_template.jsonl")
        assert found == Counter((row["video_id"], row["question_type"]) for row in rows)
        assert found.total() == 5200 and len({kind for _, kind in found}) == 20 and not dropped
    pairs = report(root, tmp_path / "out")["leaks"]["pairs"]
    assert pairs["train/validation"]["overlapping_windows"] == pairs["train/validation"]["shared_frames"] == 0
    assert all(not any(pairs[pair].values()) for pair in ("train/test", "validation/test"))
