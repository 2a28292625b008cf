"""The time line of a case: its phases, when which instrument is annotated, and what happens."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from surgvqa.builders.cases.timeline import IDLE
from surgvqa.eval.app.clips import ShortClip
from surgvqa.eval.app.shapes import Stretch, TimeLine, Track

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


def time_line(case: str, clips: Sequence[tuple[ShortClip, str | None]]) -> TimeLine:
    """Return the tracks of a case from its clips and their scenes.

    An instrument is shown at the moments that were annotated, and no longer: between two of them nobody looked.
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
    tracks: list[Track] = [{"name": "phases", "kind": "phases", "stretches": phases(one for one, _ in clips)}]
    tracks += [
        {"name": in_words(name), "kind": "tool", "stretches": own} for name, own in sorted(tools.items())
    ]
    if events:
        tracks.append({"name": "events", "kind": "events", "stretches": events})
    end = max((clip.end_s for clip, _ in clips), default=0.0)
    return {"case": case, "end_s": end, "tracks": [track for track in tracks if track["stretches"]]}


def stretch(start_s: float, end_s: float, label: str, clip: ShortClip) -> Stretch:
    """Return a stretch that a click leads from to a clip."""
    return {"start_s": start_s, "end_s": end_s, "label": in_words(label), "clip": clip.clip_id}


def phases(clips: Iterable[ShortClip]) -> list[Stretch]:
    """Return the phases of clips in order of time; neighbours of one phase that touch are one stretch."""
    stretches: list[Stretch] = []
    for clip in clips:
        if clip.phase is None:
            continue
        label = phase_in_words(clip.phase)
        last = stretches[-1] if stretches else None
        if last and last["label"] == label and clip.start_s <= last["end_s"] + TOUCHING_S:
            last["end_s"] = max(last["end_s"], clip.end_s)
        else:
            stretches.append(stretch(clip.start_s, clip.end_s, label, clip))
    return stretches
