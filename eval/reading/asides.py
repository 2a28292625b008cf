"""Lines beside an answer in a longer reply: a table's header, "Confidence: high", "Reasoning: …"."""

from __future__ import annotations

import re

KEYS = re.compile(
    r"reason|think|thought|expla|rationale|analysis|confiden|certain|probab|score|^id$|_id$|question|note|comment|evidence"
    r"|justif|observ|descri|caveat|remark|alternativ|runner|reject|exclud|unlikely",
    re.I,
)
LABEL = re.compile(r"^\W*((?:[A-Za-z_]+ ){0,2}[A-Za-z_]+)\s*[:=]\W*(.*)$")
RATED_ANSWER = re.compile(  # "incision (p=0.7)", "closure: 20 %"
    r"\W*(?:[A-Za-z]+\s*:\s*)?(?P<name>[^\d=:(%]*[A-Za-z][^\d=:(%]*?)[\s:=(\[–-]*(?:p|prob\w*|confidence|score)?\s*[=:]?\s*"
    r"(?:(?P<share>[01]?\.\d+)|(?P<percent>\d{1,3}(?:\.\d+)?)\s*%)[)\]\s.]*",
    re.I,
)
BOX_KEYS = frozenset(
    ["x", "y", "w", "h", "left", "right", "top", "bottom", "width", "height", "start", "end"]
)
SEGMENT = re.compile(r"([;|,]\s*)")
RULE = re.compile(r"[\s|:+=-]+")  # the line below a table's header


def table(text: str) -> str:
    r"""Return a Markdown table's rows as "key: value"; other text as it is.

    >>> table("| Field | Value |\n|---|---|\n| Phase | incision |")
    'Phase: incision'
    >>> table("| Phase | Confidence |\n|---|---|\n| incision | high |")
    'Phase: incision'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    rule = next((i for i, line in enumerate(lines) if i and "|" in line and RULE.fullmatch(line)), None)
    if rule is None or rule + 1 >= len(lines):
        return text
    header = _cells(lines[rule - 1])
    rows = [_cells(line) for line in lines[rule + 1 :] if "|" in line]
    if len(header) == 1 and all(len(row) == 1 for row in rows):
        return "\n".join(row[0] for row in rows)
    if len(header) == 2 and all(len(row) == 2 for row in rows):
        if len(rows) == 1 and KEYS.search(header[1]):  # one row under "Phase | Confidence"
            return f"{header[0]}: {rows[0][0]}"
        return "\n".join(f"{key}: {value}" for key, value in rows)
    if len(rows) == 1 and len(rows[0]) == len(header):
        return "\n".join(f"{key}: {value}" for key, value in zip(header, rows[0], strict=True))
    return text


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def without(text: str) -> str:
    r"""Return a text without its labelled lines that only explain, unless nothing else is there.

    >>> without("Phase: incision\nConfidence: high"), without("Reasoning: the lens is out")
    ('Phase: incision', 'Reasoning: the lens is out')
    """
    if "\n" not in text:
        return _without_segments(text)
    kept_lines: list[str] = []
    beside = False
    for line in text.splitlines():
        if label := LABEL.match(line):
            beside = KEYS.search(label.group(1)) is not None
        if not beside:
            kept_lines.append(line)
    return "\n".join(kept_lines) if any(line.strip() for line in kept_lines) else text


def _without_segments(text: str) -> str:
    """Return a line without its labelled parts that only explain.

    >>> _without_segments("incision; confidence: high"), _without_segments("at 0:12, 3 s")
    ('incision', 'at 0:12, 3 s')
    """
    parts = SEGMENT.split(text)
    if len(parts) < 2:
        return text
    kept_text, beside = "", False
    for place in range(0, len(parts), 2):
        if label := LABEL.match(parts[place]):
            beside = KEYS.search(label.group(1)) is not None
        if not beside:
            kept_text += (parts[place - 1] if place else "") + parts[place]
    return kept_text if kept_text.strip(" ,;|") else text


def likeliest(text: str) -> str:
    """Return the likeliest of several answers that have a probability each; other text as it is.

    >>> likeliest("incision (p=0.7), closure (p=0.2)"), likeliest("incision 70%"), likeliest("a: 0.4, b: 0.4")
    ('incision', 'incision 70%', 'a: 0.4, b: 0.4')
    """
    if "." not in text and "%" not in text:
        return text
    matches = [RATED_ANSWER.fullmatch(piece) for piece in re.split(r"[,;\n]", text) if piece.strip()]
    shares = {
        one["name"].strip(): float(one["share"]) if one["share"] else float(one["percent"]) / 100
        for one in matches
        if one
    }
    if len(shares) < len(matches):
        return text
    return most(shares) or text


def most(shares: dict[str, float]) -> str:
    """Return the name with the largest share, where shares add up to one at most and no other is as large.

    >>> most({"incision": 0.7, "closure": 0.2}), most({"incision": 0.7, "closure": 0.7}), most({"x": 0.1, "y": 0.2})
    ('incision', '', '')
    """
    if len(shares) < 2 or not BOX_KEYS.isdisjoint(shares) or sum(shares.values()) > 1.01:
        return ""
    first, second, *_ = sorted(shares, key=lambda key: -shares[key])
    return first if shares[first] > shares[second] else ""
