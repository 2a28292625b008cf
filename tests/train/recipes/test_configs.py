"""The files we ship ready-made: every recipe parses and names real options, every job file does what its head says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from colour_clips import row, write
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.encode import Encoder
from surgvqa.eval.models.pixels import patchify
from surgvqa.train import sft, tiny
from surgvqa.train.__main__ import main
from surgvqa.train.pointing import grpo_options
from surgvqa.train.steps.options import AudioOptions, TrainingOptions, parse

FOLDER = Path(__file__).resolve().parents[3] / "train" / "configs"
RECIPES = sorted(path.name for path in FOLDER.glob("*.yaml") if not path.name.startswith("accelerate"))
LAUNCHES = sorted(path.name for path in FOLDER.glob("accelerate_*.yaml"))
SCRIPTS = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".sh", ".sbatch"))
OF_THE_DEMO = ("demo_base.yaml", "demo_lora.yaml", "audio_tiny.yaml")
READY = [*LAUNCHES, *SCRIPTS, "sft_24gb.yaml"]
GIVEN = ("--model_name_or_path", "m", "--dataset_name", "d", "--output_dir", "o", "--use_cpu", "true")


def test_all_of_the_demo_sees_frames_of_one_size() -> None:
    """The tower, the base, the adapter and what goes on from them: 84 x 70 pixels of 112 x 84."""
    makefile = (FOLDER.parents[1] / "Makefile").read_text()
    asked = [int(number) for number in re.findall(r"--max-pixels (\d+)", makefile)]
    asked += [yaml.safe_load((FOLDER / name).read_text())["max_pixels"] for name in OF_THE_DEMO]
    assert len(asked) == 4 and "--max-side 112" in makefile
    for pixels in asked:
        parts = tiny.processor("qwen2_5_vl", tiny.SIZES["demo"])
        part = Encoder(parts, Budget(4, "video", min(Budget(4).min_pixels, pixels), pixels)).part
        _, grid = patchify(np.zeros((4, 84, 112, 3), np.uint8), part, "video")
        assert (part.patch_size * grid).tolist() == [[14, 70, 84]], pixels


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_parses_and_its_values_arrive(name: str) -> None:
    """Through the command's own parser, which refuses an option nobody has."""
    arguments = ["--config", name, *GIVEN]
    if name.startswith("grpo"):
        groups: tuple[object, ...] = grpo_options.parse(arguments)
    else:
        groups = parse(arguments, AudioOptions if name.startswith("audio") else TrainingOptions)
    for option, value in yaml.safe_load((FOLDER / name).read_text()).items():
        held = [getattr(group, option) for group in groups if hasattr(group, option)]
        assert held, option
        held = [getattr(one, "value", one) for one in held]  # of an enumeration
        assert value in held or (value == "none" and [] in held), (option, held)


@pytest.mark.parametrize("name", LAUNCHES)
def test_accelerate_takes_a_launch_file(name: str) -> None:
    """Its own reader refuses unknown keys; those of a plugin it would silently drop, so its parser must know them."""
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    config = load_config_from_file(str(FOLDER / name))
    known = {action.dest for action in launch_command_parser()._actions}
    for plugin in (config.fsdp_config, config.deepspeed_config):
        for key in plugin or {}:
            assert key in known, key


@pytest.mark.parametrize("name", READY)
def test_a_ready_made_file_says_what_it_was_tried_on(name: str) -> None:
    head = [line for line in (FOLDER / name).read_text().splitlines() if line.startswith("# ")]
    assert any(line.startswith("# Tried on: ") for line in head)


def test_the_list_and_the_path_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["configs"]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} == {
        *RECIPES,
        *LAUNCHES,
        *SCRIPTS,
    }
    assert main(["configs", "slurm.sbatch"]) == 0
    assert Path(capsys.readouterr().out.strip()).read_text() == (FOLDER / "slurm.sbatch").read_text()
    assert main(["configs", "slurm.sbacht"]) == 2
    assert "no file 'slurm.sbacht' of ours; did you mean slurm.sbatch" in capsys.readouterr().err


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_one(name: str) -> None:
    shells = ("bash",) if name.endswith(".sbatch") else ("bash", "sh")
    for shell in shells:
        subprocess.run([shell, "-n", FOLDER / name], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", FOLDER / name], check=True)


def stand_in(folder: Path, name: str, script: str) -> None:
    """A command of that name in a folder to be put first on PATH."""
    (folder / name).write_text(f"#!/bin/bash\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def job(tmp_path: Path) -> dict[str, str]:
    """The environment of a job: stand-ins for accelerate and scontrol that write down what they were given."""
    said = tmp_path / "said"
    stand_in(tmp_path, "accelerate", f'printf "%s\\n" "$@" > {said}; echo $$ > {said}.pid; eval "$WAIT"')
    stand_in(tmp_path, "scontrol", f'printf "%s\\n" "$@" > {said}.control')
    stand_in(tmp_path, "surgvqa-train", f'exec {sys.executable} -m surgvqa.train "$@"')
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "SLURM_JOB_ID": "12345", "SLURM_GPUS_ON_NODE": "2", "WAIT": ""}


def test_slurm_launches_a_process_per_card_and_resumes(job: dict[str, str], tmp_path: Path) -> None:
    subprocess.run(["bash", FOLDER / "slurm.sbatch", "--config", "sft lora.yaml"], env=job, check=True)
    said = (tmp_path / "said").read_text().splitlines()
    assert said[:5] == ["launch", "--num_processes", "2", "--main_process_port", "22345"]
    assert "--multi_gpu" in said
    assert said[-7:] == [
        *("-m", "surgvqa.train", "sft", "--resume_from_checkpoint", "true"),
        *("--config", "sft lora.yaml"),
    ]
    one = job | {"SLURM_GPUS_ON_NODE": "1"}
    subprocess.run(["bash", FOLDER / "slurm.sbatch"], env=one, check=True)
    assert "--multi_gpu" not in (tmp_path / "said").read_text()


def test_slurm_divides_the_weights(job: dict[str, str], tmp_path: Path) -> None:
    asked = job | {"SURGVQA_ACCELERATE": "accelerate_fsdp.yaml"}
    subprocess.run(["bash", FOLDER / "slurm.sbatch"], env=asked, check=True)
    said = (tmp_path / "said").read_text().splitlines()
    assert Path(said[said.index("--config_file") + 1]).name == "accelerate_fsdp.yaml"
    wrong = subprocess.run(
        ["bash", FOLDER / "slurm.sbatch"],
        env=job | {"SURGVQA_ACCELERATE": "fsdp.yaml"},
        capture_output=True,
        text=True,
    )
    assert wrong.returncode != 0 and "no file 'fsdp.yaml' of ours" in wrong.stderr


def test_slurm_passes_a_failure_on(job: dict[str, str]) -> None:
    failing = subprocess.run(["bash", FOLDER / "slurm.sbatch"], env=job | {"WAIT": "exit 2"})
    assert failing.returncode == 2


def test_slurm_goes_back_into_the_queue(job: dict[str, str], tmp_path: Path) -> None:
    waits = job | {"WAIT": "sleep 60 & trap 'kill $!; exit 143' TERM; wait"}
    run = subprocess.Popen(["bash", FOLDER / "slurm.sbatch"], env=waits)
    for _ in range(200):
        if (tmp_path / "said.pid").is_file():
            break
        time.sleep(0.05)
    time.sleep(0.3)
    run.send_signal(signal.SIGUSR1)
    assert run.wait(20) == 0
    assert (tmp_path / "said.control").read_text().split() == ["requeue", "12345"]


def test_hf_jobs_line(tmp_path: Path) -> None:
    """The real client resolves the job; nothing is sent."""
    (tmp_path / "dist").mkdir()
    environment = os.environ | {"DRY_RUN": "1", "HF_TOKEN": "hf_secret", "HF_HUB_OFFLINE": "0"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    command = ["sh", FOLDER / "hf_jobs.sh", "org/data", "org/adapter", "Qwen/Any", "--max_steps", "3"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Job not submitted" in done.stdout and "hf_secret" not in done.stdout
    assert "flavor   a10g-large" in done.stdout and "volumes  ./dist:/dist" in done.stdout
    sent = done.stdout.split("surgvqa-train sft ")[1].splitlines()[0]
    arguments = sent.split(" job ")[1].split()
    data, training, model = parse([*arguments, "--use_cpu", "true"])
    assert (data.dataset_name, training.hub_model_id, model.load_in_4bit) == ("org/data", "org/adapter", True)
    assert training.hub_private_repo and training.push_to_hub and training.max_steps == 3
    assert subprocess.run(["sh", FOLDER / "hf_jobs.sh", "org/data"], capture_output=True).returncode == 2


def test_the_card_of_24_gb_runs(bases: dict[str, Path], tmp_path: Path) -> None:
    clips = write(tmp_path / "data", train=[row(number) for number in range(2)])
    given = ("--model_name_or_path", str(bases["qwen2_5_vl"]), "--dataset_name", str(clips))
    more = (
        "--use_cpu",
        "true",
        "--report_to",
        "none",
        "--max_steps",
        "2",
        "--gradient_accumulation_steps",
        "1",
    )
    sft.main(["--config", "sft_24gb.yaml", *given, "--output_dir", str(tmp_path / "out"), *more])
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()
