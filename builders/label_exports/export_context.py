"""The context of an export: the procedure's names, the frames that labels are wanted of, their sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgvqa.builders.annotations.shapes import Names, frame_size
from surgvqa.builders.schema import Entity
from surgvqa.cards.command import InputError


def _no_size(name: str) -> tuple[int, int] | None:
    return None


@dataclass(frozen=True, slots=True)
class ExportContext:
    """The context that readers of exports need beside the file."""

    names: Names
    rate: float = 0.0  # frames per second of a video that an export numbers the frames of; 0: not said
    moments: tuple[float, ...] = ()  # seconds of the frames that labels are wanted of, ascending
    size: Callable[[str], tuple[int, int] | None] = _no_size  # of the frame that a picture's name means

    def needed_rate(self, what: str) -> float:
        """Return the frames per second, which an export doesn't say."""
        if self.rate <= 0:
            raise InputError(f"{what} numbers a video's frames: give --image-rate, its frames per second")
        return self.rate

    def rate_of(self, export_rate: float | None, what: str, slack: float = 0.0002) -> float:
        """Return the frames per second that an export states, or --image-rate where it states none.

        Raises ``InputError`` where both are there and differ by more than ``slack``, a share: 30 for 29.97 puts what was
        seen an hour in 3.6 s too early.
        """
        if not export_rate:
            return self.needed_rate(what)
        if self.rate > 0 and abs(self.rate / export_rate - 1) > slack:
            raise InputError(
                f"{what} says {export_rate:g} frames a second, and --image-rate is {self.rate:g}; leave --image-rate out, or "
                "correct one of them"
            )
        return export_rate

    def needed_size(self, name: str) -> tuple[int, int]:
        """Return the size of a picture, which an export doesn't say."""
        there = self.size(name)
        if there is None:
            raise InputError(
                f"the export doesn't say the size of {name!r}, and no picture of that name lies beside the labels"
            )
        return frame_size(*there)


def same_classes(folder: Path, there: Sequence[Path], classes: Callable[[Path], object]) -> Path:
    """Return the first of some files that name classes. Raises ``InputError`` where another one names others."""
    other = next((path for path in there[1:] if classes(path) != classes(there[0])), None)
    if other is not None:
        names = " and ".join(path.relative_to(folder).as_posix() for path in (there[0], other))
        raise InputError(f"{folder}: {names} differ; give the folder of one of them")
    return there[0]


def have_places(nodes: tuple[Entity, ...]) -> bool:
    """Whether any entity has a place."""
    return any(node.bbox is not None or node.centroid is not None for node in nodes)
