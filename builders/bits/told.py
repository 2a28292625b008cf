"""Questions whose own words tell the answer: of the same things, with the same choices, nearly all have the same one.

Of the gallbladder and the cystic duct the gallbladder is the larger one in 318 of 320 pictures of Endoscapes: nobody
need look. What is counted is the whole pool, before anything is left out; it is counts alone, so the order of cases and the
number of workers change nothing. A kind that names nothing and offers what it always offers ("Which phase is this?")
tells nothing by its words; how often it has each answer is what weights and thinning even out.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from surgvqa.builders.asking.templates import Wording, wording
from surgvqa.builders.bits.blind import BOX, context, roughly
from surgvqa.builders.schema import QA

SHARE = 0.9  # of the questions with the same words, from which on one answer is told by them
TIMES, CASES = 10, 3  # questions, and cases that they are of, below which nobody can tell
WORDS, CHOICES = "its words tell the answer", "its choices tell the answer"


class Key(NamedTuple):
    """The part of a question that may tell its answer; ``names`` of None stands for any."""

    kind: str
    names: tuple[str, ...] | None
    choices: tuple[str, ...]


@cache
def _patterns(kind: str, words: Wording) -> tuple[re.Pattern[str], ...]:
    """Return a pattern for each phrasing of a kind, with a group for each name that it asks about."""
    if kind not in words.kinds:
        return ()
    patterns = []
    for text in words.kinds[kind].questions:
        parts = re.split(r"{(\w+)}", text)
        earlier_slots: set[str] = set()
        for place in range(1, len(parts), 2):
            slot = parts[place]
            parts[place] = f"(?P={slot})" if slot in earlier_slots else f"(?P<{slot}>.+?)"
            earlier_slots.add(slot)
        parts[::2] = map(re.escape, parts[::2])
        patterns.append(re.compile("".join(parts), re.IGNORECASE))
    return tuple(patterns)


@cache  # a million questions are a few thousand texts
def named_things(kind: str, question: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a question names, in the order of its slots; of a box its cell and rough size.

    >>> named_things("larger", "Which has the larger visible area at the end of the clip, the pupil or the cornea?", ())
    ('pupil', 'cornea')
    """
    for pattern in _patterns(kind, wording()):
        if match := pattern.fullmatch(question):
            slots = match.groupdict()
            return tuple(BOX.sub(roughly, slots[slot]).lower() for slot in ("a", "b") if slot in slots)
    return context(kind, question, choices).words


@cache
def keys_of(kind: str, question: str, choices: tuple[str, ...]) -> tuple[Key, ...]:
    """Return the keys of a question, the narrowest first: its things in order, in any order, and any things at all."""
    names, choice_set = named_things(kind, question, choices), tuple(sorted(choices))
    keys = [Key(kind, names, choice_set)]
    if names:
        keys += [Key(kind, tuple(sorted(names)), choice_set)] * (len(names) > 1)
        keys.append(Key(kind, None, choice_set))
    return tuple(dict.fromkeys(keys))


class _Tally:
    """How often a key has each answer, and in which cases."""

    def __init__(self) -> None:
        self.answers: dict[object, Counter[str]] = defaultdict(Counter)
        self.cases: dict[object, set[str]] = defaultdict(set)

    def enter(self, key: object, answer: str, case_id: str) -> None:
        """Count one question."""
        self.answers[key][answer] += 1
        self.cases[key].add(case_id)

    def enough(self, key: object) -> bool:
        """Whether there are enough questions, of enough cases."""
        return key in self.answers and self.answers[key].total() >= TIMES and len(self.cases[key]) >= CASES

    def tells(self, key: object) -> bool:
        """Whether one answer is that of nearly all."""
        return self.enough(key) and max(self.answers[key].values()) >= SHARE * self.answers[key].total()


class Telling:
    """The counts of a pool: of training alone where that has enough of a key, else of all cases."""

    def __init__(self) -> None:
        self._train, self._all = _Tally(), _Tally()
        self._choice_sets: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        self._causes: dict[tuple[str, str, tuple[str, ...]], str | None] = {}

    def enter(self, questions: Iterable[QA], case_id: str, *, train: bool) -> None:
        """Count the pool of a clip."""
        for qa in questions:
            self._choice_sets[qa.kind].add(tuple(sorted(qa.choices)))
            keys: list[tuple[object, str]] = [
                (key, qa.short_answer) for key in keys_of(qa.kind, qa.question, qa.choices)
            ]
            keys += [((qa.kind, choice), str(choice == qa.short_answer)) for choice in qa.choices]
            for key, answer in keys:
                self._all.enter(key, answer, case_id)
                if train:
                    self._train.enter(key, answer, case_id)

    def cause(self, qa: QA) -> str | None:
        """Return why a question is not asked: what tells its answer; None where nothing does."""
        text = (qa.kind, qa.question, qa.choices)
        if text not in self._causes:
            self._causes[text] = self._cause(*text)
        return self._causes[text]

    def _cause(self, kind: str, question: str, choices: tuple[str, ...]) -> str | None:
        keys, various = keys_of(kind, question, choices), len(self._choice_sets[kind]) > 1
        own = [key for key in keys if key.names is not None]
        has_enough = any(self._tally(key).enough(key) for key in own)
        says_something = bool(own[0].names) or (various and bool(choices))
        # Of a thing that is rare, what is true of all others of the kind is held to be true.
        if says_something and any(self._tally(key).tells(key) for key in (own if has_enough else keys)):
            return WORDS
        if various and any(self._right((kind, choice)) for choice in choices):
            return CHOICES
        return None

    def _tally(self, key: object) -> _Tally:
        return self._train if self._train.enough(key) else self._all

    def _right(self, key: tuple[str, str]) -> bool:
        """Whether a choice is the answer nearly always when it is offered."""
        tally = self._tally(key)
        return tally.enough(key) and tally.answers[key]["True"] >= SHARE * tally.answers[key].total()
