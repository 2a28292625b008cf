"""The options of a recipe, read from the sources of the classes that define them: nothing heavy is imported for it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

# Of each recipe the classes that hold its options, a base before what is derived from it: a later field wins.
DATA = ("trl.scripts.utils:ScriptArguments", "surgvqa.train.steps.options:DataOptions")
TRAINING = ("transformers.training_args:TrainingArguments", "trl.trainer.base_config:_BaseConfig")
MODEL = ("trl.trainer.model_config:ModelConfig",)
SFT = (
    *DATA, *TRAINING, "trl.trainer.sft_config:SFTConfig", "surgvqa.train.steps.options:TrainingOptions", *MODEL,
)  # fmt: skip
GRPO_OPTIONS = "surgvqa.train.pointing.grpo_options"
CLASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sft": SFT,
        "doctor": SFT,
        "audio": (*SFT, "surgvqa.train.steps.options:AudioOptions"),
        "grpo": (
            *DATA, f"{GRPO_OPTIONS}:RewardOptions", *TRAINING, "trl.trainer.grpo_config:GRPOConfig",
            f"{GRPO_OPTIONS}:GrpoOptions", *MODEL,
        ),
    }
)  # fmt: skip
OWN, OWN_FOLDER = "surgvqa.train.", Path(__file__).parents[1]
ENUMERATIONS = (
    "transformers.trainer_utils",
    "transformers.training_args",
)  # modules of what an option may be


@dataclass(frozen=True, slots=True)
class OptionSource:
    """An option as its class's source has it."""

    kind: str  # its annotation: "int | None"
    choices: tuple[str, ...] = ()


@functools.cache
def option_sources(recipe: str) -> Mapping[str, OptionSource]:
    """Return the options of a recipe by their names.

    Raises:
        ModuleNotFoundError: TRL or transformers isn't installed.
    """
    words = {name: values for module in ENUMERATIONS for name, values in enumerations(module)}
    found_options: dict[str, OptionSource] = {}
    for place in CLASSES[recipe]:
        module, name = place.split(":")
        for node in class_body(module, name):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                kind = ast.unparse(node.annotation)
                choices = words.get(kind.split(" |")[0]) or choices_of(node.value)
                found_options[node.target.id] = OptionSource(kind, choices)
    return found_options


def choices_of(value: ast.expr | None) -> tuple[str, ...]:
    """Return the words that a field's metadata allows, ``field(metadata={"choices": […]})``; none: any."""
    for node in ast.walk(value) if value is not None else ():
        if isinstance(node, ast.Dict):
            for key, choices in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "choices" and isinstance(choices, ast.List):
                    return tuple(str(one.value) for one in choices.elts if isinstance(one, ast.Constant))
    return ()


def enumerations(module: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the enumerations of a module of transformers with the words they allow."""
    for node in syntax(module).body:
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "ExplicitEnum" for base in node.bases):
            values = (one.value for one in node.body if isinstance(one, ast.Assign))
            yield node.name, tuple(str(one.value) for one in values if isinstance(one, ast.Constant))


def class_body(module: str, name: str) -> list[ast.stmt]:
    """Return the statements of a class; none where the module has no such class."""
    classes = (node for node in syntax(module).body if isinstance(node, ast.ClassDef))
    return next((node.body for node in classes if node.name == name), [])


@functools.cache
def syntax(module: str) -> ast.Module:
    """Return the syntax tree of a module that isn't imported."""
    top, *parts = module.split(".")
    if module.startswith(OWN):
        return ast.parse(Path(OWN_FOLDER, *parts[1:]).with_suffix(".py").read_text("utf-8"))
    spec = find_spec(top)  # of a top package this looks, and imports nothing
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {top!r}", name=top)
    files = [Path(place, *parts).with_suffix(".py") for place in spec.submodule_search_locations]
    return ast.parse(next(file for file in files if file.is_file()).read_text("utf-8"))
