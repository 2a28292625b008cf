"""Evening out: answers within a kind by leaving questions out, cases in training by weights.

Nothing is copied and nothing is drawn twice: a question stays or goes by the sha256 of its id.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from surgvqa.builders.cases import draws
from surgvqa.builders.schema import QA


@dataclass(frozen=True, slots=True)
class Balance:
    """Which questions stay. Plain data, so that every worker decides alike."""

    limits: Mapping[tuple[str, str, str], float]  # (split, kind, short answer) -> the largest fraction kept
    seed: int
    notes: tuple[str, ...]  # what was left out, for the report

    def keeps(self, split: str, qa: QA) -> bool:
        """Whether a question stays in its split."""
        limit = self.limits.get((split, qa.kind, qa.short_answer))
        return limit is None or _place(self.seed, qa) <= limit


def _place(seed: int, qa: QA) -> float:
    return draws.fraction("balance", seed, qa.qa_id)


def answers(qa_by_split: Mapping[str, Iterable[QA]], seed: int = 0) -> Balance:
    """Cap the most frequent answer of every kind in every split, so that guessing it pays less.

    It keeps as many questions as the second most frequent answer has, and at least half of what all the
    others have together; so yes/no comes out even. A kind with one answer in a split stays as it is, for
    there is nothing to even out; the notes name it.
    """
    limits: dict[tuple[str, str, str], float] = {}
    notes: list[str] = []
    for split, questions in qa_by_split.items():
        places: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for qa in questions:
            places[qa.kind][qa.short_answer].append(_place(seed, qa))
        for kind, places_by_answer in sorted(places.items()):
            counts = sorted(((len(at), answer) for answer, at in places_by_answer.items()), reverse=True)
            most, answer = counts[0]
            others = sum(n for n, _ in counts[1:])
            if not others:
                notes.append(f"{split}: every {kind} has the answer {answer!r}; nothing to balance")
                continue
            kept_count = max(counts[1][0], (others + 1) // 2)
            if most > kept_count:
                limits[split, kind, answer] = sorted(places_by_answer[answer])[kept_count - 1]
                notes.append(
                    f"{split}: {most - kept_count} of {most} {kind} questions with {answer!r} left out to balance"
                )
    return Balance(limits, seed, tuple(notes))


def case_weights(clips_by_case: Mapping[str, int]) -> dict[str, float]:
    """Return a weight for each case's clips so that every case weighs the same and the mean over clips is 1.

    >>> case_weights({"short": 10, "long": 30})
    {'short': 2.0, 'long': 0.6666666666666666}
    """
    clip_counts = {case_id: n for case_id, n in clips_by_case.items() if n}
    each = Counter(clip_counts).total() / len(clip_counts) if clip_counts else 0.0
    return {case_id: each / n for case_id, n in clip_counts.items()}
