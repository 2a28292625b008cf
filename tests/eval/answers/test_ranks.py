"""Answers by several processes: the bytes of one, whoever was killed; nothing is asked twice, nothing half is joined."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from colour_clips import row, write
from surgvqa.cards.command import InputError
from surgvqa.eval.__main__ import main
from surgvqa.eval.answers import predict as module
from surgvqa.eval.answers.predict import Run, predict
from surgvqa.eval.answers.ranks import Ranks
from surgvqa.train import tiny


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("base") / "qwen"
    tiny.make("qwen3_vl", out)
    return out


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [row(n, questions=2 + n % 3) for n in range(2, 10)]
    return write(tmp_path_factory.mktemp("clips") / "data", test=rows)


@pytest.fixture(scope="module")
def whole(base: Path, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("whole") / "p.jsonl"
    assert predict(run_of(base, clips, out))
    return out.read_bytes()


def run_of(base: Path, clips: Path, out: Path, **changes: Any) -> Run:
    return Run(data=str(clips), model=str(base), out=out, frames=4, max_new_tokens=4, batch_size=4, **changes)


def as_rank(monkeypatch: pytest.MonkeyPatch, rank: int, ranks: int) -> None:
    for name, value in (("RANK", rank), ("WORLD_SIZE", ranks), ("LOCAL_RANK", rank)):
        monkeypatch.setenv(name, str(value))


@pytest.mark.parametrize("ranks", [2, 3])
def test_several_processes_write_the_bytes_of_one(base, clips, whole, ranks, tmp_path, monkeypatch):
    out, seen = tmp_path / "p.jsonl", []
    stock = module.shown_frames

    def watched(encoder: Any, rows: Any, index: int, *rest: Any) -> Any:
        seen.append((os.environ["RANK"], rows[index]["clip_id"]))
        return stock(encoder, rows, index, *rest)

    monkeypatch.setattr(module, "shown_frames", watched)
    for rank in reversed(range(ranks)):
        as_rank(monkeypatch, rank, ranks)
        assert predict(run_of(base, clips, out)) is (rank == 0)
        assert out.exists() is (rank == 0)
    assert out.read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.jsonl", "p.run.json", "p.seconds.jsonl"]
    seconds = [
        json.loads(line)["qa_id"] for line in (tmp_path / "p.seconds.jsonl").read_text().split("\n") if line
    ]
    assert sorted(seconds) == sorted(json.loads(line)["qa_id"] for line in whole.split(b"\n") if line)
    for rank in {rank for rank, _ in seen}:
        assert 0 < len({clip for one, clip in seen if one == rank}) < 8
    count = len(seen)
    assert predict(run_of(base, clips, out)) and len(seen) == count  # whole: nothing is asked again


def test_a_killed_process_goes_on_and_only_then_all_is_joined(base, clips, whole, tmp_path, monkeypatch):
    out = tmp_path / "p.jsonl"
    as_rank(monkeypatch, 0, 2)
    assert not predict(run_of(base, clips, out))
    part = tmp_path / "p.rank-0-of-2.jsonl"
    lines = part.read_bytes().split(b"\n")
    part.write_bytes(b"\n".join(lines[:2]) + b"\n" + lines[2][:30])
    as_rank(monkeypatch, 1, 2)
    assert not predict(run_of(base, clips, out)) and not out.exists()
    as_rank(monkeypatch, 0, 2)
    assert predict(run_of(base, clips, out))
    assert [json.loads(a)["prediction"] for a in out.read_bytes().splitlines()] == [
        json.loads(b)["prediction"] for b in whole.splitlines()
    ]
    assert [json.loads(a)["qa_id"] for a in out.read_bytes().splitlines()] == [
        json.loads(b)["qa_id"] for b in whole.splitlines()
    ]


def test_answers_of_one_process_before_stay(base, clips, whole, tmp_path, monkeypatch):
    out = tmp_path / "p.jsonl"
    predict(run_of(base, clips, out))
    out.write_bytes(b"".join(whole.splitlines(keepends=True)[:4]))
    for rank in range(2):
        as_rank(monkeypatch, rank, 2)
        assert predict(run_of(base, clips, out)) is (rank == 1)
    assert out.read_bytes() == whole


@pytest.mark.parametrize(
    ("before", "after", "changes", "message"),
    [
        (2, 3, {}, "a run of 2 processes left it, this one has 3; go on with `torchrun --nproc-per-node 2 "),
        (2, 1, {}, "a run of 2 processes left it, this one has 1"),
        (2, 2, {"control": "no-pixels"}, "begun with control = none, asked with no-pixels"),
        (1, 2, {"engine": "vllm"}, "vllm divides the work by itself"),
    ],
)
def test_what_cannot_be_shared_is_refused(
    base, clips, before, after, changes, message, tmp_path, monkeypatch
):
    if before > 1:
        as_rank(monkeypatch, 0, before)
        predict(run_of(base, clips, tmp_path / "p.jsonl"))
    as_rank(monkeypatch, 0, after)
    with pytest.raises(InputError, match=message):
        predict(run_of(base, clips, tmp_path / "p.jsonl", **changes))


def test_an_ensemble_is_refused(base, clips, tmp_path, monkeypatch, capsys):
    as_rank(monkeypatch, 1, 2)
    two = ("--model", str(base), "--model", str(clips), "--ensemble", "vote")
    assert main(["predict", str(clips), *two, "--out", str(tmp_path / "p.jsonl")]) == 2
    assert "--ensemble vote runs in one process" in capsys.readouterr().err


def test_who_was_not_started_by_torchrun_is_alone(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "8")  # a job of Slurm that starts one process
    assert Ranks.of_environment() == Ranks()


@pytest.mark.slow
def test_torchrun_writes_the_bytes_of_one_process(base, clips, whole, tmp_path):
    words = ("predict", str(clips), "--model", str(base), "--out", "p.jsonl", "--frames", "4")
    words += ("--max-new-tokens", "4", "--batch-size", "4")
    two = (
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "surgvqa.eval",
        *words,
    )
    done = subprocess.run([sys.executable, *two], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p.jsonl").read_bytes() == whole
    assert done.stdout.count("next: surgvqa-eval score") == 1
