"""Qwen-VL models that hear: a frozen Whisper encoder's frames, pooled and projected, stand at ``<|audio_pad|>``.

The sound goes in at the inner model, because TRL's trainers call that one past the outer ``forward``. Only the
frames of the sound itself become tokens (50 a second, pooled), not Whisper's padding to 30 s: a question of three
seconds is 15 tokens at a pool of 10, not 1,500.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from surgvqa.builders.speech.sound import RATE, Samples
from surgvqa.cards.command import InputError
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    AutoProcessor,
    PreTrainedModel,
    ProcessorMixin,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
)
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VLModel
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

AUDIO_PAD = "<|audio_pad|>"
AUDIO_FOLDER = "audio"  # of a grafted model: Whisper's feature extractor
SAMPLES_PER_FRAME = 320  # two mel hops of 160: 50 encoder frames a second
POOL = 10  # encoder frames per token: five tokens a second
PROJECTOR = "audio_projector"


def token_count(samples: int, pool: int) -> int:
    """Return the number of tokens that a sound of so many samples takes.

    >>> token_count(3 * 16_000, 10), token_count(1, 10)
    (15, 1)
    """
    return math.ceil(math.ceil(samples / SAMPLES_PER_FRAME) / pool)


class AudioQwen2VLConfig(Qwen2VLConfig):
    """Qwen2-VL with ears."""

    model_type = "audio_qwen2_vl"
    sub_configs_defaults: ClassVar[Any] = {
        **Qwen2VLConfig.sub_configs_defaults,
        "audio_config": WhisperConfig,
    }
    audio_config: dict[str, Any] | WhisperConfig | None = None
    audio_token_id: int = 0
    audio_pool: int = POOL


class AudioQwen2_5VLConfig(Qwen2_5_VLConfig):  # noqa: N801 (the family's own spelling)
    """Qwen2.5-VL with ears."""

    model_type = "audio_qwen2_5_vl"
    sub_configs_defaults: ClassVar[Any] = {
        **Qwen2_5_VLConfig.sub_configs_defaults,
        "audio_config": WhisperConfig,
    }
    audio_config: dict[str, Any] | WhisperConfig | None = None
    audio_token_id: int = 0
    audio_pool: int = POOL


class AudioQwen3VLConfig(Qwen3VLConfig):
    """Qwen3-VL with ears."""

    model_type = "audio_qwen3_vl"
    sub_configs_defaults: ClassVar[Any] = {
        **Qwen3VLConfig.sub_configs_defaults,
        "audio_config": WhisperConfig,
    }
    audio_config: dict[str, Any] | WhisperConfig | None = None
    audio_token_id: int = 0
    audio_pool: int = POOL


class Hearing:
    """The inner model's part: sound to embeddings, put where the ids say ``<|audio_pad|>``."""

    config: Any
    audio_tower: WhisperEncoder
    audio_projector: nn.Sequential

    def add_ears(self, config: Any) -> None:
        """Add the frozen encoder and the projector to the language model's width."""
        self.audio_tower = WhisperEncoder._from_config(config.audio_config)
        self.audio_tower.requires_grad_(False)
        width = config.text_config.hidden_size
        self.audio_projector = nn.Sequential(
            nn.LayerNorm(config.audio_config.d_model),
            nn.Linear(config.audio_config.d_model, width),
            nn.GELU(),
            nn.Linear(width, width),
        )

    def get_audio_features(self, input_features: Tensor, audio_frames: Tensor) -> Tensor:
        """Embeddings of all sounds' tokens, end to end: ``tokens x hidden``.

        Args:
            input_features: log-mel, sounds x mels x frames, padded to Whisper's window.
            audio_frames: encoder frames that are sound, for each; the rest is padding and becomes nothing.
        """
        self.audio_tower.eval()  # a trainer's train() reaches it too; frozen is frozen, dropout included
        with torch.no_grad():
            dtype = next(self.audio_tower.parameters()).dtype
            states = self.audio_tower(input_features.to(dtype)).last_hidden_state
        pool = self.config.audio_pool
        pooled_states = [
            torch.stack([part.mean(0) for part in states[index, :count].split(pool)])
            for index, count in enumerate(audio_frames.tolist())
        ]
        width = next(self.audio_projector.parameters()).dtype  # a LoRA run may keep a float32 copy of it
        embeddings: Tensor = self.audio_projector(torch.cat(pooled_states).to(width))
        return embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        *args: Any,
        input_features: Tensor | None = None,
        audio_frames: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """As the family's own, with sounds: ``input_features`` and how many of their frames count."""
        if input_features is None:
            if input_ids is not None and bool((input_ids == self.config.audio_token_id).any()):
                raise ValueError(f"there are {AUDIO_PAD} tokens and no sound for them")
            return super().forward(input_ids, *args, **kwargs)  # type: ignore[misc]
        if input_ids is None or audio_frames is None:
            raise ValueError("sound needs input_ids, to know where it stands, and audio_frames, its lengths")
        embeddings = self.get_audio_features(input_features, audio_frames)
        here = input_ids == self.config.audio_token_id
        if int(here.sum()) != len(embeddings):
            raise ValueError(f"{int(here.sum())} {AUDIO_PAD} tokens, {len(embeddings)} tokens of sound")

        def put(_: nn.Module, __: Any, out: Tensor) -> Tensor:
            return out.masked_scatter(here[..., None].to(out.device), embeddings.to(out.device, out.dtype))

        hook = self.get_input_embeddings().register_forward_hook(put)  # type: ignore[attr-defined]
        try:
            return super().forward(input_ids, *args, **kwargs)  # type: ignore[misc]
        finally:
            hook.remove()


class HearingQwen2VLModel(Hearing, Qwen2VLModel):
    """Qwen2-VL's inner model with ears."""


class HearingQwen2_5VLModel(Hearing, Qwen2_5_VLModel):  # noqa: N801
    """Qwen2.5-VL's inner model with ears."""


class HearingQwen3VLModel(Hearing, Qwen3VLModel):
    """Qwen3-VL's inner model with ears."""


SOUND = ("input_features", "audio_frames")


class SoundGeneration:
    """The outer model's part: it passes sound on, and drops it once it is in the cache."""

    inner: ClassVar[type]

    def __init__(self, config: Any) -> None:
        super().__init__(config)  # type: ignore[call-arg]
        self.model: Any
        self.model.__class__ = self.inner  # the modules the parent made, with our forward
        self.model.add_ears(config)
        self.post_init()  # type: ignore[attr-defined]

    def _validate_model_kwargs(self, model_kwargs: dict[str, Any]) -> None:
        """``generate`` looks for its arguments in the parent's signature, which has no sound."""
        super()._validate_model_kwargs(  # type: ignore[misc]
            {key: value for key, value in model_kwargs.items() if key not in SOUND}
        )

    def prepare_inputs_for_generation(
        self, *args: Any, is_first_iteration: bool = False, **kwargs: Any
    ) -> Any:
        """Return the sound belongs to the prompt: later steps have it in their cache."""
        inputs = super().prepare_inputs_for_generation(  # type: ignore[misc]
            *args, is_first_iteration=is_first_iteration, **kwargs
        )
        if not is_first_iteration and kwargs.get("use_cache", True):
            for key in SOUND:
                inputs.pop(key, None)
        return inputs


class AudioQwen2VLForConditionalGeneration(SoundGeneration, Qwen2VLForConditionalGeneration):
    """Qwen2-VL that hears."""

    config_class = AudioQwen2VLConfig
    inner = HearingQwen2VLModel


class AudioQwen2_5VLForConditionalGeneration(SoundGeneration, Qwen2_5_VLForConditionalGeneration):  # noqa: N801
    """Qwen2.5-VL that hears."""

    config_class = AudioQwen2_5VLConfig
    inner = HearingQwen2_5VLModel


class AudioQwen3VLForConditionalGeneration(SoundGeneration, Qwen3VLForConditionalGeneration):
    """Qwen3-VL that hears."""

    config_class = AudioQwen3VLConfig
    inner = HearingQwen3VLModel


GRAFTS: dict[str, type] = {
    "qwen2_vl": AudioQwen2VLForConditionalGeneration,
    "qwen2_5_vl": AudioQwen2_5VLForConditionalGeneration,
    "qwen3_vl": AudioQwen3VLForConditionalGeneration,
}
HEARING = tuple(_model.config_class.model_type for _model in GRAFTS.values())  # type: ignore[attr-defined]
for _model in GRAFTS.values():
    if _model.config_class.model_type not in CONFIG_MAPPING:  # type: ignore[attr-defined]
        AutoConfig.register(_model.config_class.model_type, _model.config_class)  # type: ignore[attr-defined]
        AutoModelForImageTextToText.register(_model.config_class, _model)  # type: ignore[attr-defined]


def from_base(
    base: str, whisper: str, pool: int = POOL, dtype: str = "auto"
) -> tuple[PreTrainedModel, ProcessorMixin, WhisperFeatureExtractor]:
    """Return a stock Qwen-VL with a stock Whisper's encoder grafted on; the projector starts at random.

    Raises:
        InputError: not a model of the three families, not a Whisper, or a pool below 1.
    """
    if pool < 1:
        raise InputError(f"--audio-pool {pool}: 1 or more encoder frames a token")
    try:
        seeing: Any = AutoModelForImageTextToText.from_pretrained(base, dtype=dtype)
        processor: Any = AutoProcessor.from_pretrained(base)
        hearing: Any = WhisperModel.from_pretrained(whisper, dtype=dtype)
        ears = WhisperFeatureExtractor.from_pretrained(whisper)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot graft {whisper} on {base}: {str(error).splitlines()[0]}") from None
    kind = seeing.config.model_type
    if kind not in GRAFTS:
        raise InputError(f"{base} is a {kind}; the graft knows {', '.join(GRAFTS)}")
    processor.tokenizer.add_special_tokens(
        {"additional_special_tokens": [AUDIO_PAD]}, replace_extra_special_tokens=False
    )
    token = processor.tokenizer.convert_tokens_to_ids(AUDIO_PAD)
    if token >= seeing.get_input_embeddings().num_embeddings:  # Qwen's own have room for hundreds more
        seeing.resize_token_embeddings(token + 1)
        for table in (seeing.get_input_embeddings(), seeing.get_output_embeddings()):
            with torch.no_grad():  # the same for everyone: an adapter must meet the base it was trained on
                table.weight[token] = table.weight[:token].float().mean(0).to(table.weight.dtype)
    base_config = {
        key: value
        for key, value in seeing.config.to_dict().items()
        if key not in ("model_type", "architectures")
    }
    audio_config = hearing.config.to_dict()
    audio_config.pop("_name_or_path", None)  # a place on this disk, which is nobody's business
    graft: Any = GRAFTS[kind]
    config = graft.config_class(
        **base_config, audio_config=audio_config, audio_token_id=token, audio_pool=pool
    )
    model = graft._from_config(config, dtype=seeing.dtype)
    missing, extra_keys = model.load_state_dict(seeing.state_dict(), strict=False)
    lost_keys = [key for key in missing if not key.startswith("model.audio_")]
    if lost_keys or extra_keys:
        raise RuntimeError(f"the graft lost weights: {[*lost_keys, *extra_keys][:5]}")
    model.model.audio_tower.load_state_dict(hearing.encoder.state_dict())
    model.generation_config = seeing.generation_config
    return model, processor, ears


def save_ears(ears: WhisperFeatureExtractor, folder: Path) -> None:
    """Keep the feature extractor beside a grafted model (its own folder: the processor has a file of that name)."""
    ears.save_pretrained(folder / AUDIO_FOLDER)


def load_ears(folder: Path) -> WhisperFeatureExtractor | None:
    """Return the feature extractor of a grafted model, None for a model that reads."""
    path = folder / AUDIO_FOLDER / "preprocessor_config.json"
    if not path.is_file():
        return None
    values = json.loads(path.read_text("utf-8"))
    return WhisperFeatureExtractor(
        **{k: v for k, v in values.items() if not k.endswith("_type") and k != "processor_class"}
    )


def listen(ears: WhisperFeatureExtractor, sounds: Sequence[Samples]) -> dict[str, Tensor]:
    """Sounds of 16 kHz as a model's ``input_features`` and ``audio_frames``.

    Raises:
        InputError: a sound without samples, or longer than the encoder's window.
    """
    longest = ears.n_samples
    for samples in sounds:
        if not 0 < len(samples) <= longest:
            raise InputError(
                f"a sound of {len(samples) / RATE:.1f} s; the model hears up to {longest / RATE:g} s"
            )
    with torch.autocast("cpu", enabled=False):  # a run in bfloat16 looks here too; NumPy has no such type
        features = ears([np.asarray(s) for s in sounds], sampling_rate=RATE, return_tensors="pt")
    frames = torch.tensor([math.ceil(len(samples) / SAMPLES_PER_FRAME) for samples in sounds])
    return {"input_features": features["input_features"], "audio_frames": frames}


def insert_sound(ids: Sequence[int], count: int, tokenizer: Any) -> list[int]:
    """Token ids with ``count`` audio pads at the end of the last user turn, before its ``<|im_end|>``.

    Raises:
        InputError: there is no user turn.
    """
    begin, end = (tokenizer.convert_tokens_to_ids(token) for token in ("<|im_start|>", "<|im_end|>"))
    user = [begin, *tokenizer("user\n", add_special_tokens=False)["input_ids"]]
    starts = [at for at in range(len(ids)) if list(ids[at : at + len(user)]) == user]
    if not starts:
        raise InputError("no user turn to put the sound in; is this a Qwen-VL chat template?")
    close = list(ids).index(end, starts[-1])
    return [*ids[:close], *[tokenizer.convert_tokens_to_ids(AUDIO_PAD)] * count, *ids[close:]]
