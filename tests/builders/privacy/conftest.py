"""The planted operations, and builds without OCR."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted_operations import plant
from surgvqa.builders.privacy import text_reader


@pytest.fixture
def strokes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """OCR takes 2.5 s a picture; test_text_reader.py has it."""
    monkeypatch.setattr(text_reader, "version", lambda: None)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two operations with videos, one with stills; names everywhere a name can be."""
    return plant(tmp_path_factory.mktemp("planted"))
