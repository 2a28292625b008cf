"""LoRA targets read from the model: every linear layer of its language model, whatever its name.

A list of names (``q_proj``, ``mlp.up_proj``, …) misses what a new family brings: of a Qwen3.5 it left every projection
of the linear attention without an adapter, in silence.
"""

from __future__ import annotations

import re
from typing import Any

from surgvqa.cards.command import InputError
from surgvqa.train.steps.optimizer import part_of
from torch import nn

HEADS = re.compile(r"(^|\.)(lm_head|embed_tokens)(\.|$)")


def language_model(model: Any) -> tuple[str, nn.Module]:
    """Return the language model inside a model, without its head, and its full name.

    Raises:
        InputError: transformers doesn't say which part it is.
    """
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else None
    full_name = next((name for name, module in model.named_modules() if module is decoder and name), None)
    if full_name is None:
        raise InputError(
            f"transformers doesn't say which part of a {model.config.model_type} is its language model; "
            "give --lora_target_modules"
        )
    return full_name, decoder  # type: ignore[return-value]


def linears(model: Any) -> list[str]:
    """Return the full names of the linear layers of its language model, quantised or not; heads are none.

    Raises:
        InputError: as ``language_model``; a language model without one.
    """
    prefix, decoder = language_model(model)
    names = [
        f"{prefix}.{name}"
        for name, module in decoder.named_modules()
        if isinstance(module, nn.Linear) and not HEADS.search(name)
    ]
    if not names:
        raise InputError(
            f"the language model of a {model.config.model_type} has no linear layer; give --lora_target_modules"
        )
    return names


def of_tower(model: Any) -> list[str]:
    """Return the full names of the linear layers of a model's vision tower."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and part_of(f"{name}.weight") == "vision"
    ]


def pattern(names: list[str]) -> str:
    r"""One regular expression for some modules, the numbers in their names left open.

    >>> pattern(["m.layers.0.up", "m.layers.1.up", "m.layers.1.down"])
    'm\\.layers\\.\\d+\\.down|m\\.layers\\.\\d+\\.up'
    """
    kinds = {re.sub(r"(?<=\.)\d+(?=\.)", r"\\d+", re.escape(name).replace(r"\.", ".")) for name in names}
    return "|".join(kind.replace(".", r"\.") for kind in sorted(kinds))


def without_adapter(model: Any) -> list[str]:
    """Kinds of the language model's weights of two and more dimensions that have no adapter, numbers left out.

    Args:
        model: with its adapter on.

    ``mlp.experts.gate_up_proj`` of a mixture of experts is one: a weight, no layer, for ``--lora_target_parameters``.
    """
    base = model.get_base_model()
    _, decoder = language_model(base)
    adapted_layers = {name for name, module in decoder.named_modules() if hasattr(module, "lora_A")}
    out = set()
    for name, weight in decoder.named_parameters():
        owner = name.rpartition(".")[0]
        inside = any(owner == one or owner.startswith(f"{one}.") for one in adapted_layers)
        if weight.ndim >= 2 and not inside and "lora_" not in name:
            out.add(re.sub(r"(^|\.)\d+\.", r"\1", name.removesuffix(".weight")).removeprefix("layers."))
    return sorted(out)


def coverage(model: Any) -> tuple[int, int]:
    """Return the number of the language model's linear layers with an adapter, and of all.

    Args:
        model: with its adapter on.
    """
    base = model.get_base_model()
    _, decoder = language_model(base)
    adapted_layers = {name for name, module in decoder.named_modules() if hasattr(module, "lora_A")}
    kinds = [
        name
        for name, module in decoder.named_modules()
        if not HEADS.search(name)
        and (
            name in adapted_layers
            or (isinstance(module, nn.Linear) and "lora_" not in name and "base_layer" not in name)
        )
    ]
    return len(adapted_layers & set(kinds)), len(kinds)
