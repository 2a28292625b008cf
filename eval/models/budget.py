"""The pixel budget of a clip: how many frames, how large; it travels with an adapter."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from surgvqa.cards.command import InputError
from surgvqa.cards.files.atomic import write_text

BUDGET_FILE = "surgvqa.json"


@dataclass(frozen=True, slots=True)
class Budget:
    """The frames and pixels of a clip that a model gets; saved beside an adapter, so that it is asked the way it was taught."""

    frames: int  # a clip's frames, evenly chosen where a row has more; a row with fewer is refused
    media: Literal["images", "video"] = "images"  # frames one by one, or as one video (pairs merged in time)
    min_pixels: int = 56 * 56  # of one frame, after it was resized for the model
    max_pixels: int = 512 * 512
    thoughts: bool = False  # whether it thinks before it answers

    def save(self, folder: Path) -> None:
        """Write it into an adapter's folder."""
        text = json.dumps(dataclasses.asdict(self), indent=2) + "\n"
        write_text(folder / BUDGET_FILE, text)

    @classmethod
    def load(cls, folder: Path) -> Budget:
        """Read it from an adapter's folder.

        Raises:
            InputError: the folder has none, or one that we did not write.
        """
        path = folder / BUDGET_FILE
        if not path.is_file():
            raise InputError(
                f"{folder} has no {BUDGET_FILE}: it doesn't say what its model saw; give --frames"
            )
        values = json.loads(path.read_text(encoding="utf-8"))
        field_names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(values, dict) or not field_names >= set(values) >= {"frames"}:
            raise InputError(f"{path}: expected {', '.join(sorted(field_names))}; found {values}")
        return cls(**values)


def most_tokens(budget: Budget, answer: int) -> int:
    """Return how many tokens a reply may have where an answer has at most so many: thoughts take a thousand more."""
    return answer + (1000 if budget.thoughts else 0)
