"""The answers of a kind, ready to be looked up: in all their spellings, by what their words give when they are joined."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from surgvqa.builders.verifying.lexicon import UNITS
from surgvqa.eval.words.roots import kin
from surgvqa.eval.words.synonyms import synonyms
from surgvqa.eval.words.tokens import stem, words

FILLERS = frozenset(["and", "of", "the"])
LEADING_ARTICLES = frozenset(["a", "an", "the"])
DIRECTIONS = frozenset(["left", "right", "top", "bottom", "upper", "lower", "middle", "up", "down"])
LONG, LONGER = 8, 14  # letters of a name in which one or two may be wrong
SLIP = 6  # letters of a name in which one may be doubled or swapped, or a vowel dropped: "neddle holder"
LABEL = re.compile(r"[a-z]|[ivx]{1,4}")  # "grade A", "Forrest II": another one is another name
SAME_START = 4  # "abduction" is no spelling of "adduction"
NUMERALS = {str(value): word for value, word in enumerate(UNITS)}
SIZES = frozenset(["large", "small", "mega", "long", "short", "big", "mini", "standard"])
FOREIGN_END = re.compile(r"(?<=[a-z]{5})i[ea]$")  # "colpotomie"
FOREIGN = str.maketrans("kz", "cc")  # phakoemulsifikation
ACTION_ENDS = ("ing", "ion", "ed")


@lru_cache(maxsize=65536)
def foreign(word: str) -> str:
    """Return a word as other languages would write it too.

    >>> foreign("phakoemulsifikation") == foreign("facoemulsification")
    True
    """
    return FOREIGN_END.sub("y", word).replace("ph", "f").translate(FOREIGN)


@dataclass(frozen=True)
class Index:
    """The options by what their words give when they are joined."""

    compounds: dict[str, tuple[str, ...]] = field(default_factory=dict)
    exact: dict[tuple[str, ...], str] = field(default_factory=dict)
    prefixes: frozenset[str] = frozenset()  # of what is joined: no other word begins a name
    long: dict[str, dict[str, str]] = field(default_factory=dict)  # by their first letters, spelled alike
    slips: dict[frozenset[str], dict[str, str]] = field(default_factory=dict)  # by their consonants
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the letters and Roman numerals of each
    firsts: frozenset[str] = frozenset()  # letters that long ones and slips begin with
    longest: int = 1
    phrases: dict[tuple[str, ...], str] = field(default_factory=dict)  # other names that say what is done
    initials: dict[str, str] = field(default_factory=dict)  # "cbd", where one option alone has them


@lru_cache(maxsize=8192)
def index(options: tuple[str, ...]) -> Index:
    """Return the options, their synonyms and the forms without "and", ready to be looked up."""
    exact: dict[tuple[str, ...], str] = {}
    for option in options:
        exact.setdefault(words(option), option)
    exact.pop((), None)
    for form, option in list(exact.items()):  # "the hook" is also "hook"
        if form[0] in LEADING_ARTICLES and len(form) > 1:
            exact.setdefault(form[1:], option)
    compounds: dict[str, list[str]] = {}
    forms = list(exact.items())
    for form, option in exact.items():
        if (
            form[0] in SIZES
            and len(form) > 2
            and sum(other[1 - len(form) :] == form[1:] for other in exact) == 1
        ):
            forms.append((form[1:], option))  # "needle driver", where the only one is the large one
    for form, option in exact.items():
        if len(form) > 1 and any(word in NUMERALS for word in form):  # "three o'clock"
            forms.append((tuple(NUMERALS.get(word, word) for word in form), option))
    for spelling, option in synonyms(options).items():
        forms.append((tuple(spelling.split()), option))
    singles = {form[0] for form in exact if len(form) == 1}
    longest = 1
    prefixes: set[str] = set()
    labels_by_key: dict[str, tuple[str, ...]] = {}
    for form, option in forms:
        longest = max(longest, len(form) + 2)
        core = tuple(word for word in form if word not in FILLERS)
        is_pair = len(core) == 2 and form in exact and core[::-1] not in exact
        has_order = core[:1] == () or core[0] in DIRECTIONS or core[-1].isdigit()
        reversals = [core[::-1]] if is_pair and not has_order else []
        shorter = [*reversals, core] if len(core) > 1 and not singles.issuperset(core) else reversals
        for own in (form, *shorter):
            together = "".join(map(stem, own))
            if option not in compounds.setdefault(together, []):
                compounds[together].append(option)
            prefixes.update(together[:size] for size in range(1, len(together) + 1))
            labels_by_key[foreign(together)] = labels(own)
    long: dict[str, dict[str, str]] = {}
    slips: dict[frozenset[str], dict[str, str]] = {}
    for key, alternatives in compounds.items():
        alike = foreign(key)
        if len(key) >= LONG:
            long.setdefault(alike[:SAME_START], {})[alike] = alternatives[0]
        if len(key) >= SLIP and key.isalpha():
            slips.setdefault(consonants(alike), {})[alike] = alternatives[0]
    return Index(
        {key: tuple(own) for key, own in compounds.items()},
        exact,
        frozenset(prefixes),
        long,
        slips,
        labels_by_key,
        frozenset(alike[:1] for own in (*long.values(), *slips.values()) for alike in own),
        longest,
        {form: option for form, option in forms if form not in exact and _is_action(form)},
        _initials(exact),
    )


def _is_action(form: tuple[str, ...]) -> bool:
    """Whether a name of several words says what is done: "opening of the dura", "packing the nose"."""
    return len(form) > 1 and any(word.endswith(ACTION_ENDS) and kin(word, 3) != word for word in form)


def _initials(exact: Mapping[tuple[str, ...], str]) -> dict[str, str]:
    """Return the first letters of the options of several words, where only one option has them.

    >>> _initials({("common", "bile", "duct"): "common bile duct", ("cystic", "plate"): "a", ("cystic", "pedicle"): "b"})
    {'cbd': 'common bile duct'}
    """
    options: dict[str, set[str]] = {}
    for form, option in exact.items():
        own = [word[0] for word in form if word not in FILLERS]
        if len(own) > 1 and all(map(str.isalpha, own)):
            options.setdefault("".join(own), set()).add(option)
    return {letters: own.pop() for letters, own in options.items() if len(own) == 1}


def labels(own: tuple[str, ...]) -> tuple[str, ...]:
    """Return the single letters and Roman numerals in a name, but for an article at its start."""
    return tuple(word for i, word in enumerate(own) if LABEL.fullmatch(word) and (i or word != "a"))


@lru_cache(maxsize=65536)
def consonants(word: str) -> frozenset[str]:
    """Return the consonants of a word.

    >>> sorted(consonants("needle"))
    ['d', 'l', 'n']
    """
    return frozenset(word).difference("aeiouy")
