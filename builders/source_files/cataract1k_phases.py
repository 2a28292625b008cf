"""The phase tables of Cataract-1K."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.files.tables import number, rows, span
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Omission, Phase, Scene
from surgvqa.builders.source_files.cataract1k_files import FOLDER, PHASES
from surgvqa.cards.command import InputError


@dataclass(frozen=True, slots=True)
class CasePhases:
    """The times of a case's table."""

    phases: list[Phase] = field(default_factory=list)
    idle: list[tuple[float, float]] = field(default_factory=list)
    unknown: list[tuple[float, float]] = field(
        default_factory=list
    )  # up to infinity where the end can't be read
    omissions: list[Omission] = field(default_factory=list)


def read(case_id: str, path: Path, file_name: str, taxonomy: Taxonomy) -> CasePhases:
    """Read the phases of a case. ``sec`` and ``endSec`` count; frame numbers don't, the frame rate varies.

    ``file_name`` is how messages call the file. Rows that can't be read make their time unknown.
    """
    case_phases = CasePhases()
    try:
        table = rows(path, ("caseId", "comment", "sec", "endSec"), file_name)
        agree(case_id, path, file_name, {row["caseId"] for row in table})
    except InputError as error:
        case_phases.omissions.append(Omission(file_name, str(error), fault=True))
        return case_phases
    for index, row in enumerate(table, start=2):
        where = f"{file_name} row {index}"
        try:
            label = taxonomy.canonical("phase", row["comment"])
            start_s, end_s = number(row, "sec", where), number(row, "endSec", where)
        except InputError as error:
            case_phases.omissions.append(Omission(where, str(error), fault=True))
            case_phases.unknown.append(span(row, "sec", "endSec"))
            continue
        if end_s <= start_s:
            case_phases.omissions.append(
                Omission(where, f"{label} from {start_s:g} to {end_s:g} s has no length")
            )
            case_phases.unknown.append((end_s, start_s))
        elif label == IDLE:
            case_phases.idle.append((start_s, end_s))
        else:
            case_phases.phases.append(Phase(label, start_s, end_s))
    case_phases.phases.sort(key=lambda phase: (phase.start_s, phase.end_s, phase.label))
    return case_phases


def doubtful_gaps(case_phases: CasePhases, scenes: Iterable[Scene]) -> Iterator[tuple[float, float]]:
    """Yield the gaps before and between phases in which a picture shows an instrument: they aren't idle for sure."""
    spans = [(phase.start_s, phase.end_s) for phase in case_phases.phases]
    spans = sorted([*spans, *case_phases.idle, *case_phases.unknown])
    at_work = [scene.time_s for scene in scenes if any(node.type == "instrument" for node in scene.nodes)]
    until_s = 0.0
    for start_s, end_s in spans:
        if any(until_s <= at_s < start_s for at_s in at_work):
            yield until_s, start_s
        until_s = max(until_s, end_s)


def agree(case_id: str, path: Path, file_name: str, case_numbers: set[str]) -> None:
    """Refuse a table unless two of folder, file name and ``caseId`` say its case; one of them may be wrong."""
    number = case_id.removeprefix("case_")
    name_match = PHASES.fullmatch(path.name)
    votes = Counter([*case_numbers, name_match[1] if name_match else "", folder_number(path)])
    if len(case_numbers) > 1 or votes[number] < 2:
        raise InputError(
            f"{file_name}: folder or file name say case {number}, its caseId column {', '.join(sorted(case_numbers))}; "
            "correct the one that is wrong"
        )


def folder_number(path: Path) -> str:
    """Return the number of the nearest folder ``case_NNNN`` above a file, "" without one."""
    matches = (FOLDER.fullmatch(folder) for folder in reversed(path.parts[:-1]))
    return next((match[1] for match in matches if match), "")
