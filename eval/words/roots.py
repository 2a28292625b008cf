"""The roots of words: what a noun of an action and its verb share, and words that mean the same in a longer name."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from surgvqa.eval.words.thesaurus import kindred_words
from surgvqa.eval.words.tokens import american

ENDING = re.compile(r"(?:at)?(?:ions?|ing|ed|es?)$|s$")  # "fire", "firing"
Y_ENDING = re.compile(r"([a-z])(?:ying|ies?|ied)")  # "tying", "ties"
IRREGULAR = {"held": "hold", "bled": "bleed", "torn": "tear", "sewn": "sew", "drawn": "draw", "driven": "drive", "taken": "take", "seen": "see",
             "shown": "show", "worn": "wear", "hidden": "hide", "lost": "lose", "left": "left"}  # fmt: skip


@lru_cache(maxsize=65536)
def root(word: str, least: int = 5) -> str:
    """Return what a noun of an action and its verb share; short words stay as they are.

    >>> root("implantation") == root("implanted") == root("implanting"), root("dissection") == root("dissecting"), root("lens")
    (True, True, 'lens')
    >>> root("tying", 3) == root("ties", 3) == root("tied", 3), root("cutting", 3) == root("cuts", 3)
    (True, True)
    """
    if least < 5 and (match := Y_ENDING.fullmatch(word)):
        return f"{match.group(1)}ie"
    word = american(IRREGULAR.get(word, word).removesuffix("'s"))
    base = ENDING.sub("", word)
    if base == word and len(word) > 7:  # "sphenoidal"
        base = word.removesuffix("al")
    if least < 5 and len(base) > 3 and base[-1] == base[-2]:  # "cutting"
        base = base[:-1]
    return base if len(base) >= least and word != "lens" else word


@lru_cache(maxsize=65536)
def kin(word: str, least: int = 5) -> str:
    """Return the root of a word, or that of the word it means the same as: "removal" is "excision".

    >>> kin("removal") == kin("excised"), kin("lens")
    (True, 'lens')
    """
    return _kindred_roots().get(root(word, 3)) or root(word, least)


@cache
def _kindred_roots() -> dict[str, str]:
    words_by_noun = kindred_words()
    return {root(word, 3): f"{noun}~" for noun, own in words_by_noun.items() for word in (noun, *own)}
