"""The necessity of sound: runs with other sounds, and a gate on how far the score falls.

    surgvqa-eval predict DATA --config spoken --model M --out heard.jsonl
    surgvqa-eval predict DATA --config spoken --model M --out swapped.jsonl --control swapped-audio
    surgvqa-eval necessity heard.jsonl --control swapped-audio=swapped.jsonl --data DATA

``swapped-audio`` plays the recording of another kind of question, ``silence`` zeros of the same length, and
``text-and-audio`` writes the question into the prompt beside its sound. A model that answers as well with the wrong
sound doesn't listen: the gate fails, and the exit code is 1.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from surgvqa.cards.command import InputError, nearest
from surgvqa.eval.data import columns
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.data.reference import lay
from surgvqa.eval.data.truth import truth
from surgvqa.eval.documents.controls import HeardRun
from surgvqa.eval.documents.controls import Necessity as Measured
from surgvqa.eval.output import documents, terminal
from surgvqa.eval.scoring.kinds import difference
from surgvqa.eval.scoring.score import score
from surgvqa.eval.scoring.verdicts import Judgement, judge
from surgvqa.eval.settings.controls import Necessity

WRONG = ("swapped-audio", "silence")  # a model that listens must lose by these
CONTROLS = (*WRONG, "text-and-audio")


def heard_otherwise(rows: Dataset, control: str, seed: int) -> Dataset:
    """Return a split as ``control`` wants it asked; ``silence`` is the ears' part, the rows stay.

    Raises:
        InputError: nothing to swap with.
    """
    texts = rows.select_columns(["qa", "messages", "sounds"])
    if control == "swapped-audio":
        return replace_column(rows, "sounds", swap_sounds(texts, seed))
    if control == "text-and-audio":
        return replace_column(rows, "messages", [written_messages(row) for row in texts])
    return rows


def replace_column(rows: Dataset, column: str, values: list[Any]) -> Dataset:
    """Return the rows with other values in a column."""
    return rows.remove_columns(column).add_column(column, values, feature=rows.features[column])


def swap_sounds(texts: Dataset, seed: int) -> list[list[int]]:
    """For each question the recording of another kind of question; of another text, where there is one kind.

    Raises:
        InputError: all questions say the same.
    """
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in texts:
        for qa, place in zip(row["qa"], row["sounds"], strict=True):
            places[qa["kind"], qa["question"]].append(place)
    questions = sorted(places)
    if len(questions) < 2:
        raise InputError("--control swapped-audio needs two different questions in the split")
    own = 0 if len({kind for kind, _ in questions}) > 1 else 1  # what must differ: the kind, else the text
    others = {key: [one for one in questions if one[own] != key[own]] for key in questions}
    out = []
    for row in texts:
        picks = []
        for qa in row["qa"]:
            digest = hashlib.sha256(f"swapped-audio\0{seed}\0{qa['qa_id']}".encode()).digest()
            generator = np.random.default_rng(int.from_bytes(digest[:8], "big"))
            choices = others[qa["kind"], qa["question"]]
            candidates = places[choices[int(generator.integers(len(choices)))]]
            picks.append(candidates[int(generator.integers(len(candidates)))])
        out.append(picks)
    return out


def written_messages(row: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return a row's messages with each question's words behind its prompt."""
    questions = iter(row["qa"])
    return [
        {"role": turn["role"], "content": f"{turn['content']} {next(questions)['question']}"}
        if turn["role"] == "user"
        else turn
        for turn in row["messages"]
    ]


def necessity(
    heard_answers: Sequence[Prediction],
    controls: Mapping[str, Sequence[Prediction]],
    train: Sequence[Prediction] | None = None,
    data: Sequence[Prediction] | None = None,
    rule: str | None = None,
    seed: int = 0,
) -> Measured:
    """Return the fall of the score with each other sound, and whether it shows that the model listens.

    Differences are paired over questions. Their intervals resample clips, not cases as a score's do: that a model
    listens is a claim on the model, and one operation is enough to see it.

    Args:
        heard_answers: with the right sounds.
        controls: by their names.
        train: training questions, for the blind guess.
        data: the split's questions, the denominator.
        rule: how answers are matched.
        seed: of the resampling.
    """
    figures = score(heard_answers, rule=rule, train=train, data=data, seed=seed)
    questions = list(data) if data is not None else [*heard_answers]
    verdicts = {
        name: _judge_run(run, questions, train) for name, run in {"heard": heard_answers, **controls}.items()
    }
    _raise_if_failed(verdicts)
    own = verdicts["heard"]
    single = figures["single_class_kinds"]
    counted_places = [place for place, one in enumerate(own) if one.row.kind not in single] or list(
        range(len(own))
    )
    runs = _falls(
        {name: [run[place] for place in counted_places] for name, run in verdicts.items()},
        figures["rule"],
        seed,
    )
    deaf = _deaf(runs)
    kinds = sorted({own[place].row.kind for place in counted_places})
    return {
        "n": len(counted_places),
        "rule": figures["rule"],
        "blind_majority": figures["blind_majority"],
        "blind_by_kind": {kind: figures["by_kind"][kind]["blind_majority"] for kind in kinds},
        "runs": runs,
        "failed": deaf,
        "listens": not deaf,
    }


def _raise_if_failed(verdicts: Mapping[str, Sequence[Judgement]]) -> None:
    """Refuse a run that crashed where the right sound had an answer: that would look like listening."""
    for name, judgements in verdicts.items():
        failures = [
            one.row
            for one, was in zip(judgements, verdicts["heard"], strict=True)
            if one.row.error and not was.row.error
        ]
        if failures:
            raise InputError(
                f"{name}: {len(failures)} questions have no answer ({failures[0].qa_id}: {failures[0].error}), and had "
                "one with the right sound; ask again before you compare"
            )


def _falls(verdicts: Mapping[str, Sequence[Judgement]], rule: str, seed: int) -> dict[str, HeardRun]:
    """Return each run's accuracy and how far it falls below the run with the right sounds."""
    own = verdicts["heard"]
    clips = [one.row.clip_id for one in own]
    kinds = np.array([one.row.kind for one in own])
    right = {
        name: np.array([one.verdicts[rule].correct for one in run], dtype=float)
        for name, run in verdicts.items()
    }
    runs: dict[str, HeardRun] = {}
    for name, values in right.items():
        fall = right["heard"] - values
        runs[name] = {
            "accuracy": round(float(values.mean()), 6),
            "by_kind": {kind: round(float(values[kinds == kind].mean()), 6) for kind in sorted(set(kinds))},
            "fall": round(float(fall.mean()), 6),
            "fall_ci95": difference(fall, clips, seed)[0] if name != "heard" else None,
        }
    return runs


def _deaf(runs: Mapping[str, HeardRun]) -> list[str]:
    """Return a sentence for each wrong sound by which the model doesn't lose."""
    sentences = []
    for name in WRONG:
        ends = runs[name]["fall_ci95"] if name in runs else None
        if name in runs and (ends is None or ends[0] <= 0):
            sentences.append(
                f"the model answers as well with {MEANING[name]}: the score falls by "
                f"{100 * runs[name]['fall']:.1f} points ({terminal.span(ends)})"
            )
    return sentences


MEANING = {"swapped-audio": "another question's sound", "silence": "silence"}


def _judge_run(
    run: Sequence[Prediction], questions: Sequence[Prediction], train: Sequence[Prediction] | None
) -> list[Judgement]:
    return judge(lay(run, questions).rows, train or ())


def table(figures: Measured) -> str:
    """Return a column per run, a row per kind, and how far each falls."""
    runs = figures["runs"]
    rows = [["kind", "blind", *runs]]
    for kind, blind in figures["blind_by_kind"].items():
        rows.append(
            [
                kind,
                terminal.percent(blind),
                *(terminal.percent(run["by_kind"][kind]) for run in runs.values()),
            ]
        )
    rows.append(
        [
            "all that count",
            terminal.percent(figures["blind_majority"]),
            *(terminal.percent(run["accuracy"]) for run in runs.values()),
        ]
    )
    lines = [terminal.table(rows), ""]
    lines += [
        f"{name}: the score falls by {100 * run['fall']:.1f} points ({terminal.span(run['fall_ci95'])})"
        for name, run in runs.items()
        if name != "heard"
    ]
    lines += figures["failed"] or ["the model listens: with the wrong sound it doesn't answer as well"]
    return "\n".join(lines)


def run(config: Necessity) -> bool:
    """Read the runs, print the table; whether the gate is passed.

    Raises:
        InputError: no control with a wrong sound, or a file that isn't predictions.
    """
    controls, mapping = {}, columns.parse_columns(config.columns)
    for pair in config.control:
        name, equals, path = pair.partition("=")
        if not equals or name not in CONTROLS:
            raise InputError(f"--control {pair}: write NAME=FILE; {nearest(name, CONTROLS)}")
        controls[name] = columns.read(Path(path), mapping).predictions
    if not set(WRONG) & set(controls):
        raise InputError(f"give a run with the wrong sound: --control {WRONG[0]}=FILE")
    data, train = truth(config)
    heard_answers = columns.read(config.file, mapping).predictions
    figures = necessity(heard_answers, controls, train, data, config.rule, config.seed)
    print(table(figures))
    if config.out:
        documents.write(config.out, figures)
    return bool(figures["listens"])
