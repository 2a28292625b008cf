"""A model that hears, published and loaded by its name; and its adapter on a base in four bits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import spoken_clips
import torch
from colour_clips import row
from hub import Hub
from surgvqa.cards.__main__ import main as card
from surgvqa.eval.answers.predict import Run, predict
from surgvqa.eval.data import predictions
from surgvqa.eval.models.audio_graft import AUDIO_FOLDER
from surgvqa.eval.models.load import load_model
from surgvqa.train import audio
from torch import nn

QUIET = ("--logging_steps", "1", "--disable_tqdm", "true", "--save_strategy", "no", "--report_to", "none")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = {"train": [row(number) for number in range(8)], "test": [row(number) for number in range(40, 44)]}
    return spoken_clips.write(tmp_path_factory.mktemp("clips") / "data", **rows)


@pytest.fixture(scope="module")
def hears(bases: dict[str, Path], clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `surgvqa-train audio --stage align` leaves after two steps."""
    whisper = spoken_clips.whisper(tmp_path_factory.mktemp("whisper"))
    out = tmp_path_factory.mktemp("hears") / "hears"
    stage = (
        "--config",
        "audio_align.yaml",
        "--whisper",
        str(whisper),
        "--audio_pool",
        "5",
        "--max_steps",
        "2",
    )
    where = ("--model_name_or_path", str(bases["qwen2_5_vl"]), "--dataset_name", str(clips))
    audio.main([*where, "--output_dir", str(out), *stage, *QUIET])
    return out


def asked(model: str, clips: Path, out: Path) -> list[tuple[str, str, str | None]]:
    predict(Run(str(clips), model, out, config="spoken", max_new_tokens=6, dtype="float32"))
    return [(one.qa_id, one.prediction, one.error) for one in predictions.read(out)]


def test_a_published_model_hears_the_same(hub: Hub, hears: Path, clips: Path, tmp_path: Path) -> None:
    assert card(["model", str(hears)]) == 0
    assert card(["push", str(hears), "clinic/hears", "--type", "model"]) == 0
    there = hub.repo("clinic/hears", "model").head.tree
    assert {f"{AUDIO_FOLDER}/preprocessor_config.json", "model.safetensors", "surgvqa.json"} <= set(there)
    assert not [name for name in there if name.endswith((".bin", ".pt", ".pth"))]
    loaded = load_model("clinic/hears", device="cpu")
    assert loaded.extractor is not None and loaded.model.config.audio_pool == 5
    own = load_model(str(hears), device="cpu").model.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in loaded.model.state_dict().items())
    said = asked("clinic/hears", clips, tmp_path / "theirs.jsonl")
    assert said == asked(str(hears), clips, tmp_path / "ours.jsonl")
    assert said and not any(error for *_, error in said)


@pytest.mark.slow
def test_an_adapter_on_four_bits_learns_with_the_ears_left_whole(
    hears: Path, clips: Path, tmp_path: Path
) -> None:
    from bitsandbytes.nn import Linear4bit

    kinds: dict[str, type] = {}
    stock = audio.learn

    def watched(run: object) -> None:
        inner = run.trainer.model.get_base_model()  # type: ignore[attr-defined]
        for name, module in inner.named_modules():
            layer = getattr(module, "base_layer", module)
            if isinstance(layer, nn.Linear) and "lora_" not in name:
                kinds[name.removesuffix(".base_layer")] = type(layer)
        stock(run)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audio, "learn", watched)
        options = ("--config", "audio_lora.yaml", "--load_in_4bit", "true", "--max_steps", "3")
        where = ("--model_name_or_path", str(hears), "--dataset_name", str(clips))
        rates = ("--learning_rate", "0.01", "--gradient_checkpointing", "false")
        audio.main([*where, "--output_dir", str(tmp_path / "out"), *options, *rates, *QUIET])
    assert any(kind is Linear4bit for kind in kinds.values())
    for name, kind in kinds.items():
        assert (kind is Linear4bit) == (".language_model." in name), name
    assert any("audio_tower" in name for name in kinds)
    log = json.loads((tmp_path / "out" / "trainer_state.json").read_text())["log_history"]
    assert all(entry["loss"] == entry["loss"] for entry in log if "loss" in entry)
    said = asked(str(tmp_path / "out"), clips, tmp_path / "said.jsonl")
    assert len(said) == 12 and not any(error for *_, error in said)
