"""Does it learn to point? A tiny model taught on true points, then reinforced, against guessers on unseen cases.

    make demo
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_pointing.py FOLDER demo/base

The base is the demo's tiny model, which learned to see on the questions of other operations and was never asked to
point. On it, through the commands' own entry points: `surgvqa-train sft` (all weights: LoRA alone, which leaves the
random embeddings of digits and tags as they are, learned less), `surgvqa-train grpo` (an adapter on that, three seeds),
`surgvqa-eval predict` and `surgvqa-eval pointing` on the test cases. Only the pictures come another way than
`surgvqa-build` takes: of the rendered operations (difficulty 0: no distractors) the annotated moments are drawn, and
no video. What lies in FOLDER already is kept, so that a run that was cut off goes on.

Bars: taught, it points into the mask at least twice as often as the best guesser, quadrant centres included; with
each seed GRPO raises point-in-mask and the mean reward of answers that are drawn at temperature 1, as GRPO draws them,
and by more than the intervals over cases leave to chance. The greedy answers stand beside.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
import torch
from datasets import Dataset
from drawn import operation
from reinforced import SEEDS, draw_replies, gain, run_once
from surgvqa.builders.configs import pointing
from surgvqa.builders.configs.pointing import POINTING_FEATURES
from surgvqa.builders.configs.pointing_questions import Pointing, questions
from surgvqa.eval.__main__ import main as evaluate
from surgvqa.eval.data import predictions
from surgvqa.eval.data.dataset import load_rows
from surgvqa.eval.scoring.statistics import interval, sums
from surgvqa.eval.spatial.pointing import measures, read
from surgvqa.eval.spatial.pointing_figures import guessers
from surgvqa.train.__main__ import main as train
from surgvqa.train.pointing.blind_rewards import total
from surgvqa.train.pointing.grpo_options import reward_functions

SPLITS = {"train": range(1, 181), "test": range(211, 251)}
WIDTH, SEED = 112, 0
WIDEST = 2.1  # rewards run from -1, a refusal where something is to be seen, to 1.1
HOW = Pointing("point", types=("instrument",), decimals=0)
TEST = replace(HOW, per_case=8)
QUIET = ("--report_to", "none", "--disable_tqdm", "true", "--save_strategy", "no", "--logging_steps", "10")
SFT = (
    *("--config", "demo_base.yaml", "--dataset_config", "pointing", "--media", "images", "--frames", "1"),
    *("--bf16", "false", "--max_steps", "700", *QUIET),
)
# 16 questions a step, 8 answers each
BATCH = ("--per_device_train_batch_size", "128", "--gradient_accumulation_steps", "1")
GRPO = (
    *("--config", "grpo_lora.yaml", *QUIET, "--bf16", "false", "--gradient_checkpointing", "false", *BATCH),
    *("--max_steps", "100", "--learning_rate", "2e-4", "--max_completion_length", "24"),
)


def rows(number: int, how: Pointing) -> Iterator[dict[str, Any]]:
    """The rows of config ``pointing`` of a rendered case; drawn are the moments that are asked about."""
    stage, case = operation(number, SEED, 0.0, WIDTH)
    for time_s, asked in groupby(questions(case, how), key=lambda question: question.scene.time_s):
        jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(stage.draw(time_s)), quality=92)
        for question in asked:
            yield pointing.row(case, question, how, stage.width, stage.height, jpeg)


def draw(folder: Path) -> None:
    """Both splits, as `surgvqa-build` lays them out."""
    for split, numbers in SPLITS.items():
        write(
            folder,
            split,
            [row for number in numbers for row in rows(number, HOW if split == "train" else TEST)],
        )


def write(folder: Path, split: str, made: list[dict[str, Any]]) -> None:
    """A split of config ``pointing``."""
    path = folder / "pointing" / f"{split}-00000-of-00001.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_list(made, features=POINTING_FEATURES.features()).to_parquet(path)


def answers(folder: Path, model: str, asked: Sequence[dict[str, Any]]) -> list[str]:
    """What a model says to each question of the test split; greedy."""
    out = folder / f"{model}.jsonl"
    ask = ("predict", str(folder / "data"), "--config", "pointing", "--model", str(folder / model))
    run_once(evaluate, *ask, "--out", str(out), "--max-new-tokens", "32", output=folder / f"{model}.json")
    score = ("pointing", str(out), "--data", str(folder / "data"), "--out", str(folder / f"{model}.json"))
    run_once(evaluate, *score, output=folder / f"{model}.json")
    said = {line.qa_id: line.prediction or "" for line in predictions.read(out)}
    return [said[row["row_id"]] for row in asked]


def sampled(folder: Path, model: str, asked: Sequence[dict[str, Any]]) -> list[str]:
    """A drawn reply of a model to each question of the test split."""
    replies = draw_replies(folder / "data", "pointing", folder / model)
    return [replies[row["row_id"]] for row in asked]


class Figures:
    """Point-in-mask (only rows that show what is asked for) and reward of one answer per row."""

    def __init__(self, asked: Sequence[dict[str, Any]], texts: Sequence[str]) -> None:
        functions, weights = reward_functions(None, None, {row["kind"] for row in asked})
        mix = list(zip(functions, weights, strict=True))
        self.reward = np.array([total([row], [text], mix) for row, text in zip(asked, texts, strict=True)])
        found = [
            (measures(row, read(row, text)).get("point_in_mask"), row["case_id"])
            for row, text in zip(asked, texts, strict=True)
        ]
        self.cases = [row["case_id"] for row in asked]
        self.hit = np.array([hit for hit, _ in found if hit is not None], dtype=float)
        self.hit_cases = [case for hit, case in found if hit is not None]

    def line(self, name: str) -> str:
        """As a row of a Markdown table."""
        shown = []
        for values, cases, least in ((self.hit, self.hit_cases, 0.0), (self.reward, self.cases, -1.0)):
            low, high = interval(sums(values, cases), low=least, high=least + (WIDEST if least else 1.0))
            shown.append(f"{values.mean():.3f} ({low:.3f} to {high:.3f})")
        return f"| {name} | {' | '.join(shown)} |"


def raised(name: str, before: Figures, after: Figures) -> tuple[str, bool]:
    """By how much both figures rose, as a row of the table, and whether that is more than chance for both."""
    gains = (
        gain(before.hit, after.hit, before.hit_cases),
        gain(before.reward, after.reward, before.cases, WIDEST),
    )
    row = " | ".join(f"{mean:+.3f} ({low:+.3f} to {high:+.3f})" for mean, low, high in gains)
    return f"| {name} | {row} |", min(low for _, low, _ in gains) > 0


def main(folder: Path, base: Path) -> int:
    """Make what is missing, print the table; 1 if a bar is missed."""
    torch.set_num_threads(1)
    folder = folder.resolve()
    data, taught = folder / "data", folder / "sft"
    if not (data / "pointing" / "test-00000-of-00001.parquet").exists():
        draw(data)
    given = ("--dataset_name", str(data), "--model_name_or_path")
    out = ("--output_dir", str(taught))
    run_once(train, "sft", *SFT, *given, str(base.resolve()), *out, output=taught / "surgvqa.json")

    splits = load_rows(str(data), "pointing")
    asked, known = (splits[split].remove_columns("images").to_list() for split in ("test", "train"))
    blind = {name: Figures(asked, texts) for name, texts in guessers(asked, known).items()}
    lines = [figures.line(f"guesser: {name.replace('_', ' ')}") for name, figures in blind.items()]
    before = Figures(asked, answers(folder, "sft", asked))
    drawn = Figures(asked, sampled(folder, "sft", asked))
    lines += [before.line("sft"), drawn.line("sft, drawn")]
    good = before.hit.mean() >= 2 * max(figures.hit.mean() for figures in blind.values())
    print(*lines, sep="\n", flush=True)
    for seed in SEEDS:
        name = f"grpo-{seed}"
        seeded = ("--output_dir", str(folder / name), "--seed", str(seed))
        run_once(train, "grpo", *GRPO, *given, str(taught), *seeded, output=folder / name / "surgvqa.json")
        after, again = (
            Figures(asked, answers(folder, name, asked)),
            Figures(asked, sampled(folder, name, asked)),
        )
        lines += [after.line(name), raised(f"{name} less sft", before, after)[0]]
        row, clear = raised(f"{name} less sft, drawn", drawn, again)
        lines += [again.line(f"{name}, drawn"), row]
        good = good and clear
        print(*lines[-4:], sep="\n", flush=True)
    print(f"\n{len(asked)} questions on {len(SPLITS['test'])} unseen cases\n")
    print("| | point in mask | mean reward |\n|---|---|---|", *lines, sep="\n")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
