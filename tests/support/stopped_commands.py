"""Commands on small sources of their own, with the folder that each writes and what would take that folder."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import colour_clips
import numpy as np
from published import write_dataset
from surgvqa.builders.__main__ import main as build_main
from surgvqa.cards.__main__ import main as card_main
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest

if TYPE_CHECKING:
    from hub import Hub


@dataclass
class Case:
    """A command on a source of its own, the folder that it writes, and what takes that folder."""

    argv: list[str]
    out: Path
    source: Path  # a file that it reads
    takes: Callable[[Path], bool]  # whether a loader of ours would take what lies in the folder
    main: Callable[[list[str]], int] = build_main
    begin: Callable[[], None] = field(default=lambda: None)  # lays out what has to be there before
    kept: Callable[[Path], dict[str, bytes]] | None = None  # what two runs share; all files by default
    reads: bool = False  # a command that writes nowhere: it is stopped when it opens a file

    def fresh(self) -> None:
        """Take away what an earlier run left."""
        for path in (
            self.out,
            *self.out.parent.glob(f"{self.out.name}.*"),
            *self.out.parent.glob(f".{self.out.name}*"),
        ):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        self.begin()

    def run(self) -> int:
        return self.main(self.argv)

    def made(self) -> dict[str, bytes]:
        """What is compared."""
        return (self.kept or tree)(self.out)


def sealed(folder: Path) -> bool:
    """Whether the one loader of data sets takes a folder."""
    try:
        known = manifest.whole(folder)
    except InputError:
        return False
    return not manifest.seal_faults(folder, known) and not manifest.faults(folder, known["files"])


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, or of nothing."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def recording(root: Path, make_video: Callable[..., Path]) -> Path:
    """Two operations of four seconds with their phases."""
    (root / "videos").mkdir(parents=True)
    for first, name in ((0, "a"), (1000, "b")):  # the same frames in two splits would be a leak

        def draw(number: int, first: int = first) -> np.ndarray:
            picture: np.ndarray = make_video.picture(first + number)  # type: ignore[attr-defined]
            return picture

        make_video(root / "videos" / f"{name}.mp4", [100 * i for i in range(40)], draw=draw)
    (root / "phases.csv").write_text(
        "case,phase,start,end\na,incision,0,2\na,capsulorhexis,2,4\nb,incision,0,4\n"
    )
    return root


def parsed(path: Path) -> bool:
    """Whether a JSON file can be read."""
    try:
        return path.is_file() and json.loads(path.read_text("utf-8")) is not None
    except ValueError:
        return False


def cases(folder: Path, make_video: Callable[..., Path], wanted: str) -> Case:
    """Return the command ``wanted`` with all that it needs, below a folder."""
    root, out = folder / "root", folder / "out"
    if wanted in ("build", "build --media clips", "frames"):
        recording(root, make_video)
        common = ["--out", str(out), "--taxonomy", "cataract"]
        if wanted == "frames":
            return Case(
                ["frames", str(root), *common, "--every", "1"],
                out,
                root / "phases.csv",
                lambda f: parsed(f / "frames.json"),
            )
        media = ["--media", "clips"] if "clips" in wanted else ["--frames", "2"]
        return Case(
            ["procedure", "--root", str(root), *common, "--workers", "0", *media],
            out,
            root / "phases.csv",
            sealed,
        )
    if wanted in ("instruct", "export"):
        labels = folder / "frames.json"
        labels.write_text(json.dumps([frame(number) for number in range(6)]))
        made = ["instruct", str(labels), "--taxonomy", "cataract", "--media", "none"]
        if wanted == "instruct":
            return Case([*made, "--out", str(out)], out, labels, sealed)
        assert build_main([*made, "--out", str(folder / "data")]) == 0
        source = next((folder / "data").rglob("*.parquet"))
        return Case(["export", str(folder / "data"), "--out", str(out)], out, source, lambda f: bool(tree(f)))
    if wanted in ("predict", "merge"):
        return of_a_model(folder, out, wanted)
    if wanted in ("sft", "grpo"):
        return of_training(folder, out, wanted)
    write_dataset(folder / "data")
    data = folder / "data"

    def begin() -> None:
        shutil.copytree(data, out)

    if wanted == "spoken":
        (folder / "speak.py").write_text(TONE)
        voices = [
            "--voices",
            "command:one",
            "--tts-command",
            f"{sys.executable} {folder / 'speak.py'} {{out}}",
        ]
        return Case(["spoken", str(out), *voices], out, folder / "speak.py", sealed, begin=begin)
    return Case(["dataset", str(out)], out, out / "report.json", sealed, main=card_main, begin=begin)


def of_a_model(folder: Path, out: Path, wanted: str) -> Case:
    """Return a command on a tiny model."""
    from surgvqa.eval.__main__ import main as eval_main
    from surgvqa.eval.data import predictions
    from surgvqa.train import tiny
    from surgvqa.train.__main__ import main as train_main

    base = folder / "base"
    tiny.make("qwen2_5_vl", base)
    if wanted == "predict":
        clips = colour_clips.write(
            folder / "clips", test=[colour_clips.row(n, questions=2) for n in range(3)]
        )
        argv = ["predict", str(clips), "--model", str(base), "--out", str(out / "p.jsonl")]
        more = ["--frames", "4", "--batch-size", "1", "--max-new-tokens", "2", "--split", "test"]

        def answered(where: Path) -> bool:
            try:
                return len(predictions.read(where / "p.jsonl")) == 6
            except (InputError, OSError):
                return False

        return Case([*argv, *more], out, base / "config.json", answered, main=eval_main)
    adapted(base, folder / "adapter")
    argv = ["merge", str(folder / "adapter"), "--out", str(out), "--dtype", "float32"]
    return Case(argv, out, base / "config.json", lambda f: (f / "config.json").is_file(), main=train_main)


def of_training(folder: Path, out: Path, wanted: str) -> Case:
    """Return three steps of training with a checkpoint at each; a second start goes on from the last."""
    import pointing_rows
    from surgvqa.cards.files import sums
    from surgvqa.eval.models.load import parts
    from surgvqa.train import grpo, sft, tiny
    from surgvqa.train.__main__ import main as train_main

    base = folder / "base"
    tiny.make("qwen2_5_vl", base)
    said = ["--model_name_or_path", str(base), "--output_dir", str(out), "--config", f"{wanted}_lora.yaml"]
    said += [
        "--resume_from_checkpoint",
        "true",
        "--max_steps",
        "3",
        "--save_steps",
        "1",
        "--logging_steps",
        "1",
    ]
    said += ["--use_cpu", "true", "--report_to", "none", "--disable_tqdm", "true", "--learning_rate", "0.01"]
    said += [
        "--gradient_checkpointing",
        "false",
        "--gradient_accumulation_steps",
        "1",
        "--save_strategy",
        "steps",
    ]
    if wanted == "sft":
        data = colour_clips.write(folder / "data", train=[colour_clips.row(n, 2) for n in range(8)])
        said += [
            "--frames",
            "2",
            "--per_device_train_batch_size",
            "2",
            "--bf16",
            "false",
            "--eval_strategy",
            "no",
        ]
    else:
        data = pointing_rows.write(folder / "data", train=range(3))
        said += [
            "--num_generations",
            "2",
            "--per_device_train_batch_size",
            "2",
            "--max_completion_length",
            "4",
        ]
        said += ["--bf16", "false", "--reward_funcs", "reward_functions.length_reward"]

    def main(argv: list[str]) -> int:
        grpo.examine = lambda values: 0.0  # random answers are as good as a guesser's
        return train_main(argv)

    def takes(where: Path) -> bool:
        try:
            return parts(str(where)).budget is not None
        except InputError:
            return False

    def learned(where: Path) -> dict[str, bytes]:
        """The weights, and the losses of every step; a run's own times differ."""
        weights = where / "adapter_model.safetensors"
        if not weights.is_file() or (where / sums.UNFINISHED_MARK).exists():
            return {}
        log = json.loads((where / "trainer_state.json").read_text())["log_history"]
        losses = [one["loss"] for one in log if "loss" in one]
        return {"weights": weights.read_bytes(), "losses": json.dumps(losses).encode()}

    assert sft.main and len(said) > 2
    source = next((data).rglob("*.parquet"))
    return Case([wanted, *said, "--dataset_name", str(data)], out, source, takes, main=main, kept=learned)


def of_the_hub(folder: Path, out: Path, hub: Hub) -> Case:
    """Return a push of a data set to a Hub that runs in this process; it only reads the folder."""
    from surgvqa.cards.publish import push

    repo = "clinic/cases"
    write_dataset(folder / "data")

    def begin() -> None:
        shutil.copytree(folder / "data", out)
        hub.repos.clear()

    def there(_: Path) -> dict[str, bytes]:
        found = hub.repos.get(("dataset", repo))
        blobs = {} if found is None else found.head.tree
        return {name: blob.content for name, blob in blobs.items() if name != ".gitattributes"}

    def main(argv: list[str]) -> int:
        push.FIRST_WAIT_S = 0.01
        return card_main(argv)

    return Case(
        ["push", str(out), repo], out, out / "report.json", lambda where: bool(there(where)), main=main,
        begin=begin, kept=there, reads=True,
    )  # fmt: skip


def adapted(base: Path, out: Path) -> None:
    """Write an adapter of a base that answers as the base does."""
    from peft import LoraConfig, get_peft_model
    from surgvqa.eval.models.budget import Budget
    from surgvqa.train.steps.options import LORA_TARGETS
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(base)
    get_peft_model(model, LoraConfig(r=4, target_modules=LORA_TARGETS)).save_pretrained(out)
    AutoProcessor.from_pretrained(base).save_pretrained(out)
    Budget(4, "images").save(out)


TONE = """
import sys, wave, struct
sys.stdin.read()
with wave.open(sys.argv[1], "wb") as file:
    file.setnchannels(1); file.setsampwidth(2); file.setframerate(16000)
    file.writeframes(b"".join(struct.pack("<h", (n * 37 % 200 - 100) * 90) for n in range(3200)))
"""


def frame(number: int) -> dict[str, object]:
    """A labelled frame of one of two operations."""
    return {
        "image": f"{number}.jpg", "video_id": f"case_{number // 3}", "timestamp_s": float(number), "phase": "Incision",
        "anatomy": ["pupil"], "tools": [], "width": 90, "height": 60, "boxes": [], "events": [],
    }  # fmt: skip
