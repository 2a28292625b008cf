"""A vision tower's windows side by side against one call of attention for each: CPU time of forward and backward.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_windows.py [ROUNDS]

Sixteen videos of two frames of 84 x 70 pixels in the tower of `make demo`; and eight frames of 392 x 392 pixels in one of
the 7B's proportions (256 wide, three layers, windows of 64 patches and smaller ones at the edges, float32). A B A B,
medians of the rounds' ratios. No bar: what it is for, a card that waits for small calls, isn't here.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import torch
from bench_multi_qa import SIZE
from surgvqa.eval.models.vision_attention import side_by_side
from surgvqa.train.tiny import SIZES, Size, configuration
from surgvqa.train.tiny_parts.words import tokenizer
from transformers import AutoModelForImageTextToText

SHAPES: dict[str, tuple[Size, list[list[int]]]] = {
    "16 videos of 2 frames, 84 x 70": (SIZES["demo"], [[1, 12, 10]] * 16),
    "8 frames, 392 x 392": (SIZE, [[1, 28, 28]] * 8),
}


def step(model: Any, patches: torch.Tensor, grids: torch.Tensor) -> float:
    """CPU seconds of forward and backward."""
    start = time.process_time()
    found = model.get_image_features(patches, image_grid_thw=grids).pooler_output
    torch.cat(list(found)).square().mean().backward()
    return time.process_time() - start


def main(rounds: int = 5) -> int:
    """Measure and print."""
    torch.set_num_threads(1)
    for name, (size, shape) in SHAPES.items():
        torch.manual_seed(0)
        config = configuration("qwen2_5_vl", size, tokenizer())
        stock, ours = (AutoModelForImageTextToText.from_config(config) for _ in range(2))
        side_by_side(ours)
        grids = torch.tensor(shape)
        width = stock.model.visual.patch_embed.proj.weight[0].numel()
        patches = torch.randn(int(grids.prod(1).sum()), width)
        for model in (stock, ours):
            step(model, patches, grids)
        times = [tuple(step(model, patches, grids) for model in (stock, ours)) for _ in range(rounds)]
        ratios = [alone / together for alone, together in times]
        print(
            f"{name}: {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}, n={rounds})",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
