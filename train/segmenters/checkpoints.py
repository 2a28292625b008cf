"""Segmenters that go on from published checkpoints, CLIPSeg and SAM, asked in words; small and random without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from surgvqa.cards.command import InputError
from surgvqa.train.segmenters.parts import PromptSegmenter, Words, split
from torch import Tensor, nn
from torch.nn import functional

PROMPTS = 6  # of a picture and step: the decoder runs once for each


class ClipSeg(PromptSegmenter):
    """CLIPSeg of transformers: its decoder is told a phrase."""

    def __init__(
        self, classes: Sequence[str], phrases: Mapping[str, Sequence[str]], checkpoint: str | None, size: int
    ) -> None:
        super().__init__(classes, phrases)
        from transformers import AutoTokenizer, CLIPSegForImageSegmentation

        self.is_frozen = checkpoint is not None  # as its authors train it; random encoders must learn
        self.prompts = PROMPTS
        if checkpoint is None:
            self.net, self.tokenizer = small_clipseg(
                [text for texts in self.phrases.values() for text in texts], size
            )
        else:
            try:
                self.net = CLIPSegForImageSegmentation.from_pretrained(checkpoint)
                self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
            except OSError as error:
                raise InputError(
                    f"--checkpoint {checkpoint} is no CLIPSeg that can be had: {error}"
                ) from error

    def logits(self, images: Tensor, where: Sequence[int], texts: Sequence[str]) -> Tensor:
        """(pairs, size, size): a phrase each, about the picture at its place of ``where``; a picture is read once.

        The same computation as CLIPSegForImageSegmentation.forward, which reads a picture once per phrase and
        lets no gradient into either encoder.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.is_frozen):
            states = self.net.clip.vision_model(
                pixel_values=(images - self.mean) / self.std,
                output_hidden_states=True,
                interpolate_pos_encoding=True,
            ).hidden_states
            words = self.tokenizer(list(texts), padding=True, return_tensors="pt").to(images.device)
            phrase_vectors = self.text(words)
        at = torch.tensor(where, device=images.device)
        levels = [states[level + 1][at] for level in self.net.extract_layers]
        maps = self.net.decoder(levels, phrase_vectors).logits.reshape(
            len(texts), 1, *_square(images, self.net)
        )
        resized_maps: Tensor = functional.interpolate(
            maps, images.shape[-2:], mode="bilinear", align_corners=False
        )
        return resized_maps[:, 0]

    def text(self, words: Any) -> Tensor:
        """(phrases, projection) of tokenized phrases."""
        read = self.net.clip.text_model(input_ids=words["input_ids"], attention_mask=words["attention_mask"])
        phrase_vectors: Tensor = self.net.clip.text_projection(read.pooler_output)
        return phrase_vectors


def _square(images: Tensor, net: Any) -> tuple[int, int]:
    """Height and width of CLIPSeg's own output: its patches, each blown up to a patch's pixels."""
    patch = net.config.vision_config.patch_size
    return images.shape[-2] // patch * patch, images.shape[-1] // patch * patch


def small_clipseg(texts: Sequence[str], size: int) -> tuple[Any, Any]:
    """Return a small CLIPSeg with random weights and a tokenizer of the words of ``texts``; needs no Hub."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, PreTrainedTokenizerFast

    names = ["<pad>", "<unk>", "<start>", "<end>", *sorted({*split([texts])})]
    core = Tokenizer(models.WordLevel({word: at for at, word in enumerate(names)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("removed")]
    )
    core.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 2), ("<end>", 3)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", unk_token="<unk>", bos_token="<start>", eos_token="<end>"
    )
    wide = {"hidden_size": 96, "intermediate_size": 192, "num_attention_heads": 4}
    config = CLIPSegConfig(
        text_config={**wide, "num_hidden_layers": 2, "vocab_size": len(names), "max_position_embeddings": 32,
                     "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3},
        vision_config={**wide, "num_hidden_layers": 4, "image_size": size, "patch_size": 8},
        projection_dim=64,
        extract_layers=[0, 1, 3],
        reduce_dim=64,
        decoder_num_attention_heads=4,
        decoder_intermediate_size=128,
    )  # fmt: skip
    return CLIPSegForImageSegmentation(config), tokenizer


class Sam(PromptSegmenter):
    """SAM (Kirillov et al. 2023) whose prompt is a phrase, as SurgicalSAM's is a class (Yue et al. 2023).

    SAM itself is asked with boxes and points, which nobody gives for a new picture. Here words make the tokens that a
    box would make; its encoder stays as it came, decoder and words learn. Random weights learn as a whole.
    """

    TOKENS = 2  # as a box has

    def __init__(
        self, classes: Sequence[str], phrases: Mapping[str, Sequence[str]], checkpoint: str | None, size: int
    ) -> None:
        super().__init__(classes, phrases)
        from transformers import SamModel

        self.is_frozen = checkpoint is not None
        self.prompts = PROMPTS
        if checkpoint is None:
            self.net = small_sam(size)
        else:
            try:
                self.net = SamModel.from_pretrained(checkpoint)
            except OSError as error:
                raise InputError(f"--checkpoint {checkpoint} is no SAM that can be had: {error}") from error
        width = self.net.config.prompt_encoder_config.hidden_size
        self.text = Words(self.phrases.values(), width, self.TOKENS * width)
        self.bias = nn.Parameter(torch.tensor(-3.0))  # most pixels are of no phrase

    def logits(self, images: Tensor, where: Sequence[int], texts: Sequence[str]) -> Tensor:
        """(pairs, size, size): a phrase each, about the picture at its place of ``where``; a picture is read once."""
        side = self.net.config.vision_config.image_size
        pixels = functional.interpolate(images, (side, side), mode="bilinear", align_corners=False)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.is_frozen):
            embeddings = self.net.vision_encoder((pixels - self.mean) / self.std).last_hidden_state
        at = torch.tensor(where, device=images.device)
        places = self.net.get_image_wide_positional_embeddings().expand(len(texts), -1, -1, -1)
        no_mask = self.net.prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1).expand_as(places)
        maps, _ = self.net.mask_decoder(
            image_embeddings=embeddings[at],
            image_positional_embeddings=places,
            sparse_prompt_embeddings=self.text(texts).view(len(texts), 1, self.TOKENS, -1),
            dense_prompt_embeddings=no_mask,
            multimask_output=False,
        )
        resized_maps: Tensor = functional.interpolate(
            maps[:, 0], images.shape[-2:], mode="bilinear", align_corners=False
        )
        return resized_maps[:, 0] + self.bias


def small_sam(size: int) -> Any:
    """Return a small SAM with random weights for squares of ``size``; needs no Hub."""
    from transformers import SamConfig, SamModel

    wide, patch, spread = 32, 8, 0.1  # narrow layers with the 0.02 of wide ones would hand on next to nothing
    config = SamConfig(
        vision_config={"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": size,
                       "patch_size": patch, "window_size": 4, "global_attn_indexes": [1], "output_channels": wide,
                       "num_pos_feats": wide // 2, "initializer_range": spread},
        prompt_encoder_config={"hidden_size": wide, "image_size": size, "patch_size": patch},
        mask_decoder_config={"hidden_size": wide, "mlp_dim": 64, "num_attention_heads": 4, "iou_head_hidden_dim": 32},
        initializer_range=spread,
    )  # fmt: skip
    return SamModel(config)
