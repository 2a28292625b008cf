"""One check of time for every source: seconds, milliseconds and frame numbers told apart."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from surgvqa.cards.command import InputError

LONGEST_H = 12.0  # of an operation whose recording isn't there to say otherwise
SHORTEST_S = (
    0.2  # no phase of an operation is over so soon; milliseconds of a table read as seconds of hours are
)
LATE_S = 1.0  # annotations are rounded to seconds
# A table that ends with its recording is as many times as long as its unit is short; it may end a fifth earlier.
EARLY = 0.8
MILLISECONDS = 1000.0
MINUTE = (58.0, 66.0)  # times the phases' end that a recording lasts whose table is in minutes
FRAME_RATES = (10.0, 12.5, 15.0, 20.0, 24.0, 25.0, 30.0, 50.0, 60.0, 120.0)
MOST_PHASES = 20_000  # of one case; a table of frames, not of phases, is longer


def refuse(
    spans: Sequence[tuple[float, float]],
    moments: Sequence[float],
    length_s: float | None,
    recorded: bool = False,
    stated: bool = False,
) -> None:
    """Raise ``InputError`` where a case's times can't be seconds of an operation.

    Args:
        spans: start and end of its phases, in seconds of its recording.
        moments: its annotated moments, the same.
        length_s: of the recording; None where it isn't known.
        recorded: there is a recording, whose length is looked at later: it may be as long as it likes.
        stated: the source says that these are seconds; a part of an operation may end at a sixtieth of its recording.
    """
    if len(spans) > MOST_PHASES:
        raise InputError(f"{len(spans)} phases, more than {MOST_PHASES}; one row per phase, not per frame")
    for what, latest in (
        ("phases", max((end for _, end in spans), default=0.0)),
        ("moments", max(moments, default=0.0)),
    ):
        hint = unit(latest, length_s, recorded)
        if hint:
            raise InputError(f"its {what} end at {latest:g} s, {hint}")
    latest = max((end for _, end in spans), default=0.0)
    if length_s and not stated and len(spans) > 1 and MINUTE[0] <= length_s / max(latest, 1e-9) <= MINUTE[1]:
        raise InputError(
            f"its phases end at {latest:g} s, a sixtieth of its recording ({length_s:g} s): minutes? Give seconds; "
            "if they are, say so by a column unit with s, or write h:mm:ss"
        )
    lengths = [end - start for start, end in spans if end > start]
    if lengths and max(lengths) < 1 and median(lengths) < SHORTEST_S:
        raise InputError(
            f"its phases last {1000 * median(lengths):.3g} ms; no phase is that short: are these "
            "hours, or milliseconds divided twice? Give seconds"
        )
    if len(lengths) > 1 and max(end for _, end in spans) <= 1:
        raise InputError(
            f"all of its {len(lengths)} phases end within a second: shares of the recording? Give seconds"
        )


def unit(latest_s: float, length_s: float | None, recorded: bool = False) -> str | None:
    """Say what times look like that end at ``latest_s`` and can't be seconds; None where they can.

    >>> unit(75000, 3000.0)
    '25 times the length of its recording (3000 s): frame numbers at 25 a second? Give seconds'
    >>> unit(2990000, 3000.0)
    '997 times the length of its recording (3000 s): milliseconds? Give seconds'
    >>> unit(75000, None)
    '20.8 hours: no operation is that long: frame numbers (50 minutes at 25 a second) or milliseconds? Give seconds'
    >>> unit(2990, 3000.0), unit(4000, 3000.0)
    (None, None)
    """
    if length_s is None:
        hours = latest_s / 3600
        if recorded or hours <= LONGEST_H:
            return None
        return (
            f"{hours:.1f} hours: no operation is that long: frame numbers ({latest_s / 25 / 60:.0f} minutes at 25 a "
            "second) or milliseconds? Give seconds"
        )
    if length_s <= 0 or latest_s <= length_s + LATE_S:
        return None
    times = latest_s / length_s
    ratio = f"{times:.3g} times the length of its recording ({length_s:g} s)"
    if EARLY * MILLISECONDS <= times <= 1.02 * MILLISECONDS:
        return f"{ratio}: milliseconds? Give seconds"
    rates = [rate for rate in FRAME_RATES if EARLY * rate <= times <= 1.005 * rate]
    if rates:
        return f"{ratio}: frame numbers at {min(rates):g} a second? Give seconds"
    return None
