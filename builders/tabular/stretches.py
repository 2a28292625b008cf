"""Labels laid on time: a label a row, starts alone, or intervals, as phases.

A label that the taxonomy doesn't know is a fault of the whole case: without it, its time would count as unknown.
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from surgvqa.builders.procedures.taxonomy import Taxonomy, UnknownLabel
from surgvqa.builders.schema import Phase
from surgvqa.builders.tabular import clock, rows
from surgvqa.builders.tabular.description import Description, Table
from surgvqa.cards.command import InputError

SLACK = 1.5  # rows further apart than this many steps have something missing between them
Canonical = Callable[[str], str]


class CasePhases(NamedTuple):
    """The phases of a table's rows on one case."""

    phases: tuple[Phase, ...]
    rows: int
    left_out: dict[str, int]  # why -> rows
    unknown: tuple[tuple[float, float], ...] = ()  # stretches without a label, seconds
    repetitions: int = 0  # starts of the label that already holds


def lay(
    table: Table,
    case_rows: Sequence[rows.Row],
    where: str,
    per_second: float,
    canonical: Canonical,
    end_s: float | None = None,
) -> CasePhases:
    """Phases from a case's rows; ``end_s`` is the recording's length, for starts alone.

    Raises ``InputError`` for a label that nobody knows, a moment labelled twice, a row between that lacks.
    """
    left_out: dict[str, int] = {}
    spans: list[tuple[float, float, str]] = []
    for number, row in enumerate(case_rows, start=1):
        at = f"{where} row {number}"
        value = rows.cell(row, table.label or "", at)
        if value in table.leave_out:
            why = table.leave_out[value]
            left_out[why] = left_out.get(why, 0) + 1
            continue
        column = table.time.column
        text = rows.cell(row, column, at) if column else str(number - 1 + table.time.first)
        start = clock.seconds(text, table.time, per_second, at)
        end = start
        if table.holds == "interval":
            end = clock.seconds(rows.cell(row, table.time.end or "", at), table.time, per_second, at)
            if end < start:
                raise InputError(f"{at}: {value} ends at {end:g} s, before it starts at {start:g} s")
        spans.append((start, end, canonical(table.ids.get(value, value))))
    if not spans:
        return CasePhases((), len(case_rows), left_out)
    if table.holds == "interval":
        intervals = [Phase(label, start, end) for start, end, label in spans]
        return CasePhases(_in_order(intervals), len(case_rows), left_out)
    moments = sorted((start, label) for start, _, label in spans)
    for (one, _), (other, _) in itertools.pairwise(moments):
        if one == other:
            raise InputError(f"{where}: the moment {one:g} s is labelled twice")
    if table.holds == "start":
        phases, unknown = _starts(moments, where, end_s)
        return CasePhases(_in_order(phases), len(case_rows), left_out, unknown, len(moments) - len(phases))
    return CasePhases(_in_order(_runs(moments, where, per_second)), len(case_rows), left_out)


def _starts(
    moments: list[tuple[float, str]], where: str, end_s: float | None
) -> tuple[list[Phase], tuple[tuple[float, float], ...]]:
    """Phases that last until the next one starts, the last one until the recording ends."""
    if end_s is None:
        raise InputError(f"{where}: only starts are given, and how long the recording is is not known")
    if moments[-1][0] > end_s:
        raise InputError(f"{where}: {moments[-1][1]} starts at {moments[-1][0]:g} s of {end_s:g} s")
    ends = [at for at, _ in moments[1:]] + [end_s]
    phases = [Phase(label, at, end) for (at, label), end in zip(moments, ends, strict=True)]
    return join_neighbours(phases), ((0.0, moments[0][0]),) if moments[0][0] > 0 else ()


def _runs(moments: list[tuple[float, str]], where: str, per_second: float) -> list[Phase]:
    """Phases from labels of single frames; each holds until the next frame."""
    steps = [after - at for (at, _), (after, _) in itertools.pairwise(moments)]
    step = statistics.median_low(steps) if steps else 1 / per_second
    phases: list[Phase] = []
    for (at, label), gap in zip(moments, [*steps, step], strict=True):
        if gap > SLACK * step:
            raise InputError(
                f"{where}: no label from {at + step:g} to {at + gap:g} s, while rows are {step:g} s apart; "
                "what nobody labelled is not idle"
            )
        phases.append(Phase(label, at, at + gap))
    return join_neighbours(phases)


def join_neighbours(phases: Sequence[Phase]) -> list[Phase]:
    """Neighbours of one label as one phase.

    >>> [(one.start_s, one.end_s) for one in join_neighbours([Phase("a", 0, 1), Phase("a", 1, 2), Phase("a", 3, 4)])]
    [(0, 2), (3, 4)]
    """
    runs: list[Phase] = []
    for phase in phases:
        if runs and runs[-1].label == phase.label and abs(runs[-1].end_s - phase.start_s) < 1e-9:
            runs[-1] = Phase(phase.label, runs[-1].start_s, phase.end_s)
        else:
            runs.append(phase)
    return runs


def _in_order(phases: Sequence[Phase]) -> tuple[Phase, ...]:
    return tuple(sorted(phases, key=lambda one: (one.start_s, one.end_s, one.label)))


def overlaps(phases: Sequence[Phase]) -> int:
    """Return the number of phases that begin before the one before them has ended."""
    return sum(after.start_s < one.end_s for one, after in itertools.pairwise(_in_order(phases)))


def refuse_unknown_ids(description: Description, taxonomy: Taxonomy) -> None:
    """Refuse ids of phases that the taxonomy doesn't know, also those that no file holds.

    Raises:
        InputError: every such id.
    """
    faults = []
    for table in description.phases:
        for value, label in table.ids.items():
            try:
                if not {value, label} & table.leave_out.keys():
                    taxonomy.canonical("phase", label)
            except UnknownLabel as error:
                faults.append(f"ids {value}: {error}")
    if faults:
        raise InputError(f"{description.source}.yaml: {'; '.join(faults)}")


def step_name(label: str) -> str:
    """Return a step's label as words; a number before it only orders the steps.

    >>> step_name("s11_gastric_opening")
    'gastric opening'
    """
    return re.sub(r"^s\d+_", "", label).replace("_", " ").strip()
