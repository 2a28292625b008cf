"""The wording of the kinds, read from YAML and checked before anything is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml
from surgvqa.cards.command import InputError

OWN = Path(__file__).with_name("templates.yaml")
FEWEST = 6
SLOTS = frozenset({"a", "b", "when", "choices", "x"})


@dataclass(frozen=True, slots=True)
class Template:
    """How one kind is put and its answer said."""

    questions: tuple[str, ...]
    answer: str
    nothing: str


@lru_cache(maxsize=8)
def load(path: Path = OWN) -> Mapping[str, Template]:
    """Return the templates of a file by kind.

    Raises ``InputError`` that names the first fault: a kind with fewer than six phrasings or with one twice, an
    unknown slot, phrasings that don't all speak of the same things.
    """
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path.name}: not a YAML file that can be read: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path.name}: kinds with their questions are due, as in {OWN.name}")
    return {str(kind): _template(f"{path.name}: {kind}", given) for kind, given in found.items()}


def _template(where: str, given: object) -> Template:
    keys = {"questions", "answer", "nothing"}
    if not isinstance(given, dict) or set(given) != keys or not isinstance(given["questions"], list):
        raise InputError(f"{where}: questions (a list), answer and nothing are due")
    questions = [str(one) for one in given["questions"]]
    if len(set(questions)) < FEWEST or len(set(questions)) < len(questions):
        raise InputError(f"{where}: {len(set(questions))} different phrasings; give {FEWEST} or more")
    slots = [set(re.findall(r"{(\w*)}", text)) for text in (*questions, given["answer"], given["nothing"])]
    unknown = sorted(set().union(*slots) - SLOTS)
    if unknown:
        raise InputError(f"{where}: unknown slot {{{unknown[0]}}}; known: {', '.join(sorted(SLOTS))}")
    differ = next((i for i, one in enumerate(slots[: len(questions)]) if one != slots[0]), None)
    if differ is not None:
        raise InputError(f"{where}: {questions[differ]!r} doesn't speak of what {questions[0]!r} does")
    return Template(tuple(questions), str(given["answer"]), str(given["nothing"]))


def capital(text: str) -> str:
    """Return a sentence with its first letter large; a phrasing may begin with a moment.

    >>> capital("at the end of the clip, which phase is this?")
    'At the end of the clip, which phase is this?'
    """
    return text[:1].upper() + text[1:]
