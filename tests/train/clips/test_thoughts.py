"""Answers with thoughts before them: masked or taught by an option, and asked as they were taught."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from colour_clips import row, write
from surgvqa.cards.command import InputError
from surgvqa.eval.answers.predict import Run, predict
from surgvqa.eval.data import predictions
from surgvqa.eval.models.processor_encoder import encoder_for
from surgvqa.train import sft, tiny
from surgvqa.train.clips.prepare import prepare
from surgvqa.train.steps.labels import IGNORE

FAMILIES = ("qwen3_5", "gemma4")
WRITTEN = {  # what the family's template makes of a thought and "Yes."
    "qwen3_5": "It looks red.\n</think>\n\nYes.<|im_end|>",
    "gemma4": "<|channel>thought\nIt looks red.\n<channel|>Yes.<turn|>",
}
END = {"qwen3_5": "<|im_end|>", "gemma4": "<turn|>"}


def thoughtful(number: int) -> dict[str, Any]:
    made = row(number)
    for message in made["messages"]:
        if message["role"] == "assistant":
            message["content"] = f"<think>It looks red.</think>\n\n{message['content']}"
    return made


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips") / "data"
    return write(folder, train=[thoughtful(number) for number in range(4)], test=[row(9)])


def arguments(family: str, base: Path, clips: Path, out: Path, *options: str) -> list[str]:
    tiny.make(family, base)
    alone = ("--questions_per_sequence", "1") if family == "gemma4" else ("--max_pixels", "3136")
    return [
        *("--model_name_or_path", str(base), "--dataset_name", str(clips), "--output_dir", str(out)),
        *("--use_peft", "true", "--save_strategy", "no", "--disable_tqdm", "true", "--report_to", "none"),
        *("--max_steps", "1", "--frames", "1", *alone, *options),
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_they_are_taught_or_masked_and_asked_for(family: str, clips: Path, tmp_path: Path) -> None:
    taught = {}
    for thoughts in ("teach", "mask"):
        run = prepare(
            arguments(family, tmp_path / "base", clips, tmp_path / thoughts, "--thoughts", thoughts)
        )
        row_of = next(unit for unit in run.units if 1 in unit["questions"])
        batch = run.trainer.data_collator([row_of])
        labels = batch["labels"][batch["labels"] != IGNORE]
        taught[thoughts] = run.encoder.tokenizer.decode(labels)
        assert "It looks red." in run.encoder.tokenizer.decode(batch["input_ids"][0])
    assert WRITTEN[family] in taught["teach"]
    assert "looks" not in taught["mask"] and f"Yes.{END[family]}" in taught["mask"]
    out = tmp_path / "taught"
    sft.main(arguments(family, tmp_path / "base", clips, out, "--thoughts", "teach"))  # the doctor looks, too
    assert json.loads((out / "surgvqa.json").read_text())["thoughts"] is True
    predict(Run(data=str(clips), model=str(out), out=tmp_path / "said.jsonl", max_new_tokens=3))
    assert all(
        one.error is None and one.prediction.startswith("<think>")
        for one in predictions.read(tmp_path / "said.jsonl")
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reply_is_read_the_same_from_every_family(family: str, clips: Path, tmp_path: Path) -> None:
    run = prepare(arguments(family, tmp_path / "base", clips, tmp_path / "out", "--thoughts", "teach"))
    ids = run.encoder.tokenizer(WRITTEN[family], add_special_tokens=False)["input_ids"]
    assert run.encoder.text(ids) == "<think>It looks red.</think>\n\nYes."


def test_thoughts_that_nobody_asked_for_are_refused(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has thoughts before it.*--thoughts teach, or mask"):
        prepare(arguments("qwen3_5", tmp_path / "base", clips, tmp_path / "out"))
    plain = write(tmp_path / "plain", train=[row(0)])
    with pytest.raises(InputError, match=r"has no thoughts.*leave --thoughts away"):
        prepare(arguments("qwen3_5", tmp_path / "base", plain, tmp_path / "out", "--thoughts", "mask"))


def test_a_template_without_a_place_for_thoughts_is_refused(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it has no place for thoughts"):
        prepare(arguments("qwen3_vl", tmp_path / "base", clips, tmp_path / "out", "--thoughts", "teach"))


def test_the_template_is_told_in_both_ways(tmp_path: Path) -> None:
    from surgvqa.eval.models.budget import Budget
    from transformers import AutoProcessor

    tiny.make("qwen3_5", tmp_path / "base")
    processor = AutoProcessor.from_pretrained(tmp_path / "base")
    ends = []
    for thinks in (False, True):
        encoder = encoder_for("qwen3_5", processor, Budget(1, thoughts=thinks))
        ends.append(encoder.texts(row(0), [0], 1, answered=False)[0].rpartition("assistant\n")[2])
    assert ends == ["<think>\n\n</think>\n\n", "<think>\n"]
