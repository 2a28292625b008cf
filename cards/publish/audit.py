"""Search for what must not be published: names, dates, addresses, places on a disk, secrets; in text, pictures, videos.

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
from pathlib import Path
from typing import Any

from surgvqa.cards.command import InputError, one_line, parse_json
from surgvqa.cards.files import manifest
from surgvqa.cards.publish.hits import Hit, in_picture, in_text
from surgvqa.cards.publish.identifiers import RULES, WORD_LIST_RULES
from surgvqa.cards.publish.tables import in_table
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
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
LONGEST_HEADER = 100_000_000  # bytes, as the library safetensors has it
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


def in_json(file: str, value: Any, patterns: dict[str, str], where: str = "") -> Iterator[Hit]:
    """Yield the hits in the keys and strings of a JSON value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from in_text(file, where or "top", key, patterns)
            if where or file != manifest.NAME or key not in PUBLIC_KEYS:
                if isinstance(item, str | int) and not isinstance(item, bool):
                    yield from in_text(file, f"{where}.{key}".lstrip("."), f"{key}: {item}", patterns)
                yield from in_json(file, item, patterns, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        key = where.rsplit(".", 1)[-1]
        for item in value:
            if isinstance(item, str | int) and not isinstance(
                item, bool
            ):  # {"mrn": ["1234567"]}: the key says what it is
                yield from in_text(file, where or "top", f"{key}: {item}", patterns)
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
    data = (folder / name).read_bytes()
    if data.startswith(UTF_16):
        text = data.decode("utf-16", "replace")
    else:
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        if "\0" in text:
            yield Hit(name, "its bytes", "a file that isn't text, whatever its name says", "a zero byte")
    citation = cited_lines(folder, text) if name == manifest.CARD else range(0)
    without_authors = {what: rule for what, rule in patterns.items() if what not in OF_CITATIONS}
    for number, line in enumerate(text.split("\n"), 1):
        if number in citation:
            yield from in_line(name, number, line, without_authors)
        else:
            for word in spared_words:
                line = line.replace(word, "")
            yield from in_line(name, number, line, patterns)


def read_document(path: Path) -> Any:
    """Return the value of a JSON file.

    Raises:
        InputError: it isn't JSON.
    """
    try:
        return parse_json(path.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} is not valid JSON ({error}), so it can't be searched; mend or remove it"
        ) from None


def in_weights(file: str, path: Path, patterns: dict[str, str]) -> Iterator[Hit]:
    """Yield the hits in the header of a file of safetensors: its metadata, the tensors' names, bytes behind the last one.

    Raises:
        InputError: it has no header of the kind.
    """
    with path.open("rb") as content:
        size = int.from_bytes(content.read(8), "little")
        try:
            if size > LONGEST_HEADER:
                raise ValueError(f"a header of {size} bytes")
            header = parse_json(content.read(size))
            metadata = header.pop("__metadata__", {})
            end = 8 + size + max((int(one["data_offsets"][1]) for one in header.values()), default=0)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise InputError(
                f"{path} is no file of safetensors ({error}); remove it, or write the model again"
            ) from None
    yield from in_json(file, metadata, patterns, "header")
    yield from in_text(file, "names of tensors", "\n".join(header), patterns)
    if (more := path.stat().st_size - end) > 0:
        yield Hit(file, "its end", "bytes behind the last tensor", f"{more} bytes")


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
    names = list(names)
    sizes = {name: (folder / name).stat().st_size for name in names}
    bar = tqdm(total=sum(sizes.values()), desc="audit", unit="B", unit_scale=True, disable=None)
    for name in names:
        path, start = folder / name, bar.n
        is_word_list = path.name in WORD_LISTS
        patterns = {
            what: rule for what, rule in everything.items() if not (is_word_list and what in WORD_LIST_RULES)
        }
        hits += in_text(name, "its name", name, patterns)
        suffix = path.suffix.lower()
        if suffix == ".parquet":
            hits += in_table(name, path, patterns, bar.update)
        elif suffix in JSON:
            hits += in_json(name, read_document(path), patterns)
        elif suffix in PICTURES:
            hits += in_picture(name, "header", path.read_bytes())
        elif suffix in VIDEOS:
            hits += in_video(name, path)
        elif suffix == ".safetensors":
            hits += in_weights(name, path, patterns)
        elif suffix in TEXT:
            hits += in_text_file(folder, name, spared_words, patterns)
        else:
            hits.append(
                Hit(name, "its kind", "a file of a kind that cannot be audited", suffix or "no suffix")
            )
        bar.update(sizes[name] - (bar.n - start))
    bar.close()
    return hits
