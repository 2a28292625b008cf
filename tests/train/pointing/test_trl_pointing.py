"""The pointing config is what TRL's own commands take: `trl sft`, and `trl grpo` with our rewards by name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from surgvqa.builders.__main__ import main as build

TRL = Path(sys.executable).parent / "trl"
REWARDS = ("grounding_reward", "negatives_reward", "format_reward")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Path]:
    from surgvqa.train.__main__ import main as train

    folder = tmp_path_factory.mktemp("trl")
    asked = ["synthetic", "--root", str(folder / "rendered"), "--render-cases", "4", "--size", "64"]
    how = ["--pointing", "point", "--frames", "1", "--workers", "0", "--out", str(folder / "data")]
    assert build([*asked, "--phase-seconds", "5", *how]) == 0
    assert train(["tiny", "--family", "qwen2_5_vl", "--out", str(folder / "tiny")]) == 0
    return folder / "data", folder / "tiny"


def trl(verb: str, made: tuple[Path, Path], out: Path, *more: str) -> str:
    data, model = made
    asked = {
        "model_name_or_path": model, "dataset_name": data, "dataset_config": "pointing", "output_dir": out,
        "max_steps": 2, "per_device_train_batch_size": 4, "use_cpu": "true", "bf16": "false", "report_to": "none",
        "logging_steps": 1,
    }  # fmt: skip
    flags = [part for name, value in asked.items() for part in (f"--{name}", str(value))]
    environment = {**os.environ, "HF_DATASETS_CACHE": str(out / "cache"), "TRL_EXPERIMENTAL_SILENCE": "1"}
    ran = subprocess.run(
        [TRL, verb, *flags, "--use_peft", "--lora_target_modules", "q_proj", "v_proj", *more],
        capture_output=True,
        text=True,
        env=environment,
        timeout=500,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout + ran.stderr


@pytest.mark.slow
def test_trl_grpo_takes_the_rewards_by_name(made, tmp_path):
    functions = [f"surgvqa.train.rewards.{name}" for name in REWARDS]
    more = ["--num_generations", "4", "--max_completion_length", "16", "--reward_funcs", *functions]
    said = trl("grpo", made, tmp_path, *more)
    for name in REWARDS:
        assert f"rewards/{name}/mean" in said
    assert (tmp_path / "adapter_model.safetensors").is_file()


@pytest.mark.slow
def test_trl_sft_learns_from_the_same_rows(made, tmp_path):
    said = trl("sft", made, tmp_path, "--max_length", "2048", "--learning_rate", "1e-2")
    losses = [float(loss) for loss in re.findall(r"'loss': '?([\d.]+)", said)]
    assert len(losses) == 2 and all(1 < loss < 20 for loss in losses)
