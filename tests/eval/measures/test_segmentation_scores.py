from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco
from surgvqa.builders.configs.segmentation import SEGMENTATION_FEATURES, encode_labels
from surgvqa.builders.files.parquet import writer
from surgvqa.builders.geometry import masks
from surgvqa.eval.__main__ import main
from surgvqa.eval.spatial.segmentation import boundary_f, edge, frame, overlap, report, widen


def strip(start: int, end: int) -> np.ndarray:
    """Ten pixels in a row, set from start to end: scores can be told by counting."""
    mask = np.zeros((1, 10), bool)
    mask[:, start:end] = True
    return mask


def test_iou_is_that_of_pycocotools():
    random = np.random.default_rng(0)
    for _ in range(50):
        one, other = (random.random((17, 23)) < share for share in random.random(2) * 0.9 + 0.05)
        codes = [coco.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in (one, other)]
        expected = float(coco.iou([codes[0]], [codes[1]], [0])[0, 0])
        dice, iou = overlap(one, other)
        assert iou == pytest.approx(expected) and dice == pytest.approx(2 * iou / (1 + iou))


def test_the_three_averages_by_hand():
    """Three frames, two classes; each IoU counted with a finger.

    frame 1  a: 4 of truth, 2 hit, union 4 -> 1/2     b: not there, invented -> 0
    frame 2  a: 1/1                                   b: truth 2, missed -> 0
    frame 3  nothing there, nothing said
    """
    frames = [
        frame("s1", {"a": strip(0, 4)}, {"a": strip(0, 2), "b": strip(5, 6)}),
        frame("s1", {"a": strip(0, 3), "b": strip(6, 8)}, {"a": strip(0, 3)}),
        frame("s2", {}, {}),
    ]
    figures = report(frames)
    assert figures["challenge_iou"]["value"] == pytest.approx((0.5 + (1 + 0) / 2 + 1) / 3)
    assert figures["isi_iou"]["value"] == pytest.approx(((0.5 + 0) / 2 + (1 + 0) / 2 + 1) / 3)
    assert figures["mean_class_iou"]["value"] == pytest.approx(((0.5 + 1) / 2 + 0) / 2)
    assert figures["iou"]["value"] == pytest.approx((0.5 + 0 + 1 + 0) / 4)
    assert figures["by_class"]["a"]["dice"]["value"] == pytest.approx((2 / 3 + 1) / 2)
    b = figures["by_class"]["b"]
    assert (b["frames"], b["missed"], b["invented"]) == (1, 1, 1)


def test_an_empty_frame_is_right_only_when_left_empty():
    wrong = report([frame("s", {}, {"a": strip(0, 1)})])
    assert wrong["challenge_iou"]["value"] == wrong["isi_iou"]["value"] == 0
    assert report([frame("s", {}, {"a": strip(0, 0)})])["challenge_iou"]["value"] == 1


def test_false_masks_are_counted_over_all_absent_names():
    figures = report(
        [
            frame(
                "s",
                {"a": strip(0, 4)},
                {"a": strip(0, 4), "c": strip(0, 1), "d": strip(3, 3)},
                ["b", "c", "d"],
            )
        ]
    )
    assert figures["false_masks"]["value"] == pytest.approx(1 / 3) and figures["false_masks"]["n"] == 3
    assert figures["classes_only_predicted"] == ["c"]


def test_intervals_count_sequences_not_frames():
    good, bad = ({"a": strip(0, 4)}, {"a": strip(0, 4)}), ({"a": strip(0, 4)}, {"a": strip(0, 1)})
    few = report([frame(f"s{i}", *(good if i % 2 else bad)) for i in range(4)])
    many = report([frame(f"s{i % 4}", *(good if i % 2 else bad)) for i in range(400)])
    assert many["dice"]["ci95"] == pytest.approx(few["dice"]["ci95"])
    assert report([frame("s", *good)] * 9)["dice"]["ci95"] is None, "one sequence says nothing about others"


def test_boundaries():
    square = np.zeros((20, 20), bool)
    square[5:15, 5:15] = True
    assert edge(square).sum() == 36 and widen(strip(4, 5), 2).sum() == 5
    assert boundary_f(square, square, 0) == 1
    assert boundary_f(square, np.roll(square, 3, 0), 2) < 1 == boundary_f(square, np.roll(square, 2, 0), 2)
    assert boundary_f(square, np.zeros_like(square)) == 0
    whole = np.ones((4, 4), bool)
    assert edge(whole).sum() == 12, "the frame's end is an edge"


def brute_force(mask: np.ndarray, reach: int) -> np.ndarray:
    out = np.zeros_like(mask)
    for y, x in np.argwhere(mask):
        out[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = True
    return out


@pytest.mark.parametrize("reach", [0, 1, 3])
def test_widening_against_brute_force(reach: int):
    mask = np.random.default_rng(1).random((13, 11)) < 0.05
    assert (widen(mask, reach) == brute_force(mask, reach)).all()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    labels = np.zeros((4, 6), np.uint8)
    labels[1:3, 1:5] = 1
    folder = tmp_path / "data" / "segmentation"
    folder.mkdir(parents=True)
    with writer(folder / "test-00000.parquet", SEGMENTATION_FEATURES, 10) as write:
        for name in ("r1", "r2"):
            write(
                {
                    **dict.fromkeys(SEGMENTATION_FEATURES),
                    "row_id": name,
                    "case_id": name,
                    "width": 6,
                    "height": 4,
                    "classes": ["background", "hook", "grasper"],
                    "label_map": {"bytes": encode_labels(labels), "path": None},
                    "absent": ["grasper"],
                    "present": [1],
                    "instances": [],
                }
            )
    return tmp_path / "data"


def predictions(path: Path, **named: dict[str, str]) -> Path:
    path.write_text(
        "".join(json.dumps({"row_id": row, "masks": said, "ms": 4}) + "\n" for row, said in named.items())
    )
    return path


def test_the_command(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    half = np.zeros((4, 6), bool)
    half[1:3, 1:3] = True
    file = predictions(tmp_path / "p.jsonl", r1={"hook": masks.mask_to_rle(half)})
    assert main(["segmentation", str(file), "--data", str(data), "--out", str(tmp_path / "s.json")]) == 0
    figures = json.loads((tmp_path / "s.json").read_text())
    assert figures["missing"] == 1 and figures["ms_per_image"] == 4
    assert figures["iou"]["value"] == pytest.approx((0.5 + 0) / 2), "a row without a prediction is a miss"
    assert figures["false_masks"]["value"] == 0 and figures["false_masks"]["n"] == 2
    assert "mean_class_iou" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"r9": {}}, "1 predictions are on no row"),
        ({"r1": {"hok": "08"}}, "unknown class 'hok'; did you mean hook"),
        ({"r1": {"hook": masks.mask_to_rle(np.ones((5, 5), bool))}}, "masks must be of the row's size"),
    ],
)
def test_mistakes_are_named(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], said, told: str):
    assert main(["segmentation", str(predictions(tmp_path / "p.jsonl", **said)), "--data", str(data)]) == 2
    assert told in capsys.readouterr().err
    assert main(["segmentation", str(tmp_path / "p.jsonl"), "--data", str(data), "--split", "dev"]) == 2
    assert "no segmentation/dev-" in capsys.readouterr().err
