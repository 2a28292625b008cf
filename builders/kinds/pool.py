"""All that can be asked of a clip and holds: what each kind drafts, held to its certificate, put into words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.case_index import of_case
from surgvqa.builders.cases.transitions import Transitions
from surgvqa.builders.cases.windows import frame_times
from surgvqa.builders.kinds import changes, count, phase, presence, things, tips
from surgvqa.builders.kinds.templates import OWN, Template, capital, load
from surgvqa.builders.kinds.view import Draft, Look
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import QA, Case, Clip


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of question: how it reasons, and what it drafts of a clip."""

    reasoning: str
    drafts: Callable[[Look], Iterator[Draft]]


POOL: Mapping[str, Kind] = {
    "phase": Kind("recognition", phase.drafts),
    "anatomy": Kind("recognition", things.anatomy),
    "instruments": Kind("recognition", things.instruments),
    "presence": Kind("verification", presence.presence),
    "count": Kind("recognition", count.count),
    "entered": Kind("verification", changes.entered),
    "exited": Kind("verification", changes.exited),
    "enters_at": Kind("temporal", changes.enters_at),
    "which_first": Kind("temporal", changes.which_first),
    "tip_clock": Kind("spatial", tips.tip_clock),
    "tip_cell": Kind("spatial", tips.tip_cell),
    "absolute_position": Kind("spatial", tips.position),
    "tip_in": Kind("spatial", tips.tip_in),
    "tip_shift": Kind("temporal", tips.tip_shift),
    "entry_side": Kind("spatial", tips.entry_side),
    "tip_order": Kind("spatial", tips.tip_order),
}
EVERY_KIND = Selection(kinds=tuple(POOL))
CAUSES = ("not answerable", "not visible", "not stable", "not unique")


def asked(
    clip: Clip,
    case: Case,
    taxonomy: Taxonomy,
    known: Transitions,
    selection: Selection = EVERY_KIND,
    failed: Counter[tuple[str, str]] | None = None,
) -> tuple[QA, ...]:
    """Return the questions of a clip whose certificate holds; ``failed`` counts the others by (kind, cause).

    ``case`` is linked, the clip one of `moments.windows`; ``known`` comes from training.
    """
    shown = frame_times(clip, selection.frames)
    if not shown:
        return ()
    look = Look(clip, of_case(case), taxonomy, known, selection.seed, shown, selection.max_side)
    words = load(OWN)
    found: list[QA] = []
    for name in (name for name in POOL if name in selection.kinds):
        for draft in POOL[name].drafts(look):
            cause = fault(draft, shown)
            if cause is None:
                found.append(worded(look, name, draft, words[name]))
            elif failed is not None:
                failed[name, cause] += 1
    return tuple(found)


def fault(draft: Draft, shown: Sequence[float]) -> str | None:
    """Why a question must not be asked, None where it may.

    >>> fault(Draft("2", (9.0,), {}), (0.0, 5.0))
    'not answerable'
    """
    inside = all(shown[0] <= at <= shown[-1] for at in draft.evidence)
    held = (inside and bool(draft.evidence), draft.visible, draft.stable, draft.unique)
    return next((cause for cause, holds in zip(CAUSES, held, strict=True) if holds is False), None)


def worded(look: Look, kind: str, draft: Draft, template: Template) -> QA:
    """Return a draft as a question with its certificate, and how sure a machine was of the moments it rests on."""
    qa_id = f"{look.clip.clip_id}#{kind}{draft.suffix}"
    text = draws.pick(template.questions, "wording", look.seed, qa_id).format(**draft.slots)
    sentence = template.nothing if draft.nothing else template.answer
    return QA(
        qa_id,
        kind,
        POOL[kind].reasoning,
        capital(text),
        sentence.format(x=draft.said or draft.answer, **draft.slots),
        draft.answer,
        draft.choices,
        draft.evidence,
        label_confidence=look.view.confidence(draft.evidence),
        answerable=True,
        visible=draft.visible,
        stable=draft.stable,
        unique=draft.unique,
    )
