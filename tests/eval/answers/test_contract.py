"""Models that are no Qwen-VL: taught and asked through their own processor's chat template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from colour_clips import dataset, row, write
from pointing_rows import write as write_pointing
from safetensors.torch import load_file
from surgvqa.cards.command import InputError
from surgvqa.eval.__main__ import main as evaluate
from surgvqa.eval.answers.hf_engine import answers
from surgvqa.eval.chat.marks import marks
from surgvqa.eval.data import predictions
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.encode import Encoder
from surgvqa.eval.models.processor_encoder import encoder_for
from surgvqa.train import grpo, tiny
from surgvqa.train.__main__ import main as train
from surgvqa.train.clips.collate import Collator, units
from surgvqa.train.steps.labels import IGNORE
from surgvqa.train.tiny_parts.gemma import TOKENS
from transformers import AutoModelForImageTextToText, AutoProcessor


def made(out: Path) -> Path:
    tiny.make("gemma3", out)
    return out


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("gemma") / "gemma")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips") / "data"
    kinds = {"train": range(8), "validation": range(8, 12), "test": range(12, 16)}
    return write(folder, **{split: [row(n) for n in numbers] for split, numbers in kinds.items()})


def encoder(folder: Path, frames: int = 4) -> Encoder:
    return encoder_for("gemma3", AutoProcessor.from_pretrained(folder), Budget(frames))


def test_what_is_taught_is_the_answers_and_their_end(gemma: Path) -> None:
    clip = row(0)
    clip["messages"][0]["content"] = "model\nThe model says: model\n which colour?"
    clip["messages"].insert(0, {"role": "system", "content": "Be brief."})
    encode = encoder(gemma)
    rows = dataset([clip, row(1)])
    batch = Collator(rows, encode, shared=False)(list(units(rows, 1)))
    said = [encode.tokenizer.decode(labels[labels != IGNORE]) for labels in batch["labels"]]
    ends = ["It is red.", "Yes.", "It is in the center of the image."]
    ends += ["It is green.", "No.", "It is in the center of the image."]
    assert said == [f"{answer}<end_of_turn>" for answer in ends]
    assert len(batch["pixel_values"]) == 6 * 4  # every question brings its clip
    images = batch["input_ids"] == encode.tokenizer.convert_tokens_to_ids("<image_soft_token>")
    assert torch.equal(batch["token_type_ids"].bool(), images) and images.sum() == 6 * 4 * TOKENS
    lengths = [length for one in rows for length in encode.lengths(one, range(3)).alone]
    assert lengths == batch["attention_mask"].sum(1).tolist()


def test_a_padded_batch_answers_as_one_at_a_time(gemma: Path) -> None:
    encode = encoder(gemma)
    model = AutoModelForImageTextToText.from_pretrained(gemma).eval()
    rows = dataset([row(0, questions=3), row(1, size=42, questions=1), row(2, questions=2)])
    clips = [encode.encode(one, range(len(one["qa"])), answered=False) for one in rows]
    calls: list[str] = []
    together = answers(model, encode, clips, 8, lambda: calls.append("began"))
    assert calls == ["began"]
    sure = [answer.confidence for said in together for answer in said]
    assert max(sure) > 1.01 * min(sure)  # clip and question do reach it
    for clip, said in zip(clips, together, strict=True):
        for ids, answer in zip(clip.ids, said, strict=True):
            out = model.generate(
                **encode.inputs([ids], [clip], left=True), max_new_tokens=8, do_sample=False,
                output_logits=True, return_dict_in_generate=True,
            )  # fmt: skip
            tokens = out.sequences[0, len(ids) :]
            assert answer.text == encode.tokenizer.decode(tokens, skip_special_tokens=True).strip()
            chances = [s.softmax(-1)[0, t].item() for s, t in zip(out.logits, tokens, strict=True)]
            assert answer.confidence == pytest.approx(sum(chances) / len(chances), rel=1e-4)


def sft(gemma: Path, data: Path, out: Path, *more: str) -> list[str]:
    asked = ["--model_name_or_path", str(gemma), "--dataset_name", str(data), "--output_dir", str(out)]
    small = ["--questions_per_sequence", "1", "--report_to", "none", "--disable_tqdm", "true"]
    return ["sft", "--config", "sft_lora.yaml", *asked, *small, *more]


def test_it_learns_and_is_asked(gemma: Path, data: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "taught"
    fast = (
        "--learning_rate",
        "0.05",
        "--max_steps",
        "8",
        "--lr_scheduler_type",
        "constant",
        "--logging_steps",
        "1",
    )
    evaluated = ("--eval_strategy", "steps", "--eval_steps", "8", "--eval_questions", "6")
    assert train(sft(gemma, data, out, *fast, *evaluated, "--gradient_checkpointing", "false")) == 0
    table = capsys.readouterr().err
    assert "swapped, they change the loss" in table and "✗" not in table  # the doctor looked
    log = json.loads((out / "trainer_state.json").read_text())["log_history"]
    losses = [entry["loss"] for entry in log if "loss" in entry]
    assert losses[-1] < 0.7 * losses[0]
    assert any("eval_accuracy" in entry for entry in log)
    moved = load_file(out / "adapter_model.safetensors")
    assert moved and all(".language_model." in key for key in moved)
    assert all(bool(tensor.any()) for tensor in moved.values())
    said = {}
    for name, model in (("base", gemma), ("taught", out)):
        ask = ["predict", str(data), "--model", str(model), "--out", str(tmp_path / f"{name}.jsonl")]
        frames = ["--frames", "4"] if name == "base" else []
        assert evaluate([*ask, "--max-new-tokens", "8", *frames]) == 0
        rows = predictions.read(tmp_path / f"{name}.jsonl")
        assert len(rows) == 12 and not any(one.error for one in rows)
        said[name] = [one.prediction for one in rows]
    assert said["base"] != said["taught"]


@pytest.mark.slow
def test_it_is_reinforced(gemma: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpo, "examine", lambda values: 0.0)  # this reward is earned blind
    data = write_pointing(tmp_path / "data", train=range(6), test=range(7, 9))
    taught, out = tmp_path / "sft", tmp_path / "grpo"
    fast = ("--learning_rate", "0.01", "--max_steps", "2")
    assert train([*sft(gemma, data, taught, *fast), "--dataset_config", "pointing"]) == 0
    asked = ["--model_name_or_path", str(taught), "--dataset_name", str(data), "--output_dir", str(out)]
    small = ["--num_generations", "2", "--per_device_train_batch_size", "4", "--max_completion_length", "6"]
    paid = [
        "--reward_funcs",
        "reward_functions.letters_reward",
        "--temperature",
        "2.0",
        "--logging_steps",
        "1",
    ]
    config = ["grpo", "--config", "grpo_lora.yaml", "--use_cpu", "true", "--report_to", "none"]
    steps = ["--gradient_accumulation_steps", "1", "--gradient_checkpointing", "false"]
    assert train([*config, *asked, *small, *paid, *steps, *fast]) == 0
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in (taught, out))
    assert before.keys() == after.keys()
    assert max((before[key] - after[key]).abs().max().item() for key in before) > 1e-3
    said = tmp_path / "said.jsonl"
    ask = ["predict", str(data), "--config", "pointing", "--model", str(out), "--out", str(said)]
    assert evaluate([*ask, "--max-new-tokens", "3"]) == 0
    assert not any(one.error for one in predictions.read(said))
    assert train(["merge", str(out), "--out", str(tmp_path / "merged"), "--dtype", "float32"]) == 0


MISTAKES = {
    "shared sequences": (["--questions_per_sequence", "0"], "give --questions-per-sequence 1"),
    "video": (["--media", "video"], "give --media images"),
    "cache": (["--cache_vision", "seen"], "keeps what a Qwen-VL sees, this is a gemma3; leave it away"),
    "pixels": (["--max_pixels", "3136"], "leave --max_pixels away"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_only_a_qwen_can_is_refused(
    mistake: str, gemma: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more, hint = MISTAKES[mistake]
    assert train(sft(gemma, data, tmp_path, *more)) == 2
    assert hint in capsys.readouterr().err.splitlines()[-1]


def test_a_form_of_its_own_is_not_guessed(gemma: Path, tmp_path: Path, capsys: Any) -> None:
    from surgvqa.builders.configs.pointing_questions import Pointing

    data = write_pointing(tmp_path / "data", Pointing("json"), train=range(2), test=range(2, 3))
    out, ask = tmp_path / "p.jsonl", ["predict", str(data), "--config", "pointing", "--model", str(gemma)]
    assert evaluate([*ask, "--frames", "1", "--out", str(out)]) == 2
    assert "no coordinate convention known for model type 'gemma3'" in capsys.readouterr().err
    assert evaluate([*ask, "--frames", "1", "--engine", "vllm", "--out", str(tmp_path / "q.jsonl")]) == 2
    assert "--engine vllm is for Qwen-VL" in capsys.readouterr().err


def test_a_template_that_teaches_what_it_never_asks_for_is_refused(gemma: Path) -> None:
    processor: Any = AutoProcessor.from_pretrained(gemma)
    stock = processor.chat_template
    processor.chat_template = stock.replace("<start_of_turn>model\n", "<start_of_turn>model\n<think>")
    with pytest.raises(InputError, match="what is taught wouldn't be what is generated"):
        marks(processor)
    processor.chat_template = stock.replace("<end_of_turn>", "##")
    with pytest.raises(InputError, match="no special token"):
        marks(processor)
    processor.chat_template = None
    with pytest.raises(InputError, match="no chat template"):
        encoder_for("gemma3", processor, Budget(2))
