"""The segmenters: a U-Net that knows its classes, one that is asked in words, and the one that a recipe asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from surgvqa.cards.command import InputError
from surgvqa.train.segmenters.checkpoints import ClipSeg, Sam
from surgvqa.train.segmenters.documents import Recipe, SegmenterFile
from surgvqa.train.segmenters.parts import Batch, PromptSegmenter, Segmenter, Words, enlarge, soft_dice
from surgvqa.train.segmenters.plain import PlainUNet
from surgvqa.train.steps.distributed import mean, total
from torch import Tensor, nn
from torch.nn import functional

UNET, TEXT_UNET, CLIPSEG, SAM = "unet", "text-unet", "clipseg", "sam"
PLAIN = "plain"  # the encoder without a library
EMBEDDING = 32  # what a pixel and a phrase are compared in


def unet(encoder: str, weights: str | None, decoder: Sequence[int], channels: int) -> Any:
    """segmentation-models-pytorch's U-Net with ``channels`` out, or the plain one; as deep as ``decoder`` has widths."""
    if encoder == PLAIN:
        if weights:
            raise InputError(f"--encoder {PLAIN} has no weights to begin with; leave --weights {weights} out")
        return PlainUNet(decoder, channels)
    import segmentation_models_pytorch as smp

    try:
        return smp.Unet(encoder, encoder_weights=weights, classes=channels,
                        encoder_depth=len(decoder), decoder_channels=tuple(decoder))  # fmt: skip
    except (KeyError, ValueError) as error:
        raise InputError(
            f"--encoder {encoder} --weights {weights} --decoder {' '.join(map(str, decoder))}: {error.args[0]}"
        ) from error
    except OSError as error:
        raise InputError(
            f"--weights {weights} of {encoder} cannot be had: {error}; leave --weights out to begin at random"
        ) from error


class UNet(Segmenter):
    """A U-Net with a softmax over background and classes."""

    def __init__(
        self, classes: Sequence[str], encoder: str, weights: str | None, decoder: Sequence[int]
    ) -> None:
        super().__init__(classes)
        self.net = unet(encoder, weights, decoder, len(classes))

    def logits(self, images: Tensor) -> Tensor:
        """(n, classes, size, size)."""
        maps: Tensor = self.net((images - self.mean) / self.std)
        return maps

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy, and Dice over the classes that the batch shows."""
        logits = self.logits(batch.images).float()
        truth = functional.one_hot(batch.labels, len(self.classes)).movedim(-1, 1).float()
        dice = soft_dice(logits.softmax(1), truth, (0, 2, 3))
        in_view = total(truth.sum((0, 2, 3))) > 0
        entropy = functional.cross_entropy(logits, batch.labels, reduction="sum")
        return mean(entropy, batch.labels.numel()) + dice[in_view].mean()

    def shares(self, image: Tensor, shape: tuple[int, int]) -> Tensor:
        """Those of the softmax."""
        return enlarge(self.logits(image[None])[0].float(), shape).softmax(0)[1:]

    def to_masks(self, shares: Tensor) -> Tensor:
        """Every pixel is of its likeliest class, or of the background."""
        best = torch.cat([1 - shares.sum(0, keepdim=True), shares]).argmax(0)
        return functional.one_hot(best, len(self.classes)).movedim(-1, 0)[1:] > 0


class TextUNet(PromptSegmenter):
    """A U-Net whose pixels meet phrases in one space (LSeg, Li et al. 2022): learns from nothing in minutes.

    A phrase is the mean of its words; words that training hasn't seen all mean the same, which is nowhere.
    """

    def __init__(
        self,
        classes: Sequence[str],
        phrases: Mapping[str, Sequence[str]],
        encoder: str,
        weights: str | None,
        decoder: Sequence[int],
    ) -> None:
        super().__init__(classes, phrases)
        self.prompts = 2 * len(self.classes)  # a phrase costs a product per pixel: all are asked for
        self.net = unet(encoder, weights, decoder, EMBEDDING)
        self.text = Words(self.phrases.values(), 2 * EMBEDDING, EMBEDDING)
        self.bias = nn.Parameter(torch.tensor(-3.0))  # most pixels are of no phrase

    def draw_prompts(self, labels: Tensor, seed: int) -> list[tuple[int, str]]:
        """All classes, and a word that nobody knows."""
        return [*super().draw_prompts(labels, seed), (-1, "")]

    def logits(self, images: Tensor, where: Sequence[int], texts: Sequence[str]) -> Tensor:
        """(pairs, size, size); a picture is read once."""
        pixels = self.net((images - self.mean) / self.std)
        numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        every = torch.einsum("td,ndhw->nthw", self.text(list(numbers)).to(pixels.dtype), pixels)
        maps: Tensor = every[list(where), [numbers[text] for text in texts]]
        return maps + self.bias


def make(recipe: Recipe, classes: Sequence[str], phrases: Mapping[str, Sequence[str]]) -> Segmenter:
    """Return the model a recipe asks for."""
    model = _make(recipe, classes, phrases)
    model.mirror = recipe.get("mirror", False)
    return model


def _make(recipe: Recipe, classes: Sequence[str], phrases: Mapping[str, Sequence[str]]) -> Segmenter:
    towers = recipe["encoder"], recipe["weights"], recipe["decoder"]
    if recipe["model"] == UNET:
        return UNet(classes, *towers)
    if recipe["model"] == TEXT_UNET:
        return TextUNet(classes, phrases, *towers)
    kind = {CLIPSEG: ClipSeg, SAM: Sam}[recipe["model"]]
    return kind(classes, phrases, recipe["checkpoint"], recipe["size"])


def load(folder: Path) -> tuple[Segmenter, SegmenterFile]:
    """Return a segmenter that `surgvqa-train segment` wrote, with what it says of itself."""
    path = folder / "segmenter.json"
    if not path.is_file():
        raise InputError(
            f"{folder} holds no segmenter.json; `surgvqa-train segment --data DATA --out {folder}` writes one"
        )
    document: SegmenterFile = json.loads(path.read_text("utf-8"))
    model = make({**document["recipe"], "weights": None}, document["classes"], document["phrases"])
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model.eval(), document
