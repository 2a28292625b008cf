"""Commands and paths of the README and the pages exist: verbs, options, make targets, files they name."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
from hints import FOLDERS, fault_of
from pages import ROOT, blocks

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TARGETS = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def command_faults(text: str) -> list[str]:
    """What the shell blocks of a text ask of our commands that these do not offer."""
    faults = []
    for line in "\n".join(blocks(text)).splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words = words[1:]
        if not words:
            continue
        if words[0] == "make":
            faults += [f"make {word}" for word in words[1:] if "=" not in word and word not in TARGETS]
        elif words[0] in FOLDERS and (fault := fault_of(shlex.join(words))):
            faults.append(fault)
    return faults


def path_faults(text: str, folder: Path = ROOT) -> list[str]:
    """The files and folders of ours that a text names, and its links from ``folder``, that are not there."""
    named = re.findall(r"(?<![\w/.-])(?:cards|builders|eval|train|tests)/[\w./-]*\w", text)
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text)
    gone = {name for name in named if not (ROOT / name).exists()}
    return sorted(gone | {name for name in links if not (folder / name).exists()})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_path_of_a_page_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert command_faults(text) == []
    assert path_faults(text, page.parent) == []


def test_the_readme_is_short() -> None:
    assert README.count("\n") <= 200


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("surgvqa-card publish DIR", "no verb publish"),
        ("surgvqa-card push DIR a/b --secret", "push has no --secret"),
        ("HF_TOKEN=x surgvqa-card push DIR \\\n  a/b --open", "push has no --open"),
        ("make everything", "make everything"),
        ("surgvqa-card push DIR a/b --public  # --not-an-option", None),
        ("make test PYTHON=python3.12", None),
    ],
)
def test_a_wrong_command_is_seen(line: str, fault: str | None) -> None:
    assert command_faults(f"text\n```bash\n{line}\n```\n") == ([fault] if fault else [])


def test_a_wrong_path_is_seen() -> None:
    assert path_faults("see cards/publish/push.py, `cards/gone.py` and [x](tests/none.md)") == [
        "cards/gone.py",
        "tests/none.md",
    ]


def test_the_map_has_a_sentence_for_every_file() -> None:
    """The map of the documentation is written from the docstrings."""
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    assert spec and spec.loader
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    rows = [line for line in hooks.map_lines() if ".py` |" in line]
    assert len(rows) > 150
    assert [line for line in rows if line.rstrip().endswith("|  |")] == []
