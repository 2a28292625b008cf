"""What a kind sees of a clip: its annotated moments inside the frames, what the case annotates, what training shows.

A kind yields drafts; the certificate of each is what `asked` holds it to before anything is asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.case_index import CaseIndex
from surgvqa.builders.cases.transitions import Transitions
from surgvqa.builders.geometry.instrument_tip import Tip, tip_of_rle
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Clip, Entity, Role, Scene

NOISE = 3.0  # pixels that an annotator's outline is off by
LEAST = 64.0  # pixels of a thing in the picture that the model is shown: eight by eight
CLEAR_S = 0.5  # seconds from a change of phase within which its label is not sure


@dataclass(frozen=True, slots=True)
class Draft:
    """A question before its words, with what its certificate rests on; None: nobody can say, and it passes."""

    answer: str
    evidence: tuple[float, ...]
    slots: dict[str, str]
    choices: tuple[str, ...] = ()
    said: str | None = None  # how the sentence says the answer
    nothing: bool = False  # the answer is that there is nothing
    visible: bool | None = None
    stable: bool | None = None
    unique: bool = True
    suffix: str = ""


@dataclass(frozen=True)
class Look:
    """One clip as a kind sees it."""

    clip: Clip
    view: CaseIndex
    taxonomy: Taxonomy
    known: Transitions
    seed: int
    frames: tuple[float, ...]  # seconds of the frames that are shown
    max_side: int | None = 512

    @cached_property
    def moments(self) -> tuple[Scene, ...]:
        """The annotated moments between the first and the last frame."""
        return self.view.between(self.frames[0], self.frames[-1])

    @property
    def last(self) -> Scene | None:
        """The moment that questions about one moment are on: the latest."""
        return self.moments[-1] if self.moments else None

    def when(self, at_s: float) -> str:
        """Words for a moment of the clip, by where it lies in what is shown.

        A clip of one picture needs none, "in this picture" says it.
        """
        if len(self.frames) == 1:
            return "in this picture"
        if at_s == self.frames[-1]:
            return "at the end of the clip"
        if at_s == self.frames[0]:
            return "at the start of the clip"
        return f"at {at_s - self.frames[0]:.1f} s of the clip"

    def annotates(self, role: Role) -> bool:
        """Whether the annotations ever hold a role; where they never do, "none" would be a guess."""
        return role in self.view.roles or role in self.known.roles.values()

    def large(self, node: Entity, scene: Scene) -> bool | None:
        """Whether a thing is large enough to be seen at the size that it is shown; None where no size is known."""
        if node.area is None or not scene.width:
            return None
        side = max(scene.width, scene.height)
        scale = min(1.0, (self.max_side or side) / side)
        return node.area * scale * scale >= LEAST

    def key(self, *more: object) -> tuple[object, ...]:
        """Return what draws of this clip depend on."""
        return (*more, self.seed, self.clip.clip_id)

    def one_of(self, names: Sequence[str], *more: object) -> str:
        """One of some names, always the same one for this clip."""
        return draws.pick(sorted(names), *self.key(*more))

    def absent(self, scene: Scene, role: Role | None = None) -> list[str]:
        """Things not in a scene that training shows in its phase, else anywhere."""
        there = {node.name for node in scene.nodes}
        shown = self.known.shown.get(self.clip.phase or "", {})
        for names in (shown, self.known.roles):
            fit = {name for name in names if role in (None, self.known.roles.get(name))}
            if fit - there:
                return sorted(fit - there)
        return []


def single(scene: Scene, role: Role) -> dict[str, Entity]:
    """Return the things of a role that their name alone means in a scene."""
    names = [node.name for node in scene.nodes]
    return {
        node.name: node
        for node in scene.nodes
        if node.type == role and names.count(node.name) == 1 and not node.crowd
    }


def tip(node: Entity, scene: Scene) -> Tip | None:
    """Where an instrument's tip is, from its mask."""
    return tip_of_rle(node.rle, scene.width, scene.height) if node.rle is not None else None


def around(x: float, y: float) -> list[tuple[float, float]]:
    """Return a point and eight others as far from it as an outline is off."""
    ring = [(math.cos(i * math.pi / 4), math.sin(i * math.pi / 4)) for i in range(8)]
    return [(x, y), *((x + NOISE * dx, y + NOISE * dy) for dx, dy in ring)]
