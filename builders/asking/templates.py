"""The wording of the kinds, read from YAML and checked before anything is asked.

A file says, kind by kind, at least six phrasings and how the answer is said. ``language`` names its language: where that is
not English every kind that is asked must be in it, and its ``moments`` say when in the clip.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path

from surgvqa.builders.asking import extensions
from surgvqa.builders.files import user_yaml
from surgvqa.builders.files.texts import read_text
from surgvqa.builders.kinds.view import MomentWords
from surgvqa.cards.command import InputError

OWN = (Path(__file__).with_name("templates.yaml"), Path(__file__).with_name("field_templates.yaml"))
FEWEST = 6
SLOTS = {
    "a": "what the question is about",
    "b": "what it is compared with",
    "when": "the moment",
    "choices": "the answers to choose from",
    "x": "the answer",
}
ANSWER = "x"
SLOT = re.compile(r"{(\w*)}")
ENGLISH = "en"
ASIDE = frozenset(("aside", "also"))  # moments' words that a language may lack


@dataclass(frozen=True, slots=True)
class Template:
    """The wording of one kind: its questions and its answers."""

    questions: tuple[str, ...]
    answer: str
    nothing: str

    @property
    def slots(self) -> frozenset[str]:
        """The names that stand for something else in its texts."""
        texts = (*self.questions, self.answer, self.nothing)
        return frozenset(slot for text in texts for slot in SLOT.findall(text))


@dataclass(frozen=True, slots=True, eq=False)
class Wording:
    """The templates of a file by kind, its language, and how it says moments."""

    kinds: Mapping[str, Template] = field(default_factory=dict)
    language: str = ENGLISH
    moments: MomentWords = field(default_factory=MomentWords)


def wording() -> Wording:
    """Return the wording that holds: the files that ship, then those added, each later one before the earlier."""
    return _together((*OWN, *extensions.current().templates))


@cache
def _together(paths: tuple[Path, ...]) -> Wording:
    kinds: dict[str, Template] = {}
    last = Wording()
    for path in paths:
        file_wording = load(path)
        if file_wording.language != last.language:
            kinds = {}
        kinds.update(file_wording.kinds)
        last = (
            file_wording
            if file_wording.language != last.language or file_wording.moments != MomentWords()
            else last
        )
    return Wording(kinds, last.language, last.moments)


@cache
def load(path: Path) -> Wording:
    """Return what a file says.

    Raises ``InputError`` that names the first fault: a kind with fewer than six phrasings or with one twice, an
    unknown slot, phrasings that don't all speak of the same things.
    """
    document = user_yaml.load(read_text(path, path.name), path.name)
    if not isinstance(document, dict):
        raise InputError(f"{path.name}: kinds with their questions are due, as in {OWN[0].name}")
    language = str(document.pop("language", ENGLISH))
    moments = _moments(path.name, document.pop("moments", {}), language)
    kinds = {str(kind): _template(f"{path.name}: {kind}", entry) for kind, entry in document.items()}
    return Wording(kinds, language, moments)


def _moments(where: str, entry: object, language: str) -> MomentWords:
    names = [one.name for one in fields(MomentWords) if one.name not in ASIDE]
    if not isinstance(entry, dict) or (
        (entry or language != ENGLISH) and sorted(entry.keys() - ASIDE) != sorted(names)
    ):
        raise InputError(f"{where}: moments in the language {language} are due: {', '.join(names)}")
    # Another language without words for what is left out by name doesn't ask what needs them.
    words = MomentWords(
        **(dict.fromkeys(ASIDE, "") if entry else {}) | {k: str(text) for k, text in entry.items()}
    )
    if words.aside and not {"{when}", "{things}"} <= {*re.findall(r"{\w+}", words.aside)}:
        raise InputError(f"{where}: moments: aside lacks {{when}} or {{things}}")
    if "{s}" not in words.at:
        raise InputError(f"{where}: moments: at lacks {{s}}, the second of the clip")
    return words


def _template(where: str, entry: object) -> Template:
    keys = {"questions", "answer", "nothing"}
    if not isinstance(entry, dict) or set(entry) != keys or not isinstance(entry["questions"], list):
        raise InputError(f"{where}: questions (a list), answer and nothing are due")
    questions = [str(one) for one in entry["questions"]]
    if len(set(questions)) < FEWEST or len(set(questions)) < len(questions):
        raise InputError(f"{where}: {len(set(questions))} different phrasings; give {FEWEST} or more")
    slots = [_slots(where, str(text)) for text in (*questions, entry["answer"], entry["nothing"])]
    unknown = sorted(set().union(*slots) - SLOTS.keys())
    if unknown:
        meanings = ", ".join(f"{{{slot}}} {meaning}" for slot, meaning in SLOTS.items())
        raise InputError(f"{where}: unknown slot {{{unknown[0]}}}; known: {meanings}")
    if telling := next((one for one, own in zip(questions, slots, strict=False) if ANSWER in own), None):
        raise InputError(f"{where}: {telling!r} says {{{ANSWER}}}, which is the answer")
    differ = next((i for i, one in enumerate(slots[: len(questions)]) if one != slots[0]), None)
    if differ is not None:
        raise InputError(f"{where}: {questions[differ]!r} doesn't speak of what {questions[0]!r} does")
    return Template(tuple(questions), str(entry["answer"]), str(entry["nothing"]))


def _slots(where: str, text: str) -> set[str]:
    """Return the names in a text's braces, which hold nothing else."""
    rest = SLOT.sub("", text)
    if "{" in rest or "}" in rest:
        raise InputError(f"{where}: {text!r}: a brace stands around the name of a slot and nowhere else")
    return set(SLOT.findall(text))


def capital(text: str) -> str:
    """Return a sentence with its first letter large; a phrasing may begin with a moment.

    >>> capital("at the end of the clip, which phase is this?")
    'At the end of the clip, which phase is this?'
    """
    return text[:1].upper() + text[1:]
