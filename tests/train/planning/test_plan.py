"""The plan of a training step: what the allocator really hands out, from shapes alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from colour_clips import row, write
from surgvqa.train import tiny
from surgvqa.train.__main__ import main
from surgvqa.train.clips.prepare import prepare
from surgvqa.train.planning.step import How, Step, step
from torch.profiler import ProfilerActivity, profile
from transformers import AutoConfig, AutoProcessor


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("plan")
    for family in ("qwen2_5_vl", "qwen3_vl"):
        tiny.make(family, where / family, "demo")
    write(where / "data", train=[row(n, size=112, questions=9) for n in range(16)])
    return where


def measured(where: Path, family: str, options: dict[str, Any]) -> tuple[int, dict[str, torch.Tensor]]:
    """The most bytes at one time of a second step: weights, optimizer and what the allocator handed out; and its batch."""
    words = {
        "model_name_or_path": where / family, "dataset_name": where / "data", "output_dir": where / "out",
        "media": "images", "frames": 4, "bf16": "false", "dtype": "float32", "report_to": "none", "max_steps": 2,
        "per_device_train_batch_size": 8, **options,
    }  # fmt: skip
    trainer = prepare([word for name, value in words.items() for word in (f"--{name}", str(value))]).trainer
    first, second = (batch for batch, _ in zip(trainer.get_train_dataloader(), range(2), strict=False))
    model, trainer.current_gradient_accumulation_steps = trainer.model, 1
    if trainer.args.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    optimizer = trainer.create_optimizer()
    trainer.training_step(model, dict(first))
    optimizer.step()
    optimizer.zero_grad()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        trainer.training_step(model, dict(second))
    events = [one for one in watched.profiler.kineto_results.events() if one.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda one: one.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    weights = {id(one): one.numel() * one.element_size() for one in model.parameters()}
    moments = [
        value for state in optimizer.state.values() for value in state.values() if torch.is_tensor(value)
    ]
    return peak + sum(weights.values()) + sum(one.numel() * one.element_size() for one in moments), second


def planned(where: Path, family: str, batch: dict[str, torch.Tensor], how: How) -> Step:
    config, processor = (
        AutoConfig.from_pretrained(where / family),
        AutoProcessor.from_pretrained(where / family),
    )
    return step(config, processor, dict(batch), how)


@pytest.mark.parametrize(
    ("family", "checkpointing", "lora_r"),
    [
        ("qwen2_5_vl", False, 16),
        ("qwen2_5_vl", True, 16),
        *(
            pytest.param(*one, marks=pytest.mark.slow)
            for one in (
                ("qwen2_5_vl", False, 0),
                ("qwen2_5_vl", True, 0),
                *(("qwen3_vl", c, r) for c in (False, True) for r in (16, 0)),
            )
        ),
    ],
)
def test_it_is_within_15_percent_of_what_is_handed_out(folders, family, checkpointing, lora_r):
    options = {"gradient_checkpointing": str(checkpointing).lower()}
    options |= {"use_peft": "true", "lora_r": lora_r, "lora_dropout": 0.05} if lora_r else {}
    real, batch = measured(folders, family, options)
    how = How(lora_r=lora_r, checkpointing=checkpointing, dtype=torch.float32)
    assert planned(folders, family, batch, how).memory() == pytest.approx(real, rel=0.15)


def test_what_costs_more_is_said_to_cost_more(folders):
    _, batch = measured(folders, "qwen2_5_vl", {"use_peft": "true"})
    plain, checked, whole = (
        planned(folders, "qwen2_5_vl", batch, how) for how in (How(), How(checkpointing=True), How(lora_r=0))
    )
    assert checked.peak < 0.6 * plain.peak and 1.2 * plain.flops < checked.flops < 1.6 * plain.flops
    assert plain.four_bit_weights < 0.7 * plain.weights
    assert whole.optimizer > 5 * plain.optimizer and whole.flops > 1.3 * plain.flops


def test_the_command_prints_what_fits(folders, capsys):
    words = [str(folders / "qwen2_5_vl"), "--frames", "4", "--side", "112", "--gpu", "24"]
    assert main(["plan", *words]) == 0
    shown = capsys.readouterr().out
    assert shown.count("fits ") == 4 and "The fastest that fits: surgvqa-train sft" in shown
    assert "--gradient_checkpointing false" in shown and "nothing was measured on a card" in shown
    assert main(["plan", *words[:-1], "1"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("too large") == 4 and "Nothing fits" in shown


def test_questions_that_cannot_share_a_clip_bring_their_own(tmp_path, capsys):
    tiny.make("gemma3", tmp_path / "gemma")
    assert main(["plan", str(tmp_path / "gemma"), "--frames", "2", "--questions", "3", "--gpu", "24"]) == 0
    shown = capsys.readouterr().out
    assert "3 questions, each with the clip in a sequence of its own" in shown and "--per_device" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["/nowhere/qwen"], "no model /nowhere/qwen"),
        (["{base}", "--frames", "0"], "--frames 0: expected 1 or more"),
        (["{base}", "--lora-r", "-1"], "--lora-r -1: expected 0 or more"),
        (["{data}"], "cannot read"),
    ],
)
def test_mistakes_are_one_line(folders, words, message, capsys):
    named = [word.format(base=folders / "qwen2_5_vl", data=folders / "data") for word in words]
    assert main(["plan", *named]) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
