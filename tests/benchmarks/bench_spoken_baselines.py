"""Four ways to a spoken question's answer, in one run: the words, a recogniser's words, the sound itself, no look at all.

    python tests/benchmarks/bench_audio.py --base demo/base      # leaves a data set and a model that hears
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_spoken_baselines.py --data build/bench_audio/data \
        --reads demo/base --hears build/bench_audio/seed0/spoken

The same for models of full size: give ``--reads``, ``--hears`` and ``--recogniser openai/whisper-small``. Without a
recogniser a tiny Whisper is made on the spot: the encoder of ``surgvqa-train tiny --family whisper`` (random weights, as
in the tiny models that hear) and a decoder of two layers, both taught to write down the training split's questions.
It knows no other sentences, so its word error rate says how it does on these, in other voices, and nothing of speech.

Everything is asked once for the accuracies; then the first ``--timed`` clips, arm after arm in each round. Seconds
are the CPU's on a CPU (one thread), else the clock's, loading not counted. Bar: the graft answers 2.5 times as many
questions a second as the recogniser with the reader behind it, and no fewer of them right.
"""

from __future__ import annotations

import argparse
import statistics
import string
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jiwer
import torch
from datasets import Dataset
from surgvqa.builders.speech.sound import Samples
from surgvqa.eval.answers.predict import Run, Transformers, answer, ears_of
from surgvqa.eval.answers.ranks import Questions, Ranks
from surgvqa.eval.controls.necessity import replace_column
from surgvqa.eval.data.dataset import split_of
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.data.reference import training
from surgvqa.eval.models.load import parts
from surgvqa.eval.models.processor_encoder import encoder_for
from surgvqa.eval.models.spoken_rows import SpokenClips, load_spoken
from surgvqa.eval.scoring.score import score
from surgvqa.train import tiny
from surgvqa.train.tiny_parts.words import tokenizer
from transformers import (
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperModel,
    WhisperTokenizer,
    pipeline,
)

TIMES, BATCH, LONGEST, STEPS = 2.5, 32, 24, 500
MARKS = ("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>")  # fmt: skip


def words() -> WhisperTokenizer:
    """The tiny models' byte-pair encoding with Whisper's marks."""
    import json

    pieces = json.loads(tokenizer().backend_tokenizer.to_str())["model"]
    end = dict.fromkeys(("pad_token", "bos_token", "eos_token", "unk_token"), MARKS[0])
    return WhisperTokenizer(
        vocab=pieces["vocab"],
        merges=[tuple(pair) for pair in pieces["merges"]],
        additional_special_tokens=list(MARKS),
        **end,
    )


def taught_whisper(out: Path, spoken: SpokenClips, places: Sequence[int], steps: int) -> Path:
    """A tiny Whisper that has learned to write down some recordings; made once."""
    if (out / "model.safetensors").is_file():
        return out
    tiny.make_whisper(out / "encoder")
    tokenizer, extractor = words(), WhisperFeatureExtractor.from_pretrained(out / "encoder")
    ids = dict(zip(MARKS, tokenizer.convert_tokens_to_ids(list(MARKS)), strict=True))
    config = tiny.WHISPER.__class__.from_dict(
        tiny.WHISPER.to_dict()
        | {"decoder_layers": 2, "decoder_ffn_dim": 256, "vocab_size": len(tokenizer), "init_std": 0.05}
        | {"decoder_start_token_id": ids["<|startoftranscript|>"], "pad_token_id": ids["<|endoftext|>"]}
        | {"bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|endoftext|>"]}
    )
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(config)
    model.model.encoder.load_state_dict(WhisperModel.from_pretrained(out / "encoder").encoder.state_dict())
    model.generation_config.update(
        decoder_start_token_id=config.decoder_start_token_id,
        eos_token_id=config.eos_token_id,
        pad_token_id=config.pad_token_id,
        no_timestamps_token_id=ids["<|notimestamps|>"],
        is_multilingual=False,
        max_length=64,
    )
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    draw = torch.Generator().manual_seed(0)
    for step in range(steps):
        drawn = [places[i] for i in torch.randint(len(places), (BATCH,), generator=draw).tolist()]
        heard = extractor([spoken.read(place) for place in drawn], sampling_rate=16000, return_tensors="pt")
        rows = tokenizer([spoken.question(place) for place in drawn], padding=True, return_tensors="pt")
        labels = rows["input_ids"][:, 1:].masked_fill(rows["attention_mask"][:, 1:] == 0, -100)
        loss = model(input_features=heard["input_features"], labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        plan.step()
        if step % 50 == 49:
            print(f"recogniser, step {step + 1}: loss {loss.item():.3f}", flush=True)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    extractor.save_pretrained(out)
    return out


class Asked:
    """A model with what it takes to ask it a split's questions, by their words or by their sound."""

    def __init__(self, data: str, model: str, spoken: SpokenClips | None, longest: int) -> None:
        self.run = Run(data, model, Path("unused"), batch_size=BATCH, max_new_tokens=longest, config="spoken")
        found = parts(model)
        if found.budget is None:
            sys.exit(f"{model} doesn't say how many frames it sees: it has no surgvqa.json")
        ears = ears_of(found, spoken, self.run) if spoken else None
        self.encoder = encoder_for(found.model_type, found.processor, found.budget, Path(data), ears)
        self.engine = Transformers(self.run, self.encoder)

    def answers(self, rows: Dataset) -> list[Prediction]:
        """An answer per question."""
        return [
            said
            for batch in Questions(rows, Ranks(), Path("nowhere")).own_batches(set(), BATCH)
            for said in answer(self.engine, self.encoder, rows, batch, self.run)
        ]


def reading(rows: Dataset, questions: Sequence[str]) -> Dataset:
    """The rows with questions as text; ``questions`` follow one another as the recordings do."""
    said = iter(questions)
    turns = [
        [turn if turn["role"] != "user" else {"role": "user", "content": next(said)} for turn in messages]
        for messages in rows["messages"]
    ]
    return replace_column(rows, "messages", turns).remove_columns("sounds")


def plain(text: str) -> str:
    """As word error rates are counted: no case, no punctuation."""
    return " ".join(text.lower().translate(str.maketrans("", "", string.punctuation)).split())


def recogniser(where: str, device: str) -> Callable[[Sequence[Samples]], list[str]]:
    """Speech to text, many recordings at a time."""
    hear = pipeline("automatic-speech-recognition", model=where, device=device)
    return lambda sounds: [str(one["text"]).strip() for one in hear(list(sounds), batch_size=BATCH)]


def row_of(name: str, said: Sequence[Prediction], known: Sequence[Prediction]) -> tuple[str, dict[str, Any]]:
    """An arm's name and figures."""
    return name, score(said, train=known)


def main() -> int:
    """Ask, time, print; 1 below the bar."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--data", required=True, help="with configs clips and spoken")
    options.add_argument("--reads", required=True, help="a model that is asked in writing")
    options.add_argument("--hears", required=True, help="one with ears")
    options.add_argument("--recogniser", help="by default a tiny one, taught in --work")
    options.add_argument("--work", type=Path, default=Path("build/bench_spoken_baselines"))
    options.add_argument("--split", default="test")
    options.add_argument("--clips", type=int, help="only so many, to try it out")
    options.add_argument("--timed", type=int, default=24, help="clips of a round")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--max-new-tokens", type=int, default=LONGEST)
    args = options.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    clock = time.perf_counter if device == "cuda" else time.process_time
    torch.set_num_threads(1)

    spoken = load_spoken(args.data)
    rows, known = split_of(spoken.splits, args.split, args.data), training(args.data) or []
    rows = rows.select([index for index, qa in enumerate(rows["qa"]) if qa])
    rows = rows.select(range(min(args.clips or len(rows), len(rows))))
    taught = [place for places in spoken.splits["train"]["sounds"] for place in places]
    where = args.recogniser or str(taught_whisper(args.work / "whisper", spoken, taught, STEPS))
    hear = recogniser(where, device)
    reads = Asked(args.data, args.reads, None, args.max_new_tokens)
    hears = Asked(args.data, args.hears, spoken, args.max_new_tokens)

    def written(some: Dataset) -> list[str]:
        return [qa["question"] for asked in some["qa"] for qa in asked]

    def recognised(some: Dataset) -> list[str]:
        return hear([spoken.read(place) for places in some["sounds"] for place in places])

    arms: dict[str, Callable[[Dataset], list[Prediction]]] = {
        "text + frames": lambda some: reads.answers(reading(some, written(some))),
        "recogniser, then text + frames": lambda some: reads.answers(reading(some, recognised(some))),
        "audio graft": hears.answers,
    }
    figures = dict(row_of(name, arm(rows), known) for name, arm in arms.items())
    wrong = jiwer.wer([plain(text) for text in written(rows)], [plain(text) for text in recognised(rows)])
    some = rows.select(range(min(args.timed, len(rows))))
    count = len(written(some))
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(args.rounds):
        for name, arm in arms.items():
            began = clock()
            arm(some)
            seconds[name].append(clock() - began)
    _, recognising, grafted = (seconds[name] for name in arms)
    ratios = sorted(slow / fast for slow, fast in zip(recognising, grafted, strict=True))

    print(f"\n{len(written(rows))} questions; recogniser {where}: word error rate {100 * wrong:.1f} %")
    any_kind = next(iter(figures.values()))
    kinds = sorted(any_kind["by_kind"])
    print(
        f"| | all | {' | '.join(kinds)} | questions per second ({device}) |\n|---|{'---:|' * (len(kinds) + 2)}"
    )
    for name, own in figures.items():
        shares = [own["accuracy_all_kinds"], *(own["by_kind"][kind]["accuracy"] for kind in kinds)]
        cells = " | ".join(f"{100 * share:.1f}" for share in shares)
        print(f"| {name} | {cells} | {count / statistics.median(seconds[name]):.1f} |")
    shares = [
        any_kind["blind_majority_all_kinds"],
        *(any_kind["by_kind"][kind]["blind_majority"] for kind in kinds),
    ]
    print(f"| blind | {' | '.join(f'{100 * share:.1f}' for share in shares)} | |")
    middle = statistics.median(ratios)
    print(
        f"\nthe graft is {middle:.2f} times as fast ({ratios[0]:.2f}-{ratios[-1]:.2f}, n={len(ratios)}, {count} questions)"
    )
    better = (
        figures["audio graft"]["accuracy_all_kinds"]
        >= figures["recogniser, then text + frames"]["accuracy_all_kinds"]
    )
    return 0 if middle >= TIMES and better else 1


if __name__ == "__main__":
    sys.exit(main())
