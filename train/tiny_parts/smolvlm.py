"""Tiny SmolVLM: an Idefics3 (SmolVLM-Instruct, model type ``idefics3``) or a SmolVLM2 (``smolvlm``), on a small Llama."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import transformers
from surgvqa.cards.command import InputError
from surgvqa.train.tiny_parts.words import byte_pairs
from transformers import PreTrainedConfig, PreTrainedTokenizerFast, ProcessorMixin
from transformers.models.smolvlm.video_processing_smolvlm import SmolVLMVideoProcessor
from trl.chat_template_utils import idefics3_chat_template, smolvlm_chat_template

FAMILIES = ("idefics3", "smolvlm")
SIDE, PATCH, SCALE = 56, 14, 2  # of a picture: 16 patches, of which 2 x 2 make a token
TOKENS = (SIDE // PATCH // SCALE) ** 2
BEGINNING = {"idefics3": "<|begin_of_text|>", "smolvlm": "<|im_start|>"}
CLOSING = "<end_of_utterance>"
# "Assistant:" and an answer's first letters must not become one token
IMAGES = ["<fake_token_around_image>", "<image>", "<global-img>", "<video>"]


def tokenizer(family: str) -> PreTrainedTokenizerFast:
    """Return the tokenizer of a SmolVLM, over the words of surgical question answering."""
    return PreTrainedTokenizerFast(
        tokenizer_object=byte_pairs(),
        bos_token=BEGINNING[family],
        eos_token=CLOSING,
        pad_token="<pad>",
        additional_special_tokens=["<pad>", BEGINNING[family], CLOSING, *IMAGES],
        model_max_length=32768,
    )


def processor(family: str) -> ProcessorMixin:
    """Tokenizer, image processor and chat template of the family; a picture is never split.

    Raises:
        InputError: num2words isn't installed, without which transformers makes no processor for SmolVLM2.
    """
    size = {"longest_edge": SIDE}
    shape: dict[str, Any] = {"size": size, "max_image_size": size, "do_image_splitting": False}
    if family == "idefics3":
        return transformers.Idefics3Processor(
            transformers.Idefics3ImageProcessor(**shape),
            tokenizer(family),
            image_seq_len=TOKENS,
            chat_template=idefics3_chat_template,
        )
    if find_spec("num2words") is None:
        raise InputError("SmolVLM2's processor needs the package num2words; pip install 'surgvqa[train]'")
    return transformers.SmolVLMProcessor(
        transformers.SmolVLMImageProcessor(**shape),
        tokenizer(family),
        SmolVLMVideoProcessor(size=size, max_image_size=size),
        image_seq_len=TOKENS,
        chat_template=smolvlm_chat_template,
    )


def configuration(family: str, words: PreTrainedTokenizerFast) -> PreTrainedConfig:
    """Return the family's configuration; token ids come from the tokenizer."""
    ids = words.convert_tokens_to_ids
    text: dict[str, Any] = {
        "model_type": "llama",
        "vocab_size": len(words),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 32768,
        "initializer_range": 0.15,
        "bos_token_id": ids(BEGINNING[family]),
        "eos_token_id": ids(CLOSING),
        "pad_token_id": ids("<pad>"),
    }
    vision: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": PATCH,
        "initializer_range": 0.15,
    }
    kind: Any = transformers.Idefics3Config if family == "idefics3" else transformers.SmolVLMConfig
    config: PreTrainedConfig = kind(
        text_config=text,
        vision_config=vision,
        image_token_id=ids("<image>"),
        scale_factor=SCALE,
        tie_word_embeddings=False,
        pad_token_id=ids("<pad>"),
        dtype="float32",
    )
    return config
