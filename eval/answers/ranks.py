"""Answers by several processes: each takes every n-th batch, and the one that ends last joins their files.

    torchrun --nproc-per-node 4 -m surgvqa.eval predict my-clips --model runs/first --out predictions.jsonl

Batches are those of one process, so the joined file has the same bytes, and a clip is decoded by one process alone. The
processes don't talk with each other: each appends to a file of its own beside the answers, and one that was killed goes
on from there when the command is run again. Several nodes work the same way where they see one folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from datasets import Dataset
from filelock import lock_descriptor
from surgvqa.cards.command import InputError, parse_json, say
from surgvqa.cards.files.atomic import write_text
from surgvqa.eval.data import predictions
from surgvqa.eval.data.predictions import Prediction

if TYPE_CHECKING:
    from surgvqa.eval.answers.predict import Run

Batch = list[tuple[int, list[int]]]  # rows, each with numbers of its questions


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which of how many processes this is."""

    rank: int = 0
    ranks: int = 1
    local_rank: int = 0  # on its machine

    @classmethod
    def of_environment(cls) -> Ranks:
        """Return what torchrun or accelerate says; the only one where neither started this process."""
        rank, ranks = (int(os.environ.get(name, "-1")) for name in ("RANK", "WORLD_SIZE"))
        if ranks < 2 or rank < 0:
            return cls()
        return cls(rank, ranks, int(os.environ.get("LOCAL_RANK", rank)))

    def file(self, out: Path, rank: int | None = None) -> Path:
        """Return the file of a process, this one's by default.

        >>> Ranks(1, 4).file(Path("a.jsonl")).name, Ranks().file(Path("a.jsonl")).name
        ('a.rank-1-of-4.jsonl', 'a.jsonl')
        """
        own = self.rank if rank is None else rank
        return out if self.ranks < 2 else out.with_name(f"{out.stem}.rank-{own}-of-{self.ranks}{out.suffix}")

    def own_run(self, run: Run) -> Run:
        """Return a run as this process does it: into its own file, on its own card.

        Raises:
            InputError: an engine that divides the work by itself; files that another number of processes left.
        """
        self._refuse_others(run.out)
        if self.ranks < 2:
            return run
        if run.engine == "vllm":
            raise InputError("--engine vllm divides the work by itself; start it once, without torchrun")
        device = run.device
        if device is None and run.engine == "hf" and torch.cuda.is_available():
            device = f"cuda:{self.local_rank}"
        return replace(run, out=self.file(run.out), device=device)

    def _refuse_others(self, out: Path) -> None:
        pattern = re.compile(rf"{re.escape(out.stem)}\.rank-\d+-of-(\d+){re.escape(out.suffix)}")
        for path in sorted(out.parent.glob("*")):
            match = pattern.fullmatch(path.name)
            if match and int(match[1]) != self.ranks:
                raise InputError(
                    f"{path}: a run of {match[1]} processes left it, this one has {self.ranks}; go on with "
                    f"`torchrun --nproc-per-node {match[1]} -m surgvqa.eval predict …`, or delete it"
                )


class Questions:
    """The questions of a split, and which of them this process answers."""

    def __init__(self, rows: Dataset, ranks: Ranks, out: Path) -> None:
        self.rows, self.ranks, self.out = rows, ranks, out
        self._ids = [[qa["qa_id"] for qa in questions] for questions in rows["qa"]]

    def own_batches(self, answered_ids: set[str], size: int) -> list[Batch]:
        """Clips with open questions, about ``size`` questions at a time; ``answered_ids`` are those in this process's file.

        All processes count the same batches: what stands in the joined file, and nothing else, is left out before.
        """
        if self.ranks.ranks < 2:
            return list(self._batches(answered_ids, size))
        earlier_ids = {one.qa_id for one in predictions.reopen(self.out)}
        own = list(self._batches(earlier_ids, size))[self.ranks.rank :: self.ranks.ranks]
        open_batches = (
            [(index, self._open(index, numbers, answered_ids)) for index, numbers in batch] for batch in own
        )
        return [batch for one in open_batches if (batch := [(index, left) for index, left in one if left])]

    def _open(self, index: int, numbers: Iterable[int], answered_ids: set[str]) -> list[int]:
        return [number for number in numbers if self._ids[index][number] not in answered_ids]

    def _batches(self, answered_ids: set[str], size: int) -> Iterator[Batch]:
        batch: Batch = []
        count = 0
        for index, ids in enumerate(self._ids):
            todo = self._open(index, range(len(ids)), answered_ids)
            for start in range(0, len(todo), size):
                part = todo[start : start + size]
                if batch and count + len(part) > size:
                    yield batch
                    batch, count = [], 0
                batch.append((index, part))
                count += len(part)
        if batch:
            yield batch

    def are_joined(self) -> bool:
        """Join the files of all processes, in the order of the questions; False where some are still open."""
        if self.ranks.ranks < 2:
            return True
        files = [self.ranks.file(self.out, rank) for rank in range(self.ranks.ranks)]
        number = os.open(self.out.parent, os.O_RDONLY)
        try:
            lock_descriptor(number)  # one after the other: the last one sees the answers of all
            return self._join(files)
        finally:
            os.close(number)

    def _join(self, files: Sequence[Path]) -> bool:
        earlier = predictions.reopen(self.out)
        earlier_ids = {one.qa_id for one in earlier}
        answers = {one.qa_id: one for file in files if file.exists() for one in _whole_lines(file)}
        open_ids = [qa_id for ids in self._ids for qa_id in ids if qa_id not in earlier_ids]
        if missing := sum(qa_id not in answers for qa_id in open_ids):
            rank = f"process {self.ranks.rank} of {self.ranks.ranks}"
            say(f"{rank} is done; {missing:,} questions are open with the others")
            return False
        _write(self.out, [*earlier, *(answers[qa_id] for qa_id in open_ids)], files)
        return True


def _whole_lines(file: Path) -> list[Prediction]:
    """Return the answers of a file that another process may be writing."""
    lines = file.read_bytes().rpartition(b"\n")[0].split(b"\n")
    return [predictions.from_dict(parse_json(line), str(file)) for line in lines if line]


def _write(out: Path, answers: Sequence[Prediction], files: Sequence[Path]) -> None:
    """Write all answers and their seconds, and delete the files that they come from."""
    beside = [predictions.seconds_file(file) for file in (out, *files)]
    seconds = "".join(file.read_text(encoding="utf-8") for file in beside if file.exists())
    write_text(out, "".join(predictions.to_line(one) + "\n" for one in answers))
    write_text(beside[0], seconds)
    for file in (*files, *beside[1:], *(file.with_suffix(".run.json") for file in files)):
        file.unlink(missing_ok=True)
