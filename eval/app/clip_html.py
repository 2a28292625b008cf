"""What the app shows of a clip and its answers, as HTML. Every text of a data set or a model is escaped."""

from __future__ import annotations

import base64
import colorsys
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from typing import Any

import av
from surgvqa.builders.cases.scene import from_json
from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.geometry.coordinates import PERCENT, Space, move_point, resize
from surgvqa.builders.schema import Box, Scene
from surgvqa.eval.models.pixels import decode
from surgvqa.eval.models.row_frames import spacing

MODES = (("grid", "Grid"), ("flip", "Flipbook"), ("video", "Video"))
NO_PHASE = "no phase"
NUMBERS = re.compile(r"[(\[]\s*(-?\d+(?:\.\d+)?(?:\s*,\s*-?\d+(?:\.\d+)?)+)\s*[)\]]")
MOLMO = re.compile(r'<point\s+x="(\d+(?:\.\d+)?)"\s+y="(\d+(?:\.\d+)?)"')


@dataclass(frozen=True, slots=True)
class Mark:
    """A box (a point is one without size) to draw, as shares of the frame's width and height."""

    box: Box
    label: str
    who: str  # "truth", "a" or "b": its colour


@dataclass(frozen=True, slots=True)
class Said:
    """A model's answer to one question, or why there is none."""

    model: str
    text: str
    seconds: float
    confidence: float | None = None
    error: str | None = None


def marks_in(text: str, space: Space, who: str) -> tuple[Mark, ...]:
    """Return the points and boxes written in an answer, whose numbers run over ``space``.

    >>> [mark.box for mark in marks_in("at (50, 20) in [0, 0, 100, 50]", Space(100, 100), "a")]
    [(0.5, 0.2, 0.5, 0.2), (0.0, 0.0, 1.0, 0.5)]
    >>> marks_in('<point x="25" y="50">tip</point>', Space(640, 480), "a")[0].box
    (0.25, 0.5, 0.25, 0.5)
    """
    found: list[Mark] = []

    def add(numbers: Sequence[float], over: Space) -> None:
        scale = resize(over, Space(1, 1))
        x1, y1 = move_point(scale, (numbers[0], numbers[1]))
        x2, y2 = move_point(scale, (numbers[-2], numbers[-1]))
        if 0 <= x1 <= x2 <= 1 and 0 <= y1 <= y2 <= 1:
            found.append(Mark((x1, y1, x2, y2), "", who))

    for match in NUMBERS.finditer(text):
        numbers = [float(number) for number in match[1].split(",")]
        if len(numbers) in (2, 4):
            add(numbers, space)
    for match in MOLMO.finditer(text):
        add([float(match[1]), float(match[2])], PERCENT)
    return tuple(found)


def marks_of(scene: Scene) -> tuple[Mark, ...]:
    """What is annotated in a scene: boxes, or points where there is no box."""
    over = Space(scene.width, scene.height)
    found = []
    for node in scene.nodes:
        place = node.bbox or ((*node.centroid, *node.centroid) if node.centroid else None)
        if place is not None:
            x1, y1 = move_point(resize(over, Space(1, 1)), (place[0], place[1]))
            x2, y2 = move_point(resize(over, Space(1, 1)), (place[2], place[3]))
            found.append(Mark((x1, y1, x2, y2), node.name, "truth"))
    return tuple(found)


def stage(row: Mapping[str, Any], marks: Sequence[Mark] = ()) -> str:
    """Return a clip's frames as a grid, a flipbook and a video; marks lie on the frame nearest to the annotation."""
    pictures = [image["bytes"] for image in row["images"] or ()]
    times = list(row["frame_times_s"] or ())
    if not pictures:
        return message(
            f"{row['clip_id']} has no frames in its row: the data set was built without --media frames"
        )
    scene = from_json(row["scene"]) if row.get("scene") else None
    middle = len(pictures) // 2
    marked = (
        min(range(len(times)), key=lambda i: abs(times[i] - scene.time_s))
        if scene is not None and len(times) == len(pictures)
        else middle
    )
    figures = []
    for index, data in enumerate(pictures):
        at = f"{times[index]:.2f} s" if len(times) == len(pictures) else ""
        figures.append(
            f'<figure class="{"on" if index == 0 else ""}"><div class="shot">'
            f'<img src="{uri(data)}" alt="frame {index + 1} of {len(pictures)}, {at}">'
            f"{drawing(marks) if index == marked else ''}</div><figcaption>{index + 1} · {at}</figcaption></figure>"
        )
    modes = "".join(
        f'<button type="button" data-mode="{mode}" aria-pressed="{"true" if mode == "grid" else "false"}">{name}'
        "</button>"
        for mode, name in MODES
    )
    controls = (
        '<span class="flip-only"><button type="button" data-act="back" aria-label="previous frame">‹</button>'
        '<button type="button" data-act="play" aria-label="play or pause">▶ Play</button>'
        '<button type="button" data-act="next" aria-label="next frame">›</button>'
        '<label>speed <select data-act="speed"><option value="1">1 fps</option><option value="2" selected>2 fps'
        '</option><option value="4">4 fps</option><option value="8">8 fps</option></select></label>'
        "<output data-counter>1</output></span>"
    )
    return (
        f'<section class="stage" data-mode="grid" tabindex="0" aria-label="frames of {escape(row["clip_id"])}; '
        'space plays, arrows step, g f v change the view">'
        f'<div class="bar">{modes}{controls}</div><div class="frames">{"".join(figures)}</div>'
        f"{film(pictures, times)}</section>"
    )


def uri(data: bytes, kind: str = "image/jpeg") -> str:
    """Bytes as a data URI."""
    kind = "image/png" if data.startswith(b"\x89PNG") else kind
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def film(pictures: Sequence[bytes], times: Sequence[float]) -> str:
    """Return the frames as a video element at their real pace, encoded as MP4."""
    pace = spacing(times) if len(times) == len(pictures) > 1 else 0.5
    shots = [decode(data) for data in pictures]
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(1 / max(pace, 1e-3)).limit_denominator(1000))
        stream.width, stream.height = (side - side % 2 for side in (shots[0].shape[1], shots[0].shape[0]))
        stream.pix_fmt = "yuv420p"
        for shot in shots:
            cropped = shot[: stream.height, : stream.width].copy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(cropped, format="rgb24")))
        container.mux(stream.encode(None))
    return f'<video controls loop muted playsinline src="{uri(out.getvalue(), "video/mp4")}"></video>'


def drawing(marks: Sequence[Mark]) -> str:
    """Marks as an SVG over a frame."""
    shapes = []
    for mark in marks:
        x1, y1, x2, y2 = (100 * side for side in mark.box)
        if (x1, y1) == (x2, y2):
            shapes.append(
                f'<ellipse class="{mark.who}" cx="{x1:.2f}" cy="{y1:.2f}" rx="2" ry="2.6" '
                'vector-effect="non-scaling-stroke"/>'
            )
        else:
            shapes.append(
                f'<rect class="{mark.who}" x="{x1:.2f}" y="{y1:.2f}" width="{x2 - x1:.2f}" height="{y2 - y1:.2f}" '
                f'vector-effect="non-scaling-stroke"><title>{escape(mark.label)}</title></rect>'
            )
    return f'<svg viewBox="0 0 100 100" preserveAspectRatio="none">{"".join(shapes)}</svg>' if shapes else ""


def timeline(clips: Sequence[Mapping[str, Any]], current: str) -> str:
    """Return the clips of a case along its time, coloured by phase, the current one outlined."""
    end = max((clip["end_s"] for clip in clips), default=0.0)
    if not end:
        return ""
    hues = colours(list(dict.fromkeys(clip["phase"] or NO_PHASE for clip in clips)))
    parts = []
    for clip in clips:
        phase = clip["phase"] or NO_PHASE
        left, width = 100 * clip["start_s"] / end, 100 * (clip["end_s"] - clip["start_s"]) / end
        here = ' class="here" aria-current="true"' if clip["clip_id"] == current else ""
        label = escape(f"{phase}, {clip['start_s']:.1f}-{clip['end_s']:.1f} s")
        parts.append(
            f'<i{here} title="{label}" style="left:{left:.3f}%;width:{max(width, 0.3):.3f}%;'
            f'background:{hues[phase]}"></i>'
        )
    legend = "".join(f'<span><b style="background:{hues[p]}"></b>{escape(p)}</span>' for p in hues)
    return (
        f'<div class="timeline" role="img" aria-label="timeline of the case, 0 to {end:.0f} seconds">'
        f'<div class="track">{"".join(parts)}</div><div class="legend">{legend}</div></div>'
    )


def colours(phases: Sequence[str]) -> dict[str, str]:
    """Colours that stand apart, in the order in which the phases come; idle is grey.

    >>> colours(["idle", "incision"])
    {'idle': 'rgb(140,140,140)', 'incision': 'rgb(204,76,76)'}
    """
    found: dict[str, str] = {}
    for phase in phases:
        if phase in (IDLE, NO_PHASE):
            found[phase] = "rgb(140,140,140)"
        else:  # the golden angle: no two of a dozen neighbours get close hues
            hue = (0.618034 * sum(one not in (IDLE, NO_PHASE) for one in found)) % 1
            light = 0.55 if len(found) % 2 else 0.42
            red, green, blue = colorsys.hls_to_rgb(hue, light, 0.556)
            found[phase] = f"rgb({int(255 * red)},{int(255 * green)},{int(255 * blue)})"
    return found


def answers(
    question: str, said: Sequence[Said], truth: str | None, blind: str | None, right: Sequence[bool | None]
) -> str:
    """Answers side by side with the truth and what a blind guesser says."""
    cells = []
    for one, correct, who in zip(said, right, ("a", "b"), strict=False):
        verdict = {True: "✓ right", False: "✗ wrong", None: ""}[correct]
        sure = f" · {one.confidence:.0%} sure" if one.confidence is not None else ""
        body = message(one.error) if one.error else f"<p>{escape(one.text) or '<em>nothing</em>'}</p>"
        cells.append(
            f'<div class="card {who}"><h4>{escape(one.model)}</h4>{body}'
            f"<small>{one.seconds:.2f} s{sure} {verdict}</small></div>"
        )
    known = escape(truth) if truth else "<em>your own question: not annotated</em>"
    guess = escape(blind) if blind else "<em>nothing to guess from</em>"
    cells.append(f'<div class="card truth"><h4>Truth</h4><p>{known}</p></div>')
    cells.append(
        f'<div class="card"><h4>Blind guess</h4><p>{guess}</p><small>most frequent in training</small></div>'
    )
    return f'<p class="asked">“{escape(question)}”</p><div class="cards">{"".join(cells)}</div>'


def table(kinds: Mapping[str, Mapping[str, Any]], title: str) -> str:
    """Return the figures of each kind; of a score (accuracy and lift) or of a report (blind alone)."""
    rows = []
    for kind, facts in sorted(kinds.items()):
        accuracy, blind = facts.get("accuracy"), facts.get("blind_majority")
        figures = [f"{facts['n']}", *(f"{x:.0%}" if x is not None else "–" for x in (accuracy, blind))]
        note = (
            ' <abbr title="every answer is the same: it measures nothing">1</abbr>'
            if facts.get("single_class")
            else ""
        )
        cells = "".join(f"<td>{figure}</td>" for figure in figures)
        rows.append(f"<tr><th>{escape(kind).replace('_', '_<wbr>')}{note}</th>{cells}</tr>")
    return (
        f'<table class="kinds"><caption>{escape(title)}</caption><thead><tr><th>kind</th><th>n</th><th>right</th>'
        f"<th>blind</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def message(text: str | None) -> str:
    """Return a note in the page."""
    return f'<p class="note" role="alert">{escape(text)}</p>' if text else ""
