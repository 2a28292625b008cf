"""The same bytes from the pool, datatrove's local executor, a two-node Ray cluster and Slurm; a killed worker costs nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from building import build
from surgvqa.builders.pipeline.executors import Engine
from surgvqa.builders.sources import synthetic
from surgvqa.cards.command import InputError

pytest.importorskip("datatrove")
RENDER = {"render_cases": 4, "phase_seconds": 5.0, "frame_rate": 2, "size": 64}


def make(root: Path, out: Path, **options):
    return build("synthetic", root, out, **{"workers": 2, "source_options": RENDER} | options)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rendered") / "root"
    list(synthetic.cases(path, **RENDER))
    return path


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("built") / "out"
    make(root, out, workers=0)
    return tree(out)


def test_unknown_engines_and_slurm_without_a_partition() -> None:
    with pytest.raises(InputError, match="did you mean datatrove-slurm"):
        Engine("datatrove-slrm")
    with pytest.raises(InputError, match="needs --partition"):
        Engine("datatrove-slurm")


@pytest.mark.slow
def test_datatrove_here(root: Path, built: dict[str, bytes], tmp_path: Path) -> None:
    make(root, tmp_path / "out", engine="datatrove-local")
    assert tree(tmp_path / "out") == built


@pytest.mark.slow
def test_a_bad_case_is_named_and_the_others_are_kept(root: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(root, tmp_path / "root"))
    path = next(copy.rglob("case_0002.mp4"))
    data = bytearray(path.read_bytes())
    start = len(data) * 6 // 10
    data[start : start + 4000] = b"\xff" * 4000
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"case_0002\.mp4: "):
        make(copy, tmp_path / "out", engine="datatrove-local")
    assert len([p for p in (tmp_path / "out" / ".build").glob("*.json") if len(p.stem) == 64]) == 3


@pytest.fixture
def two_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Ray cluster of two nodes, two raylets with a core each, on this machine."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_worker_niceness", "0")  # 15 by default: on a busy machine they never run
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80_000_000})
    cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
    import ray

    ray.init(address=cluster.address, log_to_driver=False)
    assert len([node for node in ray.nodes() if node["Alive"]]) == 2
    try:
        yield
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.mark.slow
def test_ray_on_two_nodes_with_a_worker_killed(
    root: Path, built: dict[str, bytes], tmp_path: Path, two_nodes: None
) -> None:
    """The first actor seen at work is killed with SIGKILL; its shard is built again elsewhere."""
    out = tmp_path / "out"
    killed: list[int] = []

    def kill_one() -> None:
        until = time.monotonic() + 120
        while not killed and time.monotonic() < until:
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    at_work = path.read_bytes().startswith(b"ray::RankWorker.run_for_rank")
                except OSError:
                    continue
                # Only of this cluster: its parent raylet is a child of this process' own cluster.
                if at_work and list(out.glob(".build/*.tmp")) and ours(int(path.parent.name)):
                    os.kill(int(path.parent.name), signal.SIGKILL)
                    killed.append(int(path.parent.name))
                    return
            time.sleep(0.005)

    hunter = threading.Thread(target=kill_one)
    hunter.start()
    try:
        make(root, out, engine="datatrove-ray", memory_gb=1)
    finally:
        hunter.join()
    assert killed
    assert tree(out) == built


def ours(pid: int) -> bool:
    """Whether a process descends from this one."""
    while pid > 1:
        if pid == os.getpid():
            return True
        status = Path(f"/proc/{pid}/stat")
        try:
            pid = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


SBATCH = """#!{python}
# Slurm in one file: reads the script's own #SBATCH lines, runs its array's tasks one after the other.
import os, re, subprocess, sys
script = open(sys.argv[-1]).read()
asked = dict(re.findall(r"^#SBATCH --([\\w-]+)=?(.*)$", script, re.M))
open(os.environ["FAKE_SLURM"] + "/asked.json", "a").write(__import__("json").dumps(asked) + "\\n")
if "merge_stats" not in script:
    first, last = map(int, asked["array"].split("%")[0].split("-"))
    for task in range(first, last + 1):
        env = {{**os.environ, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_JOB_ID": "77", "SLURM_NODELIST": "n1",
               "SLURM_NODEID": "0", "RUN_OFFSET": "0", "SLURM_ARRAY_TASK_COUNT": str(last + 1)}}
        subprocess.run(["bash", "-c", script], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print("Submitted batch job 77")
"""
SRUN = """#!/bin/bash
while [[ "$1" == -* ]]; do [[ "$1" == -n ]] && shift; shift; done
exec "$@"
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The commands of a Slurm cluster, on this machine."""
    tools = tmp_path / "slurm"
    tools.mkdir()
    commands = {"sbatch": SBATCH.format(python=sys.executable), "srun": SRUN, "squeue": "#!/bin/bash\n",
                "scontrol": "#!/bin/bash\necho n1\n"}  # fmt: skip
    for name, text in commands.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(tools))
    return tools


@pytest.mark.slow
def test_slurm(root: Path, built: dict[str, bytes], tmp_path: Path, slurm: Path) -> None:
    """The script datatrove hands to sbatch is run as it is; sbatch, srun and squeue alone are ours."""
    make(root, tmp_path / "out", engine="datatrove-slurm", partition="cpu", time="01:30:00")
    assert tree(tmp_path / "out") == built
    asked = [json.loads(line) for line in (slurm / "asked.json").read_text().splitlines()]
    assert (asked[0]["partition"], asked[0]["time"], asked[0]["array"]) == ("cpu", "01:30:00", "0-3%2")


@pytest.mark.slow
def test_slurm_that_loses_a_task_or_refuses(
    root: Path, built: dict[str, bytes], tmp_path: Path, slurm: Path
) -> None:
    text = (slurm / "sbatch").read_text()
    (slurm / "sbatch").write_text(text.replace("range(first, last + 1)", "range(first, last)"))
    with pytest.raises(InputError, match="1 of 4 shards were not built"):
        make(root, tmp_path / "out", engine="datatrove-slurm", partition="cpu")
    assert not (tmp_path / "out" / "manifest.json").exists()
    (slurm / "sbatch").write_text("#!/bin/bash\nexit 1\n")
    with pytest.raises(InputError, match="sbatch didn't take the job"):
        make(root, tmp_path / "out", engine="datatrove-slurm", partition="cpu")
    made = subprocess.run(
        [
            sys.executable, "-m", "surgvqa.builders", "synthetic", "--root", str(root), "--out", str(tmp_path / "out"),
            "--render-cases", "4", "--phase-seconds", "5", "--frame-rate", "2", "--size", "64",
            "--questions", "nine",
        ],
        capture_output=True,
        cwd="/",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert tree(tmp_path / "out") == built, "what is left over from the cluster goes on here"
