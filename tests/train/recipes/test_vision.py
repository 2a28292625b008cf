"""A tower that learns from masks: what is asked of each token is what lies there, and only the tower changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from surgvqa.builders.__main__ import main as build
from surgvqa.builders.cases.scene import CELLS
from surgvqa.builders.configs.segmentation import encode_labels
from surgvqa.builders.files.pictures import encode_jpeg
from surgvqa.eval.commands import run_segmentation
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.encode import Encoder
from surgvqa.train.__main__ import main
from surgvqa.train.vision_parts import pairs
from transformers import AutoModelForImageTextToText, AutoProcessor

PIXELS = 7000  # 84 x 70 of 112 x 84


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered operations with label maps."""
    root = tmp_path_factory.mktemp("vision")
    told = f"synthetic --root {root}/cases --render-cases 6 --phase-seconds 5 --out {root}/data --kinds phase " \
           "--segmentation instruments --frames 4 --max-side 112 --validation 0.2 --test 0.1"  # fmt: skip
    assert build(told.split()) == 0
    return root / "data"


GENTLE = (
    "--muon-learning-rate",
    "0.01",
    "--learning-rate",
    "0.002",
)  # half the default: rounding grows with the rates


def told(base: Path, data: Path, out: Path, *options: str) -> list[str]:
    return ["vision", "--data", str(data), "--model", str(base), "--out", str(out), "--max-pixels", str(PIXELS),
            "--batch-size", "8", "--device", "cpu", *options]  # fmt: skip


def moment(time_s: float, labels: np.ndarray, picture: np.ndarray, part: Any) -> pairs.Moment:
    height, width = labels.shape
    row = {"row_id": f"a@{time_s}", "case_id": "a", "time_s": time_s, "classes": ["background", "hook", "gauge"],
           "height": height, "width": width, "image": {"bytes": encode_jpeg(picture)}, "label_map": {"bytes": encode_labels(labels)}}  # fmt: skip
    return pairs.moment(row, part, {})


@pytest.fixture(scope="module")
def part(bases: dict[str, Path]) -> Any:
    """The video processor of Qwen2.5-VL, for frames of up to 168 x 168 pixels."""
    return Encoder(
        AutoProcessor.from_pretrained(bases["qwen2_5_vl"]), Budget(2, "video", 28 * 28, 168 * 168)
    ).part


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"])
def test_a_tokens_label_is_what_lies_in_its_patches(bases: dict[str, Path], family: str) -> None:
    """One square of the frame is white: the white patches are those of the token whose label says so, in both frames."""
    processor = AutoProcessor.from_pretrained(bases[family])
    part = Encoder(processor, Budget(2, "video", 28 * 28, 112 * 112)).part
    for row, column in ((0, 0), (1, 3), (3, 2)):
        labels, black = np.zeros((112, 112), np.uint8), np.zeros((112, 112, 3), np.uint8)
        square = slice(28 * row, 28 * row + 28), slice(28 * column, 28 * column + 28)
        shown, marked = black.copy(), labels.copy()
        shown[square], marked[square] = 255, 2
        pair = pairs.Pair(moment(0, labels, black, part), moment(1, marked, shown, part), 0)
        patches, grid, truth = pairs.encode_pairs([pair], part)
        merged = (
            patches.float().mean(1).view(-1, part.merge_size**2).mean(1)
        )  # of both frames: half as bright
        assert grid.tolist() == [[1, 112 // part.patch_size, 112 // part.patch_size]]
        size = 28 // (part.patch_size * part.merge_size)
        assert truth.classes[0, :, 0].sum() == 0
        assert (truth.classes[0, :, 1] == 2).tolist() == (merged > 100).tolist()
        assert (truth.classes[0, :, 1] == 2).sum() == size**2
        assert truth.changes[0].tolist() == [[0, 0, 1], [0, 0, 0]], "it came, and nothing went"


def test_cells_are_the_nine_parts_of_the_frame(part: Any) -> None:
    blank = moment(0, np.zeros((168, 168), np.uint8), np.zeros((168, 168, 3), np.uint8), part)
    truth = pairs.encode_pairs([pairs.Pair(blank, blank, 0)], part)[2]
    names = np.array(CELLS)[truth.cells[0].numpy()].reshape(6, 6)
    assert names[0, 0] == "top-left" and names[3, 2] == "center" and names[5, 0] == "bottom-left"
    assert (np.unique(names, return_counts=True)[1] == 4).all()


def test_every_way_is_read_from_the_label_maps(data: Path, part: Any) -> None:
    found = Counter(
        way
        for pair in pairs.pairs(data, "train", part, {}, [])
        for way in pairs.class_ways(pair.before.centres, pair.after.centres)
    )
    assert {*found} == {pairs.UNKNOWN, *range(len(pairs.WAYS))}


def test_pairs_stay_in_a_case_and_know_their_phase(data: Path, part: Any) -> None:
    phases = pairs.phases_of(data, "train")
    known = sorted({name for stretches in phases.values() for _, _, name in stretches})
    found = pairs.pairs(data, "train", part, phases, known)
    case = {
        row["row_id"]: row["case_id"] for row in run_segmentation.rows(data, "train", ("row_id", "case_id"))
    }
    assert all(case[pair.before.row_id] == case[pair.after.row_id] for pair in found)
    assert all(0 <= pair.after.time_s - pair.before.time_s < 5 for pair in found)
    said = [pair for pair in found if pair.phase != pairs.UNKNOWN]
    assert len(said) > 0.9 * len(found) and len({pair.phase for pair in said}) > 8
    for pair in said:
        stretches = phases[case[pair.after.row_id]]
        assert known[pair.phase] in {name for a, b, name in stretches if a <= pair.after.time_s <= b}


def test_half_of_an_epoch_are_pairs_that_change(part: Any) -> None:
    black, hook = np.zeros((56, 56, 3), np.uint8), np.zeros((56, 56), np.uint8)
    hook[:28] = 1
    blank, shown = (moment(0, labels, black, part) for labels in (0 * hook, hook))
    for changed, share in (
        (0, 0),
        (10, 30),
        (40, 50),
        (80, 80),
        (100, 100),
    ):  # of 100, at most three times each
        train = [pairs.Pair(blank, shown if at < changed else blank, at) for at in range(100)]
        (one,), (again,) = (list(pairs.batches(train, 100, 1, 7)) for _ in "ab")
        assert one == again and sum(pair.changes.any() for pair in one) == share
        assert all(
            1 <= count <= 3
            for pair, count in Counter(pair.phase for pair in one if pair.changes.any()).items()
        )
        assert max(Counter(pair.phase for pair in one if not pair.changes.any()).values(), default=1) == 1


def test_the_tower_learns_and_the_language_model_stays(
    bases: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    base = bases["qwen2_5_vl"]
    assert main(told(base, data, tmp_path / "one")) == 0
    assert main(told(base, data, tmp_path / "again")) == 0
    before, after = load_file(base / "model.safetensors"), load_file(tmp_path / "one" / "model.safetensors")
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and all("visual." in name for name in changed)
    assert (tmp_path / "one" / "model.safetensors").read_bytes() == (
        tmp_path / "again" / "model.safetensors"
    ).read_bytes()
    said = json.loads((tmp_path / "one" / "vision.json").read_text())
    assert said["classes"][0] == "background" and 0 <= said["validation"]["cells"] <= 1
    AutoModelForImageTextToText.from_pretrained(tmp_path / "one")
    card = (tmp_path / "one" / "README.md").read_text()
    assert (
        f"| cells | {said['validation']['cells']:.3f} |" in card and "its language model is as it was" in card
    )


@pytest.mark.slow
def test_it_sees_after_a_minute(data: Path, tmp_path: Path) -> None:
    """Background and cells of unseen operations are read right far above chance (a ninth of the cells)."""
    assert main(["tiny", "--family", "qwen2_5_vl", "--size", "demo", "--out", str(tmp_path / "random")]) == 0
    assert main(told(tmp_path / "random", data, tmp_path / "out", "--epochs", "6", "--seed", "1")) == 0
    said = json.loads((tmp_path / "out" / "vision.json").read_text())["validation"]
    assert said["cells"] > 0.3 and said["background"] > 0.9


@pytest.mark.slow
def test_two_processes_make_what_one_makes(bases: dict[str, Path], data: Path, tmp_path: Path) -> None:
    for name, count in (("one", "1"), ("two", "2")):
        subprocess.run(
            [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", count, "-m",
             "surgvqa.train", *told(bases["qwen2_5_vl"], data, tmp_path / name, *GENTLE)],
            check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    base, one, two = (
        load_file(folder / "model.safetensors")
        for folder in (bases["qwen2_5_vl"], tmp_path / "one", tmp_path / "two")
    )
    learned, apart = (
        sum(float((a[name] - b[name]).square().sum()) for name in one) ** 0.5
        for a, b in ((one, base), (one, two))
    )
    assert apart < 0.02 * learned, (apart, learned)  # Muon works in bfloat16: rounding grows there


def test_what_cannot_be_learned_from_is_refused(
    bases: dict[str, Path], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, none = bases["qwen2_5_vl"], tmp_path / "none"
    none.mkdir()
    assert main(told(base, none, tmp_path / "out")) == 2
    assert "segmentation" in capsys.readouterr().err
    assert main(told(base, data, tmp_path / "out", "--batch-size", "100000")) == 2
    assert "smaller --batch-size" in capsys.readouterr().err
    other = tmp_path / "other" / "segmentation"
    other.mkdir(parents=True)
    table = pq.read_table(next((data / "segmentation").glob("train-*.parquet")))
    rows = table.to_pylist()
    more = {"classes": [*rows[1]["classes"], "another"]}
    small = {"height": 28, "width": 56, "label_map": {"bytes": encode_labels(np.zeros((28, 56), np.uint8))}}
    for changed, why in (
        ([rows[0], rows[1] | more, *rows[2:]], "2 different lists of classes"),
        ([rows[0], rows[1] | small, *rows[2:]], "several sizes (56x28, 112x84)"),
        ([row | small for row in rows], "(84, 112) and label map (28, 56) differ in size"),
    ):
        pq.write_table(table.from_pylist(changed, schema=table.schema), other / "train-00000.parquet")
        assert main(told(base, tmp_path / "other", tmp_path / "out")) == 2
        assert why in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
