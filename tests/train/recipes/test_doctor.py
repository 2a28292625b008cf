"""The doctor: sound runs pass in every family, and each seeded bug is caught by the check that is there for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import families
import pytest
import torch
from colour_clips import row, write
from surgvqa.cards.command import InputError
from surgvqa.eval.models import encode
from surgvqa.train import doctor
from surgvqa.train.__main__ import main
from surgvqa.train.clips import base_model as base_of
from surgvqa.train.clips import collate, prepare
from surgvqa.train.clips import shared_prefix as sharing

Patch = pytest.MonkeyPatch
LORA = ("--config", "sft_lora.yaml")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clips") / "data", train=[row(number) for number in range(4)])


@pytest.fixture
def arguments(bases: dict[str, Path], clips: Path, tmp_path: Path) -> Callable[..., list[str]]:
    def given(*options: str, family: str = "qwen2_5_vl") -> list[str]:
        return [
            *("--model_name_or_path", str(bases[family]), "--dataset_name", str(clips)),
            *("--output_dir", str(tmp_path / "out"), "--use_cpu", "true", *options),
        ]

    return given


@pytest.mark.parametrize("family", families.LONG)
@pytest.mark.parametrize("options", [LORA, (*LORA, "--media", "video"), ("--questions-per-sequence", "1")])
def test_a_sound_run_passes(
    arguments: Callable[..., list[str]],
    family: str,
    options: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor", *arguments(*options, family=family)]) == 0
    table = capsys.readouterr().out
    assert "✗" not in table and table.count("✓") >= 8
    assert f"✓ labels            {8 if '1' in options else 12} answers read back exactly" in table
    assert "none cut, frames seen at 56x56 pixels" in table
    warned = "vLLM counts positions after a video otherwise" in table
    assert warned == ("video" in options and family != "qwen3_vl")


def failed(arguments: list[str]) -> tuple[set[str], str]:
    """Which checks fail, and the whole message."""
    run = prepare.prepare(arguments)
    with pytest.raises(InputError) as caught:
        doctor.examine(run)
    parts = str(caught.value).removeprefix("before step 1: ").split("; ")
    return {part.split(":")[0] for part in parts if ": " in part}, str(caught.value)


def wrap(patch: Patch, owner: Any, name: str, change: Callable[[Any], Any]) -> None:
    """Let ``owner.name`` return what ``change`` makes of its result."""
    stock = getattr(owner, name)
    patch.setattr(owner, name, lambda *args, **kwargs: change(stock(*args, **kwargs)))


def test_questions_taught_too(arguments: Callable[..., list[str]], monkeypatch: Patch) -> None:
    def shifted(self: Any, units: Any) -> Any:
        batch = stock(self, units)
        batch["labels"][:, :-1] = torch.where(
            batch["labels"][:, 1:] != -100, batch["input_ids"][:, :-1], batch["labels"][:, :-1]
        )  # one token too early, the line break after "assistant"
        return batch

    stock = collate.Collator.__call__
    monkeypatch.setattr(collate.Collator, "__call__", shifted)
    checks, message = failed(arguments(*LORA))
    assert checks == {"labels"}
    assert (
        r"case0@0-2000 teaches '\nIt is red.<|im_end|>' where the answer is 'It is red.<|im_end|>'" in message
    )


def test_stop_token_not_taught(arguments: Callable[..., list[str]], monkeypatch: Patch) -> None:
    def cut(labels: list[int]) -> list[int]:
        end = max(i for i, label in enumerate(labels) if label != -100)
        return [*labels[:end], -100, *labels[end + 1 :]]

    wrap(monkeypatch, collate, "assistant_labels", cut)
    checks, message = failed(arguments(*LORA))
    assert {"labels", "stop token"} <= checks
    assert "a model that never learns to stop talks until it is cut" in message


def test_generation_that_never_stops(arguments: Callable[..., list[str]]) -> None:
    run = prepare.prepare(arguments(*LORA))
    run.trainer.processing_class.tokenizer.pad_token = "<|im_end|>"
    with pytest.raises(InputError, match=r"stop token: padding is <\|im_end\|> too"):
        doctor.examine(run)


@pytest.mark.parametrize("media", ["images", "video"])
def test_dropped_pixels(arguments: Callable[..., list[str]], monkeypatch: Patch, media: str) -> None:
    def drop(batch: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in batch.items() if "pixel" not in key and "grid" not in key}

    wrap(monkeypatch, encode.Encoder, "inputs", drop)
    checks, message = failed(arguments(*LORA, "--media", media))
    assert checks == {"token budget"}
    assert "0 pieces of image (something cut the text or dropped the pixels)" in message


def test_pixels_lost_behind_the_batch(arguments: Callable[..., list[str]]) -> None:
    """As a trainer does that calls the text model: the batch has pixels, the model doesn't look at them."""
    run = prepare.prepare(arguments(*LORA))
    run.trainer.model.get_base_model().model.register_forward_pre_hook(
        lambda _, args, kwargs: (args, kwargs | {"pixel_values": None}), with_kwargs=True
    )
    with pytest.raises(InputError, match="swapping the pixels of two clips leaves the loss"):
        doctor.examine(run)


def test_grey_pixels(arguments: Callable[..., list[str]], monkeypatch: Patch) -> None:
    def grey(clip: encode.EncodedClip) -> encode.EncodedClip:
        clip.patches.fill_(127)
        return clip

    wrap(monkeypatch, encode.Encoder, "encode", grey)
    assert failed(arguments(*LORA))[0] == {"pixels"}


def test_quantised_vision(arguments: Callable[..., list[str]], monkeypatch: Patch) -> None:
    def short_name(config: Any) -> Any:
        config.llm_int8_skip_modules = ["visual", "lm_head"]
        return config

    wrap(monkeypatch, base_of, "quantisation", short_name)
    checks, message = failed(arguments("--config", "sft_qlora.yaml"))
    assert "dtypes" in checks and "vision in 4 bit" in message


def test_half_precision_weights(arguments: Callable[..., list[str]]) -> None:
    run = prepare.prepare(arguments("--dtype", "float32"))
    run.trainer.model.half()
    checks = {doctor.dtypes(run).name: doctor.dtypes(run)}
    assert checks["dtypes"].good is False and "float16" in checks["dtypes"].finding


def test_adapter_that_does_nothing(arguments: Callable[..., list[str]]) -> None:
    run = prepare.prepare(arguments(*LORA))
    for module in run.trainer.model.modules():
        if isinstance(getattr(module, "scaling", None), dict):  # attention has one too, a number
            module.scaling = dict.fromkeys(module.scaling, 0.0)
    with pytest.raises(InputError, match=r"gradients: none for .*adapter: on or off, the loss is the same"):
        doctor.examine(run)


def test_adapter_on_dead_modules(arguments: Callable[..., list[str]], monkeypatch: Patch) -> None:
    from peft.tuners.lora import Linear

    monkeypatch.setattr(Linear, "forward", lambda self, x, *args, **kwargs: self.base_layer(x))
    assert {"gradients", "adapter"} <= failed(arguments(*LORA))[0]


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_wrong_rate(arguments: Callable[..., list[str]], monkeypatch: Patch, family: str) -> None:
    if family == "qwen2_5_vl":
        wrap(monkeypatch, encode, "spacing", lambda seconds: 1 / 24)
    else:
        stock = encode.metadata
        monkeypatch.setattr(encode, "metadata", lambda times: stock([i / 24 for i in range(len(times))]))
    checks, message = failed(arguments(*LORA, "--media", "video", family=family))
    assert checks == {"time axis"} and "clip-relative metadata is lost on the way" in message


def test_time_axis_that_collapses(arguments: Callable[..., list[str]], monkeypatch: Patch) -> None:
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel

    def flat(result: Any) -> Any:
        result[0][0] = 0
        return result

    wrap(monkeypatch, Qwen2_5_VLModel, "get_rope_index", flat)
    checks, message = failed(arguments(*LORA, "--media", "video"))
    assert "time axis" in checks and "positions in time don't ascend" in message


@pytest.mark.parametrize("family", families.LONG)
def test_frames_at_any_rate_have_times_of_their_own_or_are_refused(
    bases: dict[str, Path], tmp_path: Path, arguments: Callable[..., list[str]], family: str
) -> None:
    """Qwen2.5-VL counts in whole ticks, two a second: frames that lie closer would fall on one tick in silence."""
    for rate in (1, 2, 4, 8, 25):
        clip = row(0, frames=8)
        clip["frame_times_s"] = [index / rate for index in range(8)]
        data = write(tmp_path / f"{rate}", train=[clip])
        run = prepare.prepare(arguments("--media", "video", "--dataset_name", str(data), family=family))
        if family == "qwen2_5_vl":
            run.trainer.model.config.vision_config.tokens_per_second = 2  # of the real checkpoints
        check = doctor.time_axis(run)
        assert check.good == (family != "qwen2_5_vl" or rate <= 4), (rate, check)
        if not check.good:
            assert "positions in time don't ascend" in check.finding and "fewer --frames" in check.advice


def test_truncated_pads(arguments: Callable[..., list[str]], monkeypatch: Patch) -> None:
    def cut(self: Any, ids: list[int], counts: list[int]) -> list[int]:
        return stock(self, ids, [*counts[:-1], counts[-1] - 1])

    stock = encode.Encoder.multiply
    monkeypatch.setattr(encode.Encoder, "multiply", cut)
    checks, message = failed(arguments(*LORA))
    assert "token budget" in checks and "has 15 places for 16 pieces of image" in message


def test_a_tower_without_gradient(arguments: Callable[..., list[str]]) -> None:
    """Vision LoRA on a tower that runs without gradients: its loss falls with the language model's."""
    run = prepare.prepare(arguments(*LORA, "--vision_learning_rate", "1e-4"))
    visual = run.trainer.model.get_base_model().model.visual
    visual.forward = torch.no_grad()(visual.forward)
    with pytest.raises(
        InputError, match=r"gradients: none for model\.visual\.blocks\.0\.\S+ and 9 more of 24"
    ):
        doctor.examine(run)


def test_a_tower_that_is_to_learn_and_is_shown_nothing(arguments: Callable[..., list[str]]) -> None:
    """Several processes would wait for its gradients."""
    assert failed(arguments("--frames", "0"))[0] == {"gradients"}


def test_something_learns_that_was_not_asked_for(arguments: Callable[..., list[str]]) -> None:
    run = prepare.prepare(arguments(*LORA))
    next(p for name, p in run.trainer.model.named_parameters() if "visual" in name).requires_grad_(True)
    with pytest.raises(InputError, match=r"learns: .*visual\S* learns, beside the adapter"):
        doctor.examine(run)


def test_questions_that_see_each_other(arguments: Callable[..., list[str]], monkeypatch: Patch) -> None:
    def one_after_another(layout: sharing.Layout) -> sharing.Layout:
        layout.positions[:, 0, layout.prefix :] = torch.arange(layout.positions.shape[2] - layout.prefix)
        return layout

    wrap(monkeypatch, sharing, "layout", one_after_another)
    assert failed(arguments(*LORA))[0] == {"shared sequences"}


def test_frames_out_of_order(
    bases: dict[str, Path], tmp_path: Path, arguments: Callable[..., list[str]]
) -> None:
    mixed = row(0)
    mixed["frame_times_s"] = mixed["frame_times_s"][::-1]
    data = write(tmp_path / "mixed", train=[mixed, row(1)])
    checks, message = failed([*arguments(*LORA), "--dataset_name", str(data)])
    assert checks == {"time axis"} and "case0@0-2000: frames not in order of time" in message


def test_nothing_is_left_behind(arguments: Callable[..., list[str]]) -> None:
    """Weights, gradients, metrics and random numbers are as they were: a run is the same with the doctor or without."""
    run = prepare.prepare(arguments(*LORA))
    before = {name: p.detach().clone() for name, p in run.trainer.model.named_parameters()}
    state = torch.get_rng_state()
    doctor.examine(run)
    assert torch.equal(state, torch.get_rng_state())
    assert all(
        torch.equal(p, before[name]) and p.grad is None for name, p in run.trainer.model.named_parameters()
    )
    assert not run.trainer._metrics["train"] and not run.trainer._metrics["eval"]
