"""Text that comes from data, written into Markdown so that it stays text: no markup, no HTML, no steering."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from surgvqa.cards.command import one_line

# An absolute path (of any system), or any name that ends like a file of video, annotations or data.
PATH = re.compile(
    r"""(?:(?<=[\s"'`(=,\[])|^)(?:[A-Za-z]:[\\/]|file:/+|~?/(?!/)|\\\\)[^\s"'`),;:\]]+"""
    r"""|[^\s"'`(=,;:\[]+\.(?:mp4|m4v|mkv|avi|mov|mpe?g|ts|webm|csv|tsv|json|ya?ml|xml|txt|png|jpe?g|tiff?|npz|zip)\b""",
    re.IGNORECASE,
)


class Markdown(str):
    """Text that is Markdown already; templates write everything else escaped."""

    __slots__ = ()


def escape(text: object) -> Markdown:
    r"""``text`` on one line, with everything that Markdown or HTML would read as markup made literal.

    >>> escape("a|b <script>x</script> *bold* [x](javascript:y)")
    'a\\|b &lt;script&gt;x&lt;/script&gt; \\*bold\\* \\[x\\](javascript:y)'
    >>> escape("# heading\n- item")
    '\\# heading - item'
    >>> escape("see https://example.org")
    'see https&#58;//example.org'
    """
    flat = one_line(str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    flat = re.sub(r"([\\`*_{}\[\]|~#$])", r"\\\1", flat)
    flat = re.sub(
        r"^([-+=])|^(\d+)(?=[.)](?:\s|$))", r"\2\\\1", flat
    )  # what begins a list or underlines a heading
    return Markdown(flat.replace("://", "&#58;//").replace("www.", "www&#46;"))


def code(text: object) -> Markdown:
    """``text`` as inline code; safe in a table cell.

    >>> code("relative_position")
    '`relative_position`'
    >>> code("a`b|c")
    '``a`b&#124;c``'
    """
    flat = one_line(str(text))
    if "|" in flat:  # a table cell ends at a bar even inside code, and an entity is no entity there
        flat = flat.replace("|", "&#124;")
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", flat)), default=0))
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return Markdown(f"{ticks}{pad}{flat}{pad}{ticks}")


def or_dash(text: object) -> Markdown:
    """``text`` as inline code, or a dash where there is none.

    >>> or_dash(None), or_dash("yes")
    ('–', '`yes`')
    """
    return Markdown("–") if text is None else code(text)


def fence(text: str, language: str = "") -> Markdown:
    """Several lines as a block of code that no line in them can end.

    >>> print(fence("x = 1", "python"))
    ```python
    x = 1
    ```
    """
    lines = [one_line(line) if line.strip() else "" for line in text.strip().splitlines()]
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return Markdown("\n".join([f"{ticks}{language}", *lines, ticks]))


def link(url: str) -> Markdown:
    """Return an address as a link if it is a plain web address, else as text.

    >>> link("https://example.org/a_b")
    '<https://example.org/a_b>'
    >>> link("javascript:alert(1)")
    'javascript:alert(1)'
    """
    return Markdown(f"<{url}>") if re.fullmatch(r"https?://[\w.-]+(/[\w./~%?=&#+-]*)?", url) else escape(url)


def with_addresses(text: str) -> Markdown:
    """Return a text whose web addresses can be read, as code: a text of the data makes no link.

    >>> with_addresses("https://example.org/a_b, after registration")
    '`https://example.org/a_b`, after registration'
    """
    parts = re.split(r"(https?://[^\s,;()<>]+)", one_line(text))
    return Markdown("".join(code(part) if i % 2 else escape(part) for i, part in enumerate(parts)))


def percent(share: float | None) -> Markdown:
    """Return a share of one, as a card shows it.

    >>> percent(0.5), percent(None)
    ('50.0 %', '–')
    """
    return Markdown("–" if share is None else f"{100 * share:.1f} %")


def decimal(number: float | None) -> Markdown:
    """Return a number with two places.

    >>> decimal(1.234), decimal(None)
    ('1.23', '–')
    """
    return Markdown("–" if number is None else f"{number:.2f}")


def interval(ends: Sequence[float] | None) -> Markdown:
    """Return the two ends of an interval of shares.

    >>> interval([0.25, 0.5]), interval(None)
    ('25.0 % to 50.0 %', '–')
    """
    return Markdown("–" if ends is None else f"{percent(ends[0])} to {percent(ends[1])}")


def points(lift: float | None) -> Markdown:
    """Return a difference of two shares in percentage points, with its sign.

    >>> points(0.123), points(-0.02), points(None)
    ('+12.3', '-2.0', '–')
    """
    return Markdown("–" if lift is None else f"{100 * lift:+.1f}")


def without_paths(text: str) -> str:
    """``text`` with every file's name and place left out: a folder may be called after a patient.

    >>> without_paths("cannot read /home/jane/cases/7.mp4: empty; see DOE_John.csv, row 3")
    'cannot read FILE: empty; see FILE, row 3'
    >>> without_paths("2/3 of the clips, and/or https://example.org/x")
    '2/3 of the clips, and/or https://example.org/x'
    """
    return PATH.sub("FILE", text)


def render(template: str, **values: Any) -> str:
    """Return a template of this folder, filled in; whatever isn't ``Markdown`` is escaped on the way."""
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        finalize=lambda value: value if isinstance(value, Markdown) else escape(value),
    )
    environment.filters |= {
        "code": code,
        "or_dash": or_dash,
        "link": link,
        "with_addresses": with_addresses,
        "percent": percent,
        "decimal": decimal,
        "interval": interval,
        "points": points,
        "fence": fence,
    }
    return environment.from_string((files("surgvqa.cards.write") / template).read_text("utf-8")).render(
        **values
    )
