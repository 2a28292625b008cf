"""The recipe of `make real`: in miniature on drawn frames, and for a minute on real ones where they lie beside the clone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("segmentation_models_pytorch", reason="the extra [segment] is not installed")
pytest.importorskip("albumentations", reason="the extra [segment] is not installed")

from drawn_endoscapes import draw_set
from surgvqa.builders.__main__ import main as build
from surgvqa.eval.__main__ import main as evaluate
from surgvqa.train.__main__ import main as train

ROOT = Path(__file__).parents[3]
GUESSERS = ("blind", "mean-mask", "colour")


def recipe(root: Path, out: Path, *options: str) -> Path:
    """Build, train and answer as the Makefile does, smaller; returns the folder of the answers."""
    told = ["--max-side", "224", "--frames", "1", "--segmentation", "all", "--pointing", "point"]
    assert build(["endoscapes", "--root", str(root), "--out", str(out / "data"), *told]) == 0
    told = ["--decoder", "64", "32", "16", "--keep", "average", "--mirror", "--learning-rate", "3e-3"]
    assert train(["segment", "--data", str(out / "data"), "--out", str(out / "unet"), *told, *options]) == 0
    for source in (*GUESSERS, str(out / "unet/masks.jsonl")):
        name = source if source in GUESSERS else "unet"
        told = ["--data", str(out / "data"), "--split", "validation", "--out", str(out / "answers" / name)]
        assert evaluate(["mask-answers", source, *told]) == 0
    return out / "answers"


def difference(answers: Path, guesser: str) -> dict:
    told = ["--data", str(answers.parent / "data"), "--split", "validation", "--out", str(answers / "c.json")]
    pair = [str(answers / name / "answers.jsonl") for name in (guesser, "unet")]
    assert evaluate(["compare", *pair, *told]) == 0
    return json.loads((answers / "c.json").read_text())


@pytest.mark.slow
def test_the_recipe_in_miniature_beats_all_who_hardly_look(tmp_path: Path):
    answers = recipe(
        draw_set(tmp_path / "endoscapes", train=8, held_out=4),
        tmp_path,
        *("--size", "64", "--epochs", "25"),
    )
    for guesser in GUESSERS:
        found = difference(answers, guesser)
        assert found["difference"] > 0.1, (guesser, found["difference"])


@pytest.mark.slow
def test_a_short_run_on_real_frames_finds_gallbladder_and_tools(realdata: Path, tmp_path: Path):
    """Floors are those of the mean mask on the same frames: 0.53 and 0.22. Nothing of it stays."""
    folder = realdata / "endoscapes_seg50"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    answers = recipe(folder, tmp_path, "--size", "96", "--epochs", "12", "--precision", "bf16")
    dice = {}
    for name in ("unet", "answers/mean-mask"):
        told = ["--data", str(tmp_path / "data"), "--split", "validation", "--out", str(tmp_path / "s.json")]
        assert evaluate(["segmentation", str(tmp_path / name / "masks.jsonl"), *told]) == 0
        by_class = json.loads((tmp_path / "s.json").read_text())["by_class"]
        dice[name] = {
            one: by_class[one]["dice"]["value"] for one in ("gallbladder", "unspecified instrument")
        }
    assert all(dice["unet"][one] > dice["answers/mean-mask"][one] + 0.05 for one in dice["unet"]), dice
    assert difference(answers, "mean-mask")["difference"] > 0


def test_make_real_says_in_one_line_that_there_is_no_data(tmp_path: Path):
    before = (ROOT / "real").exists()
    for told in ([], [f"REALDATA={tmp_path / 'nowhere'}"]):
        run = subprocess.run(
            ["make", "--no-print-directory", "real", *told],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0 and run.stdout.count("\n") == 1 and "skipped" in run.stdout, run
    assert (ROOT / "real").exists() == before
