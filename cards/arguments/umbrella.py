"""``surgvqa``: the four commands under one name, as in ``surgvqa build synthetic --root DIR --out DIR``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import distribution

from surgvqa.cards.command import nearest, one_line

PREFIX = "surgvqa-"
DOCTOR = "surgvqa.eval.commands.environment:main"  # of the environment; `surgvqa train doctor` is of a training run


def commands() -> dict[str, str]:
    """Return the commands that this package installs, by their short names, with the module and function of each."""
    scripts = (one for one in distribution("surgvqa").entry_points if one.group == "console_scripts")
    own = {one.name.removeprefix(PREFIX): one.value for one in scripts if one.name.startswith(PREFIX)}
    return {**own, "doctor": DOCTOR}


def help_text() -> str:
    """Return the list of commands."""
    lines = ["usage: surgvqa [-h] [--version] COMMAND ...", "", str(__doc__), "", "commands:"]
    for name, target in sorted(commands().items()):
        summary = str(importlib.import_module(target.split(":")[0]).__doc__).splitlines()[0]
        lines.append(f"  {name:8}{summary.split(': ', 1)[-1].rstrip('.')}")
    lines += ["", "`surgvqa COMMAND --help` lists its verbs; `surgvqa-COMMAND` is the same command."]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Forward to one of the commands; returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        print(help_text())
        return 0 if words else 2
    if words[0] == "--version":
        print(f"surgvqa {distribution('surgvqa').version}")
        return 0
    targets = commands()
    if words[0] not in targets:
        print(one_line(f"surgvqa: no command {words[0]!r}; {nearest(words[0], targets)}"), file=sys.stderr)
        return 2
    module, function = targets[words[0]].split(":")
    call: Callable[[list[str]], int] = getattr(importlib.import_module(module), function)
    return call(words[1:])


if __name__ == "__main__":
    sys.exit(main())
