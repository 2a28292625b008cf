"""A build's configuration in its other forms: options of a shard, parameters in a manifest, a command on a card."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from surgvqa.builders import sources
from surgvqa.builders.asking.pool import kinds as informative
from surgvqa.builders.configs.pointing_questions import Pointing
from surgvqa.builders.configs.segmentation import Segmentation
from surgvqa.builders.geometry.coordinates import Grid
from surgvqa.builders.pipeline import source_options
from surgvqa.builders.privacy.pseudonyms import Pseudonyms
from surgvqa.builders.privacy.screen import COLOUR, screen
from surgvqa.builders.questions.ask import KINDS, NINE
from surgvqa.builders.settings.build import Build
from surgvqa.builders.shards.job import ASKING, Asking, Options
from surgvqa.cards.arguments.option import options
from surgvqa.cards.arguments.words import command_words
from surgvqa.cards.command import InputError, nearest


def options_of(config: Build) -> Options:
    """Return what of a configuration decides the rows of a case."""
    # A set of the source's own (`complete` has checked the name) is no way to choose among ours.
    asking, kinds = asked_for(config.questions if config.questions in ASKING else None, config.kinds)
    return Options(
        clip_seconds=config.clip_seconds,
        frames=config.frames,
        media=config.media,  # type: ignore[arg-type]
        max_side=config.max_side or None,
        kinds=kinds,
        seed=config.seed,
        decoder=config.decoder,  # type: ignore[arg-type]
        system=config.system,
        pointing=pointing_of(config),
        segmentation=Segmentation(config.segmentation) if config.segmentation else None,
        screen=screen(config.cover, config.cover_text, config.outside),
        asking=asking,
    )


def asked_for(questions: str | None, kinds: Sequence[str]) -> tuple[Asking, tuple[str, ...]]:
    """Return the way of asking and its kinds; kinds named alone are those of every clip, if each of them is one.

    >>> asked_for(None, ["count"]), asked_for(None, ["count", "tip_in"])
    (('nine', ('count',)), ('informative', ('count', 'tip_in')))
    """
    of_every_clip = bool(kinds) and {*kinds} <= {*KINDS}
    asking = next((one for one in ASKING if one == questions), "nine" if of_every_clip else "informative")
    return asking, tuple(kinds or (informative() if asking == "informative" else NINE))


def pointing_of(config: Build) -> Pointing | None:
    """Return the options of the config ``pointing``, None where it isn't wanted."""
    if config.pointing is None:
        return None
    grid = None
    if config.pointing_grid is not None:
        numbers = config.pointing_grid.split(",")
        if len(numbers) != 3 or not all(number.isdigit() and int(number) for number in numbers):
            raise InputError(
                f"--pointing-grid {config.pointing_grid}: three whole numbers are due, as 28,3136,1003520"
            )
        grid = Grid(*map(int, numbers))
    return Pointing(
        form=config.pointing,
        shape=config.pointing_shape,
        model_type=config.pointing_model_type,
        grid=grid,
        types=config.pointing_types,
        spread=config.pointing_spread,
        negatives=config.pointing_negatives,
        decimals=config.pointing_decimals,
        per_case=config.pointing_per_case,
        seed=config.seed,
    )


def defaults(module: ModuleType) -> dict[str, object]:
    """Return the defaults of a source's own options."""
    parameters = inspect.signature(module.cases).parameters.values()
    return {
        one.name: one.default
        for one in parameters
        if one.kind is one.KEYWORD_ONLY and one.default is not one.empty
    }


def complete(config: Build, names: Pseudonyms | None = None) -> Build:
    """Return the configuration with every option of its source, and with real names where it has those of a card."""
    own = {**defaults(sources.load(config.source)), **config.source_options}
    questions = config.questions
    if questions not in (None, *ASKING):
        if "questions" not in own:
            raise InputError(f"--questions {questions}: {nearest(str(questions), ASKING)}")
        own["questions"] = questions  # a set of the source's own
    real = {other: name for name, other in names.cases.items()} if names else {}
    held_out = tuple(real.get(case_id, case_id) for case_id in config.test_cases)
    return replace(config, source_options=own, test_cases=held_out)


def parameters_of(config: Build, names: Pseudonyms | None) -> dict[str, object]:
    """Return a complete configuration as a manifest has it: what decides the data set, no place on this disk."""
    row_options = options_of(config)
    return {
        "source": config.source,
        **{
            name: value
            for name, value in asdict(row_options).items()
            if name not in ("pointing", "segmentation", "screen")
        },
        **(row_options.pointing.parameters() if row_options.pointing else {}),
        **({"segmentation": config.segmentation} if config.segmentation else {}),
        **(row_options.screen.parameters() if row_options.screen else {}),
        **({"coarse_times": config.coarse_times} if config.coarse_times is not None else {}),
        **({"pseudonyms": "FILE"} if names else {}),
        **{name: ["FILE"] * len(paths) for name, paths in own_files(config).items()},
        "test_cases": sorted(map(names.case, config.test_cases) if names else config.test_cases),
        "validation": config.validation,
        "test": config.test,
        "balance": config.balance,
        "on_error": config.on_error,
        "max_blind": config.max_blind,
        **{name: bare(value, names is not None) for name, value in config.source_options.items()},
    }


def own_files(config: Build) -> dict[str, tuple[Path, ...]]:
    """Return the files of a user's own kinds and wording, where there are any."""
    files = {"kinds_from": config.kinds_from, "templates": config.templates}
    return {name: paths for name, paths in files.items() if paths}


def bare(value: Any, hide: bool) -> Any:
    """Return an option's value as it is written down: of a path its last name, or none at all."""
    if isinstance(value, Path) or (isinstance(value, str) and os.sep in value and Path(value).exists()):
        return "FILE" if hide else Path(value).name
    return value


def command_of(config: Build, names: Pseudonyms | None) -> list[str]:
    """Return the command that builds the same again, in words, for a card: placeholders for places, no real names."""
    own = source_options.options(config.source)
    shown_options = tuple(one for one in options(Build) if one.name != "source")
    held_out = tuple(map(names.case, config.test_cases)) if names else config.test_cases
    usual = defaults(sources.load(config.source))
    own_questions = config.source_options.get(
        "questions"
    )  # a set of the source's own goes before a way to choose among ours
    questions = config.questions if own_questions == usual.get("questions") else own_questions
    config = replace(config, test_cases=held_out, questions=questions)
    files = own_files(config)
    shown_options = tuple(one for one in shown_options if one.name not in ("kinds_from", "templates"))
    file_words = [
        word
        for name, paths in files.items()
        for word in (f"--{name.replace('_', '-')}", *["FILE"] * len(paths))
    ]
    words = command_words("surgvqa-build", config.source, (*shown_options, *own), config) + file_words
    return [words[0], "--source", "FILE", *words[2:]] if sources.is_user_file(config.source) else words


def config_of(parameters: Mapping[str, Any], root: Path, out: Path) -> Build:
    """Return the configuration of a build as its manifest tells it."""
    outside = parameters.get("outside")
    if outside not in (None, COLOUR):
        raise InputError(
            f"it was built with --outside {outside}, a file that isn't in the data set; run the build again"
        )
    own = [name for name in ("kinds_from", "templates") if parameters.get(name)]
    if own:
        raise InputError(
            f"it was built with --{own[0].replace('_', '-')}, files whose place isn't written down; run the same build "
            "again, whole shards are kept"
        )
    ours = {one.name for one in fields(Build)} - {"root", "out", "pseudonyms", "source_options"}
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in parameters.items()
        if name in ours
    }
    values["max_side"] = parameters["max_side"] or 0
    values["questions"] = parameters.get("asking", "nine")  # `questions` is an option of the source's own
    return Build(**values, root=root, out=out, source_options=own_options(parameters))


def own_options(parameters: Mapping[str, Any]) -> dict[str, object]:
    """Return the source's own options; a path among them is not written down, so it must be the default."""
    module = sources.load(parameters["source"])
    own = {}
    for one in inspect.signature(module.cases).parameters.values():
        if one.kind is not one.KEYWORD_ONLY or one.name not in parameters:
            continue
        value = parameters[one.name]
        if value is not None and ("Path" in str(one.annotation) or value == "FILE"):
            raise InputError(
                f"it was built with --{one.name.replace('_', '-')} {value}, whose place isn't written down; "
                "run the same build again, whole shards are kept"
            )
        own[one.name] = value
    return own
