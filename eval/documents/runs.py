"""The document of a run: ``*.run.json``, which ``predict`` writes beside its answers."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict


class SeenBudget(TypedDict):
    """The pixel budget of a model."""

    frames: int
    """of a clip, at most"""
    media: str
    """images or video"""
    max_pixels: int
    """of a frame, at most"""
    min_pixels: int
    """of a frame, at least"""


class RunFacts(TypedDict):
    """The facts that decide the answers of a run."""

    schema_version: int
    """version of this document"""
    data: str
    """the data set's folder or name"""
    config: str
    """config of the data set"""
    split: str
    """split of the data set"""
    model: str
    """the model's name"""
    weights: str | None
    """digest of its weights and configuration (an adapter's and its base's, joined by "+"); null of a server's"""
    control: str
    """what the model was shown in place of its clip; none: the clip"""
    seed: int
    """seed of the run"""
    engine: str
    """what ran the model"""
    max_new_tokens: int
    """of an answer, at most"""
    budget: SeenBudget
    """what the model sees"""


class Provenance(TypedDict, total=False):
    """The part of a run that a comparison repeats: nothing that names a place."""

    engine: str
    """what ran the model"""
    config: str
    """config of the data set"""
    split: str
    """split of the data set"""
    control: str
    """what the model was shown in place of its clip; none: the clip"""


class KindAgreement(TypedDict):
    """The agreement of an ensemble's models, and the accuracy of each and of the vote."""

    n: int
    """questions"""
    agreement: float
    """share of questions with one answer of all models"""
    accuracy: NotRequired[list[float]]
    """of each model, then of the vote; not of places"""


class Agreement(KindAgreement):
    """The same over all questions."""

    by_kind: dict[str, KindAgreement]
    """the same for each kind of question"""


class EnsembleFile(Agreement):
    """The document beside the answers of an ensemble."""

    schema_version: int
    """version of this document"""
    ensemble: str
    """how the answers were joined"""
    models: list[str]
    """their names"""
    files: list[str]
    """the files that were read"""
