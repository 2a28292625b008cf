"""A clip as kinds see it: its annotated moments inside the frames, the case's annotations, the training counts.

A kind yields drafts; the certificate of each is what `asked` holds it to before anything is asked.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import get_args

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.case_index import GAP_S, CaseIndex, Fact
from surgvqa.builders.cases.transitions import Transitions
from surgvqa.builders.geometry import masks
from surgvqa.builders.geometry.instrument_tip import Tip, tip_of_rle
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Clip, Entity, Role, Scene
from surgvqa.cards.command import InputError, nearest

NOISE = 3.0  # pixels that an annotator's outline is off by
# Pixels of a thing in the picture that the model is shown: 14 by 14, the smallest patch of a Qwen-VL tower. Of eleven
# structures of Endoscapes with 70 to 185 pixels, looked at beside their outlines, two could be told from what is around.
LEAST = 196.0
FEWEST = 4  # annotated moments of a clip that is asked when something happens
MOST_BETWEEN = 3  # moments between the ends of a long clip that are asked about
MOST_INNER = 2  # the same of a clip of a few seconds
UNSPECIFIED_PREFIX = "unspecified "
TRIVIAL = (
    0.97  # of the moments of a phase that show a thing: the cornea is in view of all of an eye's operations
)
UNSAID = 0.05  # of a thing's area, so many pixels that may belong to it or not change nothing
REASONINGS = ("recognition", "spatial", "temporal", "verification", "description", "safety")
CLEAR_S = 0.5  # seconds by which two annotators' borders of a phase differ at the least
NEAR_S = (
    2.5  # seconds between two frames, up to which they show when something changes: clips of 18 s have eight
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A question before its words, with what its certificate rests on; None: nobody can say, and it passes."""

    answer: str
    evidence: tuple[float, ...]
    slots: dict[str, str]
    choices: tuple[str, ...] = ()
    answer_phrase: str | None = None  # how the sentence says the answer
    nothing: bool = False  # the answer is that there is nothing
    visible: bool | None = None
    stable: bool | None = None
    unique: bool = True
    suffix: str = ""
    aside: bool = False  # the question leaves out what is in view and never labelled
    pair: str | None = None  # questions of a clip with the same one ask for the same fact in other words


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentWords:
    """The words for the moments of a clip; ``{s}`` is a second of it."""

    end: str = "at the end of the clip"
    start: str = "at the start of the clip"
    at: str = "at {s} s of the clip"
    picture: str = "in this picture"
    aside: str = "{when}, not counting the {things}"  # that are in view and that nobody labels
    also: str = " and the "  # between two such things


@dataclass(frozen=True, eq=False)
class Look:
    """One clip as a kind sees it."""

    clip: Clip
    view: CaseIndex
    taxonomy: Taxonomy
    transitions: Transitions
    seed: int
    frames: tuple[float, ...]  # seconds of the frames that are shown
    max_side: int | None = 512
    moment_words: MomentWords = MomentWords()

    @cached_property
    def moments(self) -> tuple[Scene, ...]:
        """The annotated moments from the first frame to the last; of labels that may be off those with a frame and no change near."""
        scenes, error_s = self.view.between(self.frames[0], self.frames[-1]), self.view.case.moment_error_s
        if error_s:
            shown_scenes = [scene for scene in scenes if scene.time_s in self.frames]
            return tuple(one for one in shown_scenes if self.view.steady(one.time_s, error_s, frozenset()))
        return scenes

    @property
    def last(self) -> Scene | None:
        """The moment that questions about one moment are on: the latest."""
        return self.moments[-1] if self.moments else None

    @property
    def ends(self) -> tuple[Scene, ...]:
        """The latest annotated moment and, where there is another one, the earliest."""
        return (self.moments[-1], self.moments[0]) if len(self.moments) > 1 else self.moments

    @cached_property
    def between(self) -> tuple[Scene, ...]:
        """The first moments between the ends that have a frame of their own and show something new, not for a single row."""
        sights = {_shows(scene) for scene in self.ends}
        scenes: list[Scene] = []
        for before, scene, after in zip(self.moments, self.moments[1:], self.moments[2:], strict=False):
            near = [one for one in (before, after) if abs(one.time_s - scene.time_s) <= GAP_S]
            alone = bool(near) and all(_tools(one) != _tools(scene) for one in near)
            if scene.time_s in self.frames and _shows(scene) not in sights and not alone:
                sights.add(_shows(scene))
                scenes.append(scene)
        return tuple(scenes[: MOST_BETWEEN if self.view.case.moment_error_s else MOST_INNER])

    def dense(self) -> bool:
        """Whether the clip is annotated from its first frame to its last without a gap, to the second: when things change is known."""
        if self.view.case.moment_error_s:
            return False
        times = [scene.time_s for scene in self.moments]
        return (
            len(times) >= FEWEST
            and (times[0], times[-1]) == (self.frames[0], self.frames[-1])
            and max(b - a for a, b in pairwise(times)) <= GAP_S
            and max(b - a for a, b in pairwise(self.frames)) <= NEAR_S
        )

    def at_ends(self, drafts: Callable[[Scene], Iterator[Draft]]) -> Iterator[Draft]:
        """Yield what can be asked of the latest moment, and of the earliest and one between where the answer is another one.

        The same question with the same answer at both ends of a clip is one fact asked twice.
        """
        answers: dict[tuple[str | None, ...], set[str]] = {}
        suffixes = ("", "-start", "-between", *(f"-between-{i}" for i in range(2, MOST_BETWEEN + 1)))
        for suffix, scene in zip(suffixes, (*self.ends, *self.between), strict=False):
            for draft in drafts(scene):
                about = answers.setdefault((draft.slots.get("a"), draft.slots.get("b")), set())
                if draft.answer not in about:
                    yield replace(draft, suffix=f"{suffix}{draft.suffix}") if suffix else draft
                about.add(draft.answer)

    def when(self, at_s: float) -> str:
        """Words for a moment of the clip, by where it lies in what is shown.

        A clip of one picture needs none, "in this picture" says it.
        """
        if len(self.frames) == 1:
            return self.moment_words.picture
        if at_s == self.frames[-1]:
            return self.moment_words.end
        if at_s == self.frames[0]:
            return self.moment_words.start
        return self.moment_words.at.format(s=f"{self.second(at_s):.1f}")

    def near_frame(self, at_s: float, by_s: float) -> bool:
        """Whether a frame lies within some seconds of a moment."""
        place = bisect_left(self.frames, at_s)
        return any(abs(at_s - frame_s) <= by_s for frame_s in self.frames[max(0, place - 1) : place + 1])

    def second(self, at_s: float) -> float:
        """Return the second of the clip that a moment is, from the clip's own start: where a cut video begins."""
        return round(at_s - self.clip.start_ms / 1000, 3)

    def aside(self, words: str) -> str:
        """Return words for a moment, or a sentence, with what is in view there and never labelled left out by name."""
        things = self.moment_words.also.join(self.view.case.unlabelled_tools)
        return self.moment_words.aside.format(when=words, things=things) if things else words

    def hidden_structures(self, scene: Scene) -> set[str]:
        """Return what no one outlined and must be there: what lies between two structures that are in view."""
        there = {node.name for node in scene.nodes}
        return {
            name for name, ends in self.taxonomy.between.items() if name not in there and there >= {*ends}
        }

    def boxed_part(self, name: str) -> str:
        """Return what of an instrument its box holds, in words."""
        return f"working end of the {name}" if self.view.case.end_boxes else name

    def annotates(self, role: Role) -> bool:
        """Whether the annotations ever hold a role; where they never do, "none" would be a guess."""
        return role in self.view.roles or role in self.transitions.roles.values()

    def large(self, node: Entity, scene: Scene) -> bool | None:
        """Whether a thing is large enough to be seen at the size that it is shown; None where no size is known."""
        if node.area is None or not scene.width:
            return None
        side = max(scene.width, scene.height)
        scale = min(1.0, (self.max_side or side) / side)
        return node.area * scale * scale >= LEAST

    def names(self, role: Role) -> bool:
        """Whether the annotations ever say which thing of a role it is; where they never do, only "none" could be said."""
        return self.annotates(role) and any(
            its_role == role and not nameless(name) for name, its_role in self.transitions.roles.items()
        )

    def has_whole_mask(self, node: Entity, scene: Scene) -> bool:
        """Whether a thing's mask is all of it: no pixels worth the name lie in its box of which nobody says what they show."""
        if scene.unsaid_rle is None or node.bbox is None or not node.area:
            return True
        unsaid_mask = masks.rle_to_mask(scene.unsaid_rle, scene.width, scene.height)
        x1, y1, x2, y2 = (round(at) for at in node.bbox)
        return bool(unsaid_mask[y1:y2, x1:x2].sum() <= UNSAID * node.area)

    def unsaid(self, times: Sequence[float]) -> bool:
        """Whether a part of one of some moments shows what nobody says: whatever isn't seen elsewhere may be there."""
        return not self.view.unsaid_times.isdisjoint(times)

    def key(self, *more: object) -> tuple[object, ...]:
        """Return what draws of this clip depend on."""
        return (*more, self.seed, self.clip.clip_id)

    def one_of(self, names: Sequence[str], *more: object) -> str:
        """One of some names, always the same one for this clip."""
        return draws.pick(sorted(names), *self.key(*more))

    def step(self, at_s: float) -> str | None:
        """Return the step at a second; None where none is known, or where the camera is outside of the body."""
        phase = self.view.label(at_s)
        if phase is not None and self.taxonomy.canonical("phase", phase) in self.taxonomy.outside:
            return None
        return self.view.step(at_s)

    def trivial(self, name: str) -> bool:
        """Whether nobody need look to know that a thing is in view: nearly all moments of the phase show it."""
        return self.transitions.share(self.clip.phase, name) > TRIVIAL

    def likely(self, role: Role) -> list[str]:
        """Names of a role that training shows, those that it shows the most often in this phase first."""
        names = [
            name
            for name, its_role in self.transitions.roles.items()
            if its_role == role and not nameless(name)
        ]
        return sorted(names, key=lambda name: (-self.transitions.share(self.clip.phase, name), name))

    def distractors(self, names: Iterable[str], count: int, *key: object) -> list[str]:
        """Draw names that are wrong, each as likely as this phase shows it.

        A thing that is there is drawn by how rare it is, so that of a set of choices each is about as likely to be right.
        """
        left = {name: self.transitions.share(self.clip.phase, name) for name in sorted(names)}
        drawn_names: list[str] = []
        while left and len(drawn_names) < count:
            name = draws.pick_by_weight(left, *self.key(*key, len(drawn_names)))
            del left[name]
            drawn_names.append(name)
        return drawn_names

    def absent(self, scene: Scene, role: Role | None = None) -> list[str]:
        """Things not in a scene that training shows in its phase, else anywhere; none where a part of it isn't said."""
        if scene.unsaid_rle:
            return []
        there = {node.name for node in scene.nodes} | self.hidden_structures(scene)
        phase_names = self.transitions.shown_counts.get(self.clip.phase or "", {})
        for names in (phase_names, self.transitions.roles):
            fit = {
                name
                for name in names
                if role in (None, self.transitions.roles.get(name)) and not nameless(name)
            }
            if fit - there:
                return sorted(fit - there)
        return []


def _shows(scene: Scene) -> tuple[object, ...]:
    """Return what a moment shows, as far as it can be told from another one without pixels."""
    things = sorted((node.name, node.grid or "") for node in scene.nodes)
    return (tuple(things), scene.actions)


def _tools(scene: Scene) -> set[str]:
    """Return the names of the instruments of a moment."""
    return {node.name for node in scene.nodes if node.type == "instrument"}


def nameless(name: str) -> bool:
    """Whether a name says that nobody said which thing it is; it is no answer, and no question is about it."""
    return name.startswith(UNSPECIFIED_PREFIX)


def single(scene: Scene, role: Role) -> dict[str, Entity]:
    """Return the things of a role that their name alone means in a scene."""
    names = [node.name for node in scene.nodes]
    return {
        node.name: node
        for node in scene.nodes
        if node.type == role and not node.crowd and names.count(node.name) == 1 and not nameless(node.name)
    }


def with_suffixes(drafts: Iterable[Draft]) -> Iterator[Draft]:
    """Yield the drafts of a moment with suffixes that tell them apart; the first one has none."""
    for number, draft in enumerate(drafts, 1):
        yield draft if number == 1 else replace(draft, suffix=f"{draft.suffix}-{number}")


def all_large(look: Look, nodes: Iterable[Entity], scene: Scene) -> bool | None:
    """Whether all of some things are large enough to be seen; None where the size of one isn't known."""
    return both(*(look.large(node, scene) for node in nodes))


def both(*facts: bool | None) -> bool | None:
    """Whether all of some facts hold; None where none fails and one isn't known.

    >>> both(True, None, False), both(True, None), both()
    (False, None, True)
    """
    return False if False in facts else None if None in facts else True


def tip(node: Entity, scene: Scene) -> Tip | None:
    """Return an instrument's tip, from its mask."""
    return tip_of_rle(node.rle, scene.width, scene.height) if node.rle is not None else None


def around(x: float, y: float, *, more: float = 0.0) -> list[tuple[float, float]]:
    """Return a point and eight others as far from it as an outline is off; with ``more``, eight that much farther out."""
    ring = [(math.cos(i * math.pi / 4), math.sin(i * math.pi / 4)) for i in range(8)]
    reaches = (NOISE, NOISE + more) if more else (NOISE,)
    return [(x, y), *((x + reach * dx, y + reach * dy) for reach in reaches for dx, dy in ring)]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of question: how it reasons, and what it drafts of a clip."""

    reasoning: str
    drafts: Callable[[Look], Iterator[Draft]]
    whole: bool = False  # its answers rest on all that is in view: where a part isn't said they are unknown
    of_things: bool = True  # its answers rest on what is in view, and on when that comes and goes
    needs: Fact | None = None  # what a case must hold anywhere for the kind to draft anything; None: nothing

    def __post_init__(self) -> None:
        """Refuse a group that there is not: the kind would be in no table."""
        for name, word, words in (
            ("reasoning", self.reasoning, REASONINGS),
            ("needs", self.needs, get_args(Fact)),
        ):
            if word not in words and word is not None:
                raise InputError(f"Kind: {name} {word!r}: {nearest(str(word), words)}")
        if not callable(self.drafts):
            raise InputError(f"Kind: drafts: a function that yields drafts is due, found {self.drafts!r}")
