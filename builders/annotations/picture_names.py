"""Names of pictures: what exporters do to them, and the numbers in them that tell times.

Roboflow appends the ending and a hash (``op1_0003_jpg.rf.1f0e3dad.jpg``), Label Studio puts eight hexadecimal digits
before an uploaded name (``0f6142fb-op1_0003.jpg``). A number tells a time only where one pattern fits all names.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote

from surgvqa.builders.schema import Case
from surgvqa.cards.command import InputError

_ROBOFLOW = re.compile(r"(.+)[_.-](jpe?g|png|bmp|tiff?|webp)\.rf\.[0-9A-Za-z]+(\.\w+)?", re.IGNORECASE)
_UPLOAD = re.compile(r"[0-9a-f]{8}-(.+)")
_PARTS = re.compile(r"\d+|\D+")
LATE_S = 1.0  # annotations are rounded to seconds
LONGEST = 12  # digits: more of them count no frames


def parts(name: str) -> tuple[str, ...]:
    r"""Return a name's folders and file, whatever separates them.

    >>> parts("frames%2Fv\\\\1.jpg")
    ('frames', 'v', '1.jpg')
    """
    return tuple(part for part in unquote(name).replace("\\", "/").split("/") if part) or ("",)


def original(name: str) -> str:
    """Return a file's name without what an exporter added to it.

    >>> original("op1_0003_jpg.rf.eccbc87e4b5ce2fe.jpg"), original("0f6142fb-000001000.jpg"), original("a-1.jpg")
    ('op1_0003.jpg', '000001000.jpg', 'a-1.jpg')
    """
    if found := _ROBOFLOW.fullmatch(name):
        return f"{found[1]}.{found[2]}"
    found = _UPLOAD.fullmatch(name)
    return found[1] if found else name


def numbers(names: Iterable[str]) -> dict[str, int]:
    """Return the number of every name that tells its time: the last one, by one pattern that fits all names.

    Raises:
        InputError: the names fit no pattern, or more than one number grows in them, and not together.

    >>> numbers(["op_2_0003.jpg", "op_2_0010.jpg"])
    {'op_2_0003.jpg': 3, 'op_2_0010.jpg': 10}
    """
    split = {name: _PARTS.findall(PurePosixPath(original(parts(name)[-1])).stem) for name in names}
    first: tuple[str, Sequence[str]] | None = None
    for name, pieces in split.items():
        digits = [piece for piece in pieces if piece.isdecimal()]
        if not digits:
            raise InputError(f"{name!r} holds no number to tell its time from")
        if len(digits[-1]) > LONGEST:
            raise InputError(f"{name!r}: {digits[-1]} is no frame's number; {ASK}")
        first = first or (name, pieces)
        if _pattern(pieces) != _pattern(first[1]):
            raise InputError(f"no pattern fits both {first[0]!r} and {name!r}; {ASK}")
    rows = {
        name: tuple(int(piece) for piece in pieces if piece.isdecimal()) for name, pieces in split.items()
    }
    ordered = sorted(rows.values(), key=lambda row: row[-1])
    for before, after in itertools.pairwise(ordered):
        if any(a > b for a, b in zip(before, after, strict=True)):
            one, other = (
                next(name for name, row in rows.items() if row == which) for which in (before, after)
            )
            raise InputError(f"two numbers change between {one!r} and {other!r}, and not together; {ASK}")
    return {name: row[-1] for name, row in rows.items()}


def refuse_beyond(case: Case) -> None:
    """Refuse outlines of moments before a recording begins or after it ends, by more than `LATE_S`.

    Raises:
        InputError: with the moment and the recording's length.
    """
    if case.video is None or case.duration_s is None:
        return
    for scene in case.scenes:
        at = scene.time_s + case.video_offset_s
        if -LATE_S <= at <= case.duration_s + LATE_S or not any(node.bbox for node in scene.nodes):
            continue
        raise InputError(
            f"things are outlined at second {at:g} of {case.video.name}, which has {case.duration_s:.1f} s; check "
            "--image-rate, the names of the pictures and the video's offset"
        )


ASK = "name pictures by one number that grows with time, or give every image its time_s"


def _pattern(pieces: Sequence[str]) -> tuple[str, ...]:
    """Return what of a name isn't a number."""
    return tuple("0" if piece.isdecimal() else piece for piece in pieces)
