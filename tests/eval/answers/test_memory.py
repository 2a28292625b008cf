"""A full card ends in one line that says what to lower, wherever it happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from colour_clips import row, write
from pointing_rows import write as write_pointing
from surgvqa.eval.__main__ import main as evaluate
from surgvqa.train.__main__ import main as train
from transformers import Qwen2_5_VLModel
from transformers import Trainer as Stock

SAID = "CUDA out of memory. Tried to allocate 2.00 GiB."


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [row(number) for number in range(4)]
    return write(
        tmp_path_factory.mktemp("clips") / "data", train=rows, test=[row(number) for number in range(40, 44)]
    )


def full(*_: Any, **__: Any) -> Any:
    raise torch.OutOfMemoryError(SAID + "\nGPU 0 has a total capacity of 23.69 GiB of which …")


def full_after(calls: int) -> Any:
    """A forward that finds memory so many times."""
    stock, left = Qwen2_5_VLModel.forward, calls

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        return full() if left < 0 else stock(self, *args, **kwargs)

    return forward


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return text.strip().splitlines()[-1]


def arguments(base: Path, clips: Path, out: Path, *more: str) -> list[str]:
    asked = ("--model_name_or_path", str(base), "--dataset_name", str(clips), "--output_dir", str(out))
    return [*asked, "--use_cpu", "true", "--report_to", "none", "--disable_tqdm", "true", *more]


# The doctor's own forwards are 13 here: the first may not fit, or one of step 1, larger by the accumulated activations.
@pytest.mark.parametrize(("verb", "calls"), [("sft", 0), ("sft", 15), ("doctor", 0)])
def test_training_steps(
    bases: dict[str, Path],
    clips: Path,
    tmp_path: Path,
    verb: str,
    calls: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Qwen2_5_VLModel, "forward", full_after(calls))
    given = arguments(bases["qwen2_5_vl"], clips, tmp_path / "out", "--per_device_train_batch_size", "4")
    assert train([verb, *given, "--max_steps", "9", "--use_peft", "true"]) == 2
    line = last_line(capsys)
    assert f"the card is full ({SAID}); in this order: --per_device_train_batch_size 1 --gradient_acc" in line
    assert (
        "--gradient_accumulation_steps 4 (the same step in smaller parts), --gradient_checkpointing" in line
    )
    assert "4 bits (sft_qlora.yaml), a lower --max_pixels (now 262144)" in line


def test_what_is_done_already_is_not_advised(
    bases: dict[str, Path],
    clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Stock, "_move_model_to_device", full)  # the model alone is too large
    given = arguments(bases["qwen2_5_vl"], clips, tmp_path / "out", "--per_device_train_batch_size", "1")
    more = ("--gradient_checkpointing", "true", "--questions-per-sequence", "1", "--max_pixels", "4000")
    assert train(["sft", *given, *more]) == 2
    line = last_line(capsys)
    assert line.endswith(
        "in this order: LoRA (sft_lora.yaml), a lower --max_pixels (now 4000) or fewer --frames, "
        "several cards (accelerate_fsdp.yaml)"
    )


def test_grpo(
    bases: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = write_pointing(tmp_path / "data", train=range(4), validation=range(4, 5), test=range(5, 6))
    monkeypatch.setattr(Qwen2_5_VLModel, "forward", full)
    given = arguments(bases["qwen2_5_vl"], data, tmp_path / "out", "--config", "grpo_lora.yaml")
    more = ("--num_generations", "2", "--per_device_train_batch_size", "2", "--max_completion_length", "4")
    assert train(["grpo", *given, *more]) == 2
    assert f"the card is full ({SAID}); in this order: --per_device_train_batch_size 1" in last_line(capsys)


@pytest.mark.parametrize(("size", "first"), [("8", "--batch-size 4, --dtype"), ("1", "--dtype bfloat16")])
def test_predict(
    bases: dict[str, Path],
    clips: Path,
    tmp_path: Path,
    size: str,
    first: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Qwen2_5_VLModel, "forward", full)
    given = ["predict", str(clips), "--model", str(bases["qwen2_5_vl"]), "--out", str(tmp_path / "a.jsonl")]
    assert evaluate([*given, "--frames", "4", "--batch-size", size, "--device", "cpu"]) == 2
    assert f"the card is full ({SAID}); in this order: {first}" in last_line(capsys)


def test_a_model_too_large_to_ask(
    bases: dict[str, Path],
    clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(torch.nn.Module, "to", full)
    given = ["predict", str(clips), "--model", str(bases["qwen2_5_vl"]), "--out", str(tmp_path / "a.jsonl")]
    assert evaluate([*given, "--frames", "4", "--device", "cpu"]) == 2
    assert "in this order: --dtype bfloat16, a larger card, --device cpu" in last_line(capsys)
