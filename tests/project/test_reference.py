"""The reference pages hold every verb and every option, as the commands read them."""

from __future__ import annotations

import importlib

import pytest
from surgvqa.cards.arguments.reference import reference

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
        if verb.fixed and verb.config in shared:
            continue
        shared.add(verb.config)
        where = text if verb.fixed else section
        for option in verb.options:
            name = (
                f"| `{option.given.metavar or option.name.upper()}` |"
                if option.given.position
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
