"""A segmenter from a built data set: a U-Net, one that is asked in words, CLIPSeg or SAM; one recipe.

surgvqa-train segment --data DIR --out runs/unet --model unet --epochs 30
torchrun --nproc-per-node 2 -m surgvqa.train segment …      # the same batches, divided

After every epoch the model is scored on the validation split, whose sequences it has not seen; the one with
the best Dice stays in ``model.safetensors``. With ``--keep last`` or ``average`` (of the weights of about a hundred
steps) the validation split chooses nothing and is scored once, in the end. A run that was stopped goes on after its last whole epoch and
ends with the same weights: samples, augmentation and phrases follow from seed, epoch and sample. So does one
of several processes, up to rounding: losses and batch norm are over the whole batch. In the end the test
split, or without one the validation split, is predicted into ``masks.jsonl``, which ``surgvqa-eval segmentation`` scores.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import save_file
from surgvqa.builders.configs.segmentation import labels_of, phrases, same_classes
from surgvqa.builders.files.pictures import decode_jpeg
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import load as load_taxonomy
from surgvqa.cards.command import InputError
from surgvqa.cards.write import small_model
from surgvqa.eval.commands import run_segmentation
from surgvqa.eval.documents.spatial import MaskFigures
from surgvqa.eval.spatial.segmentation import frame, report
from surgvqa.train.segmenters import augment
from surgvqa.train.segmenters.documents import SegmenterFile, SegmenterSpec, card, recipe_of
from surgvqa.train.segmenters.models import UNET, load, make
from surgvqa.train.segmenters.parts import Batch, PictureMasks, Segmenter, to_tensor
from surgvqa.train.settings.from_masks import Segment
from surgvqa.train.steps import distributed
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

COLUMNS = ("row_id", "case_id", "procedure", "task", "image", *run_segmentation.COLUMNS[2:], "instances")
WARM_UP = 3  # pictures before times are taken
DECAY = 0.99  # of the average weights, per step: an average over about a hundred steps
Row = dict[str, Any]


def main(config: Segment) -> None:
    """Train, go on, or only predict; the arguments are those of the command."""
    recipe = recipe_of(config)
    if config.size % 32 or config.size < 32 or config.epochs < 1 or config.batch_size < 1:
        raise InputError(f"--size {config.size} --epochs {config.epochs} --batch-size {config.batch_size}: "
                         "the size is a multiple of 32, the others at least 1")  # fmt: skip
    if not 1 <= len(config.decoder) <= 5 or config.size % 2 ** len(config.decoder):
        raise InputError(f"--decoder {' '.join(map(str, config.decoder))}: 1 to 5 widths")
    device = distributed.device(config.device)
    distributed.join(device)
    train, held_out = (
        list(run_segmentation.rows(config.data, split, COLUMNS)) for split in ("train", "validation")
    )
    classes = same_classes((row["classes"] for row in (*train, *held_out)), config.data)
    if not any(one["instances"] for one in train):
        raise InputError(f"{config.data}: no mask in the training split; there is nothing to learn")
    if config.model == UNET:  # the other models learn from names of what isn't there, too
        classes = learnable(train, classes)
    phrases_by_class = class_phrases(train, classes)
    torch.manual_seed(config.seed)
    model = make(recipe, classes, phrases_by_class).to(device)  # type: ignore[call-overload]
    # A third less time at 128 pixels and a tenth at 192; in float32 it would move the rounding of divided batches.
    if config.model == UNET and config.precision == "bf16":
        model = model.to(memory_format=torch.channels_last)
    distributed.share_batch_norm(model)
    spec: SegmenterSpec = {
        "recipe": recipe,
        "classes": list(classes),
        "phrases": phrases_by_class,
        "task": train[0]["task"],
    }
    config.out.mkdir(parents=True, exist_ok=True)
    learn(model, train, held_out, spec, config.out, device)
    if not distributed.first():
        return
    best, document = load(config.out)
    small_model.write(config.out, card(document), config.data)
    print(
        f"{config.keep} weights, validation Dice {document['dice']:.3f} in epoch {document['epoch']} of {config.epochs}; {config.out / 'model.safetensors'}"
    )
    has_test = any((config.data / "segmentation").glob("test-*.parquet"))
    split = "test" if has_test else "validation"
    rows = run_segmentation.rows(config.data, split, COLUMNS)
    write_masks(best.to(device), rows, config.size, device, config.out / "masks.jsonl")
    print(f"surgvqa-eval segmentation {config.out / 'masks.jsonl'} --data {config.data} --split {split}")


def learnable(rows: Sequence[Row], classes: Sequence[str]) -> tuple[str, ...]:
    """Return the background and the classes of which a row has a mask: a share for each other one costs time at every pixel.

    >>> learnable([{"instances": [{"name": "hook"}]}], ("background", "grasper", "hook"))
    ('background', 'hook')
    """
    names = {one["name"] for row in rows for one in row["instances"]}
    return (classes[0], *(name for name in classes[1:] if name in names))


def class_phrases(rows: Sequence[Row], classes: Sequence[str]) -> dict[str, list[str]]:
    """Return the phrases of every class, those of the data first."""
    phrases_by_class = {one["name"]: list(one["phrases"]) for row in rows for one in row["instances"]}
    left = [name for name in classes[1:] if name not in phrases_by_class]
    if left:
        procedure, task = rows[0]["procedure"], rows[0]["task"]
        try:
            taxonomy = load_taxonomy(procedure)
            phrases_by_class |= {name: phrases(name, task, taxonomy) for name in left}
        except InputError:  # a user's own procedure, which doesn't travel with the data
            phrases_by_class |= {name: [name] for name in left}
    return {name: phrases_by_class[name] for name in classes[1:]}


def sample_seed(*parts: object) -> int:
    """Return a seed of 32 bits that follows from the parts, the same on every machine."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")


def batches(rows: Sequence[Row], spec: SegmenterSpec, epoch: int, device: torch.device) -> Iterator[Batch]:
    """Yield the samples of an epoch, of each batch this process's part; a last batch of one is left out, batch norm needs two."""
    recipe, classes = spec["recipe"], spec["classes"]
    seed, size, count = recipe["seed"], recipe["size"], recipe["batch_size"]
    change = {
        "full": augment.training,
        "upright": augment.upright,
        "light": augment.light,
        "none": augment.plain,
    }[recipe["augment"]](size)
    order = list(range(len(rows)))
    random.Random(sample_seed(seed, epoch)).shuffle(order)
    for start in range(0, len(order), count):
        indices = order[start : start + count]
        if len(indices) < max(2, distributed.size()) <= len(order):
            continue
        indices = indices[distributed.rank() :: distributed.size()]
        seeds = [sample_seed(seed, epoch, rows[at]["row_id"]) for at in indices]
        pairs = [
            augment.apply(change, *decode_row(rows[at], classes), one)
            for at, one in zip(indices, seeds, strict=True)
        ]
        images = torch.stack([to_tensor(picture) for picture, _ in pairs]).to(device)
        labels = torch.stack([torch.from_numpy(one.astype(np.int64)) for _, one in pairs]).to(device)
        yield Batch(images, labels, seeds)


def decode_row(row: Row, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return a row's picture, and its labels as indices of ``classes``; a class that isn't among them is background.

    Raises:
        InputError: picture and labels differ in size, or a label is unknown.
    """
    picture = decode_jpeg(row["image"]["bytes"])
    places = [classes.index(name) if name in classes else 0 for name in row["classes"]]
    return picture, np.asarray(places, np.uint8)[labels_of(row, picture.shape)]


def learn(
    model: Segmenter,
    train: Sequence[Row],
    held_out: Sequence[Row],
    spec: SegmenterSpec,
    out: Path,
    device: torch.device,
) -> None:
    """All epochs that are left; the best model and the state to go on from lie in ``out``."""
    recipe, size = spec["recipe"], spec["recipe"]["size"]
    steps = max(1, sum(1 for at in range(0, len(train), recipe["batch_size"])))
    optimizer = torch.optim.AdamW(model.parameters(), recipe["learning_rate"], weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe["learning_rate"], total_steps=steps * recipe["epochs"] + 1, pct_start=0.1
    )
    averages = average_of(model) if recipe["keep"] == "average" else None
    epochs_done, best = restore(out, spec, model, optimizer, schedule, averages)
    for epoch in range(epochs_done, recipe["epochs"]):
        model.train()
        torch.manual_seed(sample_seed(recipe["seed"], "epoch", epoch))  # dropout
        total = count = 0.0
        bar = tqdm(
            batches(train, spec, epoch, device),
            total=steps,
            desc=f"epoch {epoch + 1}",
            disable=None if distributed.first() else True,
        )
        for batch in bar:
            loss = step(model, batch, device, recipe["precision"] == "bf16")
            if not math.isfinite(loss):
                raise InputError(f"epoch {epoch + 1}: the loss is {loss}; a lower --learning-rate helps")
            optimizer.step()
            schedule.step()
            if averages:
                averages.update_parameters(model)
            total, count = total + loss, count + 1
        if not distributed.first():
            continue
        line = f"epoch {epoch + 1}: loss {total / max(1, count):.4f}"
        if recipe["keep"] == "best" or epoch + 1 == recipe["epochs"]:
            final = cast("Segmenter", averages.module) if averages else model
            figures = score_rows(final, held_out, size, device)
            dice = figures["dice"]["value"] or 0.0
            line += f", validation Dice {dice:.3f}"
            if dice > best or recipe["keep"] != "best" or not (out / "model.safetensors").is_file():
                best = dice
                write_segmenter(final, {"schema_version": 1, **spec, "dice": dice, "epoch": epoch + 1,
                                       "validation": figures}, out)  # fmt: skip
        print(line, flush=True)
        state = {
            "epoch": epoch + 1,
            "best": best,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "stated": json.dumps(spec, sort_keys=True),
            **({"average": averages.state_dict()} if averages else {}),
        }
        torch.save(state, out / "last.pt.tmp")
        (out / "last.pt.tmp").replace(out / "last.pt")


def average_of(model: Segmenter) -> AveragedModel:
    """Return the running average of a model's weights and statistics: steadier than the last ones, chosen by nothing."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(DECAY), use_buffers=True)  # type: ignore[no-untyped-call]


def write_segmenter(model: Segmenter, document: SegmenterFile, out: Path) -> None:
    """Write weights and document; each tensor copied, for SAM has one under two names, which safetensors refuses."""
    tensors = {name: one.cpu().clone().contiguous() for name, one in model.state_dict().items()}
    save_file(tensors, out / "model.safetensors")
    (out / "segmenter.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def step(model: Segmenter, batch: Batch, device: torch.device, mixed: bool) -> float:
    """Compute a batch's loss and the gradients of all processes; returns the loss."""
    with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
        loss = model.loss(batch)
    value = float(loss.detach())
    if math.isfinite(value):
        model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        distributed.mean_gradients(model)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    return value


def restore(
    out: Path,
    spec: SegmenterSpec,
    model: Segmenter,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    averages: AveragedModel | None,
) -> tuple[int, float]:
    """(epochs done, best Dice) of an earlier run in ``out`` of the same recipe; (0, -1) without one."""
    path = out / "last.pt"
    if not path.is_file():
        return 0, -1.0
    device = next(model.parameters()).device
    state = torch.load(path, map_location=device, weights_only=True)  # tensors and plain values, no code
    if state["stated"] != json.dumps(spec, sort_keys=True):
        raise InputError(
            f"{out} holds a run of another recipe or other classes; give another --out, or the same options"
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    if averages:
        averages.load_state_dict(state["average"])
    return int(state["epoch"]), float(state["best"])


def predict_masks(
    model: Segmenter, row: Row, size: int, device: torch.device
) -> tuple[dict[str, tuple[np.ndarray, float]], float]:
    """(per class its mask in the row's own size and how sure it is, milliseconds) of one row."""
    picture = decode_jpeg(row["image"]["bytes"])
    start = time.perf_counter()
    class_masks = segment_picture(model, picture, size, device).masks
    return class_masks, (time.perf_counter() - start) * 1000


def segment_picture(model: Segmenter, picture: np.ndarray, size: int, device: torch.device) -> PictureMasks:
    """Return the mask of a height x width x 3 picture, in its own size."""
    small, _ = augment.apply(augment.plain(size), picture, np.zeros(picture.shape[:2], np.uint8), 0)
    return model.masks(to_tensor(small).to(device), picture.shape[:2])  # type: ignore[arg-type]


def score_rows(model: Segmenter, rows: Sequence[Row], size: int, device: torch.device) -> MaskFigures:
    """Return the figures of a split, by the code of ``surgvqa-eval segmentation``."""
    model.eval()
    return report(
        [
            frame(
                row["case_id"],
                run_segmentation.truth(row),
                {name: mask for name, (mask, _) in predict_masks(model, row, size, device)[0].items()},
                row["absent"],
            )
            for row in rows
        ]
    )


def write_masks(model: Segmenter, rows: Iterator[Row], size: int, device: torch.device, path: Path) -> None:
    """Predict rows one by one, with the time each takes after a warm-up."""
    model.eval()
    with path.open("w", encoding="utf-8") as file:
        for number, row in enumerate(tqdm(rows, desc="predict", unit="picture", disable=None)):
            class_masks, milliseconds = predict_masks(model, row, size, device)
            record = {
                "row_id": row["row_id"],
                "masks": {name: masks.mask_to_rle(mask) for name, (mask, _) in class_masks.items()},
                "confidence": {name: round(sure, 3) for name, (_, sure) in class_masks.items()},
                "ms": round(milliseconds, 2) if number >= WARM_UP else None,
            }
            file.write(json.dumps(record) + "\n")
