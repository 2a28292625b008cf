"""The phase tables of Cataract-1K."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.files.tables import number, rows, span
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Dropped, Phase
from surgvqa.builders.source_files.cataract1k_files import FOLDER, PHASES
from surgvqa.cards.command import InputError


@dataclass(frozen=True, slots=True)
class Told:
    """What a case's table says of its time."""

    phases: list[Phase] = field(default_factory=list)
    idle: list[tuple[float, float]] = field(default_factory=list)
    unknown: list[tuple[float, float]] = field(
        default_factory=list
    )  # up to infinity where the end can't be read
    dropped: list[Dropped] = field(default_factory=list)


def read(case_id: str, path: Path, shown: str, taxonomy: Taxonomy) -> Told:
    """Read the phases of a case. ``sec`` and ``endSec`` count; frame numbers don't, the frame rate varies.

    ``shown`` is how messages call the file. Rows that can't be read make their time unknown.
    """
    told = Told()
    try:
        table = rows(path, ("caseId", "comment", "sec", "endSec"), shown)
        agree(case_id, path, shown, {row["caseId"] for row in table})
    except InputError as error:
        told.dropped.append(Dropped(shown, str(error), fault=True))
        return told
    for index, row in enumerate(table, start=2):
        where = f"{shown} row {index}"
        try:
            label = taxonomy.canonical("phase", row["comment"])
            start_s, end_s = number(row, "sec", where), number(row, "endSec", where)
        except InputError as error:
            told.dropped.append(Dropped(where, str(error), fault=True))
            told.unknown.append(span(row, "sec", "endSec"))
            continue
        if end_s <= start_s:
            told.dropped.append(Dropped(where, f"{label} from {start_s:g} to {end_s:g} s has no length"))
            told.unknown.append((end_s, start_s))
        elif label == IDLE:
            told.idle.append((start_s, end_s))
        else:
            told.phases.append(Phase(label, start_s, end_s))
    told.phases.sort(key=lambda phase: (phase.start_s, phase.end_s, phase.label))
    return told


def agree(case_id: str, path: Path, shown: str, stated: set[str]) -> None:
    """Refuse a table unless two of folder, file name and ``caseId`` say its case; one of them may be wrong."""
    number = case_id.removeprefix("case_")
    named = PHASES.fullmatch(path.name)
    votes = Counter([*stated, named[1] if named else "", folder_number(path)])
    if len(stated) > 1 or votes[number] < 2:
        raise InputError(
            f"{shown}: folder or file name say case {number}, its caseId column {', '.join(sorted(stated))}; "
            "correct the one that is wrong"
        )


def folder_number(path: Path) -> str:
    """Return the number of the nearest folder ``case_NNNN`` above a file, "" without one."""
    matches = (FOLDER.fullmatch(folder) for folder in reversed(path.parts[:-1]))
    return next((match[1] for match in matches if match), "")
