"""Names of pictures: what exporters do to them, and the numbers in them that tell times.

Roboflow appends the ending and a hash (``op1_0003_jpg.rf.1f0e3dad.jpg``), Label Studio puts eight hexadecimal digits
before an uploaded name (``0f6142fb-op1_0003.jpg``). A number tells a time only where one pattern fits all names.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote

from surgvqa.builders.files.tables import letters
from surgvqa.builders.schema import Case
from surgvqa.cards.command import InputError

_ROBOFLOW = re.compile(r"(.+)[_.-](jpe?g|png|bmp|tiff?|webp)\.rf\.[0-9A-Za-z]+(\.\w+)?", re.IGNORECASE)
_UPLOAD = re.compile(r"[0-9a-f]{8}-(.+)")
_PARTS = re.compile(r"\d+|\D+")
_CLOCK = re.compile(r"\d+h\d+m\d+s?$", re.IGNORECASE)
_DECIMALS = re.compile(r"\d\.\d+$")
_UNIT = re.compile(r"(fps|k?hz|px?|k|[km]?bps|bit|[cm]m|x)(?![a-z])", re.IGNORECASE)  # of what isn't a time
_WORD = re.compile(r"[^\W\d_]+$")  # letters before a number
FRAME = (
    "f",
    "frame",
    "frm",
    "fr",
    "img",
    "image",
    "im",
    "still",
    "picture",
    "pic",
    "shot",
    "t",
    "time",
    "sec",
    "s",
    "ms",
)
SECONDS = ("s", "sec", "ms")
_DATE = re.compile(r"(19|20)\d\d[-_.]?(0\d|1[0-2])[-_.]?([0-2]\d|3[01])$")
_HOURS = re.compile(r"(?<!\d)\d{1,2}([-_.:])[0-5]\d\1[0-5]\d$|\d:\d+$")
LATE_S = 1.0  # annotations are rounded to seconds
LONGEST = 12  # digits: more of them count no frames


def parts(name: str) -> tuple[str, ...]:
    r"""Return a name's folders and file, whatever separates them.

    >>> parts("frames%2Fv\\\\1.jpg")
    ('frames', 'v', '1.jpg')
    """
    whole = unicodedata.normalize("NFC", unquote(name)).replace("\\", "/")
    return tuple(part for part in whole.split("/") if part) or ("",)


# Folders that say what is in them, not which recording it is of.
KINDS = (
    "labels",
    "images",
    "train",
    "valid",
    "val",
    "test",
    "annotations",
    "json",
    "xml",
    "obj_train_data",
    "data",
)


def inside(folders: Sequence[str], name: str) -> str:
    """Return a picture's name behind the folders that may tell its recording; a name with folders of its own stays.

    >>> inside(("labels", "op1"), "1.txt"), inside(("labels",), "1.txt"), inside(("op1",), "op2/1.jpg")
    ('op1/1.txt', '1.txt', 'op2/1.jpg')
    """
    recording_folders = [folder for folder in folders if folder.lower() not in KINDS]
    return name if "/" in name or "\\" in name or not name else "/".join((*recording_folders, name))


# Keys and columns that say which recording a picture is of.
FOLDERS = frozenset((
    "video", "videoname", "videofile", "movie", "recording", "case", "casename", "caseid", "folder", "patient", "patientid",
    "operation", "surgery", "sequence", "task", "subset", "source",
))  # fmt: skip


def recordings(fields: Mapping[str, object]) -> tuple[str, ...]:
    """Return what keys of a picture may tell its recording by: names of videos, cases, folders.

    >>> recordings({"Video": "a/op2.mp4", "width": 3, "case_id": "op2", "source": None})
    ('op2', 'op2')
    """
    names = (value for key, value in fields.items() if isinstance(value, str) and letters(key) in FOLDERS)
    return tuple(PurePosixPath(original(parts(value)[-1])).stem for value in names if value.strip())


def of_another(folders: Sequence[str], known_names: Iterable[str]) -> bool:
    """Whether a folder is named as a known recording or its folder is, but for its number: it is of another one.

    >>> of_another(("op1",), ("frames", "op2")), of_another(("op1",), ("op1", "op2")), of_another(("upload", "7"), ("12",))
    (True, False, False)
    """
    there = {one.casefold() for one in known_names}
    folder_names = [
        one.casefold() for before, one in itertools.pairwise(("", *folders)) if before != "upload"
    ]
    if there & set(folder_names):
        return False
    pieces = [_PARTS.findall(one) for one in there]
    shapes = {_pattern(one) for one in pieces if any(piece.isdecimal() for piece in one)}
    return any(_pattern(_PARTS.findall(one)) in shapes for one in folder_names)


def original(name: str) -> str:
    """Return a file's name without what an exporter added to it.

    >>> original("op1_0003_jpg.rf.eccbc87e4b5ce2fe.jpg"), original("0f6142fb-000001000.jpg"), original("a-1.jpg")
    ('op1_0003.jpg', '000001000.jpg', 'a-1.jpg')
    """
    if match := _ROBOFLOW.fullmatch(name):
        return f"{match[1]}.{match[2]}"
    match = _UPLOAD.fullmatch(name)
    return match[1] if match else name


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
        whole = "".join(pieces)
        if _UNIT.match(whole[whole.rindex(digits[-1]) + len(digits[-1]) :].lstrip(" ")):
            raise InputError(f"the last number of {name!r} is of something that is no time; {ASK}")
        if any(pattern.search(whole) for pattern in (_CLOCK, _DECIMALS, _DATE, _HOURS)):
            raise InputError(
                f"{name!r} ends in a date, a clock time or decimals, of which the last number is a part alone; {ASK}"
            )
    rows = {
        name: tuple(int(piece) for piece in pieces if piece.isdecimal()) for name, pieces in split.items()
    }
    if first is not None and len(set(rows.values())) > 1 and len({row[-1] for row in rows.values()}) == 1:
        last = next(iter(rows.values()))[-1]
        raise InputError(
            f"the last number of all names is {last}, as in {first[0]!r}, and another one changes; {ASK}"
        )
    sorted_rows = sorted(rows.values(), key=lambda row: row[-1])
    for before, after in itertools.pairwise(sorted_rows):
        if any(a > b for a, b in zip(before, after, strict=True)):
            one, other = (
                next(name for name, row in rows.items() if row == which) for which in (before, after)
            )
            raise InputError(f"two numbers change between {one!r} and {other!r}, and not together; {ASK}")
    _refuse_unrelated(rows)
    if len(set(rows.values())) == 1 and first is not None:
        _refuse_unclear(*first)
    return {name: row[-1] for name, row in rows.items()}


def _refuse_unclear(name: str, pieces: Sequence[str]) -> None:
    """Refuse a name whose last number looks like another thing's, where no other name tells which number grows.

    >>> _refuse_unclear("op1_f0003.jpg", ("op", "1", "_f", "0003"))

    Raises:
        InputError: "0003_25fps.jpg", "0003_v2.jpg".
    """
    places = [i for i, piece in enumerate(pieces) if piece.isdecimal()]
    last, others = places[-1], places[:-1]
    behind = pieces[last + 1] if last + 1 < len(pieces) else ""
    word = _WORD.search(pieces[last - 1] if last else "")
    size = behind == "" and pieces[last - 1].lower() == "x" if last else False
    bare = [i for i in others if not (i and pieces[i - 1][-1:].isalpha())]
    longer = [i for i in others if len(pieces[i]) > len(pieces[last])]
    counts = word is None or word[0].lower() in FRAME
    if (
        size
        or (others and behind[:1].isalpha() and behind.lower() not in SECONDS)
        or (not counts and (bare or longer))
    ):
        raise InputError(f"whether {pieces[last]} tells the time of {name!r} is in doubt; {ASK}")


def _refuse_unrelated(rows: Mapping[str, Sequence[int]]) -> None:
    """Refuse names in which a second number changes that isn't the same time in another unit, as frames and ms are.

    Raises:
        InputError: minutes before seconds, dates, or two recordings.
    """
    name, top = max(rows.items(), key=lambda item: item[1][-1], default=("", ()))
    # a time that was rounded differs by up to one; two small numbers are alike by chance
    slack = min(1.0, 0.02 * top[-1]) if top else 0.0
    for other, row in rows.items():
        for number, most in zip(row[:-1], top[:-1], strict=True):
            if number != most and abs(row[-1] * most - number * top[-1]) > slack * most:
                raise InputError(
                    f"two numbers change between {other!r} and {name!r}, and not together; {ASK}"
                )


def refuse_other_name(file_name: str, picture: str) -> None:
    """Refuse a file on one picture that is named as another picture of the same row of names.

    Where pictures were renamed with their files, the name inside is the old one, and another picture's today.

    Raises:
        InputError: "f_0003.json" says that it is of "f_0002.jpg".

    >>> refuse_other_name("op1/f_0003.jpg.json", "f_3.jpg"), refuse_other_name("labels_7.xml", "f_0002.jpg")
    (None, None)
    """
    pieces, inside_pieces = (
        _PARTS.findall(_bare(original(parts(name)[-1]))) for name in (file_name, picture)
    )
    numbers, inside_numbers = (
        [int(piece) for piece in one if piece.isdecimal()] for one in (pieces, inside_pieces)
    )
    if numbers != inside_numbers and numbers and _pattern(pieces) == _pattern(inside_pieces):
        raise InputError(
            f"the file is named {parts(file_name)[-1]}, and inside it is of {parts(picture)[-1]}; rename one of them"
        )


def _bare(name: str) -> str:
    """Return a name without its endings.

    >>> _bare("f_0003.jpg.json"), _bare("op1.5_3.png")
    ('f_0003', 'op1.5_3')
    """
    while (ending := PurePosixPath(name).suffix) and ending[1:].isalpha():
        name = name.removesuffix(ending)
    return name


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
