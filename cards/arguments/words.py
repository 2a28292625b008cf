"""A configuration written back as the words of a command line."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from surgvqa.cards.arguments.option import Option


def to_argv(verb: str, options: Sequence[Option], config: Any) -> list[str]:
    """Return the shortest words that a verb reads as this configuration: arguments by position first, no defaults."""
    words = [verb]
    for option in options:
        if option.usage.position and (value := value_of(config, option)) is not None:
            words += [positional(str(item)) for item in (value if option.many else [value])]
    for option in options:
        if not option.usage.position:
            words += flag_words(option, value_of(config, option))
    return words


def value_of(config: Any, option: Option) -> Any:
    """Return an option's value: a field, or one of a source's own options."""
    if hasattr(config, option.name):
        return getattr(config, option.name)
    own: Mapping[str, Any] = config.source_options
    return own.get(option.name, option.default)


def positional(text: str) -> str:
    """Write an argument without a flag; a path that begins as an option does is written from its folder."""
    return f"./{text}" if text.startswith("-") else text


def flag_words(option: Option, value: Any) -> Iterator[str]:
    """Write an option with its value; nothing where the value is the default."""
    if value is None or value == option.default:
        return
    if option.kind is bool:
        yield option.flag if value else "--no-" + option.flag.removeprefix("--")
        return
    texts = [
        repr(item) if isinstance(item, float) else str(item) for item in (value if option.many else [value])
    ]
    if option.many and not option.usage.repeat and not any(text.startswith("-") for text in texts):
        yield from (option.flag, *texts)
        return
    for text in texts:
        yield from (f"{option.flag}={text}",) if text.startswith("-") else (option.flag, text)


def command_words(command: str, verb: str, options: Sequence[Option], config: Any) -> list[str]:
    """Return the words that make the same again, for others: with placeholders for places, without what says how fast."""
    printed_options = [
        replace(one, default=None) if one.kind is Path else one for one in options if not one.usage.aside
    ]
    values = {one.name: value_of(config, one) for one in printed_options}
    places = {
        one.name: place(one, values[one.name]) if values[one.name] is not None else None
        for one in printed_options
    }
    return [command, *to_argv(verb, printed_options, Values(places))]


class Values:
    """A configuration of placeholders."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


def place(option: Option, value: Any) -> Any:
    """Return the placeholder of a value that says where something lies; any other value as it is."""
    metavar = option.usage.metavar
    if option.usage.place:
        return option.usage.place
    if option.kind is Path:
        suffix = value.suffix if option.usage.position and re.fullmatch(r"\.\w{1,8}", value.suffix) else ""
        return (option.name.upper() if metavar in ("", "DIR", "PATH") else metavar) + suffix
    if option.kind is str and not option.many:
        if "FILE" in metavar and (os.sep in value or Path(value).suffix):
            return "FILE"
        if os.sep in value and "\n" not in value and len(value) < 4096 and Path(value).exists():
            return option.name.upper()
    return value


def shell(words: Sequence[str]) -> str:
    r"""Words as one line that a shell reads as these words, whatever is in them; it has no two blanks in a row.

    >>> shell(["a b", "c", "x\ny"])
    "'a b' c $'x\\ny'"
    """
    plain = (word.isprintable() and "  " not in word for word in words)
    return " ".join(
        shlex.quote(word) if fine else ansi(word) for word, fine in zip(words, plain, strict=True)
    )


def next_line(*words: str | Path) -> str:
    """Return the line that ends a verb's output: the command that comes after it, ready to be pasted.

    >>> next_line("surgvqa-card", "dataset", Path("my data"))
    "next: surgvqa-card dataset 'my data'"
    """
    return f"next: {shell([str(word) for word in words])}"


def ansi(word: str) -> str:
    """Quote a word with control characters as bash, zsh and ksh read them."""
    text = word.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")
    return "$'" + re.sub(r"[^ -~]| (?= )", _hex_escape, text) + "'"


def _hex_escape(match: re.Match[str]) -> str:
    """Write a character by its number, where it can't be seen."""
    number = ord(match[0])
    if match[0] != " " and match[0].isprintable():
        return match[0]
    return f"\\x{number:02x}" if number < 0x80 else f"\\U{number:08x}"
