"""The `evaluate` metrics: loaded by folder and as a Space, giving what `surgvqa-eval score` gives."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import evaluate
import pytest
import yaml
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring.score import score

METRICS = Path(__file__).resolve().parents[3] / "eval" / "metrics"
NAMES = sorted(path.name for path in METRICS.iterdir() if path.is_dir() and path.name != "__pycache__")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate.config, "HF_EVALUATE_OFFLINE", True)
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", str(tmp_path / "metrics"))


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_by_its_folder_without_a_network(name):
    metric = evaluate.load(str(METRICS / name))
    assert metric.name == name
    assert ">>> metric" in metric.inputs_description
    assert metric.citation.startswith("@software")
    assert list(metric.features)[:2] == ["predictions", "references"]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_is_a_whole_space(name):
    folder = METRICS / name
    files = {path.name for path in folder.iterdir() if path.is_file()}
    assert files == {f"{name}.py", "app.py", "README.md", "requirements.txt"}
    header = yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert (header["sdk"], header["app_file"], header["tags"]) == ("gradio", "app.py", ["evaluate", "metric"])
    assert (folder / "requirements.txt").read_text().split() == ["surgvqa"]


def test_it_agrees_with_the_score():
    columns = {
        "predictions": ["The phase is incision", "no", "yes", "left", "", "not left", "top"] * 4,
        "references": ["incision", "yes", "yes", "left", "left", "left", "right"] * 4,
        "kinds": ["phase", "presence", "presence", "side", "side", "side", "side"] * 4,
        "cases": [f"case_{number // 7}" for number in range(28)],
        "choices": [["incision", "idle"], ["yes", "no"], ["yes", "no"], *[["left", "right"]] * 4] * 4,
    }
    rows = [
        Prediction(str(number), "", case, kind, "", "", "", truth, tuple(options), said)
        for number, (said, truth, kind, case, options) in enumerate(zip(*columns.values(), strict=True))
    ]
    metric = evaluate.load(str(METRICS / "surgical_vqa"))
    for rule in ("choice", "word", "substring", "exact"):
        figures = score(rows, rule=rule)
        result = metric.compute(**columns, rule=rule)
        assert result["accuracy"] == figures["accuracy"]
        assert [result["ci95_low"], result["ci95_high"]] == figures["ci95"]
        assert result["by_kind"]["side"] == figures["by_kind"]["side"]["accuracy"]
        assert {name: result[name] for name in figures["accuracy_by_rule"]} == figures["accuracy_by_rule"]


def test_batches_give_what_the_whole_gives():
    metric = evaluate.load(str(METRICS / "instrument_sets"))
    said, truth = ["hook", "hook, clipper", "none"], ["hook", "hook", "grasper"]
    whole = metric.compute(predictions=said, references=truth)
    for pair in zip(said, truth, strict=True):
        metric.add(predictions=pair[0], references=pair[1])
    assert metric.compute() == whole
    assert whole["recall"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", NAMES)
def test_the_space_s_page_builds(name, monkeypatch):
    gradio = pytest.importorskip("gradio")
    shown = []
    monkeypatch.setattr(gradio.Interface, "launch", lambda page: shown.append(page))
    runpy.run_path(str(METRICS / name / "app.py"), run_name="__main__")
    (page,) = shown
    metric = evaluate.load(str(METRICS / name))
    given = ['["left"]', '["left"]', '["side"]', '["case_1"]', '[["left", "right"]]'][: len(metric.features)]
    if name == "surgical_positions":
        given = ['["top left"]', '["top-left"]']
    result = page.fn(*given)
    assert result.get("accuracy", result.get("exact")) == 1.0


def test_it_loads_as_a_space_over_http(hub, tmp_path):
    from hub import TOKEN
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=TOKEN)
    api.create_repo("org/surgical_positions", repo_type="space", space_sdk="gradio")
    api.upload_folder(
        folder_path=METRICS / "surgical_positions", repo_id="org/surgical_positions", repo_type="space"
    )
    code = (
        "import evaluate\n"
        "metric = evaluate.load('org/surgical_positions')\n"
        "print(metric.compute(predictions=['top left'], references=['top-left'])['accuracy'])\n"
    )
    environment = os.environ | hub.environment(str(tmp_path / "home"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip().endswith("1.0"), done.stderr
