"""Weights divided among processes by ``accelerate launch`` and our launch file: the losses and weights of one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from colour_clips import row, write
from surgvqa.cards.command import InputError
from surgvqa.eval.models.load import load_model
from surgvqa.train import tiny
from surgvqa.train.clips import prepare

SUPPORT = Path(__file__).resolve().parents[2] / "support"
ENVIRONMENT = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
TWO = (
    *(str(Path(sys.executable).with_name("accelerate")), "launch", "--num_processes", "2"),
    *(
        "--config_file",
        str(SUPPORT.parents[1] / "train/configs/accelerate_fsdp.yaml"),
        "--mixed_precision",
        "no",
    ),
    str(SUPPORT / "fsdp_on_cpu.py"),
)


def trained(launch: tuple[str, ...], base: Path, clips: Path, out: Path, *options: str) -> list[float]:
    """The losses of a run with four clips a step."""
    command = [
        *(*launch, "sft", "--model_name_or_path", str(base)),
        *(("--ddp_backend", "gloo") if launch is TWO else ()),
        *("--dataset_name", str(clips), "--output_dir", str(out), "--use_cpu", "true", "--max_steps", "3"),
        *("--logging_steps", "1", "--train_sampling_strategy", "sequential", "--learning_rate", "0.01"),
        *("--report_to", "none", "--eval_strategy", "steps", "--eval_steps", "3", "--eval_questions", "0"),
        *("--save_strategy", "no", *options),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr[-3000:]
    if launch is TWO:
        assert "sharded over cards: not looked at" in done.stderr
        assert "in DDP constructor" not in done.stderr  # that would be two whole copies
    log = json.loads((out / "trainer_state.json").read_text())["log_history"]
    return [entry[key] for entry in log for key in ("loss", "eval_loss", "grad_norm") if key in entry]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("options", [("--use_peft", "true", "--lora_dropout", "0"), ()])
def test_fsdp_trains_like_one_process(options: tuple[str, ...], tmp_path: Path) -> None:
    tiny.make("qwen2_5_vl", tmp_path / "base")
    rows = [row(number, questions=1 + number % 3) for number in range(8)]
    clips = write(tmp_path / "data", train=rows, validation=[row(n) for n in range(40, 44)])
    alone = (sys.executable, "-m", "surgvqa.train")
    size = "--per_device_train_batch_size"
    one = trained(alone, tmp_path / "base", clips, tmp_path / "one", *options, size, "4")
    two = trained(TWO, tmp_path / "base", clips, tmp_path / "two", *options, size, "2")
    assert two == pytest.approx(one, rel=1e-5)
    weights = [load_model(str(tmp_path / name)).model.state_dict() for name in ("one", "two")]
    assert weights[0].keys() == weights[1].keys()
    for key, value in weights[0].items():
        assert torch.allclose(weights[1][key], value, rtol=1e-4, atol=1e-5), key


def test_answers_while_training_are_refused_there(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`accelerate launch` says that weights are sharded in the environment, not in the options."""
    clips = write(tmp_path / "data", train=[row(0)], validation=[row(4)])
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    given = ("--model_name_or_path", str(bases["qwen2_5_vl"]), "--dataset_name", str(clips))
    given += ("--output_dir", str(tmp_path / "out"), "--use_cpu", "true", "--eval_strategy", "steps")
    with pytest.raises(InputError, match="weights are sharded over cards: give --eval_questions 0"):
        prepare.prepare([*given, "--eval_steps", "1"])
    with pytest.raises(InputError, match="--cache_vision with weights sharded over cards"):
        prepare.prepare([*given[:-2], "--use_peft", "true", "--cache_vision", str(tmp_path / "cache")])
