"""Training a model that hears: what learns, what is saved, what is asked of it, and that it listens."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import families
import numpy as np
import pyarrow.parquet as pq
import pytest
import spoken_clips
import torch
from colour_clips import row
from safetensors.torch import load_file
from surgvqa.cards.command import InputError
from surgvqa.eval.__main__ import main as evaluate
from surgvqa.eval.answers.predict import Run, predict
from surgvqa.eval.controls.necessity import heard_otherwise
from surgvqa.eval.data import predictions
from surgvqa.eval.models.load import load_model
from surgvqa.eval.models.spoken_rows import SpokenClips, load_spoken
from surgvqa.train import audio, tiny
from surgvqa.train.__main__ import main
from surgvqa.train.merge import merge

QUIET = ("--logging_steps", "1", "--disable_tqdm", "true", "--save_strategy", "no", "--report_to", "none")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    train = [row(number) for number in range(24)]
    test = [row(number) for number in range(40, 52)]
    return spoken_clips.write(tmp_path_factory.mktemp("clips") / "data", train=train, test=test)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spoken_clips.whisper(tmp_path_factory.mktemp("whisper"))


def run(model: Path, clips: Path, out: Path, *options: str) -> list[float]:
    """Run a stage in this process; the losses it logged."""
    where = ("--model_name_or_path", str(model), "--dataset_name", str(clips), "--output_dir", str(out))
    audio.main([*where, *QUIET, *options])
    state = json.loads((out / "trainer_state.json").read_text())
    return [entry["loss"] for entry in state["log_history"] if "loss" in entry]


@pytest.fixture(scope="module", params=families.LONG)
def hears(
    request: pytest.FixtureRequest,
    bases: dict[str, Path],
    clips: Path,
    whisper: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Of each family, a model that `surgvqa-train audio` gave ears, aligned for two steps."""
    out = tmp_path_factory.mktemp("hears") / request.param
    stage = ("--config", "audio_align.yaml", "--whisper", str(whisper), "--audio_pool", "5")
    run(bases[request.param], clips, out, *stage, "--max_steps", "2", "--learning_rate", "0.01")
    return out


def test_aligning_moves_the_projector_alone_and_saves_a_whole_model(
    hears: Path, bases: dict[str, Path], whisper: Path
) -> None:
    loaded = load_model(str(hears), device="cpu")
    family = loaded.model.config.model_type.removeprefix("audio_")
    assert loaded.extractor is not None and loaded.extractor.n_samples == 32000
    assert loaded.model.config.audio_pool == 5 and loaded.budget is not None and loaded.budget.frames == 0
    stock = load_model(str(bases[family]), device="cpu").model
    words = stock.get_input_embeddings().num_embeddings
    now = loaded.model.state_dict()
    for name, weight in stock.state_dict().items():
        kept = now[name][:words] if name.endswith(("embed_tokens.weight", "lm_head.weight")) else now[name]
        assert torch.equal(kept, weight), name
    encoder = load_file(whisper / "model.safetensors")
    for name, weight in loaded.model.model.audio_tower.state_dict().items():
        assert torch.equal(encoder[f"encoder.{name}"], weight), name
    bias = loaded.model.model.audio_projector[1].weight
    assert bias.dtype == torch.float32


@pytest.fixture(scope="module")
def spoken(hears: Path, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The adapter of ``hears``, taught for two steps."""
    out = tmp_path_factory.mktemp("spoken") / "adapter"
    lora = ("--config", "audio_lora.yaml", "--max_steps", "2", "--learning_rate", "0.01")
    run(hears, clips, out, *lora, "--gradient_checkpointing", "false")
    return out


def test_the_adapter_holds_lora_and_the_projector_and_answers_every_question(
    hears: Path, spoken: Path, clips: Path, tmp_path: Path
) -> None:
    weights = load_file(spoken / "adapter_model.safetensors")
    assert {("lora" if "lora_" in key else key.split(".")[-3]) for key in weights} == {
        "lora",
        "audio_projector",
    }
    assert all(
        tensor.abs().sum() > 0 for key, tensor in weights.items() if "lora_B" in key or key.endswith("weight")
    )
    before = load_file(hears / "model.safetensors")
    first = next(key for key in weights if key.endswith("audio_projector.1.weight"))
    old = next(value for key, value in before.items() if key.endswith("audio_projector.1.weight"))
    assert not torch.equal(weights[first], old)
    file = tmp_path / "said.jsonl"
    predict(Run(str(clips), str(spoken), file, config="spoken", max_new_tokens=6))
    rows = predictions.read(file)
    assert len(rows) == 36 and not [one for one in rows if one.error]


def test_a_merged_model_still_hears(spoken: Path, clips: Path, tmp_path: Path) -> None:
    merge(str(spoken), tmp_path / "merged", "float32")
    said = []
    for model in (spoken, tmp_path / "merged"):
        file = tmp_path / f"{model.name}.jsonl"
        predict(Run(str(clips), str(model), file, config="spoken", max_new_tokens=6, dtype="float32"))
        said.append([(one.qa_id, one.prediction, one.error) for one in predictions.read(file)])
    assert said[0] == said[1] and not any(error for *_, error in said[0])


def test_questions_asked_together_are_answered_as_alone(hears: Path, clips: Path, tmp_path: Path) -> None:
    for size in (1, 32):
        out = tmp_path / f"{size}.jsonl"
        predict(
            Run(str(clips), str(hears), out, config="spoken", max_new_tokens=6, batch_size=size, frames=None)
        )
    alone, together = (predictions.read(tmp_path / f"{size}.jsonl") for size in (1, 32))
    for one, other in zip(alone, together, strict=True):
        assert (one.qa_id, one.prediction) == (other.qa_id, other.prediction)
        assert one.confidence == pytest.approx(other.confidence, abs=1e-4)


def test_a_shared_sequence_trains_like_one_row_per_question(hears: Path, clips: Path, tmp_path: Path) -> None:
    common = ("--stage", "answer", "--max_steps", "2", "--train_sampling_strategy", "sequential")
    alone = ("--questions-per-sequence", "1", "--per_device_train_batch_size", "6")
    rows = run(hears, clips, tmp_path / "a", *common, *alone, "--learning_rate", "0.001")
    together = ("--per_device_train_batch_size", "2", "--learning_rate", "0.001")
    assert run(hears, clips, tmp_path / "b", *common, *together) == pytest.approx(rows, rel=1e-5)


@pytest.fixture(scope="module")
def learned(clips: Path, whisper: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model that learned from nothing to answer tones about colours."""
    folder = tmp_path_factory.mktemp("learned")
    tiny.make("qwen2_5_vl", folder / "base", "demo")
    run(
        folder / "base",
        clips,
        folder / "run",
        *("--stage", "answer", "--whisper", str(whisper), "--audio_pool", "5", "--max_steps", "30"),
        *(
            "--optimizer",
            "muon",
            "--learning_rate",
            "0.003",
            "--bf16",
            "true",
            "--per_device_train_batch_size",
            "6",
            "--max_pixels",
            "784",
        ),
        *("--lr_scheduler_type", "cosine"),
    )
    return folder / "run"


def answered(model: Path, clips: Path, out: Path, control: str) -> Path:
    file = out / f"{control}.jsonl"
    predict(Run(str(clips), str(model), file, config="spoken", control=control, max_new_tokens=6))
    return file


def test_a_control_changes_the_sound_or_the_prompt_and_nothing_else(clips: Path) -> None:
    spoken = load_spoken(str(clips))
    rows = spoken.splits["test"]
    swapped, told = (heard_otherwise(rows, control, 0) for control in ("swapped-audio", "text-and-audio"))
    assert swapped["sounds"] == heard_otherwise(rows, "swapped-audio", 0)["sounds"]
    for clip, other, written in zip(rows, swapped, told, strict=True):
        for qa, own, place in zip(clip["qa"], clip["sounds"], other["sounds"], strict=True):
            assert spoken.question(own) == qa["question"] != spoken.question(place)
        assert other["messages"] == clip["messages"] and other["images"] == clip["images"]
        for qa, turn in zip(clip["qa"], written["messages"][::2], strict=True):
            assert turn["content"] == f"Answer the spoken question. {qa['question']}"
        assert written["sounds"] == clip["sounds"]
    assert not spoken.silence(0).any() and len(spoken.silence(0)) == len(spoken.read(0)) == spoken.length(0)


def test_it_listens_and_the_gate_says_so(
    learned: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heard, swapped, silent = (
        answered(learned, clips, tmp_path, control) for control in ("none", "swapped-audio", "silence")
    )
    right = [one.prediction == one.short_answer for one in predictions.read(heard)]
    assert np.mean(right) > 0.9
    controls = ["--control", f"swapped-audio={swapped}", "--control", f"silence={silent}"]
    out = tmp_path / "necessity.json"
    assert evaluate(["necessity", str(heard), *controls, "--data", str(clips), "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["listens"] and found["runs"]["swapped-audio"]["fall"] > 0.5
    assert "the score falls by" in capsys.readouterr().out


def test_a_deaf_model_fails_the_gate(
    learned: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = answered(learned, clips, tmp_path, "silence")
    again = tmp_path / "again.jsonl"  # a model that doesn't listen says the same whatever it is played
    again.write_text(silent.read_text())
    with pytest.raises(SystemExit) as left:
        evaluate(["necessity", str(silent), "--control", f"swapped-audio={again}", "--data", str(clips)])
    assert left.value.code == 1
    assert "answers as well with another question's sound" in capsys.readouterr().out


def test_a_control_that_crashed_is_no_proof_of_listening(
    learned: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = answered(learned, clips, tmp_path, "none")
    broken = tmp_path / "broken.jsonl"
    lines = [json.loads(line) for line in heard.read_text().splitlines()]
    broken.write_text("".join(json.dumps(one | {"prediction": "", "error": "boom"}) + "\n" for one in lines))
    assert evaluate(["necessity", str(heard), "--control", f"silence={broken}", "--data", str(clips)]) == 2
    assert "silence: 36 questions have no answer" in capsys.readouterr().err


def broken(clips: Path, folder: Path, **cases: dict[str, Any] | None) -> Path:
    """A copy of a data set whose first sounds of split test are replaced."""
    import shutil

    shutil.copytree(clips, folder)
    rows = pq.read_table(folder / "spoken" / "test-00000.parquet").to_pylist()
    for entry, sound in zip(rows, cases.values(), strict=False):
        entry["audio"] = sound
    spoken_clips.save(folder, "test", rows)
    return folder


def test_a_broken_sound_is_an_error_row_and_never_silence(learned: Path, clips: Path, tmp_path: Path) -> None:
    from surgvqa.builders.speech.sound import encode_flac

    cases = {
        "no sound file": None,
        "is empty (0 bytes)": {"bytes": b"", "path": None},
        "is not a sound file": {"bytes": b"once upon a time, a text", "path": None},
        "is silent": {"bytes": encode_flac(np.zeros(8000, np.float32)), "path": None},
        "lasts over 30 s": {"bytes": encode_flac(np.ones(31 * 16000, np.float32) / 2), "path": None},
        "hears up to 2 s": {"bytes": encode_flac(np.ones(3 * 16000, np.float32) / 2), "path": None},
    }
    data = broken(clips, tmp_path / "data", **cases)
    out = tmp_path / "out.jsonl"
    predict(Run(str(data), str(learned), out, config="spoken", max_new_tokens=6))
    rows = {one.qa_id: one for one in predictions.read(out)}
    asked = [qa["qa_id"] for clip in load_spoken(str(data)).splits["test"] for qa in clip["qa"]]
    assert len(rows) == len(asked) == 36
    for qa_id, cause in zip(asked, cases, strict=False):
        assert cause in (rows[qa_id].error or ""), (cause, rows[qa_id])
    assert not [qa_id for qa_id in asked[len(cases) :] if rows[qa_id].error]


def test_training_refuses_a_missing_sound_before_step_one(learned: Path, clips: Path, tmp_path: Path) -> None:
    data = broken(clips, tmp_path / "data", one=None, two={"bytes": b"", "path": None})
    with pytest.raises(
        InputError, match=r"2 of 108 spoken questions have no sound, the first is 'Which colour"
    ):
        run(learned, data, tmp_path / "out", "--max_steps", "1")


def test_training_on_silence_is_refused(
    learned: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SpokenClips, "read", lambda self, place: np.zeros(8000, np.float32))
    monkeypatch.setattr(SpokenClips, "length", lambda self, place: 8000)
    with pytest.raises(InputError, match="swapping the recordings of two questions leaves the loss"):
        run(learned, clips, tmp_path / "out", "--max_steps", "1")


def test_the_words_are_not_in_the_prompt_and_the_answer_is_short(clips: Path) -> None:
    for task, said in (("answer", "red"), ("transcribe", "Which colour is the image?")):
        spoken = load_spoken(str(clips), task)  # type: ignore[arg-type]
        turns = spoken.splits["train"][0]["messages"]
        assert "colour" not in turns[0]["content"] and turns[1]["content"] == said
        assert spoken.question(spoken.splits["test"][1]["sounds"][1]) == "Is it red?"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stage", "align", "--use_peft", "true"], "leave --use_peft and --load_in_4bit to --stage answer"),
        (["--whisper", "W", "--use_peft", "true"], "an adapter needs a base that is saved"),
        (["--stage", "answer"], "it doesn't hear: `surgvqa-train audio --stage align"),
        (["--whisper", "/nowhere"], "cannot graft /nowhere"),
        (["--whisper", "W", "--audio_pool", "0"], "--audio-pool 0: 1 or more"),
        (["--dataset_name", "PLAIN"], "plain has no config spoken; `surgvqa-build spoken"),
        (["--stage", "sing"], "expected align, answer; found 'sing'"),
    ],
)
def test_mistakes_are_one_line(
    bases: dict[str, Path],
    clips: Path,
    whisper: Path,
    tmp_path: Path,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from colour_clips import write

    plain = write(tmp_path / "plain", train=[row(0)])
    given = ["--model_name_or_path", str(bases["qwen2_vl"]), "--dataset_name", str(clips)]
    options = [{"W": str(whisper), "PLAIN": str(plain)}.get(word, word) for word in options]
    assert main(["audio", *given, "--output_dir", str(tmp_path / "out"), *options]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.search(message, last), last


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--control", "silence"], "--control silence is for spoken questions; give --config spoken"),
        (["--config", "spoken"], "reads, it doesn't hear"),
    ],
)
def test_a_model_that_reads_is_not_asked_by_voice(
    bases: dict[str, Path],
    clips: Path,
    tmp_path: Path,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["predict", str(clips), "--model", str(bases["qwen2_vl"]), "--out", str(tmp_path / "o.jsonl")]
    assert evaluate([*given, *options]) == 2
    assert message in capsys.readouterr().err
