"""Errors of torchcodec: what this machine lacks is no damage of a file."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from decoders_here import skip_without
from surgvqa.builders.video import torchcodec_faults
from surgvqa.builders.video.containers import DamagedVideoError
from surgvqa.builders.video.decode import read_frames
from surgvqa.cards.command import MachineError

PATH = Path("/data/Could not load libtorchcodec/failed to allocate/v.mp4")
# As torchcodec 0.17 and PyTorch 2.12 write them.
PLACE = "SingleStreamDecoder, /__w/torchcodec/src/torchcodec/_core/SingleStreamDecoder.cpp:41, "
NO_ROOM = [
    f"{PLACE}Couldn't allocate AVFrame.",
    f"{PLACE}Could not push packet to decoder: Cannot allocate memory",
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes",
    "std::bad_alloc",
]


@pytest.mark.parametrize("message", NO_ROOM)
def test_memory_that_runs_out_is_the_machines_fault(message, monkeypatch):
    monkeypatch.setattr(torchcodec_faults, "memory_left", lambda: False)
    fault = torchcodec_faults.file_fault(RuntimeError(message), PATH)
    assert isinstance(fault, MachineError) and "no more memory" in str(fault) and str(PATH) in str(fault)
    monkeypatch.setattr(torchcodec_faults, "memory_left", lambda: True)
    fault = torchcodec_faults.file_fault(RuntimeError(message), PATH)
    assert isinstance(fault, DamagedVideoError) and "more memory than there is" in str(fault)


def test_missing_libraries_and_codecs_are_the_machines_fault():
    for message, said in (
        (
            "Could not load libtorchcodec. Likely causes:\n 1. FFmpeg is not properly installed",
            "needs torchcodec",
        ),
        (
            "Could not load libtorchcodec. Likely causes:\nOSError: libavutil.so.57: failed to map segment",
            "no more memory",
        ),
        (f"{PLACE}Codec not found", "has no decoder"),
        (f"{PLACE}No valid stream found in input file. Is 0 of the desired media type?", "has no decoder"),
        (f"{PLACE}Could not open input file: {PATH} [Errno 24] Too many open files", "Too many open files"),
    ):
        fault = torchcodec_faults.file_fault(RuntimeError(message), PATH)
        assert isinstance(fault, MachineError) and said in str(fault), (message, fault)
        assert "\n" not in str(fault)


@pytest.mark.parametrize("message", [f"{PLACE}Could not open input file: {PATH} Invalid data found", ""])
def test_everything_else_is_damage_whatever_the_files_name_says(message):
    fault = torchcodec_faults.file_fault(RuntimeError(message), PATH)
    assert isinstance(fault, DamagedVideoError) and "torchcodec cannot read it" in str(fault)


def test_a_real_decoder_without_memory(tmp_path, make_video, monkeypatch):
    skip_without("torchcodec")
    path = make_video(tmp_path / "v.mp4", [40 * i for i in range(30)])
    read_frames(path, [0.0], "torchcodec")  # the libraries are loaded
    from torchcodec.decoders import VideoDecoder

    def starved(self, index):
        raise RuntimeError("std::bad_alloc")

    monkeypatch.setattr(VideoDecoder, "get_frame_at", starved)
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    try:
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, before[1]))
        with pytest.raises(MachineError, match="no more memory"):
            read_frames(path, [0.0], "torchcodec")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
