"""Two processes under ``torchrun`` (which ``accelerate launch`` calls too): the same losses as one, and one set of files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from colour_clips import row, write
from surgvqa.train import tiny


def launch(processes: int, *arguments: str) -> None:
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        str(processes),
    ]
    command += ["-m", "surgvqa.train", "sft", "--ddp_backend", "gloo", *arguments]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_a_tower_that_nothing_is_shown_to_holds_no_process_up(tmp_path: Path) -> None:
    """Text alone: no process runs the tower, and none waits for it. (One that is to learn there, the doctor refuses.)"""
    tiny.make("qwen2_5_vl", tmp_path / "base")
    clips = write(tmp_path / "data", train=[row(number) for number in range(8)])
    launch(
        2,
        *("--model_name_or_path", str(tmp_path / "base"), "--dataset_name", str(clips), "--frames", "0"),
        *("--output_dir", str(tmp_path / "out"), "--use_cpu", "true", "--max_steps", "3"),
        *("--vision_learning_rate", "0", "--projector_learning_rate", "0", "--report_to", "none"),
        *("--per_device_train_batch_size", "2", "--save_strategy", "no", "--logging_steps", "1"),
    )
    log = json.loads((tmp_path / "out" / "trainer_state.json").read_text())["log_history"]
    assert len([entry for entry in log if "loss" in entry]) == 3


@pytest.mark.slow
def test_two_processes_train_like_one(tmp_path: Path) -> None:
    tiny.make("qwen2_5_vl", tmp_path / "base")
    rows = [row(number, questions=1 + number % 3) for number in range(8)]
    clips = write(tmp_path / "data", train=rows, validation=[row(n) for n in range(40, 44)])
    results = {}
    for processes in (1, 2):
        out = tmp_path / f"run{processes}"
        launch(
            processes,
            *("--model_name_or_path", str(tmp_path / "base"), "--dataset_name", str(clips)),
            *("--output_dir", str(out), "--use_cpu", "true", "--max_steps", "3", "--logging_steps", "1"),
            *("--train_sampling_strategy", "sequential", "--use_peft", "true", "--lora_dropout", "0"),
            *("--learning_rate", "0.01"),
            *("--per_device_train_batch_size", str(4 // processes), "--save_strategy", "no"),
            *("--eval_strategy", "steps", "--eval_steps", "3", "--eval_questions", "9"),
        )
        state = json.loads((out / "trainer_state.json").read_text())["log_history"]
        losses = [entry["loss"] for entry in state if "loss" in entry]
        answered = [entry["eval_accuracy"] for entry in state if "eval_accuracy" in entry]
        results[processes] = (losses, answered)
        assert (out / "adapter_model.safetensors").is_file() and (out / "surgvqa.json").is_file()
    assert results[2][0] == pytest.approx(results[1][0], rel=1e-5)
    assert results[2][1] == pytest.approx(results[1][1])
