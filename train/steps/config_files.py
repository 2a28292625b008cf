"""The names of options in a training command, and the YAML files of ``--config``: the user's, or ours by name."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from surgvqa.cards.command import InputError


def option_names(arguments: Sequence[str]) -> set[str]:
    """Names of the options on a command line and in its ``--config`` file."""
    out = {word[2:].split("=")[0].replace("-", "_") for word in arguments if word.startswith("--")}
    out |= {name.removeprefix("no_") for name in out}
    for before, word in pairwise(arguments):
        if before == "--config":
            out |= set(yaml.safe_load(config_file(word).read_text(encoding="utf-8")))
    return out


def without_config(arguments: Sequence[str]) -> list[str]:
    """Return a command line without its ``--config`` file."""
    words = list(arguments)
    while "--config" in words:
        place = words.index("--config")
        del words[place : place + 2]
    return words


def config_file(name: str) -> Path:
    """Return a YAML file as given, or one of ours by its name (``sft_lora``, ``configs/sft_lora.yaml``)."""
    path = Path(name)
    if path.is_file():
        return path
    ours = Path(str(resources.files("surgvqa.train") / "configs"))
    if (ours / f"{path.stem}.yaml").is_file():
        return ours / f"{path.stem}.yaml"
    known_names = sorted(file.name for file in ours.glob("*.yaml") if not file.name.startswith("accelerate"))
    raise InputError(f"no file {name}; surgvqa has {', '.join(known_names)}")


def read_config(path: Path, known_names: Collection[str]) -> Mapping[str, Any]:
    """Read a file of options; refuse it for an option that nobody has.

    Raises:
        InputError: no mapping, or an unknown option; names the nearest.
    """
    from surgvqa.builders.files import user_yaml

    values: Any = user_yaml.load(path.read_text(encoding="utf-8"), str(path))
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected `option: value` lines, found {type(values).__name__}")
    for option in values:
        if option not in {*known_names, "env"}:
            near = difflib.get_close_matches(str(option), known_names, n=1)
            raise InputError(
                f"{path}: no option {option!r}; " + (f"did you mean {near[0]}?" if near else "remove it")
            )
    return values


def unknown_option(word: str, known_names: Collection[str]) -> str | None:
    """Say of a word of a command line that no option is called so, and which is near; None where one is.

    >>> unknown_option("--frame", ["frames"]), unknown_option("--no-frames=1", ["frames"])
    ('no option --frame; did you mean --frames?', None)
    """
    option = word[2:].split("=")[0].replace("-", "_")
    if option in known_names or option.removeprefix("no_") in known_names:
        return None
    near = difflib.get_close_matches(option, known_names, n=1)
    return f"no option {word}; " + (f"did you mean --{near[0]}?" if near else "see --help")
