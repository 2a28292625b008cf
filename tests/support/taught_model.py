"""A tiny model that learned something, and the Python that has vLLM."""

from __future__ import annotations

import os
from pathlib import Path

from surgvqa.train import sft, tiny

VLLM = Path(os.environ.get("SURGVQA_VLLM", Path(__file__).parents[2] / ".venv-vllm" / "bin" / "python"))


def taught(family: str, clips: Path, folder: Path, *options: str) -> Path:
    """A base that knows nothing, and an adapter that learned something."""
    tiny.make(family, folder / "base", "demo")
    sft.main(
        [
            *(
                "--model_name_or_path",
                str(folder / "base"),
                "--dataset_name",
                str(clips),
                "--use_peft",
                "true",
            ),
            *("--output_dir", str(folder / "adapter"), "--use_cpu", "true", "--disable_tqdm", "true"),
            *("--max_steps", "20", "--learning_rate", "0.02", "--lora_r", "8", "--save_strategy", "no"),
            *("--per_device_train_batch_size", "6", *options),
        ]
    )
    return folder / "adapter"
