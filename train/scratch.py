"""A vision-language model from nothing: a ViT and a decoder that learn together from a data set's captions.

surgvqa-build synthetic … --kinds caption phase instruments --frames 1
surgvqa-train scratch --data DIR --out runs/captions --join cross
surgvqa-train scratch --data DIR --out runs/vqa --from runs/captions --kinds phase instruments

A sample is the picture of a clip nearest to the moment its question is about, the question, and the answer, which
alone is taught. Whoever wants to see how such a model works reads `scratch_model.py` and then this file. In the end
the test split's captions are scored: does the model name the right phase and the right instruments, more often than
one that never looks (the commonest ones of the training split), and than itself with another operation's pictures?
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from surgvqa.builders.questions.captions import KIND
from surgvqa.cards.command import InputError
from surgvqa.cards.write import small_model
from surgvqa.cards.write.small_model import SmallModel
from surgvqa.train.settings.pictures import Scratch
from surgvqa.train.steps import distributed
from surgvqa.train.steps.muon import Muon
from surgvqa.train.steps.optimizer import Together, divide_parameters
from surgvqa.train.vision_parts.scratch_captions import captions, figures, figures_table, picture_of_attention
from surgvqa.train.vision_parts.scratch_data import Sample, batch, samples, words
from surgvqa.train.vision_parts.scratch_model import IGNORE_INDEX, ScratchConfig, ScratchModel
from torch.nn import functional
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast, get_linear_schedule_with_warmup

SIZES: dict[str, dict[str, int]] = {
    "full": {},  # ScratchConfig's own: 40 million
    "small": {"image_size": 64, "patch": 8, "width": 128, "heads": 4, "vision_layers": 3, "text_layers": 3,
              "length": 96},
    "tiny": {"image_size": 32, "patch": 8, "width": 32, "heads": 4, "vision_layers": 1, "text_layers": 2,
             "queries": 4, "length": 96},
}  # fmt: skip
WEIGHT_DECAY = 0.05
RECIPE = ("join", "size", "kinds", "epochs", "batch_size", "learning_rate", "precision", "seed")


def main(config: Scratch) -> None:
    """Train, or go on; then score the captions of the test split."""
    device = distributed.device(config.device)
    distributed.join(device)
    recipe = {name: getattr(config, name) for name in RECIPE}
    train = samples(config.data, "train", config.kinds, sizes(config)["image_size"])
    torch.manual_seed(config.seed)
    if config.start is not None:
        model, tokenizer = load(config.start)
        if model.config.join != config.join:
            raise InputError(
                f"{config.start} joins by {model.config.join}, not {config.join}; give --join {model.config.join}"
            )
    else:
        tokenizer = words([f"{one.question} {one.answer}" for one in train])
        ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": tokenizer.eos_token_id}
        model = ScratchModel(
            ScratchConfig(**sizes(config), join=config.join, vocab_size=len(tokenizer), **ids)
        )
    model = model.to(device)
    config.out.mkdir(parents=True, exist_ok=True)
    learn(model, tokenizer, train, recipe, config.out, device)
    if not distributed.first():
        return
    model.save_pretrained(config.out)
    tokenizer.save_pretrained(config.out)
    document = {"recipe": recipe, "parameters": sum(one.numel() for one in model.parameters())}
    if KIND in config.kinds:
        test = samples(config.data, "test", [KIND], model.config.image_size)
        rows = captions(model, tokenizer, test, train, device)
        (config.out / "captions.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
        document["captions"] = figures(rows)
        print(figures_table(document["captions"]))
        fullest = max(test, key=lambda one: len(one.instruments or ()))
        picture_of_attention(model, tokenizer, fullest, config.out / "attention.png", device)
    (config.out / "scratch.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    small_model.write(config.out, card(document), config.data)


def card(document: Mapping[str, Any]) -> SmallModel:
    """Return what the card tells of a model from nothing."""
    caption_figures = {
        f"{who}: {name}": measure["value"]
        for who, own in document.get("captions", {}).items()
        for name, measure in own.items()
    }
    return SmallModel(
        task="visual-question-answering",
        title="A small model from nothing",
        what=f"{document['parameters']:,} weights that join picture and words by {document['recipe']['join']}; made to be read.",
        figures=caption_figures,
        figures_are="Captions of the test split.",
        command="surgvqa-train scratch --data DATA --from THIS_FOLDER --out FURTHER",
        settings=document["recipe"],
    )


def sizes(config: Scratch) -> dict[str, int]:
    """Return the sizes of a model by name."""
    return {"image_size": 224, **SIZES[config.size]}


def load(folder: Path) -> tuple[ScratchModel, PreTrainedTokenizerFast]:
    """Return a model that `surgvqa-train scratch` wrote, and its tokenizer."""
    if not (folder / "scratch.json").is_file():
        raise InputError(
            f"{folder} holds no scratch.json; `surgvqa-train scratch --data DATA --out {folder}` writes one"
        )
    return ScratchModel.from_pretrained(folder), PreTrainedTokenizerFast.from_pretrained(folder)


def optimizer_of(model: ScratchModel, rate: float) -> Together:
    """Muon on the matrices inside, at five times the rate of AdamW on words, places, convolutions, norms and biases.

    From noise AdamW alone needs several times the steps until the text looks at the picture at all.
    """
    inside, others = divide_parameters(
        (name, one) for name, one in model.named_parameters() if one is not model.words.weight
    )
    wide = [one for one in others if one.ndim > 1]
    flat = [one for one in others if one.ndim < 2]
    rest = [
        {"params": [model.words.weight, *wide], "weight_decay": WEIGHT_DECAY},
        {"params": flat, "weight_decay": 0.0},
    ]
    return Together(
        [
            Muon(inside, 5 * rate, weight_decay=WEIGHT_DECAY),
            torch.optim.AdamW(rest, rate, betas=(0.9, 0.98)),
        ]
    )


def learn(
    model: ScratchModel,
    tokenizer: PreTrainedTokenizerFast,
    train: Sequence[Sample],
    recipe: Mapping[str, Any],
    out: Path,
    device: torch.device,
) -> None:
    """All epochs that are left; after each its state lies in ``out``. Every process takes its part of each batch."""
    count = recipe["batch_size"]
    steps = -(-len(train) // count)
    optimizer = optimizer_of(model, recipe["learning_rate"])
    total_steps = steps * recipe["epochs"]
    schedule = get_linear_schedule_with_warmup(optimizer, max(1, total_steps // 20), total_steps)
    state_path, epochs_done = out / "last.pt", 0
    if state_path.is_file():
        state = torch.load(state_path, map_location=device, weights_only=True)
        if state["recipe"] != json.dumps(recipe, sort_keys=True):
            raise InputError(f"{out} holds a run of another recipe; give another --out, or the same options")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        epochs_done = state["epoch"]
    for epoch in range(epochs_done, recipe["epochs"]):
        model.train()
        total = 0.0
        order = list(range(len(train)))
        random.Random(f"{recipe['seed']} {epoch}").shuffle(order)
        for start in tqdm(
            range(0, len(order), count),
            desc=f"epoch {epoch + 1}",
            disable=None if distributed.first() else True,
        ):
            batch_samples = [train[at] for at in order[start : start + count]]
            inputs, labels, pixels = batch(
                batch_samples, tokenizer, recipe["seed"] * 1_000_003 + epoch * len(train) + start, device
            )
            mine = slice(distributed.rank(), None, distributed.size())
            with torch.autocast(device.type, torch.bfloat16, enabled=recipe["precision"] == "bf16"):
                logits = model(inputs[mine], pixels[mine]).logits
            targets = labels[mine, 1:].flatten()
            loss = (
                functional.cross_entropy(
                    logits[:, :-1].float().flatten(0, 1), targets, ignore_index=IGNORE_INDEX, reduction="sum"
                )
                / (labels[:, 1:] != IGNORE_INDEX).sum()
            )
            model.zero_grad()
            distributed.total(loss).backward()  # type: ignore[no-untyped-call]
            distributed.mean_gradients(model)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        if distributed.first():
            print(f"epoch {epoch + 1}: loss {total / steps:.4f}", flush=True)
            state = {"epoch": epoch + 1, "recipe": json.dumps(recipe, sort_keys=True), "model": model.state_dict(),
                     "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}  # fmt: skip
            torch.save(state, state_path.with_suffix(".tmp"))
            state_path.with_suffix(".tmp").replace(state_path)
