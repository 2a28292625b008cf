"""Killed, stopped, without room, twice at once: every command ends whole or goes on to the same bytes, in one line.

``python -m pytest tests/project/test_fault_matrix.py -m 'slow or not slow' -s`` prints the table of docs/publish.md.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import colour_clips
import faults
import numpy as np
import pytest
from faults import FAULTS
from published import write_dataset
from surgvqa.builders.__main__ import main as build_main
from surgvqa.cards.__main__ import main as card_main
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest

POINTS = 10
NOT_OURS = (
    "full disk",
    "read-only",
    "memory",
)  # these leave what was begun, as nothing can be written or deleted


@dataclass
class Case:
    """A command on a source of its own, the folder that it writes, and what takes that folder."""

    argv: list[str]
    out: Path
    source: Path  # a file that it reads
    takes: Callable[[Path], bool]  # whether a loader of ours would take what lies in the folder
    main: Callable[[list[str]], int] = build_main
    begin: Callable[[], None] = field(default=lambda: None)  # lays out what has to be there before

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


def sealed(folder: Path) -> bool:
    """Whether the one loader of data sets takes a folder."""
    try:
        known = manifest.whole(folder)
    except InputError:
        return False
    return not manifest.unsealed(folder, known) and not manifest.faults(folder, known["files"])


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


COMMANDS = (
    "build",
    "build --media clips",
    "frames",
    "instruct",
    "export",
    "spoken",
    "card",
    "predict",
    "merge",
)
SAMPLE = {
    ("build", "SIGKILL"),
    ("export", "two at once"),
    ("spoken", "Ctrl-C"),
}
TABLE: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """Print what was tried, at the end."""
    yield
    tried = [name for name in COMMANDS if any(command == name for command, _ in TABLE)]
    print("\n\n| command | " + " | ".join(FAULTS) + " |\n|---|" + "---|" * len(FAULTS))
    for name in tried:
        print(f"| {name} | " + " | ".join(TABLE.get((name, fault), "") for fault in FAULTS) + " |")


def faults_of(case: Case, fault: str, points: int) -> Iterator[str]:
    """Yield what went wrong at each of the points."""
    case.fresh()
    before = tree(case.out)
    clean = faults.run(case.run, case.out)
    assert clean.code == 0 and clean.points > 0, clean.err
    want = tree(case.out)
    original = case.source.read_bytes() if case.source.is_file() else b""
    steps = sorted({1 + i * (clean.points - 1) // max(1, points - 1) for i in range(points)})
    for at in steps:
        case.fresh()
        ended = faults.run(case.run, case.out, fault, at, lambda: case.source.write_bytes(original + b"\n"))
        where = f"{fault} at {at} of {clean.points}"
        if not ended.clear:
            yield f"{where}: ended with {ended.code}: {ended.err[-600:]}"
        if ended.orphans:
            yield f"{where}: {ended.orphans} processes are left"
        if (
            fault != "source changes"
            and case.takes(case.out)
            and ended.code != 0
            and not (same(case.out, want) or same(case.out, before))
        ):
            yield f"{where}: a loader takes what is left"
        if fault == "source changes" and case.source.is_file():
            case.source.write_bytes(original)
        done = case.argv[0] in ("export", "merge") and tree(case.out) == want
        again = faults.run(case.run, case.out)
        # An export that was whole before it was stopped isn't written over.
        if again.code not in ((0, 2) if done else (0,)) or tree(case.out) != want:
            differ = sorted(set(tree(case.out)) ^ set(want))
            yield f"{where}: the next run ends with {again.code}, other files: {differ[:5]}: {again.err[-600:]}"


def same(folder: Path, want: dict[str, bytes]) -> bool:
    """Whether what can be read of a folder is what a whole run writes; hidden files are not read."""
    return {name: data for name, data in tree(folder).items() if not name.startswith(".")} == want


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        pytest.param(command, fault, marks=() if (command, fault) in SAMPLE else pytest.mark.slow)
        for command in COMMANDS
        for fault in FAULTS
    ],
)
def test_it_ends_whole_or_goes_on_to_the_same_bytes(
    command: str, fault: str, tmp_path: Path, make_video: Callable[..., Path], request: pytest.FixtureRequest
) -> None:
    few = (command, fault) in SAMPLE and "slow" not in str(request.config.option.markexpr).replace(
        "not slow", ""
    )
    wrong = list(faults_of(cases(tmp_path, make_video, command), fault, 3 if few else POINTS))
    TABLE[command, fault] = "whole" if not wrong else f"{len(wrong)} wrong"
    assert wrong == []
