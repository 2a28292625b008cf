"""The card of what a verb of our own trains: a segmenter, a small model from nothing, a taught vision tower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from surgvqa.cards.files import manifest
from surgvqa.cards.write.markdown import escape, render
from surgvqa.cards.write.model import data_name, table_value

TASKS = (
    "image-segmentation",
    "visual-question-answering",
    "image-feature-extraction",
)  # the Hub knows these and no library called surgvqa


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallModel:
    """What its card tells of a model."""

    task: str
    """one of ``TASKS``"""
    title: str
    what: str
    """one sentence"""
    figures: Mapping[str, float | int | str | None]
    figures_are: str
    """one sentence: of which split, and what they mean"""
    command: str
    """how it is used"""
    settings: Mapping[str, object]


def write(folder: Path, model: SmallModel, data: Path) -> None:
    """Write README.md into the model's folder; ``data`` is the folder that it was trained on."""
    source = manifest.read(data) if (data / manifest.NAME).is_file() else None
    text = render(
        "small_model.md",
        task=model.task,
        title=model.title,
        what=escape(model.what),
        data=data_name(source, None),
        figures=[(name.replace("_", " "), figure(value)) for name, value in model.figures.items()],
        figures_are=model.figures_are,
        command=model.command,
        settings=[(name, table_value(value)) for name, value in model.settings.items() if value is not None],
        licence=source["source"].get("licence", "") if source else "",
    )
    manifest.put(folder / manifest.CARD, text)


def figure(value: float | str | None) -> str:
    """Return a figure with three digits behind the point.

    >>> figure(0.81234), figure(12), figure(None)
    ('0.812', '12', '–')
    """
    return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
