"""What all tests share: offline, one thread, and where the real data lies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest

if TYPE_CHECKING:
    from hub import Hub

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Real annotations that nobody here wrote; they live outside the project."""
    path = Path(os.environ.get("SURGVQA_REALDATA", ROOT.parent / "shared" / "realdata"))
    if not path.is_dir():
        pytest.skip(f"no real data at {path}; set SURGVQA_REALDATA")
    return path


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub over real HTTP; this process talks to it, and ``hub.environment(home)`` is for child processes."""
    from hub_http import serve

    with serve() as running:
        for name, value in running.environment(str(tmp_path / "hf")).items():
            monkeypatch.setenv(name, value)
        # Read from the environment when the library was imported.
        constants = "huggingface_hub.constants."
        monkeypatch.setattr(constants + "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants + "ENDPOINT", running.url)
        template = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants + "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants + "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
        yield running
