"""The two segmenters: a U-Net that knows its classes, and CLIPSeg, which is asked for them in words.

Both take a batch of pictures and give a loss (Dice + cross-entropy), and for one picture a mask per class.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from surgvqa.cards.command import InputError
from surgvqa.train.augment import MEAN, STD
from torch import Tensor, nn
from torch.nn import functional

PROMPTS = 6  # of a picture and step: at most half are of what it shows, the others of what it doesn't
UNET, CLIPSEG = "unet", "clipseg"


class Batch(NamedTuple):
    """Pictures (n, 3, size, size) in 0-1, labels (n, size, size), and one seed per sample."""

    images: Tensor
    labels: Tensor
    seeds: Sequence[int]


def soft_dice(shares: Tensor, truth: Tensor, dims: tuple[int, ...]) -> Tensor:
    """1 - Dice of probabilities against 0/1, over ``dims``."""
    both = (shares * truth).sum(dims)
    return 1 - (2 * both + 1) / (shares.sum(dims) + truth.sum(dims) + 1)


class UNet(nn.Module):
    """segmentation-models-pytorch's U-Net; a softmax over background and classes."""

    mean: Tensor
    std: Tensor

    def __init__(self, classes: Sequence[str], encoder: str, weights: str | None) -> None:
        super().__init__()
        import segmentation_models_pytorch as smp

        self.classes = tuple(classes)
        try:
            self.net = smp.Unet(encoder, encoder_weights=weights, classes=len(classes))
        except KeyError as error:
            raise InputError(f"--encoder {encoder} --weights {weights}: {error.args[0]}") from error
        except OSError as error:
            raise InputError(
                f"--weights {weights} of {encoder} cannot be had: {error}; leave --weights out to begin at random"
            ) from error
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def logits(self, images: Tensor) -> Tensor:
        """(n, classes, size, size)."""
        found: Tensor = self.net((images - self.mean) / self.std)
        return found

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy, and Dice over the classes that the batch shows."""
        logits = self.logits(batch.images).float()
        truth = functional.one_hot(batch.labels, len(self.classes)).movedim(-1, 1).float()
        dice = soft_dice(logits.softmax(1), truth, (0, 2, 3))
        shown = truth.sum((0, 2, 3)) > 0
        return functional.cross_entropy(logits, batch.labels) + dice[shown].mean()

    @torch.no_grad()
    def masks(self, image: Tensor) -> dict[str, Tensor]:
        """A boolean mask per class of one picture (3, size, size)."""
        best = self.logits(image[None]).argmax(1)[0]
        return {name: best == number for number, name in enumerate(self.classes) if number}


class ClipSeg(nn.Module):
    """CLIPSeg of transformers: a phrase in, a mask out; a name of nothing in view has an empty one."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, classes: Sequence[str], phrases: Mapping[str, Sequence[str]], checkpoint: str | None, size: int
    ) -> None:
        super().__init__()
        from transformers import AutoTokenizer, CLIPSegForImageSegmentation

        self.frozen = checkpoint is not None  # as its authors train it; random encoders must learn
        self.classes = tuple(classes)
        self.phrases = {name: tuple(phrases[name]) for name in self.classes[1:]}
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
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def logits(self, images: Tensor, where: Sequence[int], texts: Sequence[str]) -> Tensor:
        """(pairs, size, size): a phrase each, about the picture at its place of ``where``; a picture is read once.

        The same computation as CLIPSegForImageSegmentation.forward, which reads a picture once per phrase and
        lets no gradient into either encoder.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            seen = self.net.clip.vision_model(
                pixel_values=(images - self.mean) / self.std,
                output_hidden_states=True,
                interpolate_pos_encoding=True,
            ).hidden_states
            words = self.tokenizer(list(texts), padding=True, return_tensors="pt").to(images.device)
            asked = self.text(words)
        at = torch.tensor(where, device=images.device)
        levels = [seen[level + 1][at] for level in self.net.extract_layers]
        found = self.net.decoder(levels, asked).logits.reshape(len(texts), 1, *_square(images, self.net))
        resized: Tensor = functional.interpolate(
            found, images.shape[-2:], mode="bilinear", align_corners=False
        )
        return resized[:, 0]

    def text(self, words: Any) -> Tensor:
        """(phrases, projection) of tokenized phrases."""
        read = self.net.clip.text_model(input_ids=words["input_ids"], attention_mask=words["attention_mask"])
        found: Tensor = self.net.clip.text_projection(read.pooler_output)
        return found

    def asked(self, labels: Tensor, seed: int) -> list[tuple[int, str]]:
        """(class, phrase) pairs to ask one picture for: ones that it shows, then ones that it doesn't."""
        draw = random.Random(seed)
        values = {int(value) for value in np.unique(labels.cpu().numpy())} - {0}
        shown = draw.sample(sorted(values), min(len(values), PROMPTS // 2))
        rest = sorted(set(range(1, len(self.classes))) - values)
        absent = draw.sample(rest, min(len(rest), PROMPTS - len(shown)))
        return [(value, draw.choice(self.phrases[self.classes[value]])) for value in (*shown, *absent)]

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of every pair; Dice of those that are in the picture."""
        pairs = [
            (at, value, text)
            for at, seed in enumerate(batch.seeds)
            for value, text in self.asked(batch.labels[at], seed)
        ]
        where = torch.tensor([at for at, _, _ in pairs], device=batch.images.device)
        values = torch.tensor([value for _, value, _ in pairs], device=batch.images.device)
        truth = (batch.labels[where] == values[:, None, None]).float()
        logits = self.logits(batch.images, [at for at, _, _ in pairs], [text for _, _, text in pairs]).float()
        shown = truth.sum((1, 2)) > 0
        loss = functional.binary_cross_entropy_with_logits(logits, truth)
        if shown.any():
            loss = loss + soft_dice(logits.sigmoid(), truth, (1, 2))[shown].mean()
        return loss

    @torch.no_grad()
    def masks(self, image: Tensor) -> dict[str, Tensor]:
        """A boolean mask per class of one picture (3, size, size), asked for by its own name."""
        names = self.classes[1:]
        texts = [self.phrases[name][0] for name in names]
        found = self.logits(image[None], [0] * len(names), texts) > 0
        return dict(zip(names, found, strict=True))


def _square(images: Tensor, net: Any) -> tuple[int, int]:
    """Height and width of CLIPSeg's own output: its patches, each blown up to a patch's pixels."""
    patch = net.config.vision_config.patch_size
    return images.shape[-2] // patch * patch, images.shape[-1] // patch * patch


def small_clipseg(texts: Sequence[str], size: int) -> tuple[Any, Any]:
    """A small CLIPSeg with random weights and a tokenizer of the words of ``texts``; needs no Hub."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, PreTrainedTokenizerFast

    words = sorted(
        {word for text in texts for word in text.lower().replace("-", " ").replace("/", " ").split()}
    )
    names = ["<pad>", "<unk>", "<start>", "<end>", *words]
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


def make(
    recipe: Mapping[str, Any], classes: Sequence[str], phrases: Mapping[str, Sequence[str]]
) -> UNet | ClipSeg:
    """The model a recipe asks for."""
    if recipe["model"] == UNET:
        return UNet(classes, recipe["encoder"], recipe["weights"])
    return ClipSeg(classes, phrases, recipe["checkpoint"], recipe["size"])


def load(folder: Path) -> tuple[UNet | ClipSeg, dict[str, Any]]:
    """A segmenter that `surgvqa-train segment` wrote, with what it says of itself."""
    import json

    from safetensors.torch import load_file

    stated = folder / "segmenter.json"
    if not stated.is_file():
        raise InputError(
            f"{folder} holds no segmenter.json; `surgvqa-train segment --out {folder}` writes one"
        )
    said: dict[str, Any] = json.loads(stated.read_text("utf-8"))
    model = make({**said["recipe"], "weights": None}, said["classes"], said["phrases"])
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model.eval(), said


def to_tensor(picture: np.ndarray) -> Tensor:
    """A height x width x 3 uint8 picture as (3, height, width) in 0-1."""
    return torch.from_numpy(np.ascontiguousarray(picture)).movedim(-1, 0).float() / 255
