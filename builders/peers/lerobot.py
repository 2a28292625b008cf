"""LeRobot 3.0: an episode a clip, its pictures as frames, the phase as the task; questions in columns of the episode.

Frames are numbered one a second, as the format wants an even rate; the second of the recording is the feature
``observation.time_s``. A robot's state and actions are not there: nothing invents them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image as Pictures
from surgvqa.builders.columns import Columns, Image, Value
from surgvqa.builders.files.parquet import writer
from surgvqa.builders.peers.common import NO_PICTURE, REST, Target, rest, write_json
from surgvqa.builders.row_types import ClipRow
from surgvqa.cards.command import InputError

VIEW = "observation.images.endoscope"
FPS = 1
FRAMES = Columns(
    {
        VIEW: Image(),
        "observation.time_s": Value("float32"),
        "timestamp": Value("float32"),
        "frame_index": Value("int64"),
        "episode_index": Value("int64"),
        "index": Value("int64"),
        "task_index": Value("int64"),
    }
)
ROWS_PER_GROUP = 100
NUMBERS = ("observation.time_s", "timestamp", "frame_index", "episode_index", "index", "task_index")


def write(target: Target) -> None:
    """Write a LeRobot data set per split, each in a folder of its name."""
    for split in target.splits():
        _split(target, split)


def _split(target: Target, split: str) -> None:
    root = target.out / split
    episodes: list[Mapping[str, object]] = []
    tasks: dict[str, int] = {}
    sums = FrameSums()
    data = root / "data" / "chunk-000" / "file-000.parquet"
    data.parent.mkdir(parents=True)
    with writer(data, FRAMES, ROWS_PER_GROUP) as put:
        for row in target.clips(split):
            if not row["images"]:
                target.losses[NO_PICTURE] += 1
                continue
            task = tasks.setdefault(row["phase"] or row["procedure"], len(tasks))
            first = sums.count
            for frame in frames(row, len(episodes), first, task):
                put(frame)
                sums.add(frame)
            episodes.append(
                {
                    "episode_index": len(episodes),
                    "tasks": [row["phase"] or row["procedure"]],
                    "length": sums.count - first,
                    "data/chunk_index": 0,
                    "data/file_index": 0,
                    "dataset_from_index": first,
                    "dataset_to_index": sums.count,
                    "meta/episodes/chunk_index": 0,
                    "meta/episodes/file_index": 0,
                    REST: rest(row),
                }
            )
    if not episodes:
        return
    meta = root / "meta"
    (meta / "episodes" / "chunk-000").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(episodes), meta / "episodes" / "chunk-000" / "file-000.parquet")
    import pandas as pd  # half of the seconds that another format's export would take to start

    pd.DataFrame({"task_index": list(tasks.values())}, index=list(tasks)).to_parquet(meta / "tasks.parquet")
    write_json(meta / "stats.json", sums.stats())
    write_json(meta / "info.json", info(sums, len(episodes), len(tasks)))


def frames(row: ClipRow, episode: int, first: int, task: int) -> Iterator[Mapping[str, Any]]:
    """Yield a clip's pictures as the frames of an episode."""
    for number, image in enumerate(row["images"]):
        yield {
            VIEW: {"bytes": image["bytes"], "path": None},
            "observation.time_s": row["frame_times_s"][number],
            "timestamp": number / FPS,
            "frame_index": number,
            "episode_index": episode,
            "index": first + number,
            "task_index": task,
        }


class FrameSums:
    """Sums over frames, for the statistics that the format holds."""

    def __init__(self) -> None:
        self.count = 0
        self.size: tuple[int, int] | None = None
        self._pixels = 0
        self._sums = {name: np.zeros((2, 3 if name == VIEW else 1)) for name in (VIEW, *NUMBERS)}
        self._range = {name: [np.inf, -np.inf] for name in (VIEW, *NUMBERS)}

    def add(self, frame: Mapping[str, Any]) -> None:
        """Take a frame into the sums.

        Raises:
            InputError: a picture of another size than the first: the format has one.
        """
        with Pictures.open(io.BytesIO(frame[VIEW]["bytes"])) as picture:
            pixels = np.asarray(picture.convert("RGB"), np.float64).reshape(-1, 3) / 255
            size = picture.size
        if self.size not in (None, size):
            raise InputError(
                f"pictures of {self.size} and of {size}: LeRobot takes one size; build with --max-side"
            )
        self.size, self.count = size, self.count + 1
        self._pixels += len(pixels)
        for name in (VIEW, *NUMBERS):
            values = pixels if name == VIEW else np.array([[float(frame[name])]])
            self._sums[name] += np.stack([values.sum(0), (values**2).sum(0)])
            low, high = self._range[name]
            self._range[name] = [min(low, float(values.min())), max(high, float(values.max()))]

    def stats(self) -> dict[str, dict[str, list[Any]]]:
        """Return minimum, maximum, mean and deviation of every feature; of pictures by channel, 0 to 1."""
        statistics = {}
        for name, (first, second) in self._sums.items():
            n = self._pixels if name == VIEW else self.count
            mean = first / n
            deviation = np.sqrt(np.maximum(second / n - mean**2, 0))
            low, high = self._range[name]
            each = {
                "min": np.full(len(mean), low),
                "max": np.full(len(mean), high),
                "mean": mean,
                "std": deviation,
            }
            statistics[name] = {
                key: [[[float(one)]] for one in values] if name == VIEW else [float(one) for one in values]
                for key, values in each.items()
            } | {"count": [self.count]}
        return statistics


def info(sums: FrameSums, episodes: int, tasks: int) -> dict[str, object]:
    """Return ``info.json``."""
    width, height = sums.size or (0, 0)
    numbers: dict[str, object] = {
        name: {"dtype": "float32" if name in NUMBERS[:2] else "int64", "shape": [1], "names": None}
        for name in NUMBERS
    }
    return {
        "codebase_version": "v3.0",
        "robot_type": None,
        "total_episodes": episodes,
        "total_frames": sums.count,
        "total_tasks": tasks,
        "chunks_size": 1000,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": FPS,
        "splits": {"train": f"0:{episodes}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": None,
        "features": {
            VIEW: {"dtype": "image", "shape": [height, width, 3], "names": ["height", "width", "channels"]},
            **numbers,
        },
    }
