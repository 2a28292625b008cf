"""The words of an answer, and which of them a negation reaches."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MARK = "|"  # where a clause ends
MARKS = frozenset(".,;:!?\n")
TOKEN = re.compile(r"(?:[<>≤≥]=?\s*)?\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)?|[+%°]|[.,;:!?\n]")
NEGATORS = frozenset(
    [
        "not",
        "no",
        "never",
        "without",
        "cannot",
        "neither",
        "nor",
        "non",
        "lacks",
        "lacking",
        "lack",
        "absence",
        "except",
        "excluding",
        "free",
    ]
)
PAIRS = frozenset({("rather", "than"), ("instead", "of"), ("other", "than")})
AFFIRMING = frozenset(
    {("not", "only"), ("not", "just"), ("not", "merely"), ("no", "doubt"), ("no", "question")}
)
BREAKERS = frozenset(["but", "however", "that", "which", "whereas", "although", "because", "so", "instead"])
BE = frozenset(["is", "are", "was", "were", "be", "been", "has", "have", "does", "do", "did", "can", "could"])
ABSENT = frozenset(
    ["not", "never", "absent", "missing", "excluded", "impossible", "incorrect", "wrong", "false"]
)
DENYING = NEGATORS | ABSENT | {first for first, _ in PAIRS}
SCOPE = 6  # words a negation reaches: "not moving to the left" is four
LEAD = re.compile(r"^\s*(?:the\s+)?(?:final\s+)?answer\s*(?:is\s*:?|:)\s*", re.I)
THOUGHT = re.compile(r"<think>.*?(?:</think>|$)", re.S)
TAGGED = re.compile(r"<answer>(.*?)(?:</answer>|$)", re.S)


@lru_cache(maxsize=65536)
def clauses(text: str) -> tuple[str, ...]:
    """The words of a text, lower case, with a mark where a clause ends.

    >>> clauses("Not left; it's Viscoelastic_Suction (<5 mm).")
    ('not', 'left', '|', "it's", 'viscoelastic', 'suction', '<5', 'mm', '|')
    """
    plain = unicodedata.normalize("NFKC", text).replace("’", "'").casefold()
    return tuple(
        MARK if found in MARKS else found if found.isalpha() else "".join(found.split())
        for found in TOKEN.findall(plain)
    )


@lru_cache(maxsize=65536)
def words(text: str) -> tuple[str, ...]:
    """The words of a text, without the marks.

    >>> words("Top-left.")
    ('top', 'left')
    """
    tokens = clauses(text)
    return tuple(token for token in tokens if token != MARK) if MARK in tokens else tokens


@lru_cache(maxsize=4096)
def final(prediction: str) -> str:
    """What a model says in the end: without its thoughts, tags and "the answer is".

    >>> final("<think>left?</think><answer>The answer is: **right**</answer>")
    'right'
    """
    text = THOUGHT.sub("", prediction) if "<think>" in prediction else prediction
    tagged = TAGGED.search(text)
    return LEAD.sub("", (tagged.group(1) if tagged else text).replace("**", "").strip())


def after(text: str, count: int) -> str:
    """The text behind its first ``count`` words."""
    for found in TOKEN.finditer(unicodedata.normalize("NFKC", text).replace("’", "'").casefold()):
        if count == 0 and found.group() not in MARKS:
            return text[found.start() :]
        count -= found.group() not in MARKS
    return ""


def name(text: str) -> str:
    """A name as lists compare it.

    >>> name("Phaco-tip")
    'phaco tip'
    """
    return " ".join(words(text))


def named(text: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """The options a text names and doesn't negate, in the options' order; the longest name wins a place.

    >>> named("the top left, not the center", ("left", "top left", "center"))
    ('top left',)
    """
    tokens = clauses(text)
    taken: set[int] = set()
    found: set[str] = set()
    for form, option in forms(options):
        for start, end in spots(tokens, form):
            if taken.isdisjoint(range(start, end)):
                taken.update(range(start, end))
                if not negated(tokens, start, end):
                    found.add(option)
    return tuple(option for option in options if option in found)


def mentioned(text: str, options: tuple[str, ...]) -> bool:
    """Whether a text holds any of the options' words, negated or not.

    >>> mentioned("not the top left", ("top-left",))
    True
    """
    tokens = clauses(text)
    return any(spots(tokens, form) for form, _ in forms(options))


@lru_cache(maxsize=4096)
def forms(options: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    """The options as words, the longest first; of two that read the same, the first."""
    forms = {words(option): option for option in reversed(options) if words(option)}
    return sorted(forms.items(), key=lambda pair: (-len(pair[0]), pair[0]))


def affirmed(text: str) -> tuple[str, ...]:
    """The words of a text that no negation reaches.

    >>> affirmed("not the left but the right")
    ('not', 'the', 'right')
    """
    tokens = clauses(text)
    return tuple(token for i, token in enumerate(tokens) if token != MARK and not negated(tokens, i, i + 1))


def spots(tokens: tuple[str, ...], form: tuple[str, ...]) -> list[tuple[int, int]]:
    """Where the words stand, whole and in order."""
    if not form or form[0] not in tokens:
        return []
    size = len(form)
    return [(i, i + size) for i in range(len(tokens)) if tokens[i : i + size] == form]


@lru_cache(maxsize=4096)
def may_negate(tokens: tuple[str, ...]) -> bool:
    """Whether any word could negate another; most answers have none, and need no closer look."""
    return any(token in DENYING or token.endswith("n't") for token in tokens)


def negated(tokens: tuple[str, ...], start: int, end: int) -> bool:
    """Whether a negation reaches ``tokens[start:end]``, from before ("not left") or behind ("left is absent")."""
    if not may_negate(tokens):
        return False
    for i in range(start - 1, max(-1, start - 1 - SCOPE), -1):
        token, following = tokens[i], tokens[i + 1] if i + 1 < len(tokens) else ""
        if (token, following) in PAIRS:
            return True
        if token == MARK or token in BREAKERS:
            break
        if (token in NEGATORS or token.endswith("n't")) and (token, following) not in AFFIRMING:
            interjection = i == 0 and token == "no" and following in {"the", "it", "there", "this", "they"}
            if not interjection:
                return True
    behind = tokens[end : end + 3]
    if MARK in behind:
        behind = behind[: behind.index(MARK)]
    if not behind:
        return False
    return behind[0].endswith("n't") or (behind[0] in BE and any(word in ABSENT for word in behind[1:]))
