"""Take what `make learn` taught into the package: weights in bfloat16, tokenizer, processor, and where they came from.

python tests/support/ship_base.py learned
"""

from __future__ import annotations

import datetime
import hashlib
import json
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

BASE = Path(__file__).parents[2] / "train" / "base"
WEIGHTS = "model.safetensors"
TEXTS = (
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "processor_config.json",
    "surgvqa.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
LIBRARIES = ("torch", "transformers", "trl", "accelerate", "tokenizers", "numpy")


def commands() -> list[str]:
    """Return the commands of `make learn`, as make says them."""
    asked = [
        "make",
        "-C",
        str(BASE.parents[1]),
        "-nB",
        "BASE=learned",
        "DEMO=learned",
        "learned/base/model.safetensors",
    ]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    return [
        line.replace(".venv/bin/", "")
        for line in said
        if line.startswith(".venv/bin/") and " learned" in line
    ]


def main(learned: Path, revision: str, seed: int = 0) -> None:
    """Write the shipped base from a folder of `make learn`; ``revision`` is the commit that taught it."""
    source = learned / "base"
    weights = load_file(source / WEIGHTS)
    save_file(
        {name: tensor.to(torch.bfloat16) for name, tensor in weights.items()},
        BASE / WEIGHTS,
        {"format": "pt"},
    )
    for name in TEXTS:
        shutil.copyfile(source / name, BASE / name)
    files = {name: hashlib.sha256((BASE / name).read_bytes()).hexdigest() for name in (WEIGHTS, *TEXTS)}
    origin = {
        "made_by": "make learn",
        "commands": commands(),
        "revision": revision,
        "seed": seed,
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "versions": {name: version(name) for name in LIBRARIES},
        "parameters": sum(tensor.numel() for tensor in weights.values()),
        "weights": "float32 when taught, rounded to bfloat16 here",
        "files": files,
    }
    (BASE / "origin.json").write_text(json.dumps(origin, indent=1) + "\n", "utf-8")
    print(
        f"{BASE}: {(BASE / WEIGHTS).stat().st_size / 1e6:.1f} MB of weights, {origin['parameters']:,} parameters"
    )


if __name__ == "__main__":
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=BASE, capture_output=True, text=True, check=True
    ).stdout.strip()
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else head)
