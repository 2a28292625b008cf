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
from PIL import Image, ImageDraw
from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.files.pictures import decode_jpeg
from surgvqa.builders.questions.captions import KIND
from surgvqa.cards.command import InputError
from surgvqa.eval.data import streams
from surgvqa.eval.spatial.segmentation import figure
from surgvqa.train.steps import distributed
from surgvqa.train.steps.muon import Muon
from surgvqa.train.steps.optimizer import Together, divided
from surgvqa.train.vision_parts.scratch_model import IGNORED, ScratchConfig, ScratchModel
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
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
PAD, START, ASKED, END = "<pad>", "<start>", "<asked>", "<end>"  # <start> question <asked> answer <end>
WEIGHT_DECAY = 0.05
FIGURES = ("phase", "instruments", "instruments_f1")  # of a caption
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
    device = distributed.device(args.device)
    distributed.join(device)
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
    if not distributed.first():
        return
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    told = {"recipe": recipe, "parameters": sum(one.numel() for one in model.parameters())}
    if KIND in args.kinds:
        test = samples(args.data, "test", [KIND], model.config.image_size)
        rows = captions(model, tokenizer, test, train, device)
        (args.out / "captions.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
        told["captions"] = figures(rows)
        print(shown(told["captions"]))
        fullest = max(test, key=lambda one: len(one.instruments or ()))
        picture_of_attention(model, tokenizer, fullest, args.out / "attention.png", device)
    (args.out / "scratch.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def sizes(args: argparse.Namespace) -> dict[str, int]:
    """Return the sizes of a model by name."""
    return {"image_size": 224, **SIZES[args.size]}


def samples(folder: Path, split: str, kinds: Sequence[str], side: int) -> list[Sample]:
    """Return the questions of a split.

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
            if qa["kind"] not in kinds:
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
    """Return a byte-pair tokenizer of the texts: a word that occurs often is one token."""
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
    """Return a model that `surgvqa-train scratch` wrote, and its tokenizer."""
    if not (folder / "scratch.json").is_file():
        raise InputError(f"{folder} holds no scratch.json; `surgvqa-train scratch --out {folder}` writes one")
    return ScratchModel.from_pretrained(folder), PreTrainedTokenizerFast.from_pretrained(folder)


def prompt(tokenizer: PreTrainedTokenizerFast, question: str) -> list[int]:
    """Return the ids up to where the answer begins."""
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


def optimizer_of(model: ScratchModel, rate: float) -> Together:
    """Muon on the matrices inside, at five times the rate of AdamW on words, places, convolutions, norms and biases.

    From noise AdamW alone needs several times the steps until the text looks at the picture at all.
    """
    inside, others = divided(
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
            range(0, len(order), count),
            desc=f"epoch {epoch + 1}",
            disable=None if distributed.first() else True,
        ):
            chosen = [train[at] for at in order[start : start + count]]
            inputs, labels, pixels = batch(
                chosen, tokenizer, recipe["seed"] * 1_000_003 + epoch * len(train) + start, device
            )
            mine = slice(distributed.rank(), None, distributed.size())
            with torch.autocast(device.type, torch.bfloat16, enabled=recipe["precision"] == "bf16"):
                logits = model(inputs[mine], pixels[mine]).logits
            taught = labels[mine, 1:].flatten()
            loss = (
                functional.cross_entropy(
                    logits[:, :-1].float().flatten(0, 1), taught, ignore_index=IGNORED, reduction="sum"
                )
                / (labels[:, 1:] != IGNORED).sum()
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
            torch.save(state, saved.with_suffix(".tmp"))
            saved.with_suffix(".tmp").replace(saved)


# ---- what it has learned


@torch.no_grad()
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
                patches=model.vision(pictures([shown[at] for at in some], device)),
                max_new_tokens=min(64, model.config.length - length),
                do_sample=False,
                use_cache=False,
            )
            texts = tokenizer.batch_decode(out[:, length:], skip_special_tokens=True)
            for at, text in zip(some, texts, strict=True):
                found[at] = text
    return found


def named(text: str, known: Sequence[str]) -> frozenset[str]:
    """Return the names of ``known`` in a text, the longest first and none inside another.

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
    test: Sequence[Sample],
    train: Sequence[Sample],
    device: torch.device,
) -> list[dict[str, Any]]:
    """What the model says of each picture, and of another operation's, and how right that and the blind guess is."""
    draw = random.Random(0)
    other = [draw.choice([two for two in test if two.case_id != one.case_id] or [one]) for one in test]
    phases = sorted({one.phase for one in train if one.phase and one.phase != IDLE})
    tools = sorted({name for one in train for name in one.instruments or ()})
    commonest = Counter(one.phase for one in train).most_common(1)[0][0]
    usual = Counter(one.instruments for one in train).most_common(1)[0][0] or frozenset()
    blind = (frozenset({commonest or IDLE} - {IDLE}), usual)
    said = {
        "model": answers(model, tokenizer, test, device),
        "other pictures": answers(model, tokenizer, test, device, other),
    }
    rows = []
    for at, one in enumerate(test):
        truth = (frozenset({one.phase or IDLE} - {IDLE}), one.instruments)
        guesses = {name: (named(texts[at], phases), named(texts[at], tools)) for name, texts in said.items()}
        rows.append(
            {
                "case_id": one.case_id,
                "question": one.question,
                "answer": one.answer,
                "said": {name: texts[at] for name, texts in said.items()},
                "right": {name: right(guess, truth) for name, guess in {**guesses, "blind": blind}.items()},
            }
        )
    return rows


def right(
    guess: tuple[frozenset[str], frozenset[str]], truth: tuple[frozenset[str], frozenset[str] | None]
) -> dict[str, float]:
    """How right a phase and instruments are; nothing of the instruments where nobody looked for them.

    >>> right((frozenset({"incision"}), frozenset({"gauge"})), (frozenset({"incision"}), frozenset({"gauge", "spatula"})))
    {'phase': 1.0, 'instruments': 0.0, 'instruments_f1': 0.6666666666666666}
    """
    phase = {"phase": float(guess[0] == truth[0])}
    if truth[1] is None:
        return phase
    return {**phase, "instruments": float(guess[1] == truth[1]), "instruments_f1": f1(guess[1], truth[1])}


def figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the means over captions, with intervals over operations."""
    found: dict[str, dict[str, Any]] = {}
    for who in rows[0]["right"]:
        for name in FIGURES:
            some = [row for row in rows if name in row["right"][who]]
            values = [row["right"][who][name] for row in some]
            found.setdefault(who, {})[name] = figure(values, [row["case_id"] for row in some])
    return found


def f1(guess: frozenset[str], truth: frozenset[str]) -> float:
    """F1 of two sets; 1 where both are empty."""
    return 2 * len(guess & truth) / (len(guess) + len(truth)) if guess or truth else 1.0


def shown(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures of captions as a table."""
    from surgvqa.eval.output import terminal

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
    """Return the picture of a sample, and beside it where the model looked for each token of its answer, as a PNG."""
    model.eval()
    text = answers(model, tokenizer, [one], device)[0]
    asked = prompt(tokenizer, one.question)
    told = tokenizer(text, add_special_tokens=False)["input_ids"][:23]
    ids = torch.tensor([asked + told], device=device)
    seen = model.looked_at(ids, pictures([one], device))[len(asked) - 1 : -1].float().cpu().numpy()
    side = 128
    plain = Image.fromarray(one.picture).resize((side, side))
    sheet = Image.new("RGB", (side * 6, (side + 14) * -(-(1 + len(told)) // 6)))
    pen = ImageDraw.Draw(sheet)
    for number, share in enumerate([np.ones_like(seen[0]), *seen] if told else []):
        bright = Image.fromarray((share / max(share.max(), 1e-9) * 255).astype(np.uint8)).resize((side, side))
        lit = np.asarray(plain) * (0.15 + 0.85 * np.asarray(bright)[..., None] / 255)
        left, top = number % 6 * side, number // 6 * (side + 14)
        sheet.paste(Image.fromarray(lit.astype(np.uint8)), (left, top + 14))
        pen.text((left + 2, top + 1), tokenizer.decode([told[number - 1]]).strip() if number else "")
    sheet.save(path)
