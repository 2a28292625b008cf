"""The plain U-Net (Ronneberger et al. 2015): convolutions at full resolution, where a duct of four pixels is still there.

The encoders of segmentation-models-pytorch begin at half the resolution; what that costs thin structures, docs/real.md has measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class PlainUNet(nn.Module):
    """A U-Net of two 3 x 3 convolutions a level.

    Args:
        widths: channels of the levels on the way up, the last one at full resolution; the way down has the same.
        channels: of the output.
    """

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        levels = [*reversed(widths), widths[0]]  # from full resolution to the bottom
        self.down = nn.ModuleList(map(_convolutions, (3, *levels), levels))
        self.up = nn.ModuleList(
            _convolutions(below + level, level) for below, level in zip(levels[::-1], widths, strict=False)
        )
        self.head = nn.Conv2d(levels[0], channels, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, height, width) -> (n, channels, height, width); sides are multiples of two to the number of widths."""
        maps: list[Tensor] = []
        for level in self.down:
            images = level(functional.max_pool2d(images, 2) if maps else images)
            maps.append(images)
        below = maps.pop()
        for level in self.up:
            beside = maps.pop()
            larger = functional.interpolate(
                below, size=beside.shape[2:], mode="bilinear", align_corners=False
            )
            below = level(torch.cat([larger, beside], 1))
        out: Tensor = self.head(below)
        return out


def _convolutions(channels: int, width: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for before in (channels, width):
        parts += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True)]
    return nn.Sequential(*parts)
