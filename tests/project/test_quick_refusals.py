"""What a command can refuse by its words alone is refused before anything heavy is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
    ("cards", "dataset nowhere", "nowhere: no such folder"),
]
SCRIPT = """
import sys, time
from surgvqa.{top}.__main__ import main
try:
    code = main({words!r})
except SystemExit as stop:
    code = stop.code
print([code, [name for name in {heavy!r} if name in sys.modules], time.process_time()])
"""


@pytest.mark.parametrize(("top", "line", "said"), LINES, ids=[f"{top} {line}" for top, line, _ in LINES])
def test_a_mistake_is_told_before_anything_heavy_is_imported(
    top: str, line: str, said: str, tmp_path: Path
) -> None:
    script = SCRIPT.format(top=top, words=line.split(), heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    code, loaded, seconds = eval(done.stdout.splitlines()[-1])
    assert code == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert loaded == [] and seconds < 1.5
