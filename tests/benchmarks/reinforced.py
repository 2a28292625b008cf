"""What the two measurements of GRPO share: steps that go on where a run was cut off, drawn replies, paired gains."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from surgvqa.eval.data.dataset import load_clips
from surgvqa.eval.models.load import load_model
from surgvqa.eval.models.pixels import to_float
from surgvqa.eval.models.processor_encoder import encoder_for
from surgvqa.eval.scoring.statistics import paired_test

SEEDS = (0, 1, 2)
ROWS_AT_ONCE = 32


def run_once(command: Any, *arguments: str, output: Path) -> None:
    """Run a command unless its output is there."""
    if output.exists():
        return
    began, used = time.time(), time.process_time()
    print("$", command.__module__.split(".")[1], *arguments, flush=True)
    if command(list(arguments)):
        raise SystemExit(f"{arguments[0]} failed")
    print(f"  {time.process_time() - used:.0f} s of CPU, {time.time() - began:.0f} s in all", flush=True)


def draw_replies(data: Path, config: str, model: Path, rows_at_once: int = ROWS_AT_ONCE) -> dict[str, str]:
    """A model's replies to the test split, each drawn at temperature 1, as GRPO draws them; by qa_id."""
    loaded = load_model(str(model), device="cpu")
    assert loaded.budget is not None
    encoder = encoder_for(loaded.model_type, loaded.processor, loaded.budget, data)
    rows = load_clips(str(data), config)["test"]
    replies: dict[str, str] = {}
    torch.manual_seed(0)
    for start in range(0, len(rows), rows_at_once):
        some = [rows[index] for index in range(start, min(start + rows_at_once, len(rows)))]
        clips = [encoder.encode(row, range(len(row["qa"])), answered=False) for row in some]
        ids = [one for clip in clips for one in clip.ids]
        batch = encoder.inputs(ids, [clip for clip in clips for _ in clip.ids], left=True)
        batch["pixel_values"] = to_float(batch["pixel_values"], encoder.part)
        out = loaded.model.generate(
            **batch, do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=24
        )
        texts = encoder.tokenizer.batch_decode(
            out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True
        )
        names = (qa["qa_id"] for row in some for qa in row["qa"])
        replies |= {name: text.strip() for name, text in zip(names, texts, strict=True)}
    return replies


def gain(
    before: np.ndarray, after: np.ndarray, cases: Sequence[str], widest: float = 1.0
) -> tuple[float, float, float]:
    """By how much the mean rose, with its paired interval over cases; ``widest`` is what a reply can differ by."""
    ends, _ = paired_test((after - before) / widest, cases)
    if ends is None:  # every reply is as good as it was
        return 0.0, 0.0, 0.0
    return float((after - before).mean()), widest * ends[0], widest * ends[1]
