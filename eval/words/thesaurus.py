"""The thesaurus: the names of the shipped procedures, their spellings, and other names that mean the same."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import yaml
from surgvqa.eval.words.tokens import name

NAMES = ("instruments", "anatomy", "phases", "events")  # sections of groups of names
ACTS, WORDS, OPPOSITES = "acts", "words", "opposites"
SECTIONS = ("phases", "anatomy", "instruments", "events")  # of a procedure
LAST_DOUBLES = re.compile(r"[^aeiou][aeiou][bgmnpt]")  # "grab", "clip", "let": not "clean", not "draw"


@cache
def spellings_by_term() -> dict[str, tuple[str, ...]]:
    """Return the other names of each term, of the shipped procedures and of `thesaurus.yaml`.

    Two names that one procedure lists apart never stand for each other: "incision knife" is no "slit knife".
    """
    terms = _terms_of_procedures()
    for group in groups():
        for term in group:
            terms.setdefault(name(term), set()).update(other for other in group if other != term)
    terms_by_spelling: dict[str, set[str]] = {}
    for term, own_spellings in terms.items():
        for spelling in own_spellings if term != "idle" else ():
            terms_by_spelling.setdefault(name(spelling), set()).add(term)
    for (
        spelling,
        own,
    ) in terms_by_spelling.items():  # where "rhexis" is the answer, "capsulorhexis" says the same
        is_one = any(own - {term} <= set(map(name, terms[term])) for term in own)  # or they name each other
        if is_one and spelling not in terms:
            terms[spelling] = set().union(own, *(terms[term] for term in own)) - {spelling}
    apart = terms_apart()
    return {
        term: tuple(
            sorted(one for one in spellings if name(one) != term and name(one) not in apart.get(term, ()))
        )
        for term, spellings in sorted(terms.items())
    }


class TermList(NamedTuple):
    """The names of one section of a shipped procedure, each with its spellings behind it."""

    procedure: str
    section: str
    entries: tuple[tuple[str, ...], ...]


def _terms_of_procedures() -> dict[str, set[str]]:
    terms: dict[str, set[str]] = {}
    for own in term_lists():
        for term, *spellings in own.entries:
            terms.setdefault(name(term), set()).update(spellings)
    return terms


@cache
def terms_apart() -> dict[str, frozenset[str]]:
    """Return, for each name of the shipped procedures, the names that one of them lists as something else.

    >>> "slit knife" in terms_apart()["incision knife"], "clip applier" in terms_apart()["clipper"]
    (True, False)
    """
    apart: dict[str, set[str]] = {}
    for own in term_lists():
        entries = [frozenset(map(name, entry)) for entry in own.entries]
        every = frozenset().union(*entries)
        for entry in entries:
            for one in entry:
                apart.setdefault(one, set()).update(every - entry)
    return {term: frozenset(names) for term, names in apart.items()}


@cache
def term_lists() -> tuple[TermList, ...]:
    """Return the lists of names of all shipped procedures.

    From the files themselves: `builders.procedures.taxonomy` checks them, and takes 4 s to import.
    """
    lists: list[TermList] = []
    files = sorted(resources.files("surgvqa.builders.procedures").iterdir(), key=lambda file: file.name)
    for file in (file for file in files if file.name.endswith(".yaml")):
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        procedure = yaml.load(file.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506
        idle = (("idle", *map(str, procedure.get("idle", ()))),)
        lists.append(TermList(procedure["procedure"], "idle", idle))
        for section in SECTIONS:
            entries = [one for one in procedure.get(section, ()) if isinstance(one, dict)]
            names = tuple((str(one["name"]), *map(str, one.get("synonyms", ()))) for one in entries)
            lists.append(TermList(procedure["procedure"], section, names))
    return tuple(lists)


@cache
def groups() -> tuple[tuple[str, ...], ...]:
    """Return the groups of names that mean the same; of acts the verbs in all their forms."""
    names = [_parts(line) for section in NAMES for line in _thesaurus()[section]]
    acts = [tuple(form for verb in _parts(line) for form in verb_forms(verb)) for line in _thesaurus()[ACTS]]
    return (*names, *(tuple(dict.fromkeys(own)) for own in acts))


def _parts(line: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in line.split(","))


def verb_forms(verb: str) -> tuple[str, ...]:
    """Return a verb in its forms; one that is given in a form has no other.

    >>> verb_forms("grab"), verb_forms("pull back")
    (('grab', 'grabs', 'grabbing', 'grabbed'), ('pull back', 'pulls back', 'pulling back', 'pulled back'))
    >>> verb_forms("seize"), verb_forms("bagging")
    (('seize', 'seizes', 'seizing', 'seized'), ('bagging',))
    """
    first, *rest = verb.split(" ")
    if first.endswith(("ing", "ed")):
        return (verb,)
    base = first + first[-1] if LAST_DOUBLES.fullmatch(first[-3:]) else first.removesuffix("e")
    third = f"{first}es" if first.endswith(("s", "sh", "ch", "x")) else f"{first}s"
    return tuple(" ".join((form, *rest)) for form in (first, third, f"{base}ing", f"{base}ed"))


@cache
def term_names() -> frozenset[str]:
    """Return every term and its spellings, as names; acts are none."""
    acts = {name(form) for line in _thesaurus()[ACTS] for verb in _parts(line) for form in verb_forms(verb)}
    nouns = {name(entry) for entry in _terms_of_procedures()}
    nouns |= {name(entry) for section in NAMES for line in _thesaurus()[section] for entry in _parts(line)}
    every = {name(entry) for term, own in spellings_by_term().items() for entry in (term, *own)}
    return frozenset(every - (acts - nouns))


def kindred_words() -> dict[str, list[str]]:
    """Return the words that mean the same within a longer name: "tumour excision", "removal of the tumour"."""
    own: dict[str, list[str]] = _thesaurus()[WORDS]
    return own


def opposites() -> dict[str, list[str]]:
    """Return the words that say that something isn't so: what is "dry" doesn't bleed."""
    own: dict[str, list[str]] = _thesaurus()[OPPOSITES]
    return own


@cache
def _thesaurus() -> dict[str, Any]:
    thesaurus: dict[str, Any] = yaml.safe_load(
        resources.files(__package__).joinpath("thesaurus.yaml").read_text("utf-8")
    )
    return thesaurus
