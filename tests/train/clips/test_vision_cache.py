"""The cache of frozen vision: the same losses to the bit, the tower silent from step 1 on, and refused where it would lie."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import families
import pytest
import torch
from colour_clips import row, write
from safetensors.torch import load_file
from surgvqa.cards.command import InputError
from surgvqa.train import sft, tiny
from surgvqa.train.clips import prepare
from transformers import TrainerCallback

LORA = ("--use_peft", "true", "--lora_dropout", "0")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clips of two sizes, two and three questions each, and two to validate on."""
    rows = [row(number, size=56 + 28 * (number % 2), questions=2 + number % 2) for number in range(4)]
    return write(
        tmp_path_factory.mktemp("clips") / "data", train=rows, validation=[row(n) for n in range(40, 42)]
    )


class Calls(TrainerCallback):
    """How often the tower runs: before step 1, and from then on."""

    def __init__(self, run: prepare.PreparedRun) -> None:
        self.before = self.training = 0
        self.began = False
        run.trainer.add_callback(self)
        sft.inner_model(run.trainer).visual.register_forward_hook(self.count)

    def count(self, *_: Any) -> None:
        if self.began:
            self.training += 1
        else:
            self.before += 1

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.began = True


def trained(
    base: Path, clips: Path, out: Path, *options: str, monkeypatch: pytest.MonkeyPatch | None = None
) -> tuple[list[float], Calls, int]:
    """Losses of a run, its tower's calls, and how many of them were the doctor's."""
    run = prepare.prepare(
        [
            *("--model_name_or_path", str(base), "--dataset_name", str(clips), "--output_dir", str(out)),
            *("--logging_steps", "1", "--disable_tqdm", "true", "--save_strategy", "no", "--use_cpu", "true"),
            *("--learning_rate", "0.01", "--report_to", "none", *options),
        ]
    )
    calls = Calls(run)
    doctor = 0
    stock = sft.examine

    def examined(*args: Any) -> Any:
        nonlocal doctor
        found = stock(*args)
        doctor = calls.before
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sft, "examine", examined)
        sft.learn(run)
    state = json.loads((out / "trainer_state.json").read_text())["log_history"]
    losses = [entry[key] for entry in state for key in ("loss", "eval_loss", "grad_norm") if key in entry]
    return losses, calls, doctor


@pytest.fixture(autouse=True)
def deterministic() -> Iterator[None]:
    torch.manual_seed(0)
    yield


@pytest.mark.parametrize("family", families.LONG)
@pytest.mark.parametrize(
    ("media", "options"),
    [
        ("images", ("--per_device_train_batch_size", "1", "--gradient_checkpointing", "true")),
        ("video", ("--per_device_train_batch_size", "1", "--questions-per-sequence", "2")),
        ("images", ("--per_device_train_batch_size", "2", "--questions-per-sequence", "1")),
    ],
)
def test_bit_equal_and_the_tower_is_silent(
    bases: dict[str, Path], clips: Path, tmp_path: Path, family: str, media: str, options: tuple[str, ...]
) -> None:
    given = (*LORA, *options, "--media", media, "--num_train_epochs", "2")
    given += ("--eval_strategy", "epoch", "--eval_questions", "0")
    plain, calls, _ = trained(bases[family], clips, tmp_path / "plain", *given)
    assert calls.training > 0  # what is counted is what runs
    cached = (*given, "--cache_vision", str(tmp_path / "cache"))
    first, calls, doctor = trained(bases[family], clips, tmp_path / "first", *cached)
    assert first == plain
    assert (calls.before - doctor, calls.training) == (6, 0)  # each clip once, in two epochs
    second, calls, doctor = trained(bases[family], clips, tmp_path / "second", *cached)
    assert second == plain
    assert (calls.before - doctor, calls.training) == (2, 0)  # two of them again, as a proof
    one = load_file(next((tmp_path / "cache").glob("*/*.safetensors")))
    assert ("deepstack" in one) == (family == "qwen3_vl")


def test_another_model_another_cache(bases: dict[str, Path], clips: Path, tmp_path: Path) -> None:
    given = (*LORA, "--max_steps", "1", "--cache_vision", str(tmp_path / "cache"))
    trained(bases["qwen2_5_vl"], clips, tmp_path / "a", *given)
    tiny.make("qwen2_5_vl", tmp_path / "other", seed=1)
    _, calls, doctor = trained(tmp_path / "other", clips, tmp_path / "b", *given)
    assert calls.before - doctor == 4
    _, calls, doctor = trained(bases["qwen2_5_vl"], clips, tmp_path / "c", *given, "--max_pixels", "3200")
    assert calls.before - doctor == 4
    _, calls, doctor = trained(bases["qwen2_5_vl"], clips, tmp_path / "d", *given, "--bf16", "true")
    assert calls.before - doctor == 4
    assert len(list((tmp_path / "cache").iterdir())) == 4


def test_changed_frames_are_computed_again(bases: dict[str, Path], tmp_path: Path) -> None:
    given = (*LORA, "--max_steps", "1", "--cache_vision", str(tmp_path / "cache"))
    rows = [row(number) for number in range(3)]
    trained(bases["qwen2_5_vl"], write(tmp_path / "one", train=rows), tmp_path / "a", *given)
    rows[1]["images"] = row(7)["images"]  # the same clip_id, other pixels
    _, calls, doctor = trained(
        bases["qwen2_5_vl"], write(tmp_path / "two", train=rows), tmp_path / "b", *given
    )
    assert calls.before - doctor == 1 + 2


def test_damage_is_found_before_step_1(bases: dict[str, Path], clips: Path, tmp_path: Path) -> None:
    given = (*LORA, "--num_train_epochs", "1", "--cache_vision", str(tmp_path / "cache"))
    whole, _, _ = trained(bases["qwen2_5_vl"], clips, tmp_path / "a", *given)
    one, two, three, _ = sorted((tmp_path / "cache").glob("*/*.safetensors"))
    data = bytearray(one.read_bytes())
    data[-3] ^= 1  # a flipped bit
    one.write_bytes(data)
    two.write_bytes(two.read_bytes()[:40])  # cut off
    three.unlink()
    mended, calls, doctor = trained(bases["qwen2_5_vl"], clips, tmp_path / "b", *given)
    assert calls.before - doctor == 3 + 1 and mended == whole


def test_features_of_another_clip_are_refused(bases: dict[str, Path], clips: Path, tmp_path: Path) -> None:
    given = (*LORA, "--max_steps", "1", "--cache_vision", str(tmp_path / "cache"))
    trained(bases["qwen2_5_vl"], clips, tmp_path / "a", *given)
    files = sorted((tmp_path / "cache").glob("*/*.safetensors"))
    for path, other in zip(
        files, [*(path.read_bytes() for path in files[1:]), files[0].read_bytes()], strict=True
    ):
        path.write_bytes(other)
    with pytest.raises(InputError, match=r"holds other features of case0@.* than the model gives; delete"):
        trained(bases["qwen2_5_vl"], clips, tmp_path / "b", *given)


def test_a_disk_that_is_too_small(
    bases: dict[str, Path], clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from surgvqa.train.clips import vision_cache

    monkeypatch.setattr(vision_cache.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(InputError, match=r"--cache_vision needs \d\.\d GB in .*, 0\.0 GB are free; give a"):
        trained(bases["qwen2_5_vl"], clips, tmp_path / "a", *LORA, "--cache_vision", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            (*LORA, "--vision_learning_rate", "1e-4"),
            r"and base_model.*visual.*lora_A.* learns; leave it away",
        ),
        ((*LORA, "--projector_learning_rate", "1e-4"), r"and .*visual\.merger.* learns; leave it away"),
        ((), r"and model\.visual\..* learns; leave it away, or .*0 for both"),
        ((*LORA, "--frames", "0"), "there is nothing to see"),
    ],
)
def test_refused_where_vision_learns(
    bases: dict[str, Path], clips: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        trained(bases["qwen2_5_vl"], clips, tmp_path / "a", *options, "--cache_vision", str(tmp_path / "c"))
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("folder", "message"),
    [("true", "takes a folder, found 'true'"), ("{out}/cache", "lies in --output_dir, which gets published")],
)
def test_the_folder_is_a_folder_of_its_own(
    bases: dict[str, Path], clips: Path, tmp_path: Path, folder: str, message: str
) -> None:
    out = tmp_path / "a"
    with pytest.raises(InputError, match=message):
        trained(bases["qwen2_5_vl"], clips, out, *LORA, "--cache_vision", folder.format(out=out))


def test_the_whole_language_model_on_frozen_vision(
    bases: dict[str, Path], clips: Path, tmp_path: Path
) -> None:
    frozen = ("--vision_learning_rate", "0", "--projector_learning_rate", "0", "--max_steps", "3")
    frozen += ("--per_device_train_batch_size", "1")
    plain, _, _ = trained(bases["qwen3_vl"], clips, tmp_path / "a", *frozen)
    cached, calls, _ = trained(
        bases["qwen3_vl"], clips, tmp_path / "b", *frozen, "--cache_vision", str(tmp_path / "c")
    )
    assert cached == plain and calls.training == 0
