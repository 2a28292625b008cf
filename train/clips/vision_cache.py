"""Frozen vision, computed once: what tower and projector make of a clip, on disk between epochs and runs.

    surgvqa-train sft --config sft_lora.yaml … --cache_vision cache

One safetensors file per clip, named by the hash of the clip's own bytes, in a folder named by the hash of everything
else that the numbers follow from (``settings.json`` says what): the vision weights, the processor, the budget, the
precision, the device and the libraries. A run first computes what isn't there, clip by clip; its steps then read
features and never touch a pixel. With one clip per device and batch the losses are those without the cache, to the
bit; in larger batches a kernel may round otherwise than clip by clip.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
import transformers
from datasets import Dataset
from safetensors.torch import load_file, save_file
from surgvqa.cards.command import InputError
from surgvqa.cards.files.manifest import sha256
from surgvqa.eval.data.row_media import name
from surgvqa.eval.models.encode import Encoder
from surgvqa.eval.models.pixels import evenly, patchify, to_float
from torch import Tensor
from tqdm import tqdm
from transformers.modeling_outputs import BaseModelOutputWithPooling

KINDS = {"images": "image", "video": "video"}
PROOFS = 2  # clips found in the cache that a run computes again, to see that they are this model's


@dataclass(frozen=True, slots=True)
class ClipFeatures:
    """The features of one clip behind tower and projector."""

    features: Tensor  # tokens x hidden
    deepstack: Tensor  # layers x tokens x hidden, for Qwen3-VL; of the others 0 layers
    grid: Tensor  # int64, images x 3 (or 1 x 3 for a video): time, height, width in patches
    times: list[float]  # of the frames, seconds in the clip

    def tensors(self) -> dict[str, Tensor]:
        """As they are stored."""
        out = {"features": self.features, "grid": self.grid, "times": torch.tensor(self.times).double()}
        out |= {"deepstack": self.deepstack} if len(self.deepstack) else {}
        return {key: value.cpu().contiguous() for key, value in out.items()}


class VisionCache:
    """The features of a run's clips.

    Args:
        folder: of all caches; runs may share it.
        inner: the ``…Model`` below adapter and head, on its device, its vision frozen.
        encoder: of the run.
        tables: the run's ``clips`` data sets, as ``Collator`` numbers them.
        precision: of the sums, "no" for the weights' own; ``autocast`` gives its context.
        autocast: makes the context that the model computes in.
    """

    def __init__(
        self,
        folder: Path,
        inner: Any,
        encoder: Encoder,
        tables: Sequence[Dataset],
        precision: str,
        autocast: Any,
    ) -> None:
        # a model's ears are first
        forwards: list[Any] = [vars(cls)["forward"] for cls in type(inner).__mro__ if "forward" in vars(cls)]
        if not any("mm_encoder_outputs" in inspect.signature(one).parameters for one in forwards):
            raise InputError(
                f"--cache_vision needs a transformers whose {type(inner).__name__} takes mm_encoder_outputs, "
                f"found {transformers.__version__}; leave it away, or update"
            )
        self.inner, self.encoder, self.tables, self.autocast = inner, encoder, tables, autocast
        facts = settings(inner, encoder, precision)
        self.folder = folder / hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(facts, indent=2, sort_keys=True) + "\n"
        (self.folder / "settings.json").write_text(text, encoding="utf-8")
        self.paths: dict[tuple[int, int], Path] = {}

    def fill(self, clips: Sequence[tuple[int, int]], show: bool = True) -> int:
        """Compute what is missing or damaged of these clips (table, row); returns how many were.

        Raises:
            InputError: a disk that is too small; features in the cache that this model doesn't give.
        """
        missing: list[tuple[int, int]] = []
        hits: list[tuple[int, int]] = []
        for table, index in clips:
            path = self.path(table, index)
            (hits if whole(path) else missing).append((table, index))
        for place in evenly(len(hits), min(PROOFS, len(hits))):
            self.prove(*hits[place])
        for count, (table, index) in enumerate(
            tqdm(missing, desc="vision", unit="clip", disable=not show, file=sys.stderr)
        ):
            path = self.path(table, index)
            tensors = self.compute(self.tables[table][index]).tensors()
            if not count:
                raise_if_too_small(self.folder, len(missing) * sum(t.nbytes for t in tensors.values()))
            part = path.with_name(f".{path.name}.{os.getpid()}")
            save_file(tensors, part, {"sha256": digest(tensors)})
            part.replace(path)
        return len(missing)

    def prove(self, table: int, index: int) -> None:
        """Compute a stored clip again.

        Raises:
            InputError: it isn't what is stored.
        """
        row = self.tables[table][index]
        tensors, fresh = load_file(self.path(table, index)), self.compute(row).tensors()
        if tensors.keys() != fresh.keys() or not all(torch.equal(tensors[key], fresh[key]) for key in fresh):
            raise InputError(
                f"{self.folder} holds other features of {name(row)} than the model gives; delete that folder"
            )

    @torch.no_grad()
    def compute(self, row: Mapping[str, Any]) -> ClipFeatures:
        """Return a clip through tower and projector, alone."""
        media, part = self.encoder.budget.media, self.encoder.part
        frames, times = self.encoder.frames(row)
        patches, grid = patchify(frames, part, media)
        tower = self.inner.visual
        was_training, device = tower.training, next(tower.parameters()).device
        tower.eval()
        context: AbstractContextManager[Any] = self.autocast()
        with context:
            see = getattr(self.inner, f"get_{KINDS[media]}_features")
            out = see(to_float(patches.to(device), part), grid.to(device), return_dict=True)
        tower.train(was_training)
        features = torch.cat(list(out.pooler_output))
        deep = [torch.cat(list(layer)) for layer in getattr(out, "deepstack_features", None) or []]
        return ClipFeatures(
            features.cpu(), torch.stack(deep).cpu() if deep else features.new_zeros(0).cpu(), grid, times
        )

    def path(self, table: int, index: int) -> Path:
        """Return the file of a row's features."""
        if (table, index) not in self.paths:
            key = content(self.tables[table][index], self.encoder)
            self.paths[table, index] = self.folder / f"{key}.safetensors"
        return self.paths[table, index]

    def load(self, table: int, index: int) -> ClipFeatures:
        """Return the features of a row, from the disk."""
        tensors = load_file(self.path(table, index))
        features = tensors["features"]
        return ClipFeatures(
            features,
            tensors.get("deepstack", features.new_zeros(0)),
            tensors["grid"],
            tensors["times"].tolist(),
        )

    def batch(self, clips: Sequence[ClipFeatures]) -> dict[str, Tensor]:
        """Return what a model that ``takes_features`` is given in place of pixels."""
        out = {"vision_features": torch.cat([clip.features for clip in clips])}
        if len(clips[0].deepstack):
            out["vision_deepstack"] = torch.cat([clip.deepstack for clip in clips], dim=1)
        return out


def settings(inner: Any, encoder: Encoder, precision: str) -> dict[str, object]:
    """Return the settings that a clip's features depend on beside the clip, as JSON."""
    weights = hashlib.sha256()
    for key, value in sorted(inner.visual.state_dict().items()):
        weights.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
        weights.update(as_bytes(value))
    device = next(inner.visual.parameters()).device
    config = inner.visual.config
    return {
        "vision_weights": weights.hexdigest(),
        "vision_config": json.loads(config.to_json_string(use_diff=False)) | {"_name_or_path": ""},
        "attention": config._attn_implementation,
        "precision": precision,
        "processor": json.loads(encoder.part.to_json_string()),
        "budget": dataclasses.asdict(encoder.budget),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def content(row: Mapping[str, Any], encoder: Encoder) -> str:
    """Return the hash of what a clip's pixels and times are read from."""
    out = hashlib.sha256()
    images = row.get("images") or []
    if images:
        for index in evenly(len(images), encoder.budget.frames):
            out.update(hashlib.sha256(images[index]["bytes"]).digest())
    else:
        out.update(hash_of((encoder.root or Path()) / str(row.get("video"))).encode())
    times = [row.get(key) for key in ("video_start_s", "start_s", "end_s", "frame_times_s")]
    out.update(json.dumps(times).encode())
    return out.hexdigest()


@functools.cache
def hash_of(path: Path) -> str:
    """Return a file's SHA-256, read once; of one that isn't there nothing, reading its frames will say so."""
    return sha256(path) if path.is_file() else ""


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the hash of tensors' bytes."""
    out = hashlib.sha256()
    for key in sorted(tensors):
        out.update(as_bytes(tensors[key]))
    return out.hexdigest()


def as_bytes(value: Tensor) -> memoryview:
    """Return a tensor's bytes, whatever its type."""
    flat: Tensor = value.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data


def whole(path: Path) -> bool:
    """Whether a clip's file is there and as it was written."""
    if not path.is_file():
        return False
    try:
        with safetensors.safe_open(path, "pt") as file:
            written_hash = (file.metadata() or {}).get("sha256")
        return written_hash == digest(load_file(path))
    except safetensors.SafetensorError:
        return False


def raise_if_too_small(folder: Path, size: int) -> None:
    """Before the disk is full."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise InputError(
            f"--cache_vision needs {size / 1e9:.1f} GB in {folder.parent}, {free / 1e9:.1f} GB are free; "
            "give a folder on another disk, lower --max_pixels or --frames, or leave it away"
        )


def takes_features(inner: Any, media: str) -> None:
    """Let a model take a batch's ``vision_features`` in place of pixels."""

    def hook(_: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        features, deep = kwargs.pop("vision_features", None), kwargs.pop("vision_deepstack", ())
        if features is not None:
            out = BaseModelOutputWithPooling(pooler_output=[features])
            out.deepstack_features = [[layer] for layer in deep]
            kwargs["mm_encoder_outputs"] = {KINDS[media]: out}
        return args, kwargs

    inner.register_forward_pre_hook(hook, with_kwargs=True, prepend=True)
