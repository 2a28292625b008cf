"""The behaviour of every surgvqa command: one clear line for a user's mistake, exit 2, no traceback."""

from __future__ import annotations

import difflib
import errno
import json
import logging
import os
import re
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import Any


class InputError(Exception):
    """A mistake in what the user gave; the message says what was asked, what was found, what to do."""


class MachineError(Exception):
    """A fault of this machine, not of what the user gave: a codec, a library or room on the disk is missing.

    It stops the whole command, once; no case is left out for it.
    """


FULL_OR_LOCKED = (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
)  # fmt: skip
# How libraries in C++ and the loader of libraries say that there is no memory; each with another exception.
_NO_MEMORY = re.compile(
    r"can't allocate memory|cannot allocate memory|failed to map segment|bad_?alloc|can't start new thread|malloc of size"
    r"|failed to launch worker thread",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\[errno (\d+)\]", re.IGNORECASE)


def machine_fault(error: BaseException) -> str | None:
    """Return what an error says of this machine, such as a full disk; None where it is of something else.

    >>> machine_fault(OSError(28, "No space left on device")), machine_fault(OSError(2, "No such file"))
    ('No space left on device; free some, then run the same command again', None)
    """
    if isinstance(error, MachineError):
        return str(error)
    if isinstance(error, InputError):
        return None
    if isinstance(error, ModuleNotFoundError):
        return missing_extra(error.name or "")
    if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
        return "this process may take no more memory; give it more, or it less to do, then run the same command again"
    match = _NUMBER.search(str(error))
    number = getattr(error, "errno", None) or (int(match[1]) if match else None)
    if number not in FULL_OR_LOCKED:
        return None
    name = getattr(error, "filename", None)
    where = f"{name}: " if isinstance(name, str) else ""
    return f"{where}{os.strerror(number)}; free some, then run the same command again"


# Modules whose distribution has another name.
DISTRIBUTIONS = {"cv2": "opencv-python-headless", "sklearn": "scikit-learn", "edge_tts": "edge-tts"}


def missing_extra(module: str) -> str | None:
    """Name the extra that brings a missing module; None where it is none of our extras.

    >>> missing_extra("torch.nn")
    "this needs torch, which isn't installed: pip install 'surgvqa[train]'"
    >>> missing_extra("no_such_module") is None
    True
    """
    name = DISTRIBUTIONS.get(module.split(".")[0], module.split(".")[0])
    for line in metadata.requires("surgvqa") or ():
        extra = re.search(r"""extra == ["']([\w-]+)["']""", line)
        if extra and re.match(rf"{re.escape(name)}(?![\w-])", line, re.IGNORECASE):
            return f"this needs {name}, which isn't installed: pip install 'surgvqa[{extra[1]}]'"
    return None


def refuse_nowhere(name: str, what: str) -> None:
    """Raise where a name can be neither a folder here nor a repository of the Hub: before anything heavy is imported.

    >>> refuse_nowhere("Qwen/Qwen2.5-VL-3B-Instruct", "model")
    >>> refuse_nowhere("nowhere", "model")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    surgvqa.cards.command.InputError: no model nowhere: there is no such folder, and a name on the Hub is ORG/NAME
    """
    parts = name.split("/")
    if not Path(name).exists() and (len(parts) != 2 or not all(parts) or name.startswith((".", "~"))):
        raise InputError(f"no {what} {name}: there is no such folder, and a name on the Hub is ORG/NAME")


MOST_NAMES, NAMES_SHOWN = 80, 9  # names of which all are told; of more, the first


def nearest(word: str, names: Iterable[str]) -> str:
    """Return a hint for a misspelt name: the nearest known one, or all of them.

    >>> nearest("cataract1", ["cataract1k", "pitvqa"])
    'did you mean cataract1k?'
    >>> nearest("xyz", ["cataract1k", "pitvqa"])
    'known: cataract1k, pitvqa'
    >>> nearest("xyz", map(str, range(100, 200)))[-19:]
    '108, … (100 in all)'
    """
    names = sorted(names)
    close = difflib.get_close_matches(word.lower(), [name.lower() for name in names], n=1, cutoff=0.6)
    for name in names:
        if close and name.lower() == close[0]:
            return f"did you mean {name}?"
    if len(names) > MOST_NAMES:
        return f"known: {', '.join(names[:NAMES_SHOWN])}, … ({len(names)} in all)"
    return f"known: {', '.join(names)}"


def one_line(text: str) -> str:
    r"""Return a message without control characters, so that nothing in a file can steer the terminal.

    >>> one_line("case\x1b[31m 7\nrow 2")
    'case?[31m 7 row 2'
    """
    flat = " ".join(text.split())
    return "".join(char if char.isprintable() else "?" for char in flat)


def parse_json(text: str | bytes) -> Any:
    r"""Return the value of a JSON text that somebody else wrote; whatever is wrong with it is a ``JSONDecodeError``.

    >>> parse_json("[" * 100000)
    Traceback (most recent call last):
    json.decoder.JSONDecodeError: nested too deeply: line 1 column 1 (char 0)
    >>> parse_json('"\\ud800"')
    Traceback (most recent call last):
    json.decoder.JSONDecodeError: half of a character (a lone surrogate): line 1 column 1 (char 0)
    >>> parse_json('{"boxes": [1], "boxes": []}')
    Traceback (most recent call last):
    json.decoder.JSONDecodeError: the key 'boxes' twice in one object: line 1 column 1 (char 0)
    """
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise json.JSONDecodeError("nested too deeply", "", 0) from None
    # Such a string can be neither printed nor written to a table.
    if (b"\\ud" in text.lower()) if isinstance(text, bytes) else ("\\ud" in text.lower()):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise json.JSONDecodeError("half of a character (a lone surrogate)", "", 0) from None
    return value


def say(text: str) -> None:
    """Tell on the error stream, at once, what the next seconds go to."""
    print(text, file=sys.stderr, flush=True)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of a key that is there twice Python would keep the last value, and lose the other one."""
    value = dict(pairs)
    if len(value) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise json.JSONDecodeError(f"the key {twice[:80]!r} twice in one object", "", 0)
    return value


def fault_in_own_code(error: Exception, file: Path, where: str) -> Exception:
    """Return what a user's own file raised as one line with the file's line; a mistake or a machine's fault as it is.

    Args:
        error: that was raised, with its traceback.
        file: the user's.
        where: the case or the clip that it was busy with.
    """
    if isinstance(error, InputError) or machine_fault(error) is not None:
        return error
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == file.resolve()
    ]
    place = f"{file.name}, line {lines[-1]}" if lines else file.name
    return InputError(f"{place}, {where}: {type(error).__name__}: {error}")


def mute_known_lines() -> None:
    """Silence two lines of libraries that no user can act on; every other warning stays.

    transformers 5.23 renames ``gradient_checkpointing`` and warns of its own and TRL's use of the old name. bitsandbytes,
    which peft imports, misses a faster 4-bit product for CPUs, where nothing of ours is quantised.
    """
    warnings.filterwarnings("ignore", ".*gradient_checkpointing. is deprecated", FutureWarning)
    logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(_tells_of_another_product)


def _tells_of_another_product(record: logging.LogRecord) -> bool:
    return "gemm_4bit_forward" not in record.getMessage()


def run_guarded(prog: str, action: Callable[[], None]) -> int:
    """Call ``action``; 0, or the exit code of a mistake or a fault of this machine (2) or an interruption (130).

    Anything else is a bug of ours and keeps its traceback.
    """
    mute_known_lines()
    try:
        action()
    except InputError as error:
        print(f"{prog}: {one_line(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{prog}: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    except Exception as error:
        fault = machine_fault(error)
        if fault is None:
            raise
        print(f"{prog}: {one_line(fault)}", file=sys.stderr)
        return 2
    return 0
