"""The presence of a thing: one that is visible, and one that could be and isn't."""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.cases import draws
from surgvqa.builders.kinds.view import Draft, Look, nameless


def presence(look: Look) -> Iterator[Draft]:
    """Draw a thing, the likelier, the less the phase tells whether it is there (`ask._presence` has the weights)."""
    scene = look.last
    if scene is None:
        return
    there = {
        node.name: node for node in scene.nodes if not nameless(node.name) and not look.trivial(node.name)
    }
    absent = look.absent(scene)
    if not there or not absent:
        return
    shares = {name: look.transitions.share(look.clip.phase, name) for name in {*there, *absent}}
    yes = {name: min(p, 1 - p) / p for name, p in shares.items() if name in there}
    no = {name: min(p, 1 - p) / (1 - p) for name, p in shares.items() if name in absent}
    picks = [
        (draws.pick_by_weight(yes, *look.key("present")), "yes"),
        (draws.pick_by_weight(no, *look.key("absent")), "no"),
    ]
    for number, (name, answer) in enumerate(draws.shuffle(picks, *look.key("order")), 1):
        yield Draft(
            answer,
            (scene.time_s,),
            {"a": name, "when": look.when(scene.time_s)},
            ("yes", "no"),
            nothing=answer == "no",
            visible=look.large(there[name], scene) if name in there else None,
            stable=True,
            suffix=f"-{number}",
        )
