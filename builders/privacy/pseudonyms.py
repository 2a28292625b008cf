"""Other names for cases and source files: what is published says nothing of whose operation it is.

A name is an HMAC-SHA256 under a secret salt, and so is every digest of a source file: a table with a hospital number
in it is soon guessed, and its plain SHA-256 would say which guess is right. Salt and map lie in one file outside the
data set, readable by its owner alone; with that file the same case gets the same name in every build, without it
nobody can tell.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from surgvqa.builders.files.names import VIDEO_SUFFIXES, require_regular
from surgvqa.builders.files.tree import below
from surgvqa.builders.schema import Clip, Omission, Survey
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files.manifest import read_json
from surgvqa.cards.publish.audit import audit, in_json

DIGITS = 12  # hexadecimal, 48 bits: among 100,000 cases two meet once in 56,000 times, and that is refused
OWNER_ONLY = 0o600
WORDS_PER_RULE = 500  # RE2 refuses patterns of some ten thousand names
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
QUOTATION = re.compile(r"'[^']*'|\"[^\"]*\"")
SHORTEST = 4  # characters of a name that can be looked for
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """The secret and what was renamed by it."""

    path: Path
    salt: bytes
    cases: dict[str, str] = field(default_factory=dict)  # real -> other
    files: dict[str, str] = field(default_factory=dict)  # path below the root -> other

    def of(self, kind: str, name: str) -> str:
        """Return the other name of a thing of a kind.

        >>> Pseudonyms(Path("x"), b"secret").of("case", "DOE_John")
        'case-4990eed670f0'
        """
        code = hmac.new(self.salt, f"{kind}\0{name}".encode(), hashlib.sha256).hexdigest()
        return f"{kind}-{code[:DIGITS]}"

    def case(self, case_id: str) -> str:
        """Return a case's other name."""
        other = self.of("case", case_id)
        if any(one == other and name != case_id for name, one in self.cases.items()):
            raise InputError(f"two cases get the pseudonym {other}; take another file for --pseudonyms")
        return self.cases.setdefault(case_id, other)

    def file(self, name: str) -> str:
        """Return a source file's other name; its kind (.mp4) stays."""
        return self.files.setdefault(name, self.of("file", name) + Path(name).suffix.lower())

    def key(self, name: str) -> str:
        """Return a shard's name, which otherwise follows from names that somebody could try out."""
        return hmac.new(self.salt, name.encode(), hashlib.sha256).hexdigest()

    def digest(self, sha256: str) -> str:
        """Return a source file's digest, of which nobody without the secret can tell what it is the digest of."""
        return hmac.new(self.salt, f"digest\0{sha256}".encode(), hashlib.sha256).hexdigest()

    def survey(self, case_survey: Survey, root: Path) -> Survey:
        """Return a looked-at case under its other name; ids of clips and questions follow."""
        case_id = self.case(case_survey.case.case_id)
        clips = {clip: self.clip(clip, case_id) for clip in (*case_survey.clips, *case_survey.case.clips)}
        case = replace(
            case_survey.case, case_id=case_id, clips=tuple(clips[clip] for clip in case_survey.case.clips)
        )
        return Survey(
            case,
            tuple(clips[clip] for clip in case_survey.clips),
            case_survey.omissions,
            {self.file(name): self.digest(sha256) for name, sha256 in case_survey.digests.items()},
        )

    def clip(self, clip: Clip, case_id: str) -> Clip:
        """Return a clip of a case under its other name."""
        public_clip = replace(clip, case_id=case_id)
        qa = tuple(
            replace(one, qa_id=f"{public_clip.clip_id}#{self.of('qa', one.qa_id)[3:]}") for one in clip.qa
        )
        return replace(public_clip, qa=qa)

    def real_names(self, root: Path) -> Iterator[str]:
        """Every name of the source that must not be published: cases, and files and folders below the root."""
        yield from self.cases
        for path in below(root):
            yield path.name
            yield path.stem

    def redact(self, omissions: Iterable[Omission], root: Path) -> tuple[Omission, ...]:
        """Return what was left out, as it is published: pseudonyms for cases, … for every other name and quotation."""
        hide = Redactor(self.cases, self.real_names(root), root)
        public_omissions = (replace(one, item=hide(one.item), cause=hide(one.cause)) for one in omissions)
        return tuple(
            sorted(public_omissions, key=lambda one: (one.item, one.cause))
        )  # the old order is that of the names

    def save(self) -> None:
        """Write salt and map, readable by their owner alone."""
        text = json.dumps(
            {"salt": self.salt.hex(), "cases": self.cases, "files": self.files},
            indent=1,
            ensure_ascii=False,
            sort_keys=True,
        )
        part = self.path.with_name(f"{self.path.name}.part")
        part.unlink(missing_ok=True)
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)


class Redactor:
    """Takes names out of a text; an object, so that ten thousand names are sorted in once."""

    def __init__(self, cases: Mapping[str, str], names: Iterable[str], root: Path) -> None:
        self.cases = cases
        self.roots = sorted({f"{root}/", f"{root.resolve()}/"}, key=len, reverse=True)
        self.names: dict[str, set[str]] = {}
        for name in names:
            for word in WORD.findall(name)[:1]:
                if len(name) > 2:
                    self.names.setdefault(word, set()).add(name)

    def __call__(self, text: str) -> str:
        """Return the text without them."""
        for root in self.roots:
            text = text.replace(root, "")
        text = QUOTATION.sub("'…'", text)
        matches = {name for word in WORD.findall(text) for name in self.names.get(word, ())}
        for name in sorted(
            {*matches, *(one for one in self.cases if one in text)}, key=lambda n: (-len(n), n)
        ):
            other = self.cases.get(name, "…")
            text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w])", other, text)
        return text


def load(path: Path, out: Path) -> Pseudonyms:
    """Return the pseudonyms of a file, with a new salt where there is none yet.

    Raises:
        InputError: the file lies inside the data set, others may read it, or it isn't one of ours.
    """
    if path.resolve().is_relative_to(out.resolve()):
        raise InputError(
            f"--pseudonyms {path} lies inside the data set {out}; it says who is who, keep it elsewhere"
        )
    if not path.exists():
        if not path.parent.is_dir():
            raise InputError(f"--pseudonyms {path}: no folder {path.parent}")
        pseudonyms = Pseudonyms(path, secrets.token_bytes(32))
        pseudonyms.save()
        return pseudonyms
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise InputError(f"--pseudonyms {path} says who is who and others may read it; chmod 600 it")
    document = read_json(require_regular(path), "give the file that an earlier build wrote, or a new name")
    try:
        salt = bytes.fromhex(document["salt"])
        cases, files = dict(document["cases"]), dict(document["files"])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"--pseudonyms {path} is no file of pseudonyms; give a new name") from None
    if len(salt) < 16:
        raise InputError(f"--pseudonyms {path}: its salt has {len(salt)} bytes, 16 are the least")
    return Pseudonyms(path, salt, cases, files)


def refuse_named(out: Path, manifest: Mapping[str, Any], names: Pseudonyms) -> None:
    """Raise where a real name of a case, a recording or a picture got into what is to be published."""
    rules = private_words([*names.cases, *telling(names.files)])
    file_names = [*manifest["files"], manifests.REPORT, manifests.CARD]
    hits = [*audit(out, file_names, rules), *in_json(manifests.NAME, dict(manifest), rules)]
    if hits:
        raise InputError(
            f"{out} would name {len(hits)} of what --pseudonyms hides: {'; '.join(map(str, hits[:5]))}. "
            "The text comes from the source: correct it there and build again"
        )


def telling(files: Iterable[str]) -> Iterator[str]:
    """Of paths, the words that tell something: every recording's name, and others that are no plain word.

    >>> list(telling(["frames/DOE_7/0001.jpg", "polyp.png", "video.mp4", "DOE_7.csv", "77319/phases.csv"]))
    ['DOE_7', 'video', 'DOE_7', '77319']
    """
    for name in files:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.suffix.lower() in VIDEO_SUFFIXES:
            yield path.stem
            continue
        yield from (part for part in path.parts[:-1] if not part.isalpha())
        is_frame_number = (
            path.suffix.lower() in PICTURES and path.stem.isdigit()
        )  # 00017.jpg: a number of a frame
        if not path.stem.isalpha() and not is_frame_number:
            yield path.stem


def private_words(real: Iterable[str]) -> dict[str, str]:
    """Audit rules that find real names, from ``SHORTEST`` characters on: "12" can't be told from a second.

    >>> private_words(["DOE_John", "12", "a1"])["a name of the source"]
    '(?i)(?:^|[^A-Za-z0-9])(?:DOE_John)(?:[^A-Za-z0-9]|$)'
    >>> private_words(["Kuhn", "7731942"])["a short name of the source"]
    '(?:^|[^A-Za-z0-9])(?:7731942|Kuhn)(?:[^A-Za-z0-9]|$)'
    """
    names = {name for name in real if len(name) >= SHORTEST}
    # A name of four letters is looked for as it is written: "Lens" is a case, "lens" is in every question.
    short = {name for name in names if len(name) == SHORTEST or name.isdigit()}
    return {
        what + (f" ({number})" if number else ""): (
            rf"{flags}(?:^|[^A-Za-z0-9])(?:{'|'.join(map(re.escape, some))})(?:[^A-Za-z0-9]|$)"
        )
        for what, flags, group in (
            ("a name of the source", "(?i)", names - short),
            ("a short name of the source", "", short),
        )
        for number, at in enumerate(range(0, len(group), WORDS_PER_RULE))
        for some in [sorted(group)[at : at + WORDS_PER_RULE]]
    }
