"""Thin a held-out split until the best guesser without pixels is at most a few points above chance.

First the most frequent answers are capped; then, of what a guesser with text and choices still gets right, as many
are left out as it takes, by the sha256 of their ids. What cannot be thinned that far is left out whole, by name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from surgvqa.builders.bits.blind import Context, Guesser, QuestionCounts, chance, usual
from surgvqa.builders.bits.guessers import pick
from surgvqa.builders.cases import draws

ABOVE = 0.05  # chance, where thinning stops; the promise is 0.10, on guessers that aren't ours
CAP_MARGIN = 0.08  # chance, where the share of one answer stops; who always says it can be no better
MEASURABLE = 30  # questions of a kind in a split below which no share can be told from chance
FEWEST = 8  # questions of a kind in a split; fewer say nothing
GUESSERS = 4  # without pixels, that a split is held against
DOMINANT = 2 / 3  # of a kind's questions in training, right for who says the likeliest of what each offers
MARGIN = 0.10  # chance, above which such a guesser needn't look
ROUNDS = 200  # each takes a question or more; 16 were needed of 4,805, and more say that it won't end


@dataclass(frozen=True, slots=True)
class Item:
    """A question as thinning sees it."""

    qa_id: str
    context: Context
    answer: str
    text: str = ""  # the very question, for the guesser who knows it by heart


class Guessers:
    """The guessers of one kind: two classifiers; the most frequent answer of those that a question offers; its very words by heart.

    They learn when they are first asked, and what one of them says of a question is found once.
    """

    def __init__(
        self, train_questions: QuestionCounts, heart: Mapping[str, Mapping[str, int]] | None = None
    ) -> None:
        self.train_questions = train_questions
        self._heart = heart or {}
        self._answers: Counter[str] = Counter()
        for (_, answer), n in train_questions.items():
            self._answers[answer] += n
        self.answers = self._answers.keys()
        self._memory: dict[tuple[Context, str], tuple[str | None, ...]] = {}

    @cached_property
    def _classifiers(self) -> tuple[Guesser, Guesser]:
        return Guesser(self.train_questions), Guesser(usual(self.train_questions))

    def guesses(self, item: Item) -> tuple[str | None, ...]:
        """Return what each guesser says of a question."""
        key = (item.context, item.text)
        if key not in self._memory:
            choices, answers = item.context.choices, self._answers
            words, bare = self._classifiers
            counts = self._heart.get(item.text, answers)
            self._memory[key] = (
                words.guess(item.context),
                bare.guess(Context((), choices)),
                pick([answers], "", choices),
                pick([counts, answers], "", choices),
            )
        return self._memory[key]


def thin_items(items: Sequence[Item], guessers: Guessers, seed: int) -> tuple[list[Item], str | None]:
    """Return the questions of one kind and split that stay, and why none does, where that is so.

    ``guessers`` have learned from the kind's questions in training; where there are none the split teaches its own.
    """
    kept_items = sorted(items, key=lambda item: (draws.fraction("thin", seed, item.qa_id), item.qa_id))
    # Chance is that of who knows all answers of training, not those left here.
    train_answers = set(guessers.answers)
    if not guessers.train_questions:
        guessers = Guessers(count_items(kept_items))
    hits = {
        item.qa_id: tuple(guess == item.answer for guess in guessers.guesses(item)) for item in kept_items
    }
    for _ in range(ROUNDS):
        level = chance(count_items(kept_items), train_answers)
        limit = min(1.0, level + ABOVE)
        before = len(kept_items)
        kept_items = _cap_answers(kept_items, min(1.0, level + CAP_MARGIN))
        for which in range(GUESSERS):
            kept_items = _drop_guessed(kept_items, [hits[item.qa_id][which] for item in kept_items], limit)
        if len({item.answer for item in kept_items}) < 2:
            return [], "every answer that is left is the same"
        if len(kept_items) < FEWEST:
            return [], f"without those that can be guessed {len(kept_items)} are left, fewer than {FEWEST}"
        if len(kept_items) == before:
            return kept_items, None
    return [], f"even of those left after {ROUNDS} rounds of leaving some out too many can be guessed"


def dominates(questions: QuestionCounts) -> bool:
    """Whether the likeliest of the answers that each question offers is nearly always right: a side, yes or no, one of a few.

    >>> mostly = Counter({(Context((), ("no", "yes")), "no"): 8, (Context((), ("no", "yes")), "yes"): 2})
    >>> dominates(mostly), dominates(Counter({(Context((), ("no", "yes")), "no"): 5, (Context((), ("no", "yes")), "yes"): 5}))
    (True, False)
    """
    if questions.total() < FEWEST or any(not what.choices for what, _ in questions):
        return False
    answers: Counter[str] = Counter()
    for (_, answer), n in questions.items():
        answers[answer] += n
    likeliest = {choices: pick([answers], "", choices) for choices in {what.choices for what, _ in questions}}
    hits = sum(n for (what, answer), n in questions.items() if likeliest[what.choices] == answer)
    return hits >= max(DOMINANT, chance(questions) + MARGIN) * questions.total()


def count_items(items: Sequence[Item]) -> QuestionCounts:
    """Count items as guessers do: by context and answer."""
    return Counter((item.context, item.answer) for item in items)


def _cap_answers(items: Sequence[Item], limit: float) -> list[Item]:
    """Keep items in their order until no answer has more than its share of those kept."""
    counts = sorted(Counter(item.answer for item in items).values())
    cap = counts[-1] if counts else 0
    while cap > 1 and cap > limit * sum(min(n, cap) for n in counts):
        cap -= 1
    tally: dict[str, int] = defaultdict(int)
    kept_items: list[Item] = []
    for item in items:
        tally[item.answer] += 1
        if tally[item.answer] <= cap:
            kept_items.append(item)
    return kept_items


def _drop_guessed(items: Sequence[Item], hit: Sequence[bool], limit: float) -> list[Item]:
    """Drop items that a guesser hits, from the end, until at most the share ``limit`` of those kept is hit."""
    wrong = len(items) - sum(hit)
    most_hits = int(limit * wrong / (1 - limit)) if limit < 1 else len(items)
    kept_items, right = [], 0
    for item, is_hit in zip(items, hit, strict=True):
        right += is_hit
        if not is_hit or right <= most_hits:
            kept_items.append(item)
    return kept_items


def weights(answers: Mapping[str, int]) -> dict[str, float]:
    """Return a weight for each answer in training, so that all weigh alike as far as a factor of five allows; mean 1.

    >>> weights({"yes": 30, "no": 10})
    {'no': 2.0, 'yes': 0.6666666666666666}
    """
    total, each = sum(answers.values()), len(answers)
    raw = {answer: min(5.0, max(0.2, total / each / n)) for answer, n in sorted(answers.items())}
    mean = sum(raw[answer] * n for answer, n in answers.items()) / max(1, total)
    return {answer: weight / mean for answer, weight in raw.items()}
