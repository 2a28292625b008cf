"""Several data sets in one run, an adapter that goes on learning, and the same run after a stop."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from colour_clips import row, write
from safetensors.torch import load_file
from surgvqa.cards.command import InputError
from surgvqa.train import sft, tiny
from surgvqa.train.clips.prepare import prepare
from surgvqa.train.sources.mixture import read_sources


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A large and a small data set; of the small one, all frames have another size."""
    folder = tmp_path_factory.mktemp("sets")
    large = write(folder / "large", train=[row(number) for number in range(9)])
    return large, write(folder / "small", train=[row(number, size=84) for number in range(20, 23)])


def options(base: Path, out: Path, *more: str) -> list[str]:
    return [
        *("--model_name_or_path", str(base), "--output_dir", str(out), "--use_cpu", "true"),
        *("--disable_tqdm", "true", "--report_to", "none", "--learning_rate", "0.01"),
        *("--logging_steps", "1", "--per_device_train_batch_size", "2", *more),
    ]


LORA = ("--use_peft", "true", "--max_pixels", "7056")


def drawn(run: Any, epochs: int) -> Counter[bool]:
    """How many sequences of each data set some epochs have."""
    sampler, counts = run.trainer._get_train_sampler(), Counter[bool]()
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        counts.update(run.units[index]["row"] >= 9 for index in sampler)
    return counts


def test_each_has_the_part_it_weighs(bases: dict[str, Path], sets: tuple[Path, Path], tmp_path: Path) -> None:
    large, small = map(str, sets)
    run = prepare(options(bases["qwen3_vl"], tmp_path, *LORA, "--datasets", large, small))
    assert drawn(run, 8) == {False: 72, True: 24}  # what each holds
    assert run.rows[9]["clip_id"] == row(20)["clip_id"]
    run = prepare(options(bases["qwen3_vl"], tmp_path, *LORA, "--datasets", f"{large}=1", f"{small}=2"))
    counts = drawn(run, 30)
    assert counts[True] / counts.total() == pytest.approx(2 / 3, abs=0.02) and counts.total() == 12 * 30
    file = tmp_path / "mix.yaml"
    file.write_text(json.dumps({"datasets": [{"path": large, "weight": 3}, {"path": small, "weight": 1}]}))
    run = prepare(options(bases["qwen3_vl"], tmp_path, *LORA, "--config", str(file)))
    counts = drawn(run, 30)
    assert counts[True] / counts.total() == pytest.approx(1 / 4, abs=0.02)


def test_a_stopped_run_goes_on_to_the_bit(
    bases: dict[str, Path], sets: tuple[Path, Path], tmp_path: Path
) -> None:
    large, small = map(str, sets)
    weights = ("--kind_weights", "colour=2", "presence=0.5", "--curriculum", "colour,presence", "where")
    saved = ("--max_steps", "14", "--save_strategy", "steps", "--save_steps", "5")
    more = (*LORA, "--datasets", f"{large}=1", f"{small}=1", *weights, *saved)
    sft.main(options(bases["qwen3_vl"], tmp_path / "whole", *more))
    for step in (5, 10):  # in the first epoch and in the second
        out = tmp_path / f"cut{step}"
        out.mkdir()
        shutil.copytree(tmp_path / "whole" / f"checkpoint-{step}", out / f"checkpoint-{step}")
        sft.main(options(bases["qwen3_vl"], out, *more, "--resume_from_checkpoint", "true"))
        weights_of = [one / "adapter_model.safetensors" for one in (tmp_path / "whole", out)]
        assert weights_of[0].read_bytes() == weights_of[1].read_bytes()
        logs = [
            json.loads((one / "trainer_state.json").read_text())["log_history"]
            for one in (tmp_path / "whole", out)
        ]
        assert [line.get("loss") for line in logs[0]] == [line.get("loss") for line in logs[1]]


MISTAKES = {
    "one weight": (["a=1", "b"], "b has no weight and others have"),
    "no number": (["a=x", "b=1"], "a weight is a number above 0, found 'x'"),
    "zero": (["a=0", "b=1"], "a weight is a number above 0"),
    "twice": (["a", "a"], "names a twice"),
    "key": ([{"path": "a", "wieght": 2}], "no key 'wieght'; .*weight"),
    "no path": ([{"weight": 2}], "expected a path"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_in_a_list_of_data_sets(mistake: str) -> None:
    values, message = MISTAKES[mistake]
    with pytest.raises(InputError, match=message):
        read_sources(values, "clips")


def test_a_data_set_beside_the_list_is_refused(
    bases: dict[str, Path], sets: tuple[Path, Path], tmp_path: Path
) -> None:
    more = ("--datasets", str(sets[0]), "--dataset_name", str(sets[1]))
    with pytest.raises(InputError, match="--dataset_name beside --datasets"):
        prepare(options(bases["qwen3_vl"], tmp_path, *LORA, *more))


@pytest.mark.parametrize("family", ["qwen3_vl", "gemma3"])
def test_an_adapter_goes_on(family: str, sets: tuple[Path, Path], tmp_path: Path) -> None:
    tiny.make(family, tmp_path / "base")
    data = ("--dataset_name", str(sets[0]), "--save_strategy", "no")
    fit = (
        ("--questions_per_sequence", "1") if family == "gemma3" else ("--max_pixels", "3136", "--frames", "2")
    )
    sft.main(
        options(tmp_path / "base", tmp_path / "one", "--use_peft", "true", *data, *fit, "--max_steps", "3")
    )
    before = load_file(tmp_path / "one" / "adapter_model.safetensors")
    more = () if family == "qwen3_vl" else fit  # frames and pixels are the adapter's own
    sft.main(options(tmp_path / "one", tmp_path / "two", *data, *more, "--max_steps", "2"))
    after = load_file(tmp_path / "two" / "adapter_model.safetensors")
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[key], after[key]) for key in before)
    configs = [json.loads((tmp_path / name / "adapter_config.json").read_text()) for name in ("one", "two")]
    assert (
        configs[0]["base_model_name_or_path"]
        == configs[1]["base_model_name_or_path"]
        == str(tmp_path / "base")
    )
    assert (tmp_path / "one" / "surgvqa.json").read_bytes() == (
        tmp_path / "two" / "surgvqa.json"
    ).read_bytes()
    run = prepare(options(tmp_path / "one", tmp_path / "x", *data, *more, "--max_steps", "1"))
    now = {name: one for name, one in run.trainer.model.named_parameters() if "lora_" in name}
    assert all(torch.equal(now[key.replace(".weight", ".default.weight")], before[key]) for key in before)


CONTRADICTIONS = {
    "frames": (["--frames", "4"], "was trained with frames = 2, asked with 4; leave --frames away"),
    "rank": (["--lora_r", "4"], "goes on as it is: leave --lora_r away, or merge it first"),
    "thoughts": (["--thoughts", "teach"], "was taught without thoughts"),
}


def test_what_contradicts_an_adapter_is_refused(
    bases: dict[str, Path], sets: tuple[Path, Path], tmp_path: Path
) -> None:
    data = ("--dataset_name", str(sets[0]), "--save_strategy", "no", "--max_steps", "1")
    sft.main(options(bases["qwen3_vl"], tmp_path / "one", *LORA, "--frames", "2", *data))
    for words, message in CONTRADICTIONS.values():
        with pytest.raises(InputError, match=message):
            prepare(options(tmp_path / "one", tmp_path / "two", *data, *words))
