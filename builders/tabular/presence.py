"""Presence tables: a row a moment, a column a thing, as scenes that know no places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from surgvqa.builders.annotations import outlines
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Entity, Scene
from surgvqa.builders.tabular import clock, rows
from surgvqa.builders.tabular.description import Table
from surgvqa.cards.command import InputError

YES, NO = ("1", "1.0", "True", "true"), ("0", "0.0", "False", "false")


class Presence(NamedTuple):
    """The scenes of a table's rows on one case."""

    scenes: tuple[Scene, ...]
    rows: int
    unsure: int  # moments left out because their raters disagree


def read(
    table: Table, case_rows: Sequence[rows.Row], where: str, per_second: float, taxonomy: Taxonomy
) -> Presence:
    """Scenes from a case's rows; a moment with an unsure cell is left out, for its absence would be a claim."""
    key_columns = {table.time.column, table.case, table.split}
    columns = table.columns or {name: name for name in case_rows[0] if name not in key_columns}
    things = {name: _thing(taxonomy, label) for name, label in columns.items()}
    scenes: dict[float, Scene] = {}
    # Moments that show the same things share their tuple: what follows from it is then worked out once.
    nodes_in_view: dict[tuple[str, ...], tuple[Entity, ...]] = {}
    unsure, due = 0, 0.0
    for number, row in enumerate(case_rows, start=1):
        at = f"{where} row {number}"
        column = table.time.column
        text = rows.cell(row, column, at) if column else str(number - 1 + table.time.first)
        time_s = clock.seconds(text, table.time, per_second, at)
        if table.every:
            if time_s + 1e-9 < due:
                continue
            due = (time_s // table.every + 1) * table.every
        values = {name: rows.cell(row, name, at) for name in things}
        if any(value in table.unsure for value in values.values()):
            unsure += 1
            continue
        if other := [f"{name}={value}" for name, value in values.items() if value not in (*YES, *NO)]:
            raise InputError(f"{at}: {', '.join(other)}; 1 or 0 say whether a thing is in view")
        if time_s in scenes:
            raise InputError(f"{at}: the moment {time_s:g} s is there twice")
        in_view = tuple(name for name, value in values.items() if value in YES)
        if in_view not in nodes_in_view:
            nodes_in_view[in_view] = tuple({things[name].id: things[name] for name in in_view}.values())
        scenes[time_s] = Scene(time_s, 0, 0, nodes_in_view[in_view])
    return Presence(tuple(scenes[at] for at in sorted(scenes)), len(case_rows), unsure)


def _thing(taxonomy: Taxonomy, label: str) -> Entity:
    """Return what a column stands for."""
    role, name = outlines.role_of(taxonomy, label)
    return Entity(name, name, role, "presence")
