"""BLEU, chrF, ROUGE-L and token F1 against one or several references, by the libraries that others score with.

BLEU and chrF are sacrebleu's corpus figures, ROUGE-L is rouge-score's F with its stemmer, the best reference counts.
METEOR and BERTScore need files that no package brings: `lexical_models`.
Every figure stands beside its floor: what replies reach that never look.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surgvqa.eval.words.tokens import words


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One figure, from 0 to 100, and its floor."""

    value: float
    floor: float  # the better of two replies without looking
    floor_by: str  # "most frequent answer" or "another question's answer"


def token_f1(reply: str, references: Sequence[str]) -> float:
    """Return the F1 of the words in common with the best reference (SQuAD's, without its articles rule).

    >>> round(token_f1("the left forceps", ["left forceps", "right"]), 2)
    0.8
    """
    return max((_token_f1(reply, reference) for reference in references), default=0.0)


def _token_f1(reply: str, reference: str) -> float:
    reply_words, true = Counter(words(reply)), Counter(words(reference))
    common = (reply_words & true).total()
    return (
        2 * common / (reply_words.total() + true.total()) if common else float(not reply_words and not true)
    )


def bleu(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Return sacrebleu's corpus BLEU, case kept, its standard tokens."""
    import sacrebleu

    return float(sacrebleu.corpus_bleu(list(predictions), _streams(references)).score)


def chrf(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Return sacrebleu's corpus chrF2."""
    import sacrebleu

    return float(sacrebleu.corpus_chrf(list(predictions), _streams(references)).score)


def _streams(references: Sequence[Sequence[str]]) -> list[list[Any]]:
    """Return the references as sacrebleu takes them: all first ones, all second ones, None where there is none.

    >>> _streams([["a", "b"], ["c"]])
    [['a', 'c'], ['b', None]]
    """
    most = max(map(len, references), default=0)
    return [[own[i] if i < len(own) else None for own in references] for i in range(most)]


def rouge_l(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Return the mean of rouge-score's ROUGE-L F, with stemmer, of the best reference."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    best = [
        max(scorer.score(reference, reply)["rougeL"].fmeasure for reference in own)
        for reply, own in zip(predictions, references, strict=True)
    ]
    return 100 * sum(best) / len(best)


def mean_token_f1(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Return the mean of `token_f1`, times 100."""
    return (
        100
        * sum(token_f1(reply, own) for reply, own in zip(predictions, references, strict=True))
        / len(predictions)
    )


def exact(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Return the share of replies that are one of their references, word for word, times 100."""
    right = [
        words(reply) in {words(one) for one in own}
        for reply, own in zip(predictions, references, strict=True)
    ]
    return 100 * sum(right) / len(right)


MEASURES: Mapping[str, Callable[[Sequence[str], Sequence[Sequence[str]]], float]] = {
    "exact": exact,
    "token_f1": mean_token_f1,
    "bleu": bleu,
    "rouge_l": rouge_l,
    "chrf": chrf,
}


def measure(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    kinds: Sequence[str],
    measurements: Mapping[str, Callable[[Sequence[str], Sequence[Sequence[str]]], float]] = MEASURES,
) -> dict[str, Measure]:
    """Return every measure of the replies, each beside the better of two replies that never look.

    Args:
        predictions: the replies, as they are.
        references: right answers, at least one a question.
        kinds: kinds of the questions: both guesses stay within a kind.
        measurements: what to measure, by name.
    """
    blind = {
        "most frequent answer": usual(references, kinds),
        "another question's answer": neighbours(references, kinds),
    }
    measures = {}
    for name, value in measurements.items():
        floors = {by: value(replies, references) for by, replies in blind.items()}
        best = max(floors, key=lambda by: floors[by])
        measures[name] = Measure(value=value(predictions, references), floor=floors[best], floor_by=best)
    return measures


def usual(references: Sequence[Sequence[str]], kinds: Sequence[str]) -> list[str]:
    """Return for each question the most frequent first reference of its kind.

    >>> usual([["a"], ["b"], ["b"]], ["k", "k", "k"])
    ['b', 'b', 'b']
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for own, kind in zip(references, kinds, strict=True):
        counts[kind][own[0]] += 1
    best = {kind: min(own, key=lambda text: (-own[text], text)) for kind, own in counts.items()}
    return [best[kind] for kind in kinds]


def neighbours(references: Sequence[Sequence[str]], kinds: Sequence[str]) -> list[str]:
    """Return for each question the first reference of the next question of its kind, the last one's the first.

    >>> neighbours([["a"], ["b"], ["c"]], ["k", "k", "k"])
    ['b', 'c', 'a']
    """
    places: dict[str, list[int]] = defaultdict(list)
    for i, kind in enumerate(kinds):
        places[kind].append(i)
    following = {i: own[(j + 1) % len(own)] for own in places.values() for j, i in enumerate(own)}
    return [references[following[i]][0] for i in range(len(kinds))]
