"""The counts of finished shards for a report, one worker per shard: a look at every picture takes 0.7 ms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import pyarrow.parquet as pq
from surgvqa.builders.cases.splits import SPLITS
from surgvqa.builders.files.process_pool import MEMORY_BYTES, Failure, run_tasks
from surgvqa.builders.pipeline.report import RowTally, count, together
from surgvqa.builders.row_types import CountedRow
from surgvqa.builders.shards.job import Job, Record
from surgvqa.builders.shards.write import staging_path
from surgvqa.cards.command import InputError
from tqdm import tqdm

COUNT_S = 3600.0  # of one case: 700 hours of video at 2 frames a second


def tally(
    staging: Path, jobs: Sequence[Job], records: Mapping[str, Record], workers: int
) -> dict[str, RowTally]:
    """Count every split for the report, in the order of the jobs, whichever worker is first."""
    jobs_with_clips = [job for job in jobs if "clips" in records[job.name]["files"]]
    tasks = [(staging_path(staging, records[job.name]["key"], "clips"),) for job in jobs_with_clips]
    parts: dict[int, RowTally] = {}
    results = run_tasks(count_file, tasks, workers, COUNT_S, MEMORY_BYTES)
    for index, result in tqdm(results, total=len(tasks), desc="report", unit="case", disable=None):
        if isinstance(result, Failure):
            raise InputError(f"{jobs_with_clips[index].name}: its shard cannot be counted: {result.cause}")
        parts[index] = result
    return {
        split: together(parts[index] for index, job in enumerate(jobs_with_clips) if job.split == split)
        for split in SPLITS
        if any(job.split == split for job in jobs)
    }


def count_file(path: Path) -> RowTally:
    """Count a file of config ``clips`` for the report."""
    return count(described_rows(path))


def described_rows(path: Path) -> Iterator[CountedRow]:
    """Yield the columns that a report reads of a file of config ``clips``; no more than eight rows are held at once."""
    columns = ["clip_id", "case_id", "source", "phase", "start_s", "end_s", "frame_times_s", "images"]
    columns += [f"qa.list.element.{name}" for name in ("kind", "question", "choices", "short_answer")]
    with pq.ParquetFile(path, pre_buffer=False) as table:
        for batch in table.iter_batches(batch_size=8, columns=columns, use_threads=False):
            yield from cast(list[CountedRow], batch.to_pylist())
