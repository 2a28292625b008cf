"""A data set in lmms-eval: the harness itself, and without it what it calls, give the score's figures."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import small_data
import yaml
from PIL import Image
from surgvqa.eval.__main__ import main

REPLAY = Path(__file__).parents[2] / "support" / "lmms_replay.py"
FIGURES = ("accuracy", "macro_accuracy", "blind_majority", "lift")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A data set, predictions on it, their score, and the task made from the data set."""
    folder = tmp_path_factory.mktemp("lmms")
    rows = small_data.make()
    data = small_data.write(folder / "Cataract set", rows)
    said = small_data.predictions(
        rows, lambda qa, clip: qa["answer"] if clip["start_s"] < 30 else qa["choices"][0]
    )
    said[3]["prediction"] = ""
    predictions = folder / "answers.jsonl"
    predictions.write_text("".join(json.dumps(row) + "\n" for row in said))
    score = folder / "score.json"
    assert main(["score", str(predictions), "--data", str(data), "--out", str(score)]) == 0
    assert main(["lmms", str(data), "--out", str(folder / "tasks")]) == 0
    return rows, folder / "tasks", predictions, json.loads(score.read_text())


def loaded(tasks):
    """The task file with its functions, found as the harness finds them: a module beside the file."""

    class Loader(yaml.SafeLoader):
        pass

    def function(loader, node):
        module, name = loader.construct_scalar(node).split(".")
        spec = importlib.util.spec_from_file_location(module, tasks / f"{module}.py")
        found = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
        return getattr(found, name)

    Loader.add_constructor("!function", function)
    (path,) = tasks.glob("*.yaml")
    return yaml.load(path.read_text(encoding="utf-8"), Loader)  # noqa: S506 - a SafeLoader with one tag


def test_the_task_file_says_what_the_harness_needs(world):
    _, tasks, _, _ = world
    task = loaded(tasks)
    assert task["task"] == "surgvqa_cataract_set"
    assert task["output_type"] == "generate_until"
    assert task["cluster_key"] == "case_id"
    assert task["dataset_path"] == "parquet"
    (shard,) = task["dataset_kwargs"]["data_files"]["test"]
    assert Path(shard).is_file()
    assert [metric["metric"] for metric in task["metric_list"]] == [f"surgvqa_{name}" for name in FIGURES]


def test_its_functions_give_the_score_s_figures(world):
    _, tasks, predictions, score = world
    task = loaded(tasks)
    said = [json.loads(line) for line in predictions.read_text().splitlines()]
    results = [task["process_results"](row, [row["prediction"]]) for row in said]
    for metric in task["metric_list"]:
        figure = metric["aggregation"]([result[metric["metric"]] for result in results])
        assert figure == pytest.approx(score[metric["metric"].removeprefix("surgvqa_")], abs=1e-12)
    scores = [result["surgvqa_accuracy"]["score"] for result in results]
    assert sum(scores) / len(scores) == pytest.approx(score["accuracy_all_kinds"])


def test_its_frames_are_the_clip_s(world):
    rows, tasks, predictions, _ = world
    task = loaded(tasks)
    row = json.loads(predictions.read_text().splitlines()[-1])
    frames = task["doc_to_visual"](row)
    clip = next(clip for clip in rows["test"] if clip["clip_id"] == row["clip_id"])
    assert len(frames) == len(clip["images"]) == 2
    for frame, time in zip(frames, clip["frame_times_s"], strict=True):
        truth = small_data.frame(clip["case_id"], clip["phase"], time)
        assert isinstance(frame, Image.Image)
        assert frame.size == truth.size
        assert max(abs(a - b) for a, b in zip(mean(frame), mean(truth), strict=True)) < 2


def mean(image):
    return [sum(band.tobytes()) / (image.width * image.height) for band in image.convert("RGB").split()]


def test_it_asks_what_predict_asks_unless_told_otherwise(world):
    _, tasks, predictions, _ = world
    task = loaded(tasks)
    row = json.loads(predictions.read_text().splitlines()[0])
    extra = task["lmms_eval_specific_kwargs"]["default"]
    assert task["doc_to_text"](row, lmms_eval_specific_kwargs=extra) == row["question"]
    told = task["doc_to_text"](row, extra | {"choices": True, "post_prompt": "\nBe brief."})
    assert told == f"{row['question']}\nChoices: {'; '.join(row['choices'])}\nBe brief."


def test_the_harness_itself_gives_the_score_s_figures(world, tmp_path):
    python = os.environ.get("SURGVQA_LMMS_PYTHON", sys.executable)
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('lmms_eval') is None)"
    if subprocess.run([python, "-c", probe], cwd=tmp_path).returncode:
        pytest.skip("no lmms-eval; name an interpreter that has it and surgvqa in SURGVQA_LMMS_PYTHON")
    _, tasks, predictions, score = world
    done = subprocess.run(
        [python, str(REPLAY), str(tasks), "surgvqa_cataract_set", str(predictions)],
        cwd=tmp_path,
        env=os.environ | {"HF_HOME": str(tmp_path / "hf")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    for name in FIGURES:
        assert found[f"surgvqa_{name},none"] == pytest.approx(score[name], abs=1e-12)
    assert found["frames"] == 2 * score["n"]
    assert "Which phase is this?" in found["texts"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["nowhere", "--out", "tasks"], "nowhere"),
        (["data", "--out", "tasks", "--split", "dev"], "dev"),
        (["data", "--out", "tasks", "--name", "My Task"], "a-z, 0-9 and _"),
        (["data", "--out", "tasks", "--rule", "fuzzy"], "--rule fuzzy"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(tmp_path, monkeypatch, capsys, more, message):
    monkeypatch.chdir(tmp_path)
    small_data.write(tmp_path / "data", small_data.make(pictures=False, clips_per_phase=1))
    capsys.readouterr()
    assert main(["lmms", *more]) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "tasks").exists()
