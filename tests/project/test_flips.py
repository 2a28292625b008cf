"""`surgvqa-build verify` finds every flipped bit, in every file of every kind of folder that we write, and names the file."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from building import build
from stopped_commands import TONE, adapted
from surgvqa.builders.__main__ import main
from surgvqa.builders.pipeline.verify import verify
from surgvqa.builders.sources import synthetic
from surgvqa.cards.command import InputError
from surgvqa.cards.files import sums

RENDER = {"render_cases": 3, "phase_seconds": 5.0, "frame_rate": 2, "size": 64}
FLIPS = 150  # of all folders together


def data_set(folder: Path) -> Path:
    """A data set with every config: clips, qa, pointing, segmentation, spoken, and cut clips."""
    root, out = folder / "root", folder / "data"
    list(synthetic.cases(root, **RENDER))
    build(
        "synthetic", root, out, media="clips", workers=0, source_options=RENDER, pointing="box",
        segmentation="instruments",
    )  # fmt: skip
    (folder / "speak.py").write_text(TONE)
    speak = f"{sys.executable} {folder / 'speak.py'} {{out}}"
    assert main(["spoken", str(out), "--voices", "command:one", "--tts-command", speak]) == 0
    return out


def instructions(folder: Path) -> Path:
    """Instruction data that was imported."""
    (folder / "talk.json").write_text(
        '[{"id": "1", "image": "a.jpg", "conversations": [{"from": "human", "value": "Which phase?"},'
        ' {"from": "gpt", "value": "Incision."}]}]'
    )
    out = folder / "instruct"
    said = ["--media", "none", "--max-side", "0", "--out", str(out)]
    assert main(["import", str(folder / "talk.json"), *said]) == 0
    return out


def models(folder: Path) -> list[Path]:
    """An adapter with a checkpoint and a trainer's state, merged, and laid out for vLLM."""
    from surgvqa.train import merge, tiny

    tiny.make("qwen2_5_vl", folder / "base")
    adapter = folder / "adapter"
    with sums.writing(adapter):
        adapted(folder / "base", adapter)
        (adapter / "trainer_state.json").write_text('{"log_history": []}')
        (adapter / "training_args.bin").write_bytes(b"arguments")
        shutil.copytree(adapter, folder / "checkpoint-2", ignore=shutil.ignore_patterns(".*"))
        shutil.move(folder / "checkpoint-2", adapter / "checkpoint-2")
        (adapter / "checkpoint-2" / "optimizer.pt").write_bytes(b"state" * 20)
    merge.merge(str(adapter), folder / "merged", "float32")
    return [adapter, folder / "merged", merge.vllm(str(folder / "merged"), folder / "served", "endo")]


def flipped(folder: Path, count: int, draw: np.random.Generator) -> list[str]:
    """Flip ``count`` random bits, one at a time, evenly over the files; the files whose flip isn't found by name."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]
    missed = []
    for number in range(count):
        path = files[number % len(files)]
        data = path.read_bytes()
        at, bit = int(draw.integers(len(data))), int(draw.integers(8))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        try:
            verify(folder)
            missed.append(f"{path.relative_to(folder)}, byte {at}, bit {bit}")
        except InputError as error:
            if path.name not in str(error):
                missed.append(f"{path.relative_to(folder)} is not named: {error}")
        path.write_bytes(data)
    return missed


@pytest.mark.parametrize("made", [data_set, instructions, models])
def test_every_flipped_bit_is_found_and_its_file_named(made: Callable[..., Path], tmp_path: Path) -> None:
    found = made(tmp_path)
    folders = found if isinstance(found, list) else [found]
    draw = np.random.default_rng(7)
    for folder in folders:
        assert verify(folder) > 0
        assert flipped(folder, FLIPS // 5 + 1, draw) == []
        assert verify(folder) > 0
