"""Names of answers with a letter or two wrong, or spelled as in another language."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from surgvqa.eval.words.name_index import LONG, SAME_START, Index, consonants, foreign, labels
from surgvqa.eval.words.tokens import MARK, stem

LONGER = 14  # letters of a name in which two may be wrong
SHORTEST = 2  # letters of a name's first part: "co axial"


def find_misspelled(tokens: tuple[str, ...], option_index: Index) -> Iterator[tuple[int, int, str]]:
    """Long names with a letter or two wrong, or spelled as in another language; only where one is nearest."""
    if not option_index.firsts:
        return
    for start, token in enumerate(tokens):
        if len(token) < SHORTEST or foreign(token)[:1] not in option_index.firsts:
            continue
        together = ""
        for end in range(start + 1, min(len(tokens), start + 3) + 1):
            if tokens[end - 1] == MARK or not tokens[end - 1].isalpha():
                break
            together += stem(tokens[end - 1])
            spelling = foreign(together)
            names = option_index.long.get(spelling[:SAME_START], {}) if len(spelling) >= LONG - 1 else {}
            slips = option_index.slips.get(consonants(spelling), {})
            if not (names or slips):
                continue
            near = {
                option
                for key, option in names.items()
                if abs(len(key) - len(spelling)) <= 2
                and distance(spelling, key) <= (2 if len(key) >= LONGER else 1)
                and option_index.labels[key] == labels(tokens[start:end])
            } or {
                option
                for key, option in slips.items()
                if _is_slip(spelling, key) and option_index.labels[key] == labels(tokens[start:end])
            }
            if len(near) == 1:
                yield start, end, near.pop()
                break


def _is_slip(spelling: str, key: str) -> bool:
    """Whether a name of the same consonants has one letter doubled, dropped or swapped with its neighbour.

    >>> _is_slip("clapser", "clasper"), _is_slip("neddle", "needle"), _is_slip("perineal", "peroneal")
    (True, True, False)
    """
    if spelling[0] != key[0]:
        return False
    off, same_letters = distance(spelling, key), sorted(spelling) == sorted(key)
    wrong = [i for i in range(min(len(spelling), len(key))) if spelling[i] != key[i]]
    is_swap = same_letters and len(wrong) == 2 and wrong[1] - wrong[0] == 1
    return is_swap or (off == 1 and (len(spelling) != len(key) or set(spelling) == set(key)))


@lru_cache(maxsize=65536)
def distance(a: str, b: str) -> int:
    """Return the number of letters to change, add or drop (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (letter != other))
    return row[-1]
