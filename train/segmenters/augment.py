"""Changes that surgical pictures undergo: smoke, specular highlights, blur, colour, crop, rotation.

Picture and label map are changed alike; every sample follows from its own seed, whoever asks for it and when.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else it asks PyPI for a newer version on import

import albumentations
import cv2

GREY = 205.0  # of smoke
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Highlights(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """Specular highlights: some bright ellipses with soft rims, as wet tissue and metal throw back the light."""

    def apply(self, img: np.ndarray, spots: Any = (), **params: Any) -> np.ndarray:
        """Light the spots up."""
        height, width = img.shape[:2]
        glow = np.zeros((height, width), np.float32)
        for x, y, a, b, angle in spots:
            centre = (int(x * width), int(y * height))
            axes = (max(1, int(a * width)), max(1, int(b * width)))
            cv2.ellipse(glow, centre, axes, float(angle), 0, 360, 1.0, -1)
        rim = np.asarray(cv2.GaussianBlur(glow, (0, 0), max(0.5, width / 160)))[..., None]
        lit: np.ndarray = (img * (1 - rim) + 255 * rim).round().astype(np.uint8)
        return lit

    def get_params(self) -> dict[str, np.ndarray]:
        """Draw the places and sizes of the spots, in shares of the width."""
        random = self.random_generator
        number = int(random.integers(1, 6))
        return {
            "spots": np.column_stack(
                [
                    random.random((number, 2)),
                    random.uniform(0.005, 0.03, (number, 2)),
                    random.uniform(0, 180, number),
                ]
            )
        }


class Smoke(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """Smoke of cautery: a grey veil, thicker here than there. The library's fog took 90 ms a picture, this takes 0.5."""

    def apply(self, img: np.ndarray, thickness: Any = ((0.0,),), **params: Any) -> np.ndarray:
        """Lay the veil on."""
        veil = cv2.resize(thickness, img.shape[1::-1], interpolation=cv2.INTER_CUBIC)[..., None]
        result: np.ndarray = (img * (1 - veil) + GREY * veil).round().clip(0, 255).astype(np.uint8)
        return result

    def get_params(self) -> dict[str, np.ndarray]:
        """Draw how thick it is at 4 x 4 places."""
        random = self.random_generator
        most = float(random.uniform(0.2, 0.6))
        return {"thickness": random.uniform(0.0, most, (4, 4)).astype(np.float32)}


def training(size: int) -> albumentations.Compose:
    """Build the augmentation of a training sample, which returns ``size x size``."""
    return _varied(size, mirror=True)


def upright(size: int) -> albumentations.Compose:
    """Build one that mirrors nothing and turns little: an artery lies on one side of its duct, and a mirror hides that."""
    return _varied(size, mirror=False)


def _varied(size: int, *, mirror: bool) -> albumentations.Compose:
    return albumentations.Compose(
        [
            # A crop's ratio is measured on what it is cut from. Of a wide frame no square crop covers 0.6, and the library
            # then cuts the middle: the sides, where instruments come in, were never shown.
            albumentations.Resize(size * 4 // 3, size * 4 // 3),
            albumentations.RandomResizedCrop(
                (size, size), scale=(0.6 if mirror else 0.7, 1.0), ratio=(0.8, 1.25), p=1.0
            ),
            albumentations.HorizontalFlip(p=0.5 if mirror else 0.0),
            albumentations.Rotate(limit=25 if mirror else 15, border_mode=cv2.BORDER_REFLECT_101, p=0.5),
            albumentations.ColorJitter(0.2, 0.2, 0.2, 0.03, p=0.7),
            Smoke(p=0.15),
            Highlights(p=0.25),
            albumentations.OneOf(
                [
                    albumentations.GaussianBlur(blur_limit=(3, 5)),
                    albumentations.MotionBlur(blur_limit=(3, 7)),
                ],
                p=0.2,
            ),
        ],
        seed=0,
    )


def light(size: int) -> albumentations.Compose:
    """Mirrored either way and other colours: what a run of a few epochs can still learn from."""
    return albumentations.Compose(
        [
            albumentations.Resize(size, size),
            albumentations.HorizontalFlip(p=0.5),
            albumentations.VerticalFlip(p=0.5),
            albumentations.ColorJitter(0.2, 0.2, 0.2, 0.05, p=0.7),
        ],
        seed=0,
    )


def plain(size: int) -> albumentations.Compose:
    """Only the size, for validation and prediction."""
    return albumentations.Compose([albumentations.Resize(size, size)])


def apply(
    change: albumentations.Compose, picture: np.ndarray, labels: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """(picture, labels) after the change that follows from the seed."""
    change.set_random_seed(seed)
    sample = change(image=picture, mask=labels)
    return sample["image"], sample["mask"]
