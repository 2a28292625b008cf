"""Streaming from a data set on the Hub or on disk: shards per rank, and resuming at the very next row."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from building import build
from datasets import load_dataset
from datasets.distributed import split_dataset_by_node
from hub import Hub
from surgvqa.builders.sources import synthetic
from surgvqa.cards.publish.push import push

RENDER = {"render_cases": 6, "phase_seconds": 5.0, "frame_rate": 1, "size": 64}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("streamed")
    list(synthetic.cases(base / "root", **RENDER))
    build("synthetic", base / "root", base / "out", media="none", workers=0, source_options=RENDER)
    return base / "out"


def stream(folder: Path):
    return load_dataset(str(folder), "clips", split="train", streaming=True)


def ids(rows) -> list[str]:
    return [row["clip_id"] for row in rows]


def test_every_rank_reads_whole_shards_of_its_own(folder: Path) -> None:
    everything = ids(stream(folder))
    shards = len(list((folder / "clips").glob("train-*")))
    assert stream(folder).num_shards == shards >= 4
    parts = [split_dataset_by_node(stream(folder), rank, 2) for rank in range(2)]
    assert [part.num_shards for part in parts] == [shards // 2, shards // 2]
    read = [ids(part) for part in parts]
    assert not set(read[0]) & set(read[1])
    assert sorted(read[0] + read[1]) == sorted(everything)
    cases = [{name.split("@")[0] for name in part} for part in read]
    assert not cases[0] & cases[1], "no rank opens a shard of another"


@pytest.mark.parametrize("after", [0, 1, 7, 13])
def test_a_stopped_stream_goes_on_with_the_very_next_row(folder: Path, after: int) -> None:
    whole = ids(stream(folder))
    first = stream(folder)
    rows = iter(first)
    seen = [next(rows)["clip_id"] for _ in range(after)]
    state = first.state_dict()
    again = stream(folder)
    again.load_state_dict(state)
    assert seen + ids(again) == whole


def test_a_stopped_rank_goes_on_with_its_own_shards(folder: Path) -> None:
    part = split_dataset_by_node(stream(folder), 1, 2)
    whole = ids(part)
    rows = iter(part)
    seen = [next(rows)["clip_id"] for _ in range(9)]
    again = split_dataset_by_node(stream(folder), 1, 2)
    again.load_state_dict(part.state_dict())
    assert seen + ids(again) == whole


STRANGER = """
import json
from datasets import load_dataset
from datasets.distributed import split_dataset_by_node

def stream(rank=None):
    rows = load_dataset("clinic/streamed", "clips", split="train", streaming=True)
    return rows if rank is None else split_dataset_by_node(rows, rank, 2)

def ids(rows):
    return [row["clip_id"] for row in rows]

first = stream(1)
rows = iter(first)
seen = [next(rows)["clip_id"] for _ in range(7)]
again = stream(1)
again.load_state_dict(json.loads(json.dumps(first.state_dict())))
print(json.dumps({"all": ids(stream()), "ranks": [ids(stream(0)), ids(stream(1))], "resumed": seen + ids(again)}))
"""


@pytest.mark.slow
def test_a_rank_streams_its_shards_from_the_hub_and_goes_on_there(
    folder: Path, hub: Hub, tmp_path: Path
) -> None:
    push(folder, "clinic/streamed")
    hub.requests.clear()
    env = hub.environment(str(tmp_path / "home")) | {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", STRANGER], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["all"] == ids(stream(folder))
    assert sorted(name for rank in seen["ranks"] for name in rank) == sorted(seen["all"])
    assert not set(seen["ranks"][0]) & set(seen["ranks"][1])
    assert seen["resumed"] == seen["ranks"][1], "the state is plain JSON, and no row comes twice or never"
    assert not any(p.suffix == ".parquet" for p in (tmp_path / "home").rglob("*")), "nothing is kept on disk"
