"""Every command that a text of ours names can be pasted: its verb, its options and its places are right."""

from __future__ import annotations

import pytest
from hints import commands_in, fault_of, python_files, texts
from pages import ROOT


def test_every_command_in_a_text_of_the_code_is_read_by_its_own_parser() -> None:
    faults = [
        f"{file.relative_to(ROOT)}:{line}: {command}: {fault}"
        for file in python_files()
        for line, text in texts(file)
        for command in commands_in(text)
        if (fault := fault_of(command))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("top", ["cards", "eval", "builders", "train"])
def test_every_command_of_a_template_and_a_page_is_read_by_its_own_parser(top: str) -> None:
    files = [*(ROOT / top).rglob("*.md"), *(ROOT / top).rglob("*.yaml")]
    files += (
        [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "SECURITY.md"] if top == "cards" else []
    )
    faults = [
        f"{file.name}: {command}: {fault}"
        for file in files
        for command in commands_in(file.read_text("utf-8"))
        if (fault := fault_of(command))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("surgvqa-build verifi DIR", "no verb verifi"),
        ("surgvqa-build verify DIR --mend X", "verify has no --mend"),
        ("surgvqa-build verify DIR OTHER", "its parser refuses it"),
        ("surgvqa-eval score --data D", "its parser refuses it"),
        ("surgvqa-train sft --frame 3", "sft has no --frame"),
        ("surgvqa-build SOURCE --root ROOT --out DIR", None),
        ("surgvqa-build verify", None),
    ],
)
def test_a_wrong_command_is_noticed(command: str, fault: str | None) -> None:
    assert fault_of(command) == fault
