"""The training recipe, on tiny models: it learns from pixels, saves what it taught, and refuses to run blind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from colour_clips import row, write
from safetensors.torch import load_file
from surgvqa.cards.command import InputError
from surgvqa.eval.answers.predict import Run, predict
from surgvqa.eval.data import predictions
from surgvqa.eval.models.budget import BUDGET_FILE, Budget
from surgvqa.eval.models.encode import EncodedClip, Encoder
from surgvqa.eval.models.load import load_model
from surgvqa.train import sft, tiny
from surgvqa.train.__main__ import main


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    train = [row(number) for number in range(24)]
    return write(tmp_path_factory.mktemp("clips") / "data", train=train, test=[row(n) for n in range(40, 52)])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("base") / "anything"  # no family in the name: nothing may read it there
    tiny.make("qwen2_5_vl", out)
    return out


def run(base: Path, clips: Path, out: Path, *options: str) -> list[float]:
    """Run the recipe in this process; the losses it logged."""
    sft.main(
        [
            *("--model_name_or_path", str(base), "--dataset_name", str(clips), "--output_dir", str(out)),
            *("--logging_steps", "1", "--disable_tqdm", "true", "--save_strategy", "no", "--use_cpu", "true"),
            *options,
        ]
    )
    state = json.loads((out / "trainer_state.json").read_text())
    return [entry["loss"] for entry in state["log_history"] if "loss" in entry]


def test_what_follows_a_run(tmp_path: Path) -> None:
    """A talker of conversations ended without a word on what to do with it, and a run that hears named written questions."""
    out = str(tmp_path)
    assert sft.next_words("instruct", "lap", out) == (), "whole weights, nothing to merge"
    (tmp_path / "adapter_config.json").write_text("{}")
    assert sft.next_words("instruct", "lap", out) == ("surgvqa-train", "merge", out, "--out", f"{out}-merged")
    for config in ("pointing", "spoken"):
        words = sft.next_words(config, "lap", out)
        assert words[:5] == ("surgvqa-eval", "predict", "lap", "--config", config)


def test_lora_touches_the_language_model_only(
    base: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "adapter"
    run(base, clips, out, "--config", "configs/sft_lora.yaml", "--max_steps", "2", "--learning_rate", "0.01")
    card, said = (out / "README.md").read_text(), capsys.readouterr().out
    assert "A LoRA adapter for questions" in card and "Not evaluated" in card and "| frames | 4 |" in card
    assert (
        "More Information Needed" not in card and str(base) not in card
    )  # peft's blanks, a path of this machine
    ends = said.splitlines()[-2:]
    assert ends[0].startswith(f"{out}: 2 steps in ") and "{" not in said
    assert ends[1] == f"next: surgvqa-eval predict {clips} --model {out} --out {out}-answers.jsonl"
    weights = load_file(out / "adapter_model.safetensors")
    assert len(weights) == 28 and not [key for key in weights if "visual" in key]
    assert all(tensor.abs().sum() > 0 for tensor in weights.values())  # B began at zero: all have moved
    assert Budget.load(out) == Budget(4, "images", 3136, 262144)
    loaded = load_model(str(out), device="cpu")
    assert loaded.budget == Budget.load(out)
    assert loaded.model.config.model_type == "qwen2_5_vl"


def test_a_shared_sequence_trains_like_one_row_per_question(base: Path, clips: Path, tmp_path: Path) -> None:
    common = ("--max_steps", "3", "--train_sampling_strategy", "sequential", "--learning_rate", "0.001")
    rows = run(
        base,
        clips,
        tmp_path / "a",
        *common,
        "--questions-per-sequence",
        "1",
        "--per_device_train_batch_size",
        "6",
    )
    shared = run(base, clips, tmp_path / "b", *common, "--per_device_train_batch_size", "2")
    pairs = run(
        base,
        clips,
        tmp_path / "c",
        *common,
        "--per_device_train_batch_size",
        "4",
        "--questions-per-sequence",
        "2",
    )
    assert shared == pytest.approx(rows, rel=1e-5)
    assert pairs == pytest.approx(rows, rel=1e-5)


def test_accumulated_batches_weigh_tokens_not_batches(base: Path, clips: Path, tmp_path: Path) -> None:
    common = ("--max_steps", "2", "--train_sampling_strategy", "sequential", "--learning_rate", "0.01")
    one_row = ("--questions-per-sequence", "1")  # answers of unlike length, so a mean of means would differ
    whole = run(base, clips, tmp_path / "a", *common, *one_row, "--per_device_train_batch_size", "4")
    parts = run(
        base,
        clips,
        tmp_path / "b",
        *common,
        *one_row,
        *("--per_device_train_batch_size", "1", "--gradient_accumulation_steps", "4"),
    )
    assert parts == pytest.approx(whole, rel=1e-5)


def test_it_learns_from_the_pixels(clips: Path, tmp_path: Path) -> None:
    tiny.make("qwen2_5_vl", tmp_path / "base", "demo")
    run(
        tmp_path / "base",
        clips,
        tmp_path / "run",
        *("--max_steps", "40", "--learning_rate", "0.003", "--per_device_train_batch_size", "6"),
        *("--lr_scheduler_type", "cosine", "--max_pixels", "784", "--logging_steps", "10"),
    )
    right = {}
    for control in ("none", "wrong-video", "no-pixels"):
        out = tmp_path / f"{control}.jsonl"
        predict(
            Run(data=str(clips), model=str(tmp_path / "run"), out=out, control=control, max_new_tokens=12)
        )
        asked = [one for one in predictions.read(out) if one.kind == "colour"]
        right[control] = sum(one.prediction == one.answer for one in asked) / len(asked)
    assert right["none"] == 1.0
    assert right["wrong-video"] <= 0.75 and right["no-pixels"] <= 0.4


def test_blind_training_is_refused(
    base: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = Encoder.encode

    def grey(self: Encoder, *args: object, **kwargs: object) -> EncodedClip:
        clip = stock(self, *args, **kwargs)  # type: ignore[arg-type]
        clip.patches.fill_(127)
        return clip

    monkeypatch.setattr(Encoder, "encode", grey)
    with pytest.raises(InputError, match="swapping the pixels of two clips leaves the loss"):
        run(base, clips, tmp_path / "out", "--max_steps", "1")


def test_too_long_is_said_before_step_one(base: Path, clips: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"case0@0-2000 takes \d+ tokens, the budget is 20; lower --max_pixels"
    ):
        run(base, clips, tmp_path / "out", "--max_length", "20")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--learning_rat", "1"], "no option --learning_rat; did you mean --learning_rate"),
        (
            ["--config", "nothing.yaml"],
            r"no file nothing\.yaml; surgvqa has audio_align\.yaml, .*, demo_base\.yaml, .*, sft_qlora\.yaml$",
        ),
        (["--dataset_name", "/nowhere"], "no data set /nowhere"),
        (["--dataset_train_split", "trian"], "has no split 'trian'; did you mean train"),
        (["--model_name_or_path", "/nowhere"], "no model at /nowhere"),
        (["--eval_strategy", "steps", "--dataset_test_split", "test"], "while training spends it"),
        (["--packing", "true"], "packing and padding_free don't apply"),
        (["--media", "film"], "expected images, video; found 'film'"),
    ],
)
def test_mistakes_are_one_line(
    base: Path,
    clips: Path,
    tmp_path: Path,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["--model_name_or_path", str(base), "--dataset_name", str(clips), "--output_dir", str(tmp_path)]
    assert main(["sft", *given, *options]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.search(message, last), last


@pytest.mark.slow  # a training in a process of its own
def test_stock_trl_sft_takes_our_folder(base: Path, clips: Path, tmp_path: Path) -> None:
    """The command of the README, as a user types it."""
    command = [
        *(str(Path(sys.executable).with_name("trl")), "sft"),
        *("--model_name_or_path", str(base), "--dataset_name", str(clips), "--dataset_config", "clips"),
        *("--output_dir", str(tmp_path / "out"), "--max_steps", "2", "--max_length", "4096"),
        *("--use_peft", "--lora_target_modules", "q_proj", "v_proj", "--assistant_only_loss", "true"),
        *(
            "--use_cpu",
            "true",
            "--bf16",
            "false",
            "--report_to",
            "none",
            "--per_device_train_batch_size",
            "2",
        ),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    assert done.returncode == 0, done.stderr[-2000:]
    weights = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert any(tensor.abs().sum() > 0 for key, tensor in weights.items() if "lora_B" in key)


def test_help_is_quick() -> None:
    code = "import sys; from surgvqa.train.__main__ import main\ntry: main(['sft', '--help'])\nfinally: assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "--questions-per-sequence" in done.stdout


def test_budget_file_is_beside_every_checkpoint(base: Path, clips: Path, tmp_path: Path) -> None:
    run(base, clips, tmp_path, "--max_steps", "1", "--save_strategy", "steps", "--save_steps", "1")
    assert (tmp_path / "checkpoint-1" / BUDGET_FILE).is_file()
