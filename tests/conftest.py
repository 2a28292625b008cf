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

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest

if TYPE_CHECKING:
    from hub import Hub

ROOT = Path(__file__).resolve().parents[1]
collect_ignore_glob = [
    "support/peer_loaders/*"
]  # scripts that import other projects, in environments of their own


# Files that take longest, begun first: begun last, one of them would keep a worker busy while the other has nothing left.
LONGEST = [
    "test_build.py",
    "test_demo.py",
    "test_privacy.py",
    "test_screen.py",
    "test_private_instructions.py",
    "test_audio.py",
    "test_intervals.py",
    "test_vision_cache.py",
    "test_hub.py",
    "test_attacks.py",
    "test_answering.py",
    "test_doctor.py",
    "test_segment.py",
    "test_shares.py",
    "test_audit.py",
    "test_fuzz.py",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file, those of ``LONGEST`` first; the order within a file stays."""
    rank = {name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


@pytest.fixture
def nothing_stays() -> Iterator[None]:
    """Forget after a test what its ``--source`` and ``--kinds-from`` added: that holds for a process."""
    yield
    from surgvqa.builders import sources
    from surgvqa.builders.asking import extensions

    extensions.use()
    sources._user_files.clear()
    for cached in (sources._package_modules, extensions._load, sources.load):
        cached.cache_clear()


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Real annotations that nobody here wrote; they live outside the project."""
    path = Path(os.environ.get("SURGVQA_REALDATA", ROOT.parent / "shared" / "realdata"))
    if not path.is_dir():
        pytest.skip(f"no real data at {path}; set SURGVQA_REALDATA")
    return path


def barcode(number: int, width: int = 128, height: int = 96) -> np.ndarray:
    """A noisy RGB picture whose top rows carry ``number`` as twelve black or white blocks."""
    noise = np.random.default_rng(number).integers(60, 190, (height // 8, width // 8, 3), dtype=np.uint8)
    picture = noise.repeat(8, 0).repeat(8, 1)
    for bit in range(12):
        picture[:16, bit * 8 : bit * 8 + 8] = 255 if number >> bit & 1 else 0
    return picture


def read_barcode(picture: np.ndarray) -> int:
    return sum(int(picture[8, bit * 8 + 4].mean() > 127) << bit for bit in range(12))


def write_video(
    path: Path,
    pts: Sequence[int],
    time_base: Fraction = Fraction(1, 1000),
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    turn: int = 0,
    draw: Callable[[int], np.ndarray] = barcode,
    metadata: dict[str, str] | None = None,
    **stream: str | int,
) -> Path:
    """A video of ``len(pts)`` pictures, shown at ``pts * time_base`` seconds; made without any binary.

    ``turn``: quarter turns clockwise that a player must apply (MP4/MOV only).
    """
    import av

    height, width = draw(0).shape[:2]
    with av.open(str(path), "w") as container:
        output = container.add_stream(codec, rate=25, options={"threads": "1"} | (options or {}))
        output.width, output.height, output.pix_fmt = width, height, "yuv420p"
        output.codec_context.time_base = time_base
        output.metadata.update(metadata or {})
        for name, value in stream.items():
            setattr(output.codec_context, name, value)
        for number, tick in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(draw(number), format="rgb24")
            frame.pts, frame.time_base = tick, time_base
            container.mux(output.encode(frame))
        container.mux(output.encode(None))
    if turn:
        data = bytearray(path.read_bytes())
        cos, sin = {1: (0, 1), 2: (-1, 0), 3: (0, -1)}[turn % 4]
        at = data.index(b"tkhd") + 44
        for i, value in enumerate([cos, sin, 0, -sin, cos, 0, 0, 0]):
            data[at + 4 * i : at + 4 * i + 4] = (value * 65536 & 0xFFFFFFFF).to_bytes(4, "big")
        path.write_bytes(data)
    return path


@pytest.fixture
def make_video() -> Callable[..., Path]:
    """Barcode videos; ``.picture`` and ``.read`` are the drawing and the reader of the code."""
    write_video.picture, write_video.read = barcode, read_barcode  # type: ignore[attr-defined]
    return write_video


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


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model of each family."""
    from surgvqa.train import tiny

    folder = tmp_path_factory.mktemp("bases")
    for family in tiny.FAMILIES:
        tiny.make(family, folder / family)
    return {family: folder / family for family in tiny.FAMILIES}
