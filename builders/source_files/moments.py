"""Clips at annotated moments alone, for sets whose labels are sparse: between them nobody knows what happens."""

from __future__ import annotations

from dataclasses import replace

from surgvqa.builders.cases.scene import link
from surgvqa.builders.cases.timeline import annotated_course as laid_flat
from surgvqa.builders.cases.timeline import label_at, to_ms
from surgvqa.builders.schema import Case, Clip, Phase


def phases(labels: dict[float, str], step_s: float) -> tuple[Phase, ...]:
    """Phases from labels of single moments: neighbours with one label are one phase, whatever lies between.

    >>> [(one.label, one.start_s, one.end_s) for one in phases({0: "a", 5: "a", 9: "b"}, 1)]
    [('a', 0, 6), ('b', 9, 10)]
    """
    runs: list[Phase] = []
    for at, label in sorted(labels.items()):
        if runs and runs[-1].label == label:
            runs[-1] = Phase(label, runs[-1].start_s, at + step_s)
        else:
            runs.append(Phase(label, at, at + step_s))
    return tuple(runs)


def clips(case: Case, length_s: float) -> tuple[Clip, ...]:
    """Return a clip from each annotated moment on, no longer than until the next one; its scene is linked."""
    linked_case = link(case)
    stretches = laid_flat(case).stretches
    moment_clips = []
    for at, after in zip(linked_case.scenes, (*linked_case.scenes[1:], None), strict=True):
        start = to_ms(at.time_s)
        end = start + to_ms(length_s)
        if after is not None:
            end = min(end, to_ms(after.time_s))
        label = label_at(stretches, start) if stretches else None
        moment_clips.append(Clip(case.case_id, start, end, label, at))
    return tuple(moment_clips)


def at_moments(case: Case, length_s: float) -> Case:
    """Return a case with clips at its annotated moments."""
    return replace(case, clips=clips(case, length_s))
