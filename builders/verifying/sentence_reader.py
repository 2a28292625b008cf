"""A sentence about surgery, read without a model: what it names, denies, counts and where it puts things.

Names are found by a procedure's spellings, longest first, beside those of other procedures and of
`builders/instruct/lexicon.py`, so that what a text invents is seen too. No meaning is guessed beyond that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.procedures.taxonomy import Taxonomy, load, shipped_procedures
from surgvqa.builders.verifying import lexicon

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
CLAUSE = re.compile(r";|,? \b(?:but|while|whereas|although|though|so|however)\b", re.IGNORECASE)
LISTING = frozenset(("and", "or", "a", "an", "the", "one", "two"))
CACHE_SIZE = 20_000  # sentences: frames of one video say the same over and over
ORDER = {"leftmost": 0, "rightmost": -1}


@lru_cache(maxsize=65_536)
def normal(word: str) -> str:
    """Return a word without case, possessive, plural and British spelling of blood.

    >>> normal("Calot's"), normal("Forceps"), normal("haemostasis"), normal("pus")
    ('calot', 'forcep', 'hemostasis', 'pus')
    """
    word = word.lower().removesuffix("'s").replace("haem", "hem")
    plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if plural else word


def words_of(text: str) -> list[str]:
    """Return the normal forms of a text's words."""
    return [normal(word) for word in WORD.findall(text)]


@dataclass(frozen=True, slots=True)
class Mention:
    """Something named: every (kind, name) that the words may stand for; kind "" for what the procedure lacks."""

    word_indices: tuple[
        int, ...
    ]  # the words' places in the clause; "carotids" and "located" in "carotids are located"
    options: tuple[tuple[str, str], ...]
    words: str
    negated: bool = False
    order: int | None = None  # 0 the leftmost, -1 the rightmost of several

    @property
    def start(self) -> int:
        """The position of its first word."""
        return self.word_indices[0]

    @property
    def end(self) -> int:
        """The position after its last word."""
        return self.word_indices[-1] + 1

    @property
    def foreign(self) -> bool:
        """Whether the procedure has no such name."""
        return all(kind == "" for kind, _ in self.options)


@dataclass(frozen=True, slots=True)
class Place:
    """A side: a cell ("top-left"), a half ("left"), a relation ("left-of"), or a depth nobody annotates."""

    what: str  # cell, half, relation, depth
    value: str
    subjects: tuple[int, ...]  # indices of mentions that it is said of
    to: int | None = None  # the mention that a relation refers to


@dataclass(frozen=True, slots=True)
class Clause:
    """The content of one clause."""

    words: tuple[str, ...]
    mentions: tuple[Mention, ...]
    generic: tuple[tuple[str, bool], ...]  # role and whether it is denied: "no instruments"
    counts: tuple[tuple[int, str], ...]  # a number and what it counts: a role, a name, or "" of neither
    places: tuple[Place, ...]
    free: str  # the words that are in no mention
    only: bool
    progressive: bool  # "is cutting": about now, whatever else the sentence says
    idle: bool

    @property
    def about_now(self) -> bool:
        """Whether it says what the picture shows."""
        return self.progressive or any(word in lexicon.PRESENT for word in self.free.split())

    @property
    def has_cue(self) -> bool:
        """Whether it says what is to come or usual."""
        return any(word in lexicon.CUES for word in self.free.split())


PLAIN = frozenset(normal(word) for word in lexicon.SAYS)
RELATIONS = {normal(word): rel for word, rel in lexicon.RELATIONS.items()}
DEEP = frozenset(map(normal, lexicon.DEPTH))


class Reader:
    """Reads text with one procedure's names."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.index: dict[str, list[tuple[tuple[str, ...], tuple[tuple[str, str], ...]]]] = {}
        for spelling, options in _vocabulary(taxonomy).items():
            self.index.setdefault(spelling[0], []).append((spelling, tuple(sorted(options))))
        for entries in self.index.values():
            entries.sort(key=lambda entry: -len(entry[0]))
        self.clauses = lru_cache(maxsize=CACHE_SIZE)(self._clauses)

    def sentences(self, text: str) -> list[tuple[Clause, ...]]:
        """Return the clauses of each sentence or bullet of a text."""
        parts = (part.strip(" \t*-•#") for part in SENTENCE.split(text.replace("**", "")))
        return [self.clauses(part) for part in parts if WORD.search(part)]

    def _clauses(self, sentence: str) -> tuple[Clause, ...]:
        parts = (part for part in CLAUSE.split(sentence) if WORD.search(part))
        return tuple(self._clause(part) for part in parts)

    def mentions(self, words: Sequence[str]) -> Iterator[Mention]:
        """Everything named, from the left, longest first."""
        at = 0
        while at < len(words):
            for spelling, options in self.index.get(words[at], ()):
                if word_indices := _match(words, at, spelling, any(kind == "event" for kind, _ in options)):
                    order = ORDER.get(words[at - 1]) if at else None
                    yield Mention(word_indices, options, " ".join(spelling), order=order)
                    at = word_indices[-1]
                    break
            at += 1

    def _clause(self, text: str) -> Clause:
        text = re.sub(r"\b3 ?x ?3 grid\b|\bright now\b|\bunder way\b", " ", text.lower())
        words = words_of(text)
        mentions = list(self.mentions(words))
        inside = {i for mention in mentions for i in mention.word_indices}
        mentions = [_with_negation(mention, words, inside) for mention in mentions]
        free = [word if i not in inside else "" for i, word in enumerate(words)]
        raw = WORD.findall(text)
        free_text = " ".join("|" if i in inside else word.lower() for i, word in enumerate(raw))
        generic = [
            (lexicon.GENERIC[word], _with_negation(Mention((i,), (), word), words, inside).negated)
            for i, word in enumerate(free)
            if word in lexicon.GENERIC
        ]
        return Clause(
            words=tuple(words),
            mentions=tuple(mentions),
            generic=tuple(generic),
            counts=tuple(_counts(free, mentions)),
            places=tuple(_places(free, mentions)),
            free=free_text,
            only=any(word in ("only", "sole", "solely", "alone", "other") for word in free),
            progressive=re.search(r"\b(?:is|are)(?: being)? (?:\w+ly )?[a-z]+ing\b", free_text) is not None,
            idle=IDLE in free or "no phase" in " ".join(free) or ("phase" in free and "none" in free),
        )


def _match(words: Sequence[str], at: int, spelling: Sequence[str], gaps: bool) -> tuple[int, ...]:
    """Find the words of a spelling from ``at`` on; with gaps, auxiliaries may stand between them."""
    word_indices: list[int] = []
    for word in spelling:
        while (
            gaps and word_indices and at < len(words) and words[at] != word and words[at] in lexicon.AUXILIARY
        ):
            at += 1
        if at >= len(words) or words[at] != word:
            return ()
        word_indices.append(at)
        at += 1
    return tuple(word_indices)


def _says(key: Sequence[str]) -> bool:
    """Whether words name something in a sentence: a bare number, as label files have them, counts or measures."""
    return any(letter.isalpha() for word in key for letter in word)


def _vocabulary(taxonomy: Taxonomy) -> Mapping[tuple[str, ...], set[tuple[str, str]]]:
    """Spellings as normal words, and what each may stand for; the procedure's own meanings go first."""
    meanings: dict[tuple[str, ...], set[tuple[str, str]]] = {}
    for (kind, spelling), name in taxonomy.spellings.items():
        for key in {tuple(words_of(spelling)), tuple(words_of(name))}:  # spellings take "CamelCase" apart
            # "instrument" as a synonym stays a plain word
            generic = set(key) <= PLAIN and key != tuple(words_of(name))
            if _says(key) and name != IDLE and not generic:
                meanings.setdefault(key, set()).add((kind, name))
    for gate in taxonomy.gates:
        if gate.event is not None:
            meanings.setdefault(tuple(words_of(gate.name)), set()).add(("event", gate.event))
    for event in taxonomy.events:  # "bleeding" of "minor bleeding" and "major bleeding"
        head = tuple(words_of(event)[-1:])
        if head and len(words_of(event)) > 1 and head[0] in {normal(word) for word in lexicon.EVENTS}:
            meanings.setdefault(head, set()).add(("event", event))
    own = set(meanings)
    others = [load(name) for name in shipped_procedures()]
    for other in others:
        for kind, spelling in other.spellings:
            key = tuple(words_of(spelling))
            is_name = (
                not set(key) <= PLAIN
            )  # a procedure that calls something just "instrument" invents nothing
            if is_name and _says(key) and key not in own and other.spellings[kind, spelling] != IDLE:
                meanings.setdefault(key, set()).add(("", f"{kind} {spelling}"))
    for kind, names in lexicon.FOREIGN.items():
        for name in names:
            if (key := tuple(words_of(name))) not in own:
                meanings.setdefault(key, set()).add(("", f"{kind} {name}"))
    return meanings


def _with_negation(mention: Mention, words: Sequence[str], inside: set[int]) -> Mention:
    """Return the mention, negated where a word of its clause denies it."""
    free = [(i, word) for i, word in enumerate(words) if i not in inside]
    is_negated = any(word in lexicon.WHOLE for _, word in free) or any(
        word in lexicon.AFTER for i, word in free if i < mention.start
    )
    return replace(mention, negated=is_negated)


def _counts(free: Sequence[str], mentions: Sequence[Mention]) -> Iterator[tuple[int, str]]:
    """Numbers and what they count: the first noun we know within three words."""
    starts = {mention.start: mention for mention in mentions}
    for i, word in enumerate(free):
        digits = re.search(r"\d", word)
        if not digits and word not in lexicon.NUMBERS:
            continue
        if word == "both" and "and" in free[i:] and sum(mention.start > i for mention in mentions) > 1:
            continue  # "both the duct and the artery" counts nothing
        number = int(word) if word.isascii() and word.isdigit() else lexicon.NUMBERS.get(word, -1)
        target = ""
        for j in range(i + 1, min(i + 4, len(free))):
            if free[j] in lexicon.GENERIC:
                target = lexicon.GENERIC[free[j]]
                break
            if j in starts:
                target = f"={starts[j].words}"
                break
        if word != "one" or target:
            yield number, target


def _places(free: Sequence[str], mentions: Sequence[Mention]) -> Iterator[Place]:
    at = 0
    while at < len(free):
        what, value, word_count = _side(free, at)
        if what:
            subjects, to = _bound(mentions, free, at, word_count, what)
            yield Place(what, value, subjects, to)
        at += word_count


def _side(free: Sequence[str], at: int) -> tuple[str, str, int]:
    """Return the side that is named at a word: what it is, its value, how many words say so; what is "" for none."""
    word, then = free[at], free[at + 1] if at + 1 < len(free) else ""
    later = [one for one in free[at + 1 : at + 4] if one not in ("the", "of", "a", "to")]
    is_of_frame = bool(later) and later[0] in lexicon.FRAME
    if word in lexicon.ROWS and then in lexicon.COLUMNS:
        cell = f"{lexicon.ROWS[word]}-{lexicon.COLUMNS[then]}"
        return "cell", "center" if cell == "middle-center" else cell, 2
    if word in ("left", "right") and then in ("top", "upper", "bottom", "lower"):
        return "cell", f"{lexicon.ROWS[then]}-{word}", 2
    if word in ("left", "right") and then == "of" and not is_of_frame:
        return "relation", f"{word}-of", 2
    if word in lexicon.CENTRE:
        return "cell", "center", 1
    if word in ("left", "right"):
        return "half", word, 1
    if word in ("top", "upper", "bottom", "lower"):
        return "half", lexicon.ROWS[word], 1
    if word == "next" and then == "to":
        return "relation", "near", 2
    if word == "surrounded":
        return "relation", "inside", 1
    if word in RELATIONS and not is_of_frame:
        return "relation", RELATIONS[word], 1
    if word in DEEP:
        return "depth", word, 1
    return "", "", 1


def _bound(
    mentions: Sequence[Mention], free: Sequence[str], at: int, word_count: int, what: str
) -> tuple[tuple[int, ...], int | None]:
    """Which mentions a side is said of: those before it that form one list, else those after; and the other."""
    before = [i for i, mention in enumerate(mentions) if mention.end <= at]
    after = [i for i, mention in enumerate(mentions) if mention.start >= at + word_count]
    if what == "relation":
        return tuple(before[-1:]), (after[0] if after else None)
    group = _list_of(mentions, free, before[::-1]) if before else _list_of(mentions, free, after)
    return tuple(group), None


def _list_of(mentions: Sequence[Mention], free: Sequence[str], order: Sequence[int]) -> list[int]:
    """Return the first mention of an order and those that a list ("the a, b and c") joins to it."""
    group = list(order[:1])
    for i in order[1:]:
        one, other = sorted((mentions[i], mentions[group[-1]]), key=lambda mention: mention.start)
        between = [word for word in free[one.end : other.start] if word]
        if any(word not in LISTING for word in between):
            break
        group.append(i)
    return group
