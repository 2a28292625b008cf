"""The schema of a procedure's YAML file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator
from surgvqa.builders.files.user_yaml import StrictModel, Text


class Term(StrictModel):
    """A name, with other spellings of it; the name alone will do."""

    name: Text
    synonyms: tuple[Text, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def name_alone(cls, value: Any) -> Any:
        """Take a text as the name."""
        return {"name": value} if value is None or isinstance(value, str) else value


class PhaseTerm(Term):
    """A phase, with the instruments that are usual in it, and whether the camera is outside of the body."""

    instruments: tuple[Text, ...] | None = None
    outside: bool = False


class StructureTerm(Term):
    """A structure, and the two that it lies between: where both are in view, so is it."""

    between: tuple[Text, Text] | None = None


class SafetyGate(StrictModel):
    """The condition before a phase begins, and the event that states it."""

    name: Text
    conditions: Annotated[tuple[Text, ...], Field(min_length=1)]
    before: Text | None = None
    event: Text | None = None


class ProcedureFile(StrictModel):
    """A procedure."""

    procedure: Text
    title: Text | None = None
    idle: tuple[Text, ...] = ()
    phases: Annotated[tuple[PhaseTerm, ...], Field(min_length=1)]
    anatomy: tuple[StructureTerm, ...] = ()
    instruments: tuple[Term, ...] = ()
    events: tuple[Term, ...] = ()
    safety_gates: tuple[SafetyGate, ...] = ()
