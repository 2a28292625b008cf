"""A score as a table for the terminal: every number beside what a blind guess gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def percent(share: float | None) -> str:
    """A share as a percentage with one decimal.

    >>> percent(0.574), percent(None)
    ('57.4', '-')
    """
    return "-" if share is None else f"{100 * share:.1f}"


def span(ends: Sequence[float] | None) -> str:
    """An interval's ends.

    >>> span((0.5, 0.61)), span(None)
    ('50.0-61.0', '-')
    """
    return "-" if ends is None else f"{percent(ends[0])}-{percent(ends[1])}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows under a header, the first column to the left and the others to the right.

    >>> print(table([("kind", "n"), ("phase", "12")]))
    kind     n
    -----  ---
    phase   12
    """
    widths = [max(3 if i else 0, *(len(row[i]) for row in rows)) for i in range(len(rows[0]))]

    def line(cells: Sequence[str]) -> str:
        parts = [cells[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))]
        return "  ".join(parts).rstrip()

    return "\n".join([line(rows[0]), line(["-" * width for width in widths]), *map(line, rows[1:])])


def scores(figures: Mapping[str, Any]) -> str:
    """The score table: a line per kind, the headline, the other rules, what went wrong, and the notes."""
    lines = [("kind", "n", "accuracy", "95 %", "chance", "blind", "constant", "lift", "flags")]
    for kind, own in figures["by_kind"].items():
        flags = [flag for flag in ("single_class", "collapsed") if own[flag]]
        flags += [f"F1 {percent(own['lists']['f1'])}"] if "lists" in own else []
        lines.append((kind, str(own["n"]), *_figures(own), ", ".join(flags)))
    lines.append(("all kinds that count", str(figures["n_headline"]), *_figures(figures), ""))
    wrong = [f"{figures[name]} {name}" for name in FAULTS if figures[name]]
    rules = [f"{rule} {percent(share)}" for rule, share in figures["accuracy_by_rule"].items()]
    return "\n".join(
        [
            table(lines),
            "",
            f"{figures['n']} questions of {figures['cases']} cases, rule {figures['rule']}; per kind, "
            f"macro {percent(figures['macro_accuracy'])}; " + (", ".join(wrong) or "no faults"),
            f"all questions under each rule: {', '.join(rules)}",
            *(f"note: {note}" for note in figures["notes"]),
        ]
    )


FAULTS = ("errors", "empty", "refusals", "echoes", "missing", "extra", "duplicates")


def _figures(own: Mapping[str, Any]) -> tuple[str, ...]:
    shares = (own["chance"], own["blind_majority"], own["best_constant"], own["lift"])
    return (percent(own["accuracy"]), span(own["ci95"]), *map(percent, shares))
