"""Faults of the machine stop a command once, in one line, and leave no case out."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest
from surgvqa.builders.__main__ import main
from surgvqa.builders.files.process_pool import run_tasks
from surgvqa.builders.shards import survey
from surgvqa.builders.video import cut
from surgvqa.builders.video.timing import DamagedVideoError, read_timeline
from surgvqa.cards.command import InputError, MachineError, machine_fault, run_guarded
from surgvqa.cards.files.atomic import write_text


def full(_: str) -> None:
    """A task whose disk is full."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/x")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_full_disk_in_a_worker_is_no_bad_input(workers: int) -> None:
    with pytest.raises((MachineError, OSError)) as caught:
        list(run_tasks(full, [("a",), ("b",)], workers, 60))
    assert "No space left on device" in (machine_fault(caught.value) or "")


def test_a_message_with_a_number_alone_tells_it() -> None:
    assert machine_fault(OSError("Error writing bytes. Detail: [errno 28] No space left on device"))
    assert machine_fault(FileNotFoundError(errno.ENOENT, "gone")) is None
    assert machine_fault(InputError("[errno 28]")) is None and machine_fault(ValueError("x")) is None


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "full"), MachineError("no decoder for evc here")])
def test_a_build_stops_once_and_quarantines_nothing(
    tmp_path: Path,
    make_video,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: Exception,
) -> None:
    root = tmp_path / "mine"
    (root / "videos").mkdir(parents=True)
    make_video(root / "videos" / "a.mp4", [40 * i for i in range(50)])
    (root / "phases.csv").write_text("case,phase,start,end\na,incision,0,2\n")

    def broken(_: object) -> None:
        raise fault

    monkeypatch.setattr(survey, "look", broken)
    asked = ["procedure", "--root", str(root), "--taxonomy", "cataract", "--out", str(tmp_path / "out")]
    assert main([*asked, "--workers", "0", "--on-error", "quarantine"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("surgvqa-build:")]
    assert len(lines) == 1 and "Traceback" not in lines[0]
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_missing_decoder_is_the_machines_and_a_code_of_nobody_the_files(tmp_path: Path, make_video) -> None:
    path = make_video(tmp_path / "v.mp4", [40 * i for i in range(10)])
    whole = path.read_bytes()
    path.write_bytes(
        whole.replace(b"avc1", b"evc1")
    )  # a code that FFmpeg knows, and decodes with a library only
    with pytest.raises(MachineError, match="its video is evc1, for which FFmpeg has no decoder here"):
        read_timeline(path)
    path.write_bytes(whole.replace(b"avc1", b"zzzz"))
    with pytest.raises(DamagedVideoError, match="a code that FFmpeg doesn't know"):
        read_timeline(path)


def test_a_missing_encoder_is_the_machines() -> None:
    class Container:
        def add_stream(self, *_: object, **__: object) -> None:
            raise cut.UnknownCodecError("libx264")

    with pytest.raises(MachineError, match="no encoder libx264"):
        cut._encoder(Container())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory"), RuntimeError("can't start new thread"),
        OSError("Failed to launch worker thread: Resource temporarily unavailable"), ImportError("x.so: failed to map segment from shared object"),
    ],
)  # fmt: skip
def test_too_little_memory_is_one_line_whoever_says_it(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    assert run_guarded("surgvqa-build", fail) == 2
    assert "may take no more memory" in capsys.readouterr().err


def test_what_a_killed_command_left_of_a_file_is_cleared_away(tmp_path: Path) -> None:
    """A copy that broke off would be "there, but not listed" for ever; that of a process that runs is left alone."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    left, running = tmp_path / f"a.md.{dead.pid}.tmp", tmp_path / f"a.md.{os.getppid()}.tmp"
    for path in (left, running):
        path.write_text("half")
    write_text(tmp_path / "a.md", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"a.md", running.name}
