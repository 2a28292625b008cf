"""`surgvqa-train grpo` on questions about clips: the evaluation's matchers pay, guessers are refused, zero advantage is named."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from colour_clips import row, write
from safetensors.torch import load_file
from surgvqa.cards.command import InputError
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring.verdicts import judge
from surgvqa.train import grpo, sft
from surgvqa.train.pointing import question_rewards, zero_advantage
from surgvqa.train.pointing.blind_rewards import examine
from surgvqa.train.pointing.blind_rewards import question_rewards as paid

SMALL = (
    *("--config", "grpo_lora.yaml", "--use_cpu", "true", "--report_to", "none", "--disable_tqdm", "true"),
    *("--num_generations", "4", "--per_device_train_batch_size", "8", "--gradient_accumulation_steps", "1"),
    *("--max_completion_length", "8", "--logging_steps", "1", "--gradient_checkpointing", "false"),
    *("--dataset_config", "clips", "--temperature", "0.7", "--probe_questions", "3"),
)

# reward, reply, what it earns; None: it doesn't apply
PAID: list[tuple[str, dict[str, Any], str, float | None]] = [
    ("right", {"short_answer": "left"}, "It is on the left.", 1.0),
    ("right", {"short_answer": "left", "known_answers": ["left", "right"]}, "left or right", 0.0),
    ("right", {"short_answer": "3", "kind": "count", "question": "How many instruments?"}, "Three.", 1.0),
    ("right", {"short_answer": "yes"}, "<think>No, or is it?</think>\n\nYes.", 1.0),
    ("choice", {"short_answer": "left", "choices": ["left", "right"]}, "left", 1.0),
    ("choice", {"short_answer": "left"}, "left", None),
    ("set_f1", {"short_answer": "hook, grasper", "kind": "instruments"}, "a hook", 2 / 3),
    ("set_f1", {"short_answer": "hook, grasper"}, "a hook", None),
    ("number", {"short_answer": "3"}, "3", 1.0),
    ("number", {"short_answer": "3"}, "4", 0.5),
    ("number", {"short_answer": "3"}, "7", 0.0),
    ("number", {"short_answer": "3"}, "3, or 4", 0.0),
    ("number", {"short_answer": "left"}, "3", None),
    ("time", {"short_answer": "65 s"}, "1:05", 1.0),
    ("time", {"short_answer": "65 s"}, "at 68 s", 0.5),
    ("time", {"short_answer": "left"}, "at 68 s", None),
    ("temporal_iou", {"short_answer": "2.0-6.0 s"}, "2-4 s", 0.5),
    ("temporal_iou", {"short_answer": "2.0-6.0 s"}, "2-4 s or 4-6 s", 0.0),
    ("temporal_iou", {"short_answer": "left"}, "2-4 s", None),
    ("box_iou", {"short_answer": "[0, 0, 10, 10]"}, "[0, 0, 10, 5]", 0.5),
    ("box_iou", {"short_answer": "left"}, "[0, 0, 10, 5]", None),
    ("readable", {"short_answer": "left", "choices": ["left", "right"]}, "right", 1.0),
    ("readable", {"short_answer": "left", "choices": ["left", "right"]}, "blah", 0.0),
    ("readable", {"short_answer": "left"}, "", 0.0),
    ("brevity", {"short_answer": "left"}, "left", 1.0),
    ("brevity", {"short_answer": "left"}, "left" + " of what lies in the picture" * 4, 0.0),
    ("brevity", {"short_answer": "left"}, "right", 0.0),
    ("thoughts", {"short_answer": "left"}, "<think>It is there.</think> left", 1.0),
    ("thoughts", {"short_answer": "left"}, "<think>It is there.", 0.0),
    ("thoughts", {"short_answer": "left"}, "left", 0.0),
]


@pytest.mark.parametrize(("name", "facts", "reply", "value"), PAID)
def test_what_a_reply_earns(name: str, facts: dict[str, Any], reply: str, value: float | None) -> None:
    question = {"kind": "x", "question": "Which?", "answer": facts["short_answer"], **facts}
    columns = {key: [one] for key, one in question.items()}
    reward = getattr(question_rewards, f"{name}_reward")
    for completion in (reply, [{"role": "assistant", "content": reply}]):
        found = reward([completion], **columns)[0]
        assert found == (None if value is None else pytest.approx(value))


def test_right_answers_earn_the_same_in_every_kind() -> None:
    truths = ["left", "3", "65 s", "2.0-6.0 s", "[0, 0, 10, 10]", "yes"]
    columns = {"kind": ["x"] * 6, "question": ["?"] * 6, "answer": truths, "short_answer": truths}
    assert question_rewards.answer_reward(truths, **columns) == [1.0] * 6


def test_a_reply_is_paid_where_the_evaluation_counts_it() -> None:
    replies = ["It is red.", "red or green", "not red", "RED", "green", "", "The colour is red, I think."]
    rows = [
        Prediction("q", "c", "c", "colour", "r", "Which colour?", "It is red.", "red", prediction=reply)
        for reply in replies
    ]
    others = [
        Prediction("q", "c", "c", "colour", "r", "Which colour?", "", text) for text in ("green", "blue")
    ]
    right = [one.verdicts["word"].correct for one in judge(rows, others)]
    columns = {
        "kind": ["colour"] * 7, "question": ["Which colour?"] * 7, "answer": ["It is red."] * 7,
        "short_answer": ["red"] * 7, "known_answers": [["blue", "green", "red"]] * 7,
    }  # fmt: skip
    assert question_rewards.right_reward(replies, **columns) == [float(one) for one in right]
    assert 0 < sum(right) < 7


def test_rows_without_the_columns_are_refused() -> None:
    with pytest.raises(InputError, match="there is no question, answer"):
        question_rewards.right_reward(["left"], kind=["x"], short_answer=["left"])


@pytest.fixture(scope="module")
def taught(bases: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Clips, and a model that has begun to learn their answers."""
    folder = tmp_path_factory.mktemp("taught")
    data = write(folder / "data", train=[row(number) for number in range(9)])
    options = {
        **{"model_name_or_path": bases["qwen3_vl"], "dataset_name": data, "output_dir": folder / "sft"},
        **{"max_steps": 60, "learning_rate": 0.003, "per_device_train_batch_size": 3, "max_pixels": 3136},
        **{"frames": 2, "save_strategy": "no", "report_to": "none", "disable_tqdm": "true"},
    }
    sft.main([word for name, value in options.items() for word in (f"--{name}", str(value))])
    return data, folder / "sft"


def arguments(model: Path, data: Path, out: Path, *more: str) -> list[str]:
    where = ("--model_name_or_path", str(model), "--dataset_name", str(data), "--output_dir", str(out))
    return [*SMALL, *where, *more]


def test_clips_are_reinforced(taught: tuple[Path, Path], tmp_path: Path, capsys: Any) -> None:
    data, adapter = taught
    grpo.main(arguments(adapter, data, tmp_path / "out", "--max_steps", "4", "--learning_rate", "0.01"))
    table = capsys.readouterr().err
    assert "majority" in table and "questions without an advantage" in table
    learned = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert max(value.abs().max().item() for key, value in learned.items() if "lora_B" in key) > 1e-4
    budget = json.loads((tmp_path / "out" / "surgvqa.json").read_text())
    assert (budget["frames"], budget["max_pixels"]) == (2, 3136)


def test_the_model_sees_the_frames_it_was_taught_with(taught: tuple[Path, Path], tmp_path: Path) -> None:
    data, adapter = taught
    run = grpo.prepare(arguments(adapter, data, tmp_path / "out", "--probe_questions", "0"))
    rows = run.trainer.train_dataset
    assert len(rows) == 27 and {len(images) for images in rows["images"]} == {2}
    assert rows[0]["known_answers"] == ["blue", "green", "red"]
    with pytest.raises(InputError, match="was trained with frames = 2, asked with 4"):
        grpo.prepare(arguments(adapter, data, tmp_path / "out", "--frames", "4"))


def test_nothing_to_learn_is_refused(
    bases: dict[str, Path], taught: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="all answers to each question earn the same"):
        grpo.prepare(arguments(bases["qwen3_vl"], taught[0], tmp_path / "out", "--max_pixels", "3136"))
    out = io.StringIO()
    zero_advantage.examine({"colour": (1, 4), "where": (4, 4)}, out)
    assert "1 of 4" in out.getvalue() and "4 of 4" in out.getvalue()


def test_a_guesser_that_earns_nearly_all_is_refused() -> None:
    rows = [
        {"kind": "where", "question": "Where?", "answer": "center", "short_answer": "center", "choices": [], "known_answers": []}
    ] * 8  # fmt: skip
    with pytest.raises(InputError, match="which sees no pixel, earns"):
        examine(paid(rows, [(question_rewards.answer_reward, 1.0)]), io.StringIO())
