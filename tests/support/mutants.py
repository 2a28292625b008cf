"""Change the code in small ways, one at a time, and count the changes that no test notices.

    python tests/support/mutants.py                       # all modules below
    python tests/support/mutants.py transitions splits    # these

Cosmic-ray's operators change a copy of the code in build/, never the working tree. Tests run in forks of a process
that has imported the libraries already: a second a change in place of five. What survives is printed with its
difference, and must stand in tests/support/survivors.yaml with the reason why it is harmless.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import importlib
import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / "build" / f"mutants-{os.getpid()}"  # so that several may run at once
SURVIVORS = Path(__file__).with_name("survivors.yaml")
LEAST = 0.9  # of the changes must be noticed
# Equal short strings and small numbers are one object in CPython: `is` in place of `==` changes nothing there.
SAME = re.compile(r"ReplaceComparisonOperator_(Eq_Is|NotEq_IsNot|Is_Eq|IsNot_NotEq)$")
OWN = ("surgvqa", "cards", "builders", "eval", "train", "tests", "conftest")
# Module and the tests that hold it.
MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "splits": ("builders/cases/splits.py", ("tests/builders/cases/test_splits.py",)),
    "transitions": (
        "builders/cases/transitions.py",
        ("builders/cases/transitions.py", "tests/builders/cases/test_transitions.py"),
    ),
    "coordinates": (
        "builders/geometry/coordinates.py",
        (
            "builders/geometry/coordinates.py",
            "tests/builders/geometry/test_coordinates_exact.py",
            "tests/builders/geometry/test_coordinates.py",
        ),
    ),
    "leakage": (
        "builders/cases/leakage.py",
        ("builders/cases/leakage.py", "tests/builders/cases/test_leakage.py"),
    ),
    "verify": ("builders/pipeline/verify.py", ("tests/builders/pipeline/test_verify.py",)),
    "labels": ("train/steps/labels.py", ("tests/train/steps/test_assistant_labels.py",)),
    "statistics": (
        "eval/scoring/statistics.py",
        ("eval/scoring/statistics.py", "tests/eval/scoring/test_statistics.py"),
    ),
    "matching": (
        "eval/scoring/match.py",
        (
            "eval/scoring/match.py",
            "tests/eval/scoring/test_match_branches.py",
            "tests/eval/scoring/test_match.py",
            "tests/eval/scoring/test_answer_verdicts.py",
            "tests/eval/scoring/test_reading.py",
        ),
    ),
}


class Change(NamedTuple):
    """One changed version of a module."""

    source: str
    lines: tuple[str, str]  # as they were, as they are, without indentation

    def __str__(self) -> str:
        """Show the changed lines."""
        return f"- {self.lines[0]}\n+ {self.lines[1]}"


def copy_code() -> None:
    """Copy code and tests so that the copy is what is imported: a folder named surgvqa comes first on the path."""
    shutil.rmtree(COPY, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "surgvqa", COPY / "surgvqa", ignore=ignore)
    for name in ("cards", "builders", "eval", "train"):
        shutil.copytree(ROOT / name, COPY / "surgvqa" / name, ignore=ignore)
        (COPY / name).symlink_to(Path("surgvqa") / name)
    shutil.copytree(ROOT / "tests", COPY / "tests", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", COPY)


def annotations(source: str) -> list[ast.expr]:
    """Return the annotations of a module: never evaluated, so a change of one changes nothing that runs."""
    nodes: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes.append(node.returns)
        elif isinstance(node, ast.arg | ast.AnnAssign):
            nodes.append(node.annotation)
    return [node for node in nodes if node is not None]


def inside(place: tuple[int, int], one: ast.expr) -> bool:
    """Whether a line and column lie in an expression."""
    return (one.lineno, one.col_offset) <= place < (one.end_lineno or 0, one.end_col_offset or 0)


def changes(source: str) -> Iterator[Change]:
    """Yield every version of a module that cosmic-ray's operators make, but for annotations, options of dataclasses and sizes of caches."""
    from cosmic_ray import plugins
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code

    hints = annotations(source)
    before = source.split("\n")
    for name in sorted(plugins.operator_names()):
        if SAME.search(name) or plugins.get_operator(name).arguments():
            continue  # those with arguments change what a configuration names
        operator = plugins.get_operator(name)()
        places = [place for node in ast_nodes(get_ast(source)) for place in operator.mutation_positions(node)]
        for number, (start, _) in enumerate(places):
            if any(inside(start, hint) for hint in hints) or before[start[0] - 1].startswith(
                ("@dataclass", "@lru_cache")
            ):
                continue
            changed = mutate_code(source, operator, number)
            assert changed is not None, f"{name} makes no change number {number}"
            lines = list(difflib.ndiff(before, changed.split("\n")))
            was, now = (" / ".join(one[2:].strip() for one in lines if one.startswith(mark)) for mark in "-+")
            yield Change(changed, (was, now))


def fork_tests(tests: tuple[str, ...], limit_s: float, loaded: Path | None = None) -> int | None:
    """Run tests in a fork of this process; returns pytest's exit code, None after ``limit_s`` seconds.

    The fork writes the names of the modules that it imported into ``loaded``.
    """
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        import pytest

        code = int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *tests]))
        if loaded:
            loaded.write_text("\n".join(sorted(sys.modules)), encoding="utf-8")
        os._exit(code)
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def import_libraries(tests: tuple[str, ...]) -> float:
    """Import what the tests import, but for our own code; returns how many seconds the tests take then."""
    listed = COPY / "modules.txt"
    if (code := fork_tests(tests, 900, listed)) != 0:
        raise SystemExit(
            f"the tests of the code as it is fail (pytest's exit code {code}): {' '.join(tests)}"
        )
    own = {Path(one).stem for one in (COPY / "tests").rglob("*.py")} | set(OWN)
    for name in listed.read_text("utf-8").splitlines():
        if name.partition(".")[0] not in own:
            with contextlib.suppress(Exception):  # it saves time only: a fork imports what is missing here
                importlib.import_module(name)
    start = time.monotonic()
    assert fork_tests(tests, 900) == 0
    return time.monotonic() - start


def survivors(module: str, tests: tuple[str, ...], most: int) -> tuple[int, int, list[Change]]:
    """Run the tests on changes of a module; returns how many there are, how many were made, and the unnoticed ones."""
    path = COPY / "surgvqa" / module
    source = path.read_text("utf-8")
    limit = max(30.0, 10 * import_libraries(tests))
    every = list(changes(source))
    drawn = random.Random(0).sample(every, min(most, len(every)))
    left = []
    try:
        for change in drawn:
            path.write_text(change.source, encoding="utf-8")
            if fork_tests(tests, limit) == 0:
                left.append(change)
                print(f"{module}: nothing notices\n{change}", flush=True)
    finally:
        path.write_text(source, encoding="utf-8")
    return len(every), len(drawn), left


def main() -> int:
    """Print the share noticed of each module, and the survivors that nobody has explained."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(MODULES))
    parser.add_argument(
        "--most", type=int, default=10**6, metavar="N", help="draw so many of a module's changes"
    )
    asked = parser.parse_args()
    names = asked.modules or list(MODULES)
    if unknown := sorted(set(names) - set(MODULES)):
        parser.error(f"{unknown[0]}: known are {', '.join(MODULES)}")
    explained = yaml.safe_load(SURVIVORS.read_text("utf-8"))
    copy_code()
    os.chdir(COPY)
    sys.path.insert(0, str(COPY))
    sys.dont_write_bytecode = True
    os.environ |= {"PYTHONPATH": str(COPY), "PYTHONDONTWRITEBYTECODE": "1"}
    faults = []
    for name in names:
        every, count, left = survivors(*MODULES[name], asked.most)
        known = {(one["was"], one["now"]) for one in explained.get(name) or ()}
        unknown = [one for one in left if one.lines not in known]
        share = 1 - len(left) / count
        print(
            f"{name}: {count} of {every} changes, {count - len(left)} noticed ({share:.1%}), {len(unknown)} unexplained",
            flush=True,
        )
        faults += [f"{name}: under {LEAST:.0%}"] * (share < LEAST)
        faults += [f"{name}: nothing notices, and nobody explains\n{one}" for one in unknown]
    shutil.rmtree(COPY)
    print("\n".join(faults))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
