"""``manifest.json``: what a data set folder holds, from what and how it was made; read and held against the files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

from surgvqa.cards.command import InputError, parse_json
from surgvqa.cards.files.atomic import write_text

NAME = "manifest.json"
REPORT = "report.json"
CARD = "README.md"
SIGNATURE = "manifest.json.sig"  # by `surgvqa-card sign`
UNLISTED = {
    NAME,
    REPORT,
    CARD,
    SIGNATURE,
}  # the manifest holds its own hash beside its text; two are its "derived", the last is over it
put = write_text
MEND = "`surgvqa-build verify DIR --repair ROOT` or the same build writes it again, `surgvqa-card dataset DIR` the card"


class Shard(TypedDict):
    """A file of the data set."""

    sha256: str
    bytes: int


class Source(TypedDict):
    """``builders.schema.Facts`` as JSON: what a card must say about where the cases come from."""

    name: str
    homepage: str
    licence: str
    access: str
    citation: str
    procedure: str


class Manifest(TypedDict):
    """The keys a card and a push rely on; a build may write more."""

    surgvqa: str  # version of this package
    versions: dict[str, str]  # of Python and the libraries the bytes depend on
    source: Source
    parameters: dict[str, Any]  # of the command, without paths; {"source": "synthetic", "clip_seconds": 5, …}
    files: dict[str, Shard]  # by path below the folder, "/" between parts
    source_files: dict[str, str]  # sha256 of every file read, by path below --root
    dropped: list[dict[str, str]]  # {"item", "cause"} of everything left out


def read(folder: Path, name: str = NAME) -> Any:
    """Return the manifest (or the report) of a data set folder."""
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; build one with `surgvqa-build SOURCE --root … --out {folder}`"
        )
    return read_json(folder / name, f"{folder} is no finished data set; run the build again")


def read_json(path: Path, hint: str) -> Any:
    """What a JSON file holds; where it cannot be read, an ``InputError`` with the cause and the ``hint``."""
    try:
        return parse_json(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {hint}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid JSON ({error}); {hint}") from None


def dump(value: Any) -> str:
    """JSON that is the same for the same value."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False, sort_keys=True) + "\n"


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest with the sha256 of its own text, so that a flipped bit in it shows."""
    content = {name: value for name, value in manifest.items() if name != "sha256"}
    return {**content, "sha256": hashlib.sha256(dump(content).encode()).hexdigest()}


def whole(folder: Path) -> Any:
    """Read the manifest of a finished data set, which must be, to the letter, the one that was written.

    Raises:
        InputError: there is none, or somebody changed it: nothing can be held against it then.
    """
    found = read(folder)
    if not isinstance(found, dict) or (folder / NAME).read_bytes() != dump(sealed(found)).encode():
        raise InputError(
            f"{folder / NAME} is damaged: its text is not the one that was written, so nothing can be held against it; "
            "run the same build again"
        )
    return found


def derived(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the hashes of report and card, as the manifest lists them.

    >>> derived({"README.md": ""})["README.md"][:8]
    'e3b0c442'
    """
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}


def seal(folder: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Write the manifest of a folder as it lies there: ``content``, and the hash of every file."""
    found = {name: folder / name for name in walk(folder) if name not in UNLISTED}
    files = {name: {"sha256": sha256(path), "bytes": path.stat().st_size} for name, path in found.items()}
    texts = {name: sha256(folder / name) for name in (REPORT, CARD) if (folder / name).is_file()}
    made = sealed({**content, "files": files, "derived": texts})
    put(folder / NAME, dump(made))
    return made


def report_of(folder: Path, manifest: Mapping[str, Any]) -> Any:
    """Return the report of a data set, as the manifest knows it."""
    wrong = [one for one in unsealed(folder, manifest) if one.startswith(f"{REPORT}:")]
    if wrong:
        raise InputError(f"{folder}: {wrong[0]}; {MEND}")
    return read(folder, REPORT)


def rewrite(folder: Path, manifest: Mapping[str, Any], name: str, text: str) -> None:
    """Put another card or report in its place and seal the manifest with its hash."""
    known = {**manifest.get("derived", {}), **derived({name: text})}
    put(folder / name, text)
    put(folder / NAME, dump(sealed({**manifest, "derived": known})))


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def walk(folder: Path) -> Iterator[str]:
    """Every file below ``folder`` as a relative path with "/", sorted; a symbolic link counts as a file."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix()


def unsealed(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """What of report and card isn't as the manifest says."""
    known: Mapping[str, str] = manifest.get("derived", {})
    found = []
    for name in sorted({name for name in (REPORT, CARD) if (folder / name).exists()} | set(known)):
        path = folder / name
        if not path.is_file() or path.is_symlink():
            found.append(f"{name}: {'a link' if path.is_symlink() else 'listed, but not there'}")
        elif name not in known:
            found.append(f"{name}: there, but not listed")
        elif sha256(path) != known[name]:
            found.append(f"{name}: its SHA-256 is not the one in {NAME}")
    return found


def faults(folder: Path, files: Mapping[str, Shard]) -> list[str]:
    """What of the folder disagrees with its manifest: files missing, changed or not listed; links; escapes."""
    found = []
    present = set(walk(folder))
    for name, shard in sorted(files.items()):
        path = folder / name
        if name.startswith("/") or ".." in name.split("/") or "\\" in name:
            found.append(f"{name}: a path that leaves the folder")
        elif name not in present:
            found.append(f"{name}: listed, but not there")
        elif path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
            found.append(f"{name}: a link; the data set must hold the file itself")
        elif path.stat().st_size != shard["bytes"]:
            found.append(f"{name}: {path.stat().st_size} bytes, should be {shard['bytes']}")
        elif sha256(path) != shard["sha256"]:
            found.append(f"{name}: its SHA-256 is not the one in {NAME}")
    found += [f"{name}: there, but not listed" for name in sorted(present - set(files) - UNLISTED)]
    return found
