"""Our collator against TRL's on the same rows of a Parquet file: CPU time, and bytes that go to the device.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_collator.py [ROUNDS]

8 JPEG frames of 392 x 392 and one question a row, batches of 4, from the row in the file to the batch. A B A B;
median of the rounds' ratios. Bars: 2.7 times less CPU, a quarter of the bytes.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
import torch
from datasets import Dataset, Image, List
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.encode import Encoder
from surgvqa.train.clips.collate import Collator
from surgvqa.train.tiny import SIZES, processor
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

ROWS, BATCH, CPU_BAR, BYTES_BAR = 16, 4, 2.7, 4.0


def picture(seed: int) -> bytes:
    """Something as smooth as tissue, as JPEG."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    large = cv2.resize(noise, (392, 392), interpolation=cv2.INTER_CUBIC)
    return simplejpeg.encode_jpeg(np.ascontiguousarray(large), quality=90)


def rows(folder: Path) -> Dataset:
    """A Parquet file of clips."""
    messages = [
        {"role": "user", "content": "Which phase of the operation is shown?"},
        {"role": "assistant", "content": "The phase is phacoemulsification."},
    ]
    images = [[{"bytes": picture(8 * n + i), "path": None} for i in range(8)] for n in range(ROWS)]
    made = Dataset.from_dict({"images": images, "messages": [messages] * ROWS})
    made.cast_column("images", List(Image())).to_parquet(folder / "rows.parquet")
    return Dataset.from_parquet(str(folder / "rows.parquet"))


def size(batch: dict[str, Any]) -> int:
    """Bytes of a batch's tensors."""
    return sum(value.nbytes for value in batch.values() if isinstance(value, torch.Tensor))


def main(rounds: int = 5) -> int:
    """Measure; 1 if a bar is missed."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = rows(Path(folder))
    parts = processor("qwen2_5_vl", SIZES["test"])
    theirs = DataCollatorForVisionLanguageModeling(parts, max_length=None)
    ours = Collator(
        data.cast_column("images", List(Image(decode=False))),
        Encoder(processor("qwen2_5_vl", SIZES["test"]), Budget(8, "images", 56 * 56, 392 * 392)),
        shared=False,
    )
    starts = range(0, ROWS, BATCH)
    arms: list[Callable[[int], dict[str, Any]]] = [
        lambda start: theirs([data[i] for i in range(start, start + BATCH)]),
        lambda start: ours([{"row": i, "questions": [0]} for i in range(start, start + BATCH)]),
    ]
    first = [arm(0) for arm in arms]
    assert torch.equal(first[0]["input_ids"], first[1]["input_ids"])
    bytes_ratio = size(first[0]) / size(first[1])
    del first
    ratios, times = [], []
    for _ in range(rounds):
        spent = []
        for arm in arms:
            begin = time.process_time()
            for start in starts:
                arm(start)
            spent.append(1000 * (time.process_time() - begin) / ROWS)
        ratios.append(spent[0] / spent[1])
        times.append(spent)
    ratio = statistics.median(ratios)
    middle = [statistics.median(column) for column in zip(*times, strict=True)]
    print(
        f"TRL {middle[0]:.1f} ms a row, ours {middle[1]:.1f} ms, ratio {ratio:.2f} "
        f"({min(ratios):.2f}-{max(ratios):.2f}, n={rounds}), bar {CPU_BAR}; "
        f"bytes to the device {bytes_ratio:.1f} times fewer, bar {BYTES_BAR}"
    )
    return int(ratio < CPU_BAR or bytes_ratio < BYTES_BAR)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
