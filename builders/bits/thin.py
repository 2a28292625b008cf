"""Thinning a held-out split until who never looks is no better than a few points above chance.

First the most frequent answers are capped; then, of what a guesser with text and choices still gets right, as many
are left out as it takes, by the sha256 of their ids. What cannot be thinned that far is left out whole, by name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from surgvqa.builders.bits.blind import Asked, Context, Guesser, chance, usual
from surgvqa.builders.cases import draws

ABOVE = 0.05  # chance, where thinning stops; the promise is 0.10, on guessers that aren't ours
CAPPED = 0.08  # chance, where the share of one answer stops; who always says it can be no better
MEASURED = 30  # questions of a kind in a split below which no share can be told from chance
FEWEST = 8  # questions of a kind in a split; fewer say nothing
ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Item:
    """A question as thinning sees it."""

    qa_id: str
    context: Context
    answer: str
    text: str = ""  # the very question, for the guesser who knows it by heart


def thinned(
    items: Sequence[Item], taught: Asked, seed: int, heart: Mapping[str, Mapping[str, int]] | None = None
) -> tuple[list[Item], str | None]:
    """Return the questions of one kind and split that stay, and why none does, where that is so.

    ``taught`` are the kind's questions in training, ``heart`` its answers to the very words, with their numbers; where
    there are none the split teaches its own guessers.
    """
    kept = sorted(items, key=lambda item: (draws.fraction("thin", seed, item.qa_id), item.qa_id))
    own = counted(kept)
    known = {answer for _, answer in taught}  # chance is that of who knows all answers, not those left here
    guesses = _guesses(taught or own, heart or {})
    for _ in range(ROUNDS):
        asked = counted(kept)
        level = chance(asked, known)
        limit = min(1.0, level + ABOVE)
        before = len(kept)
        kept = _capped(kept, min(1.0, level + CAPPED))
        for guess in guesses:
            kept = _unguessed(kept, [guess(item) == item.answer for item in kept], limit)
        if len({item.answer for item in kept}) < 2:
            return [], "every answer that is left is the same"
        if len(kept) < FEWEST:
            return [], f"{len(kept)} questions would be left once guessing doesn't pay"
        if len(kept) == before:
            return kept, None
    return [], f"guessing still pays after {ROUNDS} rounds"


def _guesses(taught: Asked, heart: Mapping[str, Mapping[str, int]]) -> list[Callable[[Item], str | None]]:
    """Return guessers: two classifiers; the most frequent answer of those that a question offers; its very words by heart."""
    words, bare = Guesser(taught), Guesser(usual(taught))
    answers: Counter[str] = Counter()
    for (_, answer), n in taught.items():
        answers[answer] += n

    def most(item: Item) -> str | None:
        return most_frequent(answers, item.context.choices)

    def by_heart(item: Item) -> str | None:
        known = heart.get(item.text, answers)
        usable = not item.context.choices or not known.keys().isdisjoint(item.context.choices)
        return most_frequent(known if usable else answers, item.context.choices)

    return [
        lambda item: words.guess(item.context),
        lambda item: bare.guess(Context((), item.context.choices)),
        most,
        by_heart,
    ]


def most_frequent(counts: Mapping[str, int], choices: Sequence[str] = ()) -> str | None:
    """Return the most frequent answer, of the choices where any of them was ever one; ties go by the alphabet.

    >>> most_frequent({"incision": 3, "phaco": 2}), most_frequent({"incision": 3, "phaco": 2}, ["phaco", "suction"])
    ('incision', 'phaco')
    """
    among = set(choices) & counts.keys() or counts.keys()
    return min(among, key=lambda answer: (-counts[answer], answer), default=None)


def counted(items: Sequence[Item]) -> Asked:
    """Count items as guessers do: by context and answer."""
    return Counter((item.context, item.answer) for item in items)


def _capped(items: Sequence[Item], limit: float) -> list[Item]:
    """Keep items in their order until no answer has more than its share of those kept."""
    counts = sorted(Counter(item.answer for item in items).values())
    cap = counts[-1] if counts else 0
    while cap > 1 and cap > limit * sum(min(n, cap) for n in counts):
        cap -= 1
    taken: dict[str, int] = defaultdict(int)
    kept: list[Item] = []
    for item in items:
        taken[item.answer] += 1
        if taken[item.answer] <= cap:
            kept.append(item)
    return kept


def _unguessed(items: Sequence[Item], hit: Sequence[bool], limit: float) -> list[Item]:
    """Drop items that a guesser hits, from the end, until at most the share ``limit`` of those kept is hit."""
    wrong = len(items) - sum(hit)
    allowed = int(limit * wrong / (1 - limit)) if limit < 1 else len(items)
    kept, right = [], 0
    for item, guessed in zip(items, hit, strict=True):
        right += guessed
        if not guessed or right <= allowed:
            kept.append(item)
    return kept


def weights(answers: Mapping[str, int]) -> dict[str, float]:
    """Return a weight for each answer in training, so that all weigh alike as far as a factor of five allows; mean 1.

    >>> weights({"yes": 30, "no": 10})
    {'no': 2.0, 'yes': 0.6666666666666666}
    """
    total, each = sum(answers.values()), len(answers)
    raw = {answer: min(5.0, max(0.2, total / each / n)) for answer, n in sorted(answers.items())}
    mean = sum(raw[answer] * n for answer, n in answers.items()) / max(1, total)
    return {answer: weight / mean for answer, weight in raw.items()}
