"""The mistakes in a recipe's words that can be named before PyTorch, transformers and TRL are imported.

What this lets pass, TRL's own parser reads again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from surgvqa.cards.command import InputError, refuse_nowhere
from surgvqa.train.steps.config_files import config_file, read_config, unknown_option
from surgvqa.train.steps.option_sources import OptionSource, option_sources
from surgvqa.train.steps.refused_options import (
    REFUSALS,
    REFUSED_BY_GRPO,
    raise_if_no_optimizer,
    raise_if_other_attention,
    raise_if_refused,
    raise_if_several,
)

NAMES = {"model_name_or_path": "model at", "dataset_name": "data set"}
CONFIGS = {"audio": "spoken", "grpo": "pointing"}  # of the data set, where it isn't clips
YES, NO = ("yes", "true", "t", "y", "1"), ("no", "false", "f", "n", "0")  # as transformers' parser reads them


def truth_of(text: str) -> bool:
    """Read a yes or no as transformers does.

    >>> truth_of("True"), truth_of("0")
    (True, False)
    """
    if text.lower() not in YES + NO:
        raise ValueError(text)
    return text.lower() in YES


READERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "int": (int, "whole number"),
    "float": (float, "number"),
    "bool": (truth_of, "true or false"),
}


def check(recipe: str, words: Sequence[str]) -> None:
    """Refuse what is wrong in the words of a recipe.

    Raises:
        InputError: an unknown option, a value of another type, a missing or impossible option, no such file, model
            or data set.
        ModuleNotFoundError: TRL isn't installed.
    """
    known_options = option_sources(recipe)
    values = dict(pairs(recipe, words, known_options))
    if recipe == "grpo":
        raise_if_several(values.get("datasets"))
    several = bool(values.get("datasets"))  # in place of --dataset_name; read when they are loaded
    for name, what in NAMES.items():
        if several and name == "dataset_name":
            continue
        if not values.get(name):
            raise InputError(f"--{name} is missing; `surgvqa-train {recipe} --help` shows a full line")
        refuse_nowhere(str(values[name]), what)
    folder = Path(str(values.get("dataset_name")))
    if not several and folder.is_dir():
        if not any(folder.rglob("*.parquet")):
            raise InputError(
                f"{folder} holds no Parquet file; `surgvqa-build SOURCE --root ROOT --out {folder}` makes one"
            )
        from surgvqa.eval.data import whole

        whole.refuse_unfinished(folder, str(values.get("dataset_config") or CONFIGS.get(recipe, "clips")))
    options = SimpleNamespace(**values)
    raise_if_refused(values, options, options, options, REFUSED_BY_GRPO if recipe == "grpo" else REFUSALS)
    if "optim" in values:
        raise_if_no_optimizer(options)
    if recipe != "grpo":
        raise_if_other_attention(values.get("attn_implementation"), values.get("questions_per_sequence", 0))


def pairs(
    recipe: str, words: Sequence[str], known_options: Mapping[str, OptionSource]
) -> Iterator[tuple[str, Any]]:
    """Yield the options of the file and of the command line with their values; a later one wins.

    Raises:
        InputError: as ``check``, of one option.
    """
    option_texts = list(options_of(words))
    for name, texts in option_texts:
        if name == "config":
            if not texts:
                raise InputError(
                    "--config needs a file; surgvqa has sft_lora.yaml, sft_qlora.yaml, sft_full.yaml, grpo_lora.yaml"
                )
            path = config_file(texts[0])
            for option, value in read_config(path, known_options).items():
                if option != "env":
                    text = isinstance(value, str)
                    yield option, read(f"{path}: {option}", value, known_options[option]) if text else value
    for name, texts in option_texts:
        if name == "config":
            continue
        if fault := unknown_option(f"--{name}", known_options):
            raise InputError(fault)
        option = name.replace("-", "_")
        if option not in known_options:  # --no-X, of X
            yield option[3:], False
        elif not texts and known_options[option].kind.startswith("bool"):
            yield option, True
        elif not texts:
            raise InputError(f"--{name} needs a value; `surgvqa-train {recipe} --help` lists the options")
        else:
            yield option, read(f"--{name}", texts[0] if len(texts) == 1 else texts, known_options[option])


def options_of(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the options of a command line with the words behind each.

    >>> list(options_of(["--a", "1", "--b=2", "--c"]))
    [('a', ['1']), ('b', ['2']), ('c', [])]
    """
    places = [index for index, word in enumerate(words) if word.startswith("--")]
    for place, following in zip(places, [*places[1:], len(words)], strict=True):
        name, equals, value = words[place][2:].partition("=")
        yield name, [value] if equals else list(words[place + 1 : following])


def read(where: str, value: Any, option: OptionSource) -> Any:
    """Return a value in its option's type; of other types than numbers, yes and no, as it is.

    Raises:
        InputError: it can't be read so, or is none of the option's choices.
    """
    if option.choices and value not in option.choices:
        raise InputError(f"{where}: expected {', '.join(option.choices)}; found {value!r}")
    kind = option.kind.removesuffix(" | None")
    if kind not in READERS:
        return value
    reader, expectation = READERS[kind]
    try:
        return reader(value)
    except (ValueError, TypeError):
        raise InputError(f"{where}: expected {expectation}, found {value!r}") from None
