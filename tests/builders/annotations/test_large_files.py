"""No reader takes more than linear time: four times as much takes about four times as long, in CPU seconds."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import pytest
from large_files import FILES, Large, imports, read

MOST = 6.0  # times; 4, and what memory beyond the processor's caches costs
NOISE_S = 0.05


def seconds(large: Large, n: int, folder: Path) -> float:
    """CPU seconds of one pass, without the garbage collector, which runs in the one pass and not in the other."""
    folder.mkdir()
    path = large.make(folder, n)
    gc.collect()
    gc.disable()
    try:
        before = time.process_time()
        read(path)
        return time.process_time() - before
    finally:
        gc.enable()


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_reader_takes_linear_time(name: str, tmp_path: Path) -> None:
    imports()
    large = FILES[name]
    ratios = []
    for turn in range(2):  # another program may have had the caches in one of the passes
        few = seconds(large, large.tested // 4, tmp_path / f"few {turn}")
        many = seconds(large, large.tested, tmp_path / f"many {turn}")
        ratios.append(f"{few:.2f} s, and {many:.2f} s for four times as much")
        if many <= MOST * few + NOISE_S:
            return
    pytest.fail("; ".join(ratios))
