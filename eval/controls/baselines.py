"""Baselines: guessers that never look at the video, and some that hardly do; the answers a model has to beat.

All of them learn from the training split: the most frequent answer of the kind, of the question's text, of the
true phase, of both; a text-only model; and the training clips of the most similar colours.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import numpy as np
from surgvqa.builders.bits import guessers
from surgvqa.cards.command import InputError
from surgvqa.eval.data import reference
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.data.streams import Row

BLIND = ("majority", "text", "text model")  # they see the question only; the others see the phase or pixels
MEANING = {
    "majority": "the most frequent training answer of the kind",
    "text": "of the question's text, word for word",
    "text model": "logistic regression on the question's words and choices",
    "phase": "the most frequent training answer under the true phase (which a model isn't told)",
    "phase+text": "of the true phase and the question's text",
    "colour": "the vote of the training clips nearest in colour",
}
NEIGHBOURS = 5
Answerer = Callable[[Row], str]


def most_frequent(train: Iterable[Row], *keys: Callable[[Row], Hashable]) -> Answerer:
    """Answers with what was most frequent in training under the first of ``keys`` that knows an answer.

    Behind the last key stand the question's own choices, then nothing: an empty answer, which is wrong.
    """
    counters: list[dict[Hashable, Counter[str]]] = [defaultdict(Counter) for _ in keys]
    for row in train:
        for counts, key in zip(counters, keys, strict=True):
            counts[key(row)][row["short_answer"]] += 1

    def answer(row: Row) -> str:
        key_counts: list[Mapping[str, int]] = [
            counts.get(key(row), {}) for counts, key in zip(counters, keys, strict=True)
        ]
        return guessers.pick(key_counts, row["kind"], row["choices"])

    return answer


def _pick(counts: Mapping[str, int], row: Row) -> str | None:
    return guessers.likeliest(counts, row["kind"], row["choices"])


def by_kind(row: Row) -> Hashable:
    """Return the question's kind."""
    kind: str = row["kind"]
    return kind


def by_text(row: Row) -> Hashable:
    """Return the kind and the question, word for word."""
    return row["kind"], guessers.text_key(row["question"])


def phase_key(train: Sequence[Row]) -> Callable[[Row], Hashable]:
    """Return the kind and the true phase; without the phase for kinds whose answer is the phase itself.

    Whether it is, is read off the training rows: knowing the answer is not a baseline.
    """
    kind_counts = Counter(row["kind"] for row in train)
    phase_counts = Counter(row["kind"] for row in train if row["phase"] == row["short_answer"])
    telling = {kind for kind in kind_counts if phase_counts[kind] > kind_counts[kind] / 2}
    return lambda row: (row["kind"], None if row["kind"] in telling else row["phase"])


def text_model(train: Sequence[Row]) -> Answerer:
    """Logistic regression per kind on the question's words, word pairs and choices.

    Rows of the same text and answer are one weighted row, so templated questions train in seconds.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise InputError(
            f"the text-only baseline needs scikit-learn ({error}); pip install 'surgvqa[train]'"
        ) from None

    models = {}
    for kind in sorted({row["kind"] for row in train}):
        pair_counts = Counter((_words(row), row["short_answer"]) for row in train if row["kind"] == kind)
        pairs = sorted(pair_counts)
        labels = [answer for _, answer in pairs]
        if len(set(labels)) == 1:
            continue  # one answer only: the fallback gives it
        words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True)
        table = words.fit_transform([text for text, _ in pairs])
        model = LogisticRegression(C=10.0, max_iter=300)
        with warnings.catch_warnings():  # "many classes; is it a regression?" - answers are words
            warnings.simplefilter("ignore", UserWarning)
            model.fit(table, labels, sample_weight=[pair_counts[pair] for pair in pairs])
        models[kind] = words, model
    fallback = most_frequent(train, by_kind)
    cache: dict[tuple[str, str], Counter[str]] = {}

    def answer(row: Row) -> str:
        if row["kind"] not in models:
            return fallback(row)
        key = row["kind"], _words(row)
        if key not in cache:
            words, model = models[row["kind"]]
            likely = model.predict_proba(words.transform([key[1]]))[0]
            # Counter sorts by count; millionths keep the order of the probabilities.
            cache[key] = Counter(
                dict(zip(model.classes_.tolist(), np.round(likely * 1e6).astype(int).tolist(), strict=True))
            )
        return _pick(cache[key], row) or fallback(row)

    return answer


def _words(row: Row) -> str:
    choices = sorted(choice.casefold().replace(" ", "_") for choice in row["choices"])
    return " ".join(
        [*row["question"].casefold().replace("?", " ?").split(), *(f"choice={c}" for c in choices)]
    )


def colour_neighbours(train: Sequence[Row], nearest: Mapping[str, Sequence[str]]) -> Answerer:
    """Return the vote of the training clips nearest in colour that were asked the same text, else the same kind.

    ``nearest`` lists, for each test clip, the training clips from the nearest on.
    """
    answers_by_clip: dict[str, dict[Hashable, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in train:
        answers_by_clip[row["clip_id"]][by_text(row)].append(row["short_answer"])
        answers_by_clip[row["clip_id"]][by_kind(row)].append(row["short_answer"])
    fallback = most_frequent(train, by_text, by_kind)

    def answer(row: Row) -> str:
        for key in (by_text(row), by_kind(row)):
            votes: list[str] = []
            for clip in nearest.get(row["clip_id"], ()):
                votes += answers_by_clip[clip].get(key, ())
                if len(votes) >= NEIGHBOURS:
                    break
            if votes and (choice := _pick(Counter(votes), row)) is not None:
                return choice
        return fallback(row)

    return answer


def answerers(train: Sequence[Row], nearest: Mapping[str, Sequence[str]] | None) -> dict[str, Answerer]:
    """Every baseline by its name, trained."""
    phase = phase_key(train)
    baselines = {
        "majority": most_frequent(train, by_kind),
        "text": most_frequent(train, by_text, by_kind),
        "text model": text_model(train),
        "phase": most_frequent(train, phase, by_kind),
        "phase+text": most_frequent(train, lambda row: (phase(row), by_text(row)), phase, by_kind),
    }
    return baselines | ({"colour": colour_neighbours(train, nearest)} if nearest else {})


def answer_all(rows: Sequence[Row], answerer: Answerer) -> list[Prediction]:
    """Return the questions with what a baseline says to them."""
    return [dataclasses.replace(reference.question(row), prediction=answerer(row)) for row in rows]
