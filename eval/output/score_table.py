"""A score's table for a spreadsheet or a paper: a row per kind, then all kinds that count."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

COLUMNS = ("n", "accuracy", "low", "high", "chance", "blind_majority", "best_constant", "lift")
HEADS = ("kind", "n", "accuracy", "95 %", "chance", "blind", "constant", "lift")
ALL = "all kinds that count"
SPECIAL = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
           "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}  # fmt: skip


def as_csv(figures: Mapping[str, Any]) -> str:
    """Return the table with commas, shares from 0 to 1 in full; an empty cell where there is no interval.

    >>> own = {"n": 4, "accuracy": 0.75, "ci95": None, "chance": 0.5, "blind_majority": 0.5, "best_constant": 0.5, "lift": 0.25}
    >>> print(as_csv({"by_kind": {"phase": own}, "n_headline": 4, **own}).splitlines()[1])
    phase,4,0.75,,,0.5,0.5,0.5,0.25
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("kind", *COLUMNS))
    for kind, own in _rows(figures):
        low, high = own["ci95"] or ("", "")
        cells = {**own, "low": low, "high": high}
        writer.writerow((kind, *(cells[column] for column in COLUMNS)))
    return text.getvalue()


def as_latex(figures: Mapping[str, Any]) -> str:
    r"""Return the table as a LaTeX tabular (booktabs), shares in per cent.

    >>> own = {"n": 4, "accuracy": 0.75, "ci95": [0.5, 0.9], "chance": 0.5, "blind_majority": 0.5, "best_constant": 0.5, "lift": 0.25}
    >>> print(as_latex({"by_kind": {"a_b": own}, "n_headline": 4, **own}).splitlines()[4])
    a\_b & 4 & 75.0 & 50.0--90.0 & 50.0 & 50.0 & 50.0 & 25.0 \\
    """
    lines = [rf"\begin{{tabular}}{{l{'r' * (len(HEADS) - 1)}}}", r"\toprule"]
    lines += [" & ".join(map(_escape, HEADS)) + r" \\", r"\midrule"]
    for kind, own in _rows(figures):
        if kind == ALL:
            lines.append(r"\midrule")
        ends = "--".join(f"{100 * end:.1f}" for end in own["ci95"]) if own["ci95"] else "--"
        shares = [f"{100 * own[name]:.1f}" for name in ("chance", "blind_majority", "best_constant", "lift")]
        cells = [_escape(kind), str(own["n"]), f"{100 * own['accuracy']:.1f}", ends, *shares]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _rows(figures: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [*figures["by_kind"].items(), (ALL, {**figures, "n": figures["n_headline"]})]


def _escape(text: str) -> str:
    return "".join(SPECIAL.get(letter, letter) for letter in text)
