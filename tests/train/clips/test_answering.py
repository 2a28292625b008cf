"""Training stops on what matters: the same few questions answered each time, beside a blind guess; exact resume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import torch
from colour_clips import dataset, row, write
from surgvqa.cards.command import InputError
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.models.budget import BUDGET_FILE, Budget
from surgvqa.eval.models.encode import Encoder
from surgvqa.eval.models.load import load_model
from surgvqa.train import sft, tiny
from surgvqa.train.clips.answering import Answering, choose_questions
from surgvqa.train.clips.clip_trainer import checkpoint_to_resume, last_checkpoint
from surgvqa.train.steps.options import parse


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(
        tmp_path_factory.mktemp("clips") / "data",
        train=[row(number) for number in range(24)],
        validation=[row(number) for number in range(40, 52)],
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("base") / "demo"
    tiny.make("qwen2_5_vl", out, "demo")
    return out


def options(base: Path, clips: Path, out: Path, *more: str) -> list[str]:
    return [
        *("--model_name_or_path", str(base), "--dataset_name", str(clips), "--output_dir", str(out)),
        *("--logging_steps", "1", "--disable_tqdm", "true", "--use_cpu", "true", "--max_pixels", "784"),
        *("--per_device_train_batch_size", "6", "--learning_rate", "0.003", *more),
    ]


def test_the_subset_is_fixed_and_even_over_kinds() -> None:
    rows = dataset([row(number) for number in range(30)])
    first = choose_questions(rows, 12)
    assert first == choose_questions(rows, 12) != choose_questions(rows, 12, seed=1)
    assert Counter(number for _, numbers in first for number in numbers) == {0: 4, 1: 4, 2: 4}
    assert len(choose_questions(rows, 10_000)) == 30
    shuffled = rows.select(list(reversed(range(30))))
    names = {rows[index]["clip_id"] for index, _ in first}
    assert names == {shuffled[index]["clip_id"] for index, _ in choose_questions(shuffled, 12)}


def test_lift_is_measured_against_a_blind_guess(base: Path) -> None:
    taught, asked = dataset([row(number) for number in range(24)]), dataset([row(n) for n in range(40, 52)])
    loaded = load_model(str(base), device="cpu")
    answering = Answering(asked, taught, Encoder(loaded.processor, Budget(4)), 30)
    said = list(answering.answer(loaded.model))
    assert len(said) == 30 and all(isinstance(one, Prediction) and one.error is None for one in said)
    constant = [
        one.__class__(**{f: getattr(one, f) for f in one.__slots__} | {"prediction": "No."}) for one in said
    ]
    blind = answering.figures(constant)
    assert blind["lift_presence"] == pytest.approx(0) and blind["lift_colour"] < 0
    right = [
        one.__class__(**{f: getattr(one, f) for f in one.__slots__} | {"prediction": one.answer})
        for one in said
    ]
    best = answering.figures(right)
    assert best["accuracy"] == 1 and best["lift_presence"] == pytest.approx(1 / 3, abs=0.1)
    assert "lift_where" not in best  # one answer only: nothing to see there
    assert best["lift"] == pytest.approx((best["lift_presence"] + best["lift_colour"]) / 2)


@pytest.mark.slow
def test_best_checkpoint_and_early_stop_by_lift(base: Path, clips: Path, tmp_path: Path) -> None:
    """Trained with a rate that first teaches and then, kept on, can't do better: it stops, and keeps the best."""
    evaluation = (
        "--eval_strategy",
        "steps",
        "--eval_steps",
        "10",
        "--save_steps",
        "10",
        "--eval_questions",
        "24",
    )
    stop = ("--early_stopping_patience", "2", "--max_steps", "200", "--save_total_limit", "1")
    sft.main(options(base, clips, tmp_path / "run", *evaluation, *stop))
    state = json.loads((tmp_path / "run" / "trainer_state.json").read_text())
    evaluated = [entry for entry in state["log_history"] if "eval_lift" in entry]
    assert {"eval_loss", "eval_accuracy", "eval_blind", "eval_lift_colour"} <= evaluated[0].keys()
    lifts = [entry["eval_lift"] for entry in evaluated]
    best = lifts.index(max(lifts))
    assert max(lifts) > 0.3 and len(lifts) == best + 3 < 20
    assert state["best_metric"] == max(lifts) and state["best_global_step"] == 10 * (best + 1)
    from safetensors.torch import load_file

    saved, kept = (
        load_file(tmp_path / "run" / f"{name}/model.safetensors")
        for name in (".", f"checkpoint-{10 * (best + 1)}")
    )
    assert all(torch.equal(saved[key], kept[key]) for key in saved)
    losses = [entry["eval_loss"] for entry in evaluated]
    assert losses[0] != losses[-1]


@pytest.mark.slow
def test_training_is_the_same_with_questions_in_between(base: Path, clips: Path, tmp_path: Path) -> None:
    losses = []
    for count in ("0", "12"):
        evaluation = (
            "--eval_strategy",
            "steps",
            "--eval_steps",
            "1",
            "--eval_questions",
            count,
            "--frames",
            "2",
        )
        sft.main(
            options(base, clips, tmp_path / count, *evaluation, "--max_steps", "3", "--save_strategy", "no")
        )
        log = json.loads((tmp_path / count / "trainer_state.json").read_text())["log_history"]
        losses.append([entry["loss"] for entry in log if "loss" in entry])
    assert losses[0] == losses[1]


def test_metric_of_the_best_checkpoint(base: Path, clips: Path, tmp_path: Path) -> None:
    given = options(base, clips, tmp_path, "--eval_strategy", "steps", "--early_stopping_patience", "3")
    training = parse(given)[1]
    assert training.load_best_model_at_end and training.metric_for_best_model == "eval_lift"
    assert training.greater_is_better
    training = parse([*given, "--eval_questions", "0"])[1]
    assert training.metric_for_best_model == "eval_loss" and training.greater_is_better is False


def test_a_checkpoint_cut_off_is_passed_over(tmp_path: Path) -> None:
    assert checkpoint_to_resume("true", tmp_path) is None
    for step in (9, 10, 20):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if step < 20:
            Budget(4).save(tmp_path / f"checkpoint-{step}")
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert checkpoint_to_resume("true", tmp_path) == str(tmp_path / "checkpoint-10")
    with pytest.raises(InputError, match=f"checkpoint-20 is no whole checkpoint of ours .no {BUDGET_FILE}"):
        checkpoint_to_resume(str(tmp_path / "checkpoint-20"), tmp_path)


RESUMABLE = ("--max_steps", "5", "--save_steps", "1", "--resume_from_checkpoint", "true", "--frames", "2")
LORA = (
    "--config",
    "sft_lora.yaml",
    "--gradient_accumulation_steps",
    "1",
    "--gradient_checkpointing",
    "false",
)


def losses_of(out: Path) -> list[float]:
    log = json.loads((out / "trainer_state.json").read_text())["log_history"]
    return [entry["loss"] for entry in log if "loss" in entry]


@pytest.mark.parametrize(
    "what", [(*LORA, "--optimizer", "muon"), pytest.param((), marks=pytest.mark.slow)], ids=["lora", "full"]
)
def test_resumed_losses_are_equal_to_the_bit(
    base: Path, clips: Path, tmp_path: Path, what: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """LoRA with dropout, or every weight; batches in random order; stopped in the middle of the second epoch."""
    from surgvqa.train.clips.clip_trainer import ClipTrainer

    more = (*RESUMABLE, *what, "--per_device_train_batch_size", "12")  # two steps an epoch
    sft.main(options(base, clips, tmp_path / "whole", *more))
    stock = ClipTrainer.training_step

    def crash(self: ClipTrainer, *args: object, **kwargs: object) -> torch.Tensor:
        if self.state.global_step == 3:
            raise KeyboardInterrupt
        return stock(self, *args, **kwargs)

    monkeypatch.setattr(ClipTrainer, "training_step", crash)
    with pytest.raises(KeyboardInterrupt):
        sft.main(options(base, clips, tmp_path / "cut", *more))
    monkeypatch.setattr(ClipTrainer, "training_step", stock)
    sft.main(options(base, clips, tmp_path / "cut", *more))
    assert losses_of(tmp_path / "cut") == losses_of(tmp_path / "whole")
    assert len(losses_of(tmp_path / "whole")) == 5


def test_a_run_that_was_over_learns_no_more_when_it_is_resumed(
    base: Path, clips: Path, tmp_path: Path
) -> None:
    """Stopped after its last checkpoint and before its result was written; transformers alone takes another step."""
    more = (
        *RESUMABLE,
        *LORA,
        "--max_steps",
        "2",
        "--lr_scheduler_type",
        "constant",
        "--learning_rate",
        "0.01",
    )
    out = tmp_path / "out"
    sft.main(options(base, clips, out, *more))
    weights, losses = (out / "adapter_model.safetensors").read_bytes(), losses_of(out)
    (out / "adapter_model.safetensors").unlink()
    sft.main(options(base, clips, out, *more))
    assert (out / "adapter_model.safetensors").read_bytes() == weights
    assert losses_of(out) == losses and len(losses) == 2


@pytest.mark.slow
def test_killed_at_any_moment(base: Path, clips: Path, tmp_path: Path) -> None:
    """kill -9, again and again, also in the middle of writing a checkpoint; the losses are those of one run."""
    more = (*RESUMABLE, *LORA, "--max_steps", "8")
    sft.main(options(base, clips, tmp_path / "whole", *more))
    command = [sys.executable, "-m", "surgvqa.train", "sft", *options(base, clips, tmp_path / "cut", *more)]
    deadline, kills = time.monotonic() + 400, 0
    while time.monotonic() < deadline:
        before = last_checkpoint(tmp_path / "cut")
        with (tmp_path / "log").open("w") as log:
            child = subprocess.Popen(
                command, stdout=log, stderr=log, env=os.environ | {"HF_HUB_OFFLINE": "1"}
            )
            # at least one step further each time, then at an arbitrary moment within the next steps
            while child.poll() is None and last_checkpoint(tmp_path / "cut") == before:
                time.sleep(0.01)
            time.sleep(0.06 * kills)
            if child.poll() is not None:
                break
            child.send_signal(signal.SIGKILL)
            child.wait()
            kills += 1
    assert child.returncode == 0, (tmp_path / "log").read_text()[-2000:]
    assert kills >= 3
    assert losses_of(tmp_path / "cut") == losses_of(tmp_path / "whole")
