"""Negations in a text: the words that each reaches, and words only mentioned beside the answer."""

from __future__ import annotations

import re
from functools import lru_cache

from surgvqa.eval.reading.tokens import MARK, word_set

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

ARTICLES = word_set("the a an this that its of phase step stage current ongoing")
BEFORE = frozenset(  # what stands behind these is something else's place or time
    [
        "near",
        "beside",
        "behind",
        "beneath",
        "underneath",
        "beyond",
        "before",
        "after",
        "following",
        "follows",
        "preceding",
        "precedes",
        "between",
        "until",
        "till",
        "unlike",
        "versus",
        "vs",
        "resembles",
        "resembling",
    ]
)
BEFORE_PAIRS = frozenset(
    {("prior", "to"), ("followed", "by"), ("preceded", "by"), ("similar", "to"), ("compared", "to")}
    | {("compared", "with"), ("opposed", "to"), ("distinct", "from"), ("different", "from")}
    | {("away", "from"), ("next", "to"), ("adjacent", "to"), ("close", "to")}
    | {("preparing", "for"), ("prepares", "for"), ("preparation", "for"), ("ready", "for")}
)
PREFERRING = word_set(
    "go going goes prefer preferring choose choosing chose favour favor pick picking likelier likely"
)
BETTER = word_set("more better likelier")
FIRST_THOUGHTS = word_set(
    "thought initially originally first assumed suspected considered guessed expected believed"
)
TURNS = word_set("but however yet actually though until")
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
# "Clipping will start soon", "is yet to begin", "next up: clipping" name what is not there yet.
GOING_ON = word_set("continue still remain last go end finish stop")
FUTURE = frozenset([("yet", "to"), ("still", "to"), ("going", "to"), ("due", "to")])
STARTS = word_set("start begin commence perform do move proceed enter continue undergo")
TO_COME = frozenset(
    {
        ("about", "to"),
        ("going", "to"),
        ("preparing", "to"),
        ("prepares", "to"),
        ("ready", "to"),
        ("yet", "to"),
    }
    | {("due", "to"), ("plans", "to"), ("wants", "to"), ("planning", "to"), ("not", "yet")}
)
WOULD = frozenset(
    (verb,) for verb in ("look", "show", "need", "require", "have", "involve", "come", "follow")
)
BEGINNINGS = word_set("starts begins comes commences happens")
LATER = word_set("soon shortly later next afterwards")
IN_VIEW = word_set("view visible seen present shown there frame picture image")
OUT = word_set("out outside off")  # of the view: what is named there is not shown
VIEW = word_set("view frame picture image screen field shot sight camera")
LEFT = re.compile(
    r"\b(?:has|have|had) (?:\w+ )?(?:left|gone|disappeared|exited|vanished)\b|\b(?:is|are) (?:now )?gone\b"
    r"|\b(?:was|were|is|are|been) (?:\w+ )?(?:removed|withdrawn|taken (?:out|away)|pulled out|retrieved)\b"
    r"|\b(?:left|leaves|exits|exited) (?:the )?(?:view|frame|picture|image|screen|field|scene|shot)\b"
)
DIRECTIONS = word_set("left right top bottom above below")
HOUR = "o'clock"
FROM_THERE = re.compile(
    r"(?:below|above|under|over|beneath|underneath|opposite|facing|beyond|past|(?:left|right|north|south|east|west) (?:of|from)|(?:across|away) (?:of|from))"
    r"(?: (?:to|of|from))?(?: the)?(?: cell| square| field)?"
)
IS_BESIDE = re.compile(
    r"(?:(?:is|lies|sits|being) )?(?:just |right |directly |straight )?(?:below|above|opposite|underneath|next to|beside|(?:to|on) (?:the|its) (?:left|right)|(?:left|right) of)\b"
)
LIKENESS = frozenset(
    (verb, "like") for verb in ("look", "looks", "looked", "seem", "seems", "seemed", "appears")
)
HOLDS = frozenset([("holds",), ("has",), ("grips",), ("carries",), ("uses",)])
SUBORDINATE = word_set(
    "which because since whereas although though while unlike given considering once when where whose"
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


def _is_ahead(before: tuple[str, ...], behind: tuple[str, ...]) -> bool:
    """Whether the words around a name say that it is still to come.

    >>> _is_ahead((), ("will", "start")), _is_ahead((), ("will", "continue")), _is_ahead(("next", "up", "|"), ())
    (True, False, True)
    """
    announced_by = tuple(token for token in before if token not in ARTICLES and token != MARK)
    if announced_by[-2:] == ("next", "up") or announced_by[-1:] == ("soon",):
        return True
    first, rest = behind[:1], behind[1:]
    if first in (("will",), ("shall",)):
        return bool(rest) and rest[0] not in GOING_ON
    if first and first[0] in BE and (rest[:1] == ("imminent",) or rest[:2] in FUTURE):
        return True
    return bool(first) and first[0] in BEGINNINGS and not LATER.isdisjoint(rest)


def _prepares(before: tuple[str, ...]) -> bool:
    """Whether the words before a name say that it is still to come.

    >>> _prepares(("will", "soon", "start")), _prepares(("about", "to", "begin")), _prepares(("has", "started"))
    (True, True, False)
    """
    if before[-1:] == ("with",) or before[-2:] == ("on", "to"):
        before = before[:-1] if before[-1:] == ("with",) else before[:-2]
    before = tuple(word for word in before if word not in ("soon", "shortly", "then", "next", "now"))
    starts = before[-1:] != () and before[-1] in STARTS
    return starts and (before[-2:-1] == ("will",) or before[-3:-1] in TO_COME)


def aside(tokens: tuple[str, ...], start: int, end: int) -> bool:
    """Whether words name what comes before or after, or where something comes from, and not the answer.

    >>> aside(("before", "phaco"), 1, 2), aside(("incision", "has", "finished"), 0, 1), aside(("phaco",), 0, 1)
    (True, True, False)
    """
    place = start - 1
    while place >= 0 and tokens[place] in ARTICLES:
        place -= 1
    if place >= 0 and (tokens[place] in BEFORE or tokens[max(0, place - 1) : place + 1] in BEFORE_PAIRS):
        return True
    if place >= 0 and _prepares(tokens[max(0, place - 5) : place + 1]):
        return True
    if place >= 2 and tokens[place] == "and" and "between" in tokens[max(0, place - 5) : place]:
        return True
    if place >= 1 and tokens[place] == "than" and not BETTER.isdisjoint(tokens[max(0, place - 3) : place]):
        return True  # "b is likelier than a"
    if "than" in tokens[end : end + 6] and "less" in tokens[end : end + 4]:
        return True  # "a fits less well than b"
    if (
        place >= 1
        and tokens[place] == "over"
        and not PREFERRING.isdisjoint(tokens[max(0, place - 6) : place])
    ):
        return True  # "I'd go with a over b"
    if (
        place >= 0
        and tokens[place] == "from"
        and ("to" in tokens[end : end + 3] or tokens[start] in DIRECTIONS)
    ):
        return True
    if not FIRST_THOUGHTS.isdisjoint(tokens[max(0, start - 8) : start]) and not TURNS.isdisjoint(
        tokens[end : end + 4]
    ):
        return True  # "At first I thought of a, but it is b."
    if "whether" in tokens[max(0, start - 5) : start] or _is_landmark(tokens, start, end):
        return True
    behind = tokens[end : end + 4]
    if behind[:3] == (MARK, "no", MARK) and len(behind) > 3:  # "Incision? No, phaco."
        return True
    if (
        place and tokens[place - 1 : place + 1] in LIKENESS and "but" in behind
    ):  # "It looks like a, but it is b."
        return True
    if MARK in behind:
        behind = behind[: behind.index(MARK)]
    if behind[:2] == ("is", "what") and len(behind) > 2:  # "a is what I'd expect next"
        return True
    if behind[:1] == ("would",) and behind[1:2] in WOULD:  # "a would look different"
        return True
    if behind[:2] == ("follows",) or _is_ahead(tokens[max(0, start - 5) : start], behind):
        return True
    if (behind[:1] == ("over",) and len(behind) > 1) or behind[:2] == (
        "next",
        "to",
    ):  # "a over b": no end of a
        return False
    if not behind or behind[0] not in BE | OVER | {"just", "already", "had"}:
        return False
    return any(word in OVER for word in behind)


def _is_landmark(tokens: tuple[str, ...], start: int, end: int) -> bool:
    """Whether a cell with a label or an hour of a clock is only what another place is measured from.

    >>> _is_landmark(("just", "below", "a", "2"), 2, 4), _is_landmark(("below", "the", "pupil"), 2, 3)
    (True, False)
    """
    own = tokens[start:end]
    if not (own[-1:] == (HOUR,) or (len(own) == 2 and len(own[0]) == 1 and own[1].isdigit())):
        return False
    before = tokens[max(0, start - 5) : start]
    if any(FROM_THERE.fullmatch(" ".join(before[i:])) for i in range(len(before))):
        return True
    behind = tokens[end : end + 5]
    return IS_BESIDE.match(" ".join(behind[: behind.index(MARK)] if MARK in behind else behind)) is not None


def subordinate(tokens: tuple[str, ...], start: int) -> bool:
    """Whether a place lies in a clause that explains the one before: "left, because the right is empty".

    >>> subordinate(("phaco", "|", "which", "follows", "hydrodissection"), 4)
    True
    """
    if (
        tokens[start - 1 : start] == ("the",) and tokens[start + 1 : start + 2] in HOLDS
    ):  # "the left holds the forceps"
        return True
    if SUBORDINATE.isdisjoint(tokens):
        return False
    begin = next((i + 1 for i in range(start - 1, -1, -1) if tokens[i] == MARK), 0)
    return not SUBORDINATE.isdisjoint(tokens[begin:start])
