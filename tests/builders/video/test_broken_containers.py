"""Containers that libraries stumble over in ways of their own: each is one fault of the file."""

from __future__ import annotations

import errno
import io
import struct
import subprocess
from pathlib import Path

import av
import pytest
from surgvqa.builders.video import timing
from surgvqa.builders.video.containers import DamagedVideoError, boxes
from surgvqa.builders.video.timing import open_video, read_timeline
from surgvqa.cards.command import MachineError


def test_a_box_that_ends_behind_the_file_holds_what_is_there() -> None:
    outer = struct.pack(">I4s", 100, b"moov") + struct.pack(">I4s", 12, b"free") + bytes(4)
    (box,) = boxes(io.BytesIO(outer), 0, len(outer))
    assert box.kind == b"moov" and box.end == 100
    assert [inner.kind for inner in boxes(io.BytesIO(outer), box.start, box.end)] == [b"free"]
    assert list(boxes(io.BytesIO(outer + bytes(3)), len(outer), 100)) == []


@pytest.mark.parametrize(("left", "told"), [(True, DamagedVideoError), (False, MachineError)])
def test_absurd_sizes_are_the_files_fault_and_a_full_memory_the_machines(
    left: bool, told: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:d=1", str(path)], check=True
    )

    def refuse(*_: object, **__: object) -> None:
        raise av.error.MemoryError(errno.ENOMEM, "Cannot allocate memory", str(path))

    monkeypatch.setattr(timing, "memory_left", lambda: left)
    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(told, match="memory"):
        read_timeline(path)


def test_an_unannounced_stream_is_the_files_fault_and_our_own_mistakes_are_ours(tmp_path: Path) -> None:
    """PyAV looks for a packet's stream in its list by number, and raises IndexError where it isn't there."""
    path = tmp_path / "a.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:d=1", str(path)], check=True
    )
    with (
        pytest.raises(DamagedVideoError, match="a stream begins in the middle"),
        open_video(path) as (container, _),
    ):
        container.streams[99]
    nothing: list[int] = []
    with pytest.raises(IndexError), open_video(path):
        nothing[0]
