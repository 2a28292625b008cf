"""Questions and answers on a clip, from its case's phases and its scene; no model, nothing random.

The nine kinds: phase, anatomy, instruments (recognition), relative_position, absolute_position (spatial),
previous_phase, next_phase (temporal), entered, exited (verification). Beside them presence, count, and
those of builders/questions/motion.py and captions.py.

Where the true answer is that there is nothing, it is asked and answered "none" ("not visible" for a
position). On a case's first annotated moment entered and exited are unknown, not empty: the answer is
"no earlier moment". A kind is not asked where the truth is not known: without phases, without a scene, no
anatomy where the annotations never hold any, no positions and no count where they only say what is present.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.case_index import of_case
from surgvqa.builders.cases.scene import CELLS, centre
from surgvqa.builders.cases.timeline import IDLE, NONE
from surgvqa.builders.cases.transitions import Transitions, around, transitions
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.questions import captions, positions, wording
from surgvqa.builders.questions.motion import directions, motions
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import QA, Case, Clip, Role, Scene
from surgvqa.cards.command import InputError, nearest

__all__ = ["KINDS", "NINE", "REASONING", "Transitions", "ask", "transitions"]

NINE = (
    "phase",
    "anatomy",
    "instruments",
    "relative_position",
    "absolute_position",
    "previous_phase",
    "next_phase",
    "entered",
    "exited",
)
REASONING: Mapping[str, str] = {
    "phase": "recognition",
    "anatomy": "recognition",
    "instruments": "recognition",
    "relative_position": "spatial",
    "absolute_position": "spatial",
    "previous_phase": "temporal",
    "next_phase": "temporal",
    "entered": "verification",
    "exited": "verification",
    "presence": "verification",
    "count": "recognition",
    "motion_direction": "temporal",
    "entered_from": "temporal",
    "moves_towards": "temporal",
    captions.KIND: captions.REASONING,
    captions.REGION: captions.REASONING,
}
KINDS = tuple(REASONING)
NINE_OF_EVERY_CLIP = Selection(kinds=NINE)
MOTION = ("motion_direction", "entered_from", "moves_towards")
NOT_VISIBLE = "not visible"
_WHOLE = ("anatomy", "instruments", "entered", "exited", "count")  # they list or count all that is in view
NO_EARLIER = "no earlier moment"
LIKELY = 4  # choices of next_phase


@dataclass(frozen=True, slots=True)
class _Asker:
    """The facts that every question of one clip needs."""

    clip: Clip
    case: Case
    taxonomy: Taxonomy
    transitions: Transitions
    seed: int
    frames: int
    worded: bool = True  # whether questions get their words and choices, or are only counted

    def qa(
        self,
        kind: str,
        short: str,
        answer_phrase: str | None = None,
        choices: Sequence[str] = (),
        evidence: Sequence[float] = (),
        suffix: str = "",
        **slots: str,
    ) -> QA:
        """Put a question's words together; ``answer_phrase`` is how the sentence says the short answer."""
        qa_id = f"{self.clip.clip_id}#{kind}{suffix}"
        if not self.worded:
            return QA(qa_id, kind, REASONING[kind], "", "", short)
        question = draws.pick(wording.QUESTIONS[kind], "wording", self.seed, qa_id).format(**slots)
        something, nothing = wording.ANSWERS[kind]
        empty = short in (NONE, IDLE, NOT_VISIBLE, "0", "no", "still")
        sentence = (nothing if empty else something).format(x=answer_phrase or short, **slots)
        return QA(qa_id, kind, REASONING[kind], question, sentence, short, tuple(choices), tuple(evidence))


def ask(
    clip: Clip,
    case: Case,
    taxonomy: Taxonomy,
    transition_counts: Transitions,
    selection: Selection = NINE_OF_EVERY_CLIP,
) -> tuple[QA, ...]:
    """Return all questions of the given kinds whose true answer is known for a clip, in the order of ``KINDS``.

    ``case`` is linked (`scene.link`); ``transition_counts`` comes from the training cases.
    """
    kinds, seed, frames = selection.kinds, selection.seed, selection.frames
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"unknown kind of question {kind!r}: {nearest(kind, KINDS)}")
    asker = _Asker(clip, case, taxonomy, transition_counts, seed, frames)
    questions = list(_on_phase_and_scene(asker, kinds))
    moving = [kind for kind in kinds if kind in MOTION]
    questions.extend(_motion(asker, moving) if moving else ())
    if captions.KIND in kinds:
        roles: tuple[Role, ...] = ("anatomy", "instrument")
        known_roles = [role for role in roles if _annotates(asker, role)]
        questions.extend(captions.caption(clip, taxonomy, known_roles, seed))
    if captions.REGION in kinds:
        questions.extend(captions.region_captions(clip, taxonomy, seed, directions(clip, case, frames)))
    return tuple(with_confidence(questions, case))


def count_nine(clip: Clip, case: Case, taxonomy: Taxonomy, transition_counts: Transitions) -> Counter[str]:
    """Count the nine of a clip by kind, without their words: what splits are evened out by."""
    asker = _Asker(clip, case, taxonomy, transition_counts, seed=0, frames=0, worded=False)
    return Counter(qa.kind for qa in _on_phase_and_scene(asker, NINE))


def _on_phase_and_scene(asker: _Asker, kinds: Sequence[str]) -> Iterator[QA]:
    clip = asker.clip
    for kind in filter(kinds.__contains__, KINDS):
        if kind in _PHASE and clip.phase is not None:
            yield from _PHASE[kind](asker)
        elif kind in _SCENE and clip.scene is not None and not (kind in _WHOLE and clip.scene.unsaid_rle):
            yield from _SCENE[kind](asker, clip.scene)


def with_confidence(questions: Sequence[QA], case: Case) -> Iterator[QA]:
    """Questions with how sure the machine was of the moments they rest on, where a machine made any of them."""
    sure = of_case(case).sure
    if not sure:
        yield from questions
        return
    for qa in questions:
        confidences = [sure[time_s] for time_s in qa.evidence_s if time_s in sure]
        yield replace(qa, label_confidence=min(confidences)) if confidences else qa


# ---- phases


def _phase(asker: _Asker) -> Iterator[QA]:
    label = asker.taxonomy.canonical("phase", asker.clip.phase or "")
    yield asker.qa("phase", label, choices=(*asker.taxonomy.phases, IDLE))


def _previous_phase(asker: _Asker) -> Iterator[QA]:
    before = around(asker.case, asker.clip.start_ms)[0]
    if before is not None:
        yield asker.qa("previous_phase", before, choices=(*asker.taxonomy.phases, NONE))


def _next_phase(asker: _Asker) -> Iterator[QA]:
    after = around(asker.case, asker.clip.start_ms)[1]
    if after is not None:
        yield asker.qa("next_phase", after, choices=likely_next(asker, after) if asker.worded else ())


def likely_next(asker: _Asker, truth: str) -> list[str]:
    """Return the true next phase among its neighbours in the usual order, in an order that tells nothing.

    They are a run out of what ever comes next in training, in usual order and closed to a ring, and the truth is
    as often at each of the run's places. So a set of choices goes as well with each of its members: who sees it
    without the video can say no more than which of them is the most frequent. The phases likeliest after the
    current one would name the current one, and with it the answer.
    """
    usual = list(dict.fromkeys([*asker.taxonomy.phases, NONE, truth]))
    ring = [name for name in usual if name in asker.transitions.following or name == truth]
    ring = usual if len(ring) < LIKELY else ring  # training shows too few
    start = ring.index(truth) - draws.pick(range(LIKELY), "next", asker.seed, asker.clip.clip_id)
    run = [ring[(start + step) % len(ring)] for step in range(min(LIKELY, len(ring)))]
    return draws.shuffle(run, "choices", asker.seed, asker.clip.clip_id)


# ---- what is there


def _annotates(asker: _Asker, role: Role) -> bool:
    """Whether the annotations ever hold this role; else "none" would be a guess."""
    return role in asker.transitions.roles.values() or role in of_case(asker.case).roles


def _list_question(asker: _Asker, kind: str, names: Sequence[str], evidence: Sequence[float]) -> QA:
    return asker.qa(kind, ", ".join(names) or NONE, wording.join_names(names), evidence=evidence)


def _anatomy(asker: _Asker, scene: Scene) -> Iterator[QA]:
    names = captions.listed_names(scene, "anatomy", asker.taxonomy.anatomy)
    if _annotates(asker, "anatomy"):
        yield _list_question(asker, "anatomy", names, [scene.time_s])


def _instruments(asker: _Asker, scene: Scene) -> Iterator[QA]:
    names = captions.listed_names(scene, "instrument", asker.taxonomy.instruments)
    if _annotates(asker, "instrument"):
        yield _list_question(asker, "instruments", names, [scene.time_s])


def _count(asker: _Asker, scene: Scene) -> Iterator[QA]:
    instruments = [node for node in scene.nodes if node.type == "instrument"]
    if (
        _annotates(asker, "instrument")
        and asker.transitions.located
        and all(node.granularity != "presence" and not node.crowd for node in instruments)
    ):
        yield asker.qa("count", str(len(instruments)), evidence=[scene.time_s])


def _change(asker: _Asker, kind: str, scene: Scene, names: Sequence[str]) -> Iterator[QA]:
    if not _annotates(asker, "instrument"):
        return
    if scene.first or scene.previous_s is None:
        sentence = (
            "This is the first annotated moment of the operation; there is no earlier one to compare with."
        )
        yield replace(asker.qa(kind, NO_EARLIER, evidence=[scene.time_s]), answer=sentence)
    else:
        yield _list_question(asker, kind, list(dict.fromkeys(names)), [scene.previous_s, scene.time_s])


def _presence(asker: _Asker, scene: Scene) -> Iterator[QA]:
    """One thing that is there and one that isn't, or nothing, so that yes and no are as frequent.

    A thing is drawn the likelier, the less the phase alone tells whether it is there: with p the share of
    the phase's training moments that show it, as one present with weight min(p, 1-p)/p and as one absent
    with min(p, 1-p)/(1-p), which also makes yes and no about as frequent for each name.
    """
    there = {node.name for node in scene.nodes}
    absent = _absent(asker, scene)
    if not there or not absent:
        return
    shares = {name: asker.transitions.share(asker.clip.phase, name) for name in {*there, *absent}}
    yes = {name: min(p, 1 - p) / p for name, p in shares.items() if name in there}
    no = {name: min(p, 1 - p) / (1 - p) for name, p in shares.items() if name in absent}
    key = (asker.seed, asker.clip.clip_id)
    picks = [
        (draws.pick_by_weight(yes, "present", *key), "yes"),
        (draws.pick_by_weight(no, "absent", *key), "no"),
    ]
    for number, (name, short) in enumerate(draws.shuffle(picks, "order", *key), 1):
        yield asker.qa("presence", short, None, ("yes", "no"), [scene.time_s], f"-{number}", a=name)


def _absent(asker: _Asker, scene: Scene) -> list[str]:
    """Things not in the scene that training shows in this phase; else that are used in it; else any known.

    None where nobody says what a part of the picture shows: anything may be there.
    """
    if scene.unsaid_rle:
        return []
    transition_counts = asker.transitions
    there = {node.name for node in scene.nodes}
    phase_names = transition_counts.shown_counts.get(asker.clip.phase or "", {})
    used_names = [
        name
        for name in asker.taxonomy.used_in.get(asker.clip.phase or "", ())
        if name in transition_counts.roles
    ]
    for names in (phase_names, used_names, transition_counts.roles):
        plausible = sorted(set(names) - there)
        if plausible:
            return plausible
    return []


# ---- where it is


def _somewhere(asker: _Asker, scene: Scene) -> bool:
    """Whether positions are known: they are annotated at all, and every entity of this scene has one."""
    return asker.transitions.located and all(
        centre(n, scene.width, scene.height) is not None for n in scene.nodes
    )


def _absolute_position(asker: _Asker, scene: Scene) -> Iterator[QA]:
    if not _somewhere(asker, scene):
        return
    key = ("absolute", asker.seed, asker.clip.clip_id)
    things = {words: node for words, node in positions.references(scene).items() if node.grid in CELLS}
    tools = [words for words, node in things.items() if node.type == "instrument"]
    choices = (*CELLS, NOT_VISIBLE)
    if things:
        words = draws.pick(tools or list(things), *key)
        yield asker.qa("absolute_position", things[words].grid or "", None, choices, [scene.time_s], a=words)
    elif absent := _absent(asker, scene):
        name = draws.pick(absent, *key)
        yield asker.qa("absolute_position", NOT_VISIBLE, None, choices, [scene.time_s], a=name)


def _relative_position(asker: _Asker, scene: Scene) -> Iterator[QA]:
    if not _somewhere(asker, scene):
        return
    key = ("relative", asker.seed, asker.clip.clip_id)
    choices = (*positions.RELATIVE, NOT_VISIBLE)
    things = positions.references(scene)
    if pair := positions.clearest_pair(scene, things, *key):
        a, b, short = pair
        answer_phrase = f"{short} as" if short == positions.SAME_PLACE else short
        yield asker.qa("relative_position", short, answer_phrase, choices, [scene.time_s], a=a, b=b)
    elif len(things) < 2 and (absent := _absent(asker, scene)):
        a = draws.pick(absent, *key)
        if others := list(things) or [name for name in absent if name != a]:
            b = draws.pick(others, "b", *key)
            yield asker.qa("relative_position", NOT_VISIBLE, None, choices, [scene.time_s], a=a, b=b)


# ---- what moves


def _motion(asker: _Asker, kinds: Sequence[str]) -> Iterator[QA]:
    for motion in motions(asker.clip, asker.case, asker.frames, asker.seed):
        if motion.kind in kinds:
            yield asker.qa(motion.kind, motion.answer, None, motion.choices, motion.evidence_s, a=motion.name)


_PHASE: Mapping[str, Callable[[_Asker], Iterator[QA]]] = {
    "phase": _phase,
    "previous_phase": _previous_phase,
    "next_phase": _next_phase,
}
_SCENE: Mapping[str, Callable[[_Asker, Scene], Iterator[QA]]] = {
    "anatomy": _anatomy,
    "instruments": _instruments,
    "relative_position": _relative_position,
    "absolute_position": _absolute_position,
    "entered": lambda asker, scene: _change(asker, "entered", scene, scene.entered),
    "exited": lambda asker, scene: _change(asker, "exited", scene, scene.exited),
    "presence": _presence,
    "count": _count,
}
