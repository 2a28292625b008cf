"""The move of an instrument's tip from the first frame to the last: further in, or further out.

Needs masks of instruments that come in over one side at both ends of the clip. Scored as a choice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from surgvqa.builders.cases import draws
from surgvqa.builders.geometry.instrument_tip import Tip
from surgvqa.builders.kinds.tips import instrument_tips, step_at
from surgvqa.builders.kinds.view import NOISE, Draft, Look, both, with_suffixes
from surgvqa.builders.schema import Scene

WAYS = ("further in", "about as far in", "further out")
FURTHER, ALIKE = 0.05, 0.02  # of the frame's diagonal; between the two it isn't asked


def advance(look: Look) -> Iterator[Draft]:
    """Yield whether an instrument reaches further into the frame at the last frame than at the first."""
    if len(look.moments) < 2:
        return
    first, last = look.moments[0], look.moments[-1]
    if (first.width, first.height) != (last.width, last.height):
        return
    before, after = (
        {name: (node, tool) for name, node, tool in instrument_tips(look, scene, "advanced")}
        for scene in (first, last)
    )
    diagonal, drafts = math.hypot(last.width, last.height), []
    for name in draws.shuffle(sorted(before.keys() & after.keys()), *look.key("advanced")):
        (one, start), (other, end) = before[name], after[name]
        far = max(FURTHER * diagonal, 4 * (NOISE + step_at(last)))
        # Of an instrument that lies more slanted more can be seen, though it reaches no further.
        distances = (end.length - start.length, _depth(end, last) - _depth(start, first))
        answers = {_way(by, far, ALIKE * diagonal) for by in distances}
        drafts.append(
            Draft(
                _way(distances[0], far, far) or WAYS[1],
                (first.time_s, last.time_s),
                {"a": name, "choices": ", ".join(WAYS)},
                WAYS,
                visible=both(look.large(one, first), look.large(other, last)),
                stable=len(answers) == 1
                and None not in answers
                and start.side == end.side is not None
                and one.track == other.track,
            )
        )
    yield from with_suffixes(drafts)


def _way(distance: float, far: float, alike: float) -> str | None:
    """Return the answer for a way in pixels, None where it is neither far nor none.

    >>> _way(50, 40, 10), _way(-5, 40, 10), _way(20, 40, 10)
    ('further in', 'about as far in', None)
    """
    if abs(distance) >= far:
        return WAYS[0 if distance > 0 else 2]
    return WAYS[1] if abs(distance) <= alike else None


def _depth(tool: Tip, scene: Scene) -> float:
    """Return how far a tip is from the side of the frame that its instrument comes in over."""
    x, y = tool.tip
    return {"left": x, "right": scene.width - x, "top": y, "bottom": scene.height - y}.get(
        tool.side or "", 0.0
    )
