"""The instrument in a part of the frame, of those in view, four at most.

Needs positions that the source itself states, of two instruments or more in view. A part of the frame is asked about where
one instrument alone is in it. Scored as a choice.
"""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.cases import draws
from surgvqa.builders.kinds.tips import instrument_places
from surgvqa.builders.kinds.view import Draft, Look, nameless, with_suffixes
from surgvqa.builders.schema import Scene

CHOICES = 4
MOST = 2  # parts of the frame that are asked about at a moment


def in_place(look: Look) -> Iterator[Draft]:
    """Yield which instrument is in a part of the frame."""
    yield from look.at_ends(lambda scene: with_suffixes(_in_place(look, scene)))


def _in_place(look: Look, scene: Scene) -> Iterator[Draft]:
    cells = {name: node.grid for name, node, _ in instrument_places(scene) if node.granularity != "box"}
    tools = [node for node in scene.nodes if node.type == "instrument"]
    if len(cells) < len(tools) or any(nameless(name) for name in cells):
        return  # the place of one isn't known: it may be in any part
    lone_names = [name for name in cells if list(cells.values()).count(cells[name]) == 1]
    for name in draws.shuffle(sorted(lone_names), *look.key("in_place"))[:MOST]:
        # What isn't in view is no choice: who knows which instruments are used together guesses between those two.
        wrong = draws.shuffle(sorted(cells.keys() - {name}), *look.key("elsewhere", name))[: CHOICES - 1]
        if not wrong:
            continue
        choices = tuple(draws.shuffle([name, *wrong], *look.key("in_place", name, scene.time_s)))
        slots = {
            "b": cells[name] or "",
            "when": look.when(scene.time_s),
            "choices": ", ".join(choices),
        }
        yield Draft(name, (scene.time_s,), slots, choices, stable=True)
