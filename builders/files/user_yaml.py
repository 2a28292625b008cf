"""YAML files that a user writes: pydantic checks the whole of one, and every fault is named with its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError
from surgvqa.builders.files.faults import summarise
from surgvqa.builders.schema import Omission
from surgvqa.cards.command import InputError, nearest

Place = tuple[str | int, ...]  # keys and numbers from the top of a file to a value
Fault = tuple[Place, str]
# A name: not empty, its spaces and line breaks as single spaces.
Text = Annotated[
    str,
    AfterValidator(lambda text: " ".join(text.split())),
    StringConstraints(strip_whitespace=True, min_length=1),
]
Model = TypeVar("Model", bound="StrictModel")

# What pydantic finds, in our words; everything else is said in its own.
MOST_VALUES = 100_000  # of a file: an alias of an alias of … would be billions
EXPECTATIONS: Mapping[str, str] = {
    "string_type": "expected a text",
    "string_too_short": "expected a text",
    "too_short": "expected at least one entry",
    "tuple_type": "expected a list",
    "model_type": "expected keys with values",
    "dict_type": "expected keys with values",
}


class StrictModel(BaseModel):
    """A mapping of a user's file; a key that it lacks is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class UserFile:
    """The values of a user's file as text, lists and mappings, and the line of each."""

    path: str  # as messages call the file
    data: Any
    lines: Mapping[Place, int]
    repetitions: tuple[Fault, ...] = ()

    def line(self, place: Place) -> int:
        """Return the line of a value; of a value that is missing, the line of the mapping or list that lacks it.

        A list of one entry may be written as the entry alone, so 0 may be missing from the place.
        """
        alone = tuple(key for key in place if key != 0)
        number = next((self.lines[one] for one in (place, alone) if one in self.lines), None)
        return number if number is not None else self.line(place[:-1]) if place else 1

    def refuse(self, all_faults: Iterable[Fault]) -> None:
        """Raise ``InputError`` that lists faults by their lines, if there are any."""
        lines = sorted((self.line(place), cause) for place, cause in all_faults)
        if len(lines) == 1:
            raise InputError(f"{self.path}, line {lines[0][0]}: {lines[0][1]}")
        if lines:
            summary = summarise([Omission(f"line {line}", cause) for line, cause in lines])
            raise InputError(f"{self.path}: {len(lines)} faults: {summary}")

    def check(self, model: type[Model], **also: str) -> Model:
        """Return what the file holds as a model, with fields that the file doesn't say.

        Raises:
            InputError: every unknown, missing or repeated key and every value of another type, with its line.
        """
        try:
            whole = model.model_validate({**self.data, **also} if also else self.data)
        except ValidationError as error:
            self.refuse([*self.repetitions, *faults(error, model)])
            raise
        self.refuse(self.repetitions)
        return whole


def read(text: str, path: str) -> UserFile:
    r"""Parse a file; every value that is neither list nor mapping is a text, as it is spelled, or None.

    Raises:
        InputError: no YAML, with the line, or nested too deeply.

    >>> file = read("name: x\nparts: [1, yes]", "f.yaml")
    >>> file.data, file.line(("parts", 1))
    ({'name': 'x', 'parts': ['1', 'yes']}, 2)
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        nodes = _Nodes()
        data = nodes.value(root, ()) if root is not None else {}
    except RecursionError:
        raise InputError(f"{path}: nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        mark = error.context_mark or error.problem_mark  # where an unclosed bracket opened, if any
        raise InputError(f"{path}, line {mark.line + 1 if mark else 1}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML: {error}") from error
    return UserFile(path, data, nodes.lines, tuple(nodes.repetitions))


def load(text: str, path: str) -> Any:
    r"""Return the value of a file whose numbers and words of yes and no count as such.

    Raises:
        InputError: no YAML, or a key that one mapping has twice: YAML keeps the last value, and loses the other one.

    >>> load("names: [a]\nnc: 1\nnames: [b]", "data.yaml")
    Traceback (most recent call last):
    surgvqa.cards.command.InputError: data.yaml: not YAML: line 3: the key 'names' is there twice
    """
    try:
        return yaml.load(text, Loader=_OneKeyLoader)  # noqa: S506  (a SafeLoader)
    except RecursionError:
        raise InputError(f"{path}: nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        mark = error.context_mark or error.problem_mark
        raise InputError(f"{path}: not YAML: line {mark.line + 1 if mark else 1}: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error


class _OneKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses a key that a mapping has twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in keys:
                problem = f"the key {key.value!r} is there twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            keys.add(key.value)
        return super().construct_mapping(node, deep)


@dataclass(slots=True)
class _Nodes:
    """Values of YAML nodes, with the lines on which they stand."""

    lines: dict[Place, int] = field(default_factory=dict)
    repetitions: list[Fault] = field(default_factory=list)

    def value(self, node: yaml.Node, place: Place) -> Any:
        self.lines[place] = node.start_mark.line + 1
        if len(self.lines) > MOST_VALUES:
            raise yaml.MarkedYAMLError(
                problem=f"more than {MOST_VALUES} values", problem_mark=node.start_mark
            )
        if isinstance(node, yaml.SequenceNode):
            return [self.value(one, (*place, number)) for number, one in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            return None if node.tag.endswith(":null") else str(node.value)
        values: dict[str, Any] = {}
        defaults: dict[str, Any] = {}
        for key, inside in node.value:
            if key.tag == "tag:yaml.org,2002:merge":  # `<<: *other` takes what the mapping doesn't say itself
                many = self.value(inside, place)
                for one in many if isinstance(many, list) else [many]:
                    defaults = {**one, **defaults} if isinstance(one, dict) else defaults
                continue
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            if name in values:
                line = key.start_mark.line + 1
                self.lines[*place, name, "again"] = line
                self.repetitions.append(((*place, name, "again"), f"{name!r} is there twice"))
                continue
            values[name] = self.value(inside, (*place, name))
            self.lines[*place, name] = key.start_mark.line + 1
        return {**defaults, **values}


def faults(error: ValidationError, model: type[StrictModel]) -> list[Fault]:
    """Return where pydantic found each fault of a value, and what is wrong there."""
    return [_fault(one, model) for one in error.errors()]


def _fault(one: Any, model: type[StrictModel]) -> Fault:
    place: Place = tuple(key for key in one["loc"] if key != "[key]")
    name = ".".join(map(str, place))
    if one["type"] == "missing":
        return place[:-1], f"no {place[-1]!r}"
    if one["type"] == "extra_forbidden":
        fields = _model_at(model, place[:-1]).model_fields
        return place, f"unknown key {place[-1]!r}: {nearest(str(place[-1]), fields)}"
    cause = EXPECTATIONS.get(
        one["type"], one["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    )
    if one["type"].startswith("model"):
        cause += f": {', '.join(_model_at(model, place).model_fields)}"
    value = one["input"]
    suffix = f" in place of {value!r}" if isinstance(value, str | int | float | bool) else ""
    return place, f"{name}: {cause}{suffix}" if name else f"{cause}{suffix}"


def _model_at(model: type[StrictModel], place: Place) -> type[StrictModel]:
    """Return the model of the mapping at a place, the one that holds it where there is none."""
    for key in place:
        if isinstance(key, str) and key in model.model_fields:
            model = next(_models(model.model_fields[key].annotation), model)
    return model


def _models(annotation: Any) -> Iterator[type[StrictModel]]:
    """Yield the models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, StrictModel):
        yield annotation
    for inside in get_args(annotation):
        yield from _models(inside)
