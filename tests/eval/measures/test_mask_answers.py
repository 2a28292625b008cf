"""Masks answer the builder's own questions, by the builder's own rules."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from drawn_endoscapes import draw_set
from PIL import Image
from surgvqa.builders.__main__ import main as build
from surgvqa.builders.asking.templates import wording
from surgvqa.builders.geometry import masks
from surgvqa.eval.__main__ import main
from surgvqa.eval.commands import run_segmentation
from surgvqa.eval.data import predictions
from surgvqa.eval.spatial import mask_answers
from surgvqa.eval.spatial.mask_answers import Moment
from surgvqa.eval.spatial.mask_guesses import MeanMasks, NearestColours


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = draw_set(tmp_path_factory.mktemp("drawn") / "endoscapes")
    out = root.parent / "data"
    told = ["--segmentation", "all", "--pointing", "point", "--max-side", "0", "--frames", "1"]
    assert build(["endoscapes", "--root", str(root), "--out", str(out), *told]) == 0
    return out


def answer(source: str, data: Path, out: Path) -> list[predictions.Prediction]:
    told = ["mask-answers", source, "--data", str(data), "--split", "validation", "--out", str(out)]
    assert main(told) == 0
    return predictions.read(out / "answers.jsonl")


def true_masks(data: Path, path: Path) -> Path:
    with path.open("w") as file:
        for row in run_segmentation.rows(data, "validation", run_segmentation.COLUMNS):
            encoded = {name: masks.mask_to_rle(mask) for name, mask in run_segmentation.truth(row).items()}
            file.write(json.dumps({"row_id": row["row_id"], "masks": encoded}) + "\n")
    return path


def test_true_masks_answer_everything_that_masks_can_and_answer_it_right(data: Path, tmp_path: Path):
    answers = answer(str(true_masks(data, tmp_path / "true.jsonl")), data, tmp_path / "out")
    by_masks = [one for one in answers if one.path == "masks"]
    kinds = {one.kind for one in by_masks}
    assert {"presence", "middle", "off_centre", "direction", "higher", "tools_quarter"} <= kinds
    assert all(one.kind not in mask_answers.KINDS for one in answers if one.path != "masks")
    wrong = [one for one in by_masks if one.prediction != one.short_answer and one.kind != "box"]
    assert not wrong, wrong[:3]
    scored = ["score", str(tmp_path / "out/answers.jsonl"), "--data", str(data), "--split", "validation"]
    assert main([*scored, "--out", str(tmp_path / "score.json")]) == 0
    boxes = json.loads((tmp_path / "score.json").read_text())["by_kind"]["box"]
    assert boxes["accuracy"] == 1.0


def test_guessers_are_beaten_by_true_masks_and_the_difference_has_an_interval(data: Path, tmp_path: Path):
    answer(str(true_masks(data, tmp_path / "true.jsonl")), data, tmp_path / "true")
    answer("mean-mask", data, tmp_path / "mean")
    pointing = [
        "pointing",
        str(tmp_path / "true/pointing.jsonl"),
        "--data",
        str(data),
        "--split",
        "validation",
    ]
    other = ["--against", str(tmp_path / "mean/pointing.jsonl"), "--out", str(tmp_path / "p.json")]
    assert main([*pointing, *other]) == 0
    found = json.loads((tmp_path / "p.json").read_text())
    assert found["metrics"]["point_in_mask"]["value"] == 1.0
    hits = found["against"]["point_in_mask"]
    assert hits["value"] > 0.2 and hits["ci95"][0] <= hits["value"] <= hits["ci95"][1]
    assert main(["segmentation", str(tmp_path / "mean/masks.jsonl"), "--data", str(data), "--split", "validation"]) == 0  # fmt: skip


@pytest.mark.parametrize("source", ["blind", "mean-mask", "colour"])
def test_guessers_answer_every_question_and_never_see_the_truth(source: str, data: Path, tmp_path: Path):
    answers = answer(source, data, tmp_path)
    assert answers and all(one.prediction for one in answers if one.choices)
    assert any(one.prediction != one.short_answer for one in answers if one.kind == "middle")
    assert (source == "blind") == all(one.path != "masks" for one in answers)


def test_every_phrasing_of_every_kind_is_read_back():
    names = {"a": "hepatocystic triangle", "b": "cystic duct", "choices": "gallbladder, cystic artery"}
    for kind in mask_answers.KINDS:
        for phrasing in wording().kinds[kind].questions:
            for when in ("at the end of the clip", "at the start of the clip", "in this picture", "at 3.5 s of the clip"):  # fmt: skip
                text = phrasing.format(when=when, **names)
                slots = mask_answers.slots_of(kind, text[0].upper() + text[1:])
                due = {name for name in (*names, "when") if f"{{{name}}}" in phrasing}
                assert slots.keys() == due, text
                assert all(slots[name].casefold() == {**names, "when": when}[name] for name in due), text


def square(x: int, y: int, side: int = 20) -> np.ndarray:
    mask = np.zeros((100, 200), bool)
    mask[y : y + side, x : x + side] = True
    return mask


def test_a_speck_is_no_thing_and_what_lacks_a_mask_has_no_answer():
    here = Moment({"gallbladder": square(10, 10), "cystic duct": square(90, 90, 4)}, (100, 200), frozenset())
    asked = "Where in the frame is the middle of the cystic duct in this picture, in a 3x3 grid from top-left to bottom-right?"  # fmt: skip
    assert mask_answers.answer("presence", "Is the gallbladder visible in this picture?", [here]) == "yes"
    assert mask_answers.answer("presence", "Is the cystic duct visible in this picture?", [here]) == "no"
    assert mask_answers.answer("middle", asked, [here]) is None
    assert mask_answers.answer("middle", asked.replace("cystic duct", "gallbladder"), [here]) == "top-left"
    assert mask_answers.answer("phase", "Which phase is it?", [here]) is None


def test_two_moments_tell_what_changed():
    before = Moment({"gallbladder": square(10, 10)}, (100, 200), frozenset())
    after = Moment({"gallbladder": square(90, 20, 30)}, (100, 200), frozenset())
    asked = (
        wording().kinds["moved"].questions[0].format(a="gallbladder"),
        wording().kinds["resized"].questions[0],
    )
    assert mask_answers.answer("moved", asked[0], [before, after]) == "right"
    assert mask_answers.answer("moved", asked[0], [after]) is None
    sizes = asked[1].format(a="gallbladder", choices="at least half as large again, about as large, smaller")
    assert mask_answers.answer("resized", sizes, [before, after]) == "at least half as large again"
    assert mask_answers.answer("resized", sizes, [after, before]) == "at most two thirds as large"


def test_the_mean_mask_lies_where_training_has_it_and_is_cut_for_overlap():
    often, rarely = square(20, 20, 40), square(150, 60)
    guesser = MeanMasks([{"a": often}] * 3 + [{"a": rarely}])
    found = guesser.of({"height": 100, "width": 200})["a"]
    assert found[40, 40] and not found[70, 160]
    assert math.isclose(found.mean(), often.mean(), rel_tol=0.15)


def test_the_nearest_colour_gives_its_own_masks(tmp_path: Path):
    rows = []
    for colour, mask in (((200, 30, 30), square(0, 0)), ((30, 30, 200), square(100, 50))):
        Image.new("RGB", (200, 100), colour).save(tmp_path / "one.jpg")
        rows.append(((tmp_path / "one.jpg").read_bytes(), {"a": mask}))
    guesser = NearestColours(rows)
    Image.new("RGB", (200, 100), (40, 35, 180)).save(tmp_path / "new.jpg")
    row = {"height": 100, "width": 200, "image": {"bytes": (tmp_path / "new.jpg").read_bytes()}}
    assert (guesser.of(row)["a"] == rows[1][1]["a"]).all()


def test_masks_of_another_split_are_refused(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "masks.jsonl"
    path.write_text(json.dumps({"row_id": "nobody@1#all", "masks": {}}) + "\n")
    told = [
        "mask-answers",
        str(path),
        "--data",
        str(data),
        "--split",
        "validation",
        "--out",
        str(tmp_path / "o"),
    ]
    assert main(told) == 2
    assert "'nobody@1#all'" in capsys.readouterr().err
