"""Pictures to a vision tower's patches: uint8 up to the device, floats only there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import simplejpeg
import torch
from numpy.typing import NDArray
from peft import PeftModel
from surgvqa.eval.data.row_media import decode
from torch import Tensor
from transformers import PreTrainedModel, ProcessorMixin

Frames = NDArray[np.uint8]  # frames x height x width x 3, RGB


class SizeError(ValueError):
    """Frames that don't fit into one array."""


def decode_all(pictures: Sequence[bytes]) -> Frames:
    """Pictures of one size to ``frames x height x width x 3`` RGB.

    A JPEG is decoded where it stays: an array of its own for each, and the copy into one, cost a sixth more CPU time.

    Raises:
        SizeError: pictures of several sizes.
        ValueError, OSError: as ``decode``.
    """
    first = decode(pictures[0])
    frames = np.empty((len(pictures), *first.shape), np.uint8)
    frames[0] = first
    for place, data in enumerate(pictures[1:], 1):
        if simplejpeg.is_jpeg(data):
            if simplejpeg.decode_jpeg_header(data)[:2] != first.shape[:2]:
                raise SizeError
            simplejpeg.decode_jpeg(data, colorspace="RGB", buffer=frames[place])
        else:
            picture = decode(data)
            if picture.shape != first.shape:
                raise SizeError
            frames[place] = picture
    return frames


Words = dict[str, Any]  # what a forward is called with, by name


def evenly(count: int, parts: int) -> list[int]:
    """Return the indices of ``parts`` out of ``count`` things: the middle of each of ``parts`` equal parts.

    >>> evenly(8, 4), evenly(8, 8)
    ([1, 3, 5, 7], [0, 1, 2, 3, 4, 5, 6, 7])
    """
    return [int((2 * part + 1) * count / (2 * parts)) for part in range(parts)]


def patchify(frames: Frames, part: Any, media: str) -> tuple[Tensor, Tensor]:
    """Frames to uint8 patches in the model's order, and their grid; resized as the processor would."""
    if not len(frames):
        return torch.zeros(0, 0, dtype=torch.uint8), torch.zeros(0, 3, dtype=torch.int64)
    size, merge = part.patch_size, part.merge_size
    together = part.temporal_patch_size if media == "video" else 1
    planes = torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous()
    settings: dict[str, Any] = {
        "size": part.size,
        "resample": part.resample,
        "factor": size * merge,
    }
    if media == "video":
        settings |= {
            "temporal_factor": together,
            "cap_pixels_per_frame": bool(part.cap_pixels_per_frame),
        }
        planes = part.resize(planes[None], **settings)[0]
        if missing := -len(planes) % together:
            planes = torch.cat([planes, planes[-1:].expand(missing, -1, -1, -1)])
    else:
        planes = part.resize(planes, **settings)
    steps, rows, columns = len(planes) // together, planes.shape[2] // size, planes.shape[3] // size
    # One item is a patch's row of `size` bytes: numpy then moves 7, 14 or 16 bytes at a time, 3-4x faster.
    items = planes.contiguous().numpy().view(f"V{size}")
    items = items.reshape(steps, together, 3, rows // merge, merge, size, columns // merge, merge)
    patches = np.ascontiguousarray(items.transpose(0, 3, 6, 4, 7, 2, 1, 5)).view(np.uint8)
    flat = torch.from_numpy(patches.reshape(steps * rows * columns, 3 * together * size * size))
    grid = [[steps, rows, columns]] if media == "video" else [[1, rows, columns]] * steps
    return flat, torch.tensor(grid, dtype=torch.int64)


def normalise_on_device(model: PreTrainedModel, processor: ProcessorMixin) -> None:
    """Let the model take uint8 patches: they are turned to floats where the weights lie.

    A hook on the inner model, because TRL's trainers call that one and not the outer ``forward``. Float
    patches, as the stock processor gives them, go through unchanged. ``generate`` calls the tower past the inner
    model too: give it ``to_float`` patches.
    """
    base: Any = model.get_base_model() if isinstance(model, PeftModel) else model

    def hook(_: torch.nn.Module, args: tuple[Any, ...], kwargs: Words) -> tuple[Any, Words]:
        for key, part in (
            ("pixel_values", processor.image_processor),
            ("pixel_values_videos", processor.video_processor),
        ):
            patches = kwargs.get(key)
            if patches is not None and patches.dtype == torch.uint8:
                kwargs[key] = to_float(patches, part)
        return args, kwargs

    base.model.register_forward_pre_hook(hook, with_kwargs=True, prepend=True)


def to_float(patches: Tensor, part: Any) -> Tensor:
    """uint8 patches to the processor's floats; a still image stands in every step of a temporal patch."""
    area = part.patch_size**2
    mean = torch.tensor(part.image_mean, device=patches.device) / part.rescale_factor
    deviation = torch.tensor(part.image_std, device=patches.device) / part.rescale_factor
    steps = patches.shape[1] // (3 * area)
    planes = patches.view(len(patches), 3, steps, area).float()
    planes = (planes - mean.view(1, 3, 1, 1)) / deviation.view(1, 3, 1, 1)
    floats: Tensor = planes.expand(-1, -1, part.temporal_patch_size, -1).reshape(len(patches), -1)
    return floats
