"""Captions of a model trained from nothing beside the blind guess, and its attention."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from PIL import Image, ImageDraw
from surgvqa.builders.cases.timeline import IDLE
from surgvqa.eval.documents.spatial import Measure
from surgvqa.eval.output import terminal
from surgvqa.eval.spatial.segmentation import figure
from surgvqa.train.vision_parts.scratch_data import Sample, pictures, prompt
from surgvqa.train.vision_parts.scratch_model import ScratchModel
from transformers import PreTrainedTokenizerFast

FIGURES = ("phase", "instruments", "instruments_f1")  # of a caption


class Caption(TypedDict):
    """A caption of a picture with its correctness, by its author."""

    case_id: str
    question: str
    answer: str
    said: dict[str, str]
    right: dict[str, dict[str, float]]


@torch.no_grad()
def answers(
    model: ScratchModel,
    tokenizer: PreTrainedTokenizerFast,
    samples: Sequence[Sample],
    device: torch.device,
    picture_samples: Sequence[Sample] | None = None,
) -> list[str]:
    """Greedy answers; ``picture_samples`` are samples whose pictures stand in for their own."""
    model.eval()
    picture_samples = picture_samples or samples
    replies = [""] * len(samples)
    by_length: dict[int, list[int]] = {}
    prompts = [prompt(tokenizer, one.question) for one in samples]
    for at, ids in enumerate(prompts):
        by_length.setdefault(len(ids), []).append(at)
    for length, places in sorted(by_length.items()):
        for start in range(0, len(places), 32):
            some = places[start : start + 32]
            out = model.generate(
                torch.tensor([prompts[at] for at in some], device=device),
                patches=model.vision(pictures([picture_samples[at] for at in some], device)),
                max_new_tokens=min(64, model.config.length - length),
                do_sample=False,
                use_cache=False,
            )
            texts = tokenizer.batch_decode(out[:, length:], skip_special_tokens=True)
            for at, text in zip(some, texts, strict=True):
                replies[at] = text
    return replies


def names_in(text: str, names: Sequence[str]) -> frozenset[str]:
    """Return the names of ``names`` in a text, the longest first and none inside another.

    >>> sorted(names_in("The phase is lens implantation. In view: lens injector.", ["lens", "lens injector"]))
    ['lens', 'lens injector']
    >>> sorted(names_in("Now viscoelastic suction.", ["viscoelastic", "viscoelastic suction"]))
    ['viscoelastic suction']
    """
    if not names:
        return frozenset()
    longest = "|".join(re.escape(one) for one in sorted(names, key=len, reverse=True))
    return frozenset(re.findall(rf"(?<!\w)(?:{longest})(?!\w)", text))


def captions(
    model: ScratchModel,
    tokenizer: PreTrainedTokenizerFast,
    test: Sequence[Sample],
    train: Sequence[Sample],
    device: torch.device,
) -> list[Caption]:
    """Ask the model about each picture, and about another operation's; returns how right that and the blind guess are."""
    draw = random.Random(0)
    other = [draw.choice([two for two in test if two.case_id != one.case_id] or [one]) for one in test]
    phases = sorted({one.phase for one in train if one.phase and one.phase != IDLE})
    tools = sorted({name for one in train for name in one.instruments or ()})
    commonest = Counter(one.phase for one in train).most_common(1)[0][0]
    usual = Counter(one.instruments for one in train).most_common(1)[0][0] or frozenset()
    blind = (frozenset({commonest or IDLE} - {IDLE}), usual)
    replies = {
        "model": answers(model, tokenizer, test, device),
        "other pictures": answers(model, tokenizer, test, device, other),
    }
    rows: list[Caption] = []
    for at, one in enumerate(test):
        truth = (frozenset({one.phase or IDLE} - {IDLE}), one.instruments)
        guesses = {
            name: (names_in(texts[at], phases), names_in(texts[at], tools)) for name, texts in replies.items()
        }
        rows.append(
            {
                "case_id": one.case_id,
                "question": one.question,
                "answer": one.answer,
                "said": {name: texts[at] for name, texts in replies.items()},
                "right": {name: right(guess, truth) for name, guess in {**guesses, "blind": blind}.items()},
            }
        )
    return rows


def right(
    guess: tuple[frozenset[str], frozenset[str]], truth: tuple[frozenset[str], frozenset[str] | None]
) -> dict[str, float]:
    """Return the correctness of phase and instruments; none of the instruments where nobody looked for them.

    >>> right((frozenset({"incision"}), frozenset({"gauge"})), (frozenset({"incision"}), frozenset({"gauge", "spatula"})))
    {'phase': 1.0, 'instruments': 0.0, 'instruments_f1': 0.6666666666666666}
    """
    phase = {"phase": float(guess[0] == truth[0])}
    if truth[1] is None:
        return phase
    return {**phase, "instruments": float(guess[1] == truth[1]), "instruments_f1": f1(guess[1], truth[1])}


def figures(rows: Sequence[Caption]) -> dict[str, dict[str, Measure]]:
    """Return the means over captions, with intervals over operations."""
    measures: dict[str, dict[str, Measure]] = {}
    for who in rows[0]["right"]:
        for name in FIGURES:
            some = [row for row in rows if name in row["right"][who]]
            values = [row["right"][who][name] for row in some]
            measures.setdefault(who, {})[name] = figure(values, [row["case_id"] for row in some])
    return measures


def f1(guess: frozenset[str], truth: frozenset[str]) -> float:
    """F1 of two sets; 1 where both are empty."""
    return 2 * len(guess & truth) / (len(guess) + len(truth)) if guess or truth else 1.0


def figures_table(figures: Mapping[str, Mapping[str, Measure]]) -> str:
    """Return the figures of captions as a table."""
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
    """Draw the picture of a sample, and beside it where the model looked for each token of its answer, as a PNG."""
    model.eval()
    text = answers(model, tokenizer, [one], device)[0]
    prompt_ids = prompt(tokenizer, one.question)
    answer_ids = tokenizer(text, add_special_tokens=False)["input_ids"][:23]
    ids = torch.tensor([prompt_ids + answer_ids], device=device)
    attention = model.looked_at(ids, pictures([one], device))[len(prompt_ids) - 1 : -1].float().cpu().numpy()
    side = 128
    plain = Image.fromarray(one.picture).resize((side, side))
    sheet = Image.new("RGB", (side * 6, (side + 14) * -(-(1 + len(answer_ids)) // 6)))
    pen = ImageDraw.Draw(sheet)
    for number, share in enumerate([np.ones_like(attention[0]), *attention] if answer_ids else []):
        bright = Image.fromarray((share / max(share.max(), 1e-9) * 255).astype(np.uint8)).resize((side, side))
        lit = np.asarray(plain) * (0.15 + 0.85 * np.asarray(bright)[..., None] / 255)
        left, top = number % 6 * side, number // 6 * (side + 14)
        sheet.paste(Image.fromarray(lit.astype(np.uint8)), (left, top + 14))
        pen.text((left + 2, top + 1), tokenizer.decode([answer_ids[number - 1]]).strip() if number else "")
    sheet.save(path)
