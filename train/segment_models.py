"""The segmenters: a U-Net that knows its classes, and two that are asked for them in words.

All take a batch of pictures and give a loss (Dice + cross-entropy), and for one picture a mask per class.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from surgvqa.cards.command import InputError
from surgvqa.train.augment import MEAN, STD
from surgvqa.train.together import total
from torch import Tensor, nn
from torch.nn import functional

PROMPTS = 6  # of CLIPSeg, whose decoder runs once for each
UNET, TEXT_UNET, CLIPSEG = "unet", "text-unet", "clipseg"
EMBEDDING = 32  # what a pixel and a phrase are compared in
SPECK = 0.01  # of the picture: the area of probability at which a mask of nothing costs half of what it can


class Batch(NamedTuple):
    """Pictures (n, 3, size, size) in 0-1, labels (n, size, size), and one seed per sample."""

    images: Tensor
    labels: Tensor
    seeds: Sequence[int]


class Found(NamedTuple):
    """Of one picture: each class's boolean mask with its mean probability, and the highest of any class and pixel."""

    masks: dict[str, tuple[np.ndarray, float]]
    highest: float


def soft_dice(shares: Tensor, truth: Tensor, dims: tuple[int, ...]) -> Tensor:
    """1 - Dice of probabilities against 0/1, over ``dims``; those of other processes count where 0 is one of them."""
    sums = (shares * truth).sum(dims), shares.sum(dims), truth.sum(dims)
    both, one, other = (total(each) for each in sums) if 0 in dims else sums
    return 1 - (2 * both + 1) / (one + other + 1)


def mean(summed: Tensor, count: int) -> Tensor:
    """A sum over this process's samples as the mean over all processes'; 0 of none."""
    number = total(torch.tensor(float(count), device=summed.device))
    return total(summed) / number.clamp(min=1)


def unet(encoder: str, weights: str | None, decoder: Sequence[int], channels: int) -> Any:
    """segmentation-models-pytorch's U-Net with ``channels`` out; as deep as ``decoder`` has widths."""
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


class Segmenter(nn.Module):
    """What all have: names by value of the label map, and the colours that encoders expect."""

    mean: Tensor
    std: Tensor

    def __init__(self, classes: Sequence[str]) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def loss(self, batch: Batch) -> Tensor:
        """What training makes small."""
        raise NotImplementedError

    def shares(self, image: Tensor, shape: tuple[int, int]) -> Tensor:
        """Of one picture (3, size, size): a probability per class but background and pixel of ``shape``."""
        raise NotImplementedError

    def chosen(self, shares: Tensor) -> Tensor:
        """The masks of the shares, boolean: what is likelier than not."""
        return shares > 0.5

    @torch.no_grad()
    def masks(self, image: Tensor, shape: tuple[int, int]) -> Found:
        """What the picture shows, in ``shape``."""
        shares = self.shares(image, shape)
        each = zip(self.classes[1:], shares, self.chosen(shares), strict=True)
        masks = {
            name: (mask.cpu().numpy(), float(share[mask].mean())) for name, share, mask in each if mask.any()
        }
        return Found(masks, float(shares.max()))


class UNet(Segmenter):
    """A U-Net with a softmax over background and classes."""

    def __init__(
        self, classes: Sequence[str], encoder: str, weights: str | None, decoder: Sequence[int]
    ) -> None:
        super().__init__(classes)
        self.net = unet(encoder, weights, decoder, len(classes))

    def logits(self, images: Tensor) -> Tensor:
        """(n, classes, size, size)."""
        found: Tensor = self.net((images - self.mean) / self.std)
        return found

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy, and Dice over the classes that the batch shows."""
        logits = self.logits(batch.images).float()
        truth = functional.one_hot(batch.labels, len(self.classes)).movedim(-1, 1).float()
        dice = soft_dice(logits.softmax(1), truth, (0, 2, 3))
        shown = total(truth.sum((0, 2, 3))) > 0
        entropy = functional.cross_entropy(logits, batch.labels, reduction="sum")
        return mean(entropy, batch.labels.numel()) + dice[shown].mean()

    def shares(self, image: Tensor, shape: tuple[int, int]) -> Tensor:
        """Those of the softmax."""
        return grown(self.logits(image[None])[0].float(), shape).softmax(0)[1:]

    def chosen(self, shares: Tensor) -> Tensor:
        """Every pixel is of its likeliest class, or of the background."""
        best = torch.cat([1 - shares.sum(0, keepdim=True), shares]).argmax(0)
        return functional.one_hot(best, len(self.classes)).movedim(-1, 0)[1:] > 0


def grown(maps: Tensor, shape: tuple[int, int]) -> Tensor:
    """(n, height, width) of logits as (n, *shape): between pixels, so that outlines stay smooth."""
    return functional.interpolate(maps[None], shape, mode="bilinear", align_corners=False)[0]


class Prompted(Segmenter):
    """Is asked in words; a name of nothing in view has an empty mask."""

    prompts: int  # of a picture and step: at most half are of what it shows, the others of what it doesn't

    def __init__(self, classes: Sequence[str], phrases: Mapping[str, Sequence[str]]) -> None:
        super().__init__(classes)
        self.phrases = {name: tuple(phrases[name]) for name in self.classes[1:]}

    def logits(self, images: Tensor, where: Sequence[int], texts: Sequence[str]) -> Tensor:
        """(pairs, size, size): a phrase each, about the picture at its place of ``where``."""
        raise NotImplementedError

    def asked(self, labels: Tensor, seed: int) -> list[tuple[int, str]]:
        """(class, phrase) pairs to ask one picture for: ones that it shows, then ones that it doesn't."""
        draw = random.Random(seed)
        values = {int(value) for value in np.unique(labels.cpu().numpy())} - {0}
        shown = draw.sample(sorted(values), min(len(values), self.prompts // 2))
        rest = sorted(set(range(1, len(self.classes))) - values)
        absent = draw.sample(rest, min(len(rest), self.prompts - len(shown)))
        return [(value, draw.choice(self.phrases[self.classes[value]])) for value in (*shown, *absent)]

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of every pair; Dice of those that are in the picture, the area of those that aren't.

        Without the last a mask of a few wrong pixels costs next to nothing, and every absent class has one.
        """
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
        shares = logits.sigmoid()
        entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="sum")
        dice = soft_dice(shares, truth, (1, 2))[shown]
        area = shares[~shown].mean((1, 2))
        empty = area / (area + SPECK)
        return mean(entropy, truth.numel()) + mean(dice.sum(), len(dice)) + mean(empty.sum(), len(empty))

    def shares(self, image: Tensor, shape: tuple[int, int]) -> Tensor:
        """Every class is asked for by its own name."""
        texts = [self.phrases[name][0] for name in self.classes[1:]]
        return grown(self.logits(image[None], [0] * len(texts), texts).float(), shape).sigmoid()


class TextUNet(Prompted):
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
        self.words = {
            word: at for at, word in enumerate(sorted({*split(self.phrases.values())}), 1)
        }  # 0: unknown
        self.text = nn.Sequential(
            nn.EmbeddingBag(len(self.words) + 1, 2 * EMBEDDING, mode="mean"),
            nn.Linear(2 * EMBEDDING, 2 * EMBEDDING),
            nn.GELU(),
            nn.Linear(2 * EMBEDDING, EMBEDDING),
        )
        self.bias = nn.Parameter(torch.tensor(-3.0))  # most pixels are of no phrase

    def asked(self, labels: Tensor, seed: int) -> list[tuple[int, str]]:
        """All classes, and a word that nobody knows."""
        return [*super().asked(labels, seed), (-1, "")]

    def read(self, texts: Sequence[str]) -> Tensor:
        """(phrases, EMBEDDING)."""
        ids = [[self.words.get(word, 0) for word in split([[text]])] or [0] for text in texts]
        starts = np.cumsum([0, *map(len, ids[:-1])])
        bag = self.text[0](
            torch.tensor([one for each in ids for one in each], device=self.bias.device),
            torch.tensor(starts, device=self.bias.device),
        )
        found: Tensor = self.text[1:](bag)
        return found

    def logits(self, images: Tensor, where: Sequence[int], texts: Sequence[str]) -> Tensor:
        """(pairs, size, size); a picture is read once."""
        pixels = self.net((images - self.mean) / self.std)
        known = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        every = torch.einsum("td,ndhw->nthw", self.read(list(known)).to(pixels.dtype), pixels)
        found: Tensor = every[list(where), [known[text] for text in texts]]
        return found + self.bias


def split(phrases: Iterable[Iterable[str]]) -> Iterator[str]:
    """The words of phrases.

    >>> list(split([["L-hook", "hook/electrode"]]))
    ['l', 'hook', 'hook', 'electrode']
    """
    for texts in phrases:
        for text in texts:
            yield from text.lower().replace("-", " ").replace("/", " ").split()


class ClipSeg(Prompted):
    """CLIPSeg of transformers: its decoder is told a phrase."""

    def __init__(
        self, classes: Sequence[str], phrases: Mapping[str, Sequence[str]], checkpoint: str | None, size: int
    ) -> None:
        super().__init__(classes, phrases)
        from transformers import AutoTokenizer, CLIPSegForImageSegmentation

        self.frozen = checkpoint is not None  # as its authors train it; random encoders must learn
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


def _square(images: Tensor, net: Any) -> tuple[int, int]:
    """Height and width of CLIPSeg's own output: its patches, each blown up to a patch's pixels."""
    patch = net.config.vision_config.patch_size
    return images.shape[-2] // patch * patch, images.shape[-1] // patch * patch


def small_clipseg(texts: Sequence[str], size: int) -> tuple[Any, Any]:
    """A small CLIPSeg with random weights and a tokenizer of the words of ``texts``; needs no Hub."""
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


def make(
    recipe: Mapping[str, Any], classes: Sequence[str], phrases: Mapping[str, Sequence[str]]
) -> Segmenter:
    """The model a recipe asks for."""
    towers = recipe["encoder"], recipe["weights"], recipe["decoder"]
    if recipe["model"] == UNET:
        return UNet(classes, *towers)
    if recipe["model"] == TEXT_UNET:
        return TextUNet(classes, phrases, *towers)
    return ClipSeg(classes, phrases, recipe["checkpoint"], recipe["size"])


def load(folder: Path) -> tuple[Segmenter, dict[str, Any]]:
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
