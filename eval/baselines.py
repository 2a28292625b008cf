"""`surgvqa-eval baselines DIR`: what is scored without understanding the video.

    surgvqa-eval baselines out/cataract --out baselines.json
    surgvqa-eval baselines out/cataract answers.jsonl --control no-pixels=blind.jsonl --control shuffled-frames=mixed.jsonl

All of them learn from the training split and answer the test split, and are scored as a model is: the
most frequent answer of the kind, of the question's text, of the true phase, of both; a text-only model;
and the training clip of the most similar colours. A model that doesn't beat them has not shown that it
looks; one that loses nothing with shuffled frames has not shown that it sees order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from surgvqa.cards.command import InputError
from surgvqa.eval import columns, match, predictions, reference, run_score, terminal
from surgvqa.eval.colour import nearest_colour
from surgvqa.eval.judging import judge
from surgvqa.eval.kinds import interval
from surgvqa.eval.predictions import Prediction
from surgvqa.eval.score import score
from surgvqa.eval.streams import Row, clips, questions

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


def pick(counts: Counter[str], row: Row) -> str | None:
    """The most frequent answer, one of the question's choices where it has any; ties go by the alphabet.

    Lists of instruments are free: their choices are the names that may stand in them.

    >>> pick(Counter(left=3, right=1), {"kind": "side", "choices": ["right", "above"]})
    'right'
    """
    choices = (
        {choice.casefold() for choice in row["choices"]} if row["kind"] not in match.SET_KINDS else set()
    )
    ranked = sorted(counts, key=lambda answer: (-counts[answer], answer))
    return next((a for a in ranked if a.casefold() in choices), None) if choices else next(iter(ranked), None)


def most_frequent(train: Iterable[Row], *keys: Callable[[Row], Hashable]) -> Answerer:
    """Answers with what was most frequent in training under the first of ``keys`` that knows an answer.

    Behind the last key stand the question's own choices, then nothing: an empty answer, which is wrong.
    """
    known: list[dict[Hashable, Counter[str]]] = [defaultdict(Counter) for _ in keys]
    for row in train:
        for counts, key in zip(known, keys, strict=True):
            counts[key(row)][row["short_answer"]] += 1

    def answer(row: Row) -> str:
        for counts, key in zip(known, keys, strict=True):
            if (found := pick(counts.get(key(row), Counter()), row)) is not None:
                return found
        return min(row["choices"], default="")

    return answer


def by_kind(row: Row) -> Hashable:
    """The question's kind."""
    return row["kind"]


def by_text(row: Row) -> Hashable:
    """The kind and the question, word for word."""
    return row["kind"], " ".join(row["question"].casefold().split())


def phase_key(train: Sequence[Row]) -> Callable[[Row], Hashable]:
    """The kind and the true phase; without the phase for kinds whose answer is the phase itself.

    Whether it is, is read off the training rows: knowing the answer is not a baseline.
    """
    asked = Counter(row["kind"] for row in train)
    told = Counter(row["kind"] for row in train if row["phase"] == row["short_answer"])
    telling = {kind for kind in asked if told[kind] > asked[kind] / 2}
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
        seen = Counter((_words(row), row["short_answer"]) for row in train if row["kind"] == kind)
        pairs = sorted(seen)
        labels = [answer for _, answer in pairs]
        if len(set(labels)) == 1:
            continue  # one answer only: the fallback gives it
        words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True)
        table = words.fit_transform([text for text, _ in pairs])
        model = LogisticRegression(C=10.0, max_iter=300)
        model.fit(table, labels, sample_weight=[seen[pair] for pair in pairs])
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
        return pick(cache[key], row) or fallback(row)

    return answer


def _words(row: Row) -> str:
    choices = sorted(choice.casefold().replace(" ", "_") for choice in row["choices"])
    return " ".join(
        [*row["question"].casefold().replace("?", " ?").split(), *(f"choice={c}" for c in choices)]
    )


def colour_neighbours(train: Sequence[Row], nearest: Mapping[str, Sequence[str]]) -> Answerer:
    """The vote of the training clips nearest in colour that were asked the same text, else the same kind.

    ``nearest`` lists, for each test clip, the training clips from the nearest on.
    """
    asked: dict[str, dict[Hashable, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in train:
        asked[row["clip_id"]][by_text(row)].append(row["short_answer"])
        asked[row["clip_id"]][by_kind(row)].append(row["short_answer"])
    fallback = most_frequent(train, by_text, by_kind)

    def answer(row: Row) -> str:
        for key in (by_text(row), by_kind(row)):
            votes: list[str] = []
            for clip in nearest.get(row["clip_id"], ()):
                votes += asked[clip].get(key, ())
                if len(votes) >= NEIGHBOURS:
                    break
            if votes and (found := pick(Counter(votes), row)) is not None:
                return found
        return fallback(row)

    return answer


def answerers(train: Sequence[Row], nearest: Mapping[str, Sequence[str]] | None) -> dict[str, Answerer]:
    """Every baseline by its name, trained."""
    phase = phase_key(train)
    found = {
        "majority": most_frequent(train, by_kind),
        "text": most_frequent(train, by_text, by_kind),
        "text model": text_model(train),
        "phase": most_frequent(train, phase, by_kind),
        "phase+text": most_frequent(train, lambda row: (phase(row), by_text(row)), phase, by_kind),
    }
    return found | ({"colour": colour_neighbours(train, nearest)} if nearest else {})


def answered(rows: Sequence[Row], answerer: Answerer) -> list[Prediction]:
    """The questions with what a baseline says to them."""
    names = ("qa_id", "clip_id", "case_id", "kind", "reasoning", "question", "answer", "short_answer")
    return [
        Prediction(
            **{name: row[name] or "" for name in names},
            choices=tuple(row["choices"]),
            prediction=answerer(row),
        )
        for row in rows
    ]


def compare(
    test: Sequence[Row],
    train: Sequence[Row],
    nearest: Mapping[str, Sequence[str]] | None,
    given: Mapping[str, Sequence[Prediction]],
    rule: str | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Every baseline and every given run, scored on the same questions, and what the first one is worth.

    ``given`` holds the model's predictions under ``model``, where there are any, and control runs.
    Differences are paired over questions and their intervals resample cases.
    """
    data, taught = _unanswered(test), _unanswered(train)
    runs = {name: answered(test, answerer) for name, answerer in answerers(train, nearest).items()}
    figures = {
        name: score(run, rule=rule, train=taught, data=data, seed=seed)
        for name, run in (runs | dict(given)).items()
    }
    rule = figures["majority"]["rule"]
    single = figures["majority"]["single_class_kinds"]
    counted = [row.kind not in single for row in data]
    counted = counted if any(counted) else [True] * len(data)
    cases = [row.case_id for row, counts in zip(data, counted, strict=True) if counts]
    best = max(BLIND, key=lambda name: figures[name]["accuracy"])
    worth = {}
    if "model" in given:
        right = {
            name: np.array(
                [judged.verdicts[rule].correct for judged in judge(reference.lay(run, data).rows, taught)],
                dtype=float,
            )[counted]
            for name, run in (runs | dict(given)).items()
        }
        for name in (best, *(name for name in figures if name not in ("model", best))):
            difference = right["model"] - right[name]
            worth[name] = {
                "difference": round(float(difference.mean()), 6),
                "ci95": interval(difference, cases, seed, low=-1.0),
            }
    return {
        "n": figures["majority"]["n"],
        "n_headline": figures["majority"]["n_headline"],
        "cases": figures["majority"]["cases"],
        "rule": rule,
        "best_blind": best,
        "runs": {name: _brief(own) for name, own in figures.items()},
        "model_minus": worth,
        "predictions": runs,
    }


def _unanswered(rows: Sequence[Row]) -> list[Prediction]:
    return answered(rows, lambda row: "")


def _brief(figures: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("accuracy", "ci95", "macro_accuracy", "errors", "empty", "missing", "extra")
    kinds = {
        kind: {key: own[key] for key in ("n", "accuracy", "ci95")} for kind, own in figures["by_kind"].items()
    }
    return {key: figures[key] for key in keys} | {"by_kind": kinds}


def table(found: Mapping[str, Any]) -> str:
    """A column per run, a row per kind, and what stands between the model and each of the others."""
    runs = found["runs"]
    first = next(iter(runs.values()))["by_kind"]
    rows = [["kind", "n", *runs]]
    rows += [
        [kind, str(own["n"]), *(terminal.percent(run["by_kind"][kind]["accuracy"]) for run in runs.values())]
        for kind, own in first.items()
    ]
    rows.append(
        [
            "all that count",
            str(found["n_headline"]),
            *(terminal.percent(run["accuracy"]) for run in runs.values()),
        ]
    )
    rows.append(["  95 %", "", *(terminal.span(run["ci95"]) for run in runs.values())])
    rows.append(["macro", "", *(terminal.percent(run["macro_accuracy"]) for run in runs.values())])
    text = [terminal.table(rows), ""]
    text += [f"{name}: {meaning}" for name, meaning in MEANING.items() if name in runs]
    text += [f"not run: {name}, {cause}" for name, cause in found["not_run"].items()]
    text.append(f"best without the video: {found['best_blind']}")
    for name, worth in found["model_minus"].items():
        text.append(
            f"model minus {name}: {100 * worth['difference']:+.1f} points ({terminal.span(worth['ci95'])})"
        )
    return "\n".join(text)


def run(
    where: str,
    model: Path | None,
    controls: Sequence[str],
    *,
    rule: str | None,
    seed: int,
    out: Path | None,
    save: Path | None,
) -> None:
    """Read the data set, train and score the baselines beside the given runs, print the table."""
    by_split = questions(where)
    for split in ("train", "test"):
        if not by_split.get(split):
            raise InputError(
                f"{where}: no questions of split {split}; found {', '.join(sorted(by_split)) or 'none'}"
            )
    given = {"model": model} if model else {}
    for pair in controls:
        name, equals, path = pair.partition("=")
        if not equals or not path:
            raise InputError(f"--control {pair}: write NAME=FILE, as in no-pixels=blind.jsonl")
        if name in (*MEANING, *given):
            raise InputError(f"--control {pair}: {name} is taken; give the run another name")
        given[name] = Path(path)
    runs = {name: columns.read(path).predictions for name, path in given.items()}
    nearest = nearest_colour(clips(where, "train"), clips(where, "test"))
    found = compare(by_split["test"], by_split["train"], nearest, runs, rule, seed)
    found["not_run"] = {} if nearest else {"colour": "the data set holds no frames"}
    answers = found.pop("predictions")
    print(table(found))
    if out:
        run_score.write(out, found)
    if save:
        save.mkdir(parents=True, exist_ok=True)
        for name, rows in answers.items():
            with (save / f"{name.replace(' ', '-')}.jsonl").open("w", encoding="utf-8") as file:
                predictions.append(file, rows)
