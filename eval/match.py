"""Is this answer right? One declared rule at a time, and the cause when it isn't.

``exact``      the same words, whole and in order, as the short answer or as the answer's sentence
``word``       the answer's words stand in the prediction, whole, in order and not negated
``substring``  the characters occur anywhere ("no" in "normal"); kept to reproduce published figures
``choice``     the prediction names exactly one of the choices, and it is the right one; else ``word``

Common to ``word`` and ``choice``: yes/no is read from the leading word, lists are compared as sets,
grid cells by their place. An empty prediction is wrong under every rule; a refusal and a repeated
question are wrong under every rule but ``substring``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from surgvqa.cards.command import InputError, nearest
from surgvqa.eval import positions

RULES = ("exact", "word", "substring", "choice")
SET_KINDS = frozenset({"instruments", "anatomy", "entered", "exited"})  # a list of names is the answer
CELL_KINDS = frozenset({"absolute_position"})
YES_NO = ("yes", "no")
NOTHING = re.compile(
    r"(?:none|nothing|empty|no)|no (?:\w+ )?(?:instruments?|tools?|objects?|anatomy|structures?)(?: \w+)*"
)
NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

MARK = "|"  # where a clause ends
MARKS = frozenset(".,;:!?\n")
TOKEN = re.compile(r"(?:[<>≤≥]=?\s*)?\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)?|[+%°]|[.,;:!?\n]")
NEGATORS = frozenset(
    [
        "not",
        "no",
        "never",
        "without",
        "cannot",
        "neither",
        "nor",
        "non",
        "lacks",
        "lacking",
        "lack",
        "absence",
        "except",
        "excluding",
        "free",
    ]
)
PAIRS = frozenset({("rather", "than"), ("instead", "of"), ("other", "than")})
AFFIRMING = frozenset(
    {("not", "only"), ("not", "just"), ("not", "merely"), ("no", "doubt"), ("no", "question")}
)
BREAKERS = frozenset(["but", "however", "that", "which", "whereas", "although", "because", "so", "instead"])
BE = frozenset(["is", "are", "was", "were", "be", "been", "has", "have", "does", "do", "did", "can", "could"])
ABSENT = frozenset(
    ["not", "never", "absent", "missing", "excluded", "impossible", "incorrect", "wrong", "false"]
)
DENYING = NEGATORS | ABSENT | {first for first, _ in PAIRS}
SCOPE = 6  # words a negation reaches: "not moving to the left" is four
LEAD = re.compile(r"^\s*(?:the\s+)?(?:final\s+)?answer\s*(?:is\s*:?|:)\s*", re.I)
THOUGHT = re.compile(r"<think>.*?(?:</think>|$)", re.S)
TAGGED = re.compile(r"<answer>(.*?)(?:</answer>|$)", re.S)
LETTER = re.compile(r"^\(?([A-Z])(?:\)|\.|:|\)\.)?(?=\s|$)")
REFUSAL = re.compile(
    r"\bi(?: am|'m) (?:sorry|unable|not able|not sure)\b|\bi (?:can ?not|can't|don't know|do not know)\b"
    r"|\b(?:unable|impossible) to (?:determine|tell|say|see|answer|assess)\b|\bas an ai\b"
    r"|\bcan(?:not|'t| not) (?:be )?(?:determined?|tell|told|say|assess(?:ed)?|answer(?:ed)?)\b"
    r"|\bnot enough information\b|\binsufficient information\b"
)

REFUSING = frozenset(["i", "i'm", "unable", "impossible", "ai", "cannot", "can't", "can", "information"])


class Verdict(NamedTuple):
    """Right or wrong, and why wrong."""

    correct: bool
    cause: str  # "" when right


RIGHT = Verdict(True, "")


@lru_cache(maxsize=65536)
def clauses(text: str) -> tuple[str, ...]:
    """The words of a text, lower case, with a mark where a clause ends.

    >>> clauses("Not left; it's Viscoelastic_Suction (<5 mm).")
    ('not', 'left', '|', "it's", 'viscoelastic', 'suction', '<5', 'mm', '|')
    """
    plain = unicodedata.normalize("NFKC", text).replace("’", "'").casefold()
    return tuple(
        MARK if found in MARKS else found if found.isalpha() else "".join(found.split())
        for found in TOKEN.findall(plain)
    )


@lru_cache(maxsize=65536)
def words(text: str) -> tuple[str, ...]:
    """The words of a text, without the marks.

    >>> words("Top-left.")
    ('top', 'left')
    """
    return tuple(token for token in clauses(text) if token != MARK)


@lru_cache(maxsize=4096)
def final(prediction: str) -> str:
    """What a model says in the end: without its thoughts, tags and "the answer is".

    >>> final("<think>left?</think><answer>The answer is: **right**</answer>")
    'right'
    """
    text = THOUGHT.sub("", prediction) if "<think>" in prediction else prediction
    tagged = TAGGED.search(text)
    return LEAD.sub("", (tagged.group(1) if tagged else text).replace("**", "").strip())


def matches(
    rule: str,
    prediction: str,
    answer: str,
    choices: Sequence[str] = (),
    kind: str = "",
    sentence: str = "",
    question: str = "",
) -> bool:
    """Whether ``prediction`` is right under ``rule``; ``answer`` is the short answer.

    ``choices`` are the question's; for a list they are the names that could stand in it. ``sentence`` is
    the full answer and ``question`` the question's text, where known.

    >>> matches("substring", "The mucosa looks normal", "no"), matches("word", "The mucosa looks normal", "no")
    (True, False)
    >>> matches("word", "It is not left", "left"), matches("word", "It is not right but left", "left")
    (False, True)
    >>> matches("choice", "left or right", "left", ("left", "right"))
    False
    """
    return judge(rule, prediction, answer, tuple(choices), kind, sentence, question).correct


def judge(
    rule: str,
    prediction: str,
    answer: str,
    choices: tuple[str, ...] = (),
    kind: str = "",
    sentence: str = "",
    question: str = "",
) -> Verdict:
    """As ``matches``, with the cause.

    >>> judge("choice", "top left, or maybe the center", "left", ("left", "top left", "center"))
    Verdict(correct=False, cause='names several answers')
    """
    if rule not in RULES:
        raise InputError(f"--rule {rule}: no such rule; {nearest(rule, RULES)}")
    if not prediction.strip():
        return Verdict(False, "empty")
    if rule == "substring":
        found = answer.strip().lower() in prediction.lower()
        return RIGHT if found else Verdict(False, "not in it")
    text = final(prediction)
    said = words(text)
    if said and said in (words(answer), words(sentence)):
        return RIGHT
    asked = words(question)
    if asked and said[: len(asked)] == asked:
        text, said = _after(text, len(asked)), said[len(asked) :]
        if not said:
            return Verdict(False, "repeats the question")
        if said in (words(answer), words(sentence)):
            return RIGHT
    if not said or not words(answer):  # symbols only: nothing to find as words
        same = text.strip().casefold() == answer.strip().casefold()
        return RIGHT if same else Verdict(False, "another answer")
    if rule == "exact":
        return Verdict(False, "not the same words")
    if not REFUSING.isdisjoint(said) and REFUSAL.search(" ".join(said)):
        return Verdict(False, "refusal")
    return _in_words(rule, text, answer, choices, kind)


def _in_words(rule: str, text: str, answer: str, choices: tuple[str, ...], kind: str) -> Verdict:
    if answer.strip().casefold() in YES_NO:
        return _leading(text, answer.strip().casefold())
    if kind in SET_KINDS:
        given, truth = listed(text, answer, choices)
        return RIGHT if given == truth else Verdict(False, "another list")
    if kind in CELL_KINDS and (cell := positions.cell(words(answer))) is not None:
        there = positions.cell(affirmed(text))
        return (
            RIGHT if there == cell else Verdict(False, "no single cell" if there is None else "another cell")
        )
    if rule == "choice" and choices:
        return _chosen(text, answer, choices)
    if answer.strip().isdigit():
        return _counted(text, answer.strip())
    spots = _spots(clauses(text), words(answer))
    if not spots:
        return Verdict(False, "not among its words")
    kept = any(not _negated(clauses(text), start, end) for start, end in spots)
    return RIGHT if kept else Verdict(False, "negated")


def _counted(text: str, answer: str) -> Verdict:
    """A whole number: the only one that is named, in digits or as a word up to ten."""
    said = (str(NUMERALS.index(word)) if word in NUMERALS else word for word in affirmed(text))
    numbers = {word for word in said if word[0].isdigit()}
    if len(numbers) > 1:
        return Verdict(False, "names several answers")
    return RIGHT if numbers == {answer} else Verdict(False, "another answer")


def _after(text: str, count: int) -> str:
    """The text behind its first ``count`` words."""
    for found in TOKEN.finditer(unicodedata.normalize("NFKC", text).replace("’", "'").casefold()):
        if count == 0 and found.group() not in MARKS:
            return text[found.start() :]
        count -= found.group() not in MARKS
    return ""


def _leading(text: str, answer: str) -> Verdict:
    said = words(text)
    if said[0] not in YES_NO:
        return Verdict(False, "no leading yes or no")
    rest = said[2:3] if said[1:2] in (("or",), ("and",)) else said[1:2]
    if rest and rest[0] in YES_NO and rest[0] != said[0]:
        return Verdict(False, "names several answers")
    return RIGHT if said[0] == answer else Verdict(False, "another answer")


def _chosen(text: str, answer: str, choices: tuple[str, ...]) -> Verdict:
    wanted = words(answer)
    options = [*choices, *([] if any(words(choice) == wanted for choice in choices) else [answer])]
    found = named(text, tuple(options))
    if not found and (letter := LETTER.match(text.strip())):
        place = ord(letter.group(1)) - ord("A")
        found = (choices[place],) if place < len(choices) else ()
    if len(found) != 1:
        return Verdict(False, "names several answers" if found else "names no choice")
    return RIGHT if words(found[0]) == wanted else Verdict(False, "another answer")


def named(text: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """The options a text names and doesn't negate, in the options' order; the longest name wins a place.

    >>> named("the top left, not the center", ("left", "top left", "center"))
    ('top left',)
    """
    tokens = clauses(text)
    taken: set[int] = set()
    found: set[str] = set()
    for form, option in _forms(options):
        for start, end in _spots(tokens, form):
            if taken.isdisjoint(range(start, end)):
                taken.update(range(start, end))
                if not _negated(tokens, start, end):
                    found.add(option)
    return tuple(option for option in options if option in found)


def mentioned(text: str, options: tuple[str, ...]) -> bool:
    """Whether a text holds any of the options' words, negated or not.

    >>> mentioned("not the top left", ("top-left",))
    True
    """
    tokens = clauses(text)
    return any(_spots(tokens, form) for form, _ in _forms(options))


@lru_cache(maxsize=4096)
def _forms(options: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    """The options as words, the longest first; of two that read the same, the first."""
    forms = {words(option): option for option in reversed(options) if words(option)}
    return sorted(forms.items(), key=lambda pair: (-len(pair[0]), pair[0]))


def affirmed(text: str) -> tuple[str, ...]:
    """The words of a text that no negation reaches.

    >>> affirmed("not the left but the right")
    ('not', 'the', 'right')
    """
    tokens = clauses(text)
    return tuple(token for i, token in enumerate(tokens) if token != MARK and not _negated(tokens, i, i + 1))


@lru_cache(maxsize=4096)
def listed(
    prediction: str, answer: str, vocabulary: tuple[str, ...] = ()
) -> tuple[frozenset[str], frozenset[str]]:
    """A list that was given and the true one, as sets of names.

    A name of the ``vocabulary`` counts where it stands; a piece of a plain list that holds no known name
    counts as a name of its own, so that inventing one is seen. "None" is the empty list, and silence about
    every known name isn't.

    >>> given, truth = listed("Spatula, forceps and a scalpel", "forceps, spatula", ("spatula", "forceps"))
    >>> sorted(given), sorted(truth)
    (['a scalpel', 'forceps', 'spatula'], ['forceps', 'spatula'])
    >>> listed("No instruments are visible.", "none")
    (frozenset(), frozenset())
    """
    truth = items(answer, vocabulary)
    known = tuple(dict.fromkeys([*truth, *(name(entry) for entry in vocabulary if not nothing(entry))]))
    given = {name(entry) for entry in named(prediction, known)}
    parts = pieces(prediction)
    if all(len(words(part)) <= 3 for part in parts):  # a plain list, not a sentence
        strange = {name(piece) for piece in parts if not named(piece, known)}
        given |= {piece for piece in strange if not _negates(piece)}
    if not given and not any(_negates(part) for part in parts):
        given = {name(prediction)}
    return frozenset(given), truth


def name(text: str) -> str:
    """A name as lists compare it.

    >>> name("Phaco-tip")
    'phaco tip'
    """
    return " ".join(words(text))


def _negates(piece: str) -> bool:
    return any(
        word in NEGATORS or word in ("none", "nothing", "empty") or word.endswith("n't")
        for word in words(piece)
    )


def pieces(text: str) -> list[str]:
    """The parts between commas, full stops and "and".

    >>> pieces("spatula, forceps and a scalpel.")
    ['spatula', ' forceps ', ' a scalpel']
    """
    return [piece for piece in re.split(r"[,;\n.]|\band\b|&", text) if words(piece)]


@lru_cache(maxsize=65536)
def items(answer: str, vocabulary: tuple[str, ...] = ()) -> frozenset[str]:
    """The names in a true list; a known name keeps its "and".

    >>> sorted(items("Irrigation and aspiration, forceps", ("irrigation and aspiration",)))
    ['forceps', 'irrigation and aspiration']
    """
    names = {name(entry) for entry in vocabulary if not nothing(entry)}
    if name(answer) in names:
        return frozenset({name(answer)})
    found: set[str] = set()
    for piece in re.split(r"[,;\n]", answer):
        whole = name(re.sub(r"^\s*and\b", "", piece))
        parts = [whole] if whole in names else [name(part) for part in re.split(r"\band\b|&", piece)]
        found.update(part for part in parts if part)
    return frozenset(item for item in found if not nothing(item))


@lru_cache(maxsize=4096)
def nothing(text: str) -> bool:
    """Whether a list says that there is nothing in it.

    >>> nothing("none"), nothing("No instruments"), nothing("no earlier moment")
    (True, True, False)
    """
    return NOTHING.fullmatch(name(text)) is not None


def _spots(tokens: tuple[str, ...], form: tuple[str, ...]) -> list[tuple[int, int]]:
    """Where the words stand, whole and in order."""
    if not form or form[0] not in tokens:
        return []
    size = len(form)
    return [(i, i + size) for i in range(len(tokens)) if tokens[i : i + size] == form]


@lru_cache(maxsize=4096)
def _may_negate(tokens: tuple[str, ...]) -> bool:
    return any(token in DENYING or token.endswith("n't") for token in tokens)


def _negated(tokens: tuple[str, ...], start: int, end: int) -> bool:
    """Whether a negation reaches ``tokens[start:end]``, from before ("not left") or behind ("left is absent")."""
    if not _may_negate(tokens):
        return False
    for i in range(start - 1, max(-1, start - 1 - SCOPE), -1):
        token, following = tokens[i], tokens[i + 1] if i + 1 < len(tokens) else ""
        if (token, following) in PAIRS:
            return True
        if token == MARK or token in BREAKERS:
            break
        if (token in NEGATORS or token.endswith("n't")) and (token, following) not in AFFIRMING:
            interjection = i == 0 and token == "no" and following in {"the", "it", "there", "this", "they"}
            if not interjection:
                return True
    behind = tokens[end : end + 3]
    if MARK in behind:
        behind = behind[: behind.index(MARK)]
    if not behind:
        return False
    return behind[0].endswith("n't") or (behind[0] in BE and any(word in ABSENT for word in behind[1:]))
