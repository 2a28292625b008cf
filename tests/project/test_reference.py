"""The reference pages hold every verb and every option, as the commands read them."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from surgvqa.cards.arguments.reference import reference

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {
    "surgvqa-build": "builders",
    "surgvqa-eval": "eval",
    "surgvqa-train": "train",
    "surgvqa-card": "cards",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_verb_and_option_is_there_once(command: str) -> None:
    verbs = importlib.import_module(f"surgvqa.{COMMANDS[command]}.__main__").verbs()
    text = "".join(reference(command, verbs))
    shared: set[type] = set()
    for verb in verbs:
        assert text.count(f"# {verb.name}\n") == 1, verb.name
        section = text[text.index(f"# {verb.name}\n") :].split("\n## ")[0].split("\n### ")[0]
        for option in verb.more():
            assert f"| `{option.flag}` |" in section, (verb.name, option.flag)
        if verb.fixed_fields and verb.config in shared:
            continue
        shared.add(verb.config)
        where = text if verb.fixed_fields else section
        for option in verb.options:
            name = (
                f"| `{option.usage.metavar or option.name.upper()}` |"
                if option.usage.position
                else f"| `{option.flag}` |"
            )
            assert name in where, (verb.name, option.flag)
            assert option.help and option.help[:20].replace("<", "&lt;").replace("|", "\\|") in where


def test_a_page_has_no_raw_angle_bracket_or_bar_in_a_cell() -> None:
    for command, folder in COMMANDS.items():
        verbs = importlib.import_module(f"surgvqa.{folder}.__main__").verbs()
        for line in "".join(reference(command, verbs)).splitlines():
            if line.startswith("| "):
                outside = "".join(line.split("`")[::2])
                assert outside.replace("\\|", "").count("|") == 5, line
                assert "<" not in outside, line


@pytest.mark.slow
def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    subprocess.run(["make", "build/types"], cwd=ROOT, check=True, capture_output=True)
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        words, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    types = (tmp_path / "types" / "index.html").read_text("utf-8")
    assert "surgvqa.builders.schema.Case" in types and "surgvqa.builders.kinds.view.Draft" in types
    assert "pictures/app.png" in (tmp_path / "index.html").read_text("utf-8")
