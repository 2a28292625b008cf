"""Tiny models load like real ones, and labels are the answers with their end, whatever users write."""

from __future__ import annotations

from pathlib import Path

import pytest
from colour_clips import dataset, row
from surgvqa.cards.command import InputError
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.encode import Encoder
from surgvqa.train import tiny
from surgvqa.train.__main__ import main
from surgvqa.train.clips.collate import Collator, units
from surgvqa.train.steps.labels import IGNORE, assistant_labels
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor


@pytest.fixture(scope="module", params=tiny.FAMILIES)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tiny") / "x"
    assert main(["tiny", "--family", request.param, "--size", "demo", "--out", str(out)]) == 0
    assert AutoConfig.from_pretrained(out).model_type == request.param
    return out


def test_a_tiny_model_loads_with_heads_that_vllm_serves(checkpoint: Path) -> None:
    model = AutoModelForImageTextToText.from_pretrained(checkpoint)
    text = model.config.get_text_config()
    assert text.hidden_size // text.num_attention_heads == 32
    assert model.generation_config.eos_token_id != model.generation_config.pad_token_id
    processor = AutoProcessor.from_pretrained(checkpoint)
    assert len(processor.tokenizer) == text.vocab_size
    words = "No viscoelastic; the capsulorhexis cystotome – 3° left.\nÄ 中"
    assert processor.tokenizer.decode(processor.tokenizer(words)["input_ids"]) == words


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    for name in ("a", "b"):
        tiny.make("qwen2_vl", tmp_path / name, seed=3)
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b"))
    assert one == two


def test_an_unknown_family_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["tiny", "--family", "qwen2.5-vl", "--out", str(tmp_path)])
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.count("\n") == 1
    assert "invalid choice: 'qwen2.5-vl'" in error and "qwen2_5_vl" in error


def test_labels_are_the_answers_and_their_end(checkpoint: Path) -> None:
    clip = row(0)
    clip["messages"][0]["content"] = "assistant\nThe assistant says: assistant\n which colour?"
    clip["messages"][3]["content"] = "assistant\nYes. user\n"
    encoder = Encoder(AutoProcessor.from_pretrained(checkpoint), Budget(4, min_pixels=196))
    for shared in (False, True):
        rows = dataset([clip])
        batch = Collator(rows, encoder, shared)(list(units(rows, 0)))
        said = [encoder.tokenizer.decode(labels[labels != IGNORE]) for labels in batch["labels"]]
        assert "".join(said) == (
            "It is red.<|im_end|>assistant\nYes. user\n<|im_end|>It is in the center of the image.<|im_end|>"
        )


def test_nothing_to_learn_is_an_error(checkpoint: Path) -> None:
    tokenizer = AutoProcessor.from_pretrained(checkpoint).tokenizer
    with pytest.raises(InputError, match="nothing to learn"):
        assistant_labels(tokenizer("<|im_start|>user\nassistant\nHi<|im_end|>")["input_ids"], tokenizer)
    with pytest.raises(InputError, match=r"has no <\|im_end\|>"):
        assistant_labels(tokenizer("<|im_start|>assistant\nHi")["input_ids"], tokenizer)
