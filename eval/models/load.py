"""A model to be asked: a base model or an adapter, its processor, and what it was taught to see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel
from surgvqa.cards.command import InputError
from surgvqa.cards.files import sums
from surgvqa.eval.models.audio_graft import load_ears
from surgvqa.eval.models.budget import BUDGET_FILE, Budget
from surgvqa.eval.models.pixels import normalise_on_device
from surgvqa.eval.models.precision import dtype_for
from surgvqa.eval.models.processor_encoder import PATCH_FAMILIES
from surgvqa.eval.models.vision_attention import side_by_side
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    AutoProcessor,
    PreTrainedModel,
    ProcessorMixin,
    WhisperFeatureExtractor,
)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in evaluation mode, its processor, and its budget where the folder has one."""

    model: PreTrainedModel
    processor: ProcessorMixin
    budget: Budget | None
    extractor: WhisperFeatureExtractor | None = None  # of a model that hears

    @property
    def model_type(self) -> str:
        """The name that tells families apart."""
        kind: str = self.model.config.model_type
        return kind


def load_model(
    where: str, dtype: str = "auto", device: str | None = None, base: str | None = None
) -> LoadedModel:
    """Load a base model or an adapter, from a folder or the Hub.

    Args:
        where: a folder or a Hub name; one with ``adapter_config.json`` is an adapter.
        dtype: float32, bfloat16, or auto: the checkpoint's, but float32 on a CPU that emulates bfloat16.
        device: cuda, cpu; by default the first that there is.
        base: the adapter's base model, where it isn't at the path its configuration names.

    Raises:
        InputError: nothing there; an adapter whose weights don't all find their place.
    """
    found_parts = parts(where, base)
    source, config = found_parts.source, found_parts.adapter
    processor = found_parts.processor
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        model: Any = AutoModelForImageTextToText.from_pretrained(source, dtype=dtype_for(dtype, device))
    except (OSError, ValueError) as error:
        hint = "; give --base MODEL" if config else ""
        raise InputError(f"cannot load {where}: {str(error).splitlines()[0]}{hint}") from None
    if config is not None:
        model = add_adapter(model, found_parts)
    model.to(device).eval()
    side_by_side(model)
    if found_parts.model_type in PATCH_FAMILIES:
        normalise_on_device(model, processor)
    return LoadedModel(model, processor, found_parts.budget, found_parts.extractor)


def add_adapter(model: PreTrainedModel, model_parts: Parts, trainable: bool = False) -> PeftModel:
    """Return the base model with its adapter on top.

    Raises:
        InputError: weights of the adapter that don't find their place.
    """
    assert model_parts.adapter is not None
    model_parts.adapter.inference_mode = not trainable
    peft_model = PeftModel(model, model_parts.adapter)
    load_report = peft_model.load_adapter(str(model_parts.folder), "default", is_trainable=trainable)
    wrong = [key for key in load_report.missing_keys if "lora_" in key or "modules_to_save" in key]
    wrong += load_report.unexpected_keys
    if wrong:
        raise InputError(
            f"{model_parts.folder} doesn't fit its base model {model_parts.source}: {len(wrong)} weights without a place, "
            f"the first {wrong[0]}; it would change nothing, or the wrong thing"
        )
    return peft_model


@dataclass(frozen=True, slots=True)
class Parts:
    """The facts of a model's folder, before any weight is read."""

    folder: Path
    source: str  # whose weights: the folder itself, or an adapter's base
    adapter: PeftConfig | None
    processor: ProcessorMixin
    budget: Budget | None
    extractor: WhisperFeatureExtractor | None  # of a model that hears: what its Whisper is given

    @property
    def pool(self) -> int:
        """Encoder frames per token of a model that hears."""
        frames: int = AutoConfig.from_pretrained(self.source).audio_pool
        return frames

    @property
    def model_type(self) -> str:
        """The name that tells families apart.

        Raises:
            InputError: an adapter whose base isn't there.
        """
        try:
            kind: str = AutoConfig.from_pretrained(self.source).model_type
        except (OSError, ValueError) as error:
            hint = "; give --base MODEL" if self.adapter is not None else ""
            raise InputError(f"cannot load {self.source}: {str(error).splitlines()[0]}{hint}") from None
        return kind


def parts(where: str, base: str | None = None) -> Parts:
    """Processor, budget and base of a model or an adapter.

    Raises:
        InputError: nothing there, not a model, or one that is unfinished or isn't as it was written.
    """
    folder = local(where)
    sums.refuse(folder)
    try:
        adapter = (folder / "adapter_config.json").is_file()
        config = PeftConfig.from_pretrained(str(folder)) if adapter else None
        processor: ProcessorMixin = AutoProcessor.from_pretrained(folder)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise InputError(f"cannot load {where}: {str(error).splitlines()[0]}") from None
    source = base or str(config.base_model_name_or_path) if config else str(folder)
    budget = Budget.load(folder) if (folder / BUDGET_FILE).is_file() else None
    extractor = load_ears(folder)
    if extractor is None and config is not None and Path(source).is_dir():  # a checkpoint has its base's
        extractor = load_ears(Path(source))
    return Parts(folder, source, config, processor, budget, extractor)


def local(where: str) -> Path:
    """Return the folder itself, or the Hub repository's snapshot."""
    if Path(where).is_dir():
        return Path(where)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(where, ignore_patterns=["checkpoint-*", "*.bin", "*.pt", "*.pth"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        raise InputError(f"no model {where}: no such folder, and not on the Hub ({error})") from None
