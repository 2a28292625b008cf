"""Change the code in small ways, one at a time, and count the changes that no test notices.

    python tests/support/mutants.py                       # all modules below
    python tests/support/mutants.py transitions splits    # these

Cosmic-ray changes a copy of the code in build/mutants, never the working tree. What survives is printed with its
difference.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / "build" / "mutants"
LEAST = 0.9  # of the changes must be noticed
TIMEOUT_S = 300.0  # of the tests of one change; an endless loop is noticed, too
# Module and the tests that hold it.
MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "splits": ("builders/cases/splits.py", ("tests/builders/test_splits.py",)),
    "transitions": (
        "builders/cases/transitions.py",
        ("builders/cases/transitions.py", "tests/builders/test_transitions.py"),
    ),
    "coordinates": (
        "builders/geometry/coordinates.py",
        ("builders/geometry/coordinates.py", "tests/builders/test_coordinates.py"),
    ),
    "leakage": ("builders/cases/leakage.py", ("builders/cases/leakage.py", "tests/eval/test_report.py")),
    "verify": ("builders/pipeline/verify.py", ("tests/builders/test_repair.py",)),
    "labels": ("train/steps/labels.py", ("tests/train/test_labels.py",)),
    "statistics": (
        "eval/scoring/statistics.py",
        ("eval/scoring/statistics.py", "tests/eval/test_intervals.py"),
    ),
    "matching": ("eval/scoring/match.py", ("eval/scoring/match.py", "tests/eval/test_match.py")),
}


def copied() -> None:
    """Copy code and tests so that the copy is what is imported: a folder named surgvqa comes first on the path."""
    shutil.rmtree(COPY, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("cards", "builders", "eval", "train"):
        shutil.copytree(ROOT / name, COPY / "surgvqa" / name, ignore=ignore)
        (COPY / name).symlink_to(Path("surgvqa") / name)
    shutil.copytree(ROOT / "tests", COPY / "tests", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", COPY)


def annotations(source: str) -> list[ast.expr]:
    """Return the annotations of a module: never evaluated, so a change of one changes nothing that runs."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node.returns)
        elif isinstance(node, ast.arg | ast.AnnAssign):
            found.append(node.annotation)
    return [one for one in found if one is not None]


def inside(place: tuple[int, int], one: ast.expr) -> bool:
    """Whether a line and column lie in an expression."""
    return (one.lineno, one.col_offset) <= place < (one.end_lineno or 0, one.end_col_offset or 0)


def survivors(module: str, tests: tuple[str, ...]) -> tuple[int, list[str]]:
    """Run the tests on every change of a module; returns the number of changes, and those that nothing notices."""
    from cosmic_ray.work_db import WorkDB, use_db
    from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

    words = f"{sys.executable} -m pytest -q -x -p no:cacheprovider {' '.join(tests)}"
    config, session = COPY / "mutants.toml", COPY / "mutants.sqlite"
    session.unlink(missing_ok=True)
    config.write_text(
        f'[cosmic-ray]\nmodule-path = "surgvqa/{module}"\ntimeout = {TIMEOUT_S}\nexcluded-modules = []\n'
        f'test-command = "{words}"\n\n[cosmic-ray.distributor]\nname = "local"\n',
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": str(COPY), "PYTHONDONTWRITEBYTECODE": "1"}
    ray = Path(sys.executable).with_name("cosmic-ray")

    def run(*step: str) -> None:
        subprocess.run([ray, *step], cwd=COPY, env=environment, check=True)

    run("baseline", config.name)
    run("init", config.name, session.name)
    hints = annotations((COPY / "surgvqa" / module).read_text("utf-8"))
    with use_db(str(session), WorkDB.Mode.open) as database:
        for item in list(database.work_items):
            if any(inside(item.mutations[0].start_pos, hint) for hint in hints):
                database.set_result(item.job_id, WorkResult(WorkerOutcome.SKIPPED))
    run("exec", config.name, session.name)
    with use_db(str(session), WorkDB.Mode.open) as database:
        results = [result for _, result in database.results if result.worker_outcome != WorkerOutcome.SKIPPED]
    return len(results), [one.diff or "" for one in results if one.test_outcome == TestOutcome.SURVIVED]


def main() -> int:
    """Print the share noticed of each module, and the survivors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(MODULES))
    names = parser.parse_args().modules or list(MODULES)
    if unknown := sorted(set(names) - set(MODULES)):
        parser.error(f"{unknown[0]}: known are {', '.join(MODULES)}")
    copied()
    few = []
    for name in names:
        total, left = survivors(*MODULES[name])
        share = 1 - len(left) / total if total else 1.0
        print(f"{name}: {total} changes, {total - len(left)} noticed ({share:.1%})", flush=True)
        for one in left:
            print(one.strip(), flush=True)
        if share < LEAST:
            few.append(name)
    if few:
        print(f"under {LEAST:.0%}: {', '.join(few)}")
    return bool(few)


if __name__ == "__main__":
    sys.exit(main())
