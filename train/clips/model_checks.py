"""The doctor's checks of a model: losses with other pixels, gradients, dtypes, positions, adapter on and off."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from datasets import Dataset
from surgvqa.cards.command import InputError
from surgvqa.train.clips.collate import PREFIX, Collator
from surgvqa.train.clips.prepare import PreparedRun
from surgvqa.train.steps.optimizer import part_of
from surgvqa.train.steps.options import AudioOptions
from torch import Tensor
from trl import SFTTrainer

PIXELS = ("pixel_values", "pixel_values_videos")
GRIDS = ("image_grid_thw", "video_grid_thw", "second_per_grid_ts")


def loss_of(trainer: SFTTrainer, batch: Mapping[str, Tensor]) -> float:
    """Return the trainer's own loss of a batch, without dropout and without a trace in its metrics."""
    model = trainer.model
    was_training = model.training
    model.eval()
    model.to(trainer.args.device)
    with torch.no_grad(), trainer.accelerator.autocast():
        loss = trainer.compute_loss(model, trainer._prepare_inputs(dict(batch)))
    trainer._metrics["eval"].clear()
    model.train(was_training)
    return float(loss)


def swap_pixels(trainer: SFTTrainer, units: Dataset) -> tuple[float, float, float]:
    """Loss of a batch, how much it varies by itself, and how much when it gets another clip's pixels.

    Raises:
        InputError: the batch has no pixels.
    """
    batch = trainer.data_collator([units[0]])
    key = next((name for name in PIXELS if name in batch), None)
    if key is None:
        raise InputError("no pixels in the batch: the collator lost them, or the clips have none")
    other = different(trainer, units, batch[key], key)
    first, again, after_swap = (
        loss_of(trainer, {**batch, key: pixels}) for pixels in (batch[key], batch[key], other)
    )
    return first, abs(again - first), abs(after_swap - first)


def swap_sounds(trainer: SFTTrainer, units: Dataset) -> tuple[float, float, float]:
    """Loss of a batch, how much it varies by itself, and how much when each sound is another recording.

    Raises:
        InputError: the batch has no sound.
    """
    batch = trainer.data_collator([units[0]])
    own = batch.get("input_features")
    if own is None:
        raise InputError("no sound in the batch: the collator lost it")
    others = (trainer.data_collator([units[index]])["input_features"] for index in range(min(len(units), 64)))
    other = next((sound[:1] for sound in others if not torch.equal(sound[0], own[0])), own[:1].flip(-1))
    first, again, after_swap = (
        loss_of(trainer, {**batch, "input_features": sound}) for sound in (own, own, other.expand_as(own))
    )
    return first, abs(again - first), abs(after_swap - first)


def different(trainer: SFTTrainer, units: Dataset, own: Tensor, key: str) -> Tensor:
    """Pixels of the same shape and from another clip, or its own upside down if there is none."""
    for index in range(1, min(len(units), 64)):
        if units[index]["row"] == units[0]["row"]:
            continue
        pixels = trainer.data_collator([units[index]]).get(key)
        if pixels is not None and pixels.shape == own.shape and not torch.equal(pixels, own):
            return pixels
    return own.flip(0 if own.ndim == 2 else -2)


def positions_collapse(run: PreparedRun, batch: Mapping[str, Tensor]) -> str:
    """Say what is wrong with the frames' rotary positions on the time axis; empty if nothing is."""
    inner = inner_model(run.trainer)
    length = int((batch["question_index"][0] == PREFIX).sum()) if "question_index" in batch else None
    row = {key: batch[key][:1, :length] for key in ("input_ids", "mm_token_type_ids", "attention_mask")}
    media = {key: batch[key] for key in GRIDS if key in batch}
    if "question_index" not in batch:  # every row brings its own copy of the clip
        copies = len(batch["input_ids"])
        media = {key: value[: len(value) // copies] for key, value in media.items()}
    positions, _ = inner.get_rope_index(**row, **media)
    time = positions[0, 0][row["input_ids"][0] == run.encoder.pad_id]
    grid = next(media[key] for key in ("image_grid_thw", "video_grid_thw") if key in media)
    # of a video in Qwen2-VL and Qwen2.5-VL a step of the grid has one time; images and Qwen3-VL begin anew each
    steps = int(grid[:, 0].sum())
    starts = time.view(steps, -1)[:, 0]
    if not bool((starts[1:] > starts[:-1]).all()):
        return f"positions in time don't ascend: {starts.tolist()}"
    return ""


def inner_model(trainer: SFTTrainer) -> Any:
    """Return the ``…Model`` below adapter and head."""
    model = trainer.model
    return (model.get_base_model() if hasattr(model, "get_base_model") else model).model


def dtype_summary(model: torch.nn.Module) -> dict[str, set[str]]:
    """Return the dtypes of each part's own weights, and of what is ``trained``; quantised ones as ``4 bit``, ``8 bit``."""
    out: dict[str, set[str]] = defaultdict(set)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            out["trained"].add(str(parameter.dtype).removeprefix("torch."))
        if "lora_" not in name:
            kind = {"Params4bit": "4 bit", "Int8Params": "8 bit"}.get(type(parameter).__name__)
            out[part_of(name)].add(kind or str(parameter.dtype).removeprefix("torch."))
    return dict(out)


def what_learns(run: PreparedRun) -> tuple[dict[str, int], str]:
    """Return the number of learning weights of each part, and those that weren't asked for."""
    counts: dict[str, int] = defaultdict(int)
    strangers = []
    for name, parameter in run.trainer.model.named_parameters():
        if parameter.requires_grad:
            counts[part_of(name)] += parameter.numel()
            if run.model_options.use_peft and "lora_" not in name and "modules_to_save" not in name:
                strangers.append(name)
    if isinstance(run.options, AudioOptions) and run.options.stage == "align":
        return counts, "" if set(counts) == {
            "audio"
        } else f"to be aligned is audio, found {', '.join(counts)}"
    if ("audio" in counts) != (run.extractor is not None):
        return counts, f"audio {'is frozen' if run.extractor else 'learns'}"
    rates = {"projector": run.options.projector_learning_rate, "vision": run.options.vision_learning_rate}
    if strangers:
        return counts, f"{strangers[0]} learns, beside the adapter"
    for part, rate in rates.items():
        should_learn = bool(rate) if run.model_options.use_peft else rate != 0
        if run.model_options.use_peft and run.own_targets:
            continue
        if should_learn != (part in counts):
            return counts, f"{part} {'is frozen' if should_learn else 'learns'}"
    return counts, "" if counts else "nothing learns"


def shared_against_alone(run: PreparedRun) -> tuple[float, float, float]:
    """Return the loss of some questions in one sequence and in one each, and how much they may differ (relative)."""
    packer: Collator = run.trainer.data_collator
    alone = Collator(packer.tables, packer.encoder, False, packer.masks_thoughts)
    count = max(len(questions) for questions in run.units[:64]["questions"])
    unit = next(unit for unit in run.units if len(unit["questions"]) == count)
    unit = {**unit, "questions": unit["questions"][:3]}
    together, apart = (loss_of(run.trainer, collate([unit])) for collate in (packer, alone))
    exact = {parameter.dtype for parameter in run.trainer.model.parameters()} == {torch.float32}
    is_mixed = run.trainer.accelerator.mixed_precision != "no"
    return together, apart, 1e-6 if exact and not is_mixed else 2e-2


def module_of(name: str) -> str:
    """Return the module a parameter belongs to; an adapter's matrices belong to the module they are on.

    >>> module_of("base_model.model.model.language_model.layers.3.mlp.up_proj.lora_A.default.weight")
    'model.language_model.layers.3.mlp.up_proj'
    >>> module_of("model.visual.merger.mlp.0.bias")
    'model.visual.merger.mlp.0'
    """
    name = name.removeprefix("base_model.model.")
    match = re.match(r"(.*?)\.(lora_\w+|modules_to_save|base_layer)\.", name)
    return match[1] if match else name.rpartition(".")[0]


def gradients(run: PreparedRun) -> tuple[int, list[str], list[str]]:
    """One step's gradients, not taken: how many modules get one, which that learn don't, which frozen ones do.

    An adapter's first matrix gets none while its second is zero, so modules are looked at and not weights.

    Raises:
        InputError: a gradient that isn't a number.
    """
    trainer = run.trainer
    model = trainer.model.to(trainer.args.device)
    lengths = run.units["length"]
    unit = run.units[max(range(len(lengths)), key=lengths.__getitem__)]
    was_training, tokens = model.training, trainer._total_train_tokens
    model.train()
    with torch.random.fork_rng(), trainer.accelerator.autocast():
        loss = trainer.compute_loss(model, trainer._prepare_inputs(dict(trainer.data_collator([unit]))))
    if loss.requires_grad:
        loss.backward()
    trainer._metrics["train"].clear()
    if trainer.by_kind is not None:
        trainer.by_kind.figures(lambda sums: sums)  # and forgets them
    trainer._total_train_tokens = tokens
    live: dict[str, bool] = {}
    frozen_names = []
    for name, parameter in model.named_parameters():
        gradient = parameter.grad
        if gradient is not None and not parameter.requires_grad:
            frozen_names.append(name)
        if parameter.requires_grad:
            if gradient is not None and not bool(torch.isfinite(gradient).all()):
                raise InputError(f"the gradient of {name} is not a number")
            module = module_of(name)
            live[module] = live.get(module, False) or (gradient is not None and bool(gradient.any()))
    model.zero_grad(set_to_none=True)
    model.train(was_training)
    return sum(live.values()), [module for module, alive in live.items() if not alive], frozen_names


def adapter_change(run: PreparedRun) -> float:
    """Return the relative change of the loss when the adapter's second matrices are disturbed; they are put back.

    Raises:
        InputError: with the adapter switched off, the disturbance is still there.
    """
    trainer = run.trainer
    model: Any = trainer.model
    batch = trainer.data_collator([run.units[0]])
    originals = {name: p.detach().clone() for name, p in model.named_parameters() if "lora_B" in name}
    with model.disable_adapter():
        before = loss_of(trainer, batch)
    generator = torch.Generator().manual_seed(0)
    parameters = dict(model.named_parameters())
    try:
        for name, value in originals.items():
            noise = torch.randn(value.shape, generator=generator) * 0.05
            parameters[name].data.add_(noise.to(value.device, value.dtype))
        with model.disable_adapter():
            off = loss_of(trainer, batch)
        on = loss_of(trainer, batch)
    finally:
        for name, value in originals.items():
            parameters[name].data.copy_(value)
    if off != before:
        raise InputError("switched off, the adapter still changes the loss")
    return abs(on - off) / abs(off)
