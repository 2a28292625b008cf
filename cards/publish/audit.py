"""Search for what must not be published: names, dates, addresses, places on a disk, secrets; in text, pictures, videos.

Searched are every string of every table, every JSON and Markdown file, file names, the headers of every
picture, and the tags, tracks and chapters of every container. Pixels are not: see the frame audit.
"""

from __future__ import annotations

import getpass
import html
import os
import re
import socket
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from surgvqa.cards.command import one_line, parse_json
from surgvqa.cards.files import manifest
from surgvqa.cards.publish.identifiers import CONFIRMATIONS, RULES, WORD_LIST_RULES
from surgvqa.cards.publish.pictures import beside_pixels
from surgvqa.cards.write.markdown import escape, fence

TEXT = (".md", ".jsonl", ".txt", ".yaml", ".yml", ".jinja", ".csv", ".tsv", ".html", ".log", ".xml", ".py", ".toml", ".sig")  # fmt: skip
JSON = (".json", ".ipynb")
WORD_LISTS = (
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "added_tokens.json",
    "tokenizer_config.json",
)
# A citation names its authors, their places and the day it appeared; nothing else of a person belongs there.
OF_CITATIONS = ("a person's name", "a date", "an address of the web", "a postal address")
PUBLIC_KEYS = ("versions", "source")  # versions look like dates; a source's authors and homepage are public
CLIP_TIMES = r"@\d+-\d+"  # of a clip's id, in milliseconds: as long as a hospital's numbers
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
TIMES = re.compile(CLIP_TIMES)
RUN_LENGTHS = r'"(?:\w+_)?rle": ?"[0-o]*"'  # in a scene's JSON
ONLY_RUN_LENGTHS = "^[0-o]*$"  # in a column named mask or masks
UNSEEN = "[\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"  # between the letters of a name, shown by nobody


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


def excerpt_of(text: str) -> str:
    """Return the first and the last two characters of a hit, so that it is recognised and not published again.

    >>> excerpt_of("john@clinic.org")
    "'jo…rg'"
    """
    text = one_line(text)
    return repr(f"{text[:2]}…{text[-2:]}" if len(text) > 8 else "…")


def match_of(what: str, rule: str, text: str) -> str | None:
    """Return what of a text a rule hits, confirmed where the pattern alone would hit too much."""
    match = re.search(rule, text)
    if match and what in CONFIRMATIONS:
        return CONFIRMATIONS[what](text)
    return match[0] if match else None


def normalise(text: str) -> str:
    r"""Return a text as a reader sees it, in one spelling: HTML, addresses, wide digits, accents apart from letters.

    >>> normalise("M&uuml;ller 19%36 Ju\u0308rgen Jo\u200bhn \uff11\uff19")
    'Müller 196 Jürgen John 19'
    """
    if "&" in text:
        text = html.unescape(text)
    if "%" in text:
        text = unquote(text)
    return text if text.isascii() else re.sub(UNSEEN, "", unicodedata.normalize("NFKC", text))


def in_text(file: str, where: str, text: str, patterns: dict[str, str]) -> Iterator[Hit]:
    """Yield the hits in one string.

    >>> [hit.what for hit in in_text("a", "b", "left-of, cut 2/3 at 12.5 s, 1024x768, phase 3.1.2", RULES)]
    []
    >>> [hit.what for hit in in_text("a", "b", "case DOE^JOHN, 1961-04-12, /home/x/7.mp4", RULES)]
    ['a path of a disk', 'a date', 'a DICOM name']
    """
    text = TIMES.sub("", normalise(text))
    for what, rule in patterns.items():
        if (match := match_of(what, rule, text)) is not None:
            yield Hit(file, where, what, excerpt_of(match))


def in_json(file: str, value: Any, patterns: dict[str, str], where: str = "") -> Iterator[Hit]:
    """Yield the hits in the keys and strings of a JSON value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from in_text(file, where or "top", key, patterns)
            if where or key not in PUBLIC_KEYS:
                if isinstance(item, str | int) and not isinstance(item, bool):
                    yield from in_text(file, f"{where}.{key}".lstrip("."), f"{key}: {item}", patterns)
                yield from in_json(file, item, patterns, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        for item in value:
            yield from in_json(file, item, patterns, where)
    elif isinstance(value, str):
        yield from in_text(file, where or "top", value, patterns)


def in_line(file: str, number: int, line: str, patterns: dict[str, str]) -> Iterator[Hit]:
    """Yield the hits in a line of text; of JSON Lines in its value, where letters can be written as numbers."""
    if file.endswith(".jsonl"):
        try:
            yield from in_json(file, parse_json(line), patterns, f"line {number}")
            return
        except ValueError:
            pass  # not JSON after all: searched as it stands
    yield from in_text(file, f"line {number}", line, patterns)


def in_text_file(
    folder: Path, name: str, spared_words: Iterable[str], patterns: dict[str, str]
) -> Iterator[Hit]:
    """Yield the hits in a file of text, without the words that its data set says of its source."""
    text = (folder / name).read_text("utf-8", errors="replace")
    citation = cited_lines(folder, text) if name == manifest.CARD else range(0)
    without_authors = {what: rule for what, rule in patterns.items() if what not in OF_CITATIONS}
    for number, line in enumerate(text.split("\n"), 1):
        if number in citation:
            yield from in_line(name, number, line, without_authors)
        else:
            for word in spared_words:
                line = line.replace(word, "")
            yield from in_line(name, number, line, patterns)


def in_picture(file: str, where: str, data: bytes) -> Iterator[Hit]:
    """Yield what a JPEG or a PNG carries beside its pixels."""
    for what, size in beside_pixels(data):
        yield Hit(file, where, one_line(what), f"{size} bytes")


def in_video(file: str, path: Path) -> Iterator[Hit]:
    """Yield the tags, chapters and tracks of a container that aren't the picture."""
    import av

    with av.open(str(path)) as container:
        for stream in container.streams:
            if stream.type != "video":
                yield Hit(file, f"track {stream.index}", f"a track of {stream.type}", "to be left out")
        tags = [("container", container.metadata)]
        tags += [(f"track {stream.index}", stream.metadata) for stream in container.streams]
        for where, metadata in tags:
            for key, value in metadata.items():
                odd = key == "handler_name" and value.strip("\0 ") not in PLAIN_HANDLERS
                if key.lower() not in PLAIN_TAGS or odd:
                    yield Hit(file, where, f"a container's tag {one_line(key)!r}", f"{len(value)} characters")
        if container.chapters():
            yield Hit(file, "container", "chapters", f"{len(container.chapters())} of them")


def in_table(file: str, path: Path, patterns: dict[str, str]) -> Iterator[Hit]:
    """Yield the strings and the pictures of a Parquet file, and the text in its own header; a row group at a time."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as table:
        for key, value in (table.schema_arrow.metadata or {}).items():
            yield from in_text(
                file, key.decode("utf-8", "replace"), value.decode("utf-8", "replace"), patterns
            )
        for group in range(table.num_row_groups):
            for name in table.schema_arrow.names:
                if group == 0:
                    yield from in_text(file, "a column's name", name, patterns)
                yield from in_column(file, name, table.read_row_group(group, columns=[name])[name], patterns)


def in_column(file: str, where: str, column: Any, patterns: dict[str, str]) -> Iterator[Hit]:
    """Yield the hits in an Arrow array of any nesting: pictures by their headers, strings by the rules."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for array in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        kind = array.type
        if pa.types.is_dictionary(kind):
            array, kind = array.dictionary, kind.value_type
        if kind in (pa.string_view(), pa.binary_view()):
            kind = pa.large_string() if kind == pa.string_view() else pa.large_binary()
            array = array.cast(kind)
        if pa.types.is_map(kind):
            yield from in_column(file, f"{where}.key", array.keys, patterns)
            array, kind = array.items, kind.item_type
            yield from in_column(file, where, array, patterns)
        elif pa.types.is_struct(kind):
            names = [kind.field(index).name for index in range(kind.num_fields)]
            for name in names:
                yield from in_column(file, f"{where}.{name}", pc.struct_field(array, name), patterns)
            if set(names) == {"bytes", "path"}:  # an Image or Video; its path is where it lay
                for value in pc.unique(pc.struct_field(array, "path").drop_null()):
                    yield Hit(
                        file,
                        f"{where}.path",
                        "the name of the file a picture came from",
                        repr("…" + one_line(value.as_py())[-4:]),
                    )
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            yield from in_column(file, where, pc.list_flatten(array), patterns)
        elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            for value in array.drop_null():
                yield from in_picture(file, where, value.as_py())
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            if where.endswith("scene"):
                array = pc.replace_substring_regex(array, RUN_LENGTHS, "")
            elif where.endswith(("mask", "masks")):
                array = array.filter(pc.invert(pc.match_substring_regex(array, ONLY_RUN_LENGTHS)))
            array = pc.unique(
                pc.replace_substring_regex(readable(pc.unique(array.drop_null())), CLIP_TIMES, "")
            )
            wide = pc.unique(array.filter(pc.invert(pc.string_is_ascii(array))))
            for what, rule in patterns.items():
                matches = array.filter(pc.match_substring_regex(array, rule))
                # A rule that has to be confirmed may hit what comes first for nothing; and for RE2 a word ends before "ü".
                candidates = (
                    pc.unique(pa.concat_arrays([matches, wide])) if what in CONFIRMATIONS else matches[:1]
                )
                for value in candidates:
                    match = match_of(what, rule, value.as_py())
                    if match is not None or what not in CONFIRMATIONS:
                        yield Hit(
                            file, where, what, excerpt_of(match) if match is not None else "by RE2 alone"
                        )
                        break


def readable(array: Any) -> Any:
    """Return an Arrow array of strings as ``normalise`` does, one by one only where a string needs it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pc.all(pc.and_(pc.string_is_ascii(array), pc.invert(pc.match_substring_regex(array, "[&%]"))))
    if plain.as_py() is not False:
        return array
    return pa.array([None if one is None else normalise(one) for one in array.to_pylist()], array.type)


def public_words(folder: Path) -> list[str]:
    """Return what a data set says of where it comes from (homepage, citation): public, and repeated on its card."""
    path = folder / manifest.NAME
    if not path.is_file():
        return []
    source = manifest.read(folder).get("source")
    words = (
        [str(value) for key, value in source.items() if key != "citation"] if isinstance(source, dict) else []
    )
    spellings = {spelling for word in words if len(word) > 3 for spelling in (word, str(escape(word)))}
    return sorted(spellings, key=lambda word: (-len(word), word))


def cited_lines(folder: Path, text: str) -> range:
    """Return the numbers of the lines of a data set's card that print the citation which its source declares."""
    source = manifest.read(folder).get("source") if (folder / manifest.NAME).is_file() else None
    citation = str(source.get("citation", "")) if isinstance(source, dict) else ""
    block = str(fence(citation, "bibtex"))
    at = text.find(block) if citation.strip() else -1
    first = text.count("\n", 0, at) + 1
    return range(0) if at < 0 else range(first, first + block.count("\n") + 1)


def audit(folder: Path, names: Iterable[str], patterns: dict[str, str] | None = None) -> list[Hit]:
    """Everything in the files ``names`` below ``folder`` that must not be published, by ``patterns`` or all rules."""
    from tqdm import tqdm

    everything = rules() if patterns is None else patterns
    spared_words = public_words(folder)
    hits: list[Hit] = []
    for name in tqdm(names, desc="audit", unit="file", disable=None):
        path = folder / name
        is_word_list = path.name in WORD_LISTS
        patterns = {
            what: rule for what, rule in everything.items() if not (is_word_list and what in WORD_LIST_RULES)
        }
        hits += in_text(name, "its name", name, patterns)
        suffix = path.suffix.lower()
        if suffix == ".parquet":
            hits += in_table(name, path, patterns)
        elif suffix in JSON:
            hits += in_json(name, parse_json(path.read_text("utf-8")), patterns)
        elif suffix in PICTURES:
            hits += in_picture(name, "header", path.read_bytes())
        elif suffix in VIDEOS:
            hits += in_video(name, path)
        elif suffix == ".safetensors":
            with path.open("rb") as file:
                header = parse_json(file.read(int.from_bytes(file.read(8), "little")))
            hits += in_json(name, header.get("__metadata__", {}), patterns, "header")
        elif suffix in TEXT:
            hits += in_text_file(folder, name, spared_words, patterns)
        else:
            hits.append(
                Hit(name, "its kind", "a file of a kind that cannot be audited", suffix or "no suffix")
            )
    return hits
