"""The pointing config: what its rows say, and what its figures are worth beside guessers."""

from __future__ import annotations

import collections
import json
import statistics

import numpy as np
import pytest
from datasets import Dataset
from PIL import Image
from surgvqa.builders.configs import pointing
from surgvqa.builders.configs.pointing import POINTING_FEATURES
from surgvqa.builders.configs.pointing_questions import Pointing, Question, questions
from surgvqa.builders.geometry import masks
from surgvqa.builders.geometry.coordinate_text import NOT_VISIBLE, parse
from surgvqa.builders.geometry.coordinates import QUADRANTS, Grid, Space
from surgvqa.builders.geometry.masks import polygons_to_rle
from surgvqa.builders.schema import Case, Entity, Frame, Omission, Phase, Scene, Transform
from surgvqa.builders.video import case_media
from surgvqa.cards.command import InputError
from surgvqa.eval.__main__ import main
from surgvqa.eval.commands.run_pointing import read_rows
from surgvqa.eval.spatial.pointing import measures, read
from surgvqa.eval.spatial.pointing_figures import guessers, report

WIDTH, HEIGHT = 120, 90


def masked(name: str, x: int, y: int, w: int = 24, h: int = 20, **more) -> Entity:
    """An L-shaped mask: the middle of its box lies outside it."""
    corner = [x, y, x + 4, y, x + 4, y + h - 4, x + w, y + h - 4, x + w, y + h, x, y + h]
    rle = polygons_to_rle([corner], WIDTH, HEIGHT)
    return Entity(name, name.split("#")[0], "instrument", "mask", bbox=(x, y, x + w, y + h), rle=rle, **more)


def case(**changes) -> Case:
    scenes = (
        Scene(1.0, WIDTH, HEIGHT, (masked("suction", 10, 10), masked("drill", 60, 40))),
        Scene(2.0, WIDTH, HEIGHT, (masked("suction", 80, 60), masked("suction#2", 20, 5))),
        Scene(3.0, WIDTH, HEIGHT, (masked("drill", 30, 30),)),
        Scene(4.0, WIDTH, HEIGHT, ()),
    )
    values = {
        "case_id": "c1", "source": "s", "procedure": "p", "scenes": scenes, "phases": (Phase("cutting", 0, 10),)
    }  # fmt: skip
    return Case(**(values | changes))


def quadrants(seconds: int = 40, case_id: str = "q") -> Case:
    names = list(QUADRANTS)
    scenes = tuple(
        Scene(
            float(t), 1280, 720,
            tuple(
                Entity(name, name, "instrument", "quadrant", grid=names[(t * rank) % 5], rank=rank)
                for rank, name in ((1, "ring curette"), (2, "suction"))[: 1 + t % 2]
            ),
        )
        for t in range(seconds)
    )  # fmt: skip
    return Case(case_id, "s", "pituitary", (Phase("sellotomy", 0, seconds - 5),), scenes)


def made(a_case: Case, how: Pointing, width: int = WIDTH, height: int = HEIGHT) -> list[dict]:
    return [pointing.row(a_case, question, how, width, height, None) for question in questions(a_case, how)]


def stills(tmp_path, seconds, size=(WIDTH, HEIGHT)) -> tuple[Frame, ...]:
    frames = []
    for second in seconds:
        path = tmp_path / f"{second}.png"
        Image.new("RGB", size, (20 * second, 40, 60)).save(path)
        frames.append(Frame(float(second), path))
    return tuple(frames)


@pytest.mark.parametrize("form", ["point", "json"])
def test_true_points_lie_in_the_mask(form):
    rows = made(case(), Pointing(form))
    located = [row for row in rows if row["kind"] == "locate"]
    assert len(located) == 4  # a name each scene, both instances of suction in one row
    for row in located:
        found = parse(row["completion"][0]["content"], form, Space(*row["space"])).objects
        assert [item.label for item in found] == row["labels"]
        for item, rle in zip(found, row["masks"], strict=True):
            mask = masks.rle_to_mask(rle, *row["mask_size"])
            assert mask[int(item.point[1] * HEIGHT), int(item.point[0] * WIDTH)]
        # which the middle of the box would not
        x1, y1, x2, y2 = row["boxes"][0]
        assert not masks.rle_to_mask(row["masks"][0], *row["mask_size"])[
            int((y1 + y2) / 2 * HEIGHT), int((x1 + x2) / 2 * WIDTH)
        ]
    assert {row["granularity"] for row in located} == {"mask"} and {row["noise_floor"] for row in rows} == {
        0.0
    }


def test_rows_with_pictures_are_one_shape_and_load(tmp_path):
    frames = stills(tmp_path, (1, 2, 3, 4))
    rows = list(pointing.rows(case(frames=frames), Pointing("json", negatives=1.0), max_side=60))
    data = Dataset.from_list(rows, features=POINTING_FEATURES)
    assert data[0]["images"][0].size == (60, 45) and (data[0]["width"], data[0]["height"]) == (60, 45)
    assert all(len(row["images"]) == 1 for row in data)
    by_time = {row["time_s"]: row["images"][0].getpixel((30, 20))[0] for row in data}
    assert all(abs(red - 20 * time_s) <= 3 for time_s, red in by_time.items())  # its own frame
    assert all(isinstance(row["prompt"][0]["content"], str) for row in data)
    again = list(pointing.rows(case(frames=frames), Pointing("json", negatives=1.0), max_side=60))
    assert rows == again


def test_a_moment_without_its_still_is_named(tmp_path):
    two = case(frames=stills(tmp_path, (1, 3)))
    assert {row["time_s"] for row in pointing.rows(two, Pointing("json", negatives=1.0))} == {1.0, 3.0}
    cause = "2 of 4 annotated moments have no picture: not in config pointing"
    assert pointing.unshown(two) == (Omission("c1", cause),)


def test_what_is_absent_is_asked_as_often_as_it_is_there():
    rows = made(case(), Pointing("json", negatives=1.0))
    absent = [row for row in rows if row["kind"] == "absent"]
    count = collections.Counter(row["row_id"].split("#")[1] for row in absent)
    assert count == {"suction": 2, "drill": 2}
    for row in absent:
        assert row["completion"][0]["content"] == NOT_VISIBLE and not row["visible"] and row["labels"] == []
        scene = next(scene for scene in case().scenes if scene.time_s == row["time_s"])
        assert row["row_id"].split("#")[1] not in {entity.name for entity in scene.nodes}
    assert not [row for row in made(case(), Pointing("json", negatives=0)) if row["kind"] == "absent"]
    some = made(quadrants(400), Pointing("words", negatives=0.25))
    kinds = collections.Counter((row["row_id"].split("#")[1], row["kind"]) for row in some)
    assert 0.18 < kinds["suction", "absent"] / kinds["suction", "locate"] < 0.32
    assert (
        kinds["ring curette", "locate"] == 400 and not kinds["ring curette", "absent"]
    )  # it is always there


def test_a_quadrant_stays_a_quadrant():
    assert made(quadrants(), Pointing("json")) == []  # no point, no box: nothing to write
    rows = made(quadrants(), Pointing("words", negatives=0))
    assert {row["granularity"] for row in rows} == {"quadrant"}
    assert all(row["points"] == [[]] * len(row["labels"]) for row in rows)
    row = next(row for row in rows if row["kind"] == "locate" and row["labels"] == ["suction"])
    assert row["completion"][0]["content"] == f"suction: {row['positions'][0]}"
    assert "top-left, top-right, center, bottom-left, bottom-right" in row["prompt"][0]["content"]


def test_spread_is_declared_and_the_same_in_every_row_of_a_frame():
    rows = made(quadrants(2000), Pointing("point", spread=0.1, negatives=0))
    assert {row["noise_floor"] for row in rows} == {0.05} and {row["granularity"] for row in rows} == {
        "quadrant"
    }
    points: dict[tuple, set] = collections.defaultdict(set)
    for row in rows:
        for label, point in zip(row["labels"], row["points"], strict=True):
            points[row["time_s"], label].add(tuple(point))
    assert {row["kind"] for row in rows} == {"locate", "grounded"}
    assert all(len(seen) == 1 for seen in points.values())
    # the guesser that knows the quadrant and nothing more meets the stated floor, and no better
    located = [row for row in rows if row["kind"] == "locate"]
    figures = report(located, guessers(located)["quadrant_centre"])
    assert figures["metrics"]["mae_x"]["value"] == pytest.approx(figures["noise_floor"], abs=0.003)
    assert figures["metrics"]["mae_y"]["value"] == pytest.approx(figures["noise_floor"], abs=0.003)
    assert figures["metrics"]["quadrant_accuracy"]["value"] == 1.0


def test_grounded_rows_name_the_step_and_the_primary_first():
    rows = [row for row in made(quadrants(40), Pointing("words")) if row["kind"] == "grounded"]
    assert len(rows) == 35  # the last five seconds have no step
    row = next(row for row in rows if len(row["labels"]) == 2)
    first, second = row["positions"]
    assert row["completion"][0]["content"] == f"Step: sellotomy\nring curette: {first}; suction: {second}"
    only_second = Scene(
        0.0, 10, 10, (Entity("suction", "suction", "instrument", "quadrant", grid="center", rank=2),)
    )
    lone = Case("x", "s", "p", (Phase("a", 0, 1),), (only_second,))
    assert {q.kind for q in questions(lone, Pointing("words"))} == {"locate"}


def test_per_case_takes_a_stable_sample():
    every = {row["row_id"] for row in made(quadrants(200), Pointing("words", negatives=0))}
    some = {row["row_id"] for row in made(quadrants(200), Pointing("words", negatives=0, per_case=20))}
    other = {
        row["row_id"] for row in made(quadrants(200), Pointing("words", negatives=0, per_case=20, seed=1))
    }
    assert len(some) == len(other) == 20 and some < every and some != other


def test_qwen25_writes_pixels_of_the_resized_picture():
    grid = Grid(28, 3136, 100 * 784)
    (row,) = [
        row
        for row in made(case(), Pointing("json", "box", "qwen2_5_vl", grid), 1280, 720)
        if row["row_id"] == "c1@3000#drill"
    ]
    assert row["space"] == [364, 196]
    assert (
        '"bbox_2d": [91.0, 65.3, 163.8, 108.9]' in row["completion"][0]["content"]
    )  # 30-54 of 120, 30-50 of 90
    with pytest.raises(InputError, match="grid"):
        made(case(), Pointing("json", model_type="qwen2_5_vl"))


def fitted(a_case: Case) -> Case:
    """In the pixels of its stills, as a build has it."""
    return case_media.fit(a_case, case_media.look(a_case))


def test_a_cropped_medium(tmp_path):
    """The medium shows columns 20-100 of the annotated frame, twice as large."""
    cropped = fitted(
        case(frames=stills(tmp_path, (1, 2, 3, 4), (160, 180)), transform=Transform(2, 2, -40, 0))
    )
    rows = {row["row_id"]: row for row in pointing.rows(cropped, Pointing("json", negatives=0))}
    row = rows["c1@3000#drill"]  # 30-54 x 30-50, whole
    assert row["boxes"] == [pytest.approx([20 / 160, 60 / 180, 68 / 160, 100 / 180])]
    assert row["mask_size"] == [160, 180] and row["positions"] == ["middle-left"]
    assert set(rows) == {"c1@1000#drill", "c1@1000#suction", "c1@2000#suction", "c1@3000#drill"}
    assert rows["c1@1000#suction"]["boxes"][0][0] == 0  # 10-34, cut at 20
    for row in rows.values():
        assert measures(row, read(row, row["completion"][0]["content"]))["point_in_mask"] == 1


def test_a_squeezed_medium_changes_nothing(tmp_path):
    """4:3 squeezed to a square, as in SURGERY-SFT: parts of the frame stay the same parts."""
    way = Transform(60 / WIDTH, 60 / HEIGHT)
    squeezed = fitted(case(frames=stills(tmp_path, (1, 2, 3, 4), (60, 60)), transform=way))
    plain = case(frames=stills(tmp_path, (1, 2, 3, 4), (60, 60)))
    for a, b in zip(
        pointing.rows(squeezed, Pointing("box")), pointing.rows(plain, Pointing("box")), strict=True
    ):
        assert a["boxes"] == [pytest.approx(box) for box in b["boxes"]]
        assert a["completion"] == b["completion"]


# --- figures ---


def right(rows: list[dict]) -> list[str]:
    return [row["completion"][0]["content"] for row in rows]


@pytest.mark.parametrize("form", ["point", "json", "box", "tokens", "words"])
def test_right_answers_score_full_and_no_answers_nothing(form):
    rows = made(case(), Pointing(form, negatives=1.0)) + (
        made(quadrants(), Pointing(form, negatives=1.0)) if form == "words" else []
    )
    best = {name: figure["value"] for name, figure in report(rows, right(rows))["metrics"].items()}
    for name in ("f1", "precision", "recall", "right_abstention"):
        assert best[name] == 1.0
    for name in ("false_pointing", "wrong_abstention", "unreadable"):
        assert best[name] == 0.0
    if form in ("box", "tokens"):
        assert best["map50"] == 1.0 and best["iou"] > 0.97
    if form in ("point", "json"):
        assert best["point_in_mask"] == 1.0 and best["distance"] < 0.01 and best["mae_x"] < 0.01
    worst = {name: figure["value"] for name, figure in report(rows, [None] * len(rows))["metrics"].items()}
    assert worst["unreadable"] == 1.0 and worst["f1"] == 0 and worst["right_abstention"] == 0
    if form in ("point", "json"):
        assert worst["point_in_mask"] == 0 and worst["distance"] == worst["mae_x"] == worst["mae_y"] == 1.0
        assert "distance_where_answered" not in worst


def test_figures_by_hand():
    rows = [row for row in made(case(), Pointing("point", negatives=0)) if row["time_s"] in (1.0, 2.0)]
    assert [row["row_id"] for row in rows] == ["c1@1000#drill", "c1@1000#suction", "c1@2000#suction"]
    texts = [
        '<point x="50" y="50">drill</point>',  # in the mask? (60, 45): its upright arm, 60-64 x 40-60
        '<point x="90" y="90">suction</point>',
        '<point x="18" y="10">suction</point>',  # one of two; (21.6, 9)
    ]
    figures = report(rows, texts)
    metrics = {name: figure["value"] for name, figure in figures["metrics"].items()}
    assert metrics["point_in_mask"] == pytest.approx((1 + 0 + 0.5) / 3)
    ((x, y),) = rows[1]["points"]
    ours = [measures(row, read(row, text)) for row, text in zip(rows, texts, strict=True)]
    assert ours[1]["mae_x"] == pytest.approx(0.9 - x) and ours[1]["mae_y"] == pytest.approx(0.9 - y)
    assert ours[1]["distance"] == pytest.approx(
        np.hypot((0.9 - x) * WIDTH, (0.9 - y) * HEIGHT) / np.hypot(WIDTH, HEIGHT)
    )
    assert ours[2]["distance"] > 0.5 > ours[2]["distance_where_answered"]  # the second one is missing
    assert (metrics["precision"], metrics["recall"]) == (pytest.approx(2 / 3), pytest.approx(2 / 4))
    assert figures["metrics"]["point_in_mask"]["ci95"] is None  # one case
    assert figures["n"] == 3


def test_pointing_twice_is_no_better_than_once():
    rows = [row for row in made(case(), Pointing("point", negatives=0)) if row["row_id"] == "c1@1000#drill"]
    (text,) = right(rows)
    once, twice = (
        measures(rows[0], read(rows[0], t)) for t in (text, text + '<point x="1" y="1">drill</point>')
    )
    assert once["point_in_mask"] == 1 and twice["point_in_mask"] == 0.5 and twice["distance"] > 0.5


def test_matching_is_the_best_one_not_the_first():
    """Greedy in order would give the first answer the far target."""
    rows = [row for row in made(case(), Pointing("point", negatives=0)) if row["row_id"] == "c1@2000#suction"]
    (text,) = right(rows)
    swapped = " ".join(reversed(text.replace("> <", ">|<").split("|")))
    assert swapped != text
    assert measures(rows[0], read(rows[0], swapped)) == measures(rows[0], read(rows[0], text))


def test_average_precision_agrees_with_coco():
    """Where everything found is right, precision times recall is COCO's area."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rows = list(made(case(), Pointing("box", negatives=0)))
    rng = np.random.default_rng(0)
    texts, found = [], []
    for i, row in enumerate(rows):
        x1, y1, x2, y2 = row["boxes"][0]
        shift = rng.uniform(0, 0.03)
        numbers = [round(1000 * v) for v in (x1 + shift, y1, x2 + shift, y2)]
        texts.append(f"<ref>{row['labels'][0]}</ref><box>({', '.join(map(str, numbers))})</box>")
        box = [numbers[0], numbers[1], numbers[2] - numbers[0], numbers[3] - numbers[1]]
        found.append({"image_id": i, "category_id": len(row["labels"][0]), "bbox": box, "score": 1.0})
    truth = COCO()
    truth.dataset = {
        "images": [{"id": i} for i in range(len(rows))],
        "categories": [{"id": n} for n in sorted({len(row["labels"][0]) for row in rows})],
        "annotations": [
            {
                "id": 1 + 10 * i + k, "image_id": i, "category_id": len(label), "iscrowd": 0,
                "bbox": [1000 * b[0], 1000 * b[1], 1000 * (b[2] - b[0]), 1000 * (b[3] - b[1])],
                "area": 1e6 * (b[2] - b[0]) * (b[3] - b[1]),
            }
            for i, row in enumerate(rows)
            for k, (label, b) in enumerate(zip(row["labels"], row["boxes"], strict=True))
        ],
    }  # fmt: skip
    truth.createIndex()
    coco = COCOeval(truth, truth.loadRes(found), "bbox")
    coco.evaluate()
    coco.accumulate()
    coco.summarize()
    metrics = report(rows, texts)["metrics"]
    # COCO samples recall at 101 points, so one class of two at recall 2/3 comes to 0.67
    assert metrics["map50"]["value"] == pytest.approx(coco.stats[1], abs=0.01)
    assert metrics["map"]["value"] == pytest.approx(coco.stats[0], abs=0.02)
    assert 0.3 < coco.stats[0] < coco.stats[1] < 1


def test_false_positives_cost_average_precision():
    rows = made(case(), Pointing("box", negatives=1.0))
    texts = [
        text if row["visible"] else "<ref>drill</ref><box>(1, 1, 20, 20)</box>"
        for row, text in zip(rows, right(rows), strict=True)
    ]
    figures = report(rows, texts)["metrics"]
    # the drill: 2 right of 6 found; suction: 3 of 3
    assert figures["map50"]["value"] == pytest.approx((2 / 6 + 1) / 2)
    assert figures["false_pointing"]["value"] == 1.0


def test_guessers_stand_beside_every_figure():
    train = made(quadrants(200, "t"), Pointing("point", spread=0.1))
    rows = [row for case in "abc" for row in made(quadrants(60, case), Pointing("point", spread=0.1))]
    figures = report(rows, right(rows), train)
    assert set(figures["guessers"]) == {"centre", "class_mean", "quadrant_centre", "refuses", "whole_image"}
    centre, refuses = figures["guessers"]["centre"], figures["guessers"]["refuses"]
    assert centre["quadrant_accuracy"] < 0.35 and centre["false_pointing"] == 1.0
    assert refuses["right_abstention"] == refuses["wrong_abstention"] == 1.0 and refuses["f1"] == 0.0
    assert figures["metrics"]["step_accuracy"]["value"] == 1.0
    assert figures["guessers"]["class_mean"]["step_accuracy"] == 1.0  # one step in all of them: says nothing
    assert figures["metrics"]["quadrant_accuracy"]["ci95"] is not None
    # class means come from training rows: about the middle here, as places go round
    assert statistics.mean(
        abs(read(row, text).answer.objects[0].point[0] - 0.5)
        for row, text in zip(rows, guessers(rows, train)["class_mean"], strict=True)
    ) < 0.05  # fmt: skip
    with pytest.raises(InputError, match="one answer each"):
        report(rows, right(rows)[1:])


def test_whole_image_boxes_contain_everything_and_score_nothing():
    rows = made(case(), Pointing("box", negatives=0))
    guesser = report(rows, right(rows))["guessers"]["whole_image"]
    assert guesser["map50"] == 0 and guesser["iou"] < 0.1 and guesser["f1"] == 0


def test_a_question_is_told_apart_by_time_and_name():
    scene = Scene(1.5, 10, 10)
    assert Question(scene, "locate", "suction").key == "1500#suction"
    assert Question(scene, "grounded", "").key == "1500#grounded"


# --- the command ---


@pytest.fixture
def data(tmp_path):
    """A data set's folder with the config pointing in two splits."""
    folder = tmp_path / "data" / "pointing"
    folder.mkdir(parents=True)
    for split, name in (("train", "t"), ("test", "a")):
        rows = made(quadrants(30, name), Pointing("words"))
        Dataset.from_list(rows, features=POINTING_FEATURES).to_parquet(folder / f"{split}-00000.parquet")
    return folder.parent, rows


def answers(path, rows, texts):
    lines = [
        {
            "qa_id": row["row_id"],
            "kind": row["kind"],
            "short_answer": "",
            "prediction": text or "",
            "error": None,
        }
        for row, text in zip(rows, texts, strict=True)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def test_the_command_prints_and_writes(data, tmp_path, capsys):
    folder, rows = data
    file = answers(tmp_path / "p.jsonl", rows[:-1], right(rows)[:-1])
    assert main(["pointing", file, "--data", str(folder), "--out", str(tmp_path / "out.json")]) == 0
    out = json.loads((tmp_path / "out.json").read_text())
    assert out["n"] == len(rows) and out["missing"] == 1
    assert out["metrics"]["unreadable"]["value"] == pytest.approx(1 / len(rows))
    assert (
        out["guessers"]["class_mean"]["quadrant_accuracy"]
        < 0.5
        < out["metrics"]["quadrant_accuracy"]["value"]
    )
    assert "class_mean" in capsys.readouterr().out


def test_the_command_refuses_other_rows(data, tmp_path, capsys):
    folder, rows = data
    other = [{**row, "row_id": "x" + row["row_id"]} for row in rows]
    assert main(["pointing", answers(tmp_path / "p.jsonl", other, right(rows)), "--data", str(folder)]) == 2
    assert "are on no row of" in capsys.readouterr().err
    assert main(["pointing", str(tmp_path / "p.jsonl"), "--data", str(tmp_path)]) == 2
    assert "no pointing/test-*.parquet" in capsys.readouterr().err


def build(*args: str) -> int:
    from surgvqa.builders.__main__ import main as builders_main

    return builders_main([*args, "--workers", "0", "--frames", "1", "--clip-seconds", "10"])


def test_a_build_writes_the_config(tmp_path, capsys):
    from datasets import load_dataset

    made_at, out = str(tmp_path / "rendered"), tmp_path / "out"
    asked = ["synthetic", "--root", made_at, "--render-cases", "4", "--size", "64", "--phase-seconds", "5"]
    assert build(*asked, "--out", str(out), "--pointing", "point", "--pointing-per-case", "6") == 0
    sets = load_dataset("parquet", data_files=str(out / "pointing" / "*.parquet"))["train"]
    assert set(sets.column_names) == set(POINTING_FEATURES)
    rows = sets.remove_columns("images").to_list()
    figures = report(rows, right(rows))["metrics"]
    assert figures["point_in_mask"]["value"] == 1.0 and figures["f1"]["value"] == 1.0
    assert 4 * 6 <= len(rows) <= 4 * 12
    card = (out / "README.md").read_text()
    assert "config_name: pointing" in card and "--pointing point" in card
    from surgvqa.builders.pipeline.verify import verify

    assert verify(out)
    capsys.readouterr()
    assert build(*asked, "--out", str(tmp_path / "o2"), "--pointing", "json", "--media", "none") == 2
    assert "needs pictures" in capsys.readouterr().err
    grid = ["--pointing-model-type", "qwen2_5_vl", "--pointing-grid", "28,x"]
    assert build(*asked, "--out", str(tmp_path / "o3"), "--pointing", "json", *grid) == 2
    assert "three whole numbers" in capsys.readouterr().err


def test_a_build_of_quadrants_says_what_they_are(tmp_path, capsys):
    root = tmp_path / "in"
    for number in range(1, 6):
        for kind, header, rows in (
            (
                "instruments",
                "int_video,int_time,str_instrument1,str_instrument2,int_instrument1,int_instrument2,"
                "pos_instrument1,pos_instrument2",
                [f"{number},{t},kerrisons,suction,8,16,{1 + t % 5},3" for t in range(4)],
            ),
            ("steps", "int_video,int_time,str_step,int_step", [f"{number},0,sellotomy,5"]),
        ):
            (root / f"{kind}_csv").mkdir(parents=True, exist_ok=True)
            (root / f"{kind}_csv" / f"{kind}_{number:02}.csv").write_text("\n".join([header, *rows]))
        (root / "images" / f"video_{number:02}").mkdir(parents=True)
        for second in range(4):
            picture = Image.new("RGB", (64, 36), (number * 40, second * 40, 0))
            picture.save(root / "images" / f"video_{number:02}" / f"{second:05}.png")
    asked = ["pitvqa", "--root", str(root), "--out"]
    assert build(*asked, str(tmp_path / "a"), "--pointing", "json") == 2
    assert "--pointing words, or --pointing-spread 0.1" in capsys.readouterr().err
    assert build(*asked, str(tmp_path / "b"), "--pointing", "point", "--pointing-spread", "0.1") == 0
    assert "5 % of the frame off per axis" in (tmp_path / "b" / "README.md").read_text()
    assert build(*asked, str(tmp_path / "c"), "--pointing", "words") == 0
    rows = read_rows(tmp_path / "c", "test")
    assert {row["kind"] for row in rows} == {"locate", "grounded"} and rows[0]["source"] == "pitvqa"
