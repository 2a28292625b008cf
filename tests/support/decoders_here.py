"""Which decoders this machine has."""

from __future__ import annotations

import ctypes.util

import pytest


def skip_without(decoder: str) -> None:
    """Skip the test where a decoder's package, or the shared libraries that it loads, are not installed."""
    if decoder != "pyav":
        pytest.importorskip(decoder)
    if decoder == "torchcodec" and ctypes.util.find_library("avutil") is None:
        pytest.skip("torchcodec needs FFmpeg's shared libraries (apt-get install ffmpeg)")
