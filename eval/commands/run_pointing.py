"""The verb ``pointing``: predictions on the config ``pointing`` in, a table and JSON out.

surgvqa-eval pointing predictions.jsonl --data DIR --out pointing.json
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from surgvqa.builders.configs.pointing import POINTING_FEATURES
from surgvqa.cards.command import InputError, nearest
from surgvqa.eval.data import predictions, whole
from surgvqa.eval.data.streams import Row
from surgvqa.eval.documents.spatial import Pointing as Told
from surgvqa.eval.documents.spatial import PointingDifference
from surgvqa.eval.output import terminal
from surgvqa.eval.output.documents import write
from surgvqa.eval.settings.spatial import Pointing
from surgvqa.eval.spatial.pointing_figures import differences, report

MEASURED_SMALL = (
    "distance",
    "mae_x",
    "mae_y",
    "unreadable",
    "wrong_abstention",
    "false_pointing",
)  # 0 is best


def pointing(config: Pointing) -> None:
    """Every row of the split is scored; one without a prediction counts as unreadable."""
    rows = read_rows(config.data, config.split)
    if not rows:
        raise InputError(
            f"{config.data} has no pointing/{config.split}-*.parquet; build it with the config pointing"
        )
    answer_by_id = read_answers(config.file, rows, config)
    row_ids = {row["row_id"] for row in rows}
    texts = [answer_by_id.get(row["row_id"]) for row in rows]
    figures = report(rows, texts, read_rows(config.data, "train"), config.seed)
    summary: Told = {
        "file": config.file.name,
        "split": config.split,
        "missing": len(row_ids - set(answer_by_id)),
        **figures,
    }
    print(table(summary))
    if config.against:
        others = read_answers(config.against, rows, config)
        summary["against"] = differences(
            rows, texts, [others.get(row["row_id"]) for row in rows], config.seed
        )
        print(f"\nmore than {config.against}:\n{difference_table(summary['against'])}")
    if config.out:
        write(config.out, summary)


def read_answers(path: Path, rows: Sequence[Row], config: Pointing) -> dict[str, str | None]:
    """Return a file's answers by row; None for a crash. Raises ``InputError`` for one on no row of the split."""
    answer_by_id = {item.qa_id: None if item.error else item.prediction for item in predictions.read(path)}
    row_ids = {row["row_id"] for row in rows}
    if strange := sorted(set(answer_by_id) - row_ids):
        raise InputError(
            f"{path}: {len(strange)} predictions are on no row of {config.data} pointing/{config.split}, "
            f"{strange[0]!r} for one; {nearest(strange[0], row_ids) if len(row_ids) < 10_000 else 'is it another split?'}"
        )
    return answer_by_id


def difference_table(differences: Mapping[str, PointingDifference]) -> str:
    """Return the differences in points of percent, with their intervals over cases and p."""
    lines: list[Sequence[str]] = [("measure", "n", "difference", "95 %", "p")]
    for name, one in differences.items():
        ends = one["ci95"]
        span = f"{100 * ends[0]:+.1f} to {100 * ends[1]:+.1f}" if ends else "-"
        p = "-" if one["p"] is None else f"{one['p']:.3f}"
        lines.append((name, str(one["n"]), f"{100 * one['value']:+.1f}", span, p))
    return terminal.table(lines)


def read_rows(folder: Path, split: str) -> list[Row]:
    """Return a split's rows without their pictures; empty where there is none."""
    whole.check(folder, "pointing")
    columns = [name for name in POINTING_FEATURES if name != "images"]
    files = sorted((folder / "pointing").glob(f"{split}-*.parquet"))
    tables = [pq.read_table(path, columns=columns) for path in files]
    return pa.concat_tables(tables).to_pylist() if tables else []


def table(figures: Told) -> str:
    """Return the figures with the guessers beside them, in percent.

    >>> print(table({"n": 2, "missing": 0, "noise_floor": 0.05, "guessers": {"centre": {"mae_x": 0.1}},
    ...              "metrics": {"mae_x": {"value": 0.06, "n": 2, "ci95": None}}}))
    measure    n  value  95 %  centre
    -------  ---  -----  ----  ------
    mae_x ↓    2    6.0     -    10.0
    <BLANKLINE>
    2 rows, 0 without a prediction; an oracle of the labels is 5.0 % off per axis; ↓ less is better
    """
    guessers = figures["guessers"]
    lines: list[Sequence[str]] = [("measure", "n", "value", "95 %", *guessers)]
    for name, figure in figures["metrics"].items():
        small = name.startswith("distance") or name in MEASURED_SMALL
        cells = (terminal.percent(values.get(name)) for values in guessers.values())
        lines.append(
            (
                f"{name} ↓" if small else name,
                str(figure["n"]),
                terminal.percent(figure["value"]),
                terminal.span(figure.get("ci95")),
                *cells,
            )
        )
    floor = terminal.percent(figures["noise_floor"])
    return (
        f"{terminal.table(lines)}\n\n{figures['n']} rows, {figures['missing']} without a prediction; "
        f"an oracle of the labels is {floor} % off per axis; ↓ less is better"
    )
