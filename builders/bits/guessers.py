"""The guessers that every blind figure names, and when a guess counts as right; build, card, app and scores share them.

``majority`` says the most frequent training answer of the kind, ``text`` the most frequent one to the very question;
both keep to the question's choices. ``words`` is the classifier of ``bits.blind``.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import median

from surgvqa.builders.bits.blind import Guesser, QuestionCounts, answer_class, context
from surgvqa.builders.geometry import regions

# The choices of these kinds are the names that may stand in a list, which is the answer.
LIST_KINDS = frozenset({"instruments", "ever_seen", "anatomy", "entered", "exited"})
YES_NO = frozenset({"yes", "no"})
Questions = Mapping[tuple[str, tuple[str, ...], str], int]  # question, choices, answer -> times
STRETCH = re.compile(r"([\d.]+)-([\d.]+) s: (.+)")  # a stretch of time and what it shows


def likeliest(counts: Mapping[str, int], kind: str, choices: Sequence[str]) -> str | None:
    """Return the most frequent answer, one of the question's choices where it has any; ties go by the alphabet.

    Lists of instruments are free: their choices are the names that may stand in them.

    >>> likeliest({"left": 3, "right": 1}, "side", ["right", "above"])
    'right'
    """
    ranking = sorted(counts, key=lambda answer: (-counts[answer], answer))
    if not choices or kind in LIST_KINDS:
        return next(iter(ranking), None)
    folded_choices = {choice.casefold() for choice in choices}
    return next((answer for answer in ranking if answer.casefold() in folded_choices), None)


def pick(counts: Sequence[Mapping[str, int]], kind: str, choices: Sequence[str]) -> str:
    """Return the likeliest answer of the first counts that hold one of the choices.

    Where none do, the most frequent answer of the last ones; without any, the first choice by the alphabet, or nothing.

    >>> pick([{}, {"left": 2}], "side", ["left", "right"]), pick([{"up": 1}], "side", ["left"]), pick([{}], "side", ["b", "a"])
    ('left', 'up', 'a')
    """
    for one in counts:
        if (answer := likeliest(one, kind, choices)) is not None:
            return answer
    return likeliest(counts[-1], kind, ()) or min(choices, default="")


def text_key(question: str) -> str:
    """Return a question's words as ``text`` compares them.

    >>> text_key("Which  phase?") == text_key("which phase?")
    True
    """
    return " ".join(question.casefold().split())


class KindGuessers:
    """The guessers of one kind, taught by training's questions."""

    def __init__(self, kind: str, train: Questions) -> None:
        self.kind = kind
        self.answers = Counter[str]()
        self.by_text: dict[str, Counter[str]] = defaultdict(Counter)
        members: dict[str, Counter[str]] = defaultdict(Counter)
        classes: QuestionCounts = Counter()
        for (question, choices, answer), times in train.items():
            self.answers[answer] += times
            self.by_text[text_key(question)][answer] += times
            members[answer_class(answer)][answer] += times
            classes[context(kind, question, choices), answer_class(answer)] += times
        self.classifier = Guesser(classes)
        self.spelling = {name: middle(counts) for name, counts in members.items()}

    def majority(self, question: str, choices: Sequence[str]) -> str:
        """Return the most frequent answer."""
        return pick([self.answers], self.kind, choices)

    def text(self, question: str, choices: Sequence[str]) -> str:
        """Return the most frequent answer to the very question."""
        return pick([self.by_text.get(text_key(question), {}), self.answers], self.kind, choices)

    def words(self, question: str, choices: Sequence[str]) -> str:
        """Return the classifier's answer."""
        guess = self.classifier.guess(context(self.kind, question, tuple(choices)))
        return self.spelling[guess] if guess is not None else ""


def middle(counts: Mapping[str, int]) -> str:
    """Return the answer that stands for those of one class: of boxes the middle one, else the most frequent.

    >>> middle({"[0, 0, 10, 10]": 1, "[2, 2, 10, 12]": 1, "[4, 4, 90, 90]": 1})
    '[2, 2, 10, 12]'
    """
    boxes = [
        box for answer, n in sorted(counts.items()) if (box := regions.true_box(answer)) for _ in range(n)
    ]
    if boxes:
        return f"[{', '.join(str(round(median(side))) for side in zip(*boxes, strict=True))}]"
    return min(counts, key=lambda answer: (-counts[answer], answer))


@lru_cache(maxsize=65536)
def is_right(guess: str, truth: str) -> bool:
    """Whether a guess counts as right, as scoring has it: the same words; of boxes and intervals an overlap of half their union.

    >>> is_right("[0, 0, 10, 10]", "[0, 0, 10, 6]"), is_right("1.0-3.0 s", "1.0-4.0 s"), is_right("left", "upper left")
    (True, True, False)
    >>> is_right("0.0-3.0 s: hook; 3.0-6.0 s: none", "0.0-2.0 s: hook; 2.0-6.0 s: none")
    True
    """
    if guess == truth:
        return True
    if (box := regions.true_box(truth)) is not None:
        other = regions.true_box(guess)
        return other is not None and regions.same_box(other, box)
    if (span := regions.true_span(truth)) is not None:
        interval = regions.true_span(guess)
        return interval is not None and regions.same_span(interval, span)
    if true_stretches := _stretches(truth):
        return regions.same_stretches(_stretches(guess), true_stretches)
    return guess.casefold() == truth.casefold()


def _stretches(answer: str) -> list[regions.Stretch]:
    """Return the stretches that an answer of a build is; none where it is something else."""
    matches = [STRETCH.fullmatch(part) for part in answer.split("; ")]
    if not all(matches):
        return []
    return [
        ((float(match[1]), float(match[2])), frozenset(match[3].split(", "))) for match in matches if match
    ]


def chance(kind: str, choices: Sequence[str], answer: str, answer_count: int) -> float:
    """Return the share right of an even guess among the choices, or the ``answer_count`` answers of the kind.

    >>> chance("side", ["a", "b", "c", "d"], "a", 9), chance("presence", (), "yes", 9), chance("count", (), "2", 5)
    (0.25, 0.5, 0.2)
    """
    if choices and kind not in LIST_KINDS:
        return 1 / len(choices)
    return 1 / (2 if answer.casefold() in YES_NO else answer_count)
