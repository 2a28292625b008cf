"""`surgvqa-train grpo`: pictures reach what is generated and what is learned, padded or not; it resumes; it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from pointing_rows import rows, write
from safetensors.torch import load_file
from surgvqa.builders.configs.pointing_questions import Pointing
from surgvqa.cards.command import InputError
from surgvqa.eval.__main__ import main as evaluate
from surgvqa.eval.data import predictions
from surgvqa.eval.models.budget import Budget
from surgvqa.train import grpo, rewards, tiny
from surgvqa.train.__main__ import main as train
from surgvqa.train.pointing.blind_rewards import examine, mean_rewards
from surgvqa.train.pointing.grpo_options import reward_functions

SMALL = (
    *("--config", "grpo_lora.yaml", "--use_cpu", "true", "--report_to", "none", "--disable_tqdm", "true"),
    *("--num_generations", "2", "--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "1"),
    *("--max_completion_length", "6", "--logging_steps", "1", "--gradient_checkpointing", "false"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pointing") / "data"
    return write(folder, train=range(6), validation=range(6, 7), test=range(7, 9))


def arguments(model: Path, data: Path, out: Path, *more: str) -> list[str]:
    asked = ("--model_name_or_path", str(model), "--dataset_name", str(data), "--output_dir", str(out))
    return [*SMALL, *asked, *more]


def alone(trainer: Any, row: dict[str, Any], completion: torch.Tensor) -> torch.Tensor:
    """The log-probabilities of one completion to one row, nothing padded, by the model's own forward."""
    processor, picture = trainer.processing_class, row["images"][0]
    user = [{"type": "image"}, {"type": "text", "text": row["prompt"][0]["content"]}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": user}], tokenize=False, add_generation_prompt=True
    )
    inputs = processor(text=[text], images=[picture], return_tensors="pt")
    length, more = inputs["input_ids"].shape[1], len(completion)
    ids = torch.cat([inputs["input_ids"], completion[None]], 1)
    kinds = torch.cat([inputs["mm_token_type_ids"], torch.zeros(1, more, dtype=torch.int64)], 1)
    logits = trainer.model.get_base_model()(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        mm_token_type_ids=kinds,
        pixel_values=inputs["pixel_values"],
        image_grid_thw=inputs["image_grid_thw"],
    ).logits
    chances = logits[0, length - 1 : -1].float().log_softmax(-1)
    return chances.gather(1, completion[:, None])[:, 0]


def in_a_batch(trainer: Any, some: list[dict[str, Any]]) -> tuple[dict[str, Any], torch.Tensor]:
    """What TRL makes of rows, and the log-probabilities it computes its loss from."""
    trainer.model.train()
    made = trainer._generate_and_score_completions([row for row in some for _ in range(2)])
    ids = torch.cat([made["prompt_ids"], made["completion_ids"]], 1)
    mask = torch.cat([made["prompt_mask"], made["completion_mask"]], 1)
    pictures = {
        key: made[key] for key in ("pixel_values", "image_grid_thw", "num_images", "mm_token_type_ids")
    }
    chances, _, _ = trainer._get_per_token_logps_and_entropies(
        trainer.model, ids, mask, made["completion_ids"].shape[1], **pictures
    )
    return made, chances


def unlike(trainer: Any) -> list[dict[str, Any]]:
    """Rows of three picture sizes and prompts of three lengths."""
    by_length = sorted(trainer.train_dataset, key=lambda row: len(row["prompt"][0]["content"]))
    some = [next(row for row in by_length if row["width"] == width) for width in (84, 140)] + by_length[-1:]
    some.insert(0, next(row for row in reversed(by_length) if row["width"] == 112))
    assert len({len(row["prompt"][0]["content"]) for row in some}) > 1
    return some


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_padded_batch_gives_the_log_probabilities_of_one_at_a_time(
    family: str, bases: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    trainer = grpo.prepare(arguments(bases[family], data, tmp_path, "--bf16", "false")).trainer
    some = unlike(trainer)
    with torch.no_grad():
        made, together = in_a_batch(trainer, some)
        assert made["prompt_mask"].sum(1).unique().numel() > 1  # prompts really differ in length
        for index, row in enumerate(row for row in some for _ in range(2)):
            real = made["completion_mask"][index].bool()
            own = alone(trainer, row, made["completion_ids"][index][real])
            assert together[index][real].tolist() == pytest.approx(own.tolist(), abs=2e-5)


def test_padding_on_the_right_would_not(bases: dict[str, Path], data: Path, tmp_path: Path) -> None:
    trainer = grpo.prepare(arguments(bases["qwen2_5_vl"], data, tmp_path, "--bf16", "false")).trainer
    trainer.processing_class.tokenizer.padding_side = "right"
    with torch.no_grad(), pytest.raises(RuntimeError, match="shape mismatch"):
        in_a_batch(trainer, unlike(trainer))


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_loss_is_computed_with_the_pictures(
    family: str, bases: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    run = grpo.prepare(arguments(bases[family], data, tmp_path, "--max_steps", "1"))
    seen: list[tuple[bool, bool]] = []

    def look(_: torch.nn.Module, __: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        seen.append((torch.is_grad_enabled(), kwargs.get("pixel_values") is not None))

    inner, towers = run.trainer.model.get_base_model().model, []
    inner.register_forward_pre_hook(look, with_kwargs=True)
    inner.visual.register_forward_pre_hook(lambda *_: towers.append(len(seen)))
    run.trainer.train()
    learning = [number for number, (learns, _) in enumerate(seen, 1) if learns]
    assert learning and all(has_pixels for learns, has_pixels in seen if learns)
    assert {*learning} < {*towers}  # while learning, and while answering


def test_it_goes_on_from_an_sft_adapter_and_says_what_it_saw(
    bases: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    asked = ["--model_name_or_path", str(bases["qwen3_vl"]), "--dataset_name", str(data)]
    taught = tmp_path / "sft"
    sizes = ["--min_pixels", "784", "--max_pixels", "9408", "--max_steps", "1", "--report_to", "none"]
    config = ["--config", "sft_lora.yaml", "--dataset_config", "pointing", "--learning_rate", "0.01"]
    assert train(["sft", *config, *asked, "--output_dir", str(taught), *sizes]) == 0
    out = tmp_path / "grpo"
    more = ("--max_steps", "2", "--learning_rate", "0.01", "--temperature", "2.0")
    assert train(["grpo", *arguments(taught, data, out, *more)]) == 0
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in (taught, out))
    assert before.keys() == after.keys()
    assert Budget.load(out) == Budget(1, "images", 784, 9408)
    log = json.loads((out / "trainer_state.json").read_text())["log_history"]
    step = next(entry for entry in log if "reward" in entry)
    for name in ("spatial", "instrument", "quadrant", "negatives", "format", "step"):
        assert f"rewards/{name}_reward/mean" in step
    assert 0 < step["reward_blind"] < 1
    said = tmp_path / "said.jsonl"
    ask = ["predict", str(data), "--config", "pointing", "--model", str(out), "--out", str(said)]
    assert evaluate([*ask, "--max-new-tokens", "3"]) == 0
    assert len(predictions.read(said)) == len([row for case in (7, 8) for row in rows(case)])
    assert train(["grpo", *arguments(taught, data, out, "--max_pixels", "784")]) == 2  # not as it was taught


def test_a_run_that_is_cut_off_goes_on_as_it_would_have(
    bases: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = ("--learning_rate", "0.01", "--max_steps", "4", "--save_steps", "2", "--bf16", "false")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    paid = ("--reward_funcs", "reward_functions.length_reward")  # random answers earn nothing from ours
    monkeypatch.setattr(grpo, "examine", lambda values: 0.0)  # and a guesser's answers are as long as others
    assert train(["grpo", *arguments(bases["qwen2_5_vl"], data, whole, *common, *paid)]) == 0
    (cut / "checkpoint-2").parent.mkdir()
    (whole / "checkpoint-2").rename(cut / "checkpoint-2")
    resumed = (*common, *paid, "--resume_from_checkpoint", "true")
    assert train(["grpo", *arguments(bases["qwen2_5_vl"], data, cut, *resumed)]) == 0
    one, other = (load_file(folder / "adapter_model.safetensors") for folder in (whole, cut))
    moved = max(tensor.abs().max().item() for key, tensor in one.items() if "lora_B" in key)
    assert moved > 1e-3  # it did learn something
    assert all(torch.equal(one[key], other[key]) for key in one)


MISTAKES = {
    "no such reward": (("--reward_funcs", "spacial_reward"), "spatial_reward"),
    "no such module": (("--reward_funcs", "nowhere.at_all"), "nowhere"),
    "weights": (("--reward_weights", "1", "2"), "2 --reward_weights"),
    "no such option": (("--num_generation", "4"), "--num_generations"),
    "batch": (("--per_device_train_batch_size", "3"), "generation_batch_size"),
    "config": (("--dataset_config", "clips"), "pointing"),
    "test split": (("--eval_strategy", "steps", "--dataset_test_split", "test"), "validation"),
    "no adapter": (("--use_peft", "false"), "--use_peft true"),
    "no checkpoint": (("--resume_from_checkpoint", "nowhere"), "surgvqa.json"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_bad_input_is_one_line(
    mistake: str, bases: dict[str, Path], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more, hint = MISTAKES[mistake]
    assert train(["grpo", *arguments(bases["qwen2_5_vl"], data, tmp_path, *more)]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert hint in last and "Traceback" not in last


def test_help_is_fast() -> None:
    start = time.perf_counter()
    said = subprocess.run(
        [sys.executable, "-m", "surgvqa.train", "grpo", "--help"], capture_output=True, text=True, check=True
    )
    assert "--num_generations" in said.stdout and time.perf_counter() - start < 3  # on a loaded machine


def test_what_a_guesser_nearly_fills_is_refused() -> None:
    some = [row for case in range(9) for row in rows(case)]
    mix = list(zip(*reward_functions(None, None, {row["kind"] for row in some}), strict=True))
    values = mean_rewards(some, mix)
    assert values["right"] > 0.95 and examine(values) < 0.6 * values["right"]
    # the same frames, but everything is in the middle
    central = [
        row | {"points": [[0.5, 0.5]] * len(row["labels"]), "positions": ["center"] * len(row["labels"])}
        for row in rows(1, Pointing("point", negatives=0)) if row["kind"] == "locate"
    ]  # fmt: skip
    central = [row | {"masks": [""] * len(row["labels"]), "granularity": "point"} for row in central]
    right = '<point x="50" y="50">{}</point>'
    central = [
        row | {"completion": [{"role": "assistant", "content": right.format(row["labels"][0])}]}
        for row in central if len(row["labels"]) == 1
    ]  # fmt: skip
    with pytest.raises(InputError, match="sees no pixel"):
        examine(mean_rewards(central, [(rewards.spatial_reward, 1.0)]))
