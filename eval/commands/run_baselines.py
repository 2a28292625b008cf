"""`surgvqa-eval baselines DIR`: what is scored without understanding the video, in one table.

    surgvqa-eval baselines out/cataract --out baselines.json
    surgvqa-eval baselines out/cataract answers.jsonl --control no-pixels=blind.jsonl --control shuffled-frames=mixed.jsonl

A model that doesn't beat the best of them has not shown that it looks; one that loses nothing with shuffled
frames has not shown that it sees order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from surgvqa.cards.command import InputError, say
from surgvqa.eval.controls.baselines import BLIND, MEANING, answer_all, answerers
from surgvqa.eval.controls.colour import nearest_colour
from surgvqa.eval.data import columns, predictions, reference
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.data.streams import Row, questions
from surgvqa.eval.documents.controls import Baselines as Controls
from surgvqa.eval.documents.controls import BriefScore, Worth
from surgvqa.eval.documents.scores import Scores
from surgvqa.eval.output import documents, terminal
from surgvqa.eval.scoring.kinds import difference
from surgvqa.eval.scoring.score import score
from surgvqa.eval.scoring.verdicts import judge
from surgvqa.eval.settings.controls import Baselines
from surgvqa.eval.settings.one_split import absent_split


def compare(
    test: Sequence[Row],
    train: Sequence[Row],
    nearest: Mapping[str, Sequence[str]] | None,
    given_runs: Mapping[str, Sequence[Prediction]],
    rule: str | None = None,
    seed: int = 0,
) -> tuple[Controls, dict[str, list[Prediction]]]:
    """Every baseline and every given run, scored on the same questions, and what the first one is worth.

    ``given_runs`` holds the model's predictions under ``model``, where there are any, and control runs.
    Differences are paired over questions and their intervals resample cases. The answers that the
    baselines gave come back beside the figures.
    """
    data, train_questions = _without_answers(test), _without_answers(train)
    runs = {name: answer_all(test, answerer) for name, answerer in answerers(train, nearest).items()}
    figures = {
        name: score(run, rule=rule, train=train_questions, data=data, seed=seed)
        for name, run in (runs | dict(given_runs)).items()
    }
    rule = figures["majority"]["rule"]
    single = figures["majority"]["single_class_kinds"]
    counted_rows = [row.kind not in single for row in data]
    counted_rows = counted_rows if any(counted_rows) else [True] * len(data)
    cases = [row.case_id for row, counts in zip(data, counted_rows, strict=True) if counts]
    best = max(BLIND, key=lambda name: figures[name]["accuracy"])
    worth: dict[str, Worth] = {}
    if "model" in given_runs:
        right = {
            name: np.array(
                [
                    judgement.verdicts[rule].correct
                    for judgement in judge(reference.lay(run, data).rows, train_questions)
                ],
                dtype=float,
            )[counted_rows]
            for name, run in (runs | dict(given_runs)).items()
        }
        for name in (best, *(name for name in figures if name not in ("model", best))):
            values = right["model"] - right[name]
            worth[name] = {
                "difference": round(float(values.mean()), 6),
                "ci95": difference(values, cases, seed)[0],
            }
    controls: Controls = {
        "n": figures["majority"]["n"],
        "n_headline": figures["majority"]["n_headline"],
        "cases": figures["majority"]["cases"],
        "rule": rule,
        "best_blind": best,
        "runs": {name: _brief(own) for name, own in figures.items()},
        "model_minus": worth,
        "verdicts": verdicts(worth, best),
        "not_run": {} if nearest else {"colour": "the data set holds no frames"},
    }
    return controls, runs


def verdicts(worth: Mapping[str, Worth], best: str) -> list[str]:
    """Say what the differences don't show, in words; empty where everything is shown.

    A difference shows something where its interval lies above zero; one or two cases show nothing.

    >>> verdicts({"text": {"difference": 0.02, "ci95": [-0.05, 0.09]}}, "text")
    ['not shown: that the model looks at the video (text answers as well without it)']
    >>> verdicts({"text": {"difference": 0.4, "ci95": None}}, "text")
    ['not shown: that the model looks at the video (too few cases to tell)']
    """
    claims = {
        best: ("that the model looks at the video", f"{best} answers as well without it"),
        "no-pixels": ("that the model uses the pixels", "it does as well on grey frames"),
        "shuffled-frames": ("that the model sees the order of frames", "it does as well on shuffled ones"),
        "wrong-video": ("that the model answers about this video", "it does as well with another case's"),
    }
    unshown = []
    for name, (claim, as_well) in claims.items():
        if name not in worth:
            continue
        ends = worth[name]["ci95"]
        if ends is None or ends[0] <= 0:
            few = ends is None and worth[name]["difference"] > 0
            unshown.append(f"not shown: {claim} ({'too few cases to tell' if few else as_well})")
    return unshown


def _without_answers(rows: Sequence[Row]) -> list[Prediction]:
    return answer_all(rows, lambda row: "")


def _brief(figures: Scores) -> BriefScore:
    return {
        "accuracy": figures["accuracy"],
        "ci95": figures["ci95"],
        "macro_accuracy": figures["macro_accuracy"],
        "errors": figures["errors"],
        "empty": figures["empty"],
        "missing": figures["missing"],
        "extra": figures["extra"],
        "by_kind": {
            kind: {"n": own["n"], "accuracy": own["accuracy"], "ci95": own["ci95"]}
            for kind, own in figures["by_kind"].items()
        },
    }


def table(controls: Controls) -> str:
    """Return a column per run, a row per kind, and what stands between the model and each of the others."""
    runs = controls["runs"]
    first = next(iter(runs.values()))["by_kind"]
    rows = [["kind", "n", *runs]]
    rows += [
        [kind, str(own["n"]), *(terminal.percent(run["by_kind"][kind]["accuracy"]) for run in runs.values())]
        for kind, own in first.items()
    ]
    rows.append(
        [
            "all that count",
            str(controls["n_headline"]),
            *(terminal.percent(run["accuracy"]) for run in runs.values()),
        ]
    )
    rows.append(["  95 %", "", *(terminal.span(run["ci95"]) for run in runs.values())])
    rows.append(["macro", "", *(terminal.percent(run["macro_accuracy"]) for run in runs.values())])
    text = [terminal.table(rows), ""]
    text += [f"{name}: {meaning}" for name, meaning in MEANING.items() if name in runs]
    text += [f"not run: {name}, {cause}" for name, cause in controls["not_run"].items()]
    text.append(f"best without the video: {controls['best_blind']}")
    for name, worth in controls["model_minus"].items():
        text.append(
            f"model minus {name}: {100 * worth['difference']:+.1f} points ({terminal.span(worth['ci95'])})"
        )
    text += controls["verdicts"]
    return "\n".join(text)


def run(config: Baselines) -> None:
    """Read the data set, train and score the baselines beside the given runs, print the table."""
    where, model, controls = config.data, config.model, config.control
    rule, seed, out, save = config.rule, config.seed, config.out, config.save
    by_split = questions(where)
    if not by_split.get(config.split):
        raise absent_split(where, config.split, by_split)
    if not by_split.get("train") or config.split == "train":
        raise InputError(
            f"{where}: what doesn't look learns from split train, and is scored on another one; "
            f"found {', '.join(sorted(by_split))}, --split {config.split}"
        )
    rows, train = by_split[config.split], by_split["train"]
    files = {"model": model} if model else {}
    for pair in controls:
        name, equals, path = pair.partition("=")
        if not equals or not path:
            raise InputError(f"--control {pair}: write NAME=FILE, as in no-pixels=blind.jsonl")
        if name in (*MEANING, *files):
            raise InputError(f"--control {pair}: {name} is taken; give the run another name")
        files[name] = Path(path)
    runs = {name: columns.read(path).predictions for name, path in files.items()}
    say(f"guessing {len(rows)} questions of {config.split} from what {len(train)} of train tell")
    nearest = nearest_colour(where, config.split)
    figures, answers = compare(rows, train, nearest, runs, rule, seed)
    print(table(figures))
    if out:
        documents.write(out, figures)
    if save:
        save.mkdir(parents=True, exist_ok=True)
        for name, own in answers.items():
            with (save / f"{name.replace(' ', '-')}.jsonl").open("w", encoding="utf-8") as file:
                predictions.append(file, own)
