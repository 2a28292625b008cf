"""The instruments and the structures visible at a moment of the clip."""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.cases.timeline import NONE
from surgvqa.builders.kinds.view import Draft, Look, all_large, nameless
from surgvqa.builders.questions import wording
from surgvqa.builders.questions.captions import listed_names
from surgvqa.builders.schema import Role, Scene


def instruments(look: Look) -> Iterator[Draft]:
    """Yield the instruments of the last moment."""
    yield from _things_of_role(look, "instrument", look.taxonomy.instruments)


def anatomy(look: Look) -> Iterator[Draft]:
    """Yield the structures of the last moment."""
    yield from _things_of_role(look, "anatomy", look.taxonomy.anatomy)


def _things_of_role(look: Look, role: Role, order: tuple[str, ...]) -> Iterator[Draft]:
    if look.names(role):
        yield from look.at_ends(lambda scene: _list_names(look, scene, role, order))


def _list_names(look: Look, scene: Scene, role: Role, order: tuple[str, ...]) -> Iterator[Draft]:
    names = listed_names(scene, role, order)
    if any(map(nameless, names)):  # which ones, nobody said
        return
    yield Draft(
        ", ".join(names) or NONE,
        (scene.time_s,),
        {"when": look.when(scene.time_s)},
        answer_phrase=wording.join_names(names),
        nothing=not names,
        visible=all_large(look, (node for node in scene.nodes if node.type == role), scene),
        stable=True,
    )
