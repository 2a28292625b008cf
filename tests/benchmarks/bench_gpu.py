"""Training steps on a card: stock TRL with one row per question, ours with one, ours with nine behind a clip.

    python tests/benchmarks/bench_gpu.py [--out FILE.json]

Each arm is a process of its own: a Qwen2.5-VL of the 7B's shape with random weights in bf16, LoRA r 16 on the language
model, frozen tower, 8 JPEG frames of 384 x 384 a clip, nine questions of about 40 tokens and answers of 15, two
sequences a step, TRL's trainer in all three, loss on the answers only; 30 steps to warm up, then 100 that count.
Questions per second, the share of the time that a step waits for its batch, peak memory. Bars: nine questions 5 times
stock TRL's questions per second, one question 1.3 times, waiting at most 2 %.

Without a card it runs a scaled-down model for a few steps, in CPU seconds and without bars: so that it is known to work.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_multi_qa import ANSWER, PLACES, QUESTION, SYSTEM
from datasets import Dataset, Image, List
from peft import LoraConfig
from PIL import Image as Picture
from surgvqa.builders.schema import FEATURES
from surgvqa.train.clips import prepare
from surgvqa.train.steps.options import LORA_TARGETS
from surgvqa.train.tiny import SIZES, Size, configuration, processor
from transformers import AutoModelForImageTextToText, AutoProcessor, TrainerCallback
from trl import SFTConfig, SFTTrainer

ARMS = {"stock": "TRL, one row per question", "one": "ours, one question", "nine": "ours, nine questions"}
BARS = {"nine": 5.0, "one": 1.3}
WAITING = 0.02
LORA = {"lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0}


@dataclass(frozen=True, slots=True)
class Scale:
    """What is measured on."""

    size: Size
    frames: int
    side: int
    clips: int
    warm_up: int
    steps: int
    workers: int


CARD = Scale(
    SIZES["test"], 8, 384, 64, 30, 100, 4
)  # of the size only patch and processor count: `seven_billion`
NO_CARD = Scale(Size(256, 6, 128, 2, 14, 1e6, (4, 6, 6), 0.02, (56 * 56, 512 * 512)), 4, 168, 8, 1, 4, 0)


def seven_billion(config: Any) -> Any:
    """The shape of Qwen2.5-VL-7B-Instruct, with the tiny tokenizer's ids."""
    text = {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "vocab_size": 152064}
    text |= {"num_attention_heads": 28, "num_key_value_heads": 4, "layer_types": ["full_attention"] * 28}
    vision = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16}
    vision |= {"out_hidden_size": 3584, "fullatt_block_indexes": [7, 15, 23, 31], "window_size": 112}
    for part, values in ((config.text_config, text), (config.vision_config, vision)):
        for key, value in values.items():
            setattr(part, key, value)
    config.text_config.rope_parameters["mrope_section"] = [16, 24, 24]
    config.tie_word_embeddings = False
    return config


def write_model(folder: Path, scale: Scale) -> None:
    """A checkpoint with random weights."""
    parts = processor("qwen2_5_vl", scale.size)
    config = configuration("qwen2_5_vl", scale.size, parts.tokenizer)
    dtype = torch.float32
    if scale is CARD:
        config, dtype = seven_billion(config), torch.bfloat16
    torch.manual_seed(0)
    with torch.device("cuda" if scale is CARD else "cpu"):
        model = AutoModelForImageTextToText.from_config(config, dtype=dtype)
    model.save_pretrained(folder)
    parts.save_pretrained(folder)


def jpeg(seed: int, side: int) -> bytes:
    """Something as smooth as tissue."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    file = io.BytesIO()
    Picture.fromarray(noise).resize((side, side), Picture.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def write_data(folder: Path, scale: Scale) -> None:
    """The clips, once as our rows and once as a row per question."""
    ours, stock = [], []
    for clip in range(scale.clips):
        frames = [jpeg(scale.frames * clip + i, scale.side) for i in range(scale.frames)]
        images = [{"bytes": frame, "path": None} for frame in frames]
        messages = [{"role": "system", "content": SYSTEM}]
        for place in PLACES:
            asked = {"role": "user", "content": QUESTION.replace("{}", place)}
            said = {"role": "assistant", "content": ANSWER.format(place)}
            messages += [asked, said]
            stock.append({"images": images, "messages": [messages[0], asked, said]})
        known = dict.fromkeys(FEATURES) | {"qa": [], "start_s": 0.0, "end_s": 5.0, "weight": 1.0}
        times = [0.3 + 0.6 * i for i in range(scale.frames)]
        known |= {"clip_id": f"c{clip}@0-5000", "case_id": f"c{clip}", "frame_times_s": times}
        ours.append(known | {"images": images, "messages": messages})
    (folder / "clips").mkdir(parents=True)
    Dataset.from_list(ours, features=FEATURES.features()).to_parquet(folder / "clips" / "train-00000.parquet")
    rows = Dataset.from_list(stock).cast_column("images", List(Image()))
    rows.to_parquet(folder / "stock.parquet")
    card = "---\nconfigs:\n- config_name: clips\n  data_files:\n  - split: train\n    path: clips/train-*.parquet\n---\n"
    (folder / "README.md").write_text(card)


class Clock(TrainerCallback):
    """Counts from the end of the warm-up: seconds, seconds of waiting for a batch, peak memory."""

    def __init__(self, warm_up: int) -> None:
        self.warm_up, self.waited, self.began = warm_up, 0.0, 0.0

    def now(self) -> float:
        """Seconds: of the wall where a card computes, of the CPU where it does."""
        if not torch.cuda.is_available():
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the trainer."""
        if state.global_step == self.warm_up:
            self.waited, self.began = 0.0, self.now()
            if torch.cuda.is_available():
                torch.cuda.reset_peak_memory_stats()
        if state.global_step == state.max_steps:
            self.took = self.now() - self.began


class Waiting:
    """A data loader that says how long each batch was waited for."""

    def __init__(self, loader: Any, clock: Clock) -> None:
        self.loader, self.clock = loader, clock

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self.loader)
        while True:
            begin = time.perf_counter()
            batch = next(batches, None)
            self.clock.waited += time.perf_counter() - begin
            if batch is None:
                return
            yield batch


def measure(arm: str, folder: Path, scale: Scale) -> dict[str, float]:
    """One arm, in this process."""
    common: dict[str, Any] = {
        "output_dir": str(folder / arm),
        "max_steps": scale.warm_up + scale.steps,
        "per_device_train_batch_size": 2,
        "dataloader_num_workers": scale.workers,
        "gradient_checkpointing": False,
        "save_strategy": "no",
        "report_to": "none",
        "logging_steps": 1000,
        "bf16": scale is CARD,
        "use_cpu": scale is not CARD,
    }
    trainer: Any
    if arm == "stock":
        rows = Dataset.from_parquet(str(folder / "data" / "stock.parquet"))
        model = AutoModelForImageTextToText.from_pretrained(folder / "model", dtype="auto")
        trainer = SFTTrainer(
            model,
            SFTConfig(**common, max_length=None, assistant_only_loss=True),
            train_dataset=rows,
            processing_class=AutoProcessor.from_pretrained(folder / "model"),
            peft_config=LoraConfig(
                **{"r" if key == "lora_r" else key: value for key, value in LORA.items()},
                target_modules=LORA_TARGETS,
            ),
        )
    else:
        options = {**common, **LORA, "use_peft": True, "questions_per_sequence": 1 if arm == "one" else 0}
        options |= {"model_name_or_path": folder / "model", "dataset_name": folder / "data", "dtype": "auto"}
        options |= {"max_pixels": 512 * 512, "train_sampling_strategy": "random"}
        trainer = prepare.prepare(
            [word for key, value in options.items() for word in (f"--{key}", str(value))]
        ).trainer
    clock = Clock(scale.warm_up)
    trainer.add_callback(clock)
    stock_loader = trainer.get_train_dataloader
    trainer.get_train_dataloader = lambda: Waiting(stock_loader(), clock)
    trainer.train()
    questions = scale.steps * 2 * (len(PLACES) if arm == "nine" else 1)
    peak = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else float("nan")
    return {
        "questions_per_second": questions / clock.took,
        "seconds_per_step": clock.took / scale.steps,
        "waiting": clock.waited / clock.took,
        "peak_gib": peak,
    }


def main() -> int:
    """Measure every arm and print a table; 1 if a bar is missed on a card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    scale = CARD if torch.cuda.is_available() else NO_CARD
    if args.arm:
        found = measure(args.arm, args.folder, scale)
        (args.folder / f"{args.arm}.json").write_text(json.dumps(found))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder / "data", scale)
        write_model(folder / "model", scale)
        figures = {}
        for arm in ARMS:
            print(f"{ARMS[arm]} …", file=sys.stderr, flush=True)
            command = [sys.executable, __file__, "--arm", arm, "--folder", name]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{ARMS[arm]}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}", flush=True)
                return 1
            figures[arm] = json.loads((folder / f"{arm}.json").read_text())
    device = (
        torch.cuda.get_device_name()
        if scale is CARD
        else "no card: CPU seconds, a scaled-down model, no bars"
    )
    print(f"{device}; torch {torch.__version__}; {scale.warm_up} + {scale.steps} steps of 2 sequences")
    missed = 0
    for arm, found in figures.items():
        ratio = found["questions_per_second"] / figures["stock"]["questions_per_second"]
        print(
            f"{ARMS[arm]:26} {found['questions_per_second']:8.2f} questions/s, {ratio:.2f} of stock"
            f"{f' (bar {BARS[arm]})' if arm in BARS else ''}, {found['seconds_per_step']:.3f} s a step, "
            f"waiting {100 * found['waiting']:.1f} %, peak {found['peak_gib']:.1f} GiB"
        )
        missed += arm in BARS and (ratio < BARS[arm] or found["waiting"] > WAITING)
    if args.out:
        args.out.write_text(json.dumps({"device": device, "arms": figures}, indent=1) + "\n")
    return int(missed > 0 and scale is CARD)


if __name__ == "__main__":
    sys.exit(main())
