"""Config pointing through the path of clips: asked, taught and scored with what was built for clips."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pointing_rows import rows, write
from surgvqa.builders.configs.pointing_questions import Pointing
from surgvqa.builders.geometry.coordinates import Grid
from surgvqa.eval.__main__ import main as evaluate
from surgvqa.eval.data import predictions
from surgvqa.eval.data.dataset import load_clips
from surgvqa.train.__main__ import main as train


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("pointing") / "data", train=range(6), test=range(6, 9))


def sft(model: Path, data: Path, out: Path, *more: str) -> int:
    asked = ["--model_name_or_path", str(model), "--dataset_name", str(data), "--output_dir", str(out)]
    always = ["--dataset_config", "pointing", "--save_strategy", "no", "--report_to", "none"]
    return train(["sft", *always, "--disable_tqdm", "true", *asked, *more])


def test_a_frame_is_a_clip_and_its_rows_are_its_questions(data: Path) -> None:
    clips = load_clips(str(data), "pointing")["test"]
    made = [row for case in range(6, 9) for row in rows(case)]
    assert [qa["qa_id"] for clip in clips for qa in clip["qa"]] == [row["row_id"] for row in made]
    assert len(clips) == len({(row["case_id"], row["time_s"]) for row in made}) < len(made)
    by_id = {row["row_id"]: row for row in made}
    for clip in clips:
        said = [turn["content"] for turn in clip["messages"]]
        assert said[::2] == [qa["question"] for qa in clip["qa"]]
        for qa in clip["qa"]:
            row = by_id[qa["qa_id"]]
            assert clip["images"][0]["bytes"] == row["images"][0]["bytes"]
            assert (qa["question"], qa["answer"]) == tuple(
                row[name][0]["content"] for name in ("prompt", "completion")
            )


def test_predict_and_pointing_fit_together(
    bases: dict[str, Path], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "said.jsonl"
    asked = ["predict", str(data), "--config", "pointing", "--model", str(bases["qwen2_5_vl"])]
    assert evaluate([*asked, "--out", str(out), "--max-new-tokens", "4"]) == 0
    known = [row["row_id"] for case in range(6, 9) for row in rows(case)]
    assert [item.qa_id for item in predictions.read(out)] == known
    figures = tmp_path / "figures.json"
    # what was right is put in the file's place, so that the figures must say so
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    out.write_text("".join(json.dumps(line | {"prediction": line["answer"]}) + "\n" for line in lines))
    assert evaluate(["pointing", str(out), "--data", str(data), "--out", str(figures)]) == 0
    found = json.loads(figures.read_text())
    assert found["n"] == len(known) and found["missing"] == 0
    assert found["metrics"]["point_in_mask"]["value"] == 1.0


def test_sft_teaches_the_completions(bases: dict[str, Path], data: Path, tmp_path: Path) -> None:
    steps = ("--max_steps", "30", "--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "1")
    rate = ("--learning_rate", "0.01", "--logging_steps", "1", "--bf16", "false")
    assert sft(bases["qwen2_5_vl"], data, tmp_path / "run", *steps, *rate) == 0
    log = json.loads((tmp_path / "run" / "trainer_state.json").read_text())["log_history"]
    losses = [entry["loss"] for entry in log if "loss" in entry]
    assert sum(losses[-3:]) < 0.6 * sum(losses[:3])
    out = tmp_path / "said.jsonl"
    asked = [
        "predict",
        str(data),
        "--config",
        "pointing",
        "--model",
        str(tmp_path / "run"),
        "--out",
        str(out),
    ]
    assert evaluate([*asked, "--split", "train", "--max-new-tokens", "3"]) == 0
    assert all(item.prediction for item in predictions.read(out))


GRID = Grid(28, 56 * 56, 512 * 512)
FITS: dict[str, tuple[Pointing, str, bool]] = {
    "resized pixels": (Pointing("json", model_type="qwen2_5_vl", grid=GRID), "qwen2_5_vl", True),
    "thousandths": (Pointing("json", model_type="qwen2_vl"), "qwen2_vl", True),
    "point says its own scale": (Pointing("point"), "qwen2_5_vl", True),
    "other pixels": (
        Pointing("json", model_type="qwen2_5_vl", grid=Grid(28, 3136, 4704)),
        "qwen2_5_vl",
        False,
    ),
    "another family's numbers": (Pointing("json", model_type="qwen3_vl"), "qwen2_5_vl", False),
}


@pytest.mark.parametrize("case", FITS)
def test_numbers_written_for_other_pixels_are_refused(
    case: str, bases: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how, family, good = FITS[case]
    folder = write(tmp_path / "data", how, train=range(2), test=range(2, 4))
    code = sft(bases[family], folder, tmp_path / "run", "--max_steps", "1")
    refused = capsys.readouterr().err.splitlines()[-1:]
    assert code == (0 if good else 2)
    if not good:
        assert "--pointing-model-type qwen2_5_vl --pointing-grid 28,3136,262144" in refused[0]
        asked = [
            "predict",
            str(folder),
            "--config",
            "pointing",
            "--model",
            str(bases[family]),
            "--frames",
            "1",
        ]
        assert evaluate([*asked, "--out", str(tmp_path / "said.jsonl")]) == 2
        assert "--pointing-grid" in capsys.readouterr().err
