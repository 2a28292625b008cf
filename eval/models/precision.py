"""The precision to compute in: bfloat16 on a card, or on a CPU that has instructions for it.

On a CPU without AVX512-BF16 or AMX (most desktops and laptops) PyTorch emulates it: a product of matrices takes 17 to
40 times float32's time. Everything that picks a precision for a CPU asks here.
"""

from __future__ import annotations

import platform
from typing import Any

import torch


def native_bfloat16(device: str | torch.device = "cpu") -> bool:
    """Whether a device multiplies in bfloat16 without emulating it; of a CPU, as PyTorch may use it.

    ``ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2`` in the environment makes any x86 one that doesn't.
    """
    if torch.device(device).type != "cpu":
        return True
    has: dict[str, Any] = dict(torch.cpu.get_capabilities())
    if platform.machine().lower() in ("x86_64", "amd64"):
        has_avx512 = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
        return has_avx512 and bool(has.get("avx512_bf16") or has.get("amx_bf16"))
    return bool(has.get("bf16") or has.get("sve_bf16"))


def dtype_for(dtype: str | None, device: str | torch.device = "cpu") -> str | None:
    """Return the dtype to load weights in: what was asked for, but float32 for ``auto`` where bfloat16 is emulated.

    >>> dtype_for("float32"), dtype_for("bfloat16")
    ('float32', 'bfloat16')
    """
    return "float32" if dtype == "auto" and not native_bfloat16(device) else dtype


def describe_bfloat16(device: str | torch.device = "cpu") -> str:
    """One line for a person: what a device does with bfloat16."""
    kind = torch.device(device).type
    if kind != "cpu":
        return f"bfloat16 is native on {kind}"
    level = torch.backends.cpu.get_cpu_capability()
    if native_bfloat16(device):
        return f"bfloat16 is native on this CPU ({level})"
    return f"bfloat16 isn't native on this CPU ({level}): --dtype auto and Muon compute in float32"
