"""The vocabulary of answers: the share that uses a term of the taxonomy, and the meaning of the rest."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from surgvqa.eval.documents.scores import Vocabulary
from surgvqa.eval.reading import lists
from surgvqa.eval.reading.unwrap import final
from surgvqa.eval.scoring import match
from surgvqa.eval.scoring.verdicts import Judgement
from surgvqa.eval.words.tokens import words

ROLES: Mapping[str, tuple[str, ...]] = {
    "phase": ("phase",),
    "previous_phase": ("phase",),
    "next_phase": ("phase",),
    "anatomy": ("anatomy",),
    "instruments": ("instrument",),
    "entered": ("instrument",),
    "exited": ("instrument",),
}
LIST_LENGTH = 20  # answers outside the vocabulary that are listed, the most frequent first
LIKE = 0.6  # how alike a term must be to be called the nearest (difflib's ratio)
FREE = ("none", "idle", "not visible", "no earlier moment")  # answers that name nothing


def terms(spellings: Mapping[tuple[str, str], str], role: str) -> dict[str, str]:
    """Return a role's spellings and the term each stands for, from ``Taxonomy.spellings``.

    >>> terms({("phase", "phaco"): "phacoemulsification", ("anatomy", "lens"): "lens"}, "phase")
    {'phaco': 'phacoemulsification'}
    """
    return {spelling: name for (own, spelling), name in spellings.items() if own == role}


def alignment(every: Sequence[Judgement], spellings: Mapping[tuple[str, str], str]) -> dict[str, Vocabulary]:
    """Per kind whose answers are terms: how many answers name one, and the rest with their nearest term.

    The data set's own answer, word for word, is in its vocabulary.
    """
    groups: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in every:
        if judgement.row.kind in ROLES and judgement.row.error is None and judgement.row.prediction.strip():
            groups[judgement.row.kind].append(judgement)
    return {kind: _kind(own, kind, spellings) for kind, own in sorted(groups.items())}


def _kind(own: Sequence[Judgement], kind: str, spellings: Mapping[tuple[str, str], str]) -> Vocabulary:
    term_by_spelling = {
        spelling: name for role in ROLES[kind] for spelling, name in terms(spellings, role).items()
    }
    forms = tuple(dict.fromkeys((*term_by_spelling, *term_by_spelling.values(), *FREE)))
    free = (final(judgement.row.prediction) for judgement in own if not judgement.verdicts["exact"].correct)
    outside = Counter(answer for answer in free if strays(answer, forms, kind))
    inside = len(own) - outside.total()
    return {
        "n": len(own),
        "aligned": inside,
        "share": inside / len(own),
        "outside": [
            {"answer": answer[:200], "n": count, "nearest": nearest_term(answer, term_by_spelling)}
            for answer, count in outside.most_common(LIST_LENGTH)
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
    plain_text = f" {' '.join(words(text))} "
    return any(f" {' '.join(words(form))} " in plain_text for form in forms)


def nearest_term(answer: str, term_by_spelling: Mapping[str, str]) -> str | None:
    """Return the term whose spelling is most alike any stretch of the answer's words; None where none is.

    >>> nearest_term("This is the capsulorrhexes step", {"capsulorhexis": "capsulorhexis", "incision": "incision"})
    'capsulorhexis'
    >>> nearest_term("a dog", {"capsulorhexis": "capsulorhexis"}) is None
    True
    """
    answer_words = words(answer)
    best, best_term = LIKE, None
    for spelling, name in sorted(term_by_spelling.items()):
        form = words(spelling)
        stretches = {
            answer_words[i : i + len(form)] for i in range(max(1, len(answer_words) - len(form) + 1))
        }
        for stretch in stretches:
            ratio = difflib.SequenceMatcher(None, " ".join(stretch), " ".join(form)).ratio()
            if ratio > best:
                best, best_term = ratio, name
    return best_term
