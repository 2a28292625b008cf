"""The times of a clip's frames: those a row knows, and those that a batch tells the model."""

from __future__ import annotations

import re
from collections.abc import Mapping

from surgvqa.eval.data.streams import Row
from surgvqa.eval.models.pixels import evenly
from surgvqa.train.clips.prepare import PreparedRun
from torch import Tensor


def wrongly_told(run: PreparedRun, batch: Mapping[str, Tensor], times: list[float], step: float) -> str:
    """Say what a batch gets wrong of a video's times; empty if nothing.

    Qwen2.5-VL is told seconds between steps, Qwen3-VL reads each step's middle in the text.
    """
    grid_seconds = batch.get("second_per_grid_ts")
    if grid_seconds is not None and abs(float(grid_seconds[0]) - step) > 0.02 * step:
        return f"{float(grid_seconds[0]):.3f} s between steps are told, {step:.3f} s are true"
    together = run.encoder.part.temporal_patch_size
    stamps = re.findall(r"<(\d+\.?\d*) seconds>", run.encoder.tokenizer.decode(batch["input_ids"][0]))
    groups = [times[i : i + together] for i in range(0, len(times), together)]
    true = [(group[0] + group[-1]) / 2 for group in groups]
    if any(abs(float(a) - b) > 0.11 for a, b in zip(stamps, true, strict=False)):
        return f"the text says {', '.join(stamps)} s, true is {', '.join(f'{time:.1f}' for time in true)}"
    return ""


def frame_times(row: Row, frames: int) -> list[float]:
    """Seconds from the clip's start to each frame the model is to see, from the row alone.

    >>> frame_times({"start_s": 2.0, "end_s": 4.0}, 2)
    [0.5, 1.5]
    """
    start, stored_times = row.get("start_s") or 0.0, list(row.get("frame_times_s") or [])
    if row.get("images") and len(stored_times) == len(row["images"]):
        return [stored_times[index] - start for index in evenly(len(stored_times), frames)]
    if row.get("images"):
        return [float(index) for index in range(frames)]
    part = (row["end_s"] - start) / frames
    return [(index + 0.5) * part for index in range(frames)]
