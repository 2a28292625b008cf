"""Phases whose ends are published to a step of seconds alone: what lies between is unknown, never another phase.

The lengths of an operation's phases, to the second, tell which operation of a hospital's own list it is. Here a phase
begins at the next multiple of the step and ends at the last one inside it. The strips that are cut off are ``unknown``:
no question is asked there, and none of them is called idle. Every label that is left is as right as before.
"""

from __future__ import annotations

import math
from dataclasses import replace

from surgvqa.builders.schema import Case, Omission, Phase
from surgvqa.cards.command import InputError

Span = tuple[float, float]


def coarse(case: Case, step_s: float) -> tuple[Case, tuple[Omission, ...]]:
    """Return a case whose phases, steps and stated idle times begin and end at multiples of a step; and what is gone.

    Raises:
        InputError: no step; a case with windows of its source's own, whose times aren't ours to change.
    """
    if not (math.isfinite(step_s) and step_s > 0):
        raise InputError(f"--coarse-times {step_s:g}: give seconds, as 30")
    if case.clips:
        raise InputError(
            f"--coarse-times: {case.source} brings windows of its own, whose times can't be changed; leave it out"
        )
    phases, strips = _inward(case.phases, step_s)
    steps, _ = _inward(case.steps, step_s)
    idle = tuple(core for span in case.idle_s if (core := inside(span, step_s)))
    idle_strips = [strip for span in case.idle_s for strip in _cut(span, step_s)]
    kept_ids = {id(phase) for phase, core in zip(case.phases, phases, strict=True) if core is not None}
    omissions = tuple(
        Omission(f"{case.case_id}: {phase.label}", f"shorter than --coarse-times {step_s:g} leaves whole")
        for phase in case.phases
        if id(phase) not in kept_ids
    )
    unknown = (*case.unknown, *strips, *idle_strips)
    coarse_case = replace(
        case,
        phases=tuple(one for one in phases if one is not None),
        steps=tuple(one for one in steps if one is not None),
        idle_s=idle,
        unknown=tuple(sorted(unknown)),
    )
    return coarse_case, omissions


def inside(span: Span, step_s: float) -> Span | None:
    """Return the longest stretch inside a span that begins and ends at a multiple of a step; None where there is none.

    >>> inside((12.3, 47.8), 10), inside((0, 20), 10), inside((12, 18), 10)
    ((20.0, 40.0), (0.0, 20.0), None)
    """
    start, end = float(math.ceil(span[0] / step_s) * step_s), float(math.floor(span[1] / step_s) * step_s)
    return (start, end) if start < end else None


def _cut(span: Span, step_s: float) -> list[Span]:
    """Return what of a span lies outside ``inside``."""
    core = inside(span, step_s)
    parts = [span] if core is None else [(span[0], core[0]), (core[1], span[1])]
    return [part for part in parts if part[0] < part[1]]


def _inward(phases: tuple[Phase, ...], step_s: float) -> tuple[list[Phase | None], list[Span]]:
    inner_phases: list[Phase | None] = []
    strips: list[Span] = []
    for phase in phases:
        span = (phase.start_s, phase.end_s)
        core = inside(span, step_s)
        strips += _cut(span, step_s)
        inner_phases.append(None if core is None else replace(phase, start_s=core[0], end_s=core[1]))
    return inner_phases, strips
