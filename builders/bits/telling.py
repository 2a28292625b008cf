"""Questions whose own words tell the answer, for the answer hardly ever differs: nobody would ask them.

"Which lies higher, the gallbladder or the cystic duct?" is the gallbladder in 313 of 320 pictures. And choices tell: where
a thing is the answer nearly whenever it is among the choices, who has read two questions knows the third. Both are counted
over the pool, in training where it has enough of them, and are asked in no split. Where all questions of a kind say the
same, their words tell one from another nothing, and thinning sees to the usual answer. A criterion of safety that is hardly
ever met is asked: that it is met once is what one wants to see.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from surgvqa.builders.bits.blind import Context, answer_class, context
from surgvqa.builders.schema import QA

TELLING = 0.9  # of the questions with the same words have one answer
OCCURRENCES, CASES = 10, 3  # fewer say nothing
SAFETY = "safety"  # how such criteria are said to reason
CAUSE = "its words tell the answer"
Case = tuple[str, str, Sequence[Sequence[QA]]]  # its name, its split, the pool of each of its clips
_Key = tuple[str, Context | str]  # a kind, and words with choices, or one choice


@dataclass(slots=True)
class _Answers:
    """The answers that some words have had, and the cases that had them."""

    answers: Counter[str] = field(default_factory=Counter)
    cases: set[str] = field(default_factory=set)

    def add(self, answer: str, case_id: str) -> None:
        self.answers[answer] += 1
        self.cases.add(case_id)

    def enough(self) -> bool:
        return self.answers.total() >= OCCURRENCES and len(self.cases) >= CASES

    def share(self, answer: str) -> float:
        return self.answers[answer] / self.answers.total()


class Telling:
    """The words and the choices of a pool that tell an answer."""

    def __init__(self, cases: Iterable[Case]) -> None:
        words: dict[bool, dict[_Key, _Answers]] = {True: defaultdict(_Answers), False: defaultdict(_Answers)}
        offers: dict[bool, dict[_Key, _Answers]] = {True: defaultdict(_Answers), False: defaultdict(_Answers)}
        choices: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        for case_id, split, pool in cases:
            for qa in (qa for clip in pool for qa in clip if qa.reasoning != SAFETY):
                answer = answer_class(qa.short_answer)
                what = context(qa.kind, qa.question, qa.choices)
                choices[qa.kind].add(what.choices)
                for in_training in {False, split == "train"}:
                    words[in_training][qa.kind, what].add(answer, case_id)
                    for choice in what.choices:
                        offers[in_training][qa.kind, choice].add(answer, case_id)
        # Choices that all questions of a kind have say nothing of one of them.
        self._choice_kinds = {kind for kind, sets in choices.items() if len(sets) > 1}
        texts = Counter(kind for kind, _ in words[False])
        several = {kind for kind, n in texts.items() if n > 1}
        self._words = {
            key
            for key, tally in _best(words).items()
            if key[0] in several and tally.enough() and max(map(tally.share, tally.answers)) >= TELLING
        }
        self._offers = {
            key
            for key, tally in _best(offers).items()
            if tally.enough() and tally.share(str(key[1])) >= TELLING
        }

    def tells(self, qa: QA) -> bool:
        """Whether who has read other questions knows this one's answer."""
        what = context(qa.kind, qa.question, qa.choices)
        return (qa.kind, what) in self._words or (
            qa.kind in self._choice_kinds
            and any((qa.kind, choice) in self._offers for choice in what.choices)
        )


def _best(tallies: dict[bool, dict[_Key, _Answers]]) -> dict[_Key, _Answers]:
    """Return what training says, or all cases where training says too little."""
    return {
        key: tallies[True][key] if key in tallies[True] and tallies[True][key].enough() else everywhere
        for key, everywhere in tallies[False].items()
    }
