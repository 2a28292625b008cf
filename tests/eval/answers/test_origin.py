"""Where answers come from: what `predict` writes beside each of them, and what `score` makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from colour_clips import row, write
from safetensors.torch import load_file, save_file
from surgvqa.cards.command import InputError
from surgvqa.eval.__main__ import main
from surgvqa.eval.answers.predict import Run, predict
from surgvqa.eval.data import columns, predictions
from surgvqa.eval.data.predictions import seconds_file, with_seconds
from surgvqa.train import tiny


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clips") / "data", test=[row(n) for n in range(4)])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("base") / "qwen"
    tiny.make("qwen3_vl", out)
    return out


def ask(base: Path, clips: Path, out: Path, **changes: Any) -> list[predictions.Prediction]:
    predict(Run(data=str(clips), model=str(base), out=out, frames=4, max_new_tokens=4, **changes))
    return predictions.read(out)


def test_each_answer_carries_weights_frames_and_path(base: Path, clips: Path, tmp_path: Path) -> None:
    own = ask(base, clips, tmp_path / "p.jsonl")
    assert {one.path for one in own} == {"transformers, clip shared"} and {one.fallback for one in own} == {
        None
    }
    (weights,) = {one.weights for one in own}
    assert (
        weights == json.loads((tmp_path / "p.run.json").read_text())["weights"] and len(weights or "") == 16
    )
    shown: dict[str, set[str | None]] = {}
    for one in own:
        shown.setdefault(one.clip_id, set()).add(one.frames)
    assert all(len(found) == 1 for found in shown.values()), "the questions of a clip see the same frames"
    assert len({*map(min, shown.values())}) == len(shown), "two clips never do"
    blind = ask(base, clips, tmp_path / "b.jsonl", control="no-pixels")
    assert {one.frames for one in blind}.isdisjoint(one.frames for one in own)


def test_equal_runs_write_equal_answers_and_their_seconds_beside(
    base: Path, clips: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        ask(base, clips, tmp_path / f"{name}.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    took = [json.loads(line) for line in seconds_file(tmp_path / "a.jsonl").read_text().splitlines()]
    assert [one["qa_id"] for one in took] == [one.qa_id for one in predictions.read(tmp_path / "a.jsonl")]
    assert all(one["seconds"] > 0 for one in took)


def test_other_weights_of_the_same_name_are_another_run(base: Path, clips: Path, tmp_path: Path) -> None:
    """A model that was trained on in its folder must not finish the answers of the earlier one."""
    model = tmp_path / "model"
    model.mkdir()
    for path in base.iterdir():
        if path.is_file() and path.name != "sha256sums.txt":
            (model / path.name).write_bytes(path.read_bytes())
    out = tmp_path / "p.jsonl"
    ask(model, clips, out)
    file = model / "model.safetensors"
    tensors = load_file(file)
    name = sorted(tensors)[0]
    save_file(tensors | {name: tensors[name] + 1}, file, {"format": "pt"})
    with pytest.raises(InputError, match="was begun with weights = "):
        predict(Run(data=str(clips), model=str(model), out=out, frames=4, max_new_tokens=4))


def test_a_clip_that_cannot_be_read_has_no_frames(base: Path, tmp_path: Path) -> None:
    short = row(4) | {"images": row(4)["images"][:2]}
    own = ask(base, write(tmp_path / "data", test=[row(0), short]), tmp_path / "p.jsonl")
    assert [one.frames is None for one in own] == [one.error is not None for one in own]
    assert any(one.frames is None for one in own)


def test_score_counts_paths_and_seconds(
    base: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    ask(base, clips, tmp_path / "p.jsonl")
    untaught = (tmp_path / "p.jsonl").read_text()
    (tmp_path / "p.jsonl").write_text(untaught.replace('"prediction": ""', '"prediction": "red"'))
    assert main(["score", str(tmp_path / "p.jsonl"), "--out", str(tmp_path / "s.json")]) == 0
    said = capsys.readouterr().out
    assert "answered by: transformers, clip shared" in said and "s an answer" in said


def test_seconds_survive_a_killed_run_and_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    line = {"qa_id": "q", "kind": "phase", "short_answer": "a", "prediction": "a"}
    path.write_text(json.dumps(line) + "\n")
    beside = seconds_file(path)
    beside.write_text('{"qa_id": "q", "seconds": 0.25}\n{"qa_id": "r", "sec')
    assert [one.seconds for one in columns.read(path).predictions] == [0.25]
    beside.write_text("nothing\n")
    with pytest.raises(InputError, match=r"p\.seconds\.jsonl, line 1: expected a qa_id and its seconds"):
        with_seconds(predictions.read(path), path)


def test_other_projects_columns_of_the_same_names_are_no_digests(tmp_path: Path) -> None:
    row = {
        "qa_id": "q",
        "kind": "phase",
        "short_answer": "a",
        "prediction": "a",
        "frames": ["1.jpg"],
        "weights": 3,
    }
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")
    (own,) = columns.read(tmp_path / "p.jsonl").predictions
    assert own.frames is None and own.weights is None and own.prediction == "a"


def test_a_piece_of_a_line_of_seconds_is_cut_before_the_next_is_written(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    beside = seconds_file(path)
    beside.write_text('{"qa_id": "q", "seconds": 0.25}\n{"qa_id": "r", "sec')
    with predictions.seconds_beside(path) as clock:
        clock.write('{"qa_id": "r", "seconds": 0.5}\n')
    assert [json.loads(line)["qa_id"] for line in beside.read_text().splitlines()] == ["q", "r"]
    with predictions.seconds_beside(tmp_path / "none.jsonl"):
        pass
    assert not seconds_file(tmp_path / "none.jsonl").exists()
