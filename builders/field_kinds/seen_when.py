"""At which end of the clip a thing is in view: at the start only, at the end only, at both, at neither.

Needs the first and the last frame annotated. Asked of things that are there at an end, and of one that could be and
is at neither. Scored as a choice.
"""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.cases import draws
from surgvqa.builders.kinds.view import Draft, Look, both, nameless

ENDS = ("only at the start", "only at the end", "at both ends", "at neither end")


def seen_when(look: Look) -> Iterator[Draft]:
    """Yield a thing that changes, one that stays and one that is never there, as far as there are any."""
    moments = look.moments
    if len(moments) < 2 or (moments[0].time_s, moments[-1].time_s) != (look.frames[0], look.frames[-1]):
        return
    first, last = moments[0], moments[-1]
    before, after = (
        {node.name for node in scene.nodes if not nameless(node.name)} for scene in (first, last)
    )
    hidden_names = look.hidden_structures(first) | look.hidden_structures(last)
    never = [name for name in look.absent(last) if name not in before | hidden_names]
    stays = sorted(name for name in before & after if not look.trivial(name))
    groups = (sorted((before ^ after) - hidden_names), stays, never)
    names = [draws.pick(group, *look.key("seen_when", i)) for i, group in enumerate(groups) if group]
    for number, name in enumerate(draws.shuffle(names, *look.key("seen_when")), 1):
        answer = ENDS[{(1, 0): 0, (0, 1): 1, (1, 1): 2, (0, 0): 3}[name in before, name in after]]
        sightings = [(node, scene) for scene in (first, last) for node in scene.nodes if node.name == name]
        sizes = [look.large(node, scene) for node, scene in sightings]
        yield Draft(
            answer,
            (first.time_s, last.time_s),
            {"a": name, "choices": ", ".join(ENDS)},
            ENDS,
            visible=both(*sizes),
            stable=True,
            suffix="" if number == 1 else f"-{number}",
        )
