"""Negations in a text: the words that each reaches, and words only mentioned beside the answer."""

from __future__ import annotations

import re
from functools import lru_cache

from surgvqa.eval.words.tokens import MARK, word_set

NEGATORS = word_set(
    "not no never hardly scarcely without cannot neither nor non lacks lacking lack absence except excluding free"
)
PAIRS = frozenset(
    {
        ("rather", "than"),
        ("rule", "out"),
        ("rules", "out"),
        ("ruled", "out"),
        ("instead", "of"),
        ("other", "than"),
    }
)
EXCLUDING = frozenset(["rule", "rules", "ruled", "exclude", "excludes", "excluded"])
NONE = frozenset(["none", "no", "nothing"])
ALL_BUT = frozenset(["anything", "everything", "any", "all", "everywhere", "anywhere"])  # "anything but left"
AFFIRMING = frozenset(
    {("not", "only"), ("not", "just"), ("not", "merely"), ("no", "doubt"), ("no", "question")}
    | {("not", "sure"), ("not", "certain"), ("not", "entirely")}
)
BREAKERS = frozenset(["but", "however", "that", "which", "whereas", "although", "because", "so", "instead"])
BE = word_set("is are was were be been has have does do did can could looks seems appears")
ABSENT = frozenset(
    [
        "not",
        "never",
        "absent",
        "missing",
        "excluded",
        "impossible",
        "incorrect",
        "wrong",
        "false",
        "unlikely",
        "ruled",
    ]
)
DENYING = NEGATORS | ABSENT | ALL_BUT | {first for first, _ in PAIRS}
SCOPE = 6  # words a negation reaches: "not moving to the left" is four

OVER = frozenset(
    [
        "finished",
        "ended",
        "over",
        "complete",
        "completed",
        "done",
        "past",
        "concluded",
        "about",
        "upcoming",
        "next",
    ]
)
IN_VIEW = word_set("view visible seen present shown there frame picture image")
OUT = word_set("out outside off")  # of the view: what is named there is not shown
VIEW = word_set("view frame picture image screen field shot sight camera")
LEFT = re.compile(
    r"\b(?:has|have|had) (?:\w+ )?(?:left|gone|disappeared|exited|vanished)\b|\b(?:is|are) (?:now )?gone\b"
    r"|\b(?:was|were|is|are|been) (?:\w+ )?(?:removed|withdrawn|taken (?:out|away)|pulled out|retrieved)\b"
    r"|\b(?:left|leaves|exits|exited) (?:the )?(?:view|frame|picture|image|screen|field|scene|shot)\b"
)
ORDER = re.compile(
    r"\b(?:next|previous|prior|before|after|follow\w*|preced\w*|earlier|later|upcoming)\b|next_|previous_"
)


@lru_cache(maxsize=16384)
def may_negate(tokens: tuple[str, ...]) -> bool:
    """Whether any word could negate another; most answers have none, and need no closer look."""
    return any(token in DENYING or token in OUT or token.endswith("n't") for token in tokens)


def is_negated(tokens: tuple[str, ...], start: int, end: int) -> bool:
    """Whether a negation reaches ``tokens[start:end]``, from before ("not left") or behind ("left is absent")."""
    if not tokens or not may_negate(tokens):
        return False
    for i in range(start - 1, max(-1, start - 1 - SCOPE), -1):
        token, following = tokens[i], tokens[i + 1] if i + 1 < len(tokens) else ""
        if (token, following) in PAIRS:
            return token != "other" or NONE.isdisjoint(tokens[max(0, i - 3) : i])  # "none other than a"
        if token == "but" and i and tokens[i - 1] in ALL_BUT:
            return EXCLUDING.isdisjoint(tokens[max(0, i - 5) : i - 1])  # "rule out all but a"
        if token == MARK or token in BREAKERS:
            break
        if (token in NEGATORS or token.endswith("n't")) and (token, following) not in AFFIRMING:
            interjection = i == 0 and token == "no" and following in {"the", "it", "there", "this", "they"}
            if not interjection:
                return True
    if (
        tokens[start - 1 : start] == (MARK,)
        and start > 1
        and _is_denied_label(tokens[max(0, start - 5) : start - 1])
    ):
        return True
    if _is_out_of_view(tokens[end : end + 7]):
        return True
    behind = tokens[end : end + 3]
    if MARK in behind:
        behind = behind[: behind.index(MARK)]
    if not behind:
        return False
    if behind[0] == "not" and not IN_VIEW.isdisjoint(behind[1:]):  # "(a not in view)"
        return True
    is_elliptic = len(behind) == 1 and behind[0].endswith("n't")
    if is_elliptic and not OVER.isdisjoint(tokens[max(0, start - 3) : start]):
        return False  # "a is finished, b isn't"
    return behind[0].endswith("n't") or (behind[0] in BE and any(word in ABSENT for word in behind[1:]))


def _is_denied_label(before: tuple[str, ...]) -> bool:
    """Whether the words before a colon say that what follows isn't there: "Not visible: the hook"."""
    if MARK in before:
        before = before[len(before) - before[::-1].index(MARK) :]
    return before[-1:] in (("absent",), ("missing",)) or (
        before[:1] == ("not",) and len(before) < 4 and not IN_VIEW.isdisjoint(before[1:])
    )


def _is_out_of_view(behind: tuple[str, ...]) -> bool:
    """Whether the words behind a name say that it lies outside the picture.

    >>> _is_out_of_view(("is", "out", "of", "view")), _is_out_of_view(("is", "out", "of", "its", "trocar"))
    (True, False)
    """
    place = next((i for i, token in enumerate(behind[:4]) if token in OUT), None)
    if place is None or MARK in behind[1 : place + 1]:
        return False
    return not VIEW.isdisjoint(behind[place + 1 : place + 4])


def leaves(behind: tuple[str, ...]) -> bool:
    """Whether words say that a thing was there and no longer is.

    >>> leaves(("has", "left", "the", "field")), leaves(("is", "left", "of", "it")), leaves(("was", "withdrawn"))
    (True, False, True)
    """
    return LEFT.search(" ".join(behind)) is not None
