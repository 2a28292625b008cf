"""The kinds of questions that a build is asked for: whether there are such, how they are said, and why one isn't asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from surgvqa.builders.asking.pool import CAUSES, POOL, kinds
from surgvqa.builders.asking.templates import wording
from surgvqa.builders.questions.ask import KINDS
from surgvqa.cards.command import InputError, nearest


def refuse_unknown_kinds(asking: str, names: Collection[str]) -> None:
    """Refuse a kind that isn't asked this way, or that has no wording, and wording of no kind.

    Raises:
        InputError: the first of these, with what there is.
    """
    known_kinds = kinds() if asking == "informative" else KINDS
    for kind in names:
        if kind not in known_kinds:
            other = "nine" if kind in KINDS else "informative"
            if kind in KINDS or kind in kinds():
                raise InputError(f"--kinds {kind} is asked with --questions {other}, add that")
            raise InputError(f"unknown kind of question {kind!r}: {nearest(kind, known_kinds)}")
    if asking == "informative" and (silent := {*names} - wording().kinds.keys()):
        raise InputError(f"{min(silent)} has no wording; give it six phrasings or more with --templates FILE")
    if stray := wording().kinds.keys() - kinds().keys():
        raise InputError(f"wording of {min(stray)}, and no such kind; {nearest(min(stray), kinds())}")


def unasked_kinds(
    kinds_with_questions: Collection[str], left_out: Mapping[str, Mapping[str, int]]
) -> Iterator[str]:
    """Say of a kind of a user's own why it has no question although it drafted some, or how many drafts weren't asked.

    >>> list(unasked_kinds([], {"late": {"not answerable": 6}}))
    ['late is not asked: of its drafts 6 are not answerable; evidence must lie within the frames that are shown']
    >>> list(unasked_kinds(["late"], {"late": {"not answerable": 2, "redundant": 3}}))
    ['late is asked in part: of its drafts 2 are not answerable; evidence must lie within the frames that are shown']
    """
    for kind, causes in sorted(left_out.items()):
        counts = ", ".join(f"{n} are {cause}" for cause, n in sorted(causes.items()) if cause in CAUSES)
        if counts and kind not in POOL:
            share = "asked in part" if kind in kinds_with_questions else "not asked"
            yield f"{kind} is {share}: of its drafts {counts}; evidence must lie within the frames that are shown"


def way_out(names: Collection[str]) -> str:
    """Return what to do where no informative question is left; only what is true of the kinds that were asked for."""
    runs = {*names} <= {*KINDS} or {*names} == {*kinds()}
    return "--questions nine asks anyway" if runs else "ask other kinds with --kinds, or leave that out"
