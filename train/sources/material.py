"""The rows of a run: of one data set, of several, or spoken ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from datasets import Dataset
from surgvqa.builders.speech.spoken import NAME as SPOKEN
from surgvqa.cards.command import InputError
from surgvqa.eval.data.dataset import load_clips, split_of
from surgvqa.eval.models.spoken_rows import SpokenClips, load_spoken
from surgvqa.train.sources.mixture import Mixture, Parts, load_mixture, read_sources
from surgvqa.train.steps.options import AudioOptions, DataOptions, TrainingOptions


@dataclass(frozen=True, slots=True)
class Material:
    """The data set or sets of a run."""

    name: str
    splits: Any
    sound: SpokenClips | None = None
    parts: Parts | None = None  # of several data sets in an epoch


def material_of(data: DataOptions, training: TrainingOptions) -> Material:
    """Load what a run learns from.

    Raises:
        InputError: as ``mixture_of``, ``spoken_of`` and ``load_clips``.
    """
    if mixture := mixture_of(data, training):
        parts = partial(mixture.factors, data.dataset_train_split)
        return Material(mixture.name, mixture.splits, parts=parts)
    if sound := spoken_of(data, training):
        return Material(data.dataset_name, sound.splits, sound)
    return Material(data.dataset_name, load_clips(data.dataset_name, data.dataset_config))


def mixture_of(data: DataOptions, training: TrainingOptions) -> Mixture | None:
    """Return the data sets of ``--datasets`` as one; None of a single one.

    Raises:
        InputError: as ``load_mixture``; options that name another source, or overrule its weights.
    """
    if not data.datasets:
        return None
    for option in ("dataset_name", "video_root"):
        if getattr(data, option):
            raise InputError(
                f"--{option} beside --datasets: each data set has its own; leave --{option} away"
            )
    if isinstance(training, AudioOptions) or data.dataset_config == SPOKEN:
        raise InputError("--datasets is for written questions; give spoken ones by --dataset_name")
    sources = read_sources(data.datasets, data.dataset_config)
    if training.train_sampling_strategy == "sequential" and sources[0].weight is not None:
        raise InputError(
            "--train_sampling_strategy sequential takes each sequence once, weights of --datasets do nothing; leave one away"
        )
    return load_mixture(sources, load_clips)


def spoken_of(data: DataOptions, training: TrainingOptions) -> SpokenClips | None:
    """Return the spoken questions of a run that hears; None for one that reads.

    Raises:
        InputError: recordings are missing.
    """
    if not isinstance(training, AudioOptions) and data.dataset_config != SPOKEN:
        return None
    align = isinstance(training, AudioOptions) and training.stage == "align"
    spoken_questions = load_spoken(data.dataset_name, "transcribe" if align else "answer")
    spoken_questions.refuse_missing(data.dataset_name)
    return spoken_questions


def held_out_of(material: Material, data: DataOptions, training: TrainingOptions) -> Dataset | None:
    """Return the split that a run is evaluated on while it learns; None where it isn't.

    Raises:
        InputError: the test split, or one that isn't there.
    """
    if training.eval_strategy == "no":
        return None
    raise_if_test(data.dataset_test_split)
    return split_of(material.splits, data.dataset_test_split, material.name)


def raise_if_test(split: str) -> None:
    """Choosing a checkpoint by the test split would make its score a training score."""
    if split.startswith("test"):
        raise InputError(
            f"evaluating on {split!r} while training spends it; use --dataset_test_split validation"
        )
