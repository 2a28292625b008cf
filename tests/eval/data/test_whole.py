"""What a loader refuses: unfinished, unsealed and edited folders, and a case in two splits; strangers' sets load."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import small_data
from datasets import Dataset
from published import seal, write_dataset
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest
from surgvqa.eval.data import reference, streams
from surgvqa.eval.data.dataset import load_clips, load_rows
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.row_frames import frames_of

SHARD = "clips/test-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("built") / "set")


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "set"))


def readers() -> dict[str, Callable[[Path], object]]:
    """Every way in which training, prediction, the app and the evaluation read a folder."""
    return {
        "load_clips": lambda folder: load_clips(str(folder)),
        "load_rows": lambda folder: load_rows(str(folder), "qa"),
        "streams": lambda folder: next(streams.clips(str(folder), "test")),
        "streams.questions": lambda folder: streams.questions(str(folder)),
        "reference": lambda folder: reference.questions(folder, "test"),
    }


def refused(folder: Path, said: str, *names: str) -> None:
    for name in names or readers():
        with pytest.raises(InputError, match=said):
            readers()[name](folder)


@pytest.mark.parametrize("name", readers())
def test_a_finished_folder_is_read(built: Path, name: str) -> None:
    readers()[name](built)


@pytest.mark.parametrize("left", [None, "report.json", "README.md"])
def test_a_folder_without_its_manifest_is_unfinished(copy: Path, left: str | None) -> None:
    """Shards that were published before the manifest was, with and without what comes between."""
    for name in ("manifest.json", "report.json", "README.md"):
        if name != left:
            (copy / name).unlink()
    refused(copy, "is unfinished")


def test_half_of_a_folder_is_unfinished(copy: Path) -> None:
    for name in ("manifest.json", "qa", "clips/train-00000-of-00001.parquet"):
        shutil.rmtree(copy / name) if (copy / name).is_dir() else (copy / name).unlink()
    refused(copy, "is unfinished", "load_clips", "streams")


def test_a_folder_whose_build_goes_on_is_unfinished(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    (copy / ".build").mkdir()
    for path in copy.glob("*/*.parquet"):
        path.rename(path.with_name(path.name.replace("-of-00001", "")))
    refused(copy, "is unfinished")


def test_a_shard_that_broke_off_is_unfinished(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    for path in copy.glob("*/*.parquet"):
        path.write_bytes(path.read_bytes()[:1000])
    refused(copy, "is unfinished")


@pytest.mark.parametrize("seal", ["0" * 64, None])
def test_an_unsealed_manifest_is_refused(copy: Path, seal: str | None) -> None:
    made = json.loads((copy / "manifest.json").read_text())
    made.pop("sha256")
    (copy / "manifest.json").write_text(manifest.dump(made | ({"sha256": seal} if seal else {})))
    refused(copy, r"manifest\.json is damaged")


def test_an_edited_folder_is_refused(copy: Path) -> None:
    both = ("load_clips", "streams")
    path = copy / SHARD
    data = path.read_bytes()
    path.write_bytes(data[:5000] + bytes([data[5000] ^ 1]) + data[5001:])
    refused(copy, "its SHA-256 is not the one", *both)
    path.write_bytes(data + b"\0")
    refused(copy, "bytes, should be", *both)
    path.unlink()
    refused(copy, "listed, but not there")
    path.write_bytes(data)
    shutil.copy(path, copy / "clips" / "test-00001-of-00002.parquet")
    refused(copy, "there, but not listed")
    (copy / "clips" / "test-00001-of-00002.parquet").unlink()
    (copy / "report.json").write_text("{}")
    refused(copy, r"report\.json: its SHA-256")


def test_an_edited_card_is_still_read(copy: Path) -> None:
    with (copy / "README.md").open("a") as file:
        file.write("\nA note of mine.\n")
    assert set(load_clips(str(copy))) == {"train", "validation", "test"}


def leaking(folder: Path, **content: object) -> Path:
    """A sealed folder whose case lies in two splits."""
    rows = small_data.make(pictures=False, clips_per_phase=1)
    rows["test"] += [small_data.clip("case_2", "incision", 500.0, pictures=False)]
    small_data.write(folder, rows)
    manifest.seal(folder, content)
    return folder


def test_a_case_in_two_splits_is_refused(tmp_path: Path) -> None:
    refused(leaking(tmp_path / "set"), "case case_2 is in (train and in test|test and in train)")


def test_what_the_source_itself_divides_is_read(tmp_path: Path) -> None:
    folder = leaking(tmp_path / "set", splits={"case_2": "train+test"})
    for read in readers().values():
        read(folder)


def test_a_strangers_folder_loads_and_its_cases_are_looked_at(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    row = {"clip_id": "1", "case_id": "one", "messages": turns}
    for split, case in (("train", "one"), ("test", "two")):
        Dataset.from_list([row | {"case_id": case}]).to_parquet(tmp_path / "theirs" / f"{split}.parquet")
    assert set(load_rows(str(tmp_path / "theirs"), None)) == {"train", "test"}
    Dataset.from_list([row]).to_parquet(tmp_path / "theirs" / "test.parquet")
    with pytest.raises(InputError, match="case one is in"):
        load_rows(str(tmp_path / "theirs"), None)
    Dataset.from_list([{"question": "a"}]).to_parquet(
        tmp_path / "qa-of-others" / "qa" / "train-00000-of-00001.parquet"
    )
    assert load_rows(str(tmp_path / "qa-of-others"), "qa")["train"].num_rows == 1


def test_another_video_of_the_same_size_is_not_shown(tmp_path: Path, make_video: Callable[..., Path]) -> None:
    """Sizes are compared before the first step, bytes when a video is first shown."""
    folder = write_dataset(tmp_path / "set")
    (folder / "videos" / "train").mkdir(parents=True)
    path = make_video(folder / "videos" / "train" / "a.mp4", [100 * i for i in range(20)])
    seal(folder)
    row = {
        "clip_id": "a@0-2000",
        "video": "videos/train/a.mp4",
        "video_start_s": 0.0,
        "start_s": 0.0,
        "end_s": 2.0,
    }
    frames, _ = frames_of(row, Budget(2), folder)
    assert len(frames) == 2
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    load_rows(str(folder), "clips")
    with pytest.raises(InputError, match=r"a\.mp4: its SHA-256 is not the one"):
        frames_of(row, Budget(2), folder)
