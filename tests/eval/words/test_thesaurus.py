"""Other words for an answer: what surgeons write is read, and no word joins two answers that are kept apart."""

from __future__ import annotations

import itertools

import pytest
from surgvqa.eval.words.synonyms import synonyms
from surgvqa.eval.words.terms import mentions
from surgvqa.eval.words.thesaurus import TermList, groups, term_lists, terms_apart, verb_forms
from surgvqa.eval.words.tokens import name

LISTS = [own for own in term_lists() if len(own.entries) > 1]
NAMES = [f"{own.procedure} {own.section}" for own in LISTS]


@pytest.mark.parametrize("own_list", LISTS, ids=NAMES)
def test_no_word_joins_two_names_of_one_list(own_list: TermList) -> None:
    """Also where a file holds only one of the two: "slit knife" is wrong for "incision knife"."""
    joined = []
    for own, other in itertools.permutations(own_list.entries, 2):
        spellings = synonyms([own[0]])
        joined += [(own[0], one) for one in other if name(one) in spellings and one not in own]
    assert joined == []


@pytest.mark.parametrize("own_list", LISTS, ids=NAMES)
def test_each_name_reads_as_itself_among_all_of_its_list(own_list: TermList) -> None:
    options = tuple(sorted(own[0] for own in own_list.entries))
    wrong = [
        (spelling, own[0], found)
        for own in own_list.entries
        for spelling in own
        if not name(spelling).isdigit()
        and (found := {mention.option for mention in mentions(spelling.replace("_", " "), options)})
        - {own[0]}
    ]
    assert wrong == []


def test_a_name_of_a_group_stands_for_every_other_one() -> None:
    """Alone in its file, but for names that a procedure lists apart."""
    apart = terms_apart()
    unread = [
        (own, other)
        for group in groups()
        for own, other in itertools.permutations(group, 2)
        if name(other) not in apart.get(name(own), ())
        and {mention.option for mention in mentions(other, (own,))} != {own}
    ]
    assert unread == []


def test_names_kept_apart_are_some_that_the_thesaurus_joins() -> None:
    """Else the first test could not fail."""
    assert any(
        name(b) in terms_apart().get(name(a), ())
        for own in groups()
        for a, b in itertools.permutations(own, 2)
    )


@pytest.mark.parametrize(
    ("reply", "answer", "others"),
    [
        ("CBD", "common bile duct", ("cystic duct",)),
        ("the CD", "cystic duct", ("common bile duct",)),
        ("a sucker", "irrigator", ("grasper", "hook")),
        ("clip appliers", "clipper", ("grasper", "hook")),
        ("Maryland", "maryland bipolar forceps", ("prograsp forceps",)),
        ("I/A", "irrigation/aspiration", ("phacoemulsification",)),
        ("dissecting Calot's triangle", "calot triangle dissection", ("gallbladder dissection",)),
        ("IOL insertion", "lens implantation", ("lens positioning",)),
        ("oesophageal hiatus", "esophageal hiatus", ("stomach",)),
        ("forceps and a neddle driver", "needle driver", ("forceps",)),
    ],
)
def test_what_surgeons_write(reply: str, answer: str, others: tuple[str, ...]) -> None:
    assert answer in {mention.option for mention in mentions(reply, (answer, *others))}


@pytest.mark.parametrize(
    ("reply", "options"),
    [
        ("slit knife", ("incision knife", "forceps")),
        ("bipolar grasper", ("bipolar", "grasper", "hook")),  # two of the answers, not one
        ("CP", ("cystic plate", "cystic pedicle")),
        ("it is cp", ("cystic plate", "liver")),  # no capitals, and in no list
    ],
)
def test_what_stands_for_no_single_answer(reply: str, options: tuple[str, ...]) -> None:
    assert len({mention.option for mention in mentions(reply, options)}) != 1


def test_forms_of_verbs() -> None:
    assert verb_forms("snip") == ("snip", "snips", "snipping", "snipped")
    assert verb_forms("flush") == ("flush", "flushes", "flushing", "flushed")
    assert verb_forms("freeing") == ("freeing",)
