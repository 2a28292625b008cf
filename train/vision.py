"""A vision tower learns from masks, before any words: what lies under each of its tokens, what comes and what goes.

surgvqa-build … --segmentation instruments --out DIR
surgvqa-train vision --data DIR --model runs/random --out runs/seeing --max-pixels 7000
torchrun --nproc-per-node 2 -m surgvqa.train vision …      # the same batches, divided

From random weights the answers to questions teach a tower slowly: one word of an answer has to find its place in the
picture by itself. A mask says of every token what lies there. Two annotated moments in a row are a video of two
frames, which the tower merges into one step of time. One linear layer reads from each token what lies under it in the
first and in the second frame, which of the nine parts of the frame that is (the language model's rotary frequencies
tell it badly), and which way the thing there moves; and from all of them the phase, and what came and what went between
the two frames. It is thrown away in the end. The language model stays as it was, and the tower takes part in
`surgvqa-train sft` as ever.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from surgvqa.builders.cases.scene import CELLS
from surgvqa.builders.questions.motion import WAYS
from surgvqa.cards.command import InputError
from surgvqa.cards.write import small_model
from surgvqa.cards.write.small_model import SmallModel
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.encode import Encoder
from surgvqa.eval.models.pixels import to_float
from surgvqa.eval.models.vision_attention import side_by_side
from surgvqa.train.clips.base_model import load
from surgvqa.train.settings.from_masks import Vision
from surgvqa.train.steps import distributed
from surgvqa.train.steps.muon import Muon
from surgvqa.train.steps.optimizer import Together, divide_parameters, part_of
from surgvqa.train.vision_parts.pairs import UNKNOWN, Pair, Read, batches, encode_pairs, pairs, phases_of
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm
from transformers import PreTrainedModel, get_cosine_schedule_with_warmup
from trl import ModelConfig

FRAMES = 2  # that the towers of Qwen-VL merge into one step of time
CLASSES_WEIGH = 3.0  # against the rest: most tokens are background and soon right
CELLS_WEIGH = 1.0
CHANGES_WEIGH = 2.0
WARM_UP = 0.04  # of all steps


class Reader(nn.Module):
    """Reads what the tower's tokens tell: one linear layer."""

    def __init__(self, width: int, classes: int, phases: int) -> None:
        super().__init__()
        self.parts = (FRAMES * classes, len(CELLS), len(WAYS), max(1, phases), 2 * classes)
        self.linear = nn.Linear(width, sum(self.parts))

    def forward(self, tokens: Tensor) -> Read:
        """(n, tokens, width) to logits."""
        classes, cells, ways, *whole = self.linear(tokens).split(self.parts, -1)
        # A sum over n tokens that vary alike varies by the root of n: so the whole is as loud as a token.
        phases, changes = (part.sum(1) / math.sqrt(part.shape[1]) for part in whole)
        return Read(classes.unflatten(-1, (FRAMES, -1)), cells, ways, phases, changes.unflatten(-1, (2, -1)))


def main(config: Vision) -> None:
    """Train, then say how well the tower tells what it sees in operations it hasn't seen, and write the model."""
    device = distributed.device(config.device)
    distributed.join(device)
    torch.manual_seed(config.seed)
    processor, model = load(ModelConfig(model_name_or_path=config.model, dtype="float32"))
    budget = Budget(FRAMES, "video", min(Budget(FRAMES).min_pixels, config.max_pixels), config.max_pixels)
    part = Encoder(processor, budget).part
    phases = phases_of(config.data, "train")
    phase_names = sorted({name for stretches in phases.values() for _, _, name in stretches})
    train = pairs(config.data, "train", part, phases, phase_names)
    classes = train[0].after.names
    reader = Reader(model.config.get_text_config().hidden_size, len(classes), len(phase_names)).to(device)
    model = model.to(device)
    side_by_side(model)
    learn(model, reader, train, part, config, device)
    if not distributed.first():
        return
    document: dict[str, Any] = {"pairs": len(train), "classes": list(classes), "phases": phase_names}
    if list((config.data / "segmentation").glob("validation-*.parquet")):
        held_out = pairs(config.data, "validation", part, phases_of(config.data, "validation"), phase_names)
        document["validation"] = figures(model, reader, held_out, part, config.batch_size, device)
        for name, share in document["validation"].items():
            print(f"{name}: {share:.3f}")
    model.save_pretrained(config.out)
    processor.save_pretrained(config.out)
    (config.out / "vision.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    small_model.write(config.out, card(config, document), config.data)


def card(config: Vision, document: Mapping[str, Any]) -> SmallModel:
    """Return what the card tells of a model whose tower was taught."""
    settings = ("max_pixels", "epochs", "batch_size", "learning_rate", "muon_learning_rate", "seed")
    return SmallModel(
        task="image-feature-extraction",
        title="Vision tower taught from masks",
        what=f"A Qwen-VL whose tower has learnt to tell {', '.join(document['classes'][1:])}; its language model is as it was.",
        figures=document.get("validation", {}),
        figures_are="Shares read right on operations of the validation split, by a reader that was trained with the tower and is left behind.",
        command="surgvqa-train sft --model_name_or_path THIS_FOLDER --dataset_name DATA --output_dir ADAPTER",
        settings={name: getattr(config, name) for name in settings},
    )


def learn(
    model: PreTrainedModel,
    reader: Reader,
    train: Sequence[Pair],
    part: Any,
    config: Vision,
    device: torch.device,
) -> None:
    """All epochs; every process takes its part of each batch."""
    for name, one in model.named_parameters():
        one.requires_grad_(part_of(name) in ("vision", "projector"))
    both = nn.ModuleDict({"model": model, "reader": reader})
    muon, rest = divide_parameters(
        [(name, one) for name, one in model.named_parameters() if one.requires_grad]
    )
    rest += reader.parameters()
    optimizer = Together(
        [
            Muon(muon, config.muon_learning_rate, weight_decay=0.05),
            torch.optim.AdamW(rest, config.learning_rate, betas=(0.9, 0.95), weight_decay=0.05),
        ]
    )
    steps = len(train) // config.batch_size * config.epochs
    if steps < 1:
        raise InputError(
            f"{len(train)} pairs of moments for batches of {config.batch_size}; give a smaller --batch-size"
        )
    schedule = get_cosine_schedule_with_warmup(optimizer, round(WARM_UP * steps), steps)
    model.train()
    bar = tqdm(
        batches(train, config.batch_size, config.epochs, config.seed),
        total=steps,
        desc="vision",
        disable=None if distributed.first() else True,
    )
    for number, batch in enumerate(bar, 1):
        loss = loss_of(model, reader, batch[distributed.rank() :: distributed.size()], part, device)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        distributed.mean_gradients(both)
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if number % 50 == 0 or number == steps:
            bar.set_postfix(loss=f"{float(loss.detach()):.3f}")


def tower_features(model: PreTrainedModel, patches: Tensor, grids: Tensor, part: Any) -> Tensor:
    """(n, tokens, width): what the tower hands to the language model of n videos of one size."""
    features = model.get_video_features(to_float(patches, part), video_grid_thw=grids).pooler_output
    return torch.cat(list(features)).view(len(grids), -1, features[0].shape[-1])


def loss_of(
    model: PreTrainedModel, reader: Reader, some: Sequence[Pair], part: Any, device: torch.device
) -> Tensor:
    """Return the loss of some pairs."""
    patches, grids, truth = encode_pairs(some, part)
    read = reader(tower_features(model, patches.to(device), grids.to(device), part))
    loss_sum = functional.binary_cross_entropy_with_logits(
        read.changes, truth.changes.to(device), reduction="sum"
    )
    total = CHANGES_WEIGH * distributed.mean(loss_sum, len(some))
    weights = (CLASSES_WEIGH, CELLS_WEIGH, 1.0, 1.0)
    for logits, labels, weight in zip(read[:-1], truth[:-1], weights, strict=True):
        flat = labels.to(device).flatten()
        loss_sum = functional.cross_entropy(
            logits.flatten(0, -2), flat, ignore_index=UNKNOWN, reduction="sum"
        )
        total = total + weight * distributed.mean(loss_sum, int((flat != UNKNOWN).sum()))
    return total


@torch.no_grad()
def figures(
    model: PreTrainedModel,
    reader: Reader,
    held_out: Sequence[Pair],
    part: Any,
    size: int,
    device: torch.device,
) -> dict[str, float]:
    """Of unseen operations, how much is read right: of things' tokens and of the rest, of cells, ways and phases; and
    in how many of the pairs in which something comes or goes all that does, and in how many others that nothing does.
    """
    model.eval()
    right: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for start in range(0, len(held_out), size):
        patches, grids, truth = encode_pairs(held_out[start : start + size], part)
        read = reader(tower_features(model, patches.to(device), grids.to(device), part))
        things = truth.classes > 0
        for name, logits, labels, mask in (
            ("things", read.classes, truth.classes, things),
            ("background", read.classes, truth.classes, ~things),
            ("cells", read.cells, truth.cells, truth.cells != UNKNOWN),
            ("ways", read.ways, truth.ways, truth.ways != UNKNOWN),
            ("phases", read.phases, truth.phases, truth.phases != UNKNOWN),
        ):
            right[name] += int((logits.argmax(-1).cpu() == labels)[mask].sum())
            counts[name] += int(mask.sum())
        exact = ((read.changes.cpu() > 0) == (truth.changes > 0)).flatten(1).all(1)
        has_change = truth.changes.flatten(1).any(1)
        for name, mask in (("changes", has_change), ("unchanged", ~has_change)):
            right[name] += int(exact[mask].sum())
            counts[name] += int(mask.sum())
    return {name: right[name] / count for name, count in counts.items() if count}
