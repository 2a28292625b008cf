"""``surgvqa-card model``: the card of a model or an adapter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Usage
from surgvqa.cards.arguments.words import next_line
from surgvqa.cards.command import InputError


@dataclass(frozen=True, kw_only=True)
class Model:
    """Write the card of a model or adapter, with its score beside blind."""

    folder: Annotated[Path, Usage("DIR", position=True)]
    """what surgvqa-train wrote"""
    score: Annotated[tuple[Path, ...], Usage("FILE")] = ()
    """what `surgvqa-eval score --out` wrote"""
    parity: Annotated[tuple[Path, ...], Usage("FILE")] = ()
    """what `surgvqa-eval compare --out` wrote on the answers of two engines (predict --engine hf|vllm|openai)"""
    judge: Annotated[tuple[Path, ...], Usage("FILE")] = ()
    """what `surgvqa-eval judge --out` wrote: its figure beside its agreement with people"""
    dataset: Annotated[str | None, Usage("DIR|ORG/NAME")] = None
    """the data set it was trained on"""
    repo: Annotated[str | None, Usage("ORG/NAME")] = None
    """where it will be on the Hub, for the snippet"""
    benchmark: Annotated[str | None, Usage("ORG/NAME")] = None
    """the data set on the Hub that --score is about: writes DIR/.eval_results/*.yaml, for its board and the model's page"""
    task: str = "default"
    """with --benchmark: the task's id in the data set's eval.yaml"""


def run(config: Model) -> None:
    """Write DIR/README.md from the model's own files and the scores."""
    from surgvqa.cards.files import manifest, sums
    from surgvqa.cards.write.model import describe, judgement_of, model_card, parity_of
    from surgvqa.cards.write.results import result_files

    data, data_id = manifest.of_name(config.dataset or "")
    if config.dataset and Path(config.dataset).is_dir() and not data:
        manifest.read(Path(config.dataset))  # says what is missing
    if config.dataset and not data and not data_id:
        raise InputError(f"--dataset {config.dataset}: neither a folder here nor the ORG/NAME of a data set")
    scores = {
        path.stem: manifest.read_json(path, "run `surgvqa-eval score … --out FILE` first")
        for path in config.score
    }
    files = result_files(scores, config.benchmark, config.task) if config.benchmark else {}
    text = model_card(
        describe(config.folder),
        scores,
        findings=[
            read(manifest.read_json(path, f"run `surgvqa-eval {verb} … --out FILE` first"), path.name)
            for verb, read, paths in (
                ("compare", parity_of, config.parity),
                ("judge", judgement_of, config.judge),
            )
            for path in paths
        ],
        data=data,
        data_id=data_id,
        repo_id=config.repo,
    )
    manifest.put(config.folder / manifest.CARD, text)
    sums.update(config.folder, manifest.CARD)
    for name, content in files.items():
        (config.folder / name).parent.mkdir(exist_ok=True)
        manifest.put(config.folder / name, content)
        sums.update(config.folder, name)
    for name in (manifest.CARD, *files):
        print(config.folder / name)
    print(next_line("surgvqa-card", "audit", config.folder))
