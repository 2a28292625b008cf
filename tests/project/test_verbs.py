"""Every verb: a configuration written as words is read back as the same configuration; its help says all."""

from __future__ import annotations

import functools
import importlib
import shlex
import string
import subprocess
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surgvqa.cards.arguments import parser as parsers
from surgvqa.cards.arguments.option import Option, Verb
from surgvqa.cards.arguments.parser import Parser, parse
from surgvqa.cards.arguments.words import shell, to_argv

COMMANDS = {
    name: importlib.import_module(f"surgvqa.{name}.__main__")
    for name in ("builders", "eval", "cards", "train")
}
VERBS = [(name, verb) for name, module in COMMANDS.items() for verb in module.verbs()]
each_verb = pytest.mark.parametrize(("command", "verb"), VERBS, ids=lambda one: getattr(one, "name", one))

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
WORDS = TEXT.filter(lambda text: text != "--")  # argparse before Python 3.13 drops it, even from --flag=--
NAMES = st.text(string.ascii_letters + "_é 3./,:=-", min_size=1, max_size=8)
KINDS: dict[type, st.SearchStrategy[Any]] = {
    str: WORDS,
    int: st.integers(-(10**12), 10**12),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    Path: NAMES.map(Path).filter(lambda path: str(path) != "--"),  # "./--" is that path, too
}


def value_of(option: Option) -> st.SearchStrategy[Any]:
    """Any value of an option that a command line can say."""
    one = st.sampled_from(option.choices) if option.choices else KINDS[option.kind]
    if option.usage.position and option.kind is str:
        one = NAMES.filter(lambda text: not text.startswith("-"))
    if option.many:
        least = 1 if option.default in (MISSING, None) or option.default else 0
        return st.lists(one, min_size=least, max_size=3).map(tuple)
    return st.one_of(st.none(), one) if option.default is None else one


def configs(verb: Verb) -> st.SearchStrategy[Any]:
    fields: dict[str, st.SearchStrategy[Any]] = {one.name: value_of(one) for one in verb.options}
    if more := verb.more():
        fields["source_options"] = st.fixed_dictionaries({one.name: value_of(one) for one in more})
    return st.builds(
        verb.config, **fields, **{name: st.just(value) for name, value in verb.fixed_fields.items()}
    )


def read(command: str, words: list[str]) -> Any:
    return parse(parser_of(command, words[0]), COMMANDS[command].verbs(), words)


@functools.cache
def parser_of(command: str, verb: str) -> Parser:
    """A parser of this verb alone: the others cost time and say nothing."""
    module = COMMANDS[command]
    return parsers.parser_of(module.PROG, "", [one for one in module.verbs() if one.name == verb], verb)


@each_verb
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_words_of_a_configuration_are_read_as_that_configuration(
    command: str, verb: Verb, data: st.DataObject
) -> None:
    config = data.draw(configs(verb))
    words = to_argv(verb.name, (*verb.options, *verb.more()), config)
    verb_read, again = read(command, words)
    assert (verb_read.name, again) == (verb.name, config)


@given(st.lists(TEXT, max_size=4))
@settings(max_examples=30, deadline=None)
def test_a_shell_reads_printed_words_as_they_are(words: list[str]) -> None:
    line = shell(words)
    assert line.isprintable() and "  " not in line
    script = f"for word in {line}; do printf '%s\\0' \"$word\"; done"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    assert done.stdout.decode().split("\0")[:-1] == words


@each_verb
def test_every_option_has_its_help_and_names_have_dashes(command: str, verb: Verb) -> None:
    for option in (*verb.options, *verb.more()):
        assert option.help, f"{verb.name} {option.flag}: a docstring is due below the field"
        assert "_" not in option.flag or option.usage.position
    assert verb.help or str(verb.config.__doc__).splitlines()[0].endswith(".")


@pytest.mark.parametrize(
    ("command", "line", "said"),
    [
        ("builders", "synthetik --root a --out b", "no verb 'synthetik'; did you mean synthetic?"),
        ("builders", "synthetic --root a --out b --clip-second5 3", "did you mean --clip-seconds?"),
        ("builders", "synthetic --root a --out b --frames x", "argument --frames: 'x' is no whole number"),
        ("builders", "synthetic --root a --out b --validation nan", "'nan' is no number"),
        ("builders", "synthetic --root a --out b --render-cases x", "'x' is no whole number"),
        ("builders", "synthetic --out b", "required: --root"),
        ("builders", "endovis --root a --out b --render-cases 3", "endovis has no --render-cases 3"),
        ("eval", "score", "required: FILE"),
        ("eval", "predict --data x", "predict takes DATA without --data"),
        ("builders", "verify --dir=x", "verify takes DIR without --dir"),
        ("cards", "push a b --type video", "invalid choice: 'video'"),
        ("cards", "", "required: VERB"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(command: str, line: str, said: str, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        COMMANDS[command].main(shlex.split(line))
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.count("\n") == 1 and said in error, error


def test_sources_are_described_by_their_own_words() -> None:
    from surgvqa.builders import sources

    text = " ".join(COMMANDS["builders"].parser().format_help().split())
    for name in sources.names():
        module = sources.load(name)
        assert module.FACTS.name.split("(")[0].strip() in text
        assert " ".join(str(module.__doc__).split("\n\n")[0].split()).rstrip(".") in text
