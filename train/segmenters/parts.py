"""Parts of segmenters: a batch, predicted masks, losses, and prompts in words.

All take a batch of pictures and give a loss (Dice + cross-entropy), and for one picture a mask per class.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from surgvqa.train.segmenters.augment import MEAN, STD
from surgvqa.train.steps.distributed import mean, total
from torch import Tensor, nn
from torch.nn import functional

SPECK = 0.01  # of the picture: the area of probability at which a mask of nothing costs half of what it can


class Batch(NamedTuple):
    """Pictures (n, 3, size, size) in 0-1, labels (n, size, size), and one seed per sample."""

    images: Tensor
    labels: Tensor
    seeds: Sequence[int]


class PictureMasks(NamedTuple):
    """Of one picture: each class's boolean mask with its mean probability, and the highest of any class and pixel."""

    masks: dict[str, tuple[np.ndarray, float]]
    highest: float


def soft_dice(shares: Tensor, truth: Tensor, dims: tuple[int, ...]) -> Tensor:
    """1 - Dice of probabilities against 0/1, over ``dims``; those of other processes count where 0 is one of them."""
    sums = (shares * truth).sum(dims), shares.sum(dims), truth.sum(dims)
    both, one, other = (total(each) for each in sums) if 0 in dims else sums
    return 1 - (2 * both + 1) / (one + other + 1)


class Segmenter(nn.Module):
    """The common part: names by value of the label map, and the colours that encoders expect."""

    mean: Tensor
    std: Tensor

    def __init__(self, classes: Sequence[str]) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.mirror = False  # predict the mirrored picture, too
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss."""
        raise NotImplementedError

    def shares(self, image: Tensor, shape: tuple[int, int]) -> Tensor:
        """Of one picture (3, size, size): a probability per class but background and pixel of ``shape``."""
        raise NotImplementedError

    def to_masks(self, shares: Tensor) -> Tensor:
        """Return the masks of the shares, boolean: what is likelier than not."""
        return shares > 0.5

    @torch.no_grad()
    def masks(self, image: Tensor, shape: tuple[int, int]) -> PictureMasks:
        """Return the label map of the picture, in ``shape``."""
        shares = self.shares(image, shape)
        if self.mirror:
            shares = (shares + self.shares(image.flip(-1), shape).flip(-1)) / 2
        each = zip(self.classes[1:], shares, self.to_masks(shares), strict=True)
        masks = {
            name: (mask.cpu().numpy(), float(share[mask].mean())) for name, share, mask in each if mask.any()
        }
        return PictureMasks(masks, float(shares.max()))


def enlarge(maps: Tensor, shape: tuple[int, int]) -> Tensor:
    """(n, height, width) of logits as (n, *shape): between pixels, so that outlines stay smooth."""
    return functional.interpolate(maps[None], shape, mode="bilinear", align_corners=False)[0]


class PromptSegmenter(Segmenter):
    """Is asked in words; a name of nothing in view has an empty mask."""

    prompts: int  # of a picture and step: at most half are of what it shows, the others of what it doesn't

    def __init__(self, classes: Sequence[str], phrases: Mapping[str, Sequence[str]]) -> None:
        super().__init__(classes)
        self.phrases = {name: tuple(phrases[name]) for name in self.classes[1:]}

    def logits(self, images: Tensor, where: Sequence[int], texts: Sequence[str]) -> Tensor:
        """(pairs, size, size): a phrase each, about the picture at its place of ``where``."""
        raise NotImplementedError

    def draw_prompts(self, labels: Tensor, seed: int) -> list[tuple[int, str]]:
        """(class, phrase) pairs to ask one picture for: ones that it shows, then ones that it doesn't."""
        draw = random.Random(seed)
        values = {int(value) for value in np.unique(labels.cpu().numpy())} - {0}
        visible = draw.sample(sorted(values), min(len(values), self.prompts // 2))
        rest = sorted(set(range(1, len(self.classes))) - values)
        absent = draw.sample(rest, min(len(rest), self.prompts - len(visible)))
        return [(value, draw.choice(self.phrases[self.classes[value]])) for value in (*visible, *absent)]

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of every pair; Dice of those that are in the picture, the area of those that aren't.

        Without the last a mask of a few wrong pixels costs next to nothing, and every absent class has one.
        """
        pairs = [
            (at, value, text)
            for at, seed in enumerate(batch.seeds)
            for value, text in self.draw_prompts(batch.labels[at], seed)
        ]
        where = torch.tensor([at for at, _, _ in pairs], device=batch.images.device)
        values = torch.tensor([value for _, value, _ in pairs], device=batch.images.device)
        truth = (batch.labels[where] == values[:, None, None]).float()
        logits = self.logits(batch.images, [at for at, _, _ in pairs], [text for _, _, text in pairs]).float()
        in_view = truth.sum((1, 2)) > 0
        shares = logits.sigmoid()
        entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="sum")
        dice = soft_dice(shares, truth, (1, 2))[in_view]
        area = shares[~in_view].mean((1, 2))
        empty = area / (area + SPECK)
        return mean(entropy, truth.numel()) + mean(dice.sum(), len(dice)) + mean(empty.sum(), len(empty))

    def shares(self, image: Tensor, shape: tuple[int, int]) -> Tensor:
        """Every class is asked for by its own name."""
        texts = [self.phrases[name][0] for name in self.classes[1:]]
        return enlarge(self.logits(image[None], [0] * len(texts), texts).float(), shape).sigmoid()


def split(phrases: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the words of phrases.

    >>> list(split([["L-hook", "hook/electrode"]]))
    ['l', 'hook', 'hook', 'electrode']
    """
    for texts in phrases:
        for text in texts:
            yield from text.lower().replace("-", " ").replace("/", " ").split()


class Words(nn.Sequential):
    """Phrases as vectors: the mean of their words, then two layers. Words it wasn't made with all mean the same."""

    def __init__(self, phrases: Iterable[Iterable[str]], width: int, out: int) -> None:
        self.numbers = {word: at for at, word in enumerate(sorted({*split(phrases)}), 1)}  # 0: unknown
        super().__init__(
            nn.EmbeddingBag(len(self.numbers) + 1, width, mode="mean"),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, out),
        )

    def forward(self, texts: Sequence[str]) -> Tensor:
        """(phrases, out)."""
        ids = [[self.numbers.get(word, 0) for word in split([[text]])] or [0] for text in texts]
        starts = np.cumsum([0, *map(len, ids[:-1])])
        device = next(self.parameters()).device
        vectors: Tensor = self[0](
            torch.tensor([one for each in ids for one in each], device=device),
            torch.tensor(starts, device=device),
        )
        for layer in list(self)[1:]:
            vectors = layer(vectors)
        return vectors


def to_tensor(picture: np.ndarray) -> Tensor:
    """Return a height x width x 3 uint8 picture as (3, height, width) in 0-1."""
    return torch.from_numpy(np.ascontiguousarray(picture)).movedim(-1, 0).float() / 255
