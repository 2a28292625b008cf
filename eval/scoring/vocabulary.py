"""Do answers use the procedure's words? The share that names a term of the taxonomy, and what the rest meant."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from surgvqa.eval.documents.scores import Vocabulary
from surgvqa.eval.reading import lists
from surgvqa.eval.reading.tokens import words
from surgvqa.eval.reading.unwrap import final
from surgvqa.eval.scoring import match
from surgvqa.eval.scoring.verdicts import Judged

ROLES: Mapping[str, tuple[str, ...]] = {
    "phase": ("phase",),
    "previous_phase": ("phase",),
    "next_phase": ("phase",),
    "anatomy": ("anatomy",),
    "instruments": ("instrument",),
    "entered": ("instrument",),
    "exited": ("instrument",),
}
SHOWN = 20  # answers outside the vocabulary that are listed, the most frequent first
LIKE = 0.6  # how alike a term must be to be called the nearest (difflib's ratio)
FREE = ("none", "idle", "not visible", "no earlier moment")  # answers that name nothing


def terms(spellings: Mapping[tuple[str, str], str], role: str) -> dict[str, str]:
    """Return a role's spellings and the term each stands for, from ``Taxonomy.spellings``.

    >>> terms({("phase", "phaco"): "phacoemulsification", ("anatomy", "lens"): "lens"}, "phase")
    {'phaco': 'phacoemulsification'}
    """
    return {spelling: name for (own, spelling), name in spellings.items() if own == role}


def alignment(every: Sequence[Judged], spellings: Mapping[tuple[str, str], str]) -> dict[str, Vocabulary]:
    """Per kind whose answers are terms: how many answers name one, and the rest with their nearest term.

    The data set's own answer, word for word, is in its vocabulary.
    """
    groups: dict[str, list[Judged]] = defaultdict(list)
    for judged in every:
        if judged.row.kind in ROLES and judged.row.error is None and judged.row.prediction.strip():
            groups[judged.row.kind].append(judged)
    return {kind: _kind(own, kind, spellings) for kind, own in sorted(groups.items())}


def _kind(own: Sequence[Judged], kind: str, spellings: Mapping[tuple[str, str], str]) -> Vocabulary:
    known = {spelling: name for role in ROLES[kind] for spelling, name in terms(spellings, role).items()}
    forms = tuple(dict.fromkeys((*known, *known.values(), *FREE)))
    free = (final(judged.row.prediction) for judged in own if not judged.verdicts["exact"].correct)
    outside = Counter(answer for answer in free if strays(answer, forms, kind))
    inside = len(own) - outside.total()
    return {
        "n": len(own),
        "aligned": inside,
        "share": inside / len(own),
        "outside": [
            {"answer": answer[:200], "n": count, "nearest": nearest_term(answer, known)}
            for answer, count in outside.most_common(SHOWN)
        ],
    }


def strays(answer: str, forms: tuple[str, ...], kind: str) -> bool:
    """Whether an answer names no known term; a plain list strays with any piece that isn't one.

    >>> strays("Phaco now", ("phaco",), "phase"), strays("spatula, laser", ("spatula",), "instruments")
    (False, True)
    """
    if kind in match.SET_KINDS:
        pieces = lists.pieces(answer)
        if all(len(words(piece)) <= 3 for piece in pieces):
            return any(not has_term(piece, forms) and not lists.nothing(piece) for piece in pieces)
    return not has_term(answer, forms) and not lists.nothing(answer)


def has_term(text: str, forms: tuple[str, ...]) -> bool:
    """Tell whether a text has one of the spellings as it is: reading forgives plurals and slips, a vocabulary doesn't.

    >>> has_term("the phaco-tip", ("phaco tip",)), has_term("phaco tips", ("phaco tip",))
    (True, False)
    """
    said = f" {' '.join(words(text))} "
    return any(f" {' '.join(words(form))} " in said for form in forms)


def nearest_term(answer: str, known: Mapping[str, str]) -> str | None:
    """Return the term whose spelling is most alike any stretch of the answer's words; None where none is.

    >>> nearest_term("This is the capsulorrhexes step", {"capsulorhexis": "capsulorhexis", "incision": "incision"})
    'capsulorhexis'
    >>> nearest_term("a dog", {"capsulorhexis": "capsulorhexis"}) is None
    True
    """
    said = words(answer)
    best, found = LIKE, None
    for spelling, name in sorted(known.items()):
        form = words(spelling)
        stretches = {said[i : i + len(form)] for i in range(max(1, len(said) - len(form) + 1))}
        for stretch in stretches:
            ratio = difflib.SequenceMatcher(None, " ".join(stretch), " ".join(form)).ratio()
            if ratio > best:
                best, found = ratio, name
    return found
