from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

pytest.importorskip("segmentation_models_pytorch", reason="the extra [segment] is not installed")
pytest.importorskip("albumentations", reason="the extra [segment] is not installed")

import torch
from safetensors.torch import load_file, save_file
from surgvqa.builders.__main__ import main as build
from surgvqa.builders.configs.segmentation import SEGMENTATION_FEATURES, Segmentation, rows
from surgvqa.builders.files.parquet import writer
from surgvqa.builders.geometry import masks
from surgvqa.builders.schema import Case, Entity, Frame, Scene
from surgvqa.cards.command import InputError
from surgvqa.eval.__main__ import main as evaluate
from surgvqa.train import segment as recipe
from surgvqa.train.__main__ import main
from surgvqa.train.segmenters import augment
from surgvqa.train.segmenters.checkpoints import ClipSeg, Sam
from surgvqa.train.segmenters.models import TextUNet, load, make
from surgvqa.train.segmenters.parts import Batch, to_tensor

WIDTH, HEIGHT = 64, 48
COLOURS = {"hook": (220, 40, 40), "grasper": (40, 60, 230)}


def drawn(folder: Path, case_id: str, number: int) -> Case:
    """A case of stills: on a noisy background one instrument, two, or none."""
    random = np.random.default_rng([sum(map(ord, case_id)), number])
    frames, scenes = [], []
    for index in range(number):
        picture = random.integers(90, 140, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        nodes = []
        for name, colour in COLOURS.items():
            if random.random() < 0.6:
                mask = np.zeros((HEIGHT, WIDTH), bool)
                x, y = int(random.integers(0, WIDTH - 24)), int(random.integers(0, HEIGHT - 20))
                mask[y : y + int(random.integers(12, 20)), x : x + int(random.integers(14, 24))] = True
                picture[mask] = colour
                nodes.append(
                    Entity(
                        name, name, "instrument", "mask", area=float(mask.sum()), rle=masks.mask_to_rle(mask)
                    )
                )
        path = folder / f"{case_id}_{index}.png"
        Image.fromarray(picture).save(path)
        frames.append(Frame(float(index), path))
        scenes.append(Scene(float(index), WIDTH, HEIGHT, tuple(nodes)))
    return Case(case_id, "procedure", "cholecystectomy", scenes=tuple(scenes), frames=tuple(frames))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn")
    (root / "data" / "segmentation").mkdir(parents=True)
    for split, names in {"train": "abcd", "validation": "ef", "test": "gh"}.items():
        file = root / "data" / "segmentation" / f"{split}-00000.parquet"
        with writer(file, SEGMENTATION_FEATURES, 64) as write:
            for name in names:
                for row in rows(drawn(root, name, 8), Segmentation("instruments")):
                    write(row)
    return root / "data"


def run(data: Path, out: Path, *options: str) -> None:
    told = ["segment", "--data", str(data), "--out", str(out), "--size", "64", "--device", "cpu", *options]
    assert main(told) == 0


def figures(data: Path, out: Path) -> dict:
    assert (
        evaluate(
            ["segmentation", str(out / "masks.jsonl"), "--data", str(data), "--out", str(out / "s.json")]
        )
        == 0
    )
    return json.loads((out / "s.json").read_text())


@pytest.mark.slow
def test_a_unet_learns_and_is_scored_on_cases_it_has_not_seen(data: Path, tmp_path: Path):
    run(data, tmp_path, "--epochs", "12", "--learning-rate", "3e-3")
    found = figures(data, tmp_path)
    assert found["dice"]["value"] > 0.85 and found["missing"] == 0 and found["ms_per_image"] > 0
    said = json.loads((tmp_path / "segmenter.json").read_text())
    assert said["classes"][0] == "background" and said["dice"] > 0.8 and said["task"] == "instruments"
    assert f"| Dice | {said['dice']:.3f} |" in (tmp_path / "README.md").read_text()


@pytest.mark.slow  # three trainings
def test_a_stopped_run_ends_as_a_straight_one(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    options = ("--epochs", "3", "--batch-size", "8")
    run(data, tmp_path / "straight", *options)
    scored, calls = recipe.score_rows, []

    def stop(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return scored(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(recipe, "score_rows", stop)
        told = ["segment", "--data", str(data), "--out", str(tmp_path / "stopped"), "--size", "64", *options]
        assert main([*told, "--device", "cpu"]) == 130
    run(data, tmp_path / "stopped", *options)
    one, other = (
        torch.load(tmp_path / name / "last.pt", weights_only=True)["model"]
        for name in ("straight", "stopped")
    )
    assert all(torch.allclose(one[name].float(), other[name].float(), atol=1e-6) for name in one)
    best = [load_file(tmp_path / name / "model.safetensors") for name in ("straight", "stopped")]
    assert all(torch.allclose(best[0][name].float(), best[1][name].float(), atol=1e-6) for name in best[0])


@pytest.mark.slow  # three trainings
def test_an_average_is_scored_once_and_goes_on_where_it_was_stopped(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    options = ("--epochs", "3", "--batch-size", "8", "--keep", "average")
    scored, calls = recipe.score_rows, []

    def count(*args, **kwargs):
        calls.append(1)
        return scored(*args, **kwargs)

    monkeypatch.setattr(recipe, "score_rows", count)
    run(data, tmp_path / "straight", *options)
    assert len(calls) == 1  # the validation split chooses nothing
    said = json.loads((tmp_path / "straight" / "segmenter.json").read_text())
    assert said["epoch"] == 3 and "No weights were chosen" in (tmp_path / "straight/README.md").read_text()

    straight = torch.load(tmp_path / "straight" / "last.pt", weights_only=True)
    average = load_file(tmp_path / "straight" / "model.safetensors")
    name = "net.segmentation_head.0.weight"
    assert not torch.equal(straight["model"][name], average[name])
    assert torch.equal(straight["average"]["module." + name], average[name])
    monkeypatch.setattr(recipe, "score_rows", scored)
    saves = torch.save

    def stop_after_two(state, path):
        saves(state, path)
        if state["epoch"] == 2:
            path.replace(path.with_name("last.pt"))
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", stop_after_two)
        told = ["segment", "--data", str(data), "--out", str(tmp_path / "stopped"), "--size", "64", *options]
        assert main([*told, "--device", "cpu"]) == 130
    run(data, tmp_path / "stopped", *options)
    other = load_file(tmp_path / "stopped" / "model.safetensors")
    assert all(torch.allclose(average[key].float(), other[key].float(), atol=1e-6) for key in average)


def test_the_running_average_follows_weights_and_statistics_slowly():
    spec = {"model": "unet", "encoder": "resnet18", "decoder": [8, 8], "weights": None}
    model = make(spec, ("background", "a"), {})
    mean = recipe.average_of(model)
    mean.update_parameters(model)
    names = "net.segmentation_head.0.weight", "net.encoder.bn1.running_mean"
    before = {name: model.state_dict()[name].clone() for name in names}
    with torch.no_grad():
        for name in names:
            model.state_dict()[name].add_(1)
    mean.update_parameters(model)
    for name in names:
        moved = mean.module.state_dict()[name] - before[name]
        assert torch.allclose(moved, torch.full_like(moved, 1 - recipe.DECAY), atol=1e-5)


def test_smoke_makes_a_picture_paler_and_leaves_labels_alone():
    picture, labels = np.full((40, 60, 3), 60, np.uint8), np.eye(40, 60, dtype=np.uint8)
    change = augment.albumentations.Compose([augment.Smoke(p=1.0)], seed=0)
    veiled, same = augment.apply(change, picture, labels, 3)
    assert veiled.mean() > 65 and veiled.min() >= 55 and veiled.std() > 1 and (same == labels).all()
    assert not (augment.apply(change, picture, labels, 4)[0] == veiled).all()


def test_the_mirrored_picture_is_predicted_too():
    spec = {"model": "unet", "encoder": "resnet18", "decoder": [8, 8], "weights": None, "mirror": True}
    torch.manual_seed(0)
    model = make(spec, ("background", "a", "b"), {}).eval()
    image = torch.rand(3, 32, 32)
    one, other = model.masks(image, (32, 32)).masks, model.masks(image.flip(-1), (32, 32)).masks
    assert one and all((one[name][0] == other[name][0][:, ::-1]).all() for name in one)
    model.mirror = False
    assert any(
        (model.masks(image.flip(-1), (32, 32)).masks[name][0] != other[name][0]).any() for name in other
    )


def test_a_unet_has_the_classes_that_training_shows(data: Path):
    row = next(recipe.run_segmentation.rows(data, "train", recipe.COLUMNS))
    assert recipe.learnable([{"instances": [{"name": "hook"}]}], row["classes"]) == ("background", "hook")
    rows_with_hook = (
        one
        for one in recipe.run_segmentation.rows(data, "train", recipe.COLUMNS)
        if {each["name"] for each in one["instances"]} == {"hook", "grasper"}
    )
    row = next(rows_with_hook)
    whole = recipe.labels_of(row, (HEIGHT, WIDTH))
    _, labels = recipe.decode_row(row, ["background", "hook"])
    assert ((labels == 1) == (whole == row["classes"].index("hook"))).all() and labels.max() == 1


def test_crops_show_every_side_of_a_wide_frame():
    picture = np.zeros((252, 448, 3), np.uint8)
    labels = np.zeros((252, 448), np.uint8)
    labels[:, :30], labels[:, -30:], labels[:30, 100:200], labels[-30:, 100:200] = 1, 2, 3, 4
    change = augment.training(64)
    counts = np.zeros(5, int)
    for seed in range(60):
        _, cut = augment.apply(change, picture, labels, seed)
        counts[np.unique(cut)] += 1
    assert (counts[1:] > 20).all() and (counts[1:] < 60).all(), counts


NAMES = {"hook": ["hook", "l hook"], "grasper": ["grasper"], "specimen bag": ["specimen bag"]}


def clipseg() -> ClipSeg:
    torch.manual_seed(0)
    return ClipSeg(("background", *NAMES), NAMES, None, 64)


def test_a_picture_read_once_gives_what_transformers_gives():
    model, images, texts = clipseg().eval(), torch.rand(2, 3, 64, 64), ["hook", "specimen bag", "grasper"]
    words = model.tokenizer(texts, padding=True, return_tensors="pt")
    pixels = ((images - model.mean) / model.std)[[0, 1, 1]]
    with torch.no_grad():
        expected = model.net(pixel_values=pixels, interpolate_pos_encoding=True, **words).logits
        found = model.logits(images, [0, 1, 1], texts)
    assert torch.allclose(found, expected, atol=1e-5) and found.std() > 0


def test_clipseg_asks_for_what_is_there_and_for_what_is_not():
    model, labels = clipseg(), torch.zeros(64, 64, dtype=torch.long)
    labels[:9, :9] = 1
    asked = [model.draw_prompts(labels, seed) for seed in range(20)]
    assert all({value for value, _ in one} == {1, 2, 3} for one in asked)
    assert {text for one in asked for value, text in one if value == 1} == {"hook", "l hook"}
    assert {value for value, _ in model.draw_prompts(torch.zeros_like(labels), 0)} == {1, 2, 3}, (
        "nothing there: all absent"
    )


def test_random_encoders_learn_and_given_ones_are_left_alone():
    labels = torch.zeros(2, 64, 64, dtype=torch.long)
    labels[:, :30, :30] = 1
    batch = Batch(torch.rand(2, 3, 64, 64), labels, (1, 2))
    model = clipseg()
    tower, text = model.net.clip.vision_model, model.net.clip.text_model.embeddings.token_embedding
    model.loss(batch).backward()
    assert text.weight.grad.abs().sum() > 0 and any(p.grad is not None for p in tower.parameters())
    model.zero_grad()
    model.is_frozen = True
    model.loss(batch).backward()
    assert text.weight.grad is None and all(p.grad is None for p in tower.parameters())
    assert all(p.grad is not None for p in model.net.decoder.reduces.parameters())


def test_a_text_unet_answers_each_pair_as_if_it_were_alone():
    torch.manual_seed(0)
    model = TextUNet(("background", *NAMES), NAMES, "resnet18", None, [16, 8]).eval()
    images, pairs = torch.rand(2, 3, 64, 64), [(0, "hook"), (1, "l hook"), (1, "hook"), (0, "umbrella")]
    with torch.no_grad():
        found = model.logits(images, [at for at, _ in pairs], [text for _, text in pairs])
        alone = [model.logits(images[at : at + 1], [0], [text])[0] for at, text in pairs]
    assert torch.allclose(found, torch.stack(alone), atol=1e-5) and not torch.allclose(found[1], found[2])


def sam() -> Sam:
    torch.manual_seed(0)
    return Sam(("background", *NAMES), NAMES, None, 64)


def test_sam_answers_each_pair_as_if_it_were_alone():
    model = sam().eval()
    images, pairs = torch.rand(2, 3, 64, 64), [(0, "hook"), (1, "l hook"), (1, "grasper"), (0, "umbrella")]
    with torch.no_grad():
        found = model.logits(images, [at for at, _ in pairs], [text for _, text in pairs])
        alone = [model.logits(images[at : at + 1], [0], [text])[0] for at, text in pairs]
    assert found.shape == (4, 64, 64)
    assert torch.allclose(found, torch.stack(alone), atol=1e-5) and not torch.allclose(found[1], found[2])


def test_a_box_made_of_words_goes_where_sams_own_box_goes():
    """With the tokens of a box in place of a phrase's our way through the model is transformers' own."""
    model, images = sam().eval(), torch.rand(1, 3, 64, 64)
    boxes = torch.tensor([[[5.0, 6.0, 30.0, 40.0]]])
    with torch.no_grad():
        expected = model.net(
            pixel_values=(images - model.mean) / model.std, input_boxes=boxes, multimask_output=False
        ).pred_masks[0, 0]
        tokens, _ = model.net.prompt_encoder(None, None, boxes, None)
        model.text.forward = lambda texts: tokens.flatten(1)
        found = model.logits(images, [0], ["hook"]) - model.bias
    expected = torch.nn.functional.interpolate(expected[None], (64, 64), mode="bilinear", align_corners=False)
    assert torch.allclose(found, expected[0], atol=1e-5) and found.std() > 0


def test_a_given_sam_keeps_its_encoder_and_learns_words_and_masks():
    labels = torch.zeros(2, 64, 64, dtype=torch.long)
    labels[:, :30, :30] = 1
    batch = Batch(torch.rand(2, 3, 64, 64), labels, (1, 2))
    for frozen in (False, True):
        model = sam()
        model.is_frozen = frozen
        model.loss(batch).backward()
        encoder = [
            p.grad is not None and bool(p.grad.abs().sum()) for p in model.net.vision_encoder.parameters()
        ]
        assert any(encoder) is not frozen
        assert model.text[0].weight.grad.abs().sum() > 0
        assert model.net.mask_decoder.upscale_conv1.weight.grad.abs().sum() > 0


def test_sam_goes_through_the_command(data: Path, tmp_path: Path):
    run(data, tmp_path, "--model", "sam", "--epochs", "1")
    assert figures(data, tmp_path)["missing"] == 0
    model, _ = load(tmp_path)
    assert isinstance(model, Sam)
    told = [
        "segment",
        "--data",
        str(data),
        "--out",
        str(tmp_path / "other"),
        "--model",
        "sam",
        "--size",
        "64",
    ]
    assert main([*told, "--checkpoint", str(tmp_path / "nothing")]) == 2


def test_clipseg_goes_through_the_command(data: Path, tmp_path: Path):
    run(data, tmp_path, "--model", "clipseg", "--epochs", "1")
    found = figures(data, tmp_path)
    assert found["missing"] == 0 and found["false_masks"]["n"] >= 16 * 5
    model, said = load(tmp_path)
    assert isinstance(model, ClipSeg) and said["phrases"]["specimen bag"][0] == "specimen bag"


@pytest.mark.slow
def test_a_text_unet_goes_through_the_command_and_finds_no_word_it_does_not_know(data: Path, tmp_path: Path):
    run(
        data,
        tmp_path,
        "--model",
        "text-unet",
        "--epochs",
        "12",
        "--learning-rate",
        "3e-3",
        "--decoder",
        "64",
        "32",
        "16",
    )
    found = figures(data, tmp_path)
    assert found["dice"]["value"] > 0.85 and found["false_masks"]["value"] < 0.05
    model, _ = load(tmp_path)
    assert isinstance(model, TextUNet)
    row = next(iter(recipe.run_segmentation.rows(data, "test", recipe.COLUMNS)))
    picture, _ = recipe.decode_row(row, row["classes"])
    image = to_tensor(augment.apply(augment.plain(64), picture, np.zeros((48, 64), np.uint8), 0)[0])
    texts = ["hook", "l hook", "grasper", "umbrella", "coffee cup"]
    with torch.no_grad():
        shares = model.logits(image[None], [0] * 5, texts).sigmoid()
    assert (shares[3:] < 0.5).all(), "nobody taught it umbrellas"
    assert ((shares[0] > 0.5) == (shares[1] > 0.5)).float().mean() > 0.97, "two names of one thing"


def test_mistakes_are_told(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = str(tmp_path / "out")
    assert main(["segment", "--data", str(tmp_path), "--out", out]) == 2
    assert "build it with --segmentation" in capsys.readouterr().err
    assert main(["segment", "--data", str(data), "--out", out, "--size", "50"]) == 2
    assert "multiple of 32" in capsys.readouterr().err
    assert main(["segment", "--data", str(data), "--out", out, "--encoder", "resnet1"]) == 2
    assert "--encoder resnet1" in capsys.readouterr().err
    assert (
        main(["segment", "--data", str(data), "--out", out, "--decoder", "8", "8", "8", "8", "8", "8"]) == 2
    )
    assert "1 to 5 widths" in capsys.readouterr().err
    run(data, tmp_path / "one", "--epochs", "1")
    told = [
        "segment",
        "--data",
        str(data),
        "--out",
        str(tmp_path / "one"),
        "--size",
        "64",
        "--epochs",
        "1",
        "--seed",
        "7",
    ]
    assert main(told) == 2
    assert "another recipe" in capsys.readouterr().err


def test_picture_and_labels_are_changed_alike():
    picture = np.full((48, 64, 3), 30, np.uint8)
    labels = np.zeros((48, 64), np.uint8)
    picture[10:40, 20:50], labels[10:40, 20:50] = 225, 5
    change = augment.training(64)
    seen = []
    for seed in range(40):
        shown, mask = augment.apply(change, picture, labels, seed)
        assert shown.shape == (64, 64, 3) and mask.shape == (64, 64) and {*np.unique(mask)} <= {0, 5}
        if 50 < (mask == 5).sum() < 3900:
            seen.append(float(shown[mask == 5].mean()) - float(shown[mask == 0].mean()))
    assert len(seen) > 20 and min(seen) > 60, "the bright square stays under its label"
    one, other = (augment.apply(change, picture, labels, 3) for _ in range(2))
    assert (one[0] == other[0]).all() and (one[1] == other[1]).all()
    assert not (one[0] == augment.apply(change, picture, labels, 4)[0]).all()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["unet", "text-unet"])
def test_two_processes_end_as_one_does(model: str, data: Path, tmp_path: Path):
    """Gradients agree to 1e-6; Adam lets that grow, to 0.06 % of the way in an epoch and 1.7 % in two."""
    options = ["--model", model, "--epochs", "1", "--batch-size", "8", "--decoder", "32", "16", "8"]
    run(data, tmp_path / "one", *options)
    told = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m",
            "surgvqa.train", "segment", "--data", str(data), "--out", str(tmp_path / "two"), "--size", "64",
            "--device", "cpu", *options]  # fmt: skip
    done = subprocess.run(told, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("epoch 1: loss") == 1, "one of the processes tells"
    torch.manual_seed(0)
    said = json.loads((tmp_path / "one" / "segmenter.json").read_text())
    start = flat(make(said["recipe"], said["classes"], said["phrases"]).state_dict())
    one, two = (
        flat(torch.load(tmp_path / name / "last.pt", weights_only=True)["model"]) for name in ("one", "two")
    )
    apart, moved = (one - two).norm(), (one - start).norm()
    assert apart < 0.002 * moved, f"{apart:.4g} apart after a way of {moved:.4g}"


def flat(weights: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([one.reshape(-1) for _, one in sorted(weights.items()) if one.is_floating_point()])


@pytest.mark.slow
def test_unlabelled_pictures_get_questions_marked_as_machine_made(data: Path, tmp_path: Path):
    run(data, tmp_path / "unet", "--epochs", "12", "--learning-rate", "3e-3", "--decoder", "64", "32", "16")
    root = tmp_path / "mine"
    (root / "annotations").mkdir(parents=True)
    lines = ["case,phase,start,end"]
    for name in ("new", "old"):
        (root / "frames" / name).mkdir(parents=True)
        case = drawn(root / "frames" / name, name, 8)
        lines.append(f"{name},preparation,0,8")
        if name == "old":
            (root / "annotations" / "old.json").write_text(json.dumps(outlined(case)))
    (root / "phases.csv").write_text("\n".join(lines) + "\n")
    told = ["procedure", "--root", str(root), "--taxonomy", "cholecystectomy", "--image-rate", "1", "--segmenter",
            str(tmp_path / "unet"), "--clip-seconds", "1", "--test-cases", "old", "--kinds", "phase", "instruments"]  # fmt: skip
    assert build([*told, "--out", str(tmp_path / "built"), "--validation", "0"]) == 0
    rows = pq.read_table(tmp_path / "built" / "qa").to_pylist()
    sure = {(one["case_id"], one["kind"]): [] for one in rows}
    for one in rows:
        sure[one["case_id"], one["kind"]].append(one["label_confidence"])
    assert {value for key in sure if key[0] == "old" or key[1] == "phase" for value in sure[key]} == {None}
    assert len(sure["new", "instruments"]) == 8 and all(0.3 < one <= 1 for one in sure["new", "instruments"])
    true = {scene.time_s: {node.name for node in scene.nodes} for scene in drawn(tmp_path, "new", 8).scenes}
    made = {
        one["evidence_s"][0]: set(one["short_answer"].split(", ")) - {"none"}
        for one in rows
        if one["kind"] == "instruments" and one["case_id"] == "new"
    }
    assert made.keys() == true.keys() and sum(made[key] == true[key] for key in true) >= 6
    (said,) = [
        one
        for one in json.loads((tmp_path / "built" / "report.json").read_text())["notes"]
        if "against people" in one
    ]
    assert said.startswith("segmenter against people, instruments on 8 moments of 1 cases: ")
    assert float(said.rsplit(" ", 1)[1]) > 0.7
    before = {path: path.stat().st_mtime_ns for path in (root / "predicted").iterdir()}
    assert build([*told, "--out", str(tmp_path / "again"), "--validation", "0"]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in (root / "predicted").iterdir()}, (
        "not outlined twice"
    )


@pytest.mark.slow
def test_a_segmenter_of_no_names_outlines_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    made = {"model": "unet", "encoder": "resnet18", "weights": None, "decoder": [8, 8, 8], "size": 64}
    folder, root = tmp_path / "binary", tmp_path / "mine"
    folder.mkdir()
    model = make(made, ("background", "instrument"), {"instrument": ["instrument"]})
    save_file(model.state_dict(), folder / "model.safetensors")
    said = {
        "recipe": made,
        "classes": ["background", "instrument"],
        "phrases": {"instrument": ["instrument"]},
    }
    (folder / "segmenter.json").write_text(json.dumps(said))
    (root / "frames" / "new").mkdir(parents=True)
    drawn(root / "frames" / "new", "new", 2)
    (root / "phases.csv").write_text("case,phase,start,end\nnew,preparation,0,2\n")
    told = ["procedure", "--root", str(root), "--taxonomy", "cholecystectomy", "--image-rate", "1"]
    assert build([*told, "--segmenter", str(folder), "--out", str(tmp_path / "out")]) == 2
    shown = capfd.readouterr().err
    assert "which names no instrument" in shown and "--segmentation instruments" in shown
    assert build([*told, "--segmenter", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert "holds no segmenter.json" in capfd.readouterr().err
    assert build([*told, "--segmenter", str(folder), "--every", "0", "--out", str(tmp_path / "out")]) == 2
    assert "--every 0" in capfd.readouterr().err


def outlined(case: Case) -> dict:
    """A case's masks as a person's COCO file."""
    boxes = [(at, node) for at, scene in enumerate(case.scenes) for node in scene.nodes]
    return {
        "images": [{"id": at, "file_name": f"{at}.png", "width": WIDTH, "height": HEIGHT} for at in range(8)],
        "annotations": [
            {"id": number, "image_id": at, "category_id": 1 + sorted(COLOURS).index(node.name),
             "segmentation": {"size": [HEIGHT, WIDTH], "counts": node.rle}}
            for number, (at, node) in enumerate(boxes)
        ],
        "categories": [{"id": at, "name": name} for at, name in enumerate(sorted(COLOURS), 1)],
    }  # fmt: skip


def test_the_plain_unet_keeps_a_line_of_one_pixel():
    """Its first convolutions are at full resolution: a line among noise is learned in a few steps."""
    torch.manual_seed(0)
    spec = {"model": "unet", "encoder": "plain", "decoder": [16, 8], "weights": None}
    model = make(spec, ("background", "line"), {})
    images, labels = torch.rand(4, 3, 32, 64), torch.zeros(4, 32, 64, dtype=torch.int64)
    for i in range(4):
        images[i, :, 5 + 6 * i], labels[i, 5 + 6 * i] = torch.tensor([[1.0], [0.0], [0.0]]), 1
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(100):
        optimizer.zero_grad()
        model.loss(Batch(images, labels, [0] * 4)).backward()
        optimizer.step()
    guess = model.eval().logits(images).argmax(1)
    assert 2 * ((guess == 1) & (labels == 1)).sum() / ((guess == 1).sum() + labels.sum()) > 0.9
    with pytest.raises(InputError, match="--encoder plain has no weights"):
        make({**spec, "weights": "imagenet"}, ("background", "line"), {})


def test_upright_samples_are_never_mirrored():
    """The left of a picture is labelled; of 40 samples the label's middle is always left of the rest's."""
    picture = np.full((48, 64, 3), 90, np.uint8)
    labels = np.zeros((48, 64), np.uint8)
    labels[:, :24] = 1
    sides = {}
    for upright in (True, False):
        change = augment.upright(64) if upright else augment.training(64)
        sides[upright] = [
            np.argwhere(cut == 1)[:, 1].mean() < np.argwhere(cut == 0)[:, 1].mean()
            for seed in range(40)
            if 0 < (cut := augment.apply(change, picture, labels, seed)[1]).mean() < 1
        ]
    assert all(sides[True]) and len(sides[True]) > 30
    assert 0.2 < np.mean(sides[False]) < 0.8
