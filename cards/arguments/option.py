"""The options of a verb, read from its configuration: a frozen dataclass whose field docstrings are the help.

A field is an option, its type says what is read, its docstring is the help, and its default is written once::

    @dataclass(frozen=True, kw_only=True)
    class Probe:
        "Decode every video of a folder and list what is wrong."

        root: Annotated[Path, Given("ROOT", position=True)]
        "A folder or a video."
        workers: Annotated[int, Given("N")] = 1
        "Processes."
"""

from __future__ import annotations

import ast
import functools
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin


@dataclass(frozen=True, slots=True)
class Usage:
    """The look of an option on the command line, where its type and its name don't say it."""

    metavar: str = ""
    position: bool = False  # an argument without a flag
    flag: str = ""  # where it isn't the field's name
    repeat: bool = False  # of several values: a flag before each, in place of one flag before all
    default_text: str = ""  # the default in words, where the value says nothing by itself
    place: str = ""  # the word that stands for the value where a command is printed for others
    aside: bool = False  # says where and how fast, never what: no part of a printed command


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of a verb."""

    name: str
    kind: type
    help: str
    default: Any = MISSING
    many: bool = False
    choices: tuple[str, ...] = ()
    group: str = ""
    usage: Usage = Usage()

    @property
    def flag(self) -> str:
        """The name on the command line."""
        return self.usage.flag or "--" + self.name.replace("_", "-")

    @property
    def text(self) -> str:
        """The help, with the default behind it."""
        value = "" if self.default in (MISSING, None, (), "", False) else self.default
        if isinstance(value, tuple):
            value = " ".join(map(str, value))
        value = self.usage.default_text or (f"{value:g}" if isinstance(value, float) else str(value))
        return f"{self.help.rstrip('.')}{f' [{value}]' if value else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """A verb of a command: its configuration, and what it does."""

    name: str
    config: type
    run: Callable[[Any], None]
    help: str = ""  # the first line of the configuration's docstring where not given
    fixed_fields: Mapping[str, Any] = field(default_factory=dict)  # fields that the verb decides itself
    more: Callable[[], tuple[Option, ...]] = tuple  # options that go into the field `source_options`

    @property
    def options(self) -> tuple[Option, ...]:
        """All options but those that ``more`` adds."""
        return tuple(one for one in options(self.config) if one.name not in self.fixed_fields)


@functools.cache
def options(config: type) -> tuple[Option, ...]:
    """Return the options of a configuration in the order of its fields; a field that is a mapping is none."""
    hints = typing.get_type_hints(config, include_extras=True)
    texts, groups = read_docstrings(config)
    return tuple(
        option_of(
            one.name,
            hints[one.name],
            texts.get(one.name, ""),
            one.default,
            groups[one.name],
        )
        for one in fields(config)
        if get_origin(hints[one.name]) is not Mapping and one.default_factory is MISSING
    )


def option_of(name: str, hint: Any, text: str, default: Any, group: str = "") -> Option:
    """Make an option from a field's type.

    >>> option_of("snr_db", tuple[float, ...], "Noise.", ()).many, option_of("x", int | None, "", None).kind
    (True, <class 'int'>)
    """
    usage = next((one for one in getattr(hint, "__metadata__", ()) if isinstance(one, Usage)), Usage())
    kind = hint.__origin__ if hasattr(hint, "__metadata__") else hint
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    many = get_origin(kind) is tuple
    kind = get_args(kind)[0] if many else kind
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    if not choices and kind not in (str, int, float, bool, Path):
        raise TypeError(f"{name}: an option can't be {kind}")
    return Option(
        name=name, kind=str if choices else kind, help=text, default=default, many=many, choices=choices, group=group,
        usage=usage,
    )  # fmt: skip


def read_docstrings(config: type) -> tuple[dict[str, str], dict[str, str]]:
    """Read the docstring of every field of a class and its bases, and the heading (``HEADING``) each stands under."""
    texts: dict[str, str] = {}
    groups: dict[str, str] = {}
    for one in reversed(config.__mro__[:-1]):
        for name, text in field_docstrings(one.__module__, one.__name__):
            texts[name] = text
            groups[name] = vars(one).get("HEADING", "")
    return texts, groups


def field_docstrings(module: str, name: str) -> Iterator[tuple[str, str]]:
    """Read the fields of a class with the docstrings below them from the source of its module."""
    body = next(
        node.body for node in syntax(module).body if isinstance(node, ast.ClassDef) and node.name == name
    )
    for index, node in enumerate(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            after = body[index + 1] if index + 1 < len(body) else None
            text = (
                after.value.value
                if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                else ""
            )
            yield node.target.id, " ".join(str(text).split())


@functools.cache
def syntax(module: str) -> ast.Module:
    """Return the syntax tree of an imported module."""
    return ast.parse(Path(str(sys.modules[module].__file__)).read_text("utf-8"))
