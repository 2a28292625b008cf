from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_clips import write
from PIL import Image
from surgvqa.train import towers
from surgvqa.train.__main__ import main
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    Dinov2Config,
    Dinov2Model,
    SiglipImageProcessor,
    SiglipVisionConfig,
    SiglipVisionModel,
)

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
         "image_size": 32, "patch_size": 8}  # fmt: skip
PIXELS = {"size": {"height": 32, "width": 32}, "crop_size": {"height": 32, "width": 32}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("towers")
    torch.manual_seed(0)
    made = {
        "clip": (CLIPVisionModel(CLIPVisionConfig(**SMALL)), CLIPImageProcessor(**PIXELS)),
        "siglip": (SiglipVisionModel(SiglipVisionConfig(**SMALL)), SiglipImageProcessor(size=PIXELS["size"])),
        "dino": (
            Dinov2Model(Dinov2Config(**{**SMALL, "mlp_ratio": 2})),
            CLIPImageProcessor(**PIXELS),
        ),
    }
    for name, (model, processor) in made.items():
        model.save_pretrained(root / name)
        processor.save_pretrained(root / name)
    assert main(["tiny", "--family", "qwen2_5_vl", "--out", str(root / "qwen")]) == 0
    return {name: str(root / name) for name in (*made, "qwen")}


def test_four_families_in_one_table(
    data: Path, models: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    told = ["towers", "--data", str(data), "--device", "cpu", "--out", str(tmp_path / "t.json"), "--models"]
    assert main([*told, *models.values()]) == 0
    found = json.loads((tmp_path / "t.json").read_text())
    assert set(found) == {"mean colours", "commonest", *models.values()}
    assert found["mean colours"]["phase"]["value"] > 0.9, "a phase is a colour here"
    assert found["mean colours"]["instruments"]["value"] > 0.9, "and a hook a white square"
    for name in models.values():
        assert found[name]["phase"]["value"] > 0.8, "even random towers keep a colour"
        assert found[name]["width"] > 0 and found[name]["phase"]["n"] == 20
    assert found["commonest"]["phase"]["value"] < 0.7
    assert "balanced accuracy" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["clip", "siglip", "dino", "qwen"])
def test_a_picture_has_the_same_features_alone_and_beside_others(name: str, models: dict[str, str]):
    random = np.random.default_rng(0)
    pictures = [Image.fromarray(random.integers(0, 255, (40, 40, 3), dtype=np.uint8)) for _ in range(3)]
    device = torch.device("cpu")
    together = towers.features_of(models[name], pictures, device)
    alone = np.concatenate([towers.features_of(models[name], [one], device) for one in pictures])
    assert np.allclose(together, alone, atol=1e-4) and not np.allclose(together[0], together[1], atol=1e-3)


def test_mistakes_are_told(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    told = ["towers", "--data", str(data), "--device", "cpu", "--models"]
    assert main([*told, str(tmp_path)]) == 2
    assert "no vision model" in capsys.readouterr().err
