"""Every family through the same commands: made, taught by LoRA, asked, merged."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from colour_clips import row, write
from safetensors import safe_open
from surgvqa.cards.command import InputError
from surgvqa.eval.answers.one_question import Models
from surgvqa.eval.answers.predict import Run, predict
from surgvqa.eval.data import predictions
from surgvqa.train import merge, sft, tiny
from surgvqa.train.clips.lora_targets import coverage, without_adapter
from surgvqa.train.clips.prepare import prepare
from surgvqa.train.doctor import examine
from surgvqa.train.steps.optimizer import part_of
from surgvqa.train.tiny_parts import gemma

LINEARS = {  # of the language model: full attention 4, linear attention 5, a feed-forward network 3 each
    "qwen3_5": 3 * (5 + 3) + (4 + 3),
    "qwen3_5_moe": 3 * (5 + 4) + (4 + 4),  # of the experts the shared one only, and its gate
    "gemma3": 2 * (4 + 3),
    "gemma4": 2 * (4 + 3 + 2)
    + 1,  # the embeddings of each layer have a gate and a projection, and one for all
    "idefics3": 2 * (4 + 3),
    "smolvlm": 2 * (4 + 3),
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips") / "data"
    return write(folder, train=[row(number) for number in range(6)], test=[row(9, questions=3)])


def arguments(base: Path, clips: Path, out: Path, *options: str) -> list[str]:
    return [
        *("--model_name_or_path", str(base), "--dataset_name", str(clips), "--output_dir", str(out)),
        *("--use_peft", "true", "--use_cpu", "true", "--save_strategy", "no", "--disable_tqdm", "true"),
        *("--max_steps", "2", "--learning_rate", "0.01", "--report_to", "none", *options),
    ]


def fit(family: str) -> list[str]:
    """What a family needs: small pictures of a Qwen-VL, rows of one question where a clip can't be shared."""
    if family in tiny.HYBRIDS:
        return ["--max_pixels", "3136"]
    return ["--questions_per_sequence", "1"] if family.startswith("gemma") else []


@pytest.mark.parametrize("family", [*tiny.HYBRIDS, *tiny.OTHERS])
def test_made_taught_asked_merged(family: str, clips: Path, tmp_path: Path) -> None:
    base, out = tmp_path / "base", tmp_path / "adapter"
    tiny.make(family, base)
    sft.main(arguments(base, clips, out, "--gradient_checkpointing", "true", *fit(family)))
    with safe_open(out / "adapter_model.safetensors", "pt") as file:
        second = [key for key in file.keys() if "lora_B" in key]  # noqa: SIM118 - no mapping
        assert len(second) == LINEARS[family]
        assert all(file.get_tensor(key).abs().sum() > 0 for key in second)
    predict(Run(data=str(clips), model=str(out), out=tmp_path / "said.jsonl", max_new_tokens=4))
    assert len(predictions.read(tmp_path / "said.jsonl")) == 3
    merge.merge(str(out), tmp_path / "merged", "float32")
    predict(Run(data=str(clips), model=str(tmp_path / "merged"), out=tmp_path / "m.jsonl", max_new_tokens=4))
    texts = [
        [one.prediction for one in predictions.read(tmp_path / name)] for name in ("said.jsonl", "m.jsonl")
    ]
    assert texts[0] == texts[1]
    reply = Models().ask(str(out), row(9), "Which colour is the image?", None, longest=4)  # as the demo asks
    assert reply.error is None and reply.text == texts[0][0]


@pytest.mark.parametrize("family", gemma.FAMILIES)
def test_what_a_window_or_later_image_tokens_forbid_is_refused(
    family: str, clips: Path, tmp_path: Path
) -> None:
    tiny.make(family, tmp_path / "base")
    with pytest.raises(InputError, match=rf"a {family} has .*sliding_attention.*--questions-per-sequence 1"):
        prepare(arguments(tmp_path / "base", clips, tmp_path / "out"))


@pytest.mark.parametrize("family", tiny.OTHERS)
def test_tower_and_projector_learn_where_they_have_a_rate(family: str, clips: Path, tmp_path: Path) -> None:
    """Names of towers differ; a pattern of one family's names would leave the others frozen."""
    tiny.make(family, tmp_path / "base")
    rates = ("--vision_learning_rate", "0.001", "--projector_learning_rate", "0.001")
    run = prepare(arguments(tmp_path / "base", clips, tmp_path / "out", *rates, *fit(family)))
    examine(run, io.StringIO())
    names = {part_of(name) for name, one in run.trainer.model.named_parameters() if one.requires_grad}
    assert names == {"language", "vision", "projector"}


def test_the_doctor_counts_modules(clips: Path, tmp_path: Path) -> None:
    """Of a Qwen3.5, half its linear layers had no adapter, and it was called whole."""
    base = tmp_path / "base"
    tiny.make("qwen3_5_moe", base)
    run = prepare(arguments(base, clips, tmp_path / "out", *fit("qwen3_5")))
    model = run.trainer.model
    assert coverage(model) == (35, 35)
    assert {"mlp.experts.gate_up_proj", "mlp.gate", "embed_tokens"} <= set(without_adapter(model))
    text = io.StringIO()
    examine(run, text)
    line = next(line for line in text.getvalue().splitlines() if " learns " in line)
    assert "an adapter on 35 of 35 linear layers" in line and "none on embed_tokens" in line
    assert "mlp.experts.down_proj" in line and "--lora_target_parameters" in text.getvalue()
    assert "bfloat16 is" in text.getvalue()
    own = ("--lora_target_modules", "q_proj", "in_proj_qkv")
    run = prepare(arguments(base, clips, tmp_path / "out", *own, *fit("qwen3_5")))
    assert coverage(run.trainer.model) == (4, 35) and "self_attn.k_proj" in without_adapter(run.trainer.model)
    examine(run, io.StringIO())


def test_a_module_without_gradient_is_named(clips: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    tiny.make("qwen3_5", base)
    run = prepare(arguments(base, clips, tmp_path / "out", *fit("qwen3_5")))
    layer = run.trainer.model.get_base_model().model.language_model.layers[1].linear_attn
    layer.in_proj_z.lora_A["default"].register_forward_hook(lambda module, args, out: out.detach())
    layer.in_proj_z.lora_B["default"].register_forward_hook(lambda module, args, out: out.detach())
    with pytest.raises(InputError, match=r"gradients: none for .*layers\.1\.linear_attn\.in_proj_z"):
        examine(run, io.StringIO())
