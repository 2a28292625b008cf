"""A case's scenes and phases by time, made once a case: what a clip costs is then what lies inside it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal

from surgvqa.builders.cases.timeline import Stretch, annotated_course
from surgvqa.builders.schema import Case, Rating, Role, Scene

GAP_S = 1.25  # seconds between two annotated moments in which nobody knows when something changed
Fact = Literal["places", "actions", "steps", "ratings"]


@dataclass(frozen=True, eq=False)
class CaseIndex:
    """A case's scenes and phases by time; made once a case, so that a clip costs what lies inside it."""

    case: Case

    @cached_property
    def scenes(self) -> tuple[Scene, ...]:
        """The scenes in order of time."""
        return tuple(sorted(self.case.scenes, key=lambda scene: scene.time_s))

    @cached_property
    def times(self) -> list[float]:
        """The seconds of the scenes."""
        return [scene.time_s for scene in self.scenes]

    @cached_property
    def roles(self) -> frozenset[Role]:
        """The roles that the annotations of this case ever hold."""
        return frozenset(node.type for scene in self.scenes for node in scene.nodes)

    @cached_property
    def facts(self) -> frozenset[Fact]:
        """What the labels of the case hold beside names of things: the facts that kinds of questions need."""
        case = self.case
        presence: dict[Fact, bool] = {
            "places": any(node.granularity != "presence" for scene in self.scenes for node in scene.nodes),
            "actions": any(scene.actions is not None for scene in self.scenes),
            "steps": bool(case.steps),
            "ratings": bool(case.ratings),
        }
        return frozenset(fact for fact, there in presence.items() if there)

    @cached_property
    def unsaid_times(self) -> frozenset[float]:
        """The moments of which a part shows what nobody says."""
        return frozenset(scene.time_s for scene in self.scenes if scene.unsaid_rle)

    @cached_property
    def tool_changes(self) -> dict[str, tuple[list[float], list[float]]]:
        """The moments before and after each time that an instrument comes into view or leaves it, by its name."""
        changes: dict[str, tuple[list[float], list[float]]] = {}
        in_view = [{n.name for n in scene.nodes if n.type == "instrument"} for scene in self.scenes]
        for i in range(1, len(in_view)):
            for name in in_view[i] ^ in_view[i - 1]:
                before, after = changes.setdefault(name, ([], []))
                before.append(self.times[i - 1])
                after.append(self.times[i])
        return changes

    @cached_property
    def slips(self) -> dict[float, set[str]]:
        """The instruments that a single row shows, or a single row lacks, by its second: a slip of the pen by the look of it."""
        slips: dict[float, set[str]] = {}
        for name, (before, after) in self.tool_changes.items():
            for i in range(len(after) - 1):
                at_s = after[i]
                if at_s == before[i + 1] and at_s - before[i] <= GAP_S and after[i + 1] - at_s <= GAP_S:
                    slips.setdefault(at_s, set()).add(name)
        return slips

    def steady(self, at_s: float, by_s: float, names: Set[str]) -> bool:
        """Whether some instruments, or all where none is named, stay in or out of view seconds before and after a moment."""
        for name, (before, after) in self.tool_changes.items():
            first = bisect_right(after, at_s - by_s)
            if (not names or name in names) and first < len(after) and before[first] < at_s + by_s:
                return False
        return True

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """The annotated course of the case."""
        return annotated_course(self.case).stretches

    @cached_property
    def starts(self) -> list[int]:
        """The beginnings of the stretches."""
        return [stretch.start_ms for stretch in self.stretches]

    @cached_property
    def steps(self) -> tuple[Stretch, ...]:
        """The steps of the case, laid flat as its phases are."""
        return annotated_course(
            replace(self.case, phases=self.case.steps, idle="stated", idle_s=())
        ).stretches

    @cached_property
    def step_starts(self) -> list[int]:
        """The beginnings of the steps."""
        return [step.start_ms for step in self.steps]

    def phase_clear(self, at_s: float, by_s: float) -> bool:
        """Whether no other phase is known within some seconds of a moment."""
        return _one_label(self.stretches, self.starts, at_s, by_s)

    def step_clear(self, at_s: float, by_s: float) -> bool:
        """Whether no other step is known within some seconds of a moment."""
        return _one_label(self.steps, self.step_starts, at_s, by_s)

    def step(self, at_s: float) -> str | None:
        """Return the step at a second, None where none is known."""
        index = bisect_right(self.step_starts, at_s * 1000) - 1
        if index < 0 or at_s * 1000 >= self.steps[index].end_ms:
            return None
        return self.steps[index].label

    @cached_property
    def ratings(self) -> Mapping[float, tuple[Rating, ...]]:
        """The ratings of a moment, by its second."""
        ratings_by_second: dict[float, list[Rating]] = {}
        for rating in self.case.ratings:
            ratings_by_second.setdefault(rating.time_s, []).append(rating)
        return {at: tuple(ratings) for at, ratings in ratings_by_second.items()}

    def label(self, at_s: float) -> str | None:
        """Return the phase at a second, None where none is known."""
        index = bisect_right(self.starts, at_s * 1000) - 1
        if index < 0 or at_s * 1000 >= self.stretches[index].end_ms:
            return None
        return self.stretches[index].label

    @cached_property
    def sure(self) -> dict[float, float]:
        """The confidence of a machine in the moments that it made."""
        return {scene.time_s: scene.confidence for scene in self.scenes if scene.confidence is not None}

    def confidence(self, times: Sequence[float]) -> float | None:
        """Return the least confidence of a machine in some moments; None where persons made all."""
        return min((self.sure[at] for at in times if at in self.sure), default=None) if self.sure else None

    def between(self, start_s: float, end_s: float) -> tuple[Scene, ...]:
        """Return the annotated moments from one second to another, both included."""
        return self.scenes[bisect_left(self.times, start_s) : bisect_right(self.times, end_s)]


def _one_label(stretches: Sequence[Stretch], starts: Sequence[int], at_s: float, by_s: float) -> bool:
    """Whether the stretches within some seconds of a moment have one label; what isn't annotated is no other one."""
    first = bisect_right(starts, (at_s - by_s) * 1000) - 1
    near = stretches[max(0, first) : bisect_left(starts, (at_s + by_s) * 1000)]
    return len({one.label for one in near if one.end_ms > (at_s - by_s) * 1000} - {None}) < 2


@dataclass(frozen=True, eq=False)
class _Same:
    """A case as itself: to compare thousands of scenes with each other costs more than to ask about them."""

    case: Case

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.case is other.case

    def __hash__(self) -> int:
        return id(self.case)


@lru_cache(maxsize=4)
def _index(same: _Same) -> CaseIndex:
    return CaseIndex(same.case)


def of_case(case: Case) -> CaseIndex:
    """Return the index of a case, the same one for the same case."""
    return _index(_Same(case))
