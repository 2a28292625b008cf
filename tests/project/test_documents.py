"""What is written to disk has the type that the code and the documentation give it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from surgvqa.builders.__main__ import main
from surgvqa.cards.files.documents import Manifest, Report
from surgvqa.cards.files.json_schema import faults, json_schema, key_table


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
