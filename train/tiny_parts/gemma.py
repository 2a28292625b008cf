"""Tiny Gemma 3 and Gemma 4: sliding and full attention in turn, image tokens that see each other.

MedGemma is a Gemma 3. A tiny picture of 56 pixels makes four tokens in Gemma 3; Gemma 4 keeps a picture's shape and
enlarges it to its least budget, 70 tokens.
"""

from __future__ import annotations

from typing import Any

import transformers
from surgvqa.train.tiny_parts.words import byte_pairs
from transformers import PreTrainedConfig, PreTrainedTokenizerFast, ProcessorMixin
from transformers.models.gemma4.image_processing_gemma4 import Gemma4ImageProcessor
from transformers.models.gemma4.video_processing_gemma4 import Gemma4VideoProcessor
from trl.chat_template_utils import gemma3_chat_template, gemma4_v5_chat_template

FAMILIES = ("gemma3", "gemma4")
SIDE, PATCH = 56, 14  # of a picture, for Gemma 3
TOKENS = 4  # of a picture in Gemma 3: 16 patches, pooled
# The random weights' deviation. With 0.02 the logits are so flat that an adapter changes little.
DEVIATION = 0.15

TURNS = {"gemma3": ("<start_of_turn>", "<end_of_turn>"), "gemma4": ("<|turn>", "<turn|>")}
IMAGES = {
    "gemma3": {
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
        "image_token": "<image_soft_token>",
    },
    "gemma4": {
        "boi_token": "<|image>",
        "eoi_token": "<image|>",
        "image_token": "<|image|>",
        "boa_token": "<|audio>",
        "eoa_token": "<audio|>",
        "audio_token": "<|audio|>",
    },
}
THOUGHTS = ("<|channel>", "<channel|>", "<|think|>")  # what stands around Gemma 4's thoughts


def tokenizer(family: str) -> PreTrainedTokenizerFast:
    """Return the tokenizer of a Gemma, over the words of surgical question answering."""
    opening, closing = TURNS[family]
    more = ("<|video|>", *THOUGHTS) if family == "gemma4" else ()
    return PreTrainedTokenizerFast(
        tokenizer_object=byte_pairs(),
        bos_token="<bos>",
        eos_token=closing,
        pad_token="<pad>",
        extra_special_tokens=IMAGES[family],
        additional_special_tokens=["<pad>", "<bos>", opening, closing, *IMAGES[family].values(), *more],
        model_max_length=32768,
    )


def processor(family: str) -> ProcessorMixin:
    """Tokenizer, image processor and chat template of the family."""
    if family == "gemma3":
        return transformers.Gemma3Processor(
            transformers.Gemma3ImageProcessor(size={"height": SIDE, "width": SIDE}),
            tokenizer(family),
            chat_template=gemma3_chat_template,
            image_seq_length=TOKENS,
        )
    shape = {"patch_size": PATCH, "max_soft_tokens": 70, "pooling_kernel_size": 2}
    return transformers.Gemma4Processor(
        transformers.Gemma4AudioFeatureExtractor(),
        Gemma4ImageProcessor(**shape),
        tokenizer(family),
        Gemma4VideoProcessor(**shape),
        chat_template=gemma4_v5_chat_template,
        image_seq_length=70,
    )


def configuration(family: str, words: PreTrainedTokenizerFast) -> PreTrainedConfig:
    """Return the family's configuration; token ids come from the tokenizer."""
    ids = words.convert_tokens_to_ids
    text: dict[str, Any] = {
        "vocab_size": len(words),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "max_position_embeddings": 32768,
        "initializer_range": DEVIATION,
        "sliding_window": 16,
        "layer_types": ["sliding_attention", "full_attention"],
        "bos_token_id": ids("<bos>"),
        "eos_token_id": ids(TURNS[family][1]),
        "pad_token_id": ids("<pad>"),
    }
    vision: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "patch_size": PATCH,
    }
    if family == "gemma3":
        return transformers.Gemma3Config(
            text_config=text,
            vision_config=vision | {"image_size": SIDE, "vision_use_head": False},
            mm_tokens_per_image=TOKENS,
            boi_token_index=ids("<start_of_image>"),
            eoi_token_index=ids("<end_of_image>"),
            image_token_index=ids("<image_soft_token>"),
            dtype="float32",
        )
    text |= {
        "vocab_size_per_layer_input": len(words),
        "hidden_size_per_layer_input": 8,
        "global_head_dim": 32,
    }
    text |= {"use_bidirectional_attention": "vision"}
    vision |= {"num_key_value_heads": 2, "head_dim": 16, "pooling_kernel_size": 2}
    return transformers.Gemma4Config(
        text_config=text,
        vision_config=vision | {"position_embedding_size": 256, "initializer_range": DEVIATION},
        audio_config=None,
        boi_token_id=ids("<|image>"),
        eoi_token_id=ids("<image|>"),
        image_token_id=ids("<|image|>"),
        video_token_id=ids("<|video|>"),
        boa_token_id=ids("<|audio>"),
        eoa_token_index=ids("<audio|>"),
        audio_token_id=ids("<|audio|>"),
        dtype="float32",
    )
