"""The configurations of the verbs that make or move whole models: tiny, configs, merge, vllm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from surgvqa.cards.arguments.option import Usage

Family = Literal[
    "qwen2_vl",
    "qwen2_5_vl",
    "qwen3_vl",
    "qwen3_5",
    "qwen3_5_moe",
    "gemma3",
    "gemma4",
    "idefics3",
    "smolvlm",
    "whisper",
]


@dataclass(frozen=True, kw_only=True)
class Tiny:
    """Make a tiny image-text model or Whisper offline, for tests and the demo."""

    family: Annotated[Family, Usage("FAMILY")]
    """qwen2_vl, qwen2_5_vl, qwen3_vl, qwen3_5, qwen3_5_moe, gemma3, gemma4, idefics3 (SmolVLM), smolvlm (SmolVLM2) or whisper"""
    out: Annotated[Path, Usage("DIR")]
    """folder of the checkpoint"""
    size: Literal["test", "demo", "taught"] = "test"
    """demo: one that learns from frames of 56 pixels; taught: the same after `make learn`, as the package has it"""
    seed: Annotated[int, Usage("N", default_text="0")] = 0
    """of the random weights"""


@dataclass(frozen=True, kw_only=True)
class Configs:
    """List our recipes, launch and job files, or print the path of one."""

    name: Annotated[str | None, Usage("NAME", position=True)] = None
    """print where this one lies: $(surgvqa-train configs slurm.sbatch)"""


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Merge an adapter into its base model, and prove it."""

    model: Annotated[str, Usage("MODEL", position=True)]
    """the adapter: folder or Hub name"""
    out: Annotated[Path, Usage("DIR")]
    """folder of the merged model"""
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    """type of the weights"""
    base: Annotated[str | None, Usage("MODEL")] = None
    """the base model, where it has moved"""


@dataclass(frozen=True, kw_only=True)
class Vllm:
    """Write a folder that vLLM serves, and the configs/global.yaml that names it."""

    model: Annotated[str, Usage("MODEL", position=True)]
    """adapter (is merged) or whole model: folder or Hub name"""
    out: Annotated[Path, Usage("DIR")]
    """the framework's folder"""
    name: Annotated[str | None, Usage("NAME", default_text="its folder's")] = None
    """the model's name below models/llm"""
    repo: Annotated[str | None, Usage("ORG/NAME")] = None
    """model_repo: where the server may download it"""
    base: Annotated[str | None, Usage("MODEL")] = None
    """the base model, where it has moved"""
