"""Killed, stopped, without room, twice at once: every command ends whole or goes on to the same bytes, in one line.

``python -m pytest tests/project/test_fault_matrix.py -m 'slow or not slow' -s`` prints the table of docs/publish.md:
at how many points a command was struck, and at how many of them it held. ``-k "build or frames"`` prints rows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import faults
import pytest
from faults import FAULTS
from stopped_commands import Case, cases, of_the_hub

POINTS = 10
COMMANDS = (
    "build",
    "build --media clips",
    "frames",
    "instruct",
    "export",
    "spoken",
    "card",
    "predict",
    "merge",
    "sft",
    "grpo",
    "push",
)
NOT_OF_PUSH = ("full disk", "read-only", "memory")  # it writes nothing and has no workers
SAMPLE = {
    ("build", "SIGKILL"),
    ("export", "two at once"),
    ("spoken", "Ctrl-C"),
}
TABLE: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """Print what was tried, at the end."""
    yield
    tried = [name for name in COMMANDS if any(command == name for command, _ in TABLE)]
    print("\n\n| command | " + " | ".join(FAULTS) + " |\n|---|" + "---|" * len(FAULTS))
    for name in tried:
        print(f"| {name} | " + " | ".join(TABLE.get((name, fault), "-") for fault in FAULTS) + " |")


def faults_of(case: Case, fault: str, points: int, tried: list[int]) -> Iterator[str]:
    """Yield what went wrong at each of the points, which are put into ``tried``."""
    case.fresh()
    before = case.made()
    clean = faults.run(case.run, case.out, reads=case.reads)
    assert clean.code == 0 and clean.points > 0, clean.err
    want = case.made()
    original = case.source.read_bytes() if case.source.is_file() else b""
    steps = sorted({1 + i * (clean.points - 1) // max(1, points - 1) for i in range(points)})
    for at in steps:
        tried.append(at)
        case.fresh()
        ended = faults.run(
            case.run, case.out, fault, at, lambda: case.source.write_bytes(original + b"\n"), case.reads
        )
        where = f"{fault} at {at} of {clean.points}"
        if not ended.clear:
            yield f"{where}: ended with {ended.code}: {ended.err[-600:]}"
        if ended.orphans:
            yield f"{where}: {ended.orphans} processes are left"
        left = shown(case.made())
        known = left in (shown(want), shown(before))
        if fault != "source changes" and ended.code != 0 and not known and case.takes(case.out):
            yield f"{where}: a loader takes what is left"
        if fault == "source changes" and case.reads and ended.code == 0 and left != shown(want):
            yield f"{where}: what was changed meanwhile is published"
        if fault == "source changes" and case.source.is_file():
            case.source.write_bytes(original)
        done = case.argv[0] in ("export", "merge") and case.made() == want
        again = faults.run(case.run, case.out)
        # An export that was whole before it was stopped isn't written over.
        if again.code not in ((0, 2) if done else (0,)) or case.made() != want:
            differ = sorted(set(case.made()) ^ set(want))
            yield f"{where}: the next run ends with {again.code}, other files: {differ[:5]}: {again.err[-600:]}"


def shown(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files that a loader reads: hidden ones aren't."""
    return {name: data for name, data in files.items() if not name.startswith(".")}


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        pytest.param(command, fault, marks=() if (command, fault) in SAMPLE else pytest.mark.slow)
        for command in COMMANDS
        for fault in FAULTS
        if command != "push" or fault not in NOT_OF_PUSH
    ],
)
def test_it_ends_whole_or_goes_on_to_the_same_bytes(
    command: str, fault: str, tmp_path: Path, make_video: Callable[..., Path], request: pytest.FixtureRequest
) -> None:
    few = (command, fault) in SAMPLE and "slow" not in str(request.config.option.markexpr).replace(
        "not slow", ""
    )
    if command == "push":
        case = of_the_hub(tmp_path, tmp_path / "out", request.getfixturevalue("hub"))
    else:
        case = cases(tmp_path, make_video, command)
    points: list[int] = []
    wrong = list(faults_of(case, fault, 3 if few else POINTS, points))
    TABLE[command, fault] = f"{len(points)}" if not wrong else f"{len(wrong)} wrong of {len(points)}"
    assert wrong == [] and points
