"""When, and for how long, an instrument is in view: answers in seconds from the clip's first frame.

Needs four annotated moments or more inside the frames. ``when`` is an interval, "1.0-3.0 s", scored by temporal IoU; a
count of seconds and a second are scored as text. What begins before the clip or goes on after it ends at its first or last
frame. A part of the questions is about something that doesn't happen: "not within the clip".
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from surgvqa.builders.cases import draws
from surgvqa.builders.kinds.view import Draft, Look

NOT_WITHIN = "not within the clip"
FEWEST = 4


def _runs(look: Look) -> dict[str, list[bool]]:
    """Return, for each instrument of the clip, whether each moment shows it."""
    moments = look.moments
    if len(moments) < FEWEST or not look.annotates("instrument"):
        return {}
    if (moments[0].time_s, moments[-1].time_s) != (look.frames[0], look.frames[-1]):
        return {}
    shown = [{node.name for node in scene.nodes if node.type == "instrument"} for scene in moments]
    return {name: [name in names for names in shown] for name in sorted(set().union(*shown))}


def leaves_at(look: Look) -> Iterator[Draft]:
    """Yield the second at which an instrument is no longer in view, or that it stays."""
    runs = {
        name: seen
        for name, seen in _runs(look).items()
        if seen[0] and sum(a != b for a, b in pairwise(seen)) < 2
    }
    if not runs:
        return
    gone = [name for name, seen in runs.items() if not seen[-1]]
    name = look.one_of(gone or list(runs), "leaves_at")
    seconds = [f"{scene.time_s - look.frames[0]:.1f} s" for scene in look.moments[1:]]
    choices = (*seconds, NOT_WITHIN)
    if name in gone:
        at = runs[name].index(False)
        evidence = (look.moments[at - 1].time_s, look.moments[at].time_s)
        yield Draft(seconds[at - 1], evidence, {"a": name}, choices, stable=True)
    elif draws.fraction(*look.key("leaves_at", "stays")) < 0.05:
        yield Draft(
            NOT_WITHIN, (look.frames[0], look.frames[-1]), {"a": name}, choices, nothing=True, stable=True
        )


def when(look: Look) -> Iterator[Draft]:
    """Yield from when to when an instrument is in view that is so for a part of the clip, in one piece."""
    parts = {
        name: seen
        for name, seen in _runs(look).items()
        if not all(seen) and sum(a != b for a, b in pairwise([False, *seen, False])) == 2 and sum(seen) > 1
    }
    if not parts:
        return
    name = look.one_of(list(parts), "when")
    shown = [scene.time_s for scene, seen in zip(look.moments, parts[name], strict=True) if seen]
    answer = f"{shown[0] - look.frames[0]:.1f}-{shown[-1] - look.frames[0]:.1f} s"
    yield Draft(answer, (look.frames[0], shown[0], shown[-1], look.frames[-1]), {"a": name}, stable=True)


def how_long(look: Look) -> Iterator[Draft]:
    """Yield how long an instrument is in view, where it is for a part of the clip: the first to the last second of it."""
    for draft in when(look):
        start, end = draft.answer.removesuffix(" s").split("-")
        yield Draft(f"{float(end) - float(start):.1f} s", draft.evidence, draft.slots, stable=True)
