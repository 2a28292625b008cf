"""The verb ``audit-benchmark``: files of questions in, a table, a page and JSON out."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from surgvqa.cards.command import InputError, say
from surgvqa.eval.controls.benchmark_audit import GUESSERS, BenchmarkAudit, FileAudit, audit
from surgvqa.eval.data import columns
from surgvqa.eval.output import documents, page
from surgvqa.eval.output.terminal import percent, span, table


def run(files: Sequence[Path], mapping: str, out: Path | None) -> None:
    """Audit the files; print the table, and write ``out`` (.html, its JSON beside it)."""
    if out and out.suffix != ".html":
        raise InputError(f"--out {out}: give a name that ends in .html; the JSON is written beside it")
    say(f"reading {', '.join(file.name for file in files)}")
    findings = audit(files, columns.parse_columns(mapping))
    print("\n".join(lines(findings)))
    if out:
        numbers: dict[str, Any] = dataclasses.asdict(findings) | {"guessers": GUESSERS}
        title = "Audit of " + ", ".join(file.file for file in findings.files)
        page.write(
            out,
            page.render(
                "benchmark.html", {"title": title, "command": command(files, mapping, out), **numbers}
            ),
        )
        documents.write(out.with_suffix(".json"), numbers)
        print(f"{out}, and its numbers in {out.with_suffix('.json')}")


def command(files: Sequence[Path], mapping: str, out: Path) -> str:
    """Return the command that makes the page again; files by their names alone."""
    words = ["surgvqa-eval", "audit-benchmark", *(file.name for file in files)]
    return shlex.join([*words, *(["--columns", mapping] if mapping else []), "--out", out.name])


def lines(findings: BenchmarkAudit) -> Iterator[str]:
    """Write the audit as text for the terminal."""
    for file in findings.files:
        yield from _file(file)
    for pair in findings.shared:
        yield (
            f"{pair['a']} and {pair['b']} share {pair['cases']} cases, {pair['clips']} clips, "
            f"{pair['overlapping_windows']} overlapping windows"
        )


def _file(file: FileAudit) -> Iterator[str]:
    yield f"{file.file}: {file.n} questions, {file.cases} cases; guessers learn on {file.learn_on}"
    heads = ("kind", "n", "answers", "chance", *GUESSERS, "best, 95 %", "")
    rows = [
        (
            kind.kind or "(none named)",
            str(kind.n),
            str(kind.answers),
            percent(kind.chance),
            *(percent(kind.guessers[name]) for name in GUESSERS),
            span(kind.best_ci95),
            "one answer only" if kind.single_class else "given away" if kind.given_away else "",
        )
        for kind in file.kinds
    ]
    yield table([heads, *rows])
    for fault, count in file.faults.items():
        yield f"{fault}: {count} ({', '.join(file.examples[fault])}{', …' if count > 3 else ''})"
    for what in file.not_checked:
        yield f"not checked: {what}"
