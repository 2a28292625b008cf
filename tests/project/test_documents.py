"""What is written to disk has the type that the code and the documentation give it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from surgvqa.builders.__main__ import main
from surgvqa.builders.configs.pointing import POINTING_FEATURES
from surgvqa.builders.configs.segmentation import SEGMENTATION_FEATURES
from surgvqa.builders.features import REFERENCE_FEATURES
from surgvqa.builders.row_types import (
    ClipRow,
    InstructRow,
    PointingRow,
    QAColumns,
    QARow,
    SegmentationRow,
    SpokenRow,
)
from surgvqa.builders.schema import FEATURES, QA_COLUMNS, QA_FEATURES
from surgvqa.builders.speech.spoken import SPOKEN_FEATURES
from surgvqa.builders.teachers.samples import INSTRUCT_FEATURES
from surgvqa.cards.command import InputError
from surgvqa.cards.files.documents import Manifest, Report
from surgvqa.cards.files.json_schema import faults, json_schema, key_table
from surgvqa.cards.files.manifest import read


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    words = ["synthetic", "--root", str(folder / "cases"), "--render-cases", "4", "--max-side", "32"]
    assert main([*words, "--frames", "2", "--media", "none", "--out", str(folder / "set")]) == 0
    return folder / "set"


@pytest.mark.parametrize(("name", "document"), [("manifest", Manifest), ("report", Report)])
def test_what_a_build_writes_fits_its_type(built: Path, name: str, document: type) -> None:
    value = json.loads((built / f"{name}.json").read_text("utf-8"))
    assert faults(document, value) == []
    assert faults(document, {**value, "another": 1}) == ["another: Extra inputs are not permitted"]
    lacking = {key: one for key, one in value.items() if key != "dropped"}
    assert faults(document, lacking) == ["dropped: Field required"]


@pytest.mark.parametrize("document", [Manifest, Report])
def test_every_key_is_explained(document: type) -> None:
    schema = json_schema(document)
    parts = [schema, *schema.get("$defs", {}).values()]
    silent = [
        (part["title"], key)
        for part in parts
        for key, field in part["properties"].items()
        if not field.get("description")
    ]
    assert silent == []
    assert all(f"`{key}`" in key_table(document) for key in schema["properties"])


@pytest.mark.parametrize(
    ("row", "features"),
    [
        (ClipRow, REFERENCE_FEATURES),
        (QARow, QA_FEATURES),
        (QAColumns, QA_COLUMNS),
        (PointingRow, POINTING_FEATURES),
        (SegmentationRow, SEGMENTATION_FEATURES),
        (InstructRow, INSTRUCT_FEATURES),
        (SpokenRow, SPOKEN_FEATURES),
    ],
)
def test_rows_have_the_columns_that_parquet_stores(row: type, features: Mapping[str, object]) -> None:
    assert set(row.__annotations__) == set(features)


def test_a_poster_is_of_reference_rows_alone() -> None:
    assert set(REFERENCE_FEATURES) - set(FEATURES) == {"poster", "address"}


@pytest.mark.parametrize("version", [2, "1", None])
def test_a_document_of_a_later_version_is_refused(built: Path, tmp_path: Path, version: object) -> None:
    folder = tmp_path / "later"
    shutil.copytree(built, folder)
    value = json.loads((folder / "manifest.json").read_text("utf-8")) | {"schema": version}
    (folder / "manifest.json").write_text(json.dumps(value), "utf-8")
    with pytest.raises(InputError, match=r"schema .* install a newer one"):
        read(folder)
