"""How every surgvqa command behaves: one clear line for a user's mistake, exit 2, no traceback."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence


class InputError(Exception):
    """A mistake in what the user gave; the message says what was asked, what was found, what to do."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt name: the nearest known one, or all of them.

    >>> nearest("cataract1", ["cataract1k", "pitvqa"])
    'did you mean cataract1k?'
    >>> nearest("xyz", ["cataract1k", "pitvqa"])
    'known: cataract1k, pitvqa'
    """
    known = sorted(known)
    close = difflib.get_close_matches(word.lower(), [name.lower() for name in known], n=1, cutoff=0.6)
    for name in known:
        if close and name.lower() == close[0]:
            return f"did you mean {name}?"
    return f"known: {', '.join(known)}"


def one_line(text: str) -> str:
    r"""A message without control characters, so that nothing in a file can steer the terminal.

    >>> one_line("case\x1b[31m 7\nrow 2")
    'case?[31m 7 row 2'
    """
    flat = " ".join(text.split())
    return "".join(char if char.isprintable() else "?" for char in flat)


def run(
    parser: argparse.ArgumentParser,
    verbs: Mapping[str, Callable[[argparse.Namespace], None]],
    argv: Sequence[str] | None = None,
) -> int:
    """Parse ``argv``, call the verb's function with the parsed arguments, return the exit code.

    0 on success; 2 with one line on standard error for an ``InputError``; 130 when interrupted.
    Anything else is a bug of ours and keeps its traceback.
    """
    args = parser.parse_args(argv)
    try:
        verbs[args.verb](args)
    except InputError as error:
        print(f"{parser.prog}: {one_line(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return 0
