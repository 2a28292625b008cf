"""Does a model with grafted ears answer spoken questions, in voices it never heard, and only if it hears them?

    make demo                                   # its base: a tiny Qwen2.5-VL that has learned to see
    python tests/benchmarks/bench_audio.py --base demo/base --seeds 0 1 2

Rendered operations that the base never saw, their questions spoken by espeak-ng: six voices in training, two others in
the test. A frozen Whisper encoder of random weights (a random map of the sound, nothing was pretrained on speech) is
grafted on, and the whole tiny model but the encoder learns the questions in one stage (audio_tiny.yaml): aligning
first, and LoRA, are for models that know more than this one. The base comes from `make demo`: its practice operations
are rendered with seed 1, these with seed 0.

Four kinds, so that seeing alone doesn't pay: a deaf model that gives each clip the right answer to one kind is right on
a quarter of the questions or less, below the blind guess that reads them.

Bar, for every seed: heard 15 points above that guess; with another question's sound or silence no more than 5 above
it; and `surgvqa-eval necessity` passes. Exit code 1 below it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
from pathlib import Path

from surgvqa.builders.__main__ import main as build
from surgvqa.eval.__main__ import main as evaluate
from surgvqa.train.__main__ import main as train

KINDS = ("phase", "instruments", "count", "presence")
VOICES = ("en-us", "en-gb", "en-gb-scotland", "en-029", "en-us+f2", "en-gb+m3")
UNHEARD = ("en-us+f3", "en-gb+m1")
ABOVE, ABOUT = 0.15, 0.05


def run(command: object, *words: object) -> None:
    """A command's main, as its user types it; stops the benchmark where it fails."""
    code = command([str(word) for word in words])  # type: ignore[operator]
    if code:
        sys.exit(f"{words[0]} failed with {code}")


def data(work: Path, cases: int) -> Path:
    """Rendered operations with spoken questions; made once."""
    out = work / "data"
    if not (out / "spoken").is_dir():
        rendered = ("--render-cases", cases, "--difficulty", 0.2, "--max-side", 112, "--frames", 4)
        run(build, "synthetic", "--root", work / "cases", "--out", out, *rendered, "--kinds", *KINDS)
        voices, unheard = ([f"espeak-ng:{name}" for name in names] for names in (VOICES, UNHEARD))
        spoken = ("--voices", *voices, "--test-voices", *unheard, "--rates", 160)
        run(build, "spoken", out, *spoken)
    return out


def one(work: Path, base: Path, folder: Path, seed: int) -> dict[str, float]:
    """Ears of one seed: grafted, taught, asked with three sounds."""
    own = work / f"seed{seed}"
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    began = time.process_time()
    run(train, "tiny", "--family", "whisper", "--out", own / "whisper", "--seed", seed)
    common = ("--dataset_name", folder, "--disable_tqdm", "true", "--report_to", "none", "--seed", seed)
    ears = ("--whisper", own / "whisper", "--model_name_or_path", base, "--output_dir", own / "spoken")
    run(train, "audio", "--config", "audio_tiny.yaml", *common, *ears)
    taught = time.process_time() - began
    files = {}
    for control in ("none", "swapped-audio", "silence"):
        files[control] = own / f"{control}.jsonl"
        asked = ("--config", "spoken", "--model", own / "spoken", "--control", control)
        run(evaluate, "predict", folder, *asked, "--out", files[control], "--max-new-tokens", 24)
    controls = [word for name in list(files)[1:] for word in ("--control", f"{name}={files[name]}")]
    out = own / "necessity.json"
    try:
        run(evaluate, "necessity", files["none"], *controls, "--data", folder, "--out", out)
    except SystemExit as left:
        if left.code != 1:
            raise
    found = json.loads(out.read_text())
    accuracy = {name: figures["accuracy"] for name, figures in found["runs"].items()}
    return {**accuracy, "blind": found["blind_majority"], "listens": found["listens"], "cpu_s": taught}


def main() -> int:
    """Every seed, a line each; 0 if all pass."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--base", type=Path, default=Path("demo/base"))
    options.add_argument("--work", type=Path, default=Path("build/bench_audio"))
    options.add_argument("--seeds", type=int, nargs="+", default=[0])
    options.add_argument("--cases", type=int, default=24)
    args = options.parse_args()
    folder = data(args.work, args.cases)
    rows = []
    for seed in args.seeds:
        rows.append(one(args.work, args.base, folder, seed))
        print(json.dumps({"seed": seed, **rows[-1]}), flush=True)
    for name in ("heard", "swapped-audio", "silence", "blind"):
        values = [row[name] for row in rows]
        print(f"{name}: {statistics.mean(values):.3f} ({min(values):.3f}-{max(values):.3f}, n={len(values)})")
    good = all(
        row["listens"]
        and row["heard"] >= row["blind"] + ABOVE
        and max(row["swapped-audio"], row["silence"]) <= row["blind"] + ABOUT
        for row in rows
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
