"""COCO files that hold pictures of several cases: which case and which moment, from each picture's name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from surgvqa.builders.annotations import outlines
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Omission, Scene
from surgvqa.builders.tabular import clock, find
from surgvqa.builders.tabular.description import Coco


class CaseScene(NamedTuple):
    """A scene and the case that it is of."""

    case: str
    scene: Scene


def read(spec: Coco, path: Path, file_name: str, taxonomy: Taxonomy) -> Iterator[CaseScene | Omission]:
    """Every picture of a file, and what of it could not be read."""
    file = outlines.coco(path, taxonomy, file_name)
    yield from file.faults
    per_second = clock.rate(spec.time, None, None)
    for picture in file.pictures:
        fields = find.fields_of(spec.name, picture.name)
        if fields is None:
            cause = f"its name doesn't fit {' or '.join(spec.name)}, which says case and frame"
            yield Omission(f"{file_name}: {picture.name}", cause, fault=True)
            continue
        time_s = clock.seconds(fields["frame"], spec.time, per_second, f"{file_name}: {picture.name}")
        yield CaseScene(fields["case"], Scene(time_s, picture.width, picture.height, picture.nodes))
