"""Thirty-two guessers that never look and twenty-one honest styles, on every set of questions at hand.

    python tests/benchmarks/bench_attacks.py ../shared/realdata [DATA_SET] > attacks.md

The first folder holds question sets that others published, at the places named below; ``DATA_SET`` is a folder that
``surgvqa-build`` wrote. A guesser may not stand more than 2 points above the blind guess of the kind, and a perfect
model may not lose more than a hundredth by how it writes.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "eval" / "scoring"))

from surgvqa.eval.controls import question_files
from surgvqa.eval.data import reference
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring import kinds
from surgvqa.eval.scoring.score import choose_rule, group_by_kind
from surgvqa.eval.scoring.verdicts import judge
from test_attacks import GUESSERS, STYLES, row_with, said

MOST = 1200  # questions of a set, evenly picked: 53 ways to answer each
FILES = {
    "SurgViVQA, test": "surgvivqa/data/test_multivideo.jsonl",
    "SurgViVQA, eval": "surgvivqa/data/eval_multivideo.jsonl",
    "SurgViVQA, train": "surgvivqa/data/train_multivideo.jsonl",
    "SurgViVQA, in template": "surgvivqa/data/in_template.jsonl",
    "SurgViVQA, out of template": "surgvivqa/data/out_template.jsonl",
    "EndoChat, EndoVis single phrases": "endochat_endovis17vqa/endovis_single_phrase.json",
    "Kvasir-VQA, test": "muhra_endovis_kvasir/datasets/kvasir_baseline_proper_80_20/test.json",
    "Kvasir-VQA, sample of three stages": "muhra_endovis_kvasir/exp2_colab_package/sample_test_data.json",
    "PitVQA anticipation 00110": "pitvqa_anticipation_qa/00110.txt",
    "PitVQA anticipation 00113": "pitvqa_anticipation_qa/00113.txt",
    "PitVQA anticipation 00115": "pitvqa_anticipation_qa/00115.txt",
}
ASKED = re.compile(
    r"((?:what|where|which|how|is|are)\b[^?]*\?)\s*(.*?)\s*(?=(?:what|where|which|how) (?:is|are|organ|tools?|many)\b[^?]*\?|$)"
)


def question_sets(root: Path, built: Path | None) -> Iterator[tuple[str, list[Prediction]]]:
    """Yield the name and the questions of every set that lies there."""
    for name, place in FILES.items():
        if (root / place).is_file():
            yield name, question_files.read(root / place)
    if (sentences := root / "endovis18vqa_text" / "consolidate0.txt").is_file():
        lines = enumerate(sentences.read_text("utf-8").splitlines())
        yield (
            "EndoVis-18-VQA, sentences",
            [
                Prediction(f"{i}#{turn}", str(i), "", question, "", question, answer, answer)
                for i, line in lines
                for turn, (question, answer) in enumerate(ASKED.findall(line))
                if answer
            ],
        )
    if (examples := root / "medvidbench" / "oneshot_examples.json").is_file():
        yield (
            "MedVidBench, one of each kind",
            [
                Prediction(kind, "", "", kind, "", one["question"], one["answer"], one["answer"])
                for kind, one in json.loads(examples.read_text("utf-8")).items()
            ],
        )
    if (folder := root / "surgvu26_vqa").is_dir():
        answers = [(file, json.loads(file.read_text("utf-8"))) for file in sorted(folder.glob("case*.json"))]
        yield (
            "SurgVU 2026, examples",
            [Prediction(file.stem, "", "", "challenge", "", "", own[1], own[0]) for file, own in answers],
        )
    if built:
        yield "synthetic", reference.questions(built, "test")


def gain(rows: Sequence[Prediction], rule: str) -> tuple[float, float]:
    """Return the share of right answers, and how far it stands above the blind guess of each kind."""
    groups = group_by_kind(judge(rows))
    right = sum(judged.verdicts[rule].correct for own in groups.values() for judged in own)
    blind = sum(
        float(kinds.floor([judged.row for judged in own], Counter(), rule).blind.sum())
        for own in groups.values()
    )
    return right / len(rows), (right - blind) / len(rows)


def main(words: Sequence[str]) -> int:
    """Print a table of all sets; the exit code is 1 where a bar is missed."""
    root, built = Path(words[0]), Path(words[1]) if len(words) > 1 else None
    print(
        "| questions | n | best of 32 guessers, above blind | worst of 21 honest styles |\n|---|---:|---|---|"
    )
    failed = False
    for name, every in question_sets(root, built):
        step = max(1, -(-len(every) // MOST))
        rows = [
            replace(row, kind=row.question if row.kind in ("", "all") else row.kind) for row in every[::step]
        ]
        rule = choose_rule(None, rows)
        gains = {guesser: gain(said(rows, guess), rule)[1] for guesser, guess in GUESSERS.items()}
        shares = {
            style: gain([row_with(row, form.format(escaped(form, row.short_answer))) for row in rows], rule)[
                0
            ]
            for style, form in STYLES.items()
        }
        best, worst = max(gains, key=lambda one: gains[one]), min(shares, key=lambda one: shares[one])
        failed |= gains[best] > 0.02 or shares[worst] < 0.99
        print(
            f"| {name} | {len(rows):,} | {100 * gains[best]:+.1f} points ({best}) | {100 * shares[worst]:.1f} % ({worst}) |",
            flush=True,
        )
    return int(failed)


def escaped(form: str, answer: str) -> str:
    """Return the answer as it stands in a style: a text within JSON has its quotes escaped."""
    return json.dumps(answer, ensure_ascii=False)[1:-1] if '"answer"' in form else answer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
