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
    root = tmp_path / "root"
    disk = root / "zz"
    (disk / "inner").mkdir(parents=True)
    (disk / "inner" / "a.MP4").touch()
    (root / "b.mp4").touch()
    (root / "videos").symlink_to(disk)
    (disk / "again").symlink_to(disk)
    (disk / "up").symlink_to(root)
    (root / "gone.mp4").symlink_to(root / "nothing")
    assert [path.relative_to(root).as_posix() for path in files_below(root, "*.mp4")] == [
        "b.mp4",
        "videos/inner/a.MP4",
    ]
    assert probe.files(root) == files_below(root, "*.mp4")


@pytest.mark.parametrize("what", ["folder", "file", "chain", "dangling"])
def test_a_link_out_of_the_folder_is_refused(what: str, tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (other / "a.mp4").touch()
    (root / "second.mp4").symlink_to(other / "a.mp4")
    places = {
        "folder": other,
        "file": other / "a.mp4",
        "chain": root / "second.mp4",
        "dangling": other / "no",
    }
    link = root / ("videos" if what == "folder" else "v.mp4")
    if what != "chain":
        (root / "second.mp4").unlink()
    link.symlink_to(places[what])
    with pytest.raises(InputError, match=r"a link to .*other.*, outside"):
        files_below(root, "*.mp4")
    if what != "folder":
        assert files_below(root, "*.json") == []
    assert files_below(link, "*.mp4") if what == "folder" else True  # the folder itself may be one


def test_files_in_the_stores_of_the_hub_and_of_git_annex_are_the_folder_s_own(tmp_path: Path) -> None:
    for folder, store in (("c/snapshots/1/data", "c/blobs"), ("repo/data", "repo/.git/annex/objects/1")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / store).mkdir(parents=True)
        (tmp_path / store / "x").touch()
        link = tmp_path / folder / "a.mp4"
        link.symlink_to(os.path.relpath(tmp_path / store / "x", link.parent))
        assert files_below(tmp_path / folder) == [link]


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
