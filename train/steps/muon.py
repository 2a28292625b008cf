"""PyTorch's Muon, which orthogonalises in bfloat16, with float32 where bfloat16 is emulated.

On a CPU without AVX512-BF16 or AMX five Newton-Schulz iterations take 17 to 40 times as long in bfloat16 as in
float32, and were 71 % of a training step of the demo's base.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from surgvqa.eval.models.precision import native_bfloat16
from torch import Tensor


def orthogonalise(
    matrix: Tensor, coefficients: Sequence[float], steps: int, eps: float, dtype: torch.dtype
) -> Tensor:
    """Return a matrix near the closest orthogonal one, by ``steps`` Newton-Schulz iterations in ``dtype``.

    Its singular values end between about 0.7 and 1.2; Muon needs no better (kellerjordan.github.io/posts/muon).
    """
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    out = matrix.to(dtype, copy=True)
    out = out.T if tall else out
    out = out / out.norm().clamp(min=eps)
    for _ in range(steps):
        gram = out @ out.T
        out = torch.addmm(out, torch.addmm(gram, gram, gram, beta=b, alpha=c), out, beta=a)
    return out.T if tall else out


class Muon(torch.optim.Muon):
    """``torch.optim.Muon``; its own step where bfloat16 is native, else the same step in float32."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step."""
        devices = {one.device for group in self.param_groups for one in group["params"]}
        if all(native_bfloat16(device) for device in devices):
            stock_loss: float | None = super().step(closure)  # type: ignore[arg-type, no-untyped-call]
            return stock_loss
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for one in group["params"]:
                if one.grad is not None:
                    self._move(one, one.grad, group)
        return loss

    def _move(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        momentum, rate = group["momentum"], float(group["lr"])
        mean = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
        update = gradient.lerp(mean, momentum) if group["nesterov"] else mean
        update = orthogonalise(
            update, group["ns_coefficients"], group["ns_steps"], group["eps"], torch.float32
        )
        weight.mul_(1 - rate * group["weight_decay"])
        rows, columns = weight.shape  # the original adjustment; `muon()` sets no other
        weight.add_(update.to(weight.dtype), alpha=-rate * math.sqrt(max(1.0, rows / columns)))
