"""A model's scores as the Hub's files of results, ``.eval_results/*.yaml``: on the model's page and a benchmark's board."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest
from surgvqa.cards.files.sums import RESULTS
from surgvqa.cards.write.model import CardScore, card_score

DEFAULT_TASK = "default"


def result_files(
    scores: Mapping[str, Mapping[str, Any]], benchmark: str, task: str = DEFAULT_TASK
) -> dict[str, str]:
    """Return the files by their path below the model's folder, one a score.

    Args:
        scores: by label, what ``surgvqa-eval score --out`` wrote.
        benchmark: the data set on the Hub that was answered, ORG/NAME.
        task: the task's id in the data set's ``eval.yaml``.

    Raises:
        InputError: no name of a data set, no score, or labels that would be one file.
    """
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
    from yaml import safe_dump

    if not manifest.HUB_ID.fullmatch(benchmark):
        raise InputError(f"--benchmark {benchmark}: the ORG/NAME of a data set on the Hub is due")
    if not scores:
        raise InputError("--benchmark needs --score FILE, what `surgvqa-eval score --out` wrote")
    files: dict[str, str] = {}
    for label, content in scores.items():
        try:
            score = card_score(content)
        except KeyError as error:
            raise InputError(
                f"{label}: it lacks {error}; give files that `surgvqa-eval score --out` wrote"
            ) from None
        entry = EvalResultEntry(
            dataset_id=benchmark, task_id=task, value=round(100 * score.accuracy, 2), notes=notes(score)
        )
        path = f"{RESULTS}/{re.sub(r'[^A-Za-z0-9_-]+', '-', label).strip('-') or 'score'}.yaml"
        if path in files:
            raise InputError(f"--score: two files would be {path}; give them names that differ")
        files[path] = safe_dump(eval_result_entries_to_yaml([entry]), sort_keys=False, allow_unicode=True)
    return files


def notes(score: CardScore) -> str:
    """Return what stands beside a result: how many questions, the interval, and what needs no picture."""
    interval = ""
    if score.ci95:
        low, high = (f"{100 * bound:.1f}" for bound in score.ci95)
        interval = f", 95 % interval {low} to {high}"
    return (
        f"per cent right of {score.counting} questions{interval}; "
        f"blind floor {100 * score.blind_majority:.1f} (the most frequent answer of each kind)"
    )
