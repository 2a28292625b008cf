"""Replies that give no one answer: several, joined or listed; a refusal; what would be so if something else were."""

from __future__ import annotations

import itertools
import re
from functools import lru_cache

from surgvqa.eval.reading.order import mentions_for
from surgvqa.eval.words.negation import may_negate
from surgvqa.eval.words.terms import Mention, mentions
from surgvqa.eval.words.thesaurus import term_names
from surgvqa.eval.words.tokens import MARK, clauses, word_set, words

ARTICLES = word_set("the a an to in on at either maybe perhaps possibly even also")
CLOSE = 3  # words between two answers that are still joined: "left or to the right"
MANY = 3  # different answers that are too many, wherever they stand
LIST_SEPARATOR = re.compile(r"[,;/\n|&]|\bor\b|\band\b|\bund\b|\bou\b", re.I)
REFUSAL = re.compile(
    r"\bi(?: am|'m) (?:sorry|unable|not able|not sure)\b|\bi (?:can ?not|can't|don't know|do not know)\b"
    r"|\b(?:unable|impossible) to (?:determine|tell|say|see|answer|assess)\b|\bas an ai\b"
    r"|\bcan(?:not|'t| not) (?:be )?(?:determined?|tell|told|say|assess(?:ed)?|answer(?:ed)?)\b"
    r"|\bnot enough information\b|\binsufficient information\b"
)
REFUSING = frozenset(["i", "i'm", "unable", "impossible", "ai", "cannot", "can't", "can", "information"])
SUPPOSITION = re.compile(
    r"^if (?!i (?:had to|have to|must|were to|was to|am))(?:\w+ ){1,6}?(?:were|was|had|could)\b.*\b(?:would|could)\b"
    r"|^(?:\w+ ){0,3}would (?:\w+ ){0,5}if (?:\w+ ){1,6}?(?:were|was|had|could)\b"
)
OWN_QUESTION = re.compile(r"\?\s*(?:no|nope|nah|not quite|not really)\s*[,.;:–-]+\s*(?=\w)", re.I)
OWN_CHOICE = re.compile(r"^[^?.!\n]*\bor\b[^?.!\n]*\?\s*(?=\w)", re.I)
SPAN = re.compile(r"\b(?:anything|something|somewhere|any(?:where)?) (?:from|between)\b", re.I)
DISCLAIMER = re.compile(r"\b(?:but|however|nevertheless|that said)\b[\s,:]*", re.I)
AND_OR = re.compile(r"\s*\band\s*/\s*or\b\s*", re.I)
AND = re.compile(r"\band\b|&", re.I)
UNSEEN = re.compile(r"i (?:can ?not|can't|do not|don't) see (?:\w+ ){0,4}\w+")
SHORT = 3  # words of a piece of a plain list


def refuses(text: str) -> bool:
    """Whether a reply refuses to answer.

    >>> refuses("I'm sorry, I can't tell."), refuses("The tip can be seen")
    (True, False)
    """
    reply_words = words(text)
    return not REFUSING.isdisjoint(reply_words) and REFUSAL.search(" ".join(reply_words)) is not None


def behind_disclaimer(text: str) -> str:
    """Return what a reply answers behind a refusal: "I can't be sure, but it is the liver"; "" where it says no more.

    >>> behind_disclaimer("I can't give advice, but this is the liver."), behind_disclaimer("I can't tell.")
    ('this is the liver.', '')
    """
    parts = DISCLAIMER.split(text, maxsplit=1)
    return parts[1] if len(parts) == 2 and refuses(parts[0]) and not refuses(parts[1]) else ""


def unseen(text: str) -> bool:
    """Whether a reply says that a thing is not visible, in the words of a refusal.

    >>> unseen("I cannot see the pupil."), unseen("I cannot see well enough to say where it would have to be")
    (True, False)
    """
    return UNSEEN.fullmatch(" ".join(words(text))) is not None


def after_question(text: str) -> str:
    """Return what stands behind a question that a reply asks itself; other text, and a question to say yes to, as it is.

    >>> after_question("Is it the liver? No, it is the spleen."), after_question("The liver?")
    ('it is the spleen.', 'The liver?')
    >>> after_question("Liver or spleen? Liver.")
    'Liver.'
    """
    *_, own_question = [None, *OWN_QUESTION.finditer(text), *OWN_CHOICE.finditer(text)]
    return text[own_question.end() :] if own_question else text


@lru_cache(maxsize=32768)
def supposes(text: str) -> bool:
    """Whether a reply says only what would be the answer if something else were so.

    >>> supposes("If it were visible, I would say yes."), supposes("If I had to choose, I would say left.")
    (True, False)
    """
    return SUPPOSITION.search(" ".join(words(text))) is not None


@lru_cache(maxsize=32768)
def joins(text: str, options: tuple[str, ...], question: str = "") -> bool:
    """Whether two different options stand joined: by "or", "and", a comma, or in sentences built alike.

    >>> joins("liver or stomach", ("liver", "stomach")), joins("the liver above the stomach", ("liver", "stomach"))
    (True, False)
    """
    tokens = clauses(text)
    occurrences = [
        mention
        for mention in mentions_for(text, options, question)
        if mention.state in ("stated", "subordinate")
    ]
    if len({mention.option for mention in occurrences}) >= MANY:
        return True
    return any(
        a.option != b.option and (_beside(tokens, a, b) or _alike(tokens, a, b))
        for a, b in itertools.pairwise(occurrences)
    )


def _beside(tokens: tuple[str, ...], a: Mention, b: Mention) -> bool:
    between = tokens[a.end : b.start]
    return len(between) <= CLOSE and all(
        word in ARTICLES or word in (MARK, "or", "and", "vs") for word in between
    )


def _alike(tokens: tuple[str, ...], a: Mention, b: Mention) -> bool:
    """Whether two answers follow the same words, in clauses of their own: "It may be a. It may be b."."""
    before = tokens[max(0, a.start - 2) : a.start]
    return (
        bool(before)
        and before == tokens[max(0, b.start - 2) : b.start]
        and before[-1] not in ("the", "a", "of", "in")
    )


@lru_cache(maxsize=32768)
def alternatives(text: str, options: tuple[str, ...]) -> bool:
    """Whether one of the options stands as one of several things, known or not.

    >>> alternatives("liver or the gallbladder", ("liver",)), alternatives("hook, scissors, liver", ("liver",))
    (True, True)
    >>> alternatives("liver and/or gallbladder", ("liver",)), alternatives("spleen and gallbladder", ("spleen",))
    (True, True)
    >>> alternatives("left, to the left side", ("left",)), alternatives("phaco or phaco-emulsification", ("phaco",))
    (False, False)
    """
    text = AND_OR.sub(" or ", text)
    if SPAN.search(text):  # "anything from a to b"
        return True
    occurrences = mentions(text, options)
    if not occurrences:
        return False
    tokens = clauses(text)
    for mention in occurrences:
        if mention.state == "negated":
            continue
        before, behind = _skip_articles(tokens[: mention.start][::-1]), _skip_articles(tokens[mention.end :])
        if (before[:1] == ("or",) and not _same(before[1:], mention, tokens, occurrences)) or (
            behind[:1] == ("or",)
            and not _another_number(behind)
            and not _same_behind(tokens, mention, occurrences)
        ):
            return True
    beside = {one.option for one in occurrences if one.state == "aside"}
    beside -= {one.option for one in occurrences if one.state != "aside"}
    pieces = [
        piece
        for piece in LIST_SEPARATOR.split(_options_whole(text, options))
        if words(piece) and not _names_only(piece, options, beside)
    ]
    if len(pieces) == 2 and (
        all(_is_name(piece, options) for piece in pieces) or _and_another(pieces, text, options)
    ):  # "forceps, hook", of which one is no answer here
        return (
            len({tuple(m.option for m in mentions(piece, options)) or words(piece) for piece in pieces}) == 2
        )
    if len(pieces) < 3 or any(len(words(piece)) > SHORT for piece in pieces):
        return False
    own = {_piece(piece, options) for piece in pieces if not may_negate(clauses(piece))}
    return len(own) >= 3


def _names_only(piece: str, options: tuple[str, ...], beside: set[str]) -> bool:
    """Whether a piece of a list names nothing but what a reply mentions beside its answer: "B2, above B3"."""
    named_options = {mention.option for mention in mentions(piece, options)}
    return bool(named_options) and named_options <= beside


def _options_whole(text: str, options: tuple[str, ...]) -> str:
    """Return a text in which the mark within an option is no comma: "irrigation/aspiration"."""
    for option in options:
        if "/" in option:
            text = re.sub(re.escape(option), option.replace("/", " "), text, flags=re.I)
    return text


def _piece(piece: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a piece of a list names: the option that its words are, else its words."""
    own = words(piece)
    occurrences = mentions(piece, options)
    bare = tuple(word for word in own if word not in ARTICLES)
    if occurrences and sum(mention.end - mention.start for mention in occurrences) >= len(bare):
        return tuple(sorted({mention.option for mention in occurrences}))
    return bare or own


def _and_another(pieces: list[str], text: str, options: tuple[str, ...]) -> bool:
    """Whether a reply is an option and one more noun that nobody listed: "spleen and pancreas"."""
    own, other = words(pieces[0]), words(pieces[1])
    noun = len(other) == 1 and len(other[0]) > 3 and not other[0].endswith(("ly", "ed", "ing", "ible", "ent"))
    return noun and own in map(words, options) and AND.search(text) is not None


def _is_name(piece: str, options: tuple[str, ...]) -> bool:
    """Whether a piece is an option, or a term of a shipped procedure in one of its spellings."""
    own = tuple(word for word in words(piece) if word not in ARTICLES)
    return bool(own) and (" ".join(own) in term_names() or own in map(words, options))


def _skip_articles(tokens: tuple[str, ...]) -> tuple[str, ...]:
    place = next((i for i, token in enumerate(tokens) if token not in ARTICLES), len(tokens))
    return tokens[place:]


def _another_number(behind: tuple[str, ...]) -> bool:
    return behind[1:2] in (("more",), ("less",), ("fewer",))


def _same(
    before: tuple[str, ...], mention: Mention, tokens: tuple[str, ...], occurrences: tuple[Mention, ...]
) -> bool:
    """Whether what stands before the "or" is the same answer in other words."""
    return any(other.option == mention.option and other.end <= mention.start for other in occurrences)


def _same_behind(tokens: tuple[str, ...], mention: Mention, occurrences: tuple[Mention, ...]) -> bool:
    place = tokens.index("or", mention.end)
    return any(other.option == mention.option and other.start > place for other in occurrences)
