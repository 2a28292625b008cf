"""All instruments that the clip shows at any time.

Needs four annotated moments or more, at most 1.25 s apart, from the first frame to the last. Asked where an instrument
comes and goes between them: elsewhere the answer follows from what both ends show. A frame shows what neither end does,
or two annotated moments in a row do. Scored as a list of names.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from operator import and_

from surgvqa.builders.cases.case_index import GAP_S
from surgvqa.builders.field_kinds.spans import instrument_runs
from surgvqa.builders.kinds.view import Draft, Look, nameless
from surgvqa.builders.questions import wording


def _in_one_row(look: Look, name: str, in_view: list[bool]) -> bool:
    """Whether an instrument is in view for one annotated row alone, a slip of the pen by the look of it."""
    beside = (
        look.view.between(look.moments[0].time_s - GAP_S, look.moments[0].time_s)[:-1][-1:],
        look.view.between(look.moments[-1].time_s, look.moments[-1].time_s + GAP_S)[1:2],
    )
    before, after = (any(node.name == name for scene in scenes for node in scene.nodes) for scenes in beside)
    rows = [before, *in_view, after]
    return any(rows[i - 1 : i + 2] == [False, True, False] for i in range(1, len(rows) - 1))


def ever_seen(look: Look) -> Iterator[Draft]:
    """Yield the instruments of all moments of the clip."""
    runs = instrument_runs(look)
    passing = [in_view for in_view in runs.values() if not in_view[0] and not in_view[-1]]
    if not passing or any(nameless(node.name) for scene in look.moments for node in scene.nodes):
        return
    if any(_in_one_row(look, name, in_view) for name, in_view in runs.items()):
        return
    order = [name for name in look.taxonomy.instruments if name in runs]
    names = [*order, *sorted(runs.keys() - set(order))]
    indices = sorted({in_view.index(True) for in_view in passing})
    evidence = (look.frames[0], *(look.moments[i].time_s for i in indices), look.frames[-1])
    has_frame = [scene.time_s in look.frames for scene in look.moments]
    stable = all(
        any(a and b for a, b in pairwise(in_view)) or any(map(and_, in_view, has_frame))
        for in_view in passing
    )
    yield Draft(
        ", ".join(names),
        evidence,
        {},
        answer_phrase=wording.join_names(names),
        stable=stable,
        unique=not look.view.case.unlabelled_tools,
    )
