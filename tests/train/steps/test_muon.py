"""Muon where bfloat16 is emulated: float32, and the result that bfloat16 would have given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from surgvqa.eval.models import precision
from surgvqa.eval.models.load import load_model
from surgvqa.train import tiny
from surgvqa.train.clips.base_model import load
from surgvqa.train.steps import muon
from surgvqa.train.steps.options import quantisation
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from trl import ModelConfig

ROOT = Path(__file__).resolve().parents[3]


class Products(TorchDispatchMode):
    """The dtypes of all products of matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.dtypes: set[torch.dtype] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func in (torch.ops.aten.mm.default, torch.ops.aten.addmm.default):
            self.dtypes |= {one.dtype for one in args if isinstance(one, torch.Tensor)}
        return func(*args, **(kwargs or {}))


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU without bfloat16."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})


def moved(optimizer: type[torch.optim.Muon], steps: int = 3, **options: float) -> list[torch.Tensor]:
    """Weights after some steps from the same start with the same gradients."""
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(shape)) for shape in ((24, 8), (8, 24), (12, 12))]
    one = optimizer(weights, **options)
    for _ in range(steps):
        for weight in weights:
            weight.grad = torch.randn(weight.shape)
        one.step()
    return [weight.detach() for weight in weights]


@pytest.mark.parametrize("options", [{"lr": 0.02}, {"lr": 0.1, "weight_decay": 0.3, "nesterov": False}])
def test_float32_agrees_with_pytorch(
    emulated: None, options: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the step alone to bfloat16's own rounding; with PyTorch's iteration in float32 too, to float32's."""
    with Products() as seen:
        ours = moved(muon.Muon, **options)
    assert seen.dtypes == {torch.float32}
    with Products() as seen:
        theirs = moved(torch.optim.Muon, **options)
    assert seen.dtypes == {torch.bfloat16}
    for a, b in zip(ours, theirs, strict=True):
        assert (a - b).norm() <= 0.02 * options["lr"] * 3 * b.numel() ** 0.5
    stock = torch.optim._muon._zeropower_via_newtonschulz

    def whole(grad: torch.Tensor, *rest: object) -> torch.Tensor:
        return muon.orthogonalise(grad, *rest, eps, torch.float32)  # type: ignore[arg-type]

    eps = 1e-7
    monkeypatch.setattr(
        torch.optim._muon,
        "_zeropower_via_newtonschulz",
        lambda grad, coefs, steps, eps: whole(grad, coefs, steps),
    )
    for a, b in zip(ours, moved(torch.optim.Muon, **options), strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    matrix = torch.randn(9, 5)
    coefficients = (3.4445, -4.7750, 2.0315)
    ours_half = muon.orthogonalise(matrix, coefficients, 5, eps, torch.bfloat16)
    assert (ours_half - stock(matrix, coefficients, 5, eps)).abs().max() <= 0.02


def test_it_orthogonalises() -> None:
    for shape in ((30, 10), (10, 30)):
        made = muon.orthogonalise(torch.randn(shape), (3.4445, -4.7750, 2.0315), 5, 1e-7, torch.float32)
        values = torch.linalg.svdvals(made)
        assert made.shape == shape and values.min() > 0.6 and values.max() < 1.3


def test_where_it_is_native_the_step_is_pytorchs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muon, "native_bfloat16", lambda device: True)
    for a, b in zip(moved(muon.Muon, lr=0.02), moved(torch.optim.Muon, lr=0.02), strict=True):
        assert torch.equal(a, b)


def test_a_closure_is_called(emulated: None) -> None:
    weight = nn.Parameter(torch.eye(3))
    optimizer = muon.Muon([weight], lr=0.1)

    def closure() -> torch.Tensor:
        loss = weight.square().sum()
        loss.backward()
        return loss

    assert float(optimizer.step(closure)) == 3.0 and not torch.equal(weight, torch.eye(3))


def test_the_environment_is_heard() -> None:
    """PyTorch itself may be kept from the instructions that the CPU has."""
    code = "from surgvqa.eval.models.precision import *; print(native_bfloat16(), dtype_for('auto'), describe_bfloat16())"
    limited = os.environ | {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=limited, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("False float32 bfloat16 isn't native on this CPU")


def test_auto_is_float32_where_bfloat16_is_emulated(emulated: None, tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText

    tiny.make("qwen2_vl", tmp_path / "one")
    AutoModelForImageTextToText.from_pretrained(tmp_path / "one", dtype="bfloat16").save_pretrained(
        tmp_path / "one"
    )
    where = str(tmp_path / "one")
    assert load_model(where, device="cpu").model.dtype == torch.float32
    assert load_model(where, "bfloat16", "cpu").model.dtype == torch.bfloat16  # asked for by name
    auto = ModelConfig(model_name_or_path=where, dtype="auto", load_in_4bit=True)
    config = quantisation(auto, "cpu")
    assert config is not None and config.bnb_4bit_compute_dtype == torch.float32
    plain = ModelConfig(model_name_or_path=where, dtype="auto")
    assert load(plain, "cpu")[1].dtype == torch.float32
    assert precision.dtype_for("auto", "cuda") == "auto"


def test_no_other_muon_is_used() -> None:
    for path in [*ROOT.glob("train/**/*.py"), *ROOT.glob("eval/**/*.py")]:
        if path.name != "muon.py":
            assert "optim.Muon(" not in path.read_text(encoding="utf-8"), path
