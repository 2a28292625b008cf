"""``manifest.json``: what a data set folder holds, from what and how it was made; read and held against the files."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from surgvqa.cards.command import InputError, parse_json
from surgvqa.cards.files.atomic import write_text
from surgvqa.cards.files.documents import SCHEMA, Manifest, Report, Shard

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")  # ORG/NAME
NAME = "manifest.json"
REPORT = "report.json"
CARD = "README.md"
SIGNATURE = "manifest.json.sig"  # by `surgvqa-card sign`
UNLISTED_FILES = {
    NAME,
    REPORT,
    CARD,
    SIGNATURE,
}  # the manifest holds its own hash beside its text; two are its "derived", the last is over it
put = write_text
MEND = "`surgvqa-build verify DIR --repair ROOT` or the same build writes it again, `surgvqa-card dataset DIR` the card"


def read(folder: Path) -> Manifest:
    """Read the manifest of a data set folder."""
    return cast(Manifest, _document(folder, NAME))


def of_name(dataset: str) -> tuple[Manifest | None, str | None]:
    """Return the manifest of a data set that is a folder here, or its name where it is on the Hub; a folder without a manifest has neither.

    >>> of_name("org/name"), of_name("")
    ((None, 'org/name'), (None, None))
    """
    folder = Path(dataset) if dataset else None
    if folder and folder.exists():
        return (read(folder) if (folder / NAME).is_file() else None), None
    return None, dataset if HUB_ID.fullmatch(dataset) else None


def read_report(folder: Path) -> Report:
    """Read the report of a data set folder; of instruction data it has the keys of an ``InstructReport``."""
    return cast(Report, _document(folder, REPORT))


def _document(folder: Path, name: str) -> object:
    """Read one of the two documents.

    Raises:
        InputError: no such folder or file, no JSON object, or one of a later version than this package writes.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; build one with `surgvqa-build SOURCE --root … --out {folder}`"
        )
    document = read_json(folder / name, f"{folder} is no finished data set; run the build again")
    if not isinstance(document, dict):
        raise InputError(
            f"{folder / name}: a JSON object was expected, a {type(document).__name__} found; {MEND}"
        )
    version = document.get("schema", 1)
    if not isinstance(version, int) or version > SCHEMA:
        raise InputError(
            f"{folder / name} has schema {version!r}, and this surgvqa knows {SCHEMA} and earlier; install a newer one"
        )
    return document


def read_json(path: Path, hint: str) -> Any:
    """Read a JSON file; where that fails, raise an ``InputError`` with the cause and the ``hint``."""
    try:
        return parse_json(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {hint}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid JSON ({error}); {hint}") from None


def dump(value: Any) -> str:
    """Write a value as JSON that is the same for the same value."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False, sort_keys=True) + "\n"


def with_seal(manifest: Manifest) -> Manifest:
    """Return a manifest with the sha256 of its own text, so that a flipped bit in it shows."""
    content = manifest.copy()
    content.pop("sha256", None)
    content["sha256"] = hashlib.sha256(dump(content).encode()).hexdigest()
    return content


def whole(folder: Path) -> Manifest:
    """Read the manifest of a finished data set, which must be, to the letter, the one that was written.

    Raises:
        InputError: there is none, or somebody changed it: nothing can be held against it then.
    """
    manifest = read(folder)
    if (folder / NAME).read_bytes() != dump(with_seal(manifest)).encode():
        raise InputError(
            f"{folder / NAME} is damaged: its text is not the one that was written, so nothing can be held against it; "
            "run the same build again"
        )
    return manifest


def text_hashes(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the hashes of report and card, as the manifest lists them.

    >>> text_hashes({"README.md": ""})["README.md"][:8]
    'e3b0c442'
    """
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}


def seal(folder: Path, content: Mapping[str, object]) -> Manifest:
    """Write the manifest of a folder as it lies there: ``content``, and the hash of every file."""
    files = {name: shard_of(folder / name) for name in walk(folder) if name not in UNLISTED_FILES}
    texts = {name: sha256(folder / name) for name in (REPORT, CARD) if (folder / name).is_file()}
    manifest = with_seal(cast(Manifest, {"schema": SCHEMA, **content, "files": files, "derived": texts}))
    put(folder / NAME, dump(manifest))
    return manifest


def shard_of(path: Path) -> Shard:
    """Return a file's hash and size, as the manifest lists them."""
    return {"sha256": sha256(path), "bytes": path.stat().st_size}


def report_of(folder: Path, manifest: Manifest) -> Report:
    """Return the report of a data set, as the manifest knows it."""
    wrong = [one for one in seal_faults(folder, manifest) if one.startswith(f"{REPORT}:")]
    if wrong:
        raise InputError(f"{folder}: {wrong[0]}; {MEND}")
    return read_report(folder)


def rewrite(folder: Path, manifest: Manifest, name: str, text: str) -> None:
    """Put another card or report in its place and seal the manifest with its hash."""
    content = manifest.copy()
    content["derived"] = {**manifest.get("derived", {}), **text_hashes({name: text})}
    put(folder / name, text)
    put(folder / NAME, dump(with_seal(content)))


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def walk(folder: Path) -> Iterator[str]:
    """Yield every file below ``folder`` as a relative path with "/", sorted; a symbolic link counts as a file."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix()


def seal_faults(folder: Path, manifest: Manifest) -> list[str]:
    """List what of report and card isn't as the manifest says."""
    hashes: Mapping[str, str] = manifest.get("derived", {})
    messages = []
    for name in sorted({name for name in (REPORT, CARD) if (folder / name).exists()} | set(hashes)):
        path = folder / name
        if not path.is_file() or path.is_symlink():
            messages.append(f"{name}: {'a link' if path.is_symlink() else 'listed, but not there'}")
        elif name not in hashes:
            messages.append(f"{name}: there, but not listed")
        elif sha256(path) != hashes[name]:
            messages.append(f"{name}: its SHA-256 is not the one in {NAME}")
    return messages


def faults(folder: Path, files: Mapping[str, Shard]) -> list[str]:
    """List what of the folder disagrees with its manifest: files missing, changed or not listed; links; escapes."""
    messages = []
    present = set(walk(folder))
    for name, shard in sorted(files.items()):
        path = folder / name
        if name.startswith("/") or ".." in name.split("/") or "\\" in name:
            messages.append(f"{name}: a path that leaves the folder")
        elif name not in present:
            messages.append(f"{name}: listed, but not there")
        elif path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
            messages.append(f"{name}: a link; the data set must hold the file itself")
        elif path.stat().st_size != shard["bytes"]:
            messages.append(f"{name}: {path.stat().st_size} bytes, should be {shard['bytes']}")
        elif sha256(path) != shard["sha256"]:
            messages.append(f"{name}: its SHA-256 is not the one in {NAME}")
    messages += [f"{name}: there, but not listed" for name in sorted(present - set(files) - UNLISTED_FILES)]
    return messages
