r"""Visual encoders compared: frozen features, and what a linear probe reads from them.

surgvqa-train towers --data DIR --models openai/clip-vit-base-patch32 google/siglip-base-patch16-224 \
    facebook/dinov2-base Qwen/Qwen2.5-VL-3B-Instruct --out towers.json

Each model sees the middle frame of every clip once and learns nothing. What it makes of its patches, averaged, goes to
a ridge regression for the phase and one for the presence of each instrument; its strength is chosen on the validation
split (on a fifth of the training operations where there is none). Beside them stand the mean colours of an 8 x 8
grid, which is no encoder, and the commonest answer, which never looks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from PIL import Image
from surgvqa.builders.files.pictures import decode_jpeg
from surgvqa.cards.command import InputError
from surgvqa.eval.data import streams
from surgvqa.eval.documents.spatial import Measure
from surgvqa.eval.models.precision import dtype_for
from surgvqa.eval.output import terminal
from surgvqa.eval.spatial.segmentation import figure
from surgvqa.train.settings.pictures import Towers
from surgvqa.train.steps import distributed
from tqdm import tqdm

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)  # of the ridge, on standardised features
GRID = "mean colours"


@dataclass(frozen=True, slots=True)
class SplitClips:
    """The clips of a split: pictures, cases, phases, and the instruments in view."""

    pictures: list[Image.Image]
    cases: list[str]
    phases: list[str]
    instruments: list[frozenset[str]]


class Probe(TypedDict):
    """The figures of a linear probe on frozen features."""

    phase: Measure
    instruments: Measure


class TowerRow(Probe):
    """The same of one encoder."""

    width: int


def main(config: Towers) -> None:
    """One table: phase accuracy and instrument balanced accuracy by encoder."""
    device = distributed.device(config.device)
    names = streams.splits(str(config.data), "clips")
    parts = {name: read_clips(config.data, name) for name in ("train", "validation", "test") if name in names}
    if "test" not in parts:
        raise InputError(f"{config.data} has no test split to compare on")
    train, held_out = (
        (parts["train"], parts["validation"]) if "validation" in parts else apart(parts["train"])
    )
    rows: dict[str, TowerRow] = {}
    for name in (GRID, *config.models):
        features = [features_of(name, part.pictures, device) for part in (train, held_out, parts["test"])]
        rows[name] = {"width": features[0].shape[1], **probe(features, (train, held_out, parts["test"]))}
    rows["commonest"] = commonest(train, parts["test"])
    print(figures_table(rows))
    if config.out:
        config.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


def read_clips(folder: Path, split: str) -> SplitClips:
    """Return the clips of a split that have pictures, a phase and an annotated scene."""
    clips = SplitClips([], [], [], [])
    for row in streams.clips(str(folder), split):
        if not row["images"] or row["phase"] is None or not row["scene"]:
            continue
        nodes = json.loads(row["scene"])["nodes"]
        middle = row["images"][len(row["images"]) // 2]
        clips.pictures.append(Image.fromarray(decode_jpeg(middle["bytes"])))
        clips.cases.append(row["case_id"])
        clips.phases.append(row["phase"])
        clips.instruments.append(frozenset(one["name"] for one in nodes if one["type"] == "instrument"))
    if not clips.pictures:
        raise InputError(f"{folder}, {split}: no clip with pictures, a phase and a scene")
    return clips


def apart(train: SplitClips) -> tuple[SplitClips, SplitClips]:
    """Return the training clips without, and of, every fifth operation."""
    held_cases = set(sorted(set(train.cases))[::5])
    if held_cases == set(train.cases):
        raise InputError("one operation in the training split: nothing to choose the probe's strength on")

    def part(inside: bool) -> SplitClips:
        at = [i for i, case in enumerate(train.cases) if (case in held_cases) == inside]
        pick = (
            [one[i] for i in at] for one in (train.pictures, train.cases, train.phases, train.instruments)
        )
        return SplitClips(*pick)  # type: ignore[arg-type]

    return part(False), part(True)


def features_of(name: str, pictures: Sequence[Image.Image], device: torch.device) -> np.ndarray:
    """(pictures, features) of one encoder."""
    if name == GRID:
        small = [np.asarray(one.resize((8, 8), Image.Resampling.BOX), np.float32) for one in pictures]
        return np.stack(small).reshape(len(small), -1)
    tower, processor = load_tower(name, device)
    tower = tower.to(device).eval()
    chunks = []
    for start in tqdm(range(0, len(pictures), 16), desc=name.rsplit("/", 1)[-1], disable=None):
        some = list(pictures[start : start + 16])
        inputs = {key: value.to(device) for key, value in processor(images=some, return_tensors="pt").items()}
        with torch.inference_mode():
            chunks.append(pool_patches(tower, inputs, len(some)).float().cpu().numpy())
    return np.concatenate(chunks)


def load_tower(name: str, device: torch.device) -> tuple[Any, Any]:
    """Return the vision tower of a checkpoint and the processor of its pictures; the rest of the model is dropped."""
    from transformers import AutoConfig, AutoImageProcessor, AutoModel

    try:
        config = AutoConfig.from_pretrained(name)
        processor = AutoImageProcessor.from_pretrained(name)
        dtype = dtype_for("auto", device)
        model = AutoModel.from_pretrained(name, config=config, dtype=dtype)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--models {name}: no vision model that can be had here: {str(error).splitlines()[0]}"
        ) from error
    return getattr(model, "vision_model", None) or getattr(model, "visual", None) or model, processor


def pool_patches(tower: Any, inputs: dict[str, torch.Tensor], count: int) -> torch.Tensor:
    """(pictures, features): the mean of a picture's patches."""
    if "image_grid_thw" in inputs:  # Qwen: the patches of all pictures in one row, merged by the tower
        grid = inputs["image_grid_thw"]
        out = tower(inputs["pixel_values"].to(tower.dtype), grid_thw=grid)
        patches = out.pooler_output if hasattr(out, "pooler_output") else out
        lengths = (grid.prod(1) // tower.spatial_merge_size**2).tolist()
        return torch.stack([one.mean(0) for one in patches.split(lengths)])
    patches = tower(pixel_values=inputs["pixel_values"]).last_hidden_state
    if patches.ndim == 4:  # a convolutional encoder
        patches = patches.flatten(2).transpose(1, 2)
    assert len(patches) == count
    return patches.mean(1)


def probe(features: Sequence[np.ndarray], parts: Sequence[SplitClips]) -> Probe:
    """Phase accuracy and the instruments' balanced accuracy on the test split, with intervals over operations."""
    mean, spread = features[0].mean(0), features[0].std(0) + 1e-6
    inputs = [np.column_stack([(one - mean) / spread, np.ones(len(one))]) for one in features]
    phases = sorted(set(parts[0].phases))
    tools = sorted({name for one in parts[0].instruments for name in one})
    targets = [targets_of(part, phases, tools) for part in parts]
    solutions = [ridge(inputs[0], targets[0], strength) for strength in STRENGTHS]
    count = len(phases)

    def best(columns: slice, score: Any) -> np.ndarray:
        """Return the test scores under the weights that are best on the held-out split."""
        scores = [score(inputs[1] @ one[:, columns], parts[1]) for one in solutions]
        weights = solutions[int(np.argmax([one.mean() for one in scores]))]
        test_scores: np.ndarray = score(inputs[2] @ weights[:, columns], parts[2])
        return test_scores

    def phase_right(scores: np.ndarray, part: SplitClips) -> np.ndarray:
        return np.array(
            [phases[at] == true for at, true in zip(scores.argmax(1), part.phases, strict=True)], float
        )

    def tools_right(scores: np.ndarray, part: SplitClips) -> np.ndarray:
        return balanced_accuracy(scores > 0, part, tools)

    return {
        "phase": figure(best(slice(0, count), phase_right).tolist(), parts[2].cases),
        "instruments": figure(best(slice(count, None), tools_right).tolist(), parts[2].cases),
    }


def targets_of(part: SplitClips, phases: Sequence[str], tools: Sequence[str]) -> np.ndarray:
    """(clips, phases + instruments) of 1 and -1."""
    rows = [
        [*(one == name for name in phases), *(name in there for name in tools)]
        for one, there in zip(part.phases, part.instruments, strict=True)
    ]
    return np.where(np.array(rows), 1.0, -1.0)


def ridge(inputs: np.ndarray, targets: np.ndarray, strength: float) -> np.ndarray:
    """Weights of a ridge regression; presence and absence of a class weigh the same, and the constant isn't shrunk."""
    columns = []
    penalty = strength * len(inputs) * np.eye(inputs.shape[1])
    penalty[-1, -1] = 0
    for column in targets.T:
        share = np.clip((column > 0).mean(), 1e-6, 1 - 1e-6)
        weight = np.where(column > 0, 0.5 / share, 0.5 / (1 - share))[:, None]
        columns.append(
            np.linalg.solve(inputs.T @ (weight * inputs) + penalty, inputs.T @ (weight[:, 0] * column))
        )
    return np.column_stack(columns)


def balanced_accuracy(guess: np.ndarray, part: SplitClips, tools: Sequence[str]) -> np.ndarray:
    """Per clip, how right the instruments are told where presence and absence count the same; chance is 0.5."""
    truth = np.array([[name in there for name in tools] for there in part.instruments])
    share = truth.mean(0).clip(1e-6, 1 - 1e-6)
    usable = truth.any(0) & ~truth.all(0)
    weight = np.where(truth, 0.5 / share, 0.5 / (1 - share))[:, usable]
    right: np.ndarray = (weight * (guess == truth)[:, usable]).mean(1)
    return right


def commonest(train: SplitClips, test: SplitClips) -> TowerRow:
    """Score a guesser who never looks."""
    usual = max(sorted(set(train.phases)), key=train.phases.count)
    return {
        "width": 0,
        "phase": figure([float(one == usual) for one in test.phases], test.cases),
        "instruments": {"value": 0.5, "n": len(test.cases), "ci95": None},
    }


def figures_table(rows: dict[str, TowerRow]) -> str:
    """Return the table."""
    lines: list[tuple[str, ...]] = [
        ("frozen encoder, linear probe", "features", "phase", "95 %", "instruments*", "95 %")
    ]
    for name, one in rows.items():
        cells = (cell for each in (one["phase"], one["instruments"])
                 for cell in (terminal.percent(each["value"]), terminal.span(each.get("ci95"))))  # fmt: skip
        lines.append((name, str(one["width"]), *cells))
    return f"{terminal.table(lines)}\n\n* balanced accuracy over instruments, chance 50"
