"""The README's picture: frame, truth and what a model says, per written form, from a real prediction run.

    python tests/benchmarks/draw_pointing.py OUT.svg --data FOLDER/data --answers FOLDER/grpo-0.jsonl
    OMP_NUM_THREADS=1 python tests/benchmarks/draw_pointing.py OUT.svg --folder FOLDER --teach BASE

The first draws what ``surgvqa-eval predict --config pointing`` wrote, of any run: ``bench_pointing.py`` leaves one. With
``--teach``, BASE (the demo's tiny model, or one that ``bench_pointing.py`` taught) first learns to write all forms on the
rendered operations of that benchmark, and is asked about unseen ones; what lies in FOLDER is kept. Drawn is the first
frame of each of the first operations that shows an instrument alone, whatever was said about it; over it stands how
much is right of all that was asked.
"""

from __future__ import annotations

import argparse
import base64
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import Any

import bench_pointing as bench
import numpy as np
from drawn import operation
from PIL import Image
from simplejpeg import encode_jpeg
from surgvqa.builders.configs import pointing
from surgvqa.builders.configs.pointing_questions import Pointing, questions
from surgvqa.builders.geometry import masks
from surgvqa.builders.geometry.coordinate_text import FORMS, Location
from surgvqa.builders.geometry.coordinates import CELLS, Grid
from surgvqa.eval.data import predictions
from surgvqa.eval.data.dataset import load_rows
from surgvqa.eval.spatial.pointing import is_located, read
from transformers import AutoConfig, AutoProcessor

TRAIN, TEST, DRAWN, STEPS = range(1, 141), range(211, 223), 2, 300
SEEN = {"min_pixels": 56 * 56, "max_pixels": 7000}  # of demo_base.yaml, which teaches it
LEAST = 0.01  # of the frame: a smaller mask can't be seen in a picture this size
SIDE, GAP, LINE = 208, 14, 13  # pixels of a frame's width, between frames, and of a line of text
GREEN, ORANGE, GREY = "#1a9850", "#e8590c", "#6a737d"
Row = Mapping[str, Any]


def every_form(base: Path) -> list[Pointing]:
    """How each form is written for a model; numbers as coarse as its tiny frames allow."""
    grid = replace(Grid.of(AutoProcessor.from_pretrained(base).image_processor), **SEEN)
    family = AutoConfig.from_pretrained(base).model_type
    return [
        Pointing(form, types=("instrument",), decimals=0, per_case=8, model_type=family, grid=grid)
        for form in FORMS
    ]


def rows(number: int, forms: Sequence[Pointing]) -> Iterator[dict[str, Any]]:
    """The rows of a case in every form; the forms of a question stand side by side, on one frame."""
    stage, case = operation(number, bench.SEED, 0.0, bench.WIDTH)
    drawn: dict[float, bytes] = {}
    asked = [(question, how) for how in forms for question in questions(case, how)]
    for question, how in sorted(asked, key=lambda one: one[0].scene.time_s):
        time_s = question.scene.time_s
        if time_s not in drawn:
            drawn[time_s] = encode_jpeg(np.ascontiguousarray(stage.draw(time_s)), quality=92)
        row = pointing.row(case, question, how, stage.width, stage.height, drawn[time_s])
        yield row | {"row_id": f"{row['row_id']}:{how.form}"}


def draw_data(folder: Path, base: Path) -> None:
    """Both splits, as ``surgvqa-build`` lays them out."""
    forms = every_form(base)
    for split, numbers in (("train", TRAIN), ("test", TEST)):
        bench.write(folder, split, [row for number in numbers for row in rows(number, forms)])


def uri(picture: Image.Image, kind: str) -> str:
    """A picture as an address."""
    file = BytesIO()
    picture.save(file, kind, quality=85)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def outline(row: Row) -> str:
    """The border of the targets' masks as a transparent picture."""
    width, height = row["mask_size"]
    inside = np.zeros((height, width), bool)
    for rle in row["masks"]:
        inside |= masks.rle_to_mask(rle, width, height).astype(bool)
    kept = np.pad(inside, 1)
    core = kept[:-2, 1:-1] & kept[2:, 1:-1] & kept[1:-1, :-2] & kept[1:-1, 2:]
    border = np.zeros((height, width, 4), np.uint8)
    border[inside & ~core] = 255  # white: instruments come in every other colour
    return uri(Image.fromarray(border), "PNG")


def mark(item: Location, colour: str, width: float, height: float, stroke: float = 2.5) -> str:
    """A point, a box or a position as SVG, in a frame of this size."""
    style = f'fill="none" stroke="{colour}" stroke-width="{stroke}"'
    if item.box:
        x1, y1, x2, y2 = (value * side for value, side in zip(item.box, (width, height) * 2, strict=True))
        return f'<rect x="{x1:.1f}" y="{y1:.1f}" width="{max(x2 - x1, 0):.1f}" height="{max(y2 - y1, 0):.1f}" {style}/>'
    if item.point:
        x, y = item.point[0] * width, item.point[1] * height
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" {style}/><circle cx="{x:.1f}" cy="{y:.1f}" r="1.5" fill="{colour}"/>'
    x, y = CELLS.get(item.word or "", (0.5, 0.5))
    x, y = (x - 1 / 6) * width, (y - 1 / 6) * height
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width / 3:.1f}" height="{height / 3:.1f}" {style} stroke-dasharray="4 3"/>'


def text(x: float, y: float, words: str, colour: str, bold: bool = False) -> str:
    """A line of text."""
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{colour}"{weight}>{escape(words)}</text>'


def cell(row: Row, said: str) -> str:
    """One frame with truth and answer, and both as they are written."""
    width, height = SIDE, SIDE * row["height"] / row["width"]
    truth, answer = read(row, row["completion"][0]["content"]), read(row, said)
    picture = Image.open(BytesIO(row["images"][0]["bytes"]))
    place = f'width="{width}" height="{height:.0f}" style="image-rendering:pixelated"'
    parts = [f'<image {place} href="{uri(picture, "JPEG")}"/>', f'<image {place} href="{outline(row)}"/>']
    for objects, colour in ((truth.answer.objects, GREEN), (answer.answer.objects, ORANGE)):
        parts += [
            mark(item, "#ffffff", width, height, 5) + mark(item, colour, width, height) for item in objects
        ]
    y = height + LINE + 2
    for words, colour in ((row["completion"][0]["content"], GREEN), (said or "(nothing)", ORANGE)):
        for line in wrap(words, 32, break_on_hyphens=False)[:4]:
            parts.append(text(0, y, line, colour))
            y += LINE
        y += 3
    return "".join(parts)


def svg(chosen: Sequence[Sequence[tuple[Row, str]]], shares: Mapping[str, float]) -> str:
    """The picture: a line of frames per question, a column per form."""
    forms = [row["form"] for row, _ in chosen[0]]
    high = max(SIDE * row["height"] / row["width"] for line in chosen for row, _ in line) + 9 * LINE + GAP
    width = len(forms) * (SIDE + GAP) + GAP
    tall = 58 + len(chosen) * high + LINE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {tall:.0f}" width="{width}" '
        'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="10.5">',
        f'<rect width="{width}" height="{tall:.0f}" fill="#ffffff"/>',
        text(
            GAP, 20, "white: the annotated mask; green: the right answer, drawn and as it is written", GREEN
        ),
        text(GAP + 3 * (SIDE + GAP), 20, "orange: what the model wrote", ORANGE),
    ]
    for column, form in enumerate(forms):
        x = GAP + column * (SIDE + GAP)
        if form not in forms[:column]:
            parts.append(text(x, 44, f"{form}: {100 * shares[form]:.0f} % of all right", GREY, bold=True))
        for line, asked in enumerate(chosen):
            parts.append(f'<g transform="translate({x} {54 + line * high:.0f})">{cell(*asked[column])}</g>')
    return "".join([*parts, "</svg>"]) + "\n"


def is_right(row: Row, said: str) -> bool:
    """Whether an answer names every target where it is, and nothing else."""
    pairs = read(row, said).pairs
    return bool(pairs) and all(is_located(row, pair) for pair in pairs)


def teach(folder: Path, base: Path) -> tuple[Path, Path]:
    """A model that writes every form, and its answers; returns data and answers."""
    data, taught, answers = folder / "data", folder / "sft", folder / "answers.jsonl"
    if not (data / "pointing" / "test-00000-of-00001.parquet").exists():
        draw_data(data, base)
    given = ("--model_name_or_path", str(base), "--dataset_name", str(data), "--output_dir", str(taught))
    steps = ("--max_steps", str(STEPS))
    bench.done(bench.train, "sft", *bench.SFT, *steps, *given, made=taught / "surgvqa.json")
    ask = ("predict", str(data), "--config", "pointing", "--model", str(taught), "--max-new-tokens", "48")
    bench.done(bench.evaluate, *ask, "--out", str(answers), made=answers)
    return data, answers


def lines_of(shown: Sequence[Row]) -> list[list[Row]]:
    """What is drawn: an operation's first frame in every form, below one another; of one form, side by side."""
    first: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in shown:
        own = first[row["case_id"]]
        area = masks.area_of(row["masks"][0], *row["mask_size"]) / np.prod(row["mask_size"])
        one = row["kind"] == "locate" and len(row["labels"]) == 1 and area >= LEAST
        if one and len({(seen["time_s"], *seen["labels"]) for seen in (*own.values(), row)}) == 1:
            own.setdefault(row["form"], row)
    forms = [form for form in FORMS if any(form in own for own in first.values())]
    whole = [[own[form] for form in forms] for own in first.values() if len(own) == len(forms)]
    return [[row for (row,) in whole[: len(FORMS)]]] if len(forms) == 1 else whole[:DRAWN]


def main(arguments: Sequence[str]) -> None:
    """Make what is missing, and draw."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("out", type=Path)
    options.add_argument("--data", type=Path)
    options.add_argument("--answers", type=Path)
    options.add_argument("--folder", type=Path)
    options.add_argument("--teach", type=Path, metavar="BASE")
    args = options.parse_args(arguments)
    if args.teach and args.folder:
        args.data, args.answers = teach(args.folder.resolve(), args.teach.resolve())
    if not (args.data and args.answers):
        options.error("give --data and --answers, or --folder and --teach")

    said = {line.qa_id: line.prediction for line in predictions.read(args.answers)}
    rows = load_rows(str(args.data), "pointing")["test"]
    shown = [row for row in rows if row["visible"] and row["row_id"] in said]
    by_form = defaultdict(list)
    for row in shown:
        by_form[row["form"]].append(is_right(row, said[row["row_id"]]))
    shares = {form: sum(right) / len(right) for form, right in by_form.items()}
    chosen = [[(row, said[row["row_id"]]) for row in line] for line in lines_of(shown)]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(svg(chosen, shares), encoding="utf-8")
    found = ", ".join(f"{form} {100 * share:.1f} % of {len(by_form[form])}" for form, share in shares.items())
    print(f"{args.out}: {args.out.stat().st_size // 1024} KB; right: {found}")


if __name__ == "__main__":
    main(sys.argv[1:])
