"""The clip told in time: which instruments are in view, and from which second to which.

Needs four annotated moments or more, at most 1.25 s apart, from the first frame to the last. A stretch lasts until the
moment that shows other instruments. Asked where there are two to four stretches of two seconds or more: half a step at
each end then leaves more than half of a stretch where it is. A retelling: what it says is asked in parts by other kinds,
and its bits aren't counted. Scored as a whole: each stretch by its names and a temporal IoU of at least 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from surgvqa.builders.cases.timeline import NONE
from surgvqa.builders.kinds.view import Draft, Look, nameless
from surgvqa.builders.questions.captions import listed_names
from surgvqa.builders.schema import Scene

FEWEST, MOST = 2, 4  # stretches
SHORTEST_S = 2.0


def _names(scene: Scene) -> set[str]:
    return {node.name for node in scene.nodes if node.type == "instrument"}


def timed_caption(look: Look) -> Iterator[Draft]:
    """Yield the stretches of the clip in which the same instruments are in view."""
    if not look.names("instrument") or not look.dense():
        return
    starts: list[Scene] = []
    stretches: list[tuple[float, str]] = []  # second of the clip, what is in view from then on
    for scene in look.moments:
        names = listed_names(scene, "instrument", look.taxonomy.instruments)
        if any(map(nameless, names)):
            return
        words = ", ".join(names) or NONE
        if not stretches or stretches[-1][1] != words:
            starts.append(scene)
            stretches.append((look.second(scene.time_s), words))
    if not FEWEST <= len(stretches) <= MOST:
        return
    begins = [begin for begin, _ in stretches]
    ends = [*begins[1:], look.second(look.frames[-1])]
    answer = "; ".join(
        f"{begin:.1f}-{end:.1f} s: {words}" for (begin, words), end in zip(stretches, ends, strict=True)
    )
    evidence = (*(scene.time_s for scene in starts), look.frames[-1])
    alone = all(len(_names(a) ^ _names(b)) == 1 for a, b in pairwise(starts))
    stable = alone and all(end - begin >= SHORTEST_S for begin, end in zip(begins, ends, strict=True))
    yield Draft(answer, evidence, {}, stable=stable, unique=not look.view.case.unlabelled_tools)
