"""The model that a run begins with: from a folder or the Hub, quantised if asked for, with ears if it is to hear."""

from __future__ import annotations

import torch
from surgvqa.cards.command import InputError
from surgvqa.eval.models.audio_encoder import Ears
from surgvqa.eval.models.audio_graft import HEARING, from_base, load_ears
from surgvqa.eval.models.load import local
from surgvqa.eval.models.precision import dtype_for
from surgvqa.eval.models.spoken_rows import SpokenClips
from surgvqa.train.steps.options import AudioOptions, TrainingOptions, quantisation
from transformers import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoConfig,
    AutoModelForImageTextToText,
    AutoProcessor,
    PreTrainedModel,
    ProcessorMixin,
    WhisperFeatureExtractor,
)
from trl import ModelConfig


def base_of(
    options: ModelConfig, training: TrainingOptions
) -> tuple[ProcessorMixin, PreTrainedModel, WhisperFeatureExtractor | None]:
    """Processor, model, and what its Whisper is given where it hears; ``--whisper`` gives a stock model ears.

    Raises:
        InputError: as ``load``; options that don't go with the stage.
    """
    where, device = options.model_name_or_path, training.device
    if isinstance(training, AudioOptions):
        if training.stage == "align" and (options.use_peft or options.load_in_4bit or options.load_in_8bit):
            raise InputError(
                "--stage align trains the projector and saves a whole model: leave --use_peft and --load_in_4bit "
                "to --stage answer"
            )
        if training.whisper:
            if options.use_peft:
                raise InputError(
                    "an adapter needs a base that is saved: give ears with `surgvqa-train audio --stage align "
                    f"--whisper {training.whisper}`, then train the adapter on what that writes"
                )
            model, processor, extractor = from_base(
                where,
                training.whisper,
                training.audio_pool,
                dtype_for(options.dtype or "auto", device) or "auto",
            )
            return processor, model, extractor
    processor, model = load(options, device)
    return processor, model, load_ears(local(where)) if model.config.model_type in HEARING else None


def load(
    options: ModelConfig, device: str | torch.device | None = None
) -> tuple[ProcessorMixin, PreTrainedModel]:
    """Processor and model, told apart by ``config.model_type`` and never by a name.

    Args:
        options: which, in what dtype and quantisation.
        device: that it will run on; by default a card where there is one.

    Raises:
        InputError: nothing there, or not a model that sees images and writes text.
    """
    where = options.model_name_or_path
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        config = AutoConfig.from_pretrained(where, revision=options.model_revision)
        processor = AutoProcessor.from_pretrained(where, revision=options.model_revision)
    except (OSError, ValueError) as error:
        raise InputError(f"no model at {where}: {str(error).splitlines()[0]}") from None
    if config.model_type not in HEARING and type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        raise InputError(f"{where} is a {config.model_type}, which doesn't turn images and text into text")
    model = AutoModelForImageTextToText.from_pretrained(
        where,
        revision=options.model_revision,
        dtype=dtype_for(options.dtype, device),
        attn_implementation=options.attn_implementation,
        quantization_config=quantisation(options, device),
    )
    for module in model.modules():
        # bitsandbytes 0.50 repacks weights at the first evaluation on a CPU and never back: no gradient after it
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return processor, model


def ears_of(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    extractor: WhisperFeatureExtractor | None,
    spoken_questions: SpokenClips | None,
    where: str,
) -> Ears | None:
    """Ears for a run on spoken questions.

    Raises:
        InputError: spoken questions, and a model that has none.
    """
    if spoken_questions is None:
        return None
    if extractor is None:
        raise InputError(
            f"{where} reads, it doesn't hear: `surgvqa-train audio --stage align --model_name_or_path {where} "
            "--whisper openai/whisper-large-v3-turbo …` gives it ears"
        )
    return Ears(
        extractor,
        model.config.audio_pool,
        processor.tokenizer,
        spoken_questions.read,
        spoken_questions.length,
    )
