"""A command's parser from the configurations of its verbs, and the run of a verb.

A thin layer over argparse, after a trial of two libraries on a verb of five options. tyro 1.0.17: 0.20 s of CPU for
the help, and an error is a box of five to nine lines, where ours is one line. jsonargparse 4.53: 0.15 s, refuses
``--cover A B`` (it wants ``--cover '[A, B]'``), and needs a further package to read the docstrings of fields.
"""

from __future__ import annotations

import argparse
import difflib
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, NoReturn

from surgvqa.cards.arguments.option import Option, Verb
from surgvqa.cards.command import nearest, one_line, run_guarded


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong on one line."""

    def error(self, message: str) -> NoReturn:
        """End with one line and exit code 2."""
        self.exit(2, f"{self.prog}: {one_line(message)}; `{self.prog} --help` lists what there is\n")


class Version(argparse.Action):
    """``--version``; the metadata is read when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Print the version and end."""
        from importlib.metadata import version

        print(f"{parser.prog} {version('surgvqa')}")
        parser.exit()


def parser_of(
    prog: str, description: str | None, verbs: Sequence[Verb], verb_name: str | None = None
) -> Parser:
    """Return the parser of a command. Of verbs with options of a source only ``verb_name`` gets them."""
    root = Parser(prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    root.add_argument("--version", action=Version, nargs=0, help="print the version and exit")
    subs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb in verbs:
        about = verb.help or str(verb.config.__doc__).splitlines()[0].rstrip(".")
        sub = subs.add_parser(verb.name, help=escape_percent(about), description=escape_percent(about))
        groups: dict[str, Any] = {"": sub}
        for option in (*verb.options, *(verb.more() if verb.name == verb_name else ())):
            if option.group not in groups:
                groups[option.group] = sub.add_argument_group(option.group)
            add(groups[option.group], option)
    return root


def escape_percent(text: str) -> str:
    """Text as argparse wants it."""
    return text.replace("%", "%%")


def add(group: Any, option: Option) -> None:
    """Add an option to a parser. Its default stays out: what isn't given is left to the configuration."""
    how: dict[str, Any] = {"help": escape_percent(option.text), "default": argparse.SUPPRESS}
    if option.kind is bool:
        action = argparse.BooleanOptionalAction if option.default is True else "store_true"
        group.add_argument(option.flag, dest=option.name, action=action, **how)
        return
    how |= {"type": READERS[option.kind], "metavar": option.usage.metavar or metavar(option)}
    if option.choices:
        how["choices"] = option.choices
    if option.usage.position:
        if option.many:
            how["nargs"] = "+"
        elif option.default is not MISSING:
            how |= {
                "nargs": "?",
                "default": option.default,
            }  # argparse would give its own SUPPRESS as the value
        group.add_argument(option.name, **how)
        return
    if option.many:
        how |= {"action": "append"} if option.usage.repeat else {"action": "extend", "nargs": "+"}
    group.add_argument(option.flag, dest=option.name, required=option.default is MISSING, **how)


def metavar(option: Option) -> str:
    """Return the word that stands for a value."""
    if option.choices:
        return "|".join(option.choices)
    return {str: "TEXT", int: "N", float: "X", Path: "PATH"}[option.kind]


def whole(text: str) -> int:
    """Read a whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None


def number(text: str) -> float:
    """Read a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return value


READERS: dict[type, Callable[[str], Any]] = {str: str, int: whole, float: number, Path: Path}


def parse(parser: Parser, verbs: Sequence[Verb], argv: Sequence[str]) -> tuple[Verb, Any]:
    """Return the verb and its configuration that the words of a command line say."""
    verbs_by_name = {verb.name: verb for verb in verbs}
    if argv and not argv[0].startswith("-") and argv[0] not in verbs_by_name:
        parser.error(f"no verb {argv[0]!r}; {nearest(argv[0], verbs_by_name)}")
    if argv and argv[0] in verbs_by_name:
        refuse_named_positions(parser, verbs_by_name[argv[0]], argv[1:])
    args, rest = parser.parse_known_args(argv)
    verb = verbs_by_name[args.verb]
    more = verb.more()
    if rest:
        flags = [option.flag for option in (*verb.options, *more)]
        close = difflib.get_close_matches(rest[0].split("=")[0], flags, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        parser.error(f"{verb.name} has no {' '.join(rest)}{hint}")
    values = dict(verb.fixed_fields)
    for option in verb.options:
        if hasattr(args, option.name):
            value = getattr(args, option.name)
            values[option.name] = tuple(value) if option.many else value
    if any(one.name == "source_options" for one in fields(verb.config)):
        values["source_options"] = {one.name: getattr(args, one.name, one.default) for one in more}
    return verb, verb.config(**values)


def refuse_named_positions(parser: Parser, verb: Verb, words: Sequence[str]) -> None:
    """End where a word that is given by its place comes as an option: ``score --file x`` for ``score x``."""
    options = (*verb.options, *verb.more())
    flags = {option.flag for option in options if not option.usage.position}
    places = {
        name: option.usage.metavar or metavar(option)
        for option in options
        if option.usage.position
        for name in (f"--{option.name}".replace("_", "-"), f"--{option.usage.metavar}".lower())
    }
    for word in words:
        flag = word.split("=")[0]
        if flag in places and flag not in flags:
            usage = f"{parser.prog} {verb.name} {places[flag]}"
            parser.error(f"{verb.name} takes {places[flag]} without {flag}: {usage} …")


def run(prog: str, description: str | None, verbs: Sequence[Verb], argv: Sequence[str] | None = None) -> int:
    """Run a command: parse its words, call the verb, return the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = parser_of(prog, description, verbs, argv[0] if argv else None)
    verb, config = parse(parser, verbs, argv)
    return run_guarded(prog, lambda: verb.run(config))
