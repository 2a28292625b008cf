"""After training: the merged model answers as the adapter does, and its folder is what vLLM and the agents want."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import yaml
from peft import LoraConfig, get_peft_model
from surgvqa.cards.command import InputError
from surgvqa.cards.files import sums
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.load import load_model
from surgvqa.train import merge as merging
from surgvqa.train import tiny
from surgvqa.train.__main__ import main
from surgvqa.train.steps.options import LORA_TARGETS
from transformers import AutoModelForImageTextToText, AutoProcessor


def adapter(family: str, folder: Path, media: str = "images", dtype: str = "float32") -> Path:
    """A base, and an adapter with weights that matter."""
    tiny.make(family, folder / "base")
    torch.manual_seed(1)
    model = AutoModelForImageTextToText.from_pretrained(folder / "base", dtype=dtype)
    model.save_pretrained(folder / "base")
    taught = get_peft_model(model, LoraConfig(r=4, target_modules=LORA_TARGETS))
    for name, parameter in taught.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    taught.save_pretrained(folder / "adapter")
    AutoProcessor.from_pretrained(folder / "base").save_pretrained(folder / "adapter")
    Budget(4, media).save(folder / "adapter")  # type: ignore[arg-type]
    return folder / "adapter"


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_merged_answers_as_the_adapter(family: str, dtype: str, tmp_path: Path) -> None:
    taught = adapter(family, tmp_path, dtype=dtype)
    parity = merging.merge(str(taught), tmp_path / "merged", dtype)
    limit = 1e-5 if dtype == "float32" else 1e-3
    assert parity.divergence <= limit and parity.same_next >= 0.95
    if dtype == "float32":
        assert parity.logits <= 1e-5 and parity.same_next == 1
    assert parity.logits <= 5 * 2**-8  # five steps of bfloat16
    loaded = load_model(str(tmp_path / "merged"))
    assert "A model for questions" in (tmp_path / "merged" / "README.md").read_text()
    assert loaded.budget == Budget(4) and str(loaded.model.dtype) == f"torch.{dtype}"
    # the probes see the adapter: without it they are far away
    bare = merging.probe(load_model(str(tmp_path / "base"), dtype), Budget(4))
    assert merging.compare(merging.probe(loaded, Budget(4)), bare).divergence > 10 * limit


def test_a_merge_that_went_wrong_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taught = adapter("qwen2_5_vl", tmp_path)
    monkeypatch.setattr("peft.PeftModel.merge_and_unload", lambda self, **_: self.unload(), raising=False)
    with pytest.raises(InputError, match="merged, answers otherwise than the adapter: logits"):
        merging.merge(str(taught), tmp_path / "merged", "float32")
    assert not (tmp_path / "merged").exists()


def test_vllm_folder_and_the_agents_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taught = adapter("qwen2_5_vl", tmp_path)
    out = tmp_path / "framework"
    (out / "configs").mkdir(parents=True)
    before = '# ours\nport: 8000\nmodel_name: "models/llm/Old"\nserved_model_name: "old"\n# model_repo: "<org>/<model>"\nagents: [a, b]\n'
    (out / "configs" / "global.yaml").write_text(before)
    assert (
        main(["vllm", str(taught), "--out", str(out), "--name", "Cataract-7B", "--repo", "org/cataract"]) == 0
    )
    text = (out / "configs" / "global.yaml").read_text()
    assert yaml.safe_load(text) == {
        "port": 8000,
        "model_name": "models/llm/Cataract-7B",
        "served_model_name": "Cataract-7B",  # what the agents ask the server for
        "model_repo": "org/cataract",
        "agents": ["a", "b"],
    }
    assert (
        text.startswith("# ours\n") and (out / yaml.safe_load(text)["model_name"] / "config.json").is_file()
    )
    assert not (out / "models/llm/Cataract-7B/adapter_config.json").exists()
    assert load_model(str(out / "models/llm/Cataract-7B")).budget == Budget(4)
    processor = AutoProcessor.from_pretrained(out / "models/llm/Cataract-7B")
    limits = processor.image_processor.size
    assert (limits["shortest_edge"], limits["longest_edge"]) == (56 * 56, 512 * 512)  # as it was taught
    smoke = (out / "smoke.sh").read_text()
    assert '--model "$here/models/llm/Cataract-7B"' in smoke and "NAME" not in smoke
    assert "taught on videos" not in capsys.readouterr().err
    assert main(["vllm", str(taught), "--out", str(out), "--name", "Cataract-7B"]) == 2
    assert "is not empty" in capsys.readouterr().err.splitlines()[-1]


def test_vllm_takes_a_whole_model_and_warns_of_videos(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.make("qwen2_5_vl", tmp_path / "whole")
    Budget(4, "video").save(tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "whole" / "checkpoint-1")
    assert main(["vllm", str(tmp_path / "whole"), "--out", str(tmp_path / "f")]) == 0
    assert (tmp_path / "f" / "configs" / "global.yaml").read_text() == (
        'model_name: "models/llm/whole"\nserved_model_name: "whole"\n'
    )
    assert not (tmp_path / "f/models/llm/whole/checkpoint-1").exists()
    assert "will answer otherwise; train with --media images" in capsys.readouterr().err
    assert sums.faults(tmp_path / "f/models/llm/whole") == []
    weights = tmp_path / "f/models/llm/whole/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert (
        main(["vllm", str(weights.parent), "--out", str(tmp_path / "g")]) == 2
    )  # a damaged one isn't handed on
    assert "model.safetensors: its SHA-256 is not" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["merge", "{base}", "--out", "{out}"], "is no adapter (no adapter_config.json)"),
        (["merge", "/nowhere", "--out", "{out}"], "no model /nowhere"),
        (["vllm", "{base}", "--out", "{out}", "--name", "../x"], "--name '../x': letters"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.make("qwen2_5_vl", tmp_path / "base")
    given = [part.format(base=tmp_path / "base", out=tmp_path / "out") for part in arguments]
    assert main(given) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_configuration_we_cannot_change(tmp_path: Path) -> None:
    (tmp_path / "global.yaml").write_text("llm:\n  model_name: nested\n")
    merging.write_global(tmp_path / "global.yaml", "models/llm/a", None)
    assert yaml.safe_load((tmp_path / "global.yaml").read_text()) == {
        "llm": {"model_name": "nested"},
        "model_name": "models/llm/a",
        "served_model_name": "a",
    }
    (tmp_path / "global.yaml").write_text("{model_name: one}")
    with pytest.raises(InputError, match="set by hand model_name: models/llm/a"):
        merging.write_global(tmp_path / "global.yaml", "models/llm/a", None)
    assert (tmp_path / "global.yaml").read_text() == "{model_name: one}"
