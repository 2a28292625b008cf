"""What learns, in which dtype, how fast and with which optimiser: the parts of a model under LoRA, QLoRA and Muon."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from colour_clips import row, write
from safetensors.torch import load_file
from surgvqa.eval.models.load import load_model
from surgvqa.eval.models.pixels import to_float
from surgvqa.train import sft, tiny
from surgvqa.train.clips import prepare
from surgvqa.train.steps.optimizer import Together, part_of
from torch import nn
from transformers import AutoModelForImageTextToText

LORA = ("--config", "sft_lora.yaml", "--gradient_accumulation_steps", "1", "--warmup_steps", "0")
QLORA = ("--config", "sft_qlora.yaml", "--gradient_accumulation_steps", "1")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clips") / "data", train=[row(number) for number in range(8)])


@pytest.fixture
def arguments(bases: dict[str, Path], clips: Path, tmp_path: Path) -> Callable[..., list[str]]:
    def given(*options: str, family: str = "qwen2_5_vl") -> list[str]:
        return [
            *("--model_name_or_path", str(bases[family]), "--dataset_name", str(clips)),
            *("--output_dir", str(tmp_path / "out"), "--use_cpu", "true", "--save_strategy", "no"),
            *("--logging_steps", "1", "--disable_tqdm", "true", *options),
        ]

    return given


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_only_the_language_model_is_quantised(arguments: Callable[..., list[str]], family: str) -> None:
    from bitsandbytes.nn import Linear4bit

    run = prepare.prepare(arguments(*QLORA, family=family))
    model = run.trainer.model.get_base_model()
    kinds = {
        name: type(getattr(module, "base_layer", module))
        for name, module in model.named_modules()
        if isinstance(getattr(module, "base_layer", module), nn.Linear) and "lora_" not in name
    }
    kinds = {name.removesuffix(".base_layer"): kind for name, kind in kinds.items()}
    language = {name for name in kinds if ".language_model." in name}
    assert len(language) == 2 * 7
    for name, kind in kinds.items():
        assert (kind is Linear4bit) == (name in language), name
    for name, parameter in model.named_parameters():
        if "visual" in name:
            assert parameter.dtype == torch.bfloat16, name
        if parameter.requires_grad:
            assert parameter.dtype == torch.float32, name  # bfloat16 would round small steps away
    quantised = next(m for m in model.modules() if isinstance(m, Linear4bit)).weight.quant_state
    assert quantised.quant_type == "nf4" and quantised.nested


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_quantised_model_sees_what_the_whole_one_sees(
    arguments: Callable[..., list[str]], bases: dict[str, Path], family: str
) -> None:
    run = prepare.prepare(arguments(*QLORA, family=family))
    whole = AutoModelForImageTextToText.from_pretrained(bases[family], dtype=torch.bfloat16).model
    clip = run.encoder.encode(run.rows[0], [0], answered=False)
    pixels = to_float(clip.patches, run.encoder.part)
    with torch.no_grad():
        seen = [
            torch.cat(list(model.get_image_features(pixels, clip.grid, return_dict=True).pooler_output))
            for model in (run.trainer.model.get_base_model().model, whole)
        ]
    assert seen[0].dtype == torch.bfloat16 and torch.equal(*seen)


def test_qlora_learns_and_its_adapter_fits_the_whole_base(
    arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    sft.main(
        arguments(
            *QLORA, "--max_steps", "12", "--learning_rate", "0.01", "--per_device_train_batch_size", "4"
        )
    )
    log = json.loads((tmp_path / "out" / "trainer_state.json").read_text())["log_history"]
    losses = [entry["loss"] for entry in log if "loss" in entry]
    assert losses[-1] < losses[0] - 0.5
    weights = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert len(weights) == 28 and all(tensor.abs().sum() > 0 for tensor in weights.values())
    assert load_model(str(tmp_path / "out"), device="cpu").model


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("checkpointing", ["false", "true"])
def test_vision_lora_and_projector_learn(
    arguments: Callable[..., list[str]],
    tmp_path: Path,
    bases: dict[str, Path],
    family: str,
    checkpointing: str,
) -> None:
    rates = ("--vision_learning_rate", "1e-3", "--projector_learning_rate", "2e-3")
    options = (*LORA, *rates, "--max_steps", "2", "--gradient_checkpointing", checkpointing)
    sft.main(arguments(*options, family=family))
    weights = load_file(tmp_path / "out" / "adapter_model.safetensors")
    second = {key: value for key, value in weights.items() if "lora_B" in key}
    vision = [key for key in second if "visual.blocks" in key]
    assert len(vision) == 2 * (5 if family == "qwen2_5_vl" else 4) and len(second) == len(vision) + 14
    assert all(value.abs().sum() > 0 for value in second.values())
    stock = load_file(bases[family] / "model.safetensors")
    saved = {key: value for key, value in weights.items() if "merger" in key}
    assert saved
    for key, value in saved.items():
        place = next(name for name in stock if key.endswith(name.removeprefix("model.")))
        assert value.shape == stock[place].shape and not torch.equal(value, stock[place]), key
    assert load_model(str(tmp_path / "out"), device="cpu").model  # every weight finds its place


def rates_of(arguments: list[str]) -> dict[tuple[str, str], float]:
    """Learning rate by part and optimiser."""
    trainer = prepare.prepare(arguments).trainer
    optimizer = trainer.create_optimizer()
    names = {parameter: name for name, parameter in trainer.model.named_parameters()}
    parts: dict[tuple[str, str], set[float]] = {}
    for one in optimizer.optimizers if isinstance(optimizer, Together) else [optimizer]:
        for group in one.param_groups:
            for parameter in group["params"]:
                parts.setdefault((part_of(names[parameter]), type(one).__name__), set()).add(group["lr"])
    learnt = [p for p in trainer.model.parameters() if p.requires_grad]
    held = Counter(id(p) for group in optimizer.param_groups for p in group["params"])
    assert held == Counter(map(id, learnt))  # each once
    return {key: value.pop() for key, value in parts.items() if len(value) == 1}


def test_each_part_has_its_rate(arguments: Callable[..., list[str]]) -> None:
    own = ("--vision_learning_rate", "1e-5", "--projector_learning_rate", "2e-4")
    expected = {("language", "AdamW"): 1e-4, ("vision", "AdamW"): 1e-5, ("projector", "AdamW"): 2e-4}
    assert rates_of(arguments(*LORA, *own)) == pytest.approx(expected)
    assert rates_of(arguments(*LORA)) == {("language", "AdamW"): 1e-4}
    assert rates_of(arguments("--learning_rate", "1e-4", *own)) == pytest.approx(expected)
    frozen = ("--learning_rate", "1e-4", "--vision_learning_rate", "0")
    assert set(rates_of(arguments(*frozen))) == {("language", "AdamW"), ("projector", "AdamW")}


def test_muon_takes_the_matrices(arguments: Callable[..., list[str]]) -> None:
    muon = ("--optimizer", "muon", "--learning_rate", "3e-3", "--muon_learning_rate", "0.02")
    expected = {(part, "Muon"): 0.02 for part in ("language", "vision", "projector")}
    expected |= {(part, "AdamW"): 3e-3 for part in ("language", "vision", "projector")}
    assert rates_of(arguments(*muon)) == pytest.approx(expected)
    run = prepare.prepare(arguments(*muon))
    optimizer = run.trainer.create_optimizer()
    names = {parameter: name for name, parameter in run.trainer.model.named_parameters()}
    first, second = optimizer.optimizers
    matrices = {names[p] for group in first.param_groups for p in group["params"]}
    rest = {names[p] for group in second.param_groups for p in group["params"]}
    assert "model.language_model.layers.0.mlp.up_proj.weight" in matrices
    assert {"model.language_model.embed_tokens.weight", "model.visual.patch_embed.proj.weight"} <= rest
    assert all(
        names[p].endswith(("norm.weight", "layernorm.weight", "bias")) or p.ndim != 2 or "embed" in names[p]
        for group in second.param_groups
        for p in group["params"]
    )


def test_muon_steps_follow_the_schedule_and_come_back(tmp_path: Path) -> None:
    """Against PyTorch's two optimisers by hand, and over a save in between, bit for bit."""

    def setup() -> tuple[nn.Module, Together, torch.optim.lr_scheduler.LambdaLR]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 2))
        matrices = [p for p in model.parameters() if p.ndim == 2]
        rest = [p for p in model.parameters() if p.ndim == 1]
        both = [torch.optim.Muon(matrices, lr=0.02), torch.optim.AdamW(rest, lr=3e-3)]
        together = Together(both)
        return model, together, torch.optim.lr_scheduler.LambdaLR(together, lambda step: 1 / (1 + step))

    def step(model: nn.Module, number: int, *optimizers: torch.optim.Optimizer) -> None:
        torch.manual_seed(number)
        model(torch.randn(3, 4)).square().sum().backward()
        for one in optimizers:
            one.step()
        model.zero_grad()

    model, together, schedule = setup()
    for number in range(4):
        step(model, number, together)
        schedule.step()
        if number == 1:
            torch.save([model.state_dict(), together.state_dict(), schedule.state_dict()], tmp_path / "state")
    by_hand, apart, _ = setup()
    for number in range(4):
        for one, rate in zip(apart.optimizers, (0.02, 3e-3), strict=True):
            one.param_groups[0]["lr"] = rate / (1 + number)
        step(by_hand, number, *apart.optimizers)
    again, resumed, late = setup()
    for one, state in zip(
        (again, resumed, late), torch.load(tmp_path / "state", weights_only=True), strict=True
    ):
        one.load_state_dict(state)
    for number in (2, 3):
        step(again, number, resumed)
        late.step()
    for a, b, c in zip(model.parameters(), by_hand.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b) and torch.equal(a, c)


def test_muon_trains(arguments: Callable[..., list[str]], tmp_path: Path) -> None:
    options = ("--optimizer", "muon", "--learning_rate", "3e-3", "--max_steps", "12")
    sft.main(arguments(*options))
    log = json.loads((tmp_path / "out" / "trainer_state.json").read_text())["log_history"]
    losses = [entry["loss"] for entry in log if "loss" in entry]
    assert losses[-1] < 0.8 * losses[0]
