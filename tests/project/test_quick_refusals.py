"""What a command can refuse by its words alone is refused before anything heavy is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

HEAVY = ("torch", "transformers", "datasets", "trl")
LINES = [
    ("eval", "predict nowhere --model nowhere --out x.jsonl", "no data set nowhere"),
    ("eval", "predict a/b --model nowhere --out x.jsonl", "no model nowhere"),
    ("eval", "predict a/b --model m/n --out x.jsonl --frames x", "no whole number"),
    ("eval", "score nowhere.jsonl", "nowhere.jsonl: no such file"),
    ("eval", "compare a b", "a: no such file"),
    ("eval", "demo --data nowhere", "no data set nowhere"),
    ("eval", "demo --data a/b --model nowhere", "no model nowhere"),
    ("eval", "leaks nowhere", "no data set nowhere"),
    ("builders", "verify nowhere", "nowhere: no such folder"),
    ("train", "sft --model_name_or_path m/n --dataset_name=nowhere --output_dir x", "no data set nowhere"),
    ("train", "sft --model_name_or_path ./m/n --dataset_name a/b --output_dir x", "no model at ./m/n"),
    ("train", "grpo --model_name_or_path nowhere --dataset_name a/b --output_dir x", "no model at nowhere"),
    ("train", "sft --num_train_epoch 3", "did you mean --num_train_epochs?"),
    ("train", "sft --num_train_epochs x", "--num_train_epochs: expected number, found 'x'"),
    ("train", "sft --use_peft maybe", "--use_peft: expected true or false, found 'maybe'"),
    ("train", "sft --max_steps --seed 3", "--max_steps needs a value"),
    ("train", "sft --media film", "--media: expected images, video; found 'film'"),
    ("train", "sft --lr_scheduler_type slow", "--lr_scheduler_type: expected linear, cosine"),
    ("train", "sft --config nowhere.yaml", "no file nowhere.yaml; surgvqa has"),
    ("train", "sft --config sft_lora.yaml --dataset_name a/b", "--model_name_or_path is missing"),
    ("train", "sft --model_name_or_path m/n", "--dataset_name is missing"),
    (
        "train",
        "sft --model_name_or_path m/n --dataset_name a/b --packing true",
        "--packing True: packing and",
    ),
    ("train", "sft --model_name_or_path m/n --dataset_name a/b --optim lomo", "needs the package lomo_optim"),
    ("train", "audio --stage listen", "--stage: expected align, answer; found 'listen'"),
    ("train", "grpo --num_generations few", "--num_generations: expected whole number, found 'few'"),
    ("train", "doctor --frame 3", "did you mean --frames?"),
    ("train", "sft --model_name_or_path m/n --dataset_name .", ". holds no Parquet file"),
    ("train", "merge nowhere --out x", "no model nowhere"),
    ("train", "vllm nowhere --name x --out y", "no model nowhere"),
    ("train", "tiny --family none --out x", "invalid choice"),
    ("train", "grpo --model_name_or_path a/b --datasets a/b=1 c/d=1", "GRPO reads one data set"),
    ("cards", "dataset nowhere", "nowhere: no such folder"),
]
SCRIPT = """
import contextlib, importlib, io, json, sys, time
for top, line in json.loads(sys.argv[1]):
    started = time.process_time()
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            code = importlib.import_module(f"surgvqa.{top}.__main__").main(line.split())
        except SystemExit as stop:
            code = stop.code
    loaded = [name for name in sys.argv[2].split() if name in sys.modules]
    print(json.dumps([code, said.getvalue(), loaded, time.process_time() - started]))
"""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[Any]]:
    """Of each line: its code, what it said, the heavy modules so far, and its seconds of CPU; in one process."""
    lines = [(top, line) for top, line, _ in LINES]
    words = [sys.executable, "-c", SCRIPT, json.dumps(lines), " ".join(HEAVY)]
    folder = tmp_path_factory.mktemp("refusals")
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=folder)
    return dict(zip(lines, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize(("top", "line", "said"), LINES, ids=[f"{top} {line}" for top, line, _ in LINES])
def test_a_mistake_is_told_before_anything_heavy_is_imported(
    top: str, line: str, said: str, refusals: dict[tuple[str, str], list[Any]]
) -> None:
    code, text, loaded, seconds = refusals[top, line]
    assert code == 2 and said in text and text.count("\n") == 1, text
    assert loaded == [] and seconds < 1.0
