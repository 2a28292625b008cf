"""Action triplets: what an instrument does, to what, and which instrument does it.

Needs ``Scene.actions``. Answers are verbs, targets and instruments of the source; scored as text, a triplet whole. An
instrument that does two things at once has no one answer and isn't asked about. Of some clips it is asked what an
instrument does that isn't in view: "not visible".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

from surgvqa.builders.cases import draws
from surgvqa.builders.kinds.view import Draft, Look, all_large, with_suffixes
from surgvqa.builders.schema import Action, Scene

IDLE = "nothing"
NOT_VISIBLE = "not visible"
ABSENT = 0.25  # of the clips, so many are asked about an instrument that isn't there


def verb(look: Look) -> Iterator[Draft]:
    """Yield what an instrument does."""
    yield from _drafts(look, "verb", lambda act: act.verb or IDLE)


def target(look: Look) -> Iterator[Draft]:
    """Yield what an instrument acts on."""
    yield from _drafts(look, "target", lambda act: act.target or IDLE)


def single_acts(scene: Scene) -> dict[str, Action]:
    """Return the action of each instrument that does one thing and that its name alone means."""
    acts = scene.actions or ()
    names = [act.instrument for act in acts]
    in_view = [node.name for node in scene.nodes]
    return {
        act.instrument: act
        for act in acts
        if names.count(act.instrument) == 1 == in_view.count(act.instrument)
    }


def _drafts(look: Look, kind: str, answer_of) -> Iterator[Draft]:  # type: ignore[no-untyped-def]
    scene = look.last
    if scene is None or scene.actions is None:
        return
    absent = look.absent(scene, "instrument")
    if absent and draws.fraction(*look.key("absent actor", kind)) < ABSENT:
        slots = {"a": look.one_of(absent, kind), "when": look.when(scene.time_s)}
        yield Draft(NOT_VISIBLE, (scene.time_s,), slots, nothing=True, stable=True)
        return
    yield from look.at_ends(
        lambda scene: with_suffixes(
            Draft(
                answer_of(act),
                (scene.time_s,),
                {"a": name, "when": look.when(scene.time_s)},
                visible=all_large(look, (node for node in scene.nodes if node.name == name), scene),
                stable=True,
            )
            for name, act in _shuffle_acts(look, scene, kind)
        )
    )


def _shuffle_acts(look: Look, scene: Scene, kind: str) -> list[tuple[str, Action]]:
    acts = single_acts(scene)
    return [(name, acts[name]) for name in draws.shuffle(list(acts), *look.key(kind))]


def actor(look: Look) -> Iterator[Draft]:
    """Yield which instrument does something to a target, where one alone does."""
    yield from look.at_ends(lambda scene: with_suffixes(_actors(look, scene)))


def _actors(look: Look, scene: Scene) -> Iterator[Draft]:
    acts = [act for act in scene.actions or () if act.verb and act.target]
    deeds = [(act.verb, act.target) for act in acts]
    for act in draws.shuffle(
        [
            act
            for act in acts
            if deeds.count((act.verb, act.target)) == 1 and not names_tool(act.verb or "", act.instrument)
        ],
        *look.key("actor"),
    ):
        slots = {"a": act.verb or "", "b": act.target or "", "when": look.when(scene.time_s)}
        nodes = [node for node in scene.nodes if node.name == act.instrument]
        yield Draft(
            act.instrument, (scene.time_s,), slots, visible=all_large(look, nodes, scene), stable=True
        )


def names_tool(verb: str, instrument: str) -> bool:
    """Whether a verb is of one stem with an instrument, so that who reads the one knows the other.

    >>> names_tool("irrigate", "suction irrigator"), names_tool("clip", "clipper"), names_tool("cut", "scissors")
    (True, True, False)
    """
    words = re.split(r"\W+", instrument)
    stem_length = max(
        sum(1 for _ in takewhile(lambda ab: ab[0] == ab[1], zip(verb, word, strict=False))) for word in words
    )
    return stem_length >= 3 and 3 * stem_length >= 2 * len(verb)


def triplet(look: Look) -> Iterator[Draft]:
    """Yield which of four actions is under way; three others that training shows, of the same instruments first."""
    yield from look.at_ends(lambda scene: _triplets(look, scene))


def describe(act: Action) -> str:
    """Return an action in words.

    >>> describe(Action("grasper", "retract", "liver")), describe(Action("hook", None, None))
    ('grasper: retract liver', 'hook: nothing')
    """
    return f"{act.instrument}: {' '.join(word for word in (act.verb, act.target) if word) or IDLE}"


def _triplets(look: Look, scene: Scene) -> Iterator[Draft]:
    acts = scene.actions or ()
    if not acts:
        return
    true = draws.pick(sorted(acts, key=describe), *look.key("triplet"))
    known_acts = [Action(*(word or None for word in key.split("|"))) for key in look.transitions.acts]  # type: ignore[arg-type]
    # Who retracts the gallbladder with a grasper grasps it: of one instrument and target a second verb may be as true.
    own_pairs = {(act.instrument, act.target) for act in acts}
    others = [act for act in known_acts if (act.instrument, act.target) not in own_pairs]
    choices = (describe(true), *_distractors(look, true, others))
    if len(choices) < 4:
        return
    shuffled_choices = tuple(draws.shuffle(choices, *look.key("triplet choices")))
    slots = {"when": look.when(scene.time_s), "choices": "; ".join(shuffled_choices)}
    nodes = [node for node in scene.nodes if node.name == true.instrument]
    yield Draft(
        describe(true),
        (scene.time_s,),
        slots,
        shuffled_choices,
        visible=all_large(look, nodes, scene),
        stable=True,
    )


def _distractors(look: Look, true: Action, others: Sequence[Action]) -> list[str]:
    """Return three actions that share the most with the true one, and of these the most frequent in training."""

    def rank(act: Action) -> tuple[int, int, str]:
        alike = (act.instrument == true.instrument) + (act.verb == true.verb) + (act.target == true.target)
        key = f"{act.instrument}|{act.verb or ''}|{act.target or ''}"
        return -alike, -look.transitions.acts.get(key, 0), describe(act)

    return [describe(act) for act in sorted(others, key=rank)[:3]]
