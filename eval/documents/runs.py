"""How answers came about: what ``predict`` writes beside them as ``*.run.json``."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict


class SeenBudget(TypedDict):
    """What a model sees of a clip."""

    frames: int
    media: str
    max_pixels: int
    min_pixels: int


class RunFacts(TypedDict):
    """All that changes the answers of a run."""

    schema_version: int
    data: str
    config: str
    split: str
    model: str
    control: str
    seed: int
    engine: str
    max_new_tokens: int
    budget: SeenBudget


class Provenance(TypedDict, total=False):
    """The part of a run that a comparison repeats: nothing that names a place."""

    engine: str
    config: str
    split: str
    control: str


class KindAgreement(TypedDict):
    """How often all models of an ensemble give one answer, and what each of them and the vote is worth."""

    n: int
    agreement: float
    accuracy: NotRequired[list[float]]
    """of each model, then of the vote; not of places"""


class Agreement(KindAgreement):
    """The same over all questions."""

    by_kind: dict[str, KindAgreement]


class EnsembleFile(Agreement):
    """What stands beside the answers of an ensemble."""

    schema_version: int
    ensemble: str
    models: list[str]
    files: list[str]
