"""Repair: only what is damaged is built again, and what cannot be mended is said before anything is touched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from building import build
from surgvqa.builders.__main__ import main
from surgvqa.builders.pipeline import parameters
from surgvqa.builders.pipeline import repair as repairing
from surgvqa.builders.pipeline.repair import repair
from surgvqa.builders.pipeline.verify import verify
from surgvqa.builders.sources import synthetic
from surgvqa.cards.command import InputError
from surgvqa.cards.files import sums

RENDER = {"render_cases": 3, "phase_seconds": 5.0, "frame_rate": 2, "size": 64}


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
def whole(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "out"
    who = tmp_path_factory.mktemp("who") / "who.json"
    build(
        "synthetic", root, out, media="clips", workers=0, source_options=RENDER, pointing="box",
        pseudonyms=who,
    )  # fmt: skip
    shutil.copy2(who, out.parent / "who.json")
    return out


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    shutil.copy2(whole.parent / "who.json", tmp_path / "who.json")
    return Path(shutil.copytree(whole, tmp_path / "out"))


def flip(path: Path, at: int = 100) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])


def test_only_what_is_damaged_is_built_again(
    root: Path, whole: Path, copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    want = tree(whole)
    clip = sorted(copy.glob("videos/*/*.mp4"))[0]
    case = clip.name.split("@")[0]
    table = next(p for p in sorted(copy.glob("pointing/*.parquet")))
    flip(clip)
    flip(copy / "report.json")
    flip(copy / "README.md")
    table.unlink()
    kept = {p: p.stat().st_mtime_ns for p in copy.rglob("*") if p.is_file()}
    made: list[str] = []
    real = repairing.build_shard
    monkeypatch.setattr(
        repairing, "build_shard", lambda job, *rest: made.append(job.case.case_id) or real(job, *rest)
    )
    said = ["verify", str(copy), "--repair", str(root), "--pseudonyms", str(copy.parent / "who.json")]
    assert main([*said, "--workers", "0"]) == 0
    assert tree(copy) == want
    assert case in made and len(made) == len(set(made)) <= 2
    changed = {p.relative_to(copy).as_posix() for p, at in kept.items() if p.stat().st_mtime_ns != at}
    assert changed == {clip.relative_to(copy).as_posix(), "report.json", "README.md"}
    out = capsys.readouterr().out
    assert out.count("built again: ") == 4 and "files are as they were written" in out
    assert repair(copy, root, copy.parent / "who.json") == []


def test_the_card_of_any_data_set_is_mended_without_its_source(tmp_path: Path) -> None:
    """Of instruction data, too, which no source builds again."""
    (tmp_path / "talk.json").write_text(
        '[{"id": "1", "image": "a.jpg", "conversations": [{"from": "human", "value": "Which phase?"},'
        ' {"from": "gpt", "value": "Incision."}]}]'
    )
    out = tmp_path / "out"
    said = ["import", str(tmp_path / "talk.json"), "--media", "none", "--max-side", "0", "--out", str(out)]
    assert main(said) == 0
    want = tree(out)
    flip(out / "README.md")
    assert repair(out, tmp_path / "nowhere") == ["README.md"] and tree(out) == want
    flip(out / "report.json")
    with pytest.raises(InputError, match="make it again the way it was made"):
        repair(out, tmp_path / "nowhere")


def test_what_repair_cannot_do_is_said_and_nothing_is_touched(root: Path, copy: Path, tmp_path: Path) -> None:
    who = copy.parent / "who.json"
    clip = sorted(copy.glob("videos/*/*.mp4"))[0]

    def refused(said: str, source: Path = root, names: Path | None = who) -> None:
        before = tree(copy)
        with pytest.raises(InputError, match=said):
            repair(copy, source, names, workers=0)
        assert tree(copy) == before

    (copy / "clips" / "mine.parquet").write_bytes(b"x")
    refused(r"mine\.parquet: there, but not listed: it isn't the data set's")
    (copy / "clips" / "mine.parquet").unlink()

    flip(clip)
    refused("its build had --pseudonyms FILE", names=None)
    other = Path(shutil.copytree(root, tmp_path / "other"))
    for path in other.rglob("*.mp4"):
        with path.open("ab") as file:
            file.write(b"\0" * 8)
    refused("files differ, such as file-", source=other)

    manifest = copy / "manifest.json"
    flip(manifest)
    refused(r"manifest\.json is ")
    flip(manifest)
    changed = json.loads(manifest.read_text()) | {"code": "0" * 64}
    from surgvqa.cards.files.manifest import dump, with_seal

    manifest.write_text(dump(with_seal(changed)))
    refused("written by another version")


def test_a_path_that_was_not_written_down_is_asked_for(root: Path) -> None:
    with pytest.raises(InputError, match=r"--folds folds, whose place isn't written down"):
        parameters.own_options({"source": "cataract1k", "folds": "folds", "fold": 0})


# ---- models


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "surgvqa.json"):
        (folder / name).write_bytes(rng.bytes(300))
    for name in ("checkpoint-7/model.safetensors", "audio/preprocessor_config.json", "training_args.bin", "trainer_state.json",
                 "checkpoint-7/optimizer.pt", "runs/today/events", "checkpoint-7/trainer_state.json"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(rng.bytes(100))
    sums.write(folder)
    (folder / "README.md").write_text("the card comes later")
    sums.update(folder, "README.md")
    return folder


def test_every_flipped_bit_of_an_adapter_is_found_and_its_file_named(adapter: Path) -> None:
    files = [path for path in sorted(adapter.rglob("*")) if path.is_file() and "runs" not in path.parts]
    assert len(files) == 15 and verify(adapter) == 11
    rng = np.random.default_rng(1)
    for number in range(300):
        path = files[number % len(files)]
        data = path.read_bytes()
        at, bit = int(rng.integers(len(data))), int(rng.integers(8))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        with pytest.raises(InputError, match=path.name):
            verify(adapter)
        path.write_bytes(data)
    verify(adapter)
    (adapter / "tokenizer.json").unlink()
    (adapter / "more.safetensors").write_bytes(b"")
    (adapter / "runs/today/events").write_bytes(b"goes on")
    with pytest.raises(InputError, match=r"tokenizer\.json: listed, but not there; more\.safetensors: there"):
        verify(adapter)


def test_the_hashes_are_what_sha256sum_reads(adapter: Path) -> None:
    import subprocess

    tool = shutil.which("sha256sum")
    if tool is None:
        pytest.skip("no sha256sum here")
    assert (
        subprocess.run(
            [tool, "-c", "--strict", "sha256sums.txt"], cwd=adapter, capture_output=True
        ).returncode
        == 0
    )


def test_a_damaged_adapter_is_not_published(adapter: Path) -> None:
    from surgvqa.cards.publish.push import model_files

    files = model_files(adapter)
    assert {"sha256sums.txt", "README.md", "audio/preprocessor_config.json"} <= set(files)
    assert not [name for name in files if "training" in name or "state" in name or "home" in name]
    (adapter / "README.md").write_text("an edited card")
    with pytest.raises(InputError, match="`surgvqa-card model` write the card"):
        model_files(adapter)
    sums.update(adapter, "README.md")
    flip(adapter / "adapter_model.safetensors")
    with pytest.raises(InputError, match=r"adapter_model\.safetensors: its SHA-256"):
        model_files(adapter)
