"""Prediction: one look at a clip for many questions, the same answers; resumable; every question keeps its row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from colour_clips import dataset, row, write
from surgvqa.cards.command import InputError
from surgvqa.eval.__main__ import main
from surgvqa.eval.answers import predict as module
from surgvqa.eval.answers.hf_engine import answers
from surgvqa.eval.answers.predict import Run, predict
from surgvqa.eval.data import predictions
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.encode import Encoder
from surgvqa.eval.models.pixels import normalise_on_device, to_float
from surgvqa.eval.models.processor_encoder import encoder_for
from surgvqa.train import tiny
from transformers import AutoModelForImageTextToText, AutoProcessor


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("base") / "qwen"
    tiny.make("qwen3_vl", out)
    return out


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(
        tmp_path_factory.mktemp("clips") / "data", test=[row(n, questions=2 + n % 3) for n in range(2, 8)]
    )


@pytest.mark.parametrize("family", [*tiny.FAMILIES, *tiny.HYBRIDS])
@pytest.mark.parametrize("media", ["images", "video"])
def test_equals_generating_one_question_at_a_time(family: str, media: Any, tmp_path: Path) -> None:
    tiny.make(family, tmp_path, "demo")
    processor = AutoProcessor.from_pretrained(tmp_path)
    model = AutoModelForImageTextToText.from_pretrained(tmp_path).eval()
    normalise_on_device(model, processor)
    encoder = encoder_for(family, processor, Budget(4, media, 196, 56 * 56))
    rows = dataset([row(0, questions=3), row(1, size=42, questions=1), row(2, questions=2)])
    batch = [encoder.encode(one, range(len(one["qa"])), answered=False) for one in rows]
    together = answers(model, encoder, batch, longest=8)
    for clip, said in zip(batch, together, strict=True):
        for ids, answer in zip(clip.ids, said, strict=True):
            inputs = encoder.inputs([ids], [clip], left=True)
            pixels = "pixel_values" if media == "images" else "pixel_values_videos"
            inputs[pixels] = to_float(inputs[pixels], encoder.part)
            out = model.generate(
                **inputs, max_new_tokens=8, do_sample=False, output_scores=True, return_dict_in_generate=True
            )
            tokens = out.sequences[0, len(ids) :]
            assert answer.text == processor.tokenizer.decode(tokens, skip_special_tokens=True).strip()
            chances = [s.softmax(-1)[0, t].item() for s, t in zip(out.scores, tokens, strict=True)]
            assert answer.confidence == pytest.approx(sum(chances) / len(chances), rel=1e-4)


def ask(base: Path, clips: Path, out: Path, **changes: Any) -> list[predictions.Prediction]:
    predict(Run(data=str(clips), model=str(base), out=out, frames=4, max_new_tokens=4, **changes))
    return predictions.read(out)


def test_a_killed_run_goes_on_with_the_same_answers(
    base: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ask(base, clips, tmp_path / "whole.jsonl")
    assert len(whole) == sum(2 + n % 3 for n in range(2, 8))
    out = tmp_path / "cut.jsonl"
    lines = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    out.write_text("".join(lines[:5]) + lines[5][:30])
    facts = json.loads((tmp_path / "whole.run.json").read_text())
    (tmp_path / "cut.run.json").write_text(json.dumps(facts))
    seen: list[str] = []
    stock = module.shown_frames

    def watched(encoder: Any, rows: Any, index: int, *rest: Any) -> Any:
        seen.append(rows[index]["clip_id"])
        return stock(encoder, rows, index, *rest)

    monkeypatch.setattr(module, "shown_frames", watched)
    again = ask(base, clips, out, batch_size=3)
    assert [one.qa_id for one in again] == [one.qa_id for one in whole]
    assert [one.prediction for one in again] == [one.prediction for one in whole]
    assert len(set(seen)) == 5 and whole[0].clip_id not in seen  # answered before: not even read


def test_a_broken_clip_keeps_its_questions(base: Path, tmp_path: Path) -> None:
    bad = row(1)
    bad["images"][2] = {"bytes": bad["images"][2]["bytes"][:100] + b"no picture", "path": None}
    short = row(4) | {"images": row(4)["images"][:2]}
    data = write(tmp_path / "data", test=[row(0), bad, short, row(8)])
    said = ask(base, data, tmp_path / "p.jsonl")
    assert len(said) == 12
    assert [one.error is None for one in said] == [True] * 3 + [False] * 6 + [True] * 3
    assert "has 2 frames, the model is to see 4" in (said[6].error or "")
    assert all(one.prediction == "" and one.confidence is None for one in said if one.error)


def test_controls_change_what_is_seen_and_nothing_else(base: Path, clips: Path) -> None:
    rows = dataset([row(n) for n in (0, 1, 5, 6)])
    encoder = Encoder(AutoProcessor.from_pretrained(base), Budget(4))
    seen = {
        control: encoder.encode_frames(
            rows[0],
            [0],
            False,
            *module.shown_frames(encoder, rows, 0, Run("d", "m", Path("o"), control=control)),
        )
        for control in ("none", *module.PIXEL_CONTROLS)
    }
    assert len({tuple(clip.ids[0]) for clip in seen.values()}) == 1
    plain = seen["none"].patches.view(4, -1)
    assert not any(torch.equal(plain, seen[c].patches.view(4, -1)) for c in module.PIXEL_CONTROLS)
    assert seen["no-pixels"].patches.float().std() < 8  # one colour, up to the three channels' means
    shuffled = {tuple(frame.tolist()) for frame in seen["shuffled-frames"].patches.view(4, -1)}
    assert shuffled == {tuple(frame.tolist()) for frame in plain}
    others = [encoder.encode(rows[index], [0], False).patches for index in (2, 3)]
    assert any(torch.equal(seen["wrong-video"].patches, other) for other in others)  # never case0's own row 1


def test_two_runs_are_never_mixed(base: Path, clips: Path, tmp_path: Path) -> None:
    ask(base, clips, tmp_path / "p.jsonl")
    with pytest.raises(
        InputError, match="begun with control = none, asked with no-pixels; give another --out"
    ):
        ask(base, clips, tmp_path / "p.jsonl", control="no-pixels")


def test_an_adapters_budget_is_kept(base: Path, clips: Path, tmp_path: Path) -> None:
    import shutil

    model = shutil.copytree(base, tmp_path / "taught")
    Budget(frames=2).save(model)
    with pytest.raises(InputError, match="was trained with frames = 2, asked with 4; leave --frames away"):
        ask(model, clips, tmp_path / "p.jsonl")


def test_an_adapter_without_a_place_is_refused(base: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import load_file, save_file
    from surgvqa.eval.models.load import load_model
    from surgvqa.train.steps.options import LORA_TARGETS

    model = AutoModelForImageTextToText.from_pretrained(base)
    get_peft_model(model, LoraConfig(target_modules=LORA_TARGETS)).save_pretrained(tmp_path)
    AutoProcessor.from_pretrained(base).save_pretrained(tmp_path)
    assert load_model(str(tmp_path), base=str(base)).model
    path = tmp_path / "adapter_model.safetensors"
    moved = {key.replace("language_model.", ""): value for key, value in load_file(path).items()}
    save_file(moved, path)
    with pytest.raises(InputError, match="weights without a place"):
        load_model(str(tmp_path), base=str(base))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "tgi"], "no engine 'tgi'; known: hf, openai, vllm"),
        (["--engine", "vllm"], "vLLM is not installed here"),
        (["--control", "blind"], "no control 'blind'"),
        (["--split", "tets"], "did you mean test"),
        (["--model", "/nowhere"], "no model /nowhere"),
    ],
)
def test_mistakes_are_one_line(
    base: Path,
    clips: Path,
    tmp_path: Path,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = str(tmp_path / "p.jsonl")
    model = [] if "--model" in options else ["--model", str(base)]
    assert main(["predict", str(clips), *model, "--out", out, *options]) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_data_set_built_again_is_read_again(tmp_path: Path) -> None:
    from surgvqa.eval.data.dataset import load_clips

    first = write(tmp_path / "a" / "data", test=[row(0)])
    second = write(tmp_path / "b" / "data", test=[row(0), row(1)])
    assert len(load_clips(str(first))["test"]) == 1
    assert len(load_clips(str(second))["test"]) == 2
