"""The verb ``mask-answers``: masks in, answers to a split's questions and pointing rows out.

surgvqa-eval mask-answers masks.jsonl --data DIR --split validation --out answers/unet
surgvqa-eval mask-answers mean-mask   --data DIR --split validation --out answers/mean

The folder gets ``answers.jsonl`` for ``score`` and ``compare``, ``pointing.jsonl`` for ``pointing``, and of the guessers
``masks.jsonl`` for ``segmentation``. Where masks give no answer the most frequent training answer to the question's text
stands in, in all of them alike; ``path`` says which of the two a line is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from surgvqa.builders.cases.timeline import to_ms
from surgvqa.builders.geometry import masks as run_lengths
from surgvqa.builders.geometry.coordinates import Space
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.cards.command import InputError
from surgvqa.eval.commands import run_pointing, run_segmentation
from surgvqa.eval.controls.baselines import by_kind, by_text, most_frequent
from surgvqa.eval.data import predictions, reference
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.data.streams import Row
from surgvqa.eval.settings.spatial import BLIND, COLOUR, MEAN_MASK, MaskAnswers
from surgvqa.eval.spatial import mask_answers, pointing_figures
from surgvqa.eval.spatial.mask_answers import Moment
from surgvqa.eval.spatial.mask_guesses import MeanMasks, NearestColours
from surgvqa.eval.spatial.segmentation import Masks

COLUMNS = (*run_segmentation.COLUMNS, "image", "procedure", "time_s")
MASKS, TEXT = "masks", "most frequent answer to the text"
Moments = dict[tuple[str, int], Moment]  # case, millisecond


def run(config: MaskAnswers) -> None:
    """Answer all questions and pointing rows of the split."""
    config.out.mkdir(parents=True, exist_ok=True)
    moments: Moments = {}
    if config.source != BLIND:
        rows = list(run_segmentation.rows(config.data, config.split, COLUMNS))
        masks_by_row = masks_of(config, rows)
        moments = {(row["case_id"], to_ms(row["time_s"])): moment(row, masks_by_row) for row in rows}
        if config.source in (MEAN_MASK, COLOUR):
            write_masks(masks_by_row, config.out / "masks.jsonl")
    answers = list(answer_questions(config, moments))
    write_lines(answers, config.out / "answers.jsonl")
    by_masks = Counter(one.kind for one in answers if one.path == MASKS)
    print(
        f"{config.out / 'answers.jsonl'}: {len(answers)} answers, {by_masks.total()} of them by masks: "
        + (", ".join(f"{kind} {count}" for kind, count in sorted(by_masks.items())) or "none")
    )
    if points := list(answer_pointing(config, moments)):
        write_lines(points, config.out / "pointing.jsonl")
        print(f"{config.out / 'pointing.jsonl'}: {len(points)} answers")


def masks_of(config: MaskAnswers, rows: list[Row]) -> dict[str, Masks]:
    """Return the masks of each row: a file's, or a guesser's that has learnt from the training split."""
    if config.source not in (MEAN_MASK, COLOUR):
        lines = run_segmentation.read(Path(config.source))
        if strange := sorted(lines.keys() - {row["row_id"] for row in rows}):
            raise InputError(
                f"{config.source}: {len(strange)} predictions are on no row of {config.data} "
                f"segmentation/{config.split}, {strange[0]!r} for one; give the split they are of"
            )
        return {row["row_id"]: run_segmentation.decode_masks(lines.get(row["row_id"]), row) for row in rows}
    train = run_segmentation.rows(config.data, "train", COLUMNS)
    guesser: MeanMasks | NearestColours
    if config.source == MEAN_MASK:
        guesser = MeanMasks(run_segmentation.truth(row) for row in train)
    else:
        guesser = NearestColours([(row["image"]["bytes"], run_segmentation.truth(row)) for row in train])
    return {row["row_id"]: guesser.of(row) for row in rows}


def moment(row: Row, masks_by_row: Mapping[str, Masks]) -> Moment:
    """Return a row's masks as a moment."""
    tools = frozenset(load(row["procedure"]).instruments) | {"instrument"}
    return Moment(masks_by_row[row["row_id"]], (row["height"], row["width"]), tools)


def answer_questions(config: MaskAnswers, moments: Moments) -> Iterator[Prediction]:
    """Yield an answer to each question of the split."""
    train = reference.rows(config.data, "train")
    blind = most_frequent(train, by_text, by_kind)
    for row in reference.rows(config.data, config.split):
        question = reference.question(row)
        times = [moments.get((row["case_id"], to_ms(time_s))) for time_s in row["evidence_s"]]
        evidence = [one for one in times if one is not None]
        text = None
        if evidence and len(evidence) == len(times):
            text = mask_answers.answer(row["kind"], row["question"], evidence)
        if text is None:
            yield replace(question, prediction=blind(row), path=TEXT)
        else:
            yield replace(question, prediction=text, path=MASKS)


def answer_pointing(config: MaskAnswers, moments: Moments) -> Iterator[Prediction]:
    """Yield an answer to each row of config pointing; the blind one points where the name was on average in training."""
    rows = run_pointing.read_rows(config.data, config.split)
    if not rows:
        return
    blind = pointing_figures.guessers(rows, run_pointing.read_rows(config.data, "train"))["class_mean"]
    for row, guess in zip(rows, blind, strict=True):
        text, path = guess, TEXT
        if (here := moments.get((row["case_id"], to_ms(row["time_s"])))) is not None:
            name = pointing_figures.asked_name(row)
            frame = Space(row["width"], row["height"])
            text, path = mask_answers.point(name, here, row["form"], frame, Space(*row["space"])), MASKS
        yield Prediction(
            qa_id=row["row_id"],
            clip_id=row["row_id"],
            case_id=row["case_id"],
            kind=row["kind"],
            reasoning="spatial",
            question=row["prompt"][-1]["content"],
            answer=row["completion"][-1]["content"],
            short_answer=row["completion"][-1]["content"],
            prediction=text,
            path=path,
        )


def write_lines(answers: list[Prediction], path: Path) -> None:
    """Write a file of predictions anew."""
    path.write_text("".join(predictions.to_line(one) + "\n" for one in answers), "utf-8")


def write_masks(masks_by_row: Mapping[str, Masks], path: Path) -> None:
    """Write masks as ``surgvqa-train segment`` does."""
    with path.open("w", encoding="utf-8") as file:
        for row_id, masks in masks_by_row.items():
            rle_by_name = {name: run_lengths.mask_to_rle(mask) for name, mask in masks.items() if mask.any()}
            file.write(json.dumps({"row_id": row_id, "masks": rle_by_name}) + "\n")
