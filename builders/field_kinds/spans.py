"""Intervals in which an instrument is in view, in seconds from the clip's first frame.

Needs four annotated moments or more inside the frames, at most 1.25 s apart. ``when`` is an interval, "1.0-3.0 s"; what
begins before the clip or goes on after it ends at its first or last frame. How long is one of three lengths. A part of
the questions is about something that doesn't happen: "not within the clip".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from surgvqa.builders.cases import draws
from surgvqa.builders.kinds.changes import in_exchange
from surgvqa.builders.kinds.view import Draft, Look, nameless, with_suffixes

NOT_WITHIN = "not within the clip"
LENGTHS = (2.0, 4.0)  # seconds; between these lie the answers of `how_long`
MOST = 2  # instruments of a clip whose interval is asked for
LASTS = ("up to 2 s", "2 to 4 s", "over 4 s")


@lru_cache(maxsize=1)  # four kinds ask it of the same clip
def instrument_runs(look: Look) -> dict[str, list[bool]]:
    """Return, for each instrument of the clip, whether each moment shows it."""
    if not look.annotates("instrument") or not look.dense():
        return {}
    names_by_moment = [
        {node.name for node in scene.nodes if node.type == "instrument"} for scene in look.moments
    ]
    return {
        name: [name in names for names in names_by_moment]
        for name in sorted(set().union(*names_by_moment))
        if not nameless(name)
    }


def leaves_at(look: Look) -> Iterator[Draft]:
    """Yield the second at which an instrument is no longer in view, or that it stays."""
    runs = {
        name: in_view
        for name, in_view in instrument_runs(look).items()
        if in_view[0] and sum(a != b for a, b in pairwise(in_view)) < 2
    }
    if not runs:
        return
    leaving_names = [name for name, in_view in runs.items() if not in_view[-1]]
    name = look.one_of(leaving_names or list(runs), "leaves_at")
    seconds = [f"{look.second(scene.time_s):.1f} s" for scene in look.moments[1:]]
    choices = (*seconds, NOT_WITHIN)
    if name in leaving_names:
        at = runs[name].index(False)
        evidence = (look.moments[at - 1].time_s, look.moments[at].time_s)
        stable = not in_exchange(look, name, evidence[-1])
        yield Draft(seconds[at - 1], evidence, {"a": name}, choices, stable=stable)
    elif draws.fraction(*look.key("leaves_at", "stays")) < 0.05:
        yield Draft(
            NOT_WITHIN, (look.frames[0], look.frames[-1]), {"a": name}, choices, nothing=True, stable=True
        )


def _parts(look: Look) -> list[tuple[str, list[int]]]:
    """Return the instruments that are in view for a part of the clip, in one piece, with the moments that show them."""
    parts = {
        name: [i for i, one in enumerate(in_view) if one]
        for name, in_view in instrument_runs(look).items()
        if not all(in_view)
        and sum(a != b for a, b in pairwise([False, *in_view, False])) == 2
        and sum(in_view) > 1
    }
    if not parts:
        return []
    first = look.one_of(list(parts), "when")
    others = draws.shuffle(sorted(parts.keys() - {first}), *look.key("when", "others"))
    return [(name, parts[name]) for name in (first, *others)]


def _ends_alone(look: Look, name: str, indices: list[int]) -> bool:
    """Whether no other instrument comes or goes at the moments of the clip at which this one does."""
    changes = [indices[0], indices[-1] + 1]
    times = [look.moments[i].time_s for i in changes if 0 < i < len(look.moments)]
    return not any(in_exchange(look, name, at_s) for at_s in times)


def when(look: Look) -> Iterator[Draft]:
    """Yield from when to when instruments are in view that are so for a part of the clip."""
    drafts = []
    for name, indices in _parts(look)[:MOST]:
        start, end = (look.moments[i].time_s for i in (indices[0], indices[-1]))
        answer = f"{look.second(start):.1f}-{look.second(end):.1f} s"
        evidence = (look.frames[0], start, end, look.frames[-1])
        drafts.append(Draft(answer, evidence, {"a": name}, stable=_ends_alone(look, name, indices)))
    yield from with_suffixes(drafts)


def how_long(look: Look) -> Iterator[Draft]:
    """Yield how long an instrument is in view; asked where the moments beside it, that don't show it, leave no doubt."""
    parts = _parts(look)
    if not parts:
        return
    name, indices = parts[0]
    times = [scene.time_s for scene in look.moments]
    least = times[indices[-1]] - times[indices[0]]
    most = times[min(indices[-1] + 1, len(times) - 1)] - times[max(0, indices[0] - 1)]
    short, long = (sum(lasts > border for border in LENGTHS) for lasts in (least + 0.01, most - 0.01))
    slots = {"a": name, "choices": ", ".join(LASTS)}
    stable = short == long and _ends_alone(look, name, indices)
    yield Draft(LASTS[short], (times[0], times[-1]), slots, LASTS, stable=stable)
