"""Instruments that enter or leave between the first and the last frame, and the second of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.case_index import GAP_S
from surgvqa.builders.cases.timeline import NONE
from surgvqa.builders.kinds.view import Draft, Look, nameless
from surgvqa.builders.questions import wording
from surgvqa.builders.schema import Scene

EXCHANGE_S = 1.5  # seconds within which an instrument that comes and one that goes are exchanged


def entered(look: Look) -> Iterator[Draft]:
    """Instruments at the last frame that aren't there at the first."""
    yield from _change(look, first=False)


def exited(look: Look) -> Iterator[Draft]:
    """Instruments at the first frame that aren't there at the last."""
    yield from _change(look, first=True)


def _ends(look: Look) -> tuple[Scene, Scene] | None:
    """Return the moments of the first and of the last frame, where both are annotated."""
    if len(look.moments) < 2 or not look.names("instrument"):
        return None
    first, last = look.moments[0], look.moments[-1]
    return (first, last) if (first.time_s, last.time_s) == (look.frames[0], look.frames[-1]) else None


def _names(scene: Scene) -> list[str]:
    return [node.name for node in scene.nodes if node.type == "instrument"]


def _change(look: Look, *, first: bool) -> Iterator[Draft]:
    ends = _ends(look)
    if ends is None:
        return
    if any(nameless(name) for scene in ends for name in _names(scene)):
        return
    here, there = (ends[0], ends[1]) if first else (ends[1], ends[0])
    other = set(_names(there))
    order = [*look.taxonomy.instruments, *sorted(set(_names(here)) - set(look.taxonomy.instruments))]
    names = [name for name in order if name in _names(here) and name not in other]
    sizes = [look.large(node, here) for node in here.nodes if node.name in names]
    yield Draft(
        ", ".join(names) or NONE,
        (ends[0].time_s, ends[1].time_s),
        {},
        answer_phrase=wording.join_names(names),
        nothing=not names,
        visible=None if None in sizes else all(sizes),
        stable=True,
    )


def in_exchange(look: Look, name: str, at_s: float) -> bool:
    """Whether another instrument comes or goes close to the moment at which one does: which did so first, nobody knows."""
    scenes = look.view.between(at_s - EXCHANGE_S - GAP_S, at_s + EXCHANGE_S)
    in_view = [{node.name for node in scene.nodes if node.type == "instrument"} for scene in scenes]
    return any(
        scene.time_s >= at_s - EXCHANGE_S and (before ^ after) - {name}
        for scene, (before, after) in zip(scenes[1:], pairwise(in_view), strict=True)
    )


def enters_at(look: Look) -> Iterator[Draft]:
    """Yield the second at which an instrument comes into view, of the annotated seconds of the clip."""
    ends = _ends(look)
    if ends is None or not look.dense():
        return
    entry_moments: dict[str, int] = {}
    for name in sorted(set(_names(ends[1])) - set(_names(ends[0]))):
        in_view = [name in _names(scene) for scene in look.moments]
        if sum(a != b for a, b in pairwise(in_view)) == 1:
            entry_moments[name] = in_view.index(True)
    if not entry_moments:
        return
    name = look.one_of(list(entry_moments), "enters_at")
    at = entry_moments[name]
    seconds = [f"{look.second(scene.time_s):.1f} s" for scene in look.moments[1:]]
    evidence = (look.moments[at - 1].time_s, look.moments[at].time_s)
    stable = not in_exchange(look, name, evidence[-1])
    yield Draft(seconds[at - 1], evidence, {"a": name}, tuple(seconds), stable=stable)


def which_first(look: Look) -> Iterator[Draft]:
    """Which of two instruments comes into view first, where both do and not at the same moment."""
    ends = _ends(look)
    if ends is None or not look.dense():
        return
    there = set(_names(ends[0]))
    begins: dict[str, int] = {}
    for index, scene in enumerate(look.moments):
        for name in _names(scene):
            if name not in there:
                begins.setdefault(name, index)
    names = sorted(begins)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if begins[a] != begins[b]]
    if not pairs:
        return
    a, b = draws.pick(pairs, *look.key("pair"))
    answer = a if begins[a] < begins[b] else b
    evidence = tuple(look.moments[i].time_s for i in sorted((begins[a], begins[b])))
    before = look.moments[0].time_s
    apart = evidence[-1] - evidence[0] > EXCHANGE_S
    yield Draft(answer, (before, *evidence), {"a": a, "b": b}, (a, b), stable=apart)
