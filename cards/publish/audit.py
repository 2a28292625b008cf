"""What must not be published: names, dates, addresses, places on a disk, secrets; in text, pictures and videos.

Searched are every string of every table, every JSON and Markdown file, file names, the headers of every
picture, and the tags, tracks and chapters of every container. Pixels are not: see the frame audit.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgvqa.cards.command import one_line

# Written for RE2 (no look-behind), which pyarrow runs over whole columns.
RULES = {
    "a path of a disk": (
        r"(?:^|[\s\"'`(=,:\[>])(?:file:/+|~/|/(?:home|Users|root|mnt|media|data|srv|var|tmp|opt|work|scratch|net|nfs"
        r"|gpfs|lustre|Volumes|export|storage)/)\S|\b[A-Za-z]:\\+\w|\\\\\w+\\"
    ),
    "a secret": r"\bhf_[A-Za-z0-9]{20,}|\bsk-[A-Za-z0-9_-]{20,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bAKIA[A-Z0-9]{16}\b|PRIVATE KEY-----",
    "an e-mail address": r"\b[\w.+-]+@[\w-]+\.[A-Za-z]{2,}\b",
    "an address of a machine": r"\b(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}\b|\b(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\b",
    "a date": (
        r"(?:^|[^0-9A-Za-z.])(?:(?:19|20)\d\d(?:-(?:0[1-9]|1[0-2])-|/(?:0[1-9]|1[0-2])/|(?:0[1-9]|1[0-2]))(?:0[1-9]|[12]\d|3[01])"
        r"|(?:0?[1-9]|[12]\d|3[01])[./-](?:0?[1-9]|1[0-2])[./-](?:19|20)\d\d|(?:19|20)\d\d:[01]\d:[0-3]\d [0-2]\d)(?:[^0-9A-Za-z]|T\d\d|$)"
        r"|(?i:\b(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?[ .-]+(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ .,-]+(?:19|20)\d\d\b)"
        r"|(?i:\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* (?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?,? (?:19|20)\d\d\b)"
    ),
    "a patient's identity": (
        r"(?i)\b(?:mrn|patient[ _-]?(?:name|id)|date of birth|birth ?date|dob|ssn|medical record)\b[ _:=#-]*\S"
        r"|_mrn[_-]?\d|\bmrn[_-]?\d|\b\d{3}-\d{2}-\d{4}\b"
    ),
    "a DICOM name": r"\b[A-Za-z]{2,}\^[A-Za-z]{2,}",
}
TEXT = (".md", ".json", ".jsonl", ".txt", ".yaml", ".yml", ".jinja", ".csv", ".html")
PICTURES = (".jpg", ".jpeg", ".png")
VIDEOS = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v")
# What a muxer writes by itself; everything else in a container was brought along.
PLAIN_TAGS = {
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "handler_name",
    "vendor_id",
    "language",
}
PLAIN_HANDLERS = {"VideoHandler", "VideoHandle", ""}
# Masks are run lengths of the characters 0 to o, "`\\14K5L3N" for one, in which a path of Windows is soon to be found.
RUN_LENGTHS = r'"(?:\w+_)?rle": ?"[0-o]*"'  # in a scene's JSON
ONLY_RUN_LENGTHS = "^[0-o]*$"  # in a column named mask or masks
PRIVATE_PNG = {b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"}


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that must not be published. ``excerpt`` shows where to look, never the whole of it."""

    file: str
    where: str  # a column, a key, a track
    what: str  # a name of RULES, or what the header holds
    excerpt: str

    def __str__(self) -> str:
        return f"{self.file} ({self.where}): {self.what}, {self.excerpt}"


def rules() -> dict[str, str]:
    """RULES and what only this machine knows: its name, its user, the token in use."""
    local = {
        "the name of this machine": socket.gethostname(),
        "the name of this user": getpass.getuser() if hasattr(os, "getuid") else "",
        "the token in use": os.environ.get("HF_TOKEN", ""),
    }
    # Short or common names ("root", "gpu1", "localhost") stand in ordinary text too.
    own = {
        what: r"\b" + re.escape(word) + r"\b"
        for what, word in local.items()
        if len(word) > 4 and word.lower() not in ("localhost", "ubuntu", "debian", "admin", "runner")
    }
    return RULES | own


def masked(match: re.Match[str]) -> str:
    """The two ends of what was found: enough to recognise it, too little to spread it; no surroundings.

    >>> masked(re.search("john.*org", "seen by john@clinic.org, Jane"))
    "'jo…rg'"
    """
    found = one_line(match[0])
    return repr(f"{found[:2]}…{found[-2:]}" if len(found) > 8 else "…")


def in_text(file: str, where: str, text: str, wanted: dict[str, str]) -> Iterator[Hit]:
    """The hits in one string.

    >>> [hit.what for hit in in_text("a", "b", "left-of, cut 2/3 at 12.5 s, 1024x768, phase 3.1.2", RULES)]
    []
    >>> [hit.what for hit in in_text("a", "b", "case DOE^JOHN, 1961-04-12, /home/x/7.mp4", RULES)]
    ['a path of a disk', 'a date', 'a DICOM name']
    """
    for what, rule in wanted.items():
        if match := re.search(rule, text):
            yield Hit(file, where, what, masked(match))


def in_json(file: str, value: Any, wanted: dict[str, str], where: str = "") -> Iterator[Hit]:
    """The hits in the keys and strings of a JSON value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from in_text(file, where or "top", key, wanted)
            # Versions look like dates (fsspec 2026.10.12) and are none.
            if key != "versions":
                yield from in_json(file, item, wanted, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        for item in value:
            yield from in_json(file, item, wanted, where)
    elif isinstance(value, str):
        yield from in_text(file, where or "top", value, wanted)


def in_picture(file: str, where: str, data: bytes) -> Iterator[Hit]:
    """The segments of a JPEG or chunks of a PNG that carry anything but the picture."""
    if data[:2] == b"\xff\xd8":
        place = 2
        while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
            marker, size = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
            # APP0 says JFIF, APP14 says which colours; EXIF, XMP, IPTC, profiles and comments are the others.
            if (0xE1 <= marker <= 0xEF and marker != 0xEE) or marker == 0xFE:
                yield Hit(file, where, f"a picture's header segment {marker:02X}", f"{size} bytes")
            place += 2 + size
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        place = 8
        while place + 8 <= len(data):
            size, kind = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
            if kind in PRIVATE_PNG:
                yield Hit(file, where, f"a picture's header chunk {kind.decode()}", f"{size} bytes")
            place += 12 + size
    else:
        yield Hit(file, where, "bytes that are neither JPEG nor PNG", f"{len(data)} bytes")


def in_video(file: str, path: Path) -> Iterator[Hit]:
    """The tags, chapters and tracks of a container that aren't the picture."""
    import av

    with av.open(str(path)) as container:
        for stream in container.streams:
            if stream.type != "video":
                yield Hit(file, f"track {stream.index}", f"a track of {stream.type}", "to be left out")
        tags = [("container", container.metadata)]
        tags += [(f"track {stream.index}", stream.metadata) for stream in container.streams]
        for where, found in tags:
            for key, value in found.items():
                odd = key == "handler_name" and value.strip("\0 ") not in PLAIN_HANDLERS
                if key.lower() not in PLAIN_TAGS or odd:
                    yield Hit(file, where, f"a container's tag {one_line(key)!r}", f"{len(value)} characters")
        if container.chapters():
            yield Hit(file, "container", "chapters", f"{len(container.chapters())} of them")


def in_table(file: str, path: Path, wanted: dict[str, str]) -> Iterator[Hit]:
    """The strings and the pictures of a Parquet file, and the text in its own header; a row group at a time."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as table:
        for key, value in (table.schema_arrow.metadata or {}).items():
            yield from in_text(file, key.decode("utf-8", "replace"), value.decode("utf-8", "replace"), wanted)
        for group in range(table.num_row_groups):
            for name in table.schema_arrow.names:
                yield from in_column(file, name, table.read_row_group(group, columns=[name])[name], wanted)


def in_column(file: str, where: str, column: Any, wanted: dict[str, str]) -> Iterator[Hit]:
    """The hits in an Arrow array of any nesting: pictures by their headers, strings by the rules."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for array in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        kind = array.type
        if pa.types.is_struct(kind):
            names = [kind.field(index).name for index in range(kind.num_fields)]
            for name in names:
                yield from in_column(file, f"{where}.{name}", pc.struct_field(array, name), wanted)
            if set(names) == {"bytes", "path"}:  # an Image or Video; its path is where it lay
                for value in pc.unique(pc.struct_field(array, "path").drop_null()):
                    yield Hit(
                        file,
                        f"{where}.path",
                        "the name of the file a picture came from",
                        repr("…" + one_line(value.as_py())[-4:]),
                    )
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            yield from in_column(file, where, pc.list_flatten(array), wanted)
        elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            for value in array.drop_null():
                yield from in_picture(file, where, value.as_py())
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            if where.endswith("scene"):
                array = pc.replace_substring_regex(array, RUN_LENGTHS, "")
            elif where.endswith(("mask", "masks")):
                array = array.filter(pc.invert(pc.match_substring_regex(array, ONLY_RUN_LENGTHS)))
            for what, rule in wanted.items():
                for value in array.filter(pc.match_substring_regex(array, rule))[:1]:
                    match = re.search(rule, value.as_py())
                    yield Hit(file, where, what, masked(match) if match else "by RE2 alone")


def audit(folder: Path, names: Iterable[str], wanted: dict[str, str] | None = None) -> list[Hit]:
    """Everything in the files ``names`` below ``folder`` that must not be published, by ``wanted`` or all rules."""
    wanted = rules() if wanted is None else wanted
    hits: list[Hit] = []
    for name in names:
        path = folder / name
        hits += in_text(name, "its name", name, wanted)
        suffix = path.suffix.lower()
        if suffix == ".parquet":
            hits += in_table(name, path, wanted)
        elif suffix == ".json":
            hits += in_json(name, json.loads(path.read_text("utf-8")), wanted)
        elif suffix in PICTURES:
            hits += in_picture(name, "header", path.read_bytes())
        elif suffix in VIDEOS:
            hits += in_video(name, path)
        elif suffix == ".safetensors":
            with path.open("rb") as file:
                header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            hits += in_json(name, header.get("__metadata__", {}), wanted, "header")
        elif suffix in TEXT:
            for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
                hits += in_text(name, f"line {number}", line, wanted)
        else:
            hits.append(
                Hit(name, "its kind", "a file of a kind that cannot be audited", suffix or "no suffix")
            )
    return hits
