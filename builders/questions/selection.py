"""The selection of questions: kinds, frames, seed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The kinds of questions, the draws, and the frames of a clip that they are asked of."""

    kinds: tuple[str, ...]
    seed: int = 0  # with the clip's id alone, it decides the wording and what is asked about
    frames: int = 8  # that the clip is shown with: motion is asked about between the first and the last
    max_side: int | None = 512  # of a frame, pixels
