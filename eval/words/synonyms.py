"""Other words for the answers that a kind has: directions, places, "not visible", and the procedures' terms."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources

import yaml
from surgvqa.eval.words.tokens import name

# Each group is one set of answers; its words stand for an answer only where the kind knows two of the group.
GROUPS: tuple[dict[str, tuple[str, ...]], ...] = (
    {
        "left": ("leftward", "leftwards", "to the left", "left side", "left-hand side"),
        "right": ("rightward", "rightwards", "to the right", "right side", "right-hand side"),
        "up": ("upward", "upwards", "upwardly", "to the top", "towards the top", "toward the top"),
        "down": (
            "downward",
            "downwards",
            "downwardly",
            "to the bottom",
            "towards the bottom",
            "toward the bottom",
        ),
        "still": (
            "stationary",
            "motionless",
            "static",
            "not moving",
            "no movement",
            "no motion",
            "immobile",
            "doesn't move",
            "does not move",
            "isn't moving",
            "at rest",
        ),
        "stable": (
            "stationary",
            "motionless",
            "static",
            "not moving",
            "no movement",
            "no motion",
            "still",
            "doesn't move",
            "does not move",
        ),
        "none": ("no movement", "no motion", "not moving"),
    },
    {
        "left of": ("to the left", "left", "on the left", "leftward"),
        "right of": ("to the right", "right", "on the right", "rightward"),
        "above": ("over", "higher than", "higher", "higher up", "on top of", "superior to"),
        "below": ("beneath", "under", "underneath", "lower than", "lower down", "inferior to"),
        "inside": ("within", "in the interior of"),
        "around": ("surrounding", "encircling", "surrounds", "encircles", "encloses"),
        "at the same place": ("same place", "same position", "same location", "same spot", "overlapping"),
    },
    {
        "anterior": ("in front of", "ventral"),
        "posterior": ("behind", "dorsal"),
        "superior": ("above", "cranial"),
        "inferior": ("below", "caudal"),
    },
    {
        "forward": ("forwards", "advancing", "advances", "inward"),
        "backward": ("backwards", "withdrawing", "withdraws", "retreating"),
        "advancing": ("advances", "forward", "forwards", "moving in", "moving forward", "insertion"),
        "withdrawing": ("withdraws", "backward", "backwards", "moving out", "moving backward", "withdrawal"),
    },
    {
        "upper-left": ("top left", "left upper", "left top", "upper left corner"),
        "upper-right": ("top right", "right upper", "right top"),
        "lower-left": ("bottom left", "left lower", "left bottom"),
        "lower-right": ("bottom right", "right lower", "right bottom"),
    },
    {
        "left-top": ("top left", "upper left"),
        "right-top": ("top right", "upper right"),
        "left-bottom": ("bottom left", "lower left"),
        "right-bottom": ("bottom right", "lower right"),
    },
    {
        "absent": ("not present", "not visible", "none"),
        "present": ("visible",),
        "complete": ("completely", "total", "full"),
        "partial": ("partially", "incomplete"),
    },
)
WORDS, OPPOSITES = "words", "opposites"  # sections of the thesaurus that hold no names
SECTIONS = ("phases", "anatomy", "instruments", "events")
ALONE: dict[str, tuple[str, ...]] = {  # these are clear without a second answer of their group
    "not visible": ("out of view", "cannot be seen", "can't be seen", "not seen", "not in view", "invisible", "isn't visible", "hidden",
                    "out of frame", "out of the frame", "not in the frame", "not in frame", "outside the frame", "out of sight"),
    "idle": ("no surgical activity", "no surgical action", "no activity", "no action", "inactive", "no phase", "nothing happening", "nothing is happening",
             "none", "pause", "paused"),
    "zero": ("0",),
    "irrigation/aspiration": ("I/A",),
}  # fmt: skip


def synonyms(options: Iterable[str]) -> dict[str, str]:
    """Other spellings of the options, as names, and the option each stands for.

    A spelling that is an option of its own, or that two options share, stands for none.

    >>> synonyms(["left", "right"])["leftwards"], "leftwards" in synonyms(["left"])
    ('left', False)
    """
    option_by_name = {name(option): option for option in options}
    options_by_spelling: dict[str, set[str]] = {}
    tables = [group for group in GROUPS if sum(name(answer) in option_by_name for answer in group) > 1]
    for table in (*tables, ALONE, _terms()):
        for answer, spellings in table.items():
            if name(answer) in option_by_name:
                for spelling in spellings:
                    options_by_spelling.setdefault(name(spelling), set()).add(option_by_name[name(answer)])
    return {
        spelling: next(iter(own))
        for spelling, own in options_by_spelling.items()
        if len(own) == 1 and spelling not in option_by_name
    }


@cache
def term_names() -> frozenset[str]:
    """Return every term of the shipped procedures and its spellings, as names."""
    return frozenset(name(entry) for term, spellings in _terms().items() for entry in (term, *spellings))


@cache
def _terms() -> dict[str, tuple[str, ...]]:
    """Return the names of all shipped procedures with their spellings, and those of `thesaurus.yaml`.

    From the files themselves: `builders.procedures.taxonomy` checks them, and takes 4 s to import.
    """
    terms: dict[str, set[str]] = {}
    for file in resources.files("surgvqa.builders.procedures").iterdir():
        if not file.name.endswith(".yaml"):
            continue
        procedure = yaml.load(
            file.read_text(encoding="utf-8"),
            Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader),  # noqa: S506
        )
        terms.setdefault("idle", set()).update(procedure.get("idle", ()))
        for entry in (entry for section in SECTIONS for entry in procedure.get(section, ())):
            if isinstance(entry, dict):
                terms.setdefault(entry["name"], set()).update(map(str, entry.get("synonyms", ())))
    for section, names in _thesaurus().items():
        for canonical, spellings in names.items() if section not in (WORDS, OPPOSITES) else ():
            terms.setdefault(canonical, set()).update(spellings)
    terms_by_spelling: dict[str, set[str]] = {}
    for term, own_spellings in terms.items():
        for spelling in own_spellings if term != "idle" else ():
            terms_by_spelling.setdefault(spelling, set()).add(term)
    for (
        spelling,
        own,
    ) in terms_by_spelling.items():  # where "rhexis" is the answer, "capsulorhexis" says the same
        is_one = any(own - {term} <= terms[term] for term in own)  # one term, or terms that name each other
        if is_one and spelling not in terms:
            terms[spelling] = set().union(own, *(terms[term] for term in own)) - {spelling}
    return {canonical: tuple(sorted(spellings)) for canonical, spellings in sorted(terms.items())}


def kindred_words() -> dict[str, list[str]]:
    """Return the words that mean the same within a longer name: "tumour excision", "removal of the tumour"."""
    return _thesaurus()[WORDS]


def opposites() -> dict[str, list[str]]:
    """Return the words that say that something isn't so: what is "dry" doesn't bleed."""
    return _thesaurus()[OPPOSITES]


@cache
def _thesaurus() -> dict[str, dict[str, list[str]]]:
    text = resources.files(__package__).joinpath("thesaurus.yaml").read_text("utf-8")
    thesaurus: dict[str, dict[str, list[str]]] = yaml.safe_load(text)
    return thesaurus
