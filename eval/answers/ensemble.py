"""Several models, one answer: each is asked everything, and the answer that most of them give is written.

    surgvqa-eval predict my-clips --model runs/a --model runs/b --ensemble vote --out vote.jsonl

Each model's answers stay in a file of their own (``vote.1.jsonl``, ``vote.2.jsonl``). Of the answers to a question
the one is taken that most models agree with; between two that as many agree with, the one whose models are surer of
themselves together; and between those still equal, the first model's. So of two models that disagree, the surer one
is heard. Nothing is looked up: the right answers play no part in the vote.
"""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surgvqa.builders.configs.pointing import STEP
from surgvqa.builders.geometry.coordinate_text import parse
from surgvqa.builders.geometry.coordinates import Space
from surgvqa.cards.command import InputError, nearest
from surgvqa.cards.files.manifest import put
from surgvqa.eval.answers.predict import Run, predict
from surgvqa.eval.answers.ranks import Ranks
from surgvqa.eval.data import predictions
from surgvqa.eval.data.dataset import load_clips, split_of
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.documents.runs import Agreement, EnsembleFile, KindAgreement
from surgvqa.eval.models.load import parts
from surgvqa.eval.output import documents, terminal
from surgvqa.eval.reading.unwrap import final
from surgvqa.eval.scoring.match import SET_KINDS
from surgvqa.eval.scoring.score import score
from surgvqa.eval.scoring.verdicts import OTHER, label, options
from surgvqa.eval.spatial.pointing import Truth, is_located, match, place, same_label, word
from surgvqa.eval.words.tokens import words

ENSEMBLES = ("vote",)
Same = Callable[[Prediction, Prediction], bool]


@dataclass(frozen=True, slots=True)
class Vote:
    """The answer to one question, and how many of the models agree with it."""

    answer: Prediction
    votes: int
    models: int

    def line(self) -> str:
        """As a line of JSON: a prediction with ``votes`` and ``models``."""
        fields = json.loads(predictions.to_line(self.answer))
        return json.dumps(fields | {"votes": self.votes, "models": self.models}, ensure_ascii=False)


def run(request: Run, models: Sequence[str], how: str | None) -> bool:
    """Ask every model, vote, and print how often they agree and what each is worth.

    Returns:
        Whether the answers are whole: False where other processes are still at work.

    Raises:
        InputError: one model to vote, several and no ``--ensemble``, one of them twice; as ``predict``.
    """
    if how is not None and how not in ENSEMBLES:
        raise InputError(f"no ensemble {how!r}; {nearest(how, ENSEMBLES)}")
    if how is None and len(models) > 1:
        raise InputError(f"{len(models)} models are given: add --ensemble vote, or ask them one by one")
    if how is None:
        return predict(request)
    if Ranks.of_environment().ranks > 1:
        raise InputError(
            f"--ensemble {how} runs in one process; ask each model with torchrun, then vote without it"
        )
    if len(models) < 2:
        raise InputError(f"--ensemble {how} needs two models or more, one is given: repeat --model")
    if twice := sorted({model for model in models if models.count(model) > 1}):
        raise InputError(f"--model {twice[0]} is given twice: its answers would count twice")
    if request.engine == "openai":
        raise InputError("--engine openai asks what one server serves; predict each, without --ensemble")
    about = request.out.with_suffix(".run.json")
    if request.out.exists() and not (about.is_file() and "ensemble" in json.loads(about.read_text("utf-8"))):
        raise InputError(f"{request.out} holds one model's answers; give another --out")
    files = [
        request.out.with_name(f"{request.out.stem}.{number}{request.out.suffix}")
        for number in range(1, 1 + len(models))
    ]
    for model in models:
        parts(model, request.base)  # refuses one that isn't there, before the first is asked for hours
    for model, file in zip(models, files, strict=True):
        predict(dataclasses.replace(request, model=model, out=file))
    runs = [predictions.read(file) for file in files]
    votes = combine(runs, sameness(request, runs[0]))
    figures = agreement(runs, votes, places=request.config == "pointing")
    facts: EnsembleFile = {
        "schema_version": documents.SCHEMA_VERSION,
        "ensemble": how,
        "models": list(models),
        "files": [file.name for file in files],
        **figures,
    }
    put(request.out, "".join(vote.line() + "\n" for vote in votes))
    about.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(table(figures))
    return True


def combine(runs: Sequence[Sequence[Prediction]], same: Same) -> list[Vote]:
    """One answer per question, in the first model's order.

    Args:
        runs: each model's answers to the same questions.
        same: whether two answers to a question say the same.

    Raises:
        InputError: the models weren't asked the same.
    """
    by_id = [{one.qa_id: one for one in own} for own in runs]
    for number, own in enumerate(by_id[1:], start=2):
        if own.keys() != by_id[0].keys():
            apart = len(own.keys() ^ by_id[0].keys())
            raise InputError(
                f"models 1 and {number} differ in {apart} questions: was the data set built again?"
            )
    return [vote([own[first.qa_id] for own in by_id], same) for first in runs[0]]


def vote(answers: Sequence[Prediction], same: Same) -> Vote:
    """Return the answer that most agree with; its confidence is what they are sure of it, a model that disagrees adding 0.

    A failed or an empty answer is taken only where every model failed.

    >>> a, b, c = (Prediction("q", "", "", "colour", "", "", "", "red", (), text, None, sure)
    ...            for text, sure in (("red", 0.4), ("It is blue.", 0.7), ("Red.", 0.2)))
    >>> same = sameness_of_texts([a])
    >>> won = vote([a, b, c], same); won.answer.prediction, won.votes, won.answer.confidence
    ('red', 2, 0.2)
    >>> vote([a, b], same).answer.prediction
    'It is blue.'
    """
    whole = [one for one in answers if one.error is None and one.prediction.strip()]
    if not whole:
        return Vote(answers[0], 0, len(answers))
    agreeing = [[other for other in whole if other is one or same(one, other)] for one in whole]
    sure = [sum(one.confidence or 0.0 for one in group) for group in agreeing]
    best = max(range(len(whole)), key=lambda index: (len(agreeing[index]), round(sure[index], 6), -index))
    has_confidence = all(one.confidence is not None for one in agreeing[best])
    confidence = round(sure[best] / len(answers), 6) if has_confidence else None
    return Vote(dataclasses.replace(whole[best], confidence=confidence), len(agreeing[best]), len(answers))


def sameness(request: Run, rows: Sequence[Prediction]) -> Same:
    """Return how answers are told apart on a run's data: by their words, or by their places."""
    if request.config != "pointing":
        return sameness_of_texts(rows)
    clips = split_of(load_clips(request.data, request.config), request.split, request.data)
    light = clips.select_columns([name for name in clips.features if name != "images"])
    facts = {
        qa["qa_id"]: {**row, "kind": qa["kind"], "granularity": "point"} for row in light for qa in row["qa"]
    }
    return lambda one, other: same_places(facts[one.qa_id], one, other)


def sameness_of_texts(rows: Sequence[Prediction]) -> Same:
    """Answers are alike that say the same words, or name the same one of the answers that their kind has.

    >>> def said(text): return Prediction("q", "", "", "colour", "", "", "", "red", ("red", "blue"), text)
    >>> same = sameness_of_texts([said("")])
    >>> same(said("It is red."), said("Red")), same(said("red"), said("blue")), same(said("both"), said("green"))
    (True, False, False)
    """
    answers_by_kind = options(rows)

    def same(one: Prediction, other: Prediction) -> bool:
        if words(final(one.prediction)) == words(final(other.prediction)):
            return True
        answers = answers_by_kind.get(one.kind) or ()
        if one.choices and one.kind not in SET_KINDS:
            answers = one.choices
        labels = [label(prediction, answers) for prediction in (one, other)]
        return bool(answers) and labels[0] == labels[1] and OTHER not in labels

    return same


def same_places(row: Mapping[str, Any], one: Prediction, other: Prediction) -> bool:
    """Whether two answers to a row of config ``pointing`` name the same things at the same places.

    Points lie within ``pointing.NEAR`` of each other, boxes share half of their area, words are equal.
    """
    steps, readings = [], []
    for text in (one.prediction, other.prediction):
        first, _, rest = text.strip().partition("\n")
        is_grounded = row["kind"] == "grounded" and first.startswith(STEP)
        steps.append(words(first) if is_grounded else ())
        readings.append(parse(rest if is_grounded else text, row["form"], Space(*row["space"])))
    if steps[0] != steps[1] or any(reading.error for reading in readings):
        return words(one.prediction) == words(other.prediction)
    if readings[0].absent != readings[1].absent:
        return False
    truths = [
        Truth(item.label.strip().lower(), word(row, item) or "", place(item), item.box, "")
        for item in readings[0].objects
    ]
    pairs = match(row, truths, readings[1].objects)
    return all(
        is_located(row, pair) and pair.truth is not None and pair.item is not None
        and same_label(row, pair.truth, pair.item)
        for pair in pairs
    )  # fmt: skip


def agreement(runs: Sequence[Sequence[Prediction]], votes: Sequence[Vote], places: bool) -> Agreement:
    """Return the agreement of all models by kind, and the accuracy of each and of the vote (of texts, not of places)."""
    kinds: dict[str, list[Vote]] = defaultdict(list)
    for one in votes:
        kinds[one.answer.kind].append(one)
    figures: Agreement = {
        "n": len(votes),
        "agreement": share(votes),
        "by_kind": {kind: {"n": len(own), "agreement": share(own)} for kind, own in sorted(kinds.items())},
    }
    if not places and all(one.answer.short_answer.strip() for one in votes):
        scores = [score(own) for own in (*runs, [one.answer for one in votes])]
        figures["accuracy"] = [one["accuracy_all_kinds"] for one in scores]
        for kind, own in figures["by_kind"].items():
            own["accuracy"] = [one["by_kind"][kind]["accuracy"] for one in scores]
    return figures


def share(votes: Sequence[Vote]) -> float:
    """Return the part of the questions that every model answers the same."""
    return sum(one.votes == one.models for one in votes) / len(votes)


def table(figures: Agreement) -> str:
    """Agreement and accuracies for the terminal, a line per kind; the last column is the vote."""
    accuracies = figures.get("accuracy")
    names = [f"model {number}" for number in range(1, len(accuracies))] + ["vote"] if accuracies else []
    lines: list[Sequence[str]] = [("kind", "n", "all agree", *names)]
    every: list[tuple[str, KindAgreement]] = [*figures["by_kind"].items(), ("all", figures)]
    for kind, own in every:
        cells = map(terminal.percent, own.get("accuracy", ()))
        lines.append((kind, str(own["n"]), terminal.percent(own["agreement"]), *cells))
    return terminal.table(lines)
