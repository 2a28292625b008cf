"""A corpus of odd exports: every element has the place that its tool shows, or its picture is refused by name."""

from pathlib import Path

import pytest
from odd_annotations import CORPUS as TOOLS
from odd_dialects import DIALECTS
from odd_exporters import MORE
from odd_places import PLACES
from odd_platforms import PLATFORMS
from surgvqa.builders.annotations.shapes import Names
from surgvqa.builders.label_exports import exports
from surgvqa.builders.label_exports.export_context import ExportContext
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.cards.command import InputError

CORPUS = TOOLS | MORE | DIALECTS | PLACES | PLATFORMS
NAMES = Names(load("cholecystectomy"))


def test_the_corpus_is_large_enough() -> None:
    assert len(CORPUS) >= 120


@pytest.mark.parametrize("name", CORPUS)
def test_an_odd_export(name: str, tmp_path: Path) -> None:
    odd = CORPUS[name]
    path = odd.make(tmp_path)
    known = ExportContext(NAMES, odd.rate, odd.moments)
    if odd.fault is not None:
        try:
            found = exports.read(path, known)
        except InputError as error:
            said = str(error)
        else:
            assert not found.pictures, "what can't be read whole is read in part"
            said = "; ".join(f"{fault.item}: {fault.cause}" for fault in found.faults)
        assert odd.fault in said
        assert any(file.split("/")[-1] in said for file in odd.files) or str(tmp_path) in said
        return
    found = exports.read(path, known)
    assert not found.faults
    assert odd.note is None or any(odd.note in note.cause for note in found.notes)
    places = {
        one.name if one.time_s is None else one.time_s: {
            node.id: tuple(round(value, 1) for value in node.bbox or node.centroid or ())
            for node in one.nodes
        }
        for one in found.pictures
    }
    right = {
        picture: {thing: tuple(place) for thing, place in things.items()}
        for picture, things in odd.right.items()
    }
    assert places == right
