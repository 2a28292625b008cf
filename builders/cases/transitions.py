"""The phases before and after a moment, and counts of the training cases: what follows what, what each phase's scenes show.

Learned from training cases only, so that the choices of a question hold nothing of the case asked about.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from surgvqa.builders.cases.timeline import (
    IDLE,
    NONE,
    TOLERANCE_MS,
    Stretch,
    annotated_course,
    phase_at,
    to_ms,
)
from surgvqa.builders.schema import Case, Entity, Role

MOST_SHARES = 8192  # of phases and names, that are kept
TELLING = 1.5  # times the mean share of a phase's moments, from which on a thing in view speaks for a phase


@dataclass(frozen=True, slots=True, eq=False)
class Transitions:
    """Counts over training cases; plain dictionaries, so that it goes to other processes.

    Compared as itself: what is asked of it a million times is worked out once.
    """

    following: Mapping[str, int]  # phase that comes next after some stretch, or "none" -> times
    scenes: Mapping[str, int]  # phase -> annotated moments in it
    shown_counts: Mapping[str, Mapping[str, int]]  # phase -> name -> moments that show it
    roles: Mapping[str, Role]  # every name that the annotations ever show
    located: bool  # whether the annotations say where things are
    boxed: bool = False  # whether things have boxes
    crowded: bool = False  # whether outlines ever hold several instruments that nobody drew apart
    several: tuple[str, ...] = ()  # instruments of which a moment shows more than one
    acts: Mapping[str, int] = field(default_factory=dict)  # "instrument|verb|target" -> moments
    phases: tuple[str, ...] = ()  # that the cases have, "idle" among them where it is known
    steps: tuple[str, ...] = ()  # that the cases have, by when in a case they come, on average

    def share(self, phase: str | None, name: str) -> float:
        """In what part of a phase's annotated moments a thing is shown; never quite 0 or 1.

        >>> Transitions({}, {"incision": 3}, {"incision": {"slit knife": 3}}, {}, True).share("incision", "slit knife")
        0.875
        """
        return _share(self, phase, name)

    def tells(self, phase: str, name: str) -> bool:
        """Whether a thing in view speaks for a phase: its moments show it clearly more often than those of a phase do on average.

        >>> counts = {"packaging": {"bag": 9, "grasper": 9}, "dissection": {"grasper": 8}}
        >>> known = Transitions({}, {"packaging": 9, "dissection": 9}, counts, {}, True)
        >>> known.tells("packaging", "bag"), known.tells("packaging", "grasper")
        (True, False)
        """
        return _tells(self, phase, name)


@lru_cache(maxsize=MOST_SHARES)
def _share(counts: Transitions, phase: str | None, name: str) -> float:
    count = counts.shown_counts.get(phase or "", {}).get(name, 0)
    return (count + 0.5) / (counts.scenes.get(phase or "", 0) + 1)


@lru_cache(maxsize=MOST_SHARES)
def _tells(counts: Transitions, phase: str, name: str) -> bool:
    shares = [counts.share(one, name) for one in counts.scenes if one]
    return bool(shares) and counts.share(phase, name) >= TELLING * sum(shares) / len(shares)


def transitions(cases: Iterable[Case]) -> Transitions:
    """Count over (linked or unlinked) training cases of one procedure."""
    following: Counter[str] = Counter()
    scenes: Counter[str] = Counter()
    shown_counts: dict[str, Counter[str]] = defaultdict(Counter)
    roles: dict[str, Role] = {}
    has_places = False
    has_boxes = has_crowds = False
    several: set[str] = set()
    acts: Counter[str] = Counter()
    steps: dict[str, list[float]] = defaultdict(list)
    phases: set[str] = set()
    for case in cases:
        phases.update(one.label for one in annotated_course(case).stretches if one.label is not None)
        for stretch in annotated_course(case).stretches:
            after = around(case, stretch.start_ms)[1]
            if stretch.label is not None and after is not None:
                following[after] += 1
        last = max((step.end_s for step in case.steps), default=1.0)
        for step in case.steps:
            steps[step.label].append(step.start_s / last)
        sights: Counter[tuple[str, int]] = Counter()
        things: dict[
            int, tuple[Entity, ...]
        ] = {}  # moments that show the same have one tuple, where a table says so
        for scene in case.scenes:
            sights[phase_at(case, to_ms(scene.time_s)) or "", id(scene.nodes)] += 1
            things[id(scene.nodes)] = scene.nodes
            acts.update(
                f"{act.instrument}|{act.verb or ''}|{act.target or ''}" for act in scene.actions or ()
            )
        for nodes in things.values():
            tools = Counter(node.name for node in nodes if node.type == "instrument" and not node.crowd)
            has_boxes = has_boxes or any(node.bbox is not None for node in nodes)
            has_crowds = has_crowds or any(node.crowd for node in nodes if node.type == "instrument")
            several.update(name for name, n in tools.items() if n > 1)
            roles.update({node.name: node.type for node in nodes})
            has_places = has_places or any(node.granularity != "presence" for node in nodes)
        for (phase, key), n in sights.items():
            scenes[phase] += n
            shown_counts[phase].update(dict.fromkeys((node.name for node in things[key]), n))
    return Transitions(
        following=dict(sorted(following.items())),
        scenes=dict(sorted(scenes.items())),
        shown_counts={key: dict(sorted(counts.items())) for key, counts in sorted(shown_counts.items())},
        roles=dict(sorted(roles.items())),
        located=has_places,
        boxed=has_boxes,
        crowded=has_crowds,
        several=tuple(sorted(several)),
        acts=dict(sorted(acts.items())),
        phases=tuple(sorted(phases)),
        steps=tuple(sorted(steps, key=lambda name: (sum(steps[name]) / len(steps[name]), name))),
    )


def around(case: Case, time_ms: int) -> tuple[str | None, str | None]:
    """Return the phase before and the phase after the one at a moment, as ``neighbours`` has it; None where it isn't known."""
    stretches = annotated_course(case).stretches
    if not stretches or case.idle == "throughout":
        return neighbours(stretches, time_ms)
    first, last = stretches[0].start_ms, stretches[-1].end_ms
    begin = min(0, -to_ms(case.video_offset_s))
    is_hidden = case.idle == "stated" and first - begin > TOLERANCE_MS
    edges = [Stretch(None, begin, first, True)] if is_hidden else []
    end = last if case.duration_s is None else to_ms(case.duration_s) - to_ms(case.video_offset_s)
    tail = [Stretch(None, last, end, True)] if end - last > TOLERANCE_MS else []
    return neighbours((*edges, *stretches, *tail) if edges or tail else stretches, time_ms)


def neighbours(stretches: Sequence[Stretch], time_ms: int) -> tuple[str | None, str | None]:
    """Return the phase before and the phase after the one at a moment; "none" at either end of the case.

    A phase that is interrupted by an idle stretch and goes on is one phase, so the phase before it is a
    different one. Between phases, it is the phase that just ended and the one that follows. None where a
    stretch of which nothing is known may hide it.

    >>> stretches = (Stretch("a", 0, 9), Stretch("idle", 9, 12), Stretch("a", 12, 20), Stretch("b", 20, 30))
    >>> neighbours(stretches, 15), neighbours(stretches, 10), neighbours(stretches, 25)
    (('none', 'b'), ('a', 'a'), ('a', 'none'))
    >>> neighbours((Stretch("a", 0, 9), Stretch(None, 9, 99, True), Stretch("b", 99, 120)), 5)
    ('none', None)
    """
    following = bisect_right(stretches, time_ms, key=lambda stretch: stretch.start_ms)
    at = following - 1
    here = stretches[at].label if at >= 0 and time_ms < stretches[at].end_ms else None
    before = at if at >= 0 and stretches[at].end_ms <= time_ms else at - 1
    return _nearest(stretches, range(before, -1, -1), here), _nearest(
        stretches, range(following, len(stretches)), here
    )


def _nearest(stretches: Sequence[Stretch], places: Iterable[int], here: str | None) -> str | None:
    for place in places:
        stretch = stretches[place]
        if stretch.hides:
            return None
        if stretch.label not in (None, IDLE, here):
            return stretch.label
    return NONE
