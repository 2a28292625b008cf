"""Kinds of questions weigh what they are to weigh, whatever shares a sequence, a batch or a step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from colour_clips import row, write
from surgvqa.cards.command import InputError
from surgvqa.train import sft
from surgvqa.train.clips.prepare import PreparedRun, prepare
from surgvqa.train.steps.kind_loss import KindLoss

WEIGHTS = {"colour": 3.0, "presence": 0.25, "where": 0.0}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [row(number, questions=3 + number % 2) for number in range(4)]
    return write(tmp_path_factory.mktemp("clips") / "data", train=rows)


def arguments(base: Path, clips: Path, out: Path, *options: str) -> list[str]:
    return [
        *("--model_name_or_path", str(base), "--dataset_name", str(clips), "--output_dir", str(out)),
        *("--use_peft", "true", "--lora_dropout", "0", "--disable_tqdm", "true", "--report_to", "none"),
        *("--max_steps", "4", "--logging_steps", "1", "--max_pixels", "3136", "--save_strategy", "no"),
        *("--learning_rate", "0.01", *options),
    ]


def weighed(**weights: float) -> tuple[str, ...]:
    return ("--kind_weights", *(f"{kind}={weight}" for kind, weight in weights.items()))


def move_adapter(model: torch.nn.Module) -> None:
    """Away from zero, where an adapter's first matrices get no gradient."""
    generator = torch.Generator().manual_seed(0)
    for name, one in model.named_parameters():
        if "lora_B" in name:
            one.data = torch.randn(one.shape, generator=generator) * 0.1


def gradient(run: PreparedRun, groups: list[list[int]]) -> torch.Tensor:
    """The gradient of one step over some batches, as the trainer adds it up."""
    trainer = run.trainer
    model = trainer.model.train()
    move_adapter(model)
    batches = [trainer.data_collator([run.units[index] for index in group]) for group in groups]
    count = trainer._get_num_items_in_batch(batches, torch.device("cpu"))
    trainer.current_gradient_accumulation_steps = len(batches)
    model.zero_grad()
    for batch in batches:
        trainer.compute_loss(model, dict(batch), num_items_in_batch=count).backward()
    return torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])


def reference(run: PreparedRun, weights: dict[str, float]) -> torch.Tensor:
    """The gradient of the weighted mean over all taught tokens, each question by itself."""
    model, total, amount = run.trainer.model.train(), 0.0, 0.0
    move_adapter(model)
    model.zero_grad()
    for unit in run.units:
        batch = run.trainer.data_collator([unit])
        kind = run.rows[unit["row"]]["qa"][unit["questions"][0]]["kind"]
        labels = batch.pop("labels")[0, 1:]
        batch.pop("kind_index")
        logits = model(**batch).logits[0, :-1]
        sums = torch.nn.functional.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
        total, amount = total + weights[kind] * sums, amount + weights[kind] * float((labels != -100).sum())
    (total / amount).backward()
    return torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])


def test_the_gradient_is_that_of_the_weighted_mean(
    bases: dict[str, Path], clips: Path, tmp_path: Path
) -> None:
    base, options = bases["qwen3_vl"], weighed(**WEIGHTS)
    alone = prepare(arguments(base, clips, tmp_path, "--questions-per-sequence", "1", *options))
    right = reference(alone, WEIGHTS)
    plain = prepare(arguments(base, clips, tmp_path, "--questions-per-sequence", "1"))
    every = list(range(len(alone.units)))
    assert (gradient(plain, [every]) - right).norm() > 0.1 * right.norm()  # the weights do something
    shared = prepare(arguments(base, clips, tmp_path, *options))
    assert len(shared.units) == 4
    for run, groups in (
        (alone, [every]),
        (alone, [every[:3], every[3:]]),
        (shared, [[0, 1, 2, 3]]),
        (shared, [[0], [1, 2, 3]]),
        (shared, [[3], [2], [1], [0]]),
    ):
        assert (gradient(run, groups) - right).norm() <= 1e-5 * right.norm()


def test_each_kind_is_logged(bases: dict[str, Path], clips: Path, tmp_path: Path) -> None:
    sft.main(arguments(bases["qwen3_vl"], clips, tmp_path / "out", *weighed(where=0)))
    log = json.loads((tmp_path / "out" / "trainer_state.json").read_text())["log_history"]
    lines = [entry for entry in log if "loss" in entry]
    assert len(lines) == 4
    for line in lines:
        shares = [line[f"gradient_share_{kind}"] for kind in ("colour", "presence", "where")]
        assert sum(shares) == pytest.approx(1) and shares[2] == 0 < min(shares[:2])
        assert line["loss_where"] > 0 <= line["accuracy_where"] <= 1


def test_without_weights_the_loss_is_the_mean_of_the_kinds(
    bases: dict[str, Path], clips: Path, tmp_path: Path
) -> None:
    run = prepare(arguments(bases["qwen3_vl"], clips, tmp_path))
    trainer, batch = run.trainer, run.trainer.data_collator([run.units[0]])
    loss = float(trainer.compute_loss(trainer.model.train(), dict(batch)))
    tokens = trainer.by_kind.sums[:, 0]
    figures = trainer.by_kind.figures(lambda sums: sums)
    means = [figures[f"loss_{kind}"] for kind in trainer.by_kind.kinds]
    assert sum(n * mean for n, mean in zip(tokens.tolist(), means, strict=True)) / float(
        tokens.sum()
    ) == pytest.approx(loss, rel=1e-6)
    assert not trainer.by_kind.figures(lambda sums: sums)  # since the last call


def test_a_later_stage_weighs_nothing_until_it_begins() -> None:
    kinds = KindLoss(["a", "b", "c"], {"b": 2.0}, [["a"], ["b"]])
    assert kinds.at(0.0).tolist() == [1, 0, 1, 1]
    assert kinds.at(0.49).tolist() == [1, 0, 1, 1]
    assert kinds.at(0.5).tolist() == [1, 2, 1, 1]


def test_a_curriculum_is_followed(bases: dict[str, Path], clips: Path, tmp_path: Path) -> None:
    stages = ("--curriculum", "presence,colour", "where")
    sft.main(arguments(bases["qwen3_vl"], clips, tmp_path / "out", *stages))
    log = json.loads((tmp_path / "out" / "trainer_state.json").read_text())["log_history"]
    shares = [entry["gradient_share_where"] for entry in log if "loss" in entry]
    assert [share > 0 for share in shares] == [False, False, True, True]


MISTAKES = {
    "--kind_weights color=2": r"no kind 'color' in the training split; .*colour",
    "--kind_weights colour": "expected KIND=WEIGHT",
    "--kind_weights colour=-1": "a weight is 0 or more",
    "--kind_weights colour=0 presence=0 where=0": "nothing would be learned",
    "--curriculum colour colour": "names colour twice",
    "--curriculum phase": "no kind 'phase'",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_mistakes_end_in_one_line(words: str, bases: dict[str, Path], clips: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=MISTAKES[words]):
        prepare(arguments(bases["qwen3_vl"], clips, tmp_path, *words.split()))
