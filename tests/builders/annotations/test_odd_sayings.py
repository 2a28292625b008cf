"""Exports merged by the command: each has the value that was stated before it was run, or is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from odd_annotations import Odd
from odd_sayings import REFUSED, SAYINGS
from surgvqa.builders.__main__ import main
from surgvqa.builders.frames import frame_labels
from surgvqa.builders.procedures.taxonomy import load


@pytest.mark.parametrize("name", SAYINGS)
def test_an_export_is_read_as_it_was_meant_or_refused(name: str, tmp_path: Path, capsys: Any) -> None:
    files, right, *more = SAYINGS[name]
    into, export = tmp_path / "frames.json", tmp_path / "export"
    frames = [{"image": f"frames/op1/{i}.jpg", "video_id": "op1", "timestamp_s": float(i)} for i in (1, 2)]
    into.write_text(json.dumps(frames))
    export.mkdir()
    path = Odd(files).make(export)
    words = [
        "labels",
        str(path),
        "--into",
        str(into),
        "--taxonomy",
        "cholecystectomy",
        *(more[0] if more else ()),
    ]
    code = main(words)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    if right == REFUSED:
        assert code == 2 and said.count("\n") == 1, said
        return
    assert code == 0, said
    found = frame_labels.read(into, load("cholecystectomy"))
    for frame in found:
        wanted = right.get(Path(frame.image).name)
        boxes = None if frame.tools is None else [one.bbox for one in frame.tools]
        assert boxes == (
            None if wanted is None else [None if box is None else pytest.approx(box) for box in wanted]
        )
