"""`verify` on small folders: what is whole is counted, what isn't is named, and the advice fits."""

from __future__ import annotations

from pathlib import Path

import pytest
from surgvqa.builders.pipeline.staging import STAGING
from surgvqa.builders.pipeline.verify import find_damage, verify
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files import sums


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "clips").mkdir(parents=True)
    for name in ("clips/a.parquet", "clips/b.parquet", "README.md", "report.json"):
        (folder / name).write_text(name)
    manifests.seal(folder, {"schema": 1, "counts": {}})
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors", "tokenizer.json"):
        (folder / name).write_text(name)
    sums.write(folder)
    return folder


def said(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        verify(folder)
    return str(caught.value)


def test_a_whole_data_set_is_counted_with_its_manifest(data: Path) -> None:
    assert find_damage(data) == {} and verify(data) == 5
    (data / ".gitattributes").write_text("x")
    (data / ".cache" / "huggingface").mkdir(parents=True)
    (data / ".cache" / "huggingface" / "x").write_text("x")
    (data / STAGING).mkdir()
    (data / STAGING / "owner").write_text("x")
    assert verify(data) == 5, "what the Hub and a build of the same folder put there isn't of the data set"


def test_a_data_set_without_a_report_is_counted_without_it(data: Path) -> None:
    (data / "report.json").unlink()
    manifests.seal(data, {"schema": 1, "counts": {}})
    assert verify(data) == 4


def test_every_damaged_file_is_named_once_with_what_to_do(data: Path) -> None:
    (data / "clips" / "a.parquet").write_text("other")
    assert said(data).startswith(f"{data}: 1 file damaged: clips/a.parquet: ")
    (data / "clips" / "b.parquet").unlink()
    assert ": 2 files damaged: " in said(data)
    (data / "README.md").write_text("other")
    (data / "clips" / "new.parquet").write_text("x")
    message = said(data)
    assert ": 4 files damaged: " in message and "--repair ROOT` builds them again" in message
    for name in ("clips/a.parquet", "clips/b.parquet", "clips/new.parquet", "README.md"):
        assert find_damage(data)[name].startswith(f"{name}: ") and find_damage(data)[name] in message
    assert len(find_damage(data)) == 4 and message.count("; ") >= 4


def test_a_damaged_manifest_is_refused_before_anything_else(data: Path) -> None:
    path = data / manifests.NAME
    path.write_text(path.read_text().replace("a.parquet", "A.parquet"))
    with pytest.raises(InputError, match="manifest"):
        find_damage(data)


def test_an_unfinished_build_says_so(data: Path) -> None:
    (data / STAGING).mkdir()
    (data / manifests.NAME).unlink()
    assert said(data) == f"{data} is unfinished: a build was interrupted; run the same build again"
    (data / STAGING).rmdir()
    assert "interrupted" not in said(data)


def test_a_whole_model_is_counted_and_a_damaged_one_is_named(model: Path) -> None:
    assert verify(model) == 3
    (model / "tokenizer.json").write_text("other")
    message = said(model)
    assert message.startswith(f"{model}: 1 file damaged: tokenizer.json")
    assert message.endswith(". Train again, or copy the folder again")


def test_a_folder_of_both_is_a_data_set(data: Path) -> None:
    (data / sums.NAME).write_text("x")
    assert sums.NAME in said(data) and "--repair" in said(data)
