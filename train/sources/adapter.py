"""An adapter that goes on learning: its base with the adapter on it, and what it was taught to see."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from surgvqa.cards.command import InputError
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.load import Parts, parts
from surgvqa.train.steps.options import TrainingOptions
from trl import ModelConfig

OWN = {field.name for field in fields(ModelConfig) if field.name.startswith("lora_")} | {
    "use_rslora",
    "use_dora",
}


def adapter_of(options: ModelConfig, training: TrainingOptions) -> Parts | None:
    """Return the facts of the adapter that ``--model_name_or_path`` is, and point the options at its base; None of a model.

    Args:
        options: of the model; changed where it is an adapter.
        training: options of the run; what it sees of a clip becomes what the adapter was taught with.

    Raises:
        InputError: options that contradict the adapter; LoRA's options, which an adapter has of its own.
    """
    where = options.model_name_or_path
    if not (Path(where) / "adapter_config.json").is_file():
        return None
    if own := sorted(OWN & set(training.command_names)):
        raise InputError(
            f"{where} is an adapter and goes on as it is: leave --{own[0]} away, or merge it first "
            "(`surgvqa-train merge`) and train a new one"
        )
    adapter = parts(where)
    options.model_name_or_path, options.use_peft = adapter.source, True
    see_as_taught(where, adapter.budget, training)
    return adapter


def see_as_taught(where: str, budget: Budget | None, training: TrainingOptions) -> None:
    """Let a run show what its adapter was taught to see.

    Args:
        where: what to call the adapter.
        budget: that it was taught with; None of one that another tool trained.
        training: options of the run; those that weren't given take the adapter's values.

    Raises:
        InputError: an option that contradicts it.
    """
    if budget is None:
        return
    for key in ("frames", "media", "min_pixels", "max_pixels"):
        before, now = getattr(budget, key), getattr(training, key)
        if key in training.option_names and now is not None and now != before:
            raise InputError(
                f"{where} was trained with {key} = {before}, asked with {now}; leave --{key} away, or merge the "
                "adapter and train a new one"
            )
        setattr(training, key, before)
    if budget.thoughts != (training.thoughts != "off"):
        advice = "give --thoughts teach or mask" if budget.thoughts else "leave --thoughts away"
        raise InputError(f"{where} was taught {'with' if budget.thoughts else 'without'} thoughts; {advice}")
