"""What lies below a folder: links, loops, pipes, what macOS adds; every reader opens ordinary files alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest
from fuzz_readers import Reader, readers
from surgvqa.builders.files.tree import files_below
from surgvqa.builders.video import probe
from surgvqa.cards.command import InputError

# those of ours, which a build has written, and readers of bytes that another function opens
OTHERS = ("manifest", "sums", "label-map", "taught")


@cache
def known() -> dict[str, Reader]:
    return readers()


def test_a_linked_folder_is_entered_once_and_a_loop_ends(tmp_path: Path) -> None:
    disk, root = tmp_path / "disk", tmp_path / "root"
    (disk / "inner").mkdir(parents=True)
    (disk / "inner" / "a.MP4").touch()
    root.mkdir()
    (root / "b.mp4").touch()
    (root / "videos").symlink_to(disk)
    (disk / "again").symlink_to(disk)
    (disk / "up").symlink_to(root)
    (root / "gone.mp4").symlink_to(tmp_path / "nothing")
    assert [path.relative_to(root).as_posix() for path in files_below(root, "*.mp4")] == [
        "b.mp4",
        "videos/inner/a.MP4",
    ]
    assert probe.files(root) == files_below(root, "*.mp4")


def test_what_macos_adds_is_no_file(tmp_path: Path) -> None:
    for name in ("a.json", "._a.json", "__MACOSX/a.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert files_below(tmp_path) == [tmp_path / "a.json"]


@contextmanager
def seconds(most: int) -> Iterator[None]:
    """Raise `TimeoutError` in whatever still waits then."""

    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(most)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", sorted(set(readers()) - set(OTHERS)))
def test_no_reader_waits_for_a_pipe(name: str, tmp_path: Path) -> None:
    reader = known()[name]
    os.mkfifo(tmp_path / reader.name)
    with seconds(20), suppress(InputError):  # readers of whole trees return it as a fault, or don't list it
        reader.read(tmp_path / reader.name)
