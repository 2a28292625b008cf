"""Tiny checkpoints made offline in a second: configuration, random weights, tokenizer, processor.

    surgvqa-train tiny --family qwen2_5_vl --out checkpoints/tiny
    surgvqa-train tiny --family qwen2_5_vl --size demo --out checkpoints/demo-base

``test`` is for tests: two layers each, 14 px patches like the real models. ``demo`` learns from frames of 84 x 70
pixels within minutes on two cores: 7 px patches (a grid of 6 x 5 tokens a frame) and a language model of three layers.
Its rotary frequencies are low, as the real models' are: they leave what a token is to be found wherever it lies, and
tell rows and columns badly (tests/benchmarks/bench_positions.py). Frequencies that tell them (theta 2) make a model
from noise see places within half a minute, but names and places together hardly at all; where a token lies is taught
to the tower instead (`surgvqa-train vision`). Heads are 32 wide because vLLM's attention starts there. Gemma 3 and 4
and SmolVLM have the size ``test`` only (``surgvqa.train.tiny_parts``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from surgvqa.cards.command import InputError, nearest
from surgvqa.train.tiny_parts import gemma, smolvlm
from surgvqa.train.tiny_parts.words import SPECIALS, tokenizer
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    PreTrainedTokenizerFast,
    ProcessorMixin,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
)
from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor
from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor
from trl.chat_template_utils import (
    qwen2_5_vl_chat_template,
    qwen3_5_nothink_chat_template,
    qwen3_vl_chat_template,
)

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
HYBRIDS = ("qwen3_5", "qwen3_5_moe")  # three layers of linear attention to one of full attention
OTHERS = (*gemma.FAMILIES, *smolvlm.FAMILIES)  # through their own processors


@dataclass(frozen=True)
class Size:
    """Width and depth of a tiny checkpoint; the number of heads follows from a head of 32 (vision: 16)."""

    hidden_size: int
    layers: int
    vision_hidden: int
    vision_layers: int
    patch: int
    theta: float
    sections: tuple[int, int, int]  # time, height, width; their sum is half a head
    deviation: float  # standard deviation of the random weights
    pixels: tuple[int, int]  # least and most pixels of a frame


SIZES = {
    "test": Size(64, 2, 32, 2, 14, 1e4, (4, 6, 6), 0.02, (28 * 28, 28 * 28 * 1280)),
    "demo": Size(128, 3, 64, 3, 7, 1e4, (4, 6, 6), 0.07, (14 * 14, 14 * 14 * 256)),
}


def processor(family: str, size: Size) -> ProcessorMixin:
    """Tokenizer, image and video processor and chat template of the family."""
    pixels = {"shortest_edge": size.pixels[0], "longest_edge": size.pixels[1]}
    shape: dict[str, Any] = {"patch_size": size.patch, "size": pixels}
    video = {**shape, "cap_pixels_per_frame": False}
    if family.startswith("qwen3"):  # its video budget counts all frames, the others' counts one
        video["size"] = {"shortest_edge": size.pixels[0], "longest_edge": 16 * size.pixels[1]}
        return transformers.Qwen3VLProcessor(
            Qwen2VLImageProcessor(**shape, image_mean=[0.5] * 3, image_std=[0.5] * 3),
            tokenizer(),
            Qwen3VLVideoProcessor(**video),
            chat_template=qwen3_5_nothink_chat_template if family in HYBRIDS else qwen3_vl_chat_template,
        )
    kind = transformers.Qwen2VLProcessor if family == "qwen2_vl" else transformers.Qwen2_5_VLProcessor
    return kind(
        Qwen2VLImageProcessor(**shape),
        tokenizer(),
        Qwen2VLVideoProcessor(**video),
        chat_template=qwen2_5_vl_chat_template,
    )


def configuration(family: str, size: Size, words: PreTrainedTokenizerFast) -> transformers.PreTrainedConfig:
    """Return the family's configuration at this size; token ids come from the tokenizer."""
    ids = {name: words.convert_tokens_to_ids(name) for name in SPECIALS}
    text = {
        "vocab_size": len(words),
        "hidden_size": size.hidden_size,
        "intermediate_size": 3 * size.hidden_size,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.hidden_size // 32,
        "num_key_value_heads": size.hidden_size // 64,
        "max_position_embeddings": 32768,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": size.theta,
            "mrope_section": list(size.sections),
        },
        "initializer_range": size.deviation,
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
    }
    vision: dict[str, Any] = {
        "depth": size.vision_layers,
        "hidden_size": size.vision_hidden,
        "num_heads": size.vision_hidden // 16,
        "patch_size": size.patch,
        "initializer_range": size.deviation,
    }
    if family == "qwen2_vl":  # here embed_dim is the tower's width, hidden_size what it hands over
        vision |= {"embed_dim": size.vision_hidden, "hidden_size": size.hidden_size, "mlp_ratio": 3}
    else:
        vision |= {"out_hidden_size": size.hidden_size, "intermediate_size": 3 * size.vision_hidden}
    if family == "qwen2_5_vl":
        vision |= {"fullatt_block_indexes": list(range(size.vision_layers)), "window_size": 8 * size.patch}
    if family == "qwen3_vl":
        vision |= {"deepstack_visual_indexes": [0], "num_position_embeddings": 256}
        text |= {"head_dim": 32}
        # interleaved: height and width take every third frequency, at most a third of them each
        text["rope_parameters"] |= {"mrope_section": [6, 5, 5], "mrope_interleaved": True}
    if family in HYBRIDS:
        vision |= {"num_position_embeddings": 256}
        text |= hybrid(family, size)
        text["rope_parameters"] |= {"mrope_section": [2, 1, 1], "mrope_interleaved": True}
        text["rope_parameters"] |= {"partial_rotary_factor": 0.25}
    return AutoConfig.for_model(
        family,
        text_config=text,
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
        dtype="float32",
    )


def hybrid(family: str, size: Size) -> dict[str, int]:
    """Return what a Qwen3.5's language model has beside a Qwen3-VL's: linear attention, and experts in its moe."""
    heads = size.hidden_size // 32
    text = {
        "num_hidden_layers": 4,
        "head_dim": 32,
        "linear_key_head_dim": 16,
        "linear_value_head_dim": 16,
        "linear_num_key_heads": heads,
        "linear_num_value_heads": 2 * heads,
    }
    if family == "qwen3_5_moe":
        text |= {"num_experts": 4, "num_experts_per_tok": 2}
        text |= {
            "moe_intermediate_size": size.hidden_size,
            "shared_expert_intermediate_size": size.hidden_size,
        }
    return text


# Whisper's shape, small: windows of six seconds. Weights five times wider than Whisper's own start, because with
# those (0.02) the positions drown the sound: of 61 spoken questions a reader of the frozen random features told
# 27 % apart in unheard voices, against 84 % at 0.1.
WHISPER = WhisperConfig(
    d_model=128,
    encoder_layers=1,
    decoder_layers=1,
    encoder_attention_heads=4,
    decoder_attention_heads=4,
    encoder_ffn_dim=512,
    decoder_ffn_dim=64,
    num_mel_bins=80,
    max_source_positions=300,
    init_std=0.1,
    vocab_size=64,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
    decoder_start_token_id=1,
)


def make_whisper(out: Path, seed: int = 0) -> None:
    """Write a tiny Whisper with random weights, and its feature extractor; it recognises nothing.

    Its encoder, frozen, is a random map of the sound: enough to tell a few dozen questions apart.
    """
    torch.manual_seed(seed)
    model = WhisperModel(WHISPER)
    model.save_pretrained(out)
    WhisperFeatureExtractor(feature_size=WHISPER.num_mel_bins, chunk_length=6).save_pretrained(out)
    parameters = sum(tensor.numel() for tensor in model.encoder.parameters())
    print(f"{out}: whisper, an encoder of {parameters:,} weights")


def make(family: str, out: Path, size: str = "test", seed: int = 0) -> None:
    """Write a checkpoint that ``AutoProcessor`` and ``AutoModelForImageTextToText`` load.

    Raises:
        InputError: an unknown family or size.
    """
    families = (*FAMILIES, *HYBRIDS, *OTHERS)
    if family not in families:
        raise InputError(f"no model family {family!r}; {nearest(family, families)}")
    if size not in SIZES:
        raise InputError(f"no size {size!r}; {nearest(size, SIZES)}")
    if family in OTHERS:
        if size != "test":
            raise InputError(f"a tiny {family} has one size; leave --size {size} away")
        maker = gemma if family in gemma.FAMILIES else smolvlm
        parts = maker.processor(family)
        config = maker.configuration(family, parts.tokenizer)
    else:
        parts = processor(family, SIZES[size])
        config = configuration(family, SIZES[size], parts.tokenizer)
    torch.manual_seed(seed)
    model = AutoModelForImageTextToText.from_config(config)
    if family == "gemma3":
        with torch.no_grad():  # zeros from transformers: what the tower sees would reach nobody
            model.model.multi_modal_projector.mm_input_projection_weight.normal_(0, 0.2)
    text = config.get_text_config()
    model.generation_config.eos_token_id = [text.eos_token_id, text.pad_token_id]
    model.generation_config.pad_token_id = text.pad_token_id
    model.generation_config.do_sample = False
    model.save_pretrained(out)
    parts.save_pretrained(out)
    parameters = sum(tensor.numel() for tensor in model.parameters())
    print(f"{out}: {family} of size {size}, {parameters:,} weights")
