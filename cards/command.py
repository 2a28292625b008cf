"""How every surgvqa command behaves: one clear line for a user's mistake, exit 2, no traceback."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any


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


def parse_json(text: str | bytes) -> Any:
    r"""The value of a JSON text that somebody else wrote; whatever is wrong with it is a ``JSONDecodeError``.

    >>> parse_json("[" * 100000)
    Traceback (most recent call last):
    json.decoder.JSONDecodeError: nested too deeply: line 1 column 1 (char 0)
    >>> parse_json('"\\ud800"')
    Traceback (most recent call last):
    json.decoder.JSONDecodeError: half of a character (a lone surrogate): line 1 column 1 (char 0)
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise json.JSONDecodeError("nested too deeply", "", 0) from None
    # Such a string can be neither printed nor written to a table.
    if (b"\\ud" in text.lower()) if isinstance(text, bytes) else ("\\ud" in text.lower()):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise json.JSONDecodeError("half of a character (a lone surrogate)", "", 0) from None
    return value


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
    return guarded(parser.prog, lambda: verbs[args.verb](args))


def guarded(prog: str, action: Callable[[], None]) -> int:
    """Call ``action``; 0, or the exit code of a user's mistake (2) or an interruption (130), said on one line."""
    try:
        action()
    except InputError as error:
        print(f"{prog}: {one_line(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{prog}: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return 0
