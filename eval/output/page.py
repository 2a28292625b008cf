"""One self-contained HTML page: templates beside this file, no script, no file or address outside the page."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from surgvqa.cards.files.manifest import put
from surgvqa.eval.output.terminal import percent, span

COLOURS = 14  # label colours that eye and printer tell apart; further labels share the grey one


def clean(text: str) -> str:
    r"""Text without what could steer a browser or a reader: controls, direction overrides, lone surrogates.

    >>> clean("left\u202etfel\x00 \ud800")
    'left�tfel� �'
    """
    return "".join(
        "�" if unicodedata.category(char) in ("Cc", "Cf", "Cs") and char not in "\n\t" else char
        for char in text
    )


def _finalize(value: Any) -> Any:
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def points(share: float | None) -> str:
    """Return a difference of shares in percentage points, with its sign.

    >>> points(0.125), points(-0.5), points(None)
    ('+12.5', '-50.0', '-')
    """
    return "-" if share is None else f"{100 * share:+.1f}"


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds.

    >>> clock(754.4)
    '12:34'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def data_uri(jpeg: bytes) -> str:
    """Return a JPEG as an address that holds it."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def colours(labels: Iterable[str]) -> dict[str, str]:
    """Return a colour class per label in the order given; those beyond the palette, and no answers, share ``cx``.

    >>> colours(["incision", "(empty)", "idle", "incision"])
    {'incision': 'c0', '(empty)': 'cx', 'idle': 'c1'}
    """
    classes: dict[str, str] = {}
    for label in dict.fromkeys(labels):
        count = len(set(classes.values()) - {"cx"})
        classes[label] = "cx" if label.startswith("(") or count == COLOURS else f"c{count}"
    return classes


def render(template: str, numbers: Mapping[str, object], **pictures: Any) -> str:
    """Return the page of ``template`` with ``numbers``, every text in it escaped."""
    environment = Environment(
        loader=FunctionLoader(
            lambda name: files("surgvqa.eval.output").joinpath(name).read_text(encoding="utf-8")
        ),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "span": span, "points": points, "clock": clock}
    environment.globals["colours"] = colours
    return environment.get_template(template).render(version=version("surgvqa"), **numbers, **pictures)


def write(path: Path, html: str) -> None:
    """Write the page, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    put(path, html)
