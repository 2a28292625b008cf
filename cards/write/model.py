"""The card of a trained model or adapter: what it is, what it was trained on, what it scores beside blind."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surgvqa.cards.command import InputError, one_line
from surgvqa.cards.files import manifest
from surgvqa.cards.files.documents import Manifest
from surgvqa.cards.write.markdown import Markdown, code, escape, render

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

ADAPTER = "adapter_config.json"
BUDGET = "surgvqa.json"  # what the model saw of a clip: frames, media, pixels; surgvqa-train leaves it there
RUN = "trainer_state.json"  # the trainer's log
TRAINING = "surgvqa_training.json"  # what the run was asked for; surgvqa-train leaves it there, training_args.bin is a pickle
LORA = ("peft_type", "r", "lora_alpha", "lora_dropout", "target_modules")
FOLDER = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """The facts in a model's folder on the model and its training."""

    adapter: bool
    config: Mapping[str, Any]  # of the adapter or the model, as its library wrote it
    budget: Mapping[str, object]  # what the model saw of a clip
    run: Mapping[str, object]  # of training
    processor: bool  # whether the folder has one
    name: str = ""  # the folder's


@dataclass(frozen=True, slots=True, kw_only=True)
class CardScore:
    """A score as a card shows it."""

    n: int  # questions answered
    counting: int  # of them, those of kinds with more than one answer: what accuracy is over
    rule: str
    accuracy: float
    ci95: Sequence[float]
    macro_accuracy: float
    blind_majority: float
    errors: int
    empty: int
    kinds: Sequence[tuple[str, Mapping[str, Any]]]  # in order, each with a ``remark`` where it says little
    notes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """The differences between the answers of two engines."""

    a: str
    b: str
    split: str
    n: int
    differ: int
    verdict_differs: int
    kinds: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A language model's verdicts on free answers, and how far people agree with it."""

    model: str
    n: int
    unreadable: int
    accuracy: float | None  # None where too few people's verdicts are known
    people: int  # answers that people judged, too
    agree: float
    kappa: float
    ci95: Sequence[float] | None


def describe(folder: Path) -> TrainedModel:
    """Read a model's folder: its adapter's or model's config, and the training's settings."""
    names = [name for name in (ADAPTER, "config.json") if (folder / name).is_file()]
    if not names:
        raise InputError(
            f"{folder} has neither {ADAPTER} nor config.json, so it is no model; give what surgvqa-train wrote"
        )
    hint = "train again, or copy the whole folder again"
    read = {
        name: manifest.read_json(folder / name, hint)
        for name in (BUDGET, RUN, TRAINING)
        if (folder / name).is_file()
    }
    return TrainedModel(
        adapter=names[0] == ADAPTER,
        config=manifest.read_json(folder / names[0], hint),
        budget=read.get(BUDGET, {}),
        run=run_facts(read.get(RUN, {})) | dict(read.get(TRAINING, {})),
        processor=any(
            (folder / name).is_file() for name in ("processor_config.json", "preprocessor_config.json")
        ),
        name=folder.resolve().name,
    )


def run_facts(state: Mapping[str, Any]) -> dict[str, object]:
    """Return what a trainer's log says was done, whatever was asked for.

    >>> run_facts({"num_train_epochs": 1, "epoch": 0.4444444, "global_step": 4, "log_history": [{"train_loss": 6.5}]})
    {'epochs': 0.444, 'steps': 4, 'train_loss': 6.5}
    """
    losses = [entry["train_loss"] for entry in state.get("log_history", ()) if "train_loss" in entry]
    facts = {
        "epochs": round(state["epoch"], 3) if "epoch" in state else None,
        "steps": state.get("global_step"),
        "batch_per_device": state.get("train_batch_size"),
        "train_loss": losses[-1] if losses else None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def model_card(
    model: TrainedModel,
    scores: Mapping[str, Mapping[str, Any]],
    *,
    findings: Sequence[Parity | Judgement] = (),
    data: Manifest | None = None,
    data_id: str | None = None,
    repo_id: str | None = None,
) -> str:
    """Return the README.md of a model's folder.

    ``model`` is what ``describe`` returned; ``scores`` maps a label to what ``surgvqa-eval score`` wrote;
    ``findings`` are what ``parity_of`` made of comparisons between engines and ``judgement_of`` of a judge's verdicts;
    ``data`` is the manifest of the data set trained on and ``data_id`` its name on the Hub, where known.
    """
    config = model.config
    base = str(config.get("base_model_name_or_path") or "") if model.adapter else ""
    settings = {name: config[name] for name in LORA if name in config} | dict(model.run)
    try:
        table = [(label, card_score(score)) for label, score in scores.items()]
    except KeyError as error:
        raise InputError(
            f"a score file lacks {error}; give files that `surgvqa-eval score --out` wrote"
        ) from None
    title = repo_id.split("/")[-1] if repo_id else "Surgical VQA " + ("adapter" if model.adapter else "model")
    name = repo_id or (model.name if FOLDER.fullmatch(model.name) else "ORG/NAME")
    return render(
        "model.md",
        card_data=Markdown(metadata(title, base, model.adapter, table, data, data_id)),
        title=title,
        what="A LoRA adapter" if model.adapter else "A model",
        base=base_name(base) if base else code(config.get("model_type", "unknown")),
        data=data_name(data, data_id),
        scores=table,
        many=len(table) > 1,
        parity=[one for one in findings if isinstance(one, Parity)],
        judgements=[one for one in findings if isinstance(one, Judgement)],
        snippet=snippet(name, base, model),
        budget=[(key.replace("_", " "), value) for key, value in model.budget.items()],
        settings=[(key, table_value(value)) for key, value in settings.items() if value is not None],
        licence=data["source"].get("licence", "") if data else "",
    )


def card_of_training(folder: Path, dataset: str) -> str:
    """Return the card of a model that was just trained on ``dataset``, a folder or a name on the Hub; it has no score yet."""
    data, data_id = manifest.of_name(dataset)
    return model_card(describe(folder), {}, data=data, data_id=data_id)


def card_score(score: Mapping[str, Any]) -> CardScore:
    """Return a score file's content, with its kinds in order and a remark on those that say little."""
    kinds = []
    for name, kind in sorted(score["by_kind"].items()):
        remarks = ["one answer only"] * bool(kind["single_class"]) + ["always one answer"] * bool(
            kind["collapsed"]
        )
        kinds.append((name, dict(kind) | {"remark": ", ".join(remarks)}))
    return CardScore(
        n=score["n"],
        counting=score.get("n_headline", score["n"]),
        rule=score["rule"],
        accuracy=score["accuracy"],
        ci95=score["ci95"],
        macro_accuracy=score["macro_accuracy"],
        blind_majority=score["blind_majority"],
        errors=score["errors"],
        empty=score["empty"],
        kinds=kinds,
        notes=score.get("notes", []),
    )


def parity_of(figures: Mapping[str, Any], file: str) -> Parity:
    """Word the result of `surgvqa-eval compare` on the answers of two engines, for the card.

    Raises:
        InputError: another file, the same engine twice, or runs on other questions.
    """
    try:
        runs, answers = figures["runs"], figures["answers"]
        engines = [runs[side]["engine"] for side in ("a", "b")]
        conditions = [
            {key: runs[side].get(key) for key in ("config", "split", "control")} for side in ("a", "b")
        ]
        counts = {key: answers[key] for key in ("n", "differ", "verdict_differs")}
    except (KeyError, TypeError):
        raise InputError(
            f"{file} doesn't say which engines answered; give what `surgvqa-eval compare A B --out` wrote on two "
            "files of `surgvqa-eval predict` (their .run.json beside them)"
        ) from None
    if engines[0] == engines[1]:
        raise InputError(
            f"{file} compares {engines[0]} with itself; answer with another --engine and compare again"
        )
    if conditions[0] != conditions[1]:
        raise InputError(f"{file} compares runs on other questions: {conditions[0]} and {conditions[1]}")
    kinds = [(name, count) for name, count in sorted(answers.get("by_kind", {}).items())]
    return Parity(a=engines[0], b=engines[1], split=conditions[0]["split"], kinds=kinds, **counts)


def judgement_of(figures: Mapping[str, Any], file: str) -> Judgement:
    """Return what `surgvqa-eval judge` wrote, for the card.

    Raises:
        InputError: another file.
    """
    try:
        agreement = figures["agreement"] or {"n": 0, "agree": 0.0, "kappa": 0.0, "ci95": None}
        people = {key: agreement[key] for key in ("agree", "kappa", "ci95")}
        own = {key: figures[key] for key in ("model", "n", "unreadable", "accuracy")}
    except (KeyError, TypeError):
        raise InputError(f"{file}: no judge's verdicts; give what `surgvqa-eval judge --out` wrote") from None
    return Judgement(people=agreement["n"], **own, **people)


def metadata(
    title: str,
    base: str,
    adapter: bool,
    scores: Sequence[tuple[str, CardScore]],
    data: Manifest | None,
    data_id: str | None,
) -> str:
    """Return the YAML at the top of the card, with the scores as a ``model-index``."""
    from huggingface_hub import ModelCardData

    data_name = f"{one_line(data['source']['name'])} VQA" if data else (data_id or "surgvqa")
    results = eval_results(scores, data_name, data_id)
    return ModelCardData(
        language="en",
        base_model=hub_id(base),
        datasets=[data_id] if data_id else None,
        library_name="peft" if adapter else "transformers",
        pipeline_tag="image-text-to-text",
        tags=["surgery", "medical", "visual-question-answering", "surgvqa", *(["lora"] if adapter else [])],
        model_name=title,
        eval_results=results or None,
    ).to_yaml()


def eval_results(
    scores: Sequence[tuple[str, CardScore]], data_name: str, data_id: str | None
) -> list[EvalResult]:
    """Return the Hub's entries for the accuracies of each labelled score, as ``card_score`` returns it."""
    from huggingface_hub import EvalResult

    where: dict[str, Any] = {
        "task_type": "visual-question-answering",
        "dataset_name": data_name,
        "dataset_type": data_id or re.sub(r"[^a-z0-9-]+", "-", data_name.lower()).strip("-"),
    }
    return [
        EvalResult(
            **where,
            dataset_args=args,
            metric_type="accuracy",
            metric_name=title,
            metric_value=round(value, 4),
        )
        for label, score in scores
        for args in [{"file": one_line(label)} if len(scores) > 1 else None]
        for title, value in [
            ("accuracy", score.accuracy),
            ("mean accuracy over kinds", score.macro_accuracy),
            ("accuracy of the blind majority", score.blind_majority),
            *((f"accuracy on {one_line(kind)}", row["accuracy"]) for kind, row in score.kinds),
        ]
        if value is not None
    ]


def hub_id(base: str) -> str | None:
    """Return ``base`` if it is the name of a model on the Hub rather than a folder of this machine."""
    return base if manifest.HUB_ID.fullmatch(base) and not Path(base).exists() else None


def base_name(base: str) -> Markdown:
    """Return the base model: a link where it is one of the Hub's, else the last part of its path."""
    if name := hub_id(base):
        return Markdown(f"[{name}](https://huggingface.co/{name})")
    last = code(re.split(r"[\\/]", base.rstrip("/"))[-1])
    return Markdown(f"{last}, a local model that is not part of this repository")


def data_name(data: Manifest | None, data_id: str | None) -> Markdown:
    """Return the training data, as far as it is known."""
    where = f"[{data_id}](https://huggingface.co/datasets/{data_id})" if data_id else ""
    what = f"questions on {escape(data['source']['name'])}" if data else ""
    return Markdown(", ".join(part for part in (where, what) if part) or "not stated")


def table_value(value: Any) -> Any:
    """Return a setting as a table shows it, a number with four digits.

    >>> table_value(["q_proj", "k_proj"]), table_value(1e-4), table_value(1.7019797254491735)
    ('k_proj, q_proj', 0.0001, 1.702)
    """
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return ", ".join(sorted(map(str, value))) if isinstance(value, list | tuple) else value


def snippet(name: str, base: str, model: TrainedModel) -> str:
    """Return the code that loads the model and its processor."""
    last = re.split(r"[\\/]", base.rstrip("/"))[-1]  # of a folder here, which "Base model" names, too
    base_id = hub_id(base) or (last if FOLDER.fullmatch(last) else "BASE_MODEL")
    lines = ["from transformers import AutoModelForImageTextToText, AutoProcessor", ""]
    if model.adapter:
        lines = ["from peft import PeftModel", *lines]
        lines += [
            f'base = AutoModelForImageTextToText.from_pretrained("{base_id}")',
            f'model = PeftModel.from_pretrained(base, "{name}")',
        ]
    else:
        lines.append(f'model = AutoModelForImageTextToText.from_pretrained("{name}")')
    lines.append(f'processor = AutoProcessor.from_pretrained("{name if model.processor else base_id}")')
    return "\n".join(lines)
