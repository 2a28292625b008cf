"""The pool of a clip: every question that holds its certificate, drafted by its kind and put into words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from surgvqa.builders.asking import extensions, templates
from surgvqa.builders.asking.templates import Template, capital
from surgvqa.builders.cases import draws
from surgvqa.builders.cases.case_index import Fact, of_case
from surgvqa.builders.cases.transitions import Transitions
from surgvqa.builders.cases.windows import frame_times
from surgvqa.builders.dense_kinds import ever_seen, goes_to, phase_caption, timed_caption
from surgvqa.builders.field_kinds import (
    actions,
    boxes,
    compare,
    criteria,
    layout,
    options,
    phase_times,
    rewordings,
    seen_when,
    spans,
    steps,
)
from surgvqa.builders.kinds import (
    changes,
    count,
    in_place,
    phase,
    places,
    presence,
    things,
    tip_moves,
    tip_pairs,
    tips,
)
from surgvqa.builders.kinds.view import Draft, Kind, Look
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import QA, Case, Clip
from surgvqa.cards.command import InputError, fault_in_own_code

POOL: Mapping[str, Kind] = {
    "phase": Kind("recognition", phase.drafts, of_things=False),
    "phase_change": Kind("temporal", phase_times.phase_change, of_things=False),
    "step": Kind("recognition", steps.step, of_things=False, needs="steps"),
    "step_of": Kind("recognition", steps.step_of, of_things=False, needs="steps"),
    "step_change": Kind("temporal", phase_times.step_change, of_things=False, needs="steps"),
    "anatomy": Kind("recognition", things.anatomy, whole=True),
    "instruments": Kind("recognition", things.instruments, whole=True),
    "presence": Kind("verification", presence.presence),
    "option": Kind("recognition", options.option, whole=True),
    "option_anatomy": Kind("recognition", options.option_anatomy, whole=True),
    "missing": Kind("verification", options.missing, whole=True),
    "count": Kind("recognition", count.count, whole=True),
    "count_class": Kind("recognition", count.count_class, whole=True),
    "classes": Kind("recognition", count.classes, whole=True),
    "entered": Kind("verification", changes.entered, whole=True),
    "exited": Kind("verification", changes.exited, whole=True),
    "seen_when": Kind("temporal", seen_when.seen_when, whole=True),
    "enters_at": Kind("temporal", changes.enters_at, whole=True),
    "leaves_at": Kind("temporal", spans.leaves_at, whole=True),
    "when": Kind("temporal", spans.when, whole=True),
    "how_long": Kind("temporal", spans.how_long, whole=True),
    "which_first": Kind("temporal", changes.which_first, whole=True),
    "verb": Kind("recognition", actions.verb, needs="actions"),
    "target": Kind("recognition", actions.target, needs="actions"),
    "actor": Kind("recognition", actions.actor, needs="actions"),
    "triplet": Kind("recognition", actions.triplet, needs="actions"),
    "criterion": Kind("safety", criteria.criterion, of_things=False, needs="ratings"),
    "tip_clock": Kind("spatial", tips.tip_clock, needs="places"),
    "tip_cell": Kind("spatial", tips.tip_cell, needs="places"),
    "absolute_position": Kind("spatial", tips.position, needs="places"),
    "in_place": Kind("spatial", in_place.in_place, whole=True, needs="places"),
    "reaches": Kind("temporal", places.reaches, needs="places"),
    "ever_seen": Kind("recognition", ever_seen.ever_seen, whole=True),
    "goes_to": Kind("temporal", goes_to.goes_to, needs="places"),
    "timed_caption": Kind("description", timed_caption.timed_caption, whole=True),
    "phase_caption": Kind("description", phase_caption.phase_caption, of_things=False),
    "step_caption": Kind("description", phase_caption.step_caption, of_things=False, needs="steps"),
    "mostly_at": Kind("temporal", places.mostly_at, needs="places"),
    "tip_in": Kind("spatial", tips.tip_in, whole=True, needs="places"),
    "tip_shift": Kind("temporal", tips.tip_shift, needs="places"),
    "points_to": Kind("spatial", tips.points_to, needs="places"),
    "entry_side": Kind("spatial", tips.entry_side, needs="places"),
    "tip_order": Kind("spatial", tips.tip_order, needs="places"),
    "tip_height": Kind("spatial", tips.tip_height, needs="places"),
    "tip_reach": Kind("spatial", tip_pairs.tip_reach, needs="places"),
    "tip_nears": Kind("temporal", tip_pairs.tip_nears, needs="places"),
    "advanced": Kind("temporal", tip_moves.advance, needs="places"),
    "tip_from_tip": Kind("spatial", tip_pairs.tip_from_tip, needs="places"),
    "middle": Kind("spatial", compare.middle, needs="places"),
    "left_of": Kind("spatial", compare.left_of, needs="places"),
    "higher": Kind("spatial", compare.higher, needs="places"),
    "larger": Kind("spatial", compare.larger, needs="places"),
    "cover": Kind("spatial", compare.cover, needs="places"),
    "moved": Kind("temporal", compare.shift, needs="places"),
    "direction": Kind("spatial", layout.direction, needs="places"),
    "off_centre": Kind("spatial", layout.off_centre, needs="places"),
    "pupil_width": Kind("spatial", layout.pupil_width, needs="places"),
    "resized": Kind("temporal", layout.size_change, needs="places"),
    "tools_cover": Kind("spatial", layout.tools_cover, whole=True, needs="places"),
    "tools_quarter": Kind("spatial", layout.tools_quarter, whole=True, needs="places"),
    "box": Kind("spatial", boxes.box),
    "in_box": Kind("spatial", boxes.in_box, whole=True, needs="places"),
    "verb_reworded": Kind("recognition", rewordings.verb_reworded, needs="actions"),
    "target_reworded": Kind("recognition", rewordings.target_reworded, needs="actions"),
    "tip_in_reworded": Kind("spatial", rewordings.tip_in_reworded, whole=True, needs="places"),
}
CAUSES = ("not answerable", "not visible", "not stable", "not unique")


def kinds() -> Mapping[str, Kind]:
    """Return the kinds that ship and those that are added."""
    return {**POOL, **extensions.current().kinds}


def certified_questions(
    clip: Clip,
    case: Case,
    taxonomy: Taxonomy,
    transitions: Transitions,
    selection: Selection | None = None,
    failures: Counter[tuple[str, str]] | None = None,
) -> tuple[QA, ...]:
    """Return the questions of a clip whose certificate holds; ``failures`` counts the others by (kind, cause).

    ``case`` is linked, the clip one of `moments.windows`; ``transitions`` comes from training.
    Without a ``selection`` every kind is asked.
    """
    selection = selection or Selection(kinds=tuple(kinds()))
    frames = frame_times(clip, selection.frames)
    if not frames:
        return ()
    words = templates.wording()
    look = Look(
        clip,
        of_case(case),
        taxonomy,
        transitions,
        selection.seed,
        frames,
        selection.max_side,
        words.moments,
    )
    questions: list[QA] = []
    for name, kind in _asked_kinds(selection.kinds, look.view.facts, extensions.current()):
        for draft in kind.drafts(look) if name in POOL else own_drafts(name, kind, look, words.kinds[name]):
            cause = fault(draft, frames)
            if cause is None and kind.of_things and not steady(look, draft):
                cause = CAUSES[2]
            if cause is None and draft.aside and look.view.case.unlabelled_tools and not words.moments.aside:
                cause = CAUSES[3]
            if cause is None and kind.whole and look.unsaid(draft.evidence):
                cause = CAUSES[0]
            if cause is None:
                questions.append(as_question(look, name, kind, draft, words.kinds[name]))
            elif failures is not None:
                failures[name, cause] += 1
    paired_ids = {qa.pair_id for qa in questions}
    return tuple(replace(qa, pair_id=qa.qa_id) if qa.qa_id in paired_ids else qa for qa in questions)


def own_drafts(name: str, kind: Kind, look: Look, template: Template) -> Iterator[Draft]:
    """Yield the drafts of a user's own kind; what is wrong with it is said with its file, its line and the clip.

    Raises:
        InputError: its code raised something, a value isn't of its type, its wording has a slot that the draft lacks, or an
            answer isn't among its own choices.
    """
    code = getattr(kind.drafts, "__code__", None)
    file = Path(code.co_filename) if code is not None else Path(name)
    try:
        for draft in kind.drafts(look):
            if cause := own_fault(draft, template):
                raise InputError(f"{file.name}, clip {look.clip.clip_id}: kind {name}: {cause}")
            are_choices = {*draft.answer.split(", ")} <= {*draft.choices}  # several of them
            if draft.choices and draft.answer not in draft.choices and not are_choices:
                raise InputError(
                    f"{file.name}, clip {look.clip.clip_id}: kind {name} answers {draft.answer!r}, none of its choices "
                    f"{', '.join(draft.choices)}"
                )
            yield draft
    except Exception as error:
        raise fault_in_own_code(error, file, f"kind {name}, clip {look.clip.clip_id}") from error


def own_fault(draft: object, template: Template) -> str | None:
    """Return what is wrong with a draft of a user's own kind, None where nothing is.

    >>> own_fault(Draft("yes", (1.0,), {}), Template(("Is it {when}?",), "It is.", "It is not."))
    "its wording says {when}, and the draft's slots have nothing"
    """
    if not isinstance(draft, Draft):
        return f"it yields a {type(draft).__name__}; a surgvqa.builders.kinds.view.Draft is due"
    texts = (draft.answer, *draft.slots, *draft.slots.values(), *draft.choices)
    if wrong := next((text for text in texts if not isinstance(text, str) or not text.strip()), None):
        return f"answer, slots and choices are texts that aren't empty; found {wrong!r}"
    if not isinstance(draft.evidence, tuple) or not all(map(_is_second, draft.evidence)):
        return f"evidence is a tuple of seconds of the case; found {draft.evidence!r}"
    lacking = sorted(template.slots - draft.slots.keys() - {"x"})  # {x} is the answer
    if lacking:
        slots = ", ".join(sorted(draft.slots)) or "nothing"
        return f"its wording says {{{lacking[0]}}}, and the draft's slots have {slots}"
    return None


def _is_second(value: object) -> bool:
    """Whether a value can be a moment: a finite number, and neither True nor False."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@lru_cache(maxsize=64)
def _asked_kinds(
    names: tuple[str, ...], facts: frozenset[Fact], added_kinds: extensions.Extensions
) -> list[tuple[str, Kind]]:
    """Return the kinds of a selection that a case with some facts can answer, in the order of all kinds."""
    return [
        (name, kind)
        for name, kind in {**POOL, **added_kinds.kinds}.items()
        if name in names and (kind.needs is None or kind.needs in facts)
    ]


def fault(draft: Draft, frames: Sequence[float]) -> str | None:
    """Why a question must not be asked, None where it may.

    >>> fault(Draft("2", (9.0,), {}), (0.0, 5.0))
    'not answerable'
    """
    evidence = draft.evidence
    if not evidence or min(evidence) < frames[0] or max(evidence) > frames[-1]:
        return CAUSES[0]
    if draft.visible is False:
        return CAUSES[1]
    if draft.stable is False:
        return CAUSES[2]
    return CAUSES[3] if draft.unique is False else None


def steady(look: Look, draft: Draft) -> bool:
    """Whether no instrument of a draft comes or goes near its moments: within the error of its source's labels, or for one row.

    An instrument of a draft is one that it names or offers; all are where it does neither.
    """
    error, roles, slips = look.view.case.moment_error_s, look.transitions.roles, look.view.slips
    if not error and slips.keys().isdisjoint(draft.evidence):
        return True
    words = (draft.slots.get("a"), draft.slots.get("b"), *draft.choices)
    names = {word for word in words if word is not None and roles.get(word) == "instrument"}
    if any(slips[at_s] & (names or slips[at_s]) for at_s in draft.evidence if at_s in slips):
        return False
    return not error or all(look.view.steady(at_s, error, names) for at_s in draft.evidence)


def as_question(look: Look, name: str, kind: Kind, draft: Draft, template: Template) -> QA:
    """Return a draft as a question with its certificate, and how sure a machine was of the moments it rests on."""
    qa_id = f"{look.clip.clip_id}#{name}{draft.suffix}"
    text = draws.pick(template.questions, "wording", look.seed, qa_id).format(**draft.slots)
    sentence = template.nothing if draft.nothing else template.answer
    if draft.aside and sentence.endswith("."):
        sentence = f"{look.aside(sentence.removesuffix('.'))}."
    a = draft.slots.get("a", "")
    if a.endswith(" tip"):  # no "tip of the phacoemulsification tip"
        text, sentence = (
            one.replace(f"tip of the {a}", f"far end of the {a}").replace(f"{a}'s tip", f"{a}'s far end")
            for one in (text, sentence.replace("tip of the {a}", f"far end of the {a}"))
        )
    return QA(
        qa_id,
        name,
        kind.reasoning,
        capital(text),
        sentence.format(x=draft.answer_phrase or draft.answer, **draft.slots),
        draft.answer,
        draft.choices,
        draft.evidence,
        label_confidence=look.view.confidence(draft.evidence),
        answerable=True,
        visible=draft.visible,
        stable=draft.stable,
        unique=draft.unique,
        pair_id=f"{look.clip.clip_id}#{draft.pair}" if draft.pair is not None else None,
    )
