"""Which instruments, which structures are visible at a moment of the clip."""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.cases.timeline import NONE
from surgvqa.builders.kinds.view import Draft, Look
from surgvqa.builders.questions import wording
from surgvqa.builders.questions.captions import listed_names
from surgvqa.builders.schema import Role


def instruments(look: Look) -> Iterator[Draft]:
    """Yield the instruments of the last moment."""
    yield from _named(look, "instrument", look.taxonomy.instruments)


def anatomy(look: Look) -> Iterator[Draft]:
    """Yield the structures of the last moment."""
    yield from _named(look, "anatomy", look.taxonomy.anatomy)


def _named(look: Look, role: Role, order: tuple[str, ...]) -> Iterator[Draft]:
    scene = look.last
    if scene is None or not look.annotates(role):
        return
    names = listed_names(scene, role, order)
    sizes = [look.large(node, scene) for node in scene.nodes if node.type == role]
    yield Draft(
        ", ".join(names) or NONE,
        (scene.time_s,),
        {"when": look.when(scene.time_s)},
        said=wording.listed(names),
        nothing=not names,
        visible=None if None in sizes else all(sizes),
        stable=True,
    )
