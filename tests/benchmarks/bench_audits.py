"""What words alone give away, of every set of questions at hand: the table in ``docs/benchmarks.md``.

    python tests/benchmarks/bench_audits.py ../shared/realdata > audits.md

Every file is audited as ``surgvqa-eval audit-benchmark FILE`` does it. Two sets that this verb can't read (answers within
a sentence, a dictionary of examples) are written as rows first; a set without questions is left out.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from bench_attacks import FILES, question_sets
from surgvqa.eval.controls.benchmark_audit import FileAudit, KindAudit, audit
from surgvqa.eval.data.predictions import Prediction


def rows_file(rows: Sequence[Prediction], path: Path) -> Path:
    """Write questions as JSONL."""
    lines = [
        json.dumps(
            {
                "qa_id": row.qa_id,
                "clip_id": row.clip_id,
                "kind": row.kind,
                "question": row.question,
                "short_answer": row.short_answer,
            }
        )
        for row in rows
    ]
    path.write_text("\n".join(lines), "utf-8")
    return path


def line(name: str, findings: FileAudit) -> str:
    """Return a row of the table."""
    single = sum(kind.single_class for kind in findings.kinds)
    open_kinds = [kind for kind in findings.kinds if not kind.single_class]
    given_away = [kind for kind in open_kinds if kind.given_away]
    worst = max(given_away or open_kinds, key=above_chance, default=None)
    faults = "; ".join(f"{fault}: {count:,}" for fault, count in findings.faults.items()) or "none"
    figure = "-"
    if worst is not None:
        low, high = worst.best_ci95
        label = "" if worst.kind in ("", "all") else f"{worst.kind}, "
        figure = (
            f"{label}{worst.best}: {worst.guessers[worst.best]:.1%} ({low:.1%} to {high:.1%}), "
            f"chance {worst.chance:.1%}"
        )
    return f"| {name} | {findings.n:,} | {len(findings.kinds)} | {single} | {len(given_away)} | {figure} | {faults} |"


def above_chance(kind: KindAudit) -> float:
    """Return how far a kind's best guesser stands above chance."""
    return kind.guessers[kind.best] - kind.chance


def main(words: Sequence[str]) -> int:
    """Print the table."""
    root = Path(words[0])
    print("| questions | n | kinds | one answer only | given away | furthest above chance | faults |")
    print("|---|---:|---:|---:|---:|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, rows) in enumerate(question_sets(root, None)):
            if not any(row.question for row in rows):
                continue
            own = root / FILES[name] if name in FILES else rows_file(rows, Path(folder) / f"{number}.jsonl")
            (findings,) = audit([own]).files
            print(line(name, findings), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
