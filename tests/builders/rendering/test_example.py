"""``surgvqa-build new --example``: a folder that needs no editing, labelled as it is drawn, the same every time."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from surgvqa.builders.__main__ import main
from surgvqa.builders.rendering import example
from surgvqa.builders.rendering.laparoscopy import NAMES, PHASES, Laparoscopy


def test_the_example_is_whole_and_builds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example, "CASES", 3)
    monkeypatch.chdir(tmp_path)
    assert main(["new", "gallbladder", "--dir", "lap", "--example"]) == 0
    following = capsys.readouterr().out.splitlines()[-1].removeprefix("next: surgvqa-build ")
    assert main(["new", "gallbladder", "--dir", "lap", "--check"]) == 0
    assert capsys.readouterr().out.count("5 phases") == 4  # the procedure's, and those of each case
    assert main([*following.split(), "--media", "none"]) == 0
    assert (tmp_path / "lap_dataset" / "manifest.json").is_file()
    assert main(["new", "gallbladder", "--dir", "lap", "--example"]) == 2
    assert "holds procedure.yaml, phases.csv, tools.csv already" in capsys.readouterr().err


def test_a_mask_covers_what_is_seen_and_a_table_says_so(tmp_path: Path) -> None:
    made = Laparoscopy(2)
    stretch = next(one for one in made.stretches if one.phase == "clipping")
    picture, labels = made.paint(stretch.start_s + 1)
    assert not labels[~made.inside].any() and not picture[~made.inside].any(), "nothing is outside the field"
    shown = {NAMES[value - 1] for value in np.unique(labels) if value}
    assert {"liver", "gallbladder", *stretch.instruments} <= shown
    assert not shown & (set(NAMES[3:]) - set(stretch.instruments))
    colours = picture[labels == 1 + NAMES.index("liver")].mean(0)
    assert colours[0] > 1.3 * colours[1], "the liver is red, under smoke too"
    _, rows = example.label_moments(made, "lap02")
    for row in rows:
        _, labels = made.paint(float(row[1]))
        assert row[2:] == [int((labels == 1 + k).sum() >= example.LEAST_PIXELS) for k in range(len(NAMES))]


def test_the_phase_does_not_tell_the_instruments() -> None:
    used = {phase: set() for phase in PHASES}
    for number in range(1, 40):
        for stretch in Laparoscopy(number).stretches:
            used[stretch.phase].add(stretch.instruments)
    assert all(len(sets) > 1 for sets in used.values())


def test_two_renderings_are_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example, "CASES", 1)
    sums = []
    for name in ("a", "b"):
        files = example.write("x", tmp_path / name)
        sums.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    assert sums[0] == sums[1]
    with (tmp_path / "a" / "phases.csv").open(encoding="utf-8") as file:
        assert [row["phase"] for row in csv.DictReader(file)] == list(PHASES)
