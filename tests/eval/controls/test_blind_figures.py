"""A guesser's figure is the same wherever it is named: build table, card, app, score, baselines."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from building import build
from surgvqa.builders.pipeline.report import blind_table
from surgvqa.eval.__main__ import main
from surgvqa.eval.app.service import figures_of
from surgvqa.eval.app.tracks import in_words
from surgvqa.eval.controls.benchmark_audit import audit
from surgvqa.eval.data.predictions import to_line
from surgvqa.eval.data.reference import questions

SHOWN = {"majority": "blind_majority", "text": "blind_by_text", "words": "blind_words"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blind")
    build(
        "synthetic", folder / "cases", folder / "data", workers=0, media="none", questions="informative",
        test_cases=["case_0001", "case_0002", "case_0003", "case_0004"], on_error="quarantine",
        source_options={"render_cases": 10, "phase_seconds": 9.0, "size": 160, "frame_rate": 2},
    )  # fmt: skip
    return folder / "data"


@pytest.fixture(scope="module")
def kinds(data: Path) -> dict[str, dict[str, Any]]:
    """The kinds of the report that guessers were asked."""
    every = json.loads((data / "report.json").read_text())["kinds"]
    return {kind: facts for kind, facts in every.items() if facts["blind_majority"] is not None}


def test_the_best_is_the_best_of_those_shown(kinds: dict[str, dict[str, Any]]) -> None:
    assert len(kinds) > 8 and {"box", "instruments", "phase"} <= set(kinds)
    for kind, facts in kinds.items():
        assert facts["blind_best"] == max(facts[key] for key in SHOWN.values()), kind


def test_build_table_and_app_show_the_report_s_figures(data: Path, kinds: dict[str, dict[str, Any]]) -> None:
    table = {
        line.split()[0]: line
        for line in blind_table(json.loads((data / "report.json").read_text())).splitlines()
    }
    title, lines = figures_of(data, None)
    app = {line["kind"]: line for line in lines}
    assert title.startswith("test: ")
    for kind, facts in kinds.items():
        shares = [*(facts[key] for key in SHOWN.values()), facts["blind_best"]]
        assert re.findall(r"\d+%", table[kind])[:4] == [f"{share:.0%}" for share in shares]
        line = app[in_words(kind)]
        assert (line["majority"], line["best"]) == (f"{100 * shares[0]:.1f} %", f"{100 * shares[3]:.1f} %")
        assert line["questions"] == str(facts["n_blind"])


def test_the_card_shows_the_report_s_figures(data: Path, kinds: dict[str, dict[str, Any]]) -> None:
    card = (data / "README.md").read_text()
    for kind, facts in kinds.items():
        row = next(line for line in card.splitlines() if line.startswith(f"| `{kind}` |"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        shares = [*(facts[key] for key in SHOWN.values()), facts["blind_best"]]
        assert cells[-4:] == [f"{100 * share:.1f} %" for share in shares]


def test_score_and_baselines_measure_what_the_build_measured(
    data: Path, kinds: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "answers.jsonl").write_text(
        "".join(to_line(replace(one, prediction="?")) + "\n" for one in questions(data, "test"))
    )
    assert (
        main(
            [
                "score",
                str(tmp_path / "answers.jsonl"),
                "--data",
                str(data),
                "--out",
                str(tmp_path / "score.json"),
            ]
        )
        == 0
    )
    assert main(["baselines", str(data), "--out", str(tmp_path / "baselines.json")]) == 0
    score = json.loads((tmp_path / "score.json").read_text())["by_kind"]
    runs = json.loads((tmp_path / "baselines.json").read_text())["runs"]
    for kind, facts in kinds.items():
        assert score[kind]["n"] == facts["n_blind"]
        near = {"abs": 0.0001}  # the report has four digits
        assert score[kind]["blind_majority"] == pytest.approx(facts["blind_majority"], **near), kind
        assert score[kind]["chance"] == pytest.approx(facts["chance"], **near), kind
        for name in ("majority", "text"):
            share = runs[name]["by_kind"][kind]["accuracy"]
            assert share == pytest.approx(facts[SHOWN[name]], **near), (kind, name)


def test_an_audit_of_a_data_set_learns_on_its_train_split(
    data: Path, kinds: dict[str, dict[str, Any]]
) -> None:
    """And finds each clip's window and the evidence in config `qa`."""
    (file,) = audit([data]).files
    assert file.learn_on == "its train split"
    assert not any(what.startswith(("evidence", "windows")) for what in file.not_checked)
    shares = {kind.kind: kind.guessers for kind in file.kinds}
    names = {"phase", "count", "instruments", "presence"} & kinds.keys()
    assert len(names) > 2
    for kind in names:
        for name in ("majority", "text"):
            assert shares[kind][name] == pytest.approx(kinds[kind][SHOWN[name]], abs=0.0001), (kind, name)
