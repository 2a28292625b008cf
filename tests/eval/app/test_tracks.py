"""The time line and the heading of a clip hold what the source labels, also where a phase ends inside a clip."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from building import build
from surgvqa.builders.sources.synthetic import PHASES
from surgvqa.eval.app.clips import Clips, ShortClip
from surgvqa.eval.app.service import AppInputs, ClipRequest, Service, Strip
from surgvqa.eval.app.tracks import phase_in_words, phases_within, time_line

REQUEST = ClipRequest(data="data", split="test")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tracks")
    build(
        "synthetic", folder / "cases", folder / "data", workers=0, media="none", questions="informative",
        clip_seconds=8.0, source_options={"render_cases": 3, "phase_seconds": 10.0, "size": 64},
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Service:
    return Service(AppInputs(data=[str(folder / "data")]))


def labels(folder: Path, case: str) -> list[tuple[float, float, str]]:
    """The stretches of a case as its own table has them: start, end, phase."""
    path = next((folder / "cases" / PHASES / "annotations" / case).glob("*_phases.csv"))
    rows = csv.DictReader(path.open(encoding="utf-8"))
    return [(float(row["sec"]), float(row["endSec"]), phase_in_words(row["comment"].lower())) for row in rows]


def label_at(stretches: list[tuple[float, float, str]], second: float) -> str:
    return next((label for start, end, label in stretches if start <= second < end), "no phase")


def held(parts: list[Any], second: float) -> str:
    """The phase that a clip's heading gives for a moment."""
    return [part["label"] for part in parts if part["from_s"] <= second][-1]


def test_tracks_heading_strip_and_questions_agree_with_the_labels(folder: Path, service: Service) -> None:
    split = service.clips("data").split("test")
    lines = {line["clip"]: line for line in service.find(REQUEST, Strip(count=200))["clips"]}
    crossing = asked = 0
    for case in split.cases:
        truth = labels(folder, case)
        request = ClipRequest(data="data", split="test", clip=split.of(case)[0].clip_id)
        line = service.case(request)
        assert line["end_s"] >= truth[-1][1]
        stretches = [(one["start_s"], one["end_s"], one["label"]) for one in line["tracks"][0]["stretches"]]
        for tenth in range(int(10 * truth[-1][1])):
            second = tenth / 10 + 0.0005  # not on a border, where milliseconds are rounded
            assert label_at(stretches, second) == label_at(truth, second), (case, second)
        for clip in split.of(case):
            page = service.clip(ClipRequest(data="data", split="test", clip=clip.clip_id))
            assert page["phases"] == lines[clip.clip_id]["phases"]
            crossing += len(page["phases"]) > 1
            for one in split.row(clip.clip_id)["qa"]:
                if one["kind"] == "phase":
                    (second,) = one["evidence_s"]
                    answer = phase_in_words(one["short_answer"])
                    assert held(page["phases"], second) == answer == label_at(truth, second), one
                    asked += 1
    assert crossing > 2 and asked > 5, "phases end inside clips, and are asked for"


def test_of_a_data_set_that_records_no_phases_only_last_moments_are_shown(folder: Path) -> None:
    manifest = json.loads((folder / "data" / "manifest.json").read_text())
    assert set(manifest["courses"]) == set(manifest["splits"])
    clips = Clips(str(folder / "data"))
    clips.__dict__["courses"] = {}  # as of a data set built earlier
    split = clips.split("test")
    case = split.cases[0]
    line = time_line(case, split.scenes(case), clips.courses.get(case, ()))
    truth = labels(folder, case)
    moments = line["tracks"][0]["stretches"]
    assert len(moments) == len(split.of(case))
    for clip, moment in zip(split.of(case), moments, strict=True):
        assert moment["start_s"] == moment["end_s"] <= clip.end_s
        assert moment["label"] == label_at(truth, moment["start_s"])
        assert phases_within((), clip) == [{"label": moment["label"], "from_s": moment["start_s"]}]


def test_a_phase_that_is_labelled_twice_in_a_row_is_one_and_unlabelled_time_stays_empty() -> None:
    def clip(start: float, end: float) -> ShortClip:
        return ShortClip(
            clip_id=f"c@{start}", case_id="c", phase="a", start_s=start, end_s=end, last_s=end, place=0,
            questions=(),
        )  # fmt: skip

    course = [
        {"phase": "port_placement", "start_s": 0.0, "end_s": 3.0},
        {"phase": "port_placement", "start_s": 3.0, "end_s": 5.0},
        {"phase": "idle", "start_s": 9.0, "end_s": 12.0},
    ]
    clips = [(clip(0, 4), None), (clip(4, 10), None), (clip(6, 8), None)]
    line = time_line("c", clips, course)  # type: ignore[arg-type]
    assert [(one["label"], one["start_s"], one["end_s"]) for one in line["tracks"][0]["stretches"]] == [
        ("port placement", 0.0, 5.0),
        ("no phase", 9.0, 12.0),
    ]
    assert line["end_s"] == 12.0
    assert phases_within(course, clips[0][0]) == [{"label": "port placement", "from_s": 0.0}]  # type: ignore[arg-type]
    assert phases_within(course, clips[1][0]) == [  # type: ignore[arg-type]
        {"label": "port placement", "from_s": 4},
        {"label": "no phase", "from_s": 9.0},
    ]
    assert phases_within(course, clips[2][0]) == [{"label": "phase unknown", "from_s": 6}]  # type: ignore[arg-type]
