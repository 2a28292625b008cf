"""The executors that build shards: a pool of processes here, or datatrove's executors here, on Ray or on Slurm.

All run ``build_shard`` and nothing else, so the bytes are the same. What a cluster needs is a file system that
every node sees: the source and the output folder. Whatever is missing at the end (a node that died) is built
by the next run of the same command; what is whole is kept.

    surgvqa-build SOURCE --root /shared/in --out /shared/out --engine datatrove-ray --workers 64
    surgvqa-build SOURCE --root /shared/in --out /shared/out --engine datatrove-slurm --partition cpu --workers 200
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgvqa.builders.files.parquet import write_text
from surgvqa.builders.files.process_pool import MEMORY_BYTES, Failure, run_tasks
from surgvqa.builders.pipeline.staging import remove
from surgvqa.builders.shards.job import Job
from surgvqa.builders.shards.write import build_shard, whole
from surgvqa.cards.command import InputError, nearest

ENGINES = ("local", "datatrove-local", "datatrove-ray", "datatrove-slurm")
SHARD_S = 6 * 3600.0  # an eight-hour recording in 4K, at a tenth of the speed measured for 1024 x 768
LOGS = "datatrove"  # below the staging folder
POLL_S = 10.0
Task = tuple[Job, str, Path]


@dataclass(frozen=True, slots=True)
class Engine:
    """The executor of the shards, and the options for Slurm."""

    name: str = "local"
    partition: str | None = None
    time: str = "24:00:00"
    memory_gb: int = 4

    def __post_init__(self) -> None:
        """Refuse an unknown engine, and Slurm without a partition."""
        if self.name not in ENGINES:
            raise InputError(f"--engine {self.name}: {nearest(self.name, ENGINES)}")
        if self.name == "datatrove-slurm" and not self.partition:
            raise InputError("--engine datatrove-slurm needs --partition; `sinfo` lists them")


@dataclass(frozen=True, slots=True)
class Shards:
    """A datatrove pipeline of one step: rank n builds the n-th shard and leaves it, or why not, in the folder."""

    folder: Path  # of a file for each rank: 100 kB a case, so that 10,000 cases don't go to every node

    @classmethod
    def of(cls, tasks: Sequence[Task], folder: Path) -> Shards:
        """Return the step for these tasks, written to a new folder."""
        remove(folder)
        folder.mkdir(parents=True)
        for rank, task in enumerate(tasks):
            (folder / f"{rank}.task").write_bytes(pickle.dumps(task))
        return cls(folder)

    def __call__(self, data: Any = None, rank: int = 0, world_size: int = 1) -> None:
        """Build the shard of a rank, guarded as on one machine: a decoder that crashes costs its case alone."""
        # What this very build wrote a moment ago, in the folder where datatrove keeps its own pickle.
        job, key, staging = pickle.loads((self.folder / f"{rank}.task").read_bytes())  # noqa: S301
        if whole(staging, key) is not None:
            return
        for _, result in run_tasks(build_shard, [(job, key, staging)], 1, SHARD_S, MEMORY_BYTES):
            if isinstance(result, Failure):
                write_text(failure(staging, key), json.dumps(result.cause))


def failure(staging: Path, key: str) -> Path:
    """Return the path of a rank's file with the cause why its shard cannot be built."""
    return staging / f"{key}.failed"


def run(engine: Engine, tasks: Sequence[Task], workers: int) -> Iterator[tuple[int, Any]]:
    """Yield ``(index, record)`` of every shard, or ``(index, Failed)``, as ``workers.run_tasks`` does.

    Raises:
        InputError: the engine isn't installed, or some shards are not there when it says that it is done.
    """
    if engine.name == "local" or not tasks:
        yield from run_tasks(build_shard, tasks, workers, SHARD_S, MEMORY_BYTES)
        return
    staging = tasks[0][2].resolve()
    tasks = tuple((job, key, staging) for job, key, _ in tasks)
    for _, key, _ in tasks:
        failure(staging, key).unlink(missing_ok=True)
    try:
        execute(engine, tasks, max(1, workers), staging / LOGS)
    except ImportError as error:
        raise InputError(f"--engine {engine.name} needs pip install 'surgvqa[scale]': {error}") from error
    missing = 0
    for index, (_, key, _) in enumerate(tasks):
        if (record := whole(staging, key)) is not None:
            yield index, record
        elif failure(staging, key).is_file():
            yield index, Failure(json.loads(failure(staging, key).read_text("utf-8")))
        else:
            missing += 1
    if missing:
        raise InputError(
            f"{missing} of {len(tasks)} shards were not built: a node or a job ended early, see {staging / LOGS}; "
            "run the same command again, what is whole is kept"
        )


def execute(engine: Engine, tasks: tuple[Task, ...], workers: int, logs: Path) -> None:
    """Run the shards on one of datatrove's executors and wait for the end."""
    common: dict[str, Any] = {
        "pipeline": [Shards.of(tasks, logs.with_name("tasks"))],
        "tasks": len(tasks),
        "workers": workers,
        "logging_dir": str(logs),
    }
    if engine.name == "datatrove-local":
        from datatrove.executor import LocalPipelineExecutor

        LocalPipelineExecutor(**common, start_method="spawn").run()
    elif engine.name == "datatrove-ray":
        import ray
        from datatrove.executor import RayPipelineExecutor

        starts_ray = not ray.is_initialized()
        if starts_ray:  # the cluster of RAY_ADDRESS or of this machine; without one, this machine alone
            try:
                ray.init(log_to_driver=False)
            except Exception as error:  # Ray raises that very class where a node doesn't start in time
                raise InputError(
                    f"--engine datatrove-ray: Ray didn't start: {error}; run it again, or start a cluster by `ray start "
                    "--head` and name it in RAY_ADDRESS"
                ) from error
        try:
            RayPipelineExecutor(**common, mem_per_cpu_gb=engine.memory_gb).run()
        finally:
            if starts_ray:
                ray.shutdown()
    else:
        from datatrove.executor import SlurmPipelineExecutor

        slurm = SlurmPipelineExecutor(
            **common,
            time=engine.time,
            partition=engine.partition,
            mem_per_cpu_gb=engine.memory_gb,
            job_name="surgvqa",
            qos=None,
            env_command=f'export PATH="{Path(sys.executable).parent}:$PATH"',
            slurm_logs_folder=str(logs / "slurm"),
        )
        try:
            slurm.run()
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            raise InputError(f"--engine datatrove-slurm: sbatch didn't take the job: {error}") from error
        wait_for(slurm)


def wait_for(slurm: Any) -> None:
    """Until every rank is done or none of the job is left in the queue."""
    while slurm.get_incomplete_ranks():
        queue = subprocess.run(
            ["squeue", "--noheader", "--jobs", str(slurm.job_id)], capture_output=True, text=True, check=False
        )
        # A job that is gone is no error of ours: a dead node's ranks are counted by who asked.
        if queue.returncode or not queue.stdout.strip():
            return
        time.sleep(float(os.environ.get("SURGVQA_POLL_S", POLL_S)))
