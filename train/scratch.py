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

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from surgvqa.builders.captions import KIND
from surgvqa.builders.pictures import decode_jpeg
from surgvqa.builders.timeline import IDLE
from surgvqa.cards.command import InputError
from surgvqa.eval import streams
from surgvqa.eval.segmentation import figure
from surgvqa.train import together
from surgvqa.train.scratch_model import IGNORED, ScratchConfig, ScratchModel
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast

SIZES: dict[str, dict[str, int]] = {
    "full": {},  # ScratchConfig's own: 40 million
    "small": {"image_size": 64, "patch": 8, "width": 128, "heads": 4, "vision_layers": 3, "text_layers": 3,
              "length": 96},
    "tiny": {"image_size": 32, "patch": 8, "width": 32, "heads": 4, "vision_layers": 1, "text_layers": 2,
             "queries": 4, "length": 96},
}  # fmt: skip
PAD, START, ASKED, END = "<pad>", "<start>", "<asked>", "<end>"  # <start> question <asked> answer <end>
RECIPE = ("join", "size", "kinds", "epochs", "batch_size", "learning_rate", "precision", "seed")


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture (size x size x 3), what is asked about it, and what it really shows."""

    case_id: str
    picture: np.ndarray
    question: str
    answer: str
    phase: str | None
    instruments: frozenset[str] | None  # None: nobody looked


def main(args: argparse.Namespace) -> None:
    """Train, or go on; then score the captions of the test split."""
    device = together.device(args.device)
    together.join(device)
    recipe = {name: getattr(args, name) for name in RECIPE}
    train = samples(args.data, "train", args.kinds, sizes(args)["image_size"])
    torch.manual_seed(args.seed)
    if args.start is not None:
        model, tokenizer = load(args.start)
        if model.config.join != args.join:
            raise InputError(
                f"{args.start} joins by {model.config.join}, not {args.join}; give --join {model.config.join}"
            )
    else:
        tokenizer = words([f"{one.question} {one.answer}" for one in train])
        ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": tokenizer.eos_token_id}
        model = ScratchModel(ScratchConfig(**sizes(args), join=args.join, vocab_size=len(tokenizer), **ids))
    model = model.to(device)
    args.out.mkdir(parents=True, exist_ok=True)
    learn(model, tokenizer, train, recipe, args.out, device)
    if not together.first():
        return
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    told = {"recipe": recipe, "parameters": sum(one.numel() for one in model.parameters())}
    if KIND in args.kinds:
        told["captions"] = captions(model, tokenizer, args.data, train, device)
        print(shown(told["captions"]))
        picture_of_attention(model, tokenizer, train[0], args.out / "attention.png", device)
    (args.out / "scratch.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def sizes(args: argparse.Namespace) -> dict[str, int]:
    """The sizes of a model by name."""
    return {"image_size": 224, **SIZES[args.size]}


def samples(folder: Path, split: str, kinds: Sequence[str], side: int) -> list[Sample]:
    """The questions of a split; of captions the one of the whole clip.

    Raises:
        InputError: no such split, no pictures in the rows, or none of the kinds.
    """
    found = []
    for row in streams.clips(str(folder), split):
        if not row["images"]:
            raise InputError(f"{folder}: no pictures in the rows; build it with --media frames")
        scene = json.loads(row["scene"]) if row["scene"] else None
        seen = None
        if scene is not None:
            seen = frozenset(node["name"] for node in scene["nodes"] if node["type"] == "instrument")
        for qa in row["qa"]:
            if qa["kind"] not in kinds or (qa["kind"] == KIND and not qa["qa_id"].endswith(f"#{KIND}")):
                continue
            about = qa["evidence_s"][0] if qa["evidence_s"] else (row["start_s"] + row["end_s"]) / 2
            nearest = int(np.argmin([abs(time_s - about) for time_s in row["frame_times_s"]]))
            picture = Image.fromarray(decode_jpeg(row["images"][nearest]["bytes"])).resize((side, side))
            found.append(
                Sample(row["case_id"], np.asarray(picture), qa["question"], qa["answer"], row["phase"], seen)
            )
    if not found:
        raise InputError(
            f"{folder}, {split}: no question of kind {', '.join(kinds)}; build it with --kinds {' '.join(kinds)}"
        )
    return found


def words(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """A byte-pair tokenizer of the texts: a word that occurs often is one token."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=2048,
            special_tokens=[PAD, START, ASKED, END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token=PAD, bos_token=START, eos_token=END)


def load(folder: Path) -> tuple[ScratchModel, PreTrainedTokenizerFast]:
    """A model that `surgvqa-train scratch` wrote, and its tokenizer."""
    if not (folder / "scratch.json").is_file():
        raise InputError(f"{folder} holds no scratch.json; `surgvqa-train scratch --out {folder}` writes one")
    return ScratchModel.from_pretrained(folder), PreTrainedTokenizerFast.from_pretrained(folder)


def prompt(tokenizer: PreTrainedTokenizerFast, question: str) -> list[int]:
    """The ids up to where the answer begins."""
    ids: list[int] = tokenizer(f"{START}{question}{ASKED}", add_special_tokens=False)["input_ids"]
    return ids


def batch(
    chosen: Sequence[Sample], tokenizer: PreTrainedTokenizerFast, seed: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """(ids, labels, pictures); pictures are moved, turned and lit a little, by the seed."""
    rows, labels = [], []
    for one in chosen:
        asked = prompt(tokenizer, one.question)
        told = tokenizer(f"{one.answer}{END}", add_special_tokens=False)["input_ids"]
        rows.append(torch.tensor(asked + told))
        labels.append(torch.tensor([IGNORED] * len(asked) + told))
    pixels = pictures(chosen, device)
    draw = torch.Generator().manual_seed(seed)
    n = len(chosen)
    angle = (torch.rand(n, generator=draw) - 0.5) * 0.4
    scale = 0.85 + 0.3 * torch.rand(n, generator=draw)
    rotation = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(n, 2, 2)
    shift = (torch.rand(n, 2, 1, generator=draw) - 0.5) * 0.2
    grid = functional.affine_grid(
        torch.cat([rotation * scale[:, None, None], shift], 2), list(pixels.shape), align_corners=False
    )
    light = 0.85 + 0.3 * torch.rand(n, 3, 1, 1, generator=draw)
    moved = functional.grid_sample(pixels, grid.to(device), padding_mode="reflection", align_corners=False)
    pad = torch.nn.utils.rnn.pad_sequence
    return (
        pad(rows, batch_first=True).to(device),
        pad(labels, batch_first=True, padding_value=IGNORED).to(device),
        (moved * light.to(device)).clamp(0, 1),
    )


def pictures(chosen: Sequence[Sample], device: torch.device) -> Tensor:
    """(n, 3, size, size) in 0-1."""
    stacked = torch.from_numpy(np.stack([one.picture for one in chosen]))
    return stacked.to(device).movedim(-1, 1).float() / 255


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
    matrices = [one for one in model.parameters() if one.ndim > 1]
    rest = [one for one in model.parameters() if one.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}],
        recipe["learning_rate"],
        betas=(0.9, 0.98),
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe["learning_rate"], total_steps=steps * recipe["epochs"] + 1, pct_start=0.1
    )
    saved, done = out / "last.pt", 0
    if saved.is_file():
        state = torch.load(saved, map_location=device, weights_only=True)
        if state["recipe"] != json.dumps(recipe, sort_keys=True):
            raise InputError(f"{out} holds a run of another recipe; give another --out, or the same options")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        done = state["epoch"]
    for epoch in range(done, recipe["epochs"]):
        model.train()
        total = 0.0
        order = list(range(len(train)))
        random.Random(f"{recipe['seed']} {epoch}").shuffle(order)
        for start in tqdm(
            range(0, len(order), count), desc=f"epoch {epoch + 1}", disable=None if together.first() else True
        ):
            chosen = [train[at] for at in order[start : start + count]]
            inputs, labels, pixels = batch(
                chosen, tokenizer, recipe["seed"] * 1_000_003 + epoch * steps + start, device
            )
            mine = slice(together.rank(), None, together.size())
            with torch.autocast(device.type, torch.bfloat16, enabled=recipe["precision"] == "bf16"):
                logits = model(inputs[mine], pixels[mine]).logits
            taught = labels[mine, 1:].flatten()
            loss = (
                functional.cross_entropy(
                    logits[:, :-1].float().flatten(0, 1), taught, ignore_index=IGNORED, reduction="sum"
                )
                / (labels[:, 1:] != IGNORED).sum()
            )
            optimizer.zero_grad()
            together.total(loss).backward()  # type: ignore[no-untyped-call]
            together.mean_gradients(model)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        if together.first():
            print(f"epoch {epoch + 1}: loss {total / steps:.4f}", flush=True)
            state = {"epoch": epoch + 1, "recipe": json.dumps(recipe, sort_keys=True), "model": model.state_dict(),
                     "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}  # fmt: skip
            torch.save(state, saved.with_suffix(".tmp"))
            saved.with_suffix(".tmp").replace(saved)


# ---- what it has learned


def answers(
    model: ScratchModel,
    tokenizer: PreTrainedTokenizerFast,
    asked: Sequence[Sample],
    device: torch.device,
    shown: Sequence[Sample] | None = None,
) -> list[str]:
    """Greedy answers; ``shown`` are samples whose pictures stand in for their own."""
    model.eval()
    shown = shown or asked
    found = [""] * len(asked)
    by_length: dict[int, list[int]] = {}
    prompts = [prompt(tokenizer, one.question) for one in asked]
    for at, ids in enumerate(prompts):
        by_length.setdefault(len(ids), []).append(at)
    for length, places in sorted(by_length.items()):
        for start in range(0, len(places), 32):
            some = places[start : start + 32]
            out = model.generate(
                torch.tensor([prompts[at] for at in some], device=device),
                pixel_values=pictures([shown[at] for at in some], device),
                max_new_tokens=min(64, model.config.length - length),
                do_sample=False,
                use_cache=False,
            )
            texts = tokenizer.batch_decode(out[:, length:], skip_special_tokens=True)
            for at, text in zip(some, texts, strict=True):
                found[at] = text
    return found


def named(text: str, known: Sequence[str]) -> frozenset[str]:
    """The names of ``known`` in a text, the longest first and none inside another.

    >>> sorted(named("The phase is lens implantation. In view: lens injector.", ["lens", "lens injector"]))
    ['lens', 'lens injector']
    >>> sorted(named("Now viscoelastic suction.", ["viscoelastic", "viscoelastic suction"]))
    ['viscoelastic suction']
    """
    if not known:
        return frozenset()
    longest = "|".join(re.escape(one) for one in sorted(known, key=len, reverse=True))
    return frozenset(re.findall(rf"(?<!\w)(?:{longest})(?!\w)", text))


def captions(
    model: ScratchModel,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    train: Sequence[Sample],
    device: torch.device,
) -> dict[str, dict[str, Any]]:
    """Of the test split: how often a caption names the very phase, and the very instruments; beside the blind."""
    test = samples(folder, "test", [KIND], model.config.image_size)
    other = [
        next(two for two in test[at:] + test[:at] if two.case_id != one.case_id)
        for at, one in enumerate(test)
    ]
    phases = sorted({one.phase for one in train if one.phase and one.phase != IDLE})
    tools = sorted({name for one in train for name in one.instruments or ()})
    commonest = Counter(one.phase for one in train).most_common(1)[0][0]
    usual = Counter(one.instruments for one in train).most_common(1)[0][0] or frozenset()
    said = {
        "model": answers(model, tokenizer, test, device),
        "other pictures": answers(model, tokenizer, test, device, other),
    }
    guesses = {
        name: [(named(text, phases), named(text, tools)) for text in texts] for name, texts in said.items()
    }
    guesses["blind"] = [(frozenset({commonest or IDLE} - {IDLE}), usual)] * len(test)
    cases = [one.case_id for one in test]
    found: dict[str, dict[str, Any]] = {}
    for name, guess in guesses.items():
        truths = [frozenset({one.phase or IDLE} - {IDLE}) for one in test]
        right = [float(one == true) for (one, _), true in zip(guess, truths, strict=True)]
        exact = [float(two == sample.instruments) for (_, two), sample in zip(guess, test, strict=True)]
        close = [
            f1(two, sample.instruments or frozenset()) for (_, two), sample in zip(guess, test, strict=True)
        ]
        found[name] = {
            "phase": figure(right, cases),
            "instruments": figure(exact, cases),
            "instruments_f1": figure(close, cases),
        }
    return found


def f1(guess: frozenset[str], truth: frozenset[str]) -> float:
    """F1 of two sets; 1 where both are empty."""
    return 2 * len(guess & truth) / (len(guess) + len(truth)) if guess or truth else 1.0


def shown(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures of captions as a table."""
    from surgvqa.eval import terminal

    lines: list[tuple[str, ...]] = [
        ("captions of the test split", "phase", "95 %", "instruments", "95 %", "F1", "95 %")
    ]
    for name, one in figures.items():
        cells = (
            cell
            for each in one.values()
            for cell in (terminal.percent(each["value"]), terminal.span(each["ci95"]))
        )
        lines.append((name, *cells))
    return terminal.table(lines)


def picture_of_attention(
    model: ScratchModel, tokenizer: PreTrainedTokenizerFast, one: Sample, path: Path, device: torch.device
) -> None:
    """The picture of a sample, and beside it where the model looked for each token of its answer, as a PNG."""
    model.eval()
    text = answers(model, tokenizer, [one], device)[0]
    asked, told = prompt(tokenizer, one.question), tokenizer(text, add_special_tokens=False)["input_ids"]
    seen = model.looked_at(torch.tensor([asked + told], device=device), pictures([one], device))[
        len(asked) - 1 : -1
    ]
    tiles = [Image.fromarray(one.picture).resize((128, 128))]
    for share in seen[:15].float().cpu().numpy():
        bright = np.asarray(
            Image.fromarray((share / max(share.max(), 1e-9) * 255).astype(np.uint8)).resize((128, 128))
        )
        tiles.append(
            Image.fromarray((np.asarray(tiles[0]) * (0.25 + 0.75 * bright[..., None] / 255)).astype(np.uint8))
        )
    sheet = Image.new("RGB", (128 * 4, 128 * -(-len(tiles) // 4)))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % 4 * 128, number // 4 * 128))
    sheet.save(path)
