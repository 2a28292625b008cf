"""Write the reference of a command as Markdown, from the same configurations that its parser reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING

from surgvqa.cards.arguments.option import Option, Verb
from surgvqa.cards.arguments.parser import metavar


def reference(command: str, verbs: Sequence[Verb]) -> Iterator[str]:
    """Yield a section for every verb: what it does, how it is called, and a table of its options.

    Verbs that are one thing done to many, as the sources of ``surgvqa-build`` are, have one section with the options of
    all, and below it one of their own each.
    """
    together = [verb for verb in verbs if verb.fixed_fields]
    if together:
        yield f"\n## {''.join(together[0].fixed_fields).upper()}\n\n{escape_cell(str(together[0].config.__doc__).splitlines()[0])}\n"
        yield from tables(together[0].options)
    for verb in verbs:
        own = [*([] if verb.fixed_fields else verb.options), *verb.more()]
        yield f"\n{'###' if verb.fixed_fields else '##'} {verb.name}\n\n{summary(verb)}\n"
        if not verb.fixed_fields:
            yield f"\n```text\n{usage(command, verb)}\n```\n"
        yield from tables(own)


def summary(verb: Verb) -> str:
    """Return what a verb says of itself, as one paragraph."""
    text = verb.help or str(verb.config.__doc__)
    return escape_cell(" ".join(text.split("\n\n")[0].split()))


def usage(command: str, verb: Verb) -> str:
    """Return the shortest command line: positions and what must be given."""
    words = [command, verb.name]
    for option in (*verb.options, *verb.more()):
        is_required = option.default is MISSING
        if option.usage.position:
            word = value(option) + (" …" if option.many else "")
            words.append(word if is_required else f"[{word}]")
        elif is_required:
            words.append(f"{option.flag} {value(option)}")
    return " ".join([*words, "[options]"])


def tables(options: Sequence[Option]) -> Iterator[str]:
    """Yield a table for every heading that options stand under."""
    for group in sorted(
        dict.fromkeys(option.group for option in options), key=bool
    ):  # those without one first
        if group:
            yield f"\n**{group[:1].upper()}{group[1:]}**\n"
        yield "\n| option | value | default | what it says |\n|---|---|---|---|\n"
        for option in options:
            if option.group == group:
                yield row(option)


def row(option: Option) -> str:
    """Return an option as a row of a table."""
    name = value(option) if option.usage.position else option.flag
    kind = "" if option.kind is bool else " or ".join(f"`{one}`" for one in value(option).split("|"))
    kind += " …" if option.many else ""
    cells = (f"`{name}`", kind, escape_cell(default(option)), escape_cell(option.help))
    return f"| {' | '.join(cells)} |\n"


def value(option: Option) -> str:
    """Return the word that stands for a value."""
    return option.usage.metavar or metavar(option)


def default(option: Option) -> str:
    """Return an option's default in words; nothing where it must be given or there is none."""
    if option.default is MISSING:
        return "must be given"
    if option.usage.default_text:
        return option.usage.default_text
    if option.default is None or option.default is False or option.default in ((), ""):
        return ""
    if isinstance(option.default, tuple):
        return " ".join(map(str, option.default))
    return f"{option.default:g}" if isinstance(option.default, float) else str(option.default)


def escape_cell(text: str) -> str:
    r"""Return text that a table cell takes: bars and angle brackets outside of code are escaped.

    >>> escape_cell("a|b <c> `d|e`")
    'a\\|b &lt;c> `d\\|e`'
    """
    parts = re.split(r"(`[^`]*`)", text)
    pieces = [part if part.startswith("`") else part.replace("<", "&lt;") for part in parts]
    return "".join(pieces).replace("|", "\\|").replace("\n", " ")
