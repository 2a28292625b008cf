"""The hashes of a model's folder: what training wrote, so that any flipped bit shows and has a file's name.

Two files, which `sha256sum -c` reads, too: ``sha256sums.txt`` of what is published with the model, and
``sha256sums.home`` of what stays at home (the trainer's state and arguments). The first line of each is a comment that
holds the hash of the others. A checkpoint below the folder has files of hashes of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from surgvqa.cards.command import InputError
from surgvqa.cards.files.manifest import CARD, put, sha256

NAME, HOME = "sha256sums.txt", "sha256sums.home"
UNFINISHED_MARK = ".unfinished"  # there while a model's files are written
# A model's repository holds weights that cannot run code, and text. Everything else stays at home.
PUBLIC_SUFFIXES = (".safetensors", ".json", ".jinja", ".txt", ".model", ".md")
TRAINER = ("trainer_state.json",)  # a log of the run, with nothing one needs to use the model
EARS = "audio/preprocessor_config.json"  # of a model that hears: what its Whisper is given, in a folder of its own
RESULTS = ".eval_results"  # the Hub's folder of results, the one hidden folder that is published
RESULT_FILE = re.compile(rf"{re.escape(RESULTS)}/[A-Za-z0-9_-]+\.yaml")
LOGS = ("runs", "logs", "trackio", "wandb")  # folders that go on changing after training
DAMAGE = "{}: its text is not the one that was written"
LINE = re.compile(r"([0-9a-f]{64})  (\S[^\n]*)")


def is_published(name: str) -> bool:
    """Whether a file of a model's folder is published.

    >>> [is_published(name) for name in ("model.safetensors", "training_args.bin", "trainer_state.json", "deep/x.json", EARS)]
    [True, False, False, False, True]
    >>> is_published(".eval_results/score.yaml"), is_published(".eval_results/deep/score.yaml"), is_published(".cache/a.yaml")
    (True, False, False)
    """
    plain = "/" not in name and name not in TRAINER and Path(name).suffix in PUBLIC_SUFFIXES
    return plain or name == EARS or RESULT_FILE.fullmatch(name) is not None


def names(folder: Path) -> Iterator[str]:
    """Every file of the model, below the folder; without checkpoints, logs and hidden files."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        is_hidden = any(part.startswith(".") for part in parts)
        passing = parts[0].startswith("checkpoint-") or (len(parts) > 1 and parts[0] in LOGS)
        if RESULT_FILE.fullmatch("/".join(parts)):
            is_hidden = False
        if path.is_file() and not is_hidden and not passing and parts[-1] not in (NAME, HOME):
            yield "/".join(parts)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Mark a model's folder as unfinished, and take the mark away once its files and their hashes are there.

    A run that is killed in between leaves the mark, and nothing loads or publishes the folder then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    put(folder / UNFINISHED_MARK, "a model is being written here\n")
    yield
    write(folder)
    (folder / UNFINISHED_MARK).unlink()


def refuse(folder: Path) -> None:
    """Raise for a model's folder that is unfinished, or isn't as it was written; its card may be edited.

    Raises:
        InputError: with the first files that differ. A folder without hashes is somebody else's, and passes.
    """
    if (folder / UNFINISHED_MARK).exists():
        raise InputError(
            f"{folder} is unfinished: whoever wrote a model there was stopped (it holds {UNFINISHED_MARK}); "
            "run the same command again, a training with --resume_from_checkpoint true"
        )
    if not (folder / NAME).is_file():
        return
    messages = [one for one in faults(folder, checkpoints=False) if not one.startswith(f"{CARD}:")]
    if messages:
        raise InputError(
            f"{folder} is not what was written: {'; '.join(messages[:3])}"
            + (f"; and {len(messages) - 3} more" if len(messages) > 3 else "")
            + "; copy or train it again"
        )


def digest(path: Path) -> str:
    """Return a file's SHA-256; once for a file that stays as it is."""
    facts = path.stat()
    return _cached_hash(path.resolve(), facts.st_size, facts.st_mtime_ns, facts.st_ino)


@lru_cache(maxsize=10_000)
def _cached_hash(path: Path, *_: int) -> str:
    return sha256(path)


def write(folder: Path) -> Path:
    """Write the hashes of a model's folder and of its checkpoints; returns the file of those that are published."""
    hashes = {name: sha256(folder / name) for name in names(folder)}
    _put(folder / NAME, {name: hashes[name] for name in hashes if is_published(name)})
    home = {name: hashes[name] for name in hashes if not is_published(name)}
    if home:
        _put(folder / HOME, home)
    else:
        (folder / HOME).unlink(missing_ok=True)
    for checkpoint in sorted(folder.glob("checkpoint-*")):
        if checkpoint.is_dir():
            write(checkpoint)
    return folder / NAME


def update(folder: Path, name: str) -> None:
    """Write the hash of a file that was meant to change (the card), where the folder has hashes; no other."""
    if not (folder / NAME).is_file():
        return
    hashes = read(folder)
    if hashes is not None:
        _put(folder / NAME, {**hashes, name: sha256(folder / name)})


def _put(path: Path, hashes: dict[str, str]) -> None:
    lines = "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))
    put(path, f"# {hashlib.sha256(lines.encode()).hexdigest()}\n{lines}")


def read(folder: Path, name: str = NAME) -> dict[str, str] | None:
    """Return the hashes by file name, None where the file of hashes is itself damaged."""
    try:
        first, _, lines = (folder / name).read_bytes().decode("utf-8").partition("\n")
    except UnicodeDecodeError:
        return None
    if first != f"# {hashlib.sha256(lines.encode()).hexdigest()}":
        return None
    matches = [LINE.fullmatch(line) for line in lines.split("\n")[:-1]]
    return {match[2]: match[1] for match in matches if match}


def faults(folder: Path, checkpoints: bool = True) -> list[str]:
    """List what of a model's folder isn't as training left it, each with its file's name.

    Without ``checkpoints`` those below it are passed over, and a file that was hashed before isn't again.
    """
    digest_of = sha256 if checkpoints else digest
    messages: list[str] = []
    listed_names: set[str] = set()
    for file in (NAME, HOME) if (folder / HOME).is_file() else (NAME,):
        hashes = read(folder, file)
        if hashes is None:
            messages.append(DAMAGE.format(file))
            continue
        listed_names |= set(hashes)
        for name, expected_hash in sorted(hashes.items()):
            path = folder / name
            if not _within(path, folder):
                messages.append(f"{name}: not a file of this folder")
            elif not path.is_file():
                messages.append(f"{name}: listed, but not there")
            elif digest_of(path) != expected_hash:
                messages.append(f"{name}: its SHA-256 is not the one in {file}")
    if (folder / UNFINISHED_MARK).exists():
        messages.append(f"{UNFINISHED_MARK}: whoever wrote a model there was stopped")
    if messages[:1] != [DAMAGE.format(NAME)]:
        acting = (name for name in names(folder) if _acts(name) and name not in listed_names)
        messages += [f"{name}: there, but not listed" for name in acting]
    for checkpoint in sorted(folder.glob("checkpoint-*")) if checkpoints else ():
        if (checkpoint / NAME).is_file():
            messages += [f"{checkpoint.name}/{one}" for one in faults(checkpoint)]
    return messages


def _within(path: Path, folder: Path) -> bool:
    """Whether a file lies in a folder itself; in a snapshot of the Hub's cache every file is a link into its blobs."""
    if folder.parent.name == "snapshots" and path.is_symlink():
        return path.resolve().parent == folder.resolve().parents[1] / "blobs"
    return not path.is_symlink() and path.resolve().is_relative_to(folder.resolve())


def _acts(name: str) -> bool:
    """Whether a file changes what the model does."""
    return name.endswith((".safetensors", ".jinja", ".model", CARD)) or (
        is_published(name) and name.endswith("config.json")
    )


def count(folder: Path) -> int:
    """Return the number of hashed files, checkpoints included."""
    own = sum(len(read(folder, file) or ()) for file in (NAME, HOME) if (folder / file).is_file())
    return own + sum(count(path) for path in folder.glob("checkpoint-*") if (path / NAME).is_file())
