"""An adapter merged into its base model, and a folder for vLLM.

    surgvqa-train merge runs/first --out merged/first
    surgvqa-train vllm merged/first --out framework --name First-7B

The base is loaded again in its own precision (a merge into 4-bit weights would stay 4-bit), and what is saved is
loaded again and asked: its answers must be the adapter's.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from peft import PeftModel
from surgvqa.builders.files.one_command import alone
from surgvqa.builders.pipeline.staging import remove
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest, sums
from surgvqa.cards.files.atomic import sync_folder
from surgvqa.cards.write.model import card_of_training
from surgvqa.eval.models.audio_graft import save_ears
from surgvqa.eval.models.budget import BUDGET_FILE, Budget
from surgvqa.eval.models.load import LoadedModel, load_model, local, parts
from surgvqa.eval.models.processor_encoder import encoder_for
from torch import Tensor

PROBES = (
    "Which phase of the operation is shown?",
    "Which instruments are in view?",
    "Where in the image is the instrument?",
)
SMOKE = """#!/bin/sh
# Asks the served model the sanity suite's questions on a data set's clips, over the OpenAI API, and scores it.
#   vllm serve models/llm/NAME --served-model-name NAME --port 8000
#   ./smoke.sh DATA [SPLIT [URL]]
set -eu
here=$(dirname "$0")
data=$1 split=${2:-test} url=${3:-http://127.0.0.1:8000/v1}
[ -d "$here/smoke/suite" ] || surgvqa-eval probes "$data" --split "$split" --out "$here/smoke/suite"
surgvqa-eval predict "$here/smoke/suite" --split "$split" --engine openai --url "$url" \\
    --model "$here/models/llm/NAME" --out "$here/smoke/answers.jsonl"
surgvqa-eval score "$here/smoke/answers.jsonl" --data "$here/smoke/suite" --split "$split" --out "$here/smoke/score.json"
"""
# In float32, relative: the largest difference of a logit is 1e-5 of the largest logit. In bfloat16 a merge rounds every
# weight once more, by up to 2^-9 of it, and no logit can agree to 1e-3 (tiny models: 1 % of the largest, 0.15 % in the
# mean); the bar is 1e-3 nats of divergence between what both would say next (tiny models: 1.4e-6 to 1.8e-6).
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-3}


@dataclass(frozen=True, slots=True)
class Parity:
    """The distance of two models on the probes."""

    logits: float  # largest difference, as a share of the largest logit
    divergence: float  # mean over positions of KL(adapter || merged), nats
    same_next: float  # share of positions with the same likeliest next token


def merge(where: str, out: Path, dtype: str = "bfloat16", base: str | None = None) -> Parity:
    """Merge, save, load again, compare.

    Raises:
        InputError: not an adapter, a full ``out``, or a merged model that doesn't answer as the adapter does.
    """
    folder = local(where)
    if not (folder / "adapter_config.json").is_file():
        raise InputError(f"{where} is no adapter (no adapter_config.json); a whole model needs no merge")
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty; give another --out")
    loaded_model = load_model(str(folder), dtype, "cpu", base)
    plain = parts(str(folder), base).processor  # the probe's pictures are smaller than the model's
    model: Any = loaded_model.model
    if not isinstance(model, PeftModel):
        raise InputError(f"{where} was not loaded as an adapter")
    budget = loaded_model.budget or Budget(frames=2)
    before = probe(loaded_model, budget)
    merged_model = model.merge_and_unload(safe_merge=True)
    with written_whole(out) as pending:
        merged_model.save_pretrained(pending)
        plain.save_pretrained(pending)
        if loaded_model.budget is not None:
            loaded_model.budget.save(pending)
            show_as_taught(pending, loaded_model.budget)
        if loaded_model.extractor is not None:
            save_ears(loaded_model.extractor, pending)
        manifest.put(pending / manifest.CARD, card_of_training(pending, ""))
        sums.write(pending)
        parity = compare(before, probe(load_model(str(pending), dtype, "cpu"), budget))
        limit = TOLERANCE[model.dtype]
        if (parity.logits if model.dtype == torch.float32 else parity.divergence) > limit:
            raise InputError(
                f"{where}, merged, answers otherwise than the adapter: logits {parity.logits:.1e}, "
                f"divergence {parity.divergence:.1e} apart in {dtype}, at most {limit:.0e} is rounding; try --dtype float32"
            )
    figures = [f"{name.replace('_', ' ')} {three_digits(getattr(parity, name))}" for name in parity.__slots__]
    print(f"{out}: merged in {dtype}, beside the adapter: {', '.join(figures)}")
    return parity


def three_digits(value: float) -> float:
    """Round a figure for a terminal.

    >>> three_digits(0.0062500000931322575), three_digits(3.1666314803555025e-07), three_digits(1.0)
    (0.00625, 3.17e-07, 1.0)
    """
    return float(f"{value:.3g}")


@contextmanager
def written_whole(out: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``out``, for this command alone; it gets its name once all is written.

    Raises:
        InputError: another command is writing it, or was quicker.
    """
    with alone(pending := out.with_name(f"{out.name}.part")):
        try:
            for old in pending.iterdir():  # what a stopped run left
                remove(old)
            yield pending
            if out.exists() and any(out.iterdir()):
                raise InputError(f"{out} is not empty; give another --out")
        except InputError:
            shutil.rmtree(pending)
            raise
        if out.exists():
            out.rmdir()
        pending.replace(out)
        sync_folder(out.parent)


def show_as_taught(folder: Path, budget: Budget) -> None:
    """Set the processor's pixel limits to the budget's: whoever serves the folder shows pictures as in training."""
    model_parts = parts(str(folder))
    encoder_for(model_parts.model_type, model_parts.processor, budget)
    model_parts.processor.save_pretrained(folder)


@torch.inference_mode()
def probe(loaded_model: LoadedModel, budget: Budget) -> Tensor:
    """Logits at every place of the probes' text, on frames of noise as many as the model was taught to see."""
    small = Budget(budget.frames, budget.media, 56 * 56, 112 * 112)
    encoder = encoder_for(loaded_model.model_type, loaded_model.processor, small)
    noise = np.random.default_rng(0).integers(0, 256, (budget.frames, 112, 112, 3), dtype=np.uint8)
    row = {
        "clip_id": "probe",
        "messages": [
            m for q in PROBES for m in ({"role": "user", "content": q}, {"role": "assistant", "content": ""})
        ],
    }
    times = [0.5 * index for index in range(budget.frames)]
    clip = encoder.encode_frames(row, range(len(PROBES)), False, noise, times)
    batch = encoder.inputs(clip.ids, [clip] * len(PROBES), left=False)
    out = loaded_model.model(**batch).logits.float()
    return out[batch["attention_mask"].bool() & (batch["input_ids"] != encoder.pad_id)]


def compare(one: Tensor, other: Tensor) -> Parity:
    """Compare two sets of logits, places x words."""
    words = one.double().log_softmax(-1)
    return Parity(
        logits=float((one - other).abs().max() / one.abs().max()),
        divergence=float((words.exp() * (words - other.double().log_softmax(-1))).sum(-1).mean()),
        same_next=float((one.argmax(-1) == other.argmax(-1)).float().mean()),
    )


def vllm(
    where: str, out: Path, name: str | None = None, repo: str | None = None, base: str | None = None
) -> Path:
    """``OUT/models/llm/NAME``, whole weights that vLLM serves, and ``OUT/configs/global.yaml`` that points at it.

    Raises:
        InputError: a name that is no single folder, or a folder that is full.
    """
    name = name or Path(where).name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise InputError(f"--name {name!r}: letters, digits, '.', '_' and '-'")
    target = out / "models" / "llm" / name
    folder = local(where)
    if (folder / "adapter_config.json").is_file():
        merge(where, target, base=base)
    else:
        if target.exists() and any(target.iterdir()):
            raise InputError(f"{target} is not empty; give another --name or --out")
        if (folder / sums.NAME).is_file() and (faults := sums.faults(folder)):
            raise InputError(f"{where} is not what training left: {'; '.join(faults)}")
        with written_whole(target) as pending:
            shutil.copytree(
                folder,
                pending,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns("checkpoint-*", "*.bin", "*.pt", "*.pth"),
            )
            if (pending / BUDGET_FILE).is_file():
                show_as_taught(pending, Budget.load(pending))
            sums.write(pending)
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    on_videos = (target / BUDGET_FILE).is_file() and Budget.load(target).media == "video"
    if on_videos and config["model_type"] in ("qwen2_vl", "qwen2_5_vl"):
        print(
            f"{where} was taught on videos: vLLM counts positions after a video otherwise than transformers and "
            "will answer otherwise; train with --media images what is to be served",
            file=sys.stderr,
        )
    write_global(out / "configs" / "global.yaml", f"models/llm/{name}", repo)
    smoke = out / "smoke.sh"
    smoke.write_text(SMOKE.replace("NAME", name), encoding="utf-8")
    smoke.chmod(0o755)
    return target


def write_global(path: Path, model_name: str, repo: str | None) -> None:
    """Set ``model_name`` (and ``model_repo``) in the agents' configuration; the rest of it stays, comments too.

    Agents ask the server for ``served_model_name``: the folder's name, as ``vllm serve --served-model-name`` has it.

    Raises:
        InputError: the file isn't YAML with one option per line.
    """
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    text = old
    settings = {"model_name": model_name, "served_model_name": model_name.rpartition("/")[2]}
    settings |= {} if repo is None else {"model_repo": repo}
    for key, value in settings.items():
        line = f"{key}: {json.dumps(value)}"
        pattern = re.compile(rf"^(?:# ?)?{key}:.*$", re.MULTILINE)
        text = (
            pattern.sub(line, text, count=1)
            if pattern.search(text)
            else f"{text.rstrip()}\n{line}\n".lstrip()
        )
    try:
        before = yaml.safe_load(old) or {}
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {error}") from None
    try:
        good = isinstance(before, dict) and yaml.safe_load(text) == {**before, **settings}
    except yaml.YAMLError:
        good = False
    if not good:
        raise InputError(f"{path}: set by hand {', '.join(f'{k}: {v}' for k, v in settings.items())}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
