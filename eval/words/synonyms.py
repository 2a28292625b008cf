"""Other words for the answers that a kind has: directions, places, "not visible", and the terms of `thesaurus`."""

from __future__ import annotations

from collections.abc import Iterable, Set
from functools import cache

from surgvqa.eval.words.thesaurus import spellings_by_term
from surgvqa.eval.words.tokens import name

TOWARDS_TOP, TOWARDS_BOTTOM = (
    tuple(
        f"{way} the {side}"
        for way in ("to", "towards", "toward")
        for word in words
        for side in (
            word,
            *(f"{word} {part}" for part in ("edge", "side", "border", "part", "half", "margin")),
        )
    )
    for words in (("top", "upper"), ("bottom", "lower"))
)
STILLNESS = (
    "stationary", "motionless", "static", "not moving", "no movement", "no motion", "doesn't move", "does not move",
)  # fmt: skip
# Each group is one set of answers; its words stand for an answer only where the kind knows two of the group.
GROUPS: tuple[dict[str, tuple[str, ...]], ...] = (
    {
        "left": (
            "leftward",
            "leftwards",
            "to the left",
            "left side",
            "left-hand side",
            "west",
            "links",
            "gauche",
            "izquierda",
            "sinistra",
        ),
        "right": (
            "rightward",
            "rightwards",
            "to the right",
            "right side",
            "right-hand side",
            "east",
            "rechts",
            "droite",
            "derecha",
            "destra",
        ),
        "up": ("upward", "upwards", "upwardly", "north", "oben", "haut", "arriba", *TOWARDS_TOP),
        "down": ("downward", "downwards", "downwardly", "south", "unten", "bas", "abajo", *TOWARDS_BOTTOM),
        "still": (*STILLNESS, "immobile", "isn't moving", "at rest"),
        "stable": (*STILLNESS, "still"),
        "none": ("no movement", "no motion", "not moving"),
    },
    {
        "left": ("west", "links", "gauche", "izquierda", "sinistra"),
        "right": ("east", "rechts", "droite", "derecha", "destra"),
        "top": ("upper", "up", "above", "north", "superior", "oben", "haut", "arriba"),
        "bottom": ("lower", "down", "below", "south", "inferior", "unten", "bas", "abajo"),
    },
    {
        "left of": ("to the left", "left", "on the left", "leftward"),
        "right of": ("to the right", "right", "on the right", "rightward"),
        "above": ("over", "higher than", "higher", "higher up", "on top of", "superior to"),
        "below": ("beneath", "under", "underneath", "lower than", "lower down", "inferior to"),
        "inside": ("within", "in", "into", "in the interior of"),
        "outside": ("out of", "beyond", "external to", "exterior to"),
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
ALONE: dict[str, tuple[str, ...]] = {  # these are clear without a second answer of their group
    "not visible": ("out of view", "cannot be seen", "can't be seen", "not seen", "not in view", "invisible", "isn't visible", "hidden",
                    "out of frame", "out of the frame", "not in the frame", "not in frame", "outside the frame", "out of sight"),
    "idle": ("no surgical activity", "no surgical action", "no activity", "no action", "inactive", "no phase", "nothing happening", "nothing is happening",
             "none", "pause", "paused"),
    "zero": ("0",),
}  # fmt: skip


def synonyms(options: Iterable[str]) -> dict[str, str]:
    """Other spellings of the options, as names, and the option each stands for.

    A spelling that is an option of its own, or that two options share, stands for none.

    >>> synonyms(["left", "right"])["leftwards"], "leftwards" in synonyms(["left"])
    ('left', False)
    """
    option_by_name = {name(option): option for option in options}
    options_by_spelling: dict[str, set[str]] = {}
    tables = [group for group in _groups() if sum(answer in option_by_name for answer in group) > 1]
    for key, option in option_by_name.items():
        for table in (*tables, ALONE, spellings_by_term()):
            for spelling in table.get(key, ()):
                options_by_spelling.setdefault(name(spelling), set()).add(option)
    return {
        spelling: next(iter(own))
        for spelling, own in options_by_spelling.items()
        if len(own) == 1 and spelling not in option_by_name and not _is_list(spelling, option_by_name.keys())
    }


def _is_list(spelling: str, options: Set[str]) -> bool:
    """Whether each word of a spelling is an option of its own: "bipolar grasper" where "bipolar" and "grasper" are two."""
    own = spelling.split()
    return len(own) > 1 and options >= set(own)


@cache
def _groups() -> tuple[dict[str, tuple[str, ...]], ...]:
    return tuple({name(answer): spellings for answer, spellings in group.items()} for group in GROUPS)
