"""The agreement of annotated moments and phases, measured where a rule gives a picture its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from surgvqa.builders.cases.timeline import IDLE, phase_at, to_ms
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
