"""Does reward teach more than examples did? Questions on clips: a half-taught tiny model, then GRPO, three seeds.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_grpo_questions.py FOLDER

Through the commands themselves: `surgvqa-build synthetic` (60 rendered operations, split by operation),
`surgvqa-train tiny --size taught` (the base that ships with the package), `surgvqa-train sft` on frames (40 steps: the
wording is learned, the content in part), `surgvqa-train grpo` on the training clips (60 steps; the default mix: the answer,
and brevity), `surgvqa-eval predict` on the test operations. Beside it what 100 steps of `sft` reach, the answers being
there to learn from. What lies in FOLDER already is kept, so that a run that was cut off goes on.

Printed: share of right answers per kind, greedy and drawn at temperature 1, the gain over `sft` with its paired interval
over operations, and what the best guesser without pixels gets (its constant is chosen on the training split).
Bar: with each seed one kind rises, greedy and drawn, by more than its interval leaves to chance.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from reinforced import SEEDS, draw_replies, gain, run_once
from surgvqa.builders.__main__ import main as build
from surgvqa.eval.__main__ import main as evaluate
from surgvqa.eval.data import predictions
from surgvqa.eval.data.dataset import load_rows
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring import verdicts
from surgvqa.eval.scoring.statistics import interval, sums
from surgvqa.train.__main__ import main as train
from surgvqa.train.clips.answering import as_prediction

KINDS = ("phase", "instruments", "presence", "absolute_position")
OPERATIONS = ("--render-cases", "60", "--max-side", "112", "--frames", "4", "--questions", "nine")
SPLITS = ("--test", "0.3", "--validation", "0.05")
QUIET = ("--report_to", "none", "--disable_tqdm", "true", "--save_strategy", "no", "--logging_steps", "10")
SFT = ("--config", "demo_lora.yaml", "--media", "images", *QUIET)
SFT_STEPS, MORE_STEPS = "40", "100"
GRPO = (
    *("--config", "grpo_lora.yaml", "--dataset_config", "clips", "--max_completion_length", "24", *QUIET),
    *("--bf16", "false", "--gradient_checkpointing", "false"),
    # 16 questions a step, 8 answers each
    *("--per_device_train_batch_size", "128", "--gradient_accumulation_steps", "1"),
    *("--max_steps", "60", "--learning_rate", "3e-4"),
)


@dataclass(frozen=True, slots=True)
class Replies:
    """Which replies to the test questions are right, by kind, as `surgvqa-eval score` judges them."""

    right: Mapping[str, np.ndarray]
    cases: Mapping[str, list[str]]

    def line(self, name: str) -> str:
        """As a row of a Markdown table."""
        shown = []
        for kind in KINDS:
            low, high = interval(sums(self.right[kind], self.cases[kind]))
            shown.append(f"{100 * self.right[kind].mean():.1f} ({100 * low:.1f} to {100 * high:.1f})")
        return f"| {name} | {' | '.join(shown)} |"

    def gains(self, before: Replies) -> dict[str, tuple[float, float, float]]:
        """Per kind by how much the share rose, with the interval."""
        return {kind: gain(before.right[kind], self.right[kind], self.cases[kind]) for kind in KINDS}


def judged(questions: Sequence[Prediction], replies: Mapping[str, str]) -> Replies:
    """Judge a reply to each question."""
    right: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    cases: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for one in verdicts.judge([replace(row, prediction=replies[row.qa_id]) for row in questions]):
        right[one.row.kind].append(one.verdicts["choice"].correct)
        cases[one.row.kind].append(one.row.case_id)
    return Replies({kind: np.array(own, dtype=float) for kind, own in right.items()}, cases)


def guess(questions: Sequence[Prediction], known: Sequence[Prediction]) -> Replies:
    """The training split's most frequent answer of each kind: what pixels aren't needed for."""
    counts = {kind: Counter(row.short_answer for row in known if row.kind == kind) for kind in KINDS}
    return judged(questions, {row.qa_id: counts[row.kind].most_common(1)[0][0] for row in questions})


def greedy(folder: Path, model: str, questions: Sequence[Prediction]) -> Replies:
    """The replies of `surgvqa-eval predict`."""
    out = folder / f"{model}.jsonl"
    asked = ("predict", str(folder / "data"), "--model", str(folder / model), "--out", str(out))
    run_once(evaluate, *asked, output=out)
    return judged(questions, {line.qa_id: line.prediction or "" for line in predictions.read(out)})


def drawn(folder: Path, model: str, questions: Sequence[Prediction]) -> Replies:
    """Replies at temperature 1."""
    return judged(questions, draw_replies(folder / "data", "clips", folder / model))


def show_gains(name: str, gains: Mapping[str, tuple[float, float, float]]) -> str:
    """As a row of a Markdown table, in points."""
    shown = [
        f"{100 * mean:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})" for mean, low, high in gains.values()
    ]
    return f"| {name} | {' | '.join(shown)} |"


def main(folder: Path) -> int:
    """Make what is missing, print the table; 1 if the bar is missed."""
    torch.set_num_threads(1)
    folder = folder.resolve()
    data, base, taught = folder / "data", folder / "base", folder / "sft"
    rendered = ("--root", str(folder / "cases"), "--out", str(data), "--kinds", *KINDS)
    run_once(build, "synthetic", *rendered, *OPERATIONS, *SPLITS, output=data / "manifest.json")
    shipped = ("--family", "qwen2_5_vl", "--size", "taught", "--out", str(base))
    run_once(train, "tiny", *shipped, output=base / "surgvqa.json")
    given = ("--dataset_name", str(data), "--model_name_or_path")
    for model, steps in ((taught, SFT_STEPS), (folder / "sft-more", MORE_STEPS)):
        asked_for = ("--max_steps", steps, "--output_dir", str(model))
        run_once(train, "sft", *SFT, *given, str(base), *asked_for, output=model / "surgvqa.json")

    splits = load_rows(str(data), "clips")
    known, asked = (
        [as_prediction(row, qa) for row in splits[split].remove_columns("images") for qa in row["qa"]]
        for split in ("train", "test")
    )
    before, before_drawn = greedy(folder, "sft", asked), drawn(folder, "sft", asked)
    more = greedy(folder, "sft-more", asked)
    lines = [guess(asked, known).line("majority"), before.line("sft"), before_drawn.line("sft, drawn")]
    lines.append(more.line(f"sft, {MORE_STEPS} steps"))
    print(*lines, sep="\n", flush=True)
    risen = set(KINDS)
    for seed in SEEDS:
        name = f"grpo-{seed}"
        seeded = ("--output_dir", str(folder / name), "--seed", str(seed))
        run_once(train, "grpo", *GRPO, *given, str(taught), *seeded, output=folder / name / "surgvqa.json")
        for how, old, new in (
            ("", before, greedy(folder, name, asked)),
            (", drawn", before_drawn, drawn(folder, name, asked)),
        ):
            gains = new.gains(old)
            risen &= {kind for kind, (_, low, _) in gains.items() if low > 0}
            lines += [new.line(name + how), show_gains(f"{name} less sft{how}", gains)]
            print(*lines[-2:], sep="\n", flush=True)
    head = f"| | {' | '.join(KINDS)} |\n|---|{'---|' * len(KINDS)}"
    print(f"\n{len(asked)} questions on {len({row.case_id for row in asked})} unseen operations\n")
    print(head, *lines, sep="\n")
    print("\nrises with each seed, greedy and drawn:", ", ".join(sorted(risen)) or "no kind")
    return int(not risen)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
