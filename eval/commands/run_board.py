"""The verb ``board``: several models and seeds in, one table and JSON out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from surgvqa.cards.command import InputError, nearest
from surgvqa.eval.commands.run_score import show
from surgvqa.eval.data import columns, records
from surgvqa.eval.data.truth import truth
from surgvqa.eval.output.documents import write
from surgvqa.eval.output.terminal import percent, signed_span, span, table
from surgvqa.eval.scoring import board as boards
from surgvqa.eval.settings.score import Board


def run(config: Board) -> None:
    """Read all files, rank the models, print the board and write it."""
    mapping = columns.parse_columns(config.columns)
    files = {name: [Path(file) for file in own] for name, own in boards.groups_of(config.files).items()}
    runs = {
        name: [columns.require_answers(columns.read(file, mapping), file).predictions for file in own]
        for name, own in files.items()
    }
    first = next(iter(files.values()))[0]
    data, _ = truth(config)
    board = boards.board(
        runs,
        rule=config.rule,
        data=data,
        buckets=bucket_of(first, config.buckets, mapping) if config.buckets else None,
        seed=config.seed,
    )
    show("\n".join(lines(board)))
    if config.out:
        write(
            config.out,
            {
                "files": {name: [file.name for file in own] for name, own in files.items()},
                **dataclasses.asdict(board),
            },
        )


def bucket_of(file: Path, column: str, mapping: dict[str, str]) -> dict[str, str]:
    """Return the bucket of each question's id: what a column of the file says.

    Raises:
        InputError: no such column, or an id that stands in two buckets.
    """
    rows = list(records.rows(file))
    if not any(column in row for row in rows):
        raise InputError(f"{file}: --buckets {column}: no row has it; {nearest(column, map(str, rows[0]))}")
    bucket_by_id: dict[str, str] = {}
    for row, own in zip(rows, columns.read(file, mapping).predictions, strict=True):
        bucket = str(row.get(column, ""))
        if bucket_by_id.setdefault(own.qa_id, bucket) != bucket:
            raise InputError(
                f"{file}: --buckets {column}: question {own.qa_id!r} is in {bucket_by_id[own.qa_id]!r} and {bucket!r}"
            )
    return bucket_by_id


def lines(board: boards.Board) -> Iterator[str]:
    """Write the board as text for the terminal."""
    several = list(board.buckets) if len(board.buckets) > 1 else []
    heads = ("model", "rank", "95 %", "first in", "seeds", "accuracy", "±", "95 %", "lift", *several)
    rows = [
        (
            one.model,
            "–" if one.rank is None else str(one.rank),
            "–" if one.rank_ci95 is None else "-".join(map(str, one.rank_ci95)),
            percent(one.first),
            str(one.seeds),
            percent(one.accuracy),
            percent(one.spread),
            span(one.ci95),
            percent(one.lift),
            *(percent(one.buckets[name]) for name in several),
        )
        for one in board.entries
    ]
    yield table([heads, *rows])
    yield ""
    pairs = [
        (
            f"{one.b} - {one.a}",
            f"{100 * one.difference:+.1f}",
            signed_span(one.ci95),
            _p(one.p),
            _p(one.p_holm),
        )
        for one in board.differences
    ]
    yield table([("difference", "points", "95 %", "p", "p, Holm"), *pairs])
    yield ""
    yield (
        f"{board.n} questions of {board.cases} cases, rule {board.rule}; a blind guess is right in {percent(board.blind_majority)} %; "
        "rank by Copeland over kinds, its 95 % and the share of first ranks over resampled cases"
    )
    yield (
        "these cases are too few to see any difference, or to rank the models"
        if board.visible is None
        else f"with these cases a difference of {percent(board.visible)} points can be seen (in four of five studies)"
    )
    yield from (f"note: {note}" for note in board.notes)


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
