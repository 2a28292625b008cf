from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from drawn_clips import write
from hub import Hub
from huggingface_hub import snapshot_download
from PIL import Image
from surgvqa.cards.publish.push import push
from surgvqa.train import scratch
from surgvqa.train.__main__ import main
from surgvqa.train.vision_parts import scratch_captions, scratch_data
from surgvqa.train.vision_parts.scratch_model import JOINS, ScratchConfig, ScratchModel


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clips"))


def run(data: Path, out: Path, *options: str) -> None:
    told = ["scratch", "--data", str(data), "--out", str(out), "--size", "tiny", "--device", "cpu", *options]
    assert main(told) == 0


@pytest.mark.slow
@pytest.mark.parametrize("join", JOINS)
def test_it_learns_to_look_whatever_the_join(join: str, data: Path, tmp_path: Path):
    run(data, tmp_path, "--join", join, "--epochs", "40", "--batch-size", "10", "--learning-rate", "4e-3")
    found = json.loads((tmp_path / "scratch.json").read_text())["captions"]
    for figure in ("phase", "instruments"):
        mine, blind = found["model"][figure]["value"], found["blind"][figure]["value"]
        assert mine > 0.85 and mine > blind + 0.2 and mine > found["other pictures"][figure]["value"] + 0.2
    assert Image.open(tmp_path / "attention.png").size[0] == 768
    model, tokenizer = scratch.load(tmp_path)
    asked = scratch_data.samples(data, "test", ["caption"], 32)
    assert len(asked) == 20, "captions of the whole alone"
    assert scratch_captions.answers(model, tokenizer, asked, torch.device("cpu"))[0].startswith(
        "The phase is "
    )


@pytest.mark.slow
def test_captions_first_then_questions(data: Path, tmp_path: Path):
    run(data, tmp_path / "captions", "--epochs", "1")
    options = ("--kinds", "phase", "--epochs", "1")
    run(data, tmp_path / "vqa", "--from", str(tmp_path / "captions"), *options)
    told = json.loads((tmp_path / "vqa" / "scratch.json").read_text())
    assert "captions" not in told and told["recipe"]["kinds"] == ["phase"]
    cards = {name: (tmp_path / name / "README.md").read_text() for name in ("captions", "vqa")}
    assert "Captions of the test split." in cards["captions"] and "Not evaluated." in cards["vqa"]


def test_it_is_published_and_comes_back(data: Path, tmp_path: Path, hub: Hub):
    run(data, tmp_path, "--epochs", "1")
    push(tmp_path, "clinic/scratch")
    there = set(hub.repo("clinic/scratch", "model").head.tree)
    assert {"config.json", "model.safetensors", "scratch.json", "tokenizer.json"} <= there
    assert not any(name.endswith((".pt", ".bin")) for name in there), "nothing that can run code"
    assert (tmp_path / "captions.jsonl").is_file() and "captions.jsonl" not in there, "cases stay at home"
    mine, _ = scratch.load(tmp_path)
    theirs, tokenizer = scratch.load(Path(snapshot_download("clinic/scratch")))
    pairs = zip(mine.state_dict().items(), theirs.state_dict().items(), strict=True)
    assert all(a == b and torch.equal(one, other) for (a, one), (b, other) in pairs)
    asked = scratch_data.samples(data, "test", ["caption"], 32)[:2]
    assert len(scratch_captions.answers(theirs, tokenizer, asked, torch.device("cpu"))) == 2


def test_every_caption_is_told_and_counted(data: Path):
    train, test = (scratch_data.samples(data, split, ["caption"], 32) for split in ("train", "test"))
    tokenizer = scratch_data.words([f"{one.question} {one.answer}" for one in train])
    model = ScratchModel(ScratchConfig(**scratch.SIZES["tiny"], vocab_size=len(tokenizer), eos_token_id=3))
    rows = scratch_captions.captions(model, tokenizer, test, train, torch.device("cpu"))
    assert [(row["case_id"], row["answer"]) for row in rows] == [(one.case_id, one.answer) for one in test]
    found = scratch_captions.figures(rows)
    assert set(found) == {"model", "other pictures", "blind"}
    for who, one in found.items():
        for name, told in one.items():
            values = [row["right"][who][name] for row in rows]
            assert told["value"] == pytest.approx(sum(values) / len(values))
    del rows[0]["right"]["model"]["instruments"]  # nobody looked
    assert scratch_captions.figures(rows)["model"]["instruments"]["n"] == len(rows) - 1


def test_the_decoder_sees_no_word_ahead_and_the_picture_always():
    for join in JOINS:
        torch.manual_seed(0)
        config = ScratchConfig(**scratch.SIZES["tiny"], join=join, vocab_size=32)
        model = ScratchModel(config).eval()
        for gate in model.gates:
            gate.open.data.fill_(1.0)
        ids, pixels = torch.randint(4, 32, (1, 6)), torch.rand(1, 3, 32, 32)
        changed = ids.clone()
        changed[0, 4] = (ids[0, 4] + 1) % 32
        one, two, three = (
            model(*told).logits[0] for told in ((ids, pixels), (changed, pixels), (ids, pixels.flip(-1)))
        )
        assert torch.allclose(one[:4], two[:4], atol=1e-5) and not torch.allclose(one[4:], two[4:], atol=1e-5)
        assert (one - three).abs().amax(1).min() > 1e-6, join
        seen = model.looked_at(ids, pixels)
        assert seen.shape == (6, 4, 4) and (seen >= 0).all() and (seen.sum((1, 2)) <= 1.0001).all()


def test_the_full_size_has_forty_million():
    with torch.device("meta"):
        sizes = [
            sum(one.numel() for one in ScratchModel(ScratchConfig(join=join)).parameters()) for join in JOINS
        ]
    assert all(38e6 < size < 50e6 for size in sizes), sizes


@pytest.mark.slow
def test_a_stopped_run_ends_as_a_straight_one(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run(data, tmp_path / "straight", "--epochs", "3")
    with monkeypatch.context() as patch:
        calls = []
        real = torch.save

        def stop(*args, **kwargs):
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return real(*args, **kwargs)

        patch.setattr(scratch.torch, "save", stop)
        told = ["scratch", "--data", str(data), "--out", str(tmp_path / "stopped"), "--size", "tiny"]
        assert main([*told, "--device", "cpu", "--epochs", "3"]) == 130
    run(data, tmp_path / "stopped", "--epochs", "3")
    one, two = (weights(tmp_path / name) for name in ("straight", "stopped"))
    assert torch.allclose(one, two, atol=1e-6)


@pytest.mark.slow
def test_two_processes_end_as_one_does(data: Path, tmp_path: Path):
    run(data, tmp_path / "one", "--epochs", "3")
    told = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m",
            "surgvqa.train", "scratch", "--data", str(data), "--out", str(tmp_path / "two"), "--size", "tiny",
            "--device", "cpu", "--epochs", "3"]  # fmt: skip
    done = subprocess.run(told, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-2000:]
    # Muon reckons in bfloat16: gradients that are summed in another order move a weight by up to 6e-4 here
    assert torch.allclose(weights(tmp_path / "one"), weights(tmp_path / "two"), atol=2e-3)


def weights(folder: Path) -> torch.Tensor:
    state = torch.load(folder / "last.pt", weights_only=True)["model"]
    return torch.cat([one.reshape(-1) for _, one in sorted(state.items())])


def test_mistakes_are_told(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    told = [
        "scratch",
        "--data",
        str(data),
        "--out",
        str(tmp_path / "out"),
        "--size",
        "tiny",
        "--device",
        "cpu",
    ]
    assert main([*told, "--kinds", "weather"]) == 2
    assert "no question of kind weather" in capsys.readouterr().err
    assert main([*told, "--from", str(tmp_path)]) == 2
    assert "holds no scratch.json" in capsys.readouterr().err
    run(data, tmp_path / "out", "--epochs", "1")
    assert main([*told, "--epochs", "2"]) == 2
    assert "another recipe" in capsys.readouterr().err
    assert (
        main([*told[:3], *told[3:5], "--from", str(tmp_path / "out"), "--join", "cross", "--epochs", "1"])
        == 2
    )
    assert "--join prefix" in capsys.readouterr().err
