"""Answers while a video runs: every window is answered or said to be dropped, and a slow model doesn't fall behind."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import spoken_clips
from conftest import write_video
from surgvqa.builders.speech.sound import encode_flac
from surgvqa.eval.__main__ import main
from surgvqa.eval.answers import live_stream
from surgvqa.eval.models.audio_graft import from_base, save_ears


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "endo.mp4"
    write_video(path, [100 * number for number in range(31)])  # three seconds of ten frames
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def watch(video: Path, model: Path, out: Path, *options: str) -> int:
    given = ["predict", str(video), "--stream", "--model", str(model), "--out", str(out), "--frames", "2"]
    return main([*given, "--window", "1", "--every", "0.5", "--max-new-tokens", "2", *options])


def test_every_window_is_answered_or_said_to_be_dropped(
    video: Path, bases: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "said.jsonl"
    asked = ("--ask", "Which phase is it?", "--ask", "Is it idle?")
    assert watch(video, bases["qwen2_5_vl"], out, *asked) == 0
    said = [line for line in lines(out) if "prediction" in line]
    ends = sorted({line["end_s"] for line in said})
    dropped = sum(line.get("dropped", 0) for line in lines(out))
    assert len(said) == 2 * len(ends) and len(ends) + dropped == 5  # 1.0, 1.5, 2.0, 2.5, 3.0
    assert {line["question"] for line in said} == {"Which phase is it?", "Is it idle?"}
    for line in said:
        assert line["end_s"] - line["start_s"] == pytest.approx(1.0)
        assert 0 < line["first_token_s"] <= line["delay_s"]


def test_a_slow_model_drops_windows_and_never_falls_behind(
    video: Path, bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = live_stream.answer

    def slow(*args: Any) -> Any:
        time.sleep(0.8)
        return quick(*args)

    monkeypatch.setattr(live_stream, "answer", slow)
    out = tmp_path / "said.jsonl"
    assert watch(video, bases["qwen2_5_vl"], out, "--ask", "Which phase is it?") == 0
    found = lines(out)
    said = [line for line in found if "prediction" in line]
    dropped = [line for line in found if "dropped" in line]
    assert dropped and len(said) + sum(line["dropped"] for line in dropped) == 5
    for line in dropped:  # what comes next is the newest window
        after = found[found.index(line) + 1]
        assert after["end_s"] == line["next_end_s"]


def test_a_spoken_question_is_heard_in_every_window(
    video: Path, bases: dict[str, Path], tmp_path: Path
) -> None:
    whisper = spoken_clips.whisper(tmp_path / "whisper")
    model, processor, ears = from_base(str(bases["qwen2_vl"]), str(whisper), pool=5)
    for part in (model, processor):
        part.save_pretrained(tmp_path / "hears")
    save_ears(ears, tmp_path / "hears")
    asked = tmp_path / "asked.flac"
    asked.write_bytes(encode_flac(spoken_clips.tone("Which phase is it?")))
    out = tmp_path / "said.jsonl"
    assert watch(video, tmp_path / "hears", out, "--ask-aloud", str(asked)) == 0
    assert {line["question"] for line in lines(out) if "prediction" in line} == {"asked.flac"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--stream needs a question: --ask TEXT"),
        (["--ask", "Phase?", "--window", "9"], "lasts 3.0 s, a window 9 s"),
        (["--ask", "Phase?", "--every", "0"], "more than 0 seconds"),
        (["--ask", "Phase?", "--frames", "40"], "the model sees 40; give a longer --window"),
        (["--ask-aloud", "ASKED"], "reads text, it doesn't hear"),
        (["--ask-aloud", "/nowhere.wav"], "there is no sound file /nowhere.wav"),
    ],
)
def test_mistakes_are_one_line(
    video: Path,
    bases: dict[str, Path],
    tmp_path: Path,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = tmp_path / "asked.flac"
    asked.write_bytes(encode_flac(spoken_clips.tone("Which phase is it?")))
    options = [str(asked) if word == "ASKED" else word for word in options]
    assert watch(video, bases["qwen2_5_vl"], tmp_path / "said.jsonl", *options) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("gone.mp4", "no such video file"),
        ("/dev/video99", "no picture from /dev/video99"),
        ("text.mp4", "text.mp4"),
    ],
)
def test_what_is_no_video_is_said(
    bases: dict[str, Path], tmp_path: Path, source: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    path = Path(source) if source.startswith("/dev") else tmp_path / source
    assert watch(path, bases["qwen2_5_vl"], tmp_path / "said.jsonl", "--ask", "Phase?") == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]


def test_questions_belong_to_a_stream(
    bases: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["predict", "data", "--model", str(bases["qwen2_vl"]), "--out", str(tmp_path / "o.jsonl")]
    assert main([*given, "--ask", "Phase?"]) == 2
    assert "go with --stream" in capsys.readouterr().err
