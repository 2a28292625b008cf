"""Values in an export that move or turn its places: beside a box, of a picture, of a whole file."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache

from surgvqa.builders.files.tables import letters
from surgvqa.cards.command import InputError

# What places or turns a thing beside its box. Letters alone: "rotation_angle" is found as "rotationangle".
ELSEWHERE = frozenset((
    "angle", "theta", "rotation", "rot", "tilt", "rotate", "rotationangle", "orientation", "direction", "yaw", "degrees", "radians", "obb",
    "rbox", "rbbox", "rotatedbbox", "rotatedbox", "robndbox", "quad", "transform", "matrix",
    "xmin", "ymin", "xmax", "ymax", "x", "y", "w", "h", "cx", "cy", "left", "top", "right", "bottom", "bbox", "box", "polygon",
    "points", "segmentation",
))  # fmt: skip
FORMS = frozenset(("format", "bboxformat", "boxformat", "bboxmode", "boxmode", "coordinates", "coordinateformat", "normalized", "normalised"))  # fmt: skip


# What a picture was before it was annotated, or is to become: places in it lie elsewhere in another copy.
MOVE_KEYS = frozenset((
    "rotation", "rotate", "rotated", "rot", "angle", "orientation", "exiforientation", "flip", "flipped", "hflip", "vflip",
    "mirror", "mirrored", "scale", "scalex", "scaley", "scalefactor", "zoom", "resize", "resized", "resizefactor",
    "crop", "cropped", "cropbox", "roi", "offset", "offsetx", "offsety", "xoffset", "yoffset", "pad", "padding", "letterbox",
    "letterboxed", "transform", "matrix", "affine",
))  # fmt: skip
ONE = ("scale", "zoom", "resize", "orientation", "exiforientation")  # 1 of them changes nothing
_UNIT = re.compile(r"(in)?(deg|degs|degree|degrees|rad|rads|radian|radians)$")
_OF = re.compile(r"^(bbox|box|obj|object|img|image)(?=[a-z])")


@lru_cache(maxsize=4096)
def word(key: str) -> str:
    """Return a key in lower case letters, without the unit of an angle and what it is of.

    >>> word("rotation_deg"), word("bbox_angle"), word("Degrees"), word("bbox_mode")
    ('rotation', 'angle', 'degrees', 'bboxmode')
    """
    plain = letters(key)
    if plain in ELSEWHERE | FORMS:
        return plain
    bare = _OF.sub("", _UNIT.sub("", plain) or plain)
    return bare if bare in ELSEWHERE else plain


def refuse_moved(entries: Mapping[str, object], of_file: bool = False) -> None:
    """Refuse what a file says of all of a picture that would move the places in it, or of the form of all its boxes.

    A turn of 0, a scale or an EXIF orientation of 1, and an offset of zeros move nothing.

    >>> refuse_moved({"rotation": 0, "scale": 1.0, "crop": None, "orientation": "landscape"})
    """
    for key, value in entries.items():
        name = letters(key)
        one = value == 1 and value is not True and name.startswith(ONE)
        still = not value or one or (isinstance(value, list | tuple) and not any(value))
        moves = name in MOVE_KEYS and not of_file and not (isinstance(value, str) and not _is_number(value))
        if not still and (name in FORMS or moves):
            raise InputError(f"a {key} of {value!r}, which isn't read: without it its things lie elsewhere")


def refuse_elsewhere(entries: Mapping[str, object], read: Collection[str] = ()) -> None:
    """Refuse keys that place or turn a thing, or say in which form its box is, beside those that are ``read``.

    A word of 0, none or false says nothing; nor does a text as an orientation ("left").

    >>> refuse_elsewhere({"bbox": [1, 2, 3, 4], "Angle": 0.0, "direction": "left"}, ("bbox",))
    """
    for key, value in entries.items():
        name = word(key)
        if key in read or not value or name not in ELSEWHERE | FORMS:
            continue
        if name in FORMS or not isinstance(value, str) or _is_number(value):
            raise InputError(
                f"a {key} of {value!r} beside its box, which isn't read: without it the thing lies elsewhere"
            )


def _is_number(text: str) -> bool:
    try:
        return float(text) != 0
    except ValueError:
        return False
