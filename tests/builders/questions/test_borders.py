"""Moments near a border: of a phase, a step, an exchange of instruments, a cell; labels that are seconds off."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from surgvqa.builders.asking.pool import POOL, certified_questions
from surgvqa.builders.cases import moments
from surgvqa.builders.cases.scene import link
from surgvqa.builders.cases.transitions import transitions
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import QA, Case, Entity, Phase, Scene


def questions(case: Case, *kinds: str) -> list[QA]:
    known, clips = transitions([case]), moments.windows(case, 5.0, 8).clips
    chosen = Selection(kinds=kinds or tuple(POOL))
    return [
        qa for clip in clips for qa in certified_questions(clip, case, load(case.procedure), known, chosen)
    ]


def seen(name: str) -> Entity:
    return Entity(name, name, "instrument", "presence")


def seconds(*names: Iterable[str], phases: tuple[Phase, ...] = (), **facts: object) -> Case:
    """A laparoscopy with a label a second."""
    scenes = tuple(Scene(float(at), 0, 0, tuple(map(seen, row))) for at, row in enumerate(names))
    phases = phases or (Phase("preparation", 0, float(len(names))),)
    return link(
        Case("a", "made", "cholecystectomy", phases, scenes, duration_s=float(len(names)), **facts)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("cut", [61.0, 63.0, 65.0, 67.5])
def test_a_moment_seconds_from_a_border_has_no_phase_and_no_step(cut):
    steps = (Phase("trocar placement", 0, cut), Phase("retractor placement", cut, 120))
    phases = (Phase("preparation", 0, cut), Phase("gastric pouch creation", cut, 120))
    case = link(Case("a", "made", "gastric_bypass", phases, steps=steps, duration_s=120.0))
    found = [qa for qa in questions(case, "phase", "step", "step_of") for at in qa.evidence_s]
    assert {"phase", "step", "step_of"} - {"step_of"} <= {qa.kind for qa in found}
    assert all(abs(at - cut) >= 3 for qa in found for at in qa.evidence_s)
    assert {"preparation", "gastric pouch creation"} <= {qa.short_answer for qa in found}


def test_a_phase_between_two_borders_is_not_asked_at_either():
    """Two seconds of another phase, twelve seconds in: neither it nor what is close to it is asked about."""
    phases = (
        Phase("preparation", 0, 12),
        Phase("clipping and cutting", 12, 14),
        Phase("preparation", 14, 30),
    )
    found = questions(seconds(*[["hook"]] * 30, phases=phases), "phase")
    assert found and all(qa.short_answer == "preparation" for qa in found)
    assert all(not 9 < at < 17 for qa in found for at in qa.evidence_s)
