"""A question behind a shared clip is answered as alone, and a release of transformers that loses the clip is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from colour_clips import dataset, row, write
from surgvqa.cards.command import InputError
from surgvqa.eval.answers import hf_engine
from surgvqa.eval.answers.predict import Run, predict
from surgvqa.eval.answers.sharing_check import MOST, distance
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.load import load_model
from surgvqa.eval.models.processor_encoder import encoder_for
from surgvqa.train import tiny
from transformers import AutoProcessor


@pytest.mark.parametrize("family", [*tiny.FAMILIES, *tiny.HYBRIDS])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_shared_and_alone_are_the_same_and_without_the_clip_is_far_off(
    family: str, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.make(family, tmp_path, "demo")
    encoder: Any = encoder_for(
        family, AutoProcessor.from_pretrained(tmp_path), Budget(4, "images", 196, 56 * 56)
    )
    model = load_model(str(tmp_path), dtype).model
    (clip_row,) = dataset([row(0, questions=3)])
    clip = encoder.encode(clip_row, range(3), answered=False)
    apart = distance(model, encoder, clip)
    assert apart < (1e-4 if dtype == "float32" else MOST / 2)
    monkeypatch.setattr(hf_engine, "cache_word", lambda inner: "cache_of_tomorrow")
    assert distance(model, encoder, clip) > MOST


def test_a_run_whose_questions_lose_their_clip_stops(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = write(tmp_path / "data", test=[row(n, questions=2) for n in range(2)])
    run = Run(
        data=str(clips), model=str(bases["qwen3_vl"]), out=tmp_path / "out.jsonl", frames=4, max_new_tokens=2
    )
    monkeypatch.setattr(hf_engine, "cache_word", lambda inner: "cache_of_tomorrow")
    with pytest.raises(
        InputError, match=r"transformers .* answers a question behind a shared clip otherwise than alone"
    ):
        predict(run)
    monkeypatch.undo()
    torch.manual_seed(0)
    predict(run)
    assert len(run.out.read_text().splitlines()) == 4
