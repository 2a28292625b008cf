"""The agreement of a case's labels: moments with phases, where a rule gives a picture its time; phases with each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from surgvqa.builders.cases.timeline import IDLE, overlap_ms, phase_at, to_ms
from surgvqa.builders.schema import Case

WORDS = {
    "tools": "instruments lie in a phase they belong to",
    "idle": "images without an instrument lie between phases",
    "busy": "images with one lie in a phase",
}


def measure(
    cases: Sequence[Case], belongs: Mapping[str, Sequence[str]], shift_s: float = 0.0
) -> dict[str, tuple[int, int]]:
    """(agreeing, all) for each of ``WORDS``, over the scenes of which it is known whether a phase is under way.

    ``belongs`` gives an instrument's phases; instruments that it lacks don't count. ``shift_s`` moves the
    scenes in time, to compare another rule.
    """
    counts = {key: [0, 0] for key in WORDS}
    for case in cases:
        for scene in case.scenes if case.phases else ():
            phase = phase_at(case, to_ms(scene.time_s + shift_s))
            if phase is None:
                continue
            names = {node.name for node in scene.nodes if node.type == "instrument"}
            agree = [phase in belongs[name] for name in sorted(names & belongs.keys())]
            counts["tools"][0] += sum(agree)
            counts["tools"][1] += len(agree)
            counts["busy" if names else "idle"][0] += (phase != IDLE) == bool(names)
            counts["busy" if names else "idle"][1] += 1
    return {key: (agreeing, total) for key, (agreeing, total) in counts.items()}


def sentence(counts: Mapping[str, tuple[int, int]]) -> str:
    """Return the measured agreement in words.

    >>> sentence({"tools": (99, 100), "idle": (0, 0), "busy": (3, 4)})
    '99 of 100 (99.0 %) instruments lie in a phase they belong to, 3 of 4 (75.0 %) images with one lie in a phase'
    """
    parts = [
        f"{agreeing} of {total} ({100 * agreeing / total:.1f} %) {WORDS[key]}"
        for key, (agreeing, total) in counts.items()
        if total
    ]
    return ", ".join(parts) or "no case has both phases and annotated images"


def overlaps(cases: Iterable[Case]) -> tuple[str, ...]:
    """Return a note on cases whose phases overlap: how long, in which; none where none do."""
    seconds_by_case = {case.case_id: seconds for case in cases if (seconds := overlap_ms(case) / 1000)}
    if not seconds_by_case:
        return ()
    first = ", ".join(
        f"{case_id} ({seconds_by_case[case_id]:g} s)" for case_id in sorted(seconds_by_case)[:5]
    )
    more = f" and {len(seconds_by_case) - 5} more" if len(seconds_by_case) > 5 else ""
    return (
        f"phases overlap for {sum(seconds_by_case.values()):g} s in {len(seconds_by_case)} case{'s' if len(seconds_by_case) > 1 else ''}: "
        f"{first}{more}; at each moment the phase that started last was taken",
    )
