"""vLLM answers what transformers answers: same questions, same clips, adapters as they are. ``make test-vllm``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from colour_clips import row, write
from surgvqa.cards.command import InputError
from surgvqa.eval.answers.vllm_engine import refuse_what_vllm_ignores, reply
from surgvqa.eval.data import predictions
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.models.load import parts
from taught_model import VLLM, taught


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [row(number) for number in range(12)]
    return write(tmp_path_factory.mktemp("clips") / "data", train=rows, test=[row(n) for n in range(40, 44)])


def ask(python: Path, model: Path, clips: Path, out: Path, engine: str) -> list[Prediction]:
    command = [
        *(str(python), "-m", "surgvqa.eval", "predict", str(clips), "--model", str(model), "--out", str(out)),
        *("--engine", engine, "--dtype", "float32", "--max-new-tokens", "12"),
    ]
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return predictions.read(out)


@pytest.mark.vllm
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("qwen2_vl", ()),
        ("qwen2_5_vl", ()),
        ("qwen3_vl", ()),
        ("qwen3_vl", ("--media", "video")),
    ],
    ids=["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl-video"],
)
def test_same_answers(family: str, options: tuple[str, ...], clips: Path, tmp_path: Path) -> None:
    if not VLLM.is_file():
        pytest.skip(f"no vLLM at {VLLM}; `make test-vllm` installs one, or set SURGVQA_VLLM")
    model = taught(family, clips, tmp_path, *options)
    ours = ask(Path(sys.executable), model, clips, tmp_path / "hf.jsonl", "hf")
    theirs = ask(VLLM, model, clips, tmp_path / "vllm.jsonl", "vllm")
    assert [one.qa_id for one in ours] == [one.qa_id for one in theirs]
    assert not [one.error for one in theirs if one.error]
    assert [one.prediction for one in theirs] == [one.prediction for one in ours]
    assert [one.confidence for one in theirs] == pytest.approx([one.confidence for one in ours], abs=1e-3)
    bare = ask(Path(sys.executable), tmp_path / "base", clips, tmp_path / "base.jsonl", "hf")
    assert [one.prediction for one in bare] != [one.prediction for one in ours]  # the adapter was served


def test_an_adapter_vllm_would_serve_in_part(clips: Path, tmp_path: Path) -> None:
    model = taught("qwen2_5_vl", clips, tmp_path, "--projector_learning_rate", "1e-3", "--max_steps", "1")
    with pytest.raises(InputError, match=r"would leave out \d+ weights of the adapter .*surgvqa-train merge"):
        refuse_what_vllm_ignores(parts(str(model)))
    model = taught("qwen2_5_vl", clips, tmp_path / "plain", "--config", "sft_lora.yaml", "--max_steps", "1")
    refuse_what_vllm_ignores(parts(str(model)))


def test_reply_is_text_and_mean_probability() -> None:
    class Chance:
        def __init__(self, logprob: float) -> None:
            self.logprob = logprob

    class Output:
        text = " It is red. "
        token_ids = (5, 7)
        logprobs: tuple[dict[int, Any], ...] = ({5: Chance(0.0), 3: Chance(-9.0)}, {7: Chance(-0.6931472)})

    answer = reply(Output())
    assert answer.text == "It is red." and answer.confidence == pytest.approx(0.75)
