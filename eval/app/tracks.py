"""The time line of a case: its phases, when which instrument is annotated, and what happens."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from surgvqa.builders.cases.timeline import IDLE
from surgvqa.cards.files.documents import PhaseStretch
from surgvqa.eval.app.clips import ShortClip
from surgvqa.eval.app.shapes import PhasePart, Stretch, TimeLine, Track

TOUCHING_S = 0.002  # clips count in milliseconds


def in_words(label: str) -> str:
    """Return a label as words: without underscores, each kind of blank one blank.

    >>> in_words("relative_position")
    'relative position'
    """
    return " ".join(label.replace("_", " ").split())


def phase_in_words(phase: str | None) -> str:
    """Return a clip's phase as words; None is what nobody labelled.

    >>> phase_in_words(None), phase_in_words("idle"), phase_in_words("port_placement")
    ('phase unknown', 'no phase', 'port placement')
    """
    if phase is None:
        return "phase unknown"
    return "no phase" if phase == IDLE else in_words(phase)


def time_line(
    case: str, clips: Sequence[tuple[ShortClip, str | None]], course: Sequence[PhaseStretch] = ()
) -> TimeLine:
    """Return the tracks of a case from its clips, their scenes, and its phases.

    An instrument is shown at the moments that were annotated, and no longer: between two of them nobody looked. So is
    a phase where the data set doesn't record the phases of its cases.
    """
    tools: dict[str, list[Stretch]] = defaultdict(list)
    events: list[Stretch] = []
    for clip, text in clips:
        scene = json.loads(text) if text else {}
        moment = scene.get("time_s")
        if moment is None:
            continue
        for name in dict.fromkeys(
            node["name"] for node in scene.get("nodes", ()) if node["type"] == "instrument"
        ):
            tools[name].append(stretch(moment, moment, name, clip))
        for event in scene.get("events", ()):
            if not event.startswith("phase:"):  # the phases have a track of their own
                events.append(stretch(moment, moment, event, clip))
    phases = whole_phases(course, clips) if course else phases_at_ends(one for one, _ in clips)
    tracks: list[Track] = [{"name": "phases", "kind": "phases", "stretches": phases}]
    tracks += [
        {"name": in_words(name), "kind": "tool", "stretches": own} for name, own in sorted(tools.items())
    ]
    if events:
        tracks.append({"name": "events", "kind": "events", "stretches": events})
    ends = [clip.end_s for clip, _ in clips] + [part["end_s"] for part in course]
    end = max(ends, default=0.0)
    return {"case": case, "end_s": end, "tracks": [track for track in tracks if track["stretches"]]}


def stretch(start_s: float, end_s: float, label: str, clip: ShortClip) -> Stretch:
    """Return a stretch that a click leads from to a clip."""
    return {"start_s": start_s, "end_s": end_s, "label": in_words(label), "clip": clip.clip_id}


def whole_phases(
    course: Sequence[PhaseStretch], clips: Sequence[tuple[ShortClip, str | None]]
) -> list[Stretch]:
    """Return the phases of a case; neighbours of one phase that touch are one stretch."""
    stretches: list[Stretch] = []
    for part in course:
        label = phase_in_words(part["phase"])
        last = stretches[-1] if stretches else None
        if last and last["label"] == label and part["start_s"] <= last["end_s"] + TOUCHING_S:
            last["end_s"] = max(last["end_s"], part["end_s"])
        else:
            near = min(clips, key=lambda clip: distance(clip[0], part["start_s"]))[0]
            stretches.append(stretch(part["start_s"], part["end_s"], label, near))
    return stretches


def distance(clip: ShortClip, seconds: float) -> float:
    """Return how far a moment lies outside a clip, in seconds; 0 inside."""
    return max(clip.start_s - seconds, seconds - clip.end_s, 0.0)


def phases_at_ends(clips: Iterable[ShortClip]) -> list[Stretch]:
    """Return the phase of each clip at its last moment: of the rest of its window nobody knows."""
    return [
        stretch(clip.last_s, clip.last_s, phase_in_words(clip.phase), clip)
        for clip in clips
        if clip.phase is not None
    ]


def phases_within(course: Sequence[PhaseStretch], clip: ShortClip) -> list[PhasePart]:
    """Return the phases of a clip in order, each with the second from which it holds there.

    Where the data set doesn't record the phases of its cases, that of the last moment alone is known.
    """
    if not course:
        return [{"label": phase_in_words(clip.phase), "from_s": clip.last_s}]
    parts: list[PhasePart] = []
    for part in course:
        label = phase_in_words(part["phase"])
        is_inside = part["start_s"] < clip.end_s and clip.start_s < part["end_s"]
        if is_inside and not (parts and parts[-1]["label"] == label):
            parts.append({"label": label, "from_s": max(part["start_s"], clip.start_s)})
    return parts or [{"label": phase_in_words(None), "from_s": clip.start_s}]
