"""The origin of answers: digests of weights and of frames, and the files that a run leaves beside its answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from surgvqa.cards.command import InputError
from surgvqa.cards.files import sums
from surgvqa.cards.files.atomic import write_text
from surgvqa.eval.documents.runs import RunFacts
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.load import Parts, local
from surgvqa.eval.models.pixels import Frames
from surgvqa.eval.output import documents

if TYPE_CHECKING:
    from surgvqa.eval.answers.predict import Run

WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "adapter_model.bin", "config.json", "adapter_config.json")
DIGITS = 16  # hexadecimal: two different models or clips agree by chance once in 10^19


def weights_digest(model_parts: Parts) -> str:
    """Return a digest of a model's weights and configuration; an adapter's own and its base's, joined by "+".

    Files that `parts` has compared with their hashes are not read a second time.

    Raises:
        InputError: the base isn't there.
    """
    folders = (
        [model_parts.folder]
        if model_parts.adapter is None
        else [model_parts.folder, local(model_parts.source)]
    )
    return "+".join(map(_folder_digest, folders))


def _folder_digest(folder: Path) -> str:
    names = sorted({path.name for pattern in WEIGHTS for path in folder.glob(pattern)})
    lines = [f"{name} {sums.digest(folder / name)}" for name in names]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:DIGITS]


def frames_digest(frames: Frames, times: Sequence[float]) -> str:
    """Return a digest of the pixels that were shown and of their times.

    >>> still = np.zeros((1, 2, 2, 3), np.uint8)
    >>> frames_digest(still, [0.5]) == frames_digest(still.copy(), [0.5]), frames_digest(still, [0.5]) == frames_digest(still, [1.0])
    (True, False)
    """
    digest = hashlib.sha256(repr((frames.shape, [round(float(time), 6) for time in times])).encode())
    digest.update(np.ascontiguousarray(frames).tobytes())
    return digest.hexdigest()[:DIGITS]


def remember(run: Run, budget: Budget, weights: str | None) -> None:
    """Keep beside the answers what they answer, and refuse to mix two runs in one file.

    Raises:
        InputError: the file was begun with another model or other weights, another data set, split, control or budget.
    """
    facts: RunFacts = {
        "schema_version": documents.SCHEMA_VERSION,
        "data": run.data,
        "config": run.config,
        "split": run.split,
        "model": run.model,
        "weights": weights,
        "control": run.control,
        "seed": run.seed,
        "engine": run.engine,
        "max_new_tokens": run.max_new_tokens,
        "budget": {
            "frames": budget.frames,
            "media": budget.media,
            "min_pixels": budget.min_pixels,
            "max_pixels": budget.max_pixels,
        },
    }
    path = run.out.with_suffix(".run.json")
    if run.out.exists() and run.out.stat().st_size and path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        for key, value in facts.items():
            if key != "schema_version" and before.get(key) != value:
                raise InputError(
                    f"{run.out} was begun with {key} = {before.get(key)}, asked with {value}; give another --out"
                )
    write_text(path, json.dumps(facts, indent=2) + "\n")
