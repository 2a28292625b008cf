"""An encoder without memory: x264 says only that an external library failed."""

from __future__ import annotations

import errno

import av
import pytest
from surgvqa.builders.video import cut
from surgvqa.cards.command import MachineError


class Starved:
    """A stream whose encoder gets no memory."""

    def encode(self, frame):
        raise av.error.ExternalError(errno.EIO, "Generic error in an external library")


def test_an_encoder_without_memory_is_the_machines_fault(monkeypatch):
    monkeypatch.setattr(cut, "memory_left", lambda: False)
    with pytest.raises(MachineError, match="no more memory"):
        cut._encode(Starved(), None)
    monkeypatch.setattr(cut, "memory_left", lambda: True)
    with pytest.raises(av.error.ExternalError):
        cut._encode(Starved(), None)
