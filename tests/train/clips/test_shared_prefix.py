"""Shared-prefix training is one row per question, computed once: same loss, same gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from colour_clips import dataset, row
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.encode import Encoder
from surgvqa.eval.models.pixels import normalise_on_device
from surgvqa.eval.models.processor_encoder import ProcessorEncoder, encoder_for
from surgvqa.train import tiny
from surgvqa.train.clips.collate import Collator, units
from surgvqa.train.clips.sequences import measure_units
from surgvqa.train.clips.shared_prefix import SharedPrefix
from surgvqa.train.tiny_parts import smolvlm
from transformers import AutoModelForImageTextToText, AutoProcessor


def loss_and_gradients(model: torch.nn.Module, batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed loss over the taught tokens, through the inner model, as TRL computes it."""
    model.zero_grad()
    labels = batch.pop("labels")[:, 1:]
    hidden = model.model(**batch, use_cache=False).last_hidden_state[:, :-1]
    logits = model.lm_head(hidden)[labels != -100]
    loss = torch.nn.functional.cross_entropy(logits, labels[labels != -100], reduction="sum")
    loss.backward()
    return loss.detach(), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


@pytest.fixture(scope="module", params=[*tiny.FAMILIES, *tiny.HYBRIDS, *smolvlm.FAMILIES])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tiny") / request.param
    tiny.make(request.param, out)
    return out


def encoder_at(checkpoint: Path, budget: Budget) -> Encoder:
    return encoder_for(checkpoint.name, AutoProcessor.from_pretrained(checkpoint), budget)


def fit(model: torch.nn.Module, encoder: Encoder) -> None:
    """The hook that our own patches need."""
    if not isinstance(encoder, ProcessorEncoder):
        normalise_on_device(model, encoder.processor)


@pytest.mark.parametrize(("media", "checkpointing"), [("images", False), ("video", False), ("images", True)])
def test_equals_one_row_per_question(checkpoint: Path, media: Any, checkpointing: bool) -> None:
    # two clips of unlike size and number of questions: unlike prefixes, padding inside the batch
    rows = dataset([row(0, size=56, questions=5), row(1, size=84, questions=2)])
    if checkpoint.name in smolvlm.FAMILIES and media == "video":
        pytest.skip("SmolVLM's frames go in one by one")
    encoder = encoder_at(checkpoint, Budget(frames=4, media=media))
    results = []
    for shared in (False, True):
        torch.manual_seed(0)
        model = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype="float32")
        model.train()
        fit(model, encoder)
        if shared:
            SharedPrefix(model)
        if checkpointing:
            model.gradient_checkpointing_enable()
        batch = Collator(rows, encoder, shared)(list(units(rows, 0)))
        assert batch["input_ids"].shape[0] == (2 if shared else 7)
        results.append(loss_and_gradients(model, batch))
    (loss, gradient), (shared_loss, shared_gradient) = results
    assert abs(shared_loss - loss) <= 1e-6 * loss
    assert (shared_gradient - gradient).norm() <= 1e-5 * gradient.norm()


def test_a_question_sees_no_other_question(checkpoint: Path) -> None:
    rows = dataset([row(0, questions=3)])
    encoder = encoder_at(checkpoint, Budget(frames=4))
    model = AutoModelForImageTextToText.from_pretrained(checkpoint).eval()
    fit(model, encoder)
    SharedPrefix(model)
    batch = Collator(rows, encoder, shared=True)(list(units(rows, 0)))
    batch.pop("labels")
    index = batch["question_index"][0]
    with torch.no_grad():
        before = model.model(**batch).last_hidden_state[0]
        batch["input_ids"][0, index == 1] = 300  # other words in the first question
        after = model.model(**batch).last_hidden_state[0]
    assert torch.equal(before[index == 0], after[index == 0])
    assert torch.allclose(before[index > 1], after[index > 1], atol=1e-6)
    assert not torch.allclose(before[index == 1], after[index == 1], atol=1e-3)


def test_what_is_measured_is_what_goes_through(checkpoint: Path) -> None:
    """Sequences are grouped by it: the longest question says nothing of how many there are."""
    rows = dataset([row(0, questions=5), row(1, questions=1), row(2, questions=3)])
    encoder = encoder_at(checkpoint, Budget(frames=4))
    found = measure_units(rows, encoder, 0, limit=1000)
    for unit in found:
        batch = Collator(rows, encoder, shared=True)([unit])
        count = len(unit["questions"])
        line_breaks = (
            unit["length"] - batch["input_ids"].shape[1]
        )  # behind each answer; nothing is taught there
        assert line_breaks in (0, count)
        assert unit["length"] - unit["longest"] <= 60 * (count - 1)
    assert found["length"][0] > found["length"][2] > found["length"][1] == found["longest"][1]
