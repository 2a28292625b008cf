"""Faults of torchcodec: all of them are a RuntimeError, whether the file is damaged or this machine lacks something."""

from __future__ import annotations

import re
from pathlib import Path

from surgvqa.builders.video.containers import DamagedVideoError
from surgvqa.builders.video.timing import memory_left
from surgvqa.cards.command import MachineError, machine_fault

# How torchcodec 0.17 says that memory ran out, besides what `machine_fault` knows of PyTorch and C++: "Couldn't allocate
# AVFrame.", "Failed to allocate codec context", "Could not allocate frame buffers".
NO_ROOM = re.compile(r"(?:couldn't|could not|failed to) allocate", re.IGNORECASE)
# How it says that FFmpeg lacks the decoder of a stream. `av_find_best_stream` finds none where it has no decoder for it;
# that there is a stream of video, PyAV has seen before.
NO_DECODER = re.compile(r"codec not found|decoder not found|no valid stream found", re.IGNORECASE)


def file_fault(error: RuntimeError, path: Path) -> Exception:
    """Return what an error means that came while a file was read: the file's damage, or a fault of this machine."""
    message = first_line(error).replace(str(path), "")
    if message.startswith(
        "Could not load libtorchcodec"
    ):  # when the first video is opened, not at the import
        return loading_fault(error)
    if says_no_memory(message):
        # What a file asks for in vain while there is room is absurd, and its own fault.
        if memory_left():
            return DamagedVideoError(f"{path}: a size in it asks for more memory than there is")
        return MachineError(f"{path}: {machine_fault(MemoryError())}")
    if NO_DECODER.search(message):
        return MachineError(
            f"{path}: the FFmpeg that torchcodec uses has no decoder for it; install one that has, or use --decoder pyav"
        )
    if (fault := machine_fault(RuntimeError(message))) is not None:
        return MachineError(f"{path}: {fault}")
    return DamagedVideoError(f"{path}: torchcodec cannot read it: {first_line(error)}")


def loading_fault(error: Exception) -> MachineError:
    """Return what hindered torchcodec or FFmpeg's libraries from being loaded."""
    if says_no_memory(str(error)):
        return MachineError(str(machine_fault(MemoryError())))
    return MachineError(
        "--decoder torchcodec needs torchcodec (pip install 'surgvqa[decoders]') and FFmpeg's shared libraries "
        f"(apt-get install ffmpeg): {first_line(error)}"
    )


def says_no_memory(message: str) -> bool:
    """Whether a message says that memory ran out.

    >>> says_no_memory("Couldn't allocate AVFrame."), says_no_memory("Could not open input file")
    (True, False)
    """
    no_memory = machine_fault(MemoryError())
    return NO_ROOM.search(message) is not None or machine_fault(RuntimeError(message)) == no_memory


def first_line(error: Exception) -> str:
    """Return the line of a message that isn't a trace of calls."""
    return next(iter(str(error).splitlines()), type(error).__name__)
