"""What a text mentions beside its answer: what comes before or after, where something comes from, reasons."""

from __future__ import annotations

import re

from surgvqa.eval.words.negation import BE, OVER
from surgvqa.eval.words.tokens import MARK, word_set

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
