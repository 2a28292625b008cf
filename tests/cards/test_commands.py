"""The command printed on a card runs as it stands, places filled in, and makes the same bytes."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest
from surgvqa.builders.__main__ import main
from surgvqa.builders.frames.frame_labels import read
from surgvqa.builders.procedures.taxonomy import load

SYNTHETIC = [
    "--render-cases",
    "4",
    "--phase-seconds",
    "5.0",
    "--frame-rate",
    "2",
    "--size",
    "64",
    "--workers",
    "0",
]


def printed(out: Path) -> list[list[str]]:
    """The commands of a card, split as a shell splits them."""
    block = re.search(
        r"^(`{3,})bash\n(surgvqa-build .*?)\n\1$", (out / "README.md").read_text("utf-8"), re.M | re.S
    )
    assert block, "no command on the card"
    return [
        subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
        .stdout.decode().split("\0")[:-1]
        for line in block[2].splitlines()
    ]  # fmt: skip


def parquet(out: Path) -> dict[str, str]:
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*.parquet"))
    }


def run_again(out: Path, again: Path, **places: str) -> None:
    """Run what the card says, with these places; ``OUT`` is the new folder."""
    for words in printed(out):
        assert words[0] == "surgvqa-build"
        assert (
            main([{**places, "OUT": str(again), "DIR": str(again)}.get(word, word) for word in words[1:]])
            == 0
        )
    assert parquet(again) == parquet(out) != {}


OPTIONS = {
    "defaults": ["--media", "none"],
    "texts": ["--media", "none", "--system", "Answer  twice;\n\"it's\" $HOME `x` \\n ü *", "--kinds", "phase"],
    "a text that looks like an option": ["--media", "none", "--system=--answer-in-one-word"],
    "as large as they are": ["--max-side", "0", "--media", "frames", "--frames", "2"],
    "splits": ["--media", "none", "--test-cases", "case_0001", "--seed", "-3", "--balance", "answers",
               "--questions", "nine",
               "--validation", "0.3333333333333333", "--test", "0"],
    "pointing": ["--frames", "2", "--pointing", "json", "--pointing-model-type", "qwen2_5_vl", "--pointing-grid",
                 "28,3136,1003520", "--pointing-types", "instrument", "--pointing-negatives", "0.5"],
    "covered": ["--frames", "2", "--cover", "0,0,0.5,0.25", "0.9,0.9,0.1,0.1", "--segmentation", "binary"],
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases") / "root"


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_build(root: Path, tmp_path: Path, options: list[str]) -> None:
    out = tmp_path / "out"
    assert main(["synthetic", "--root", str(root), "--out", str(out), *SYNTHETIC, *options]) == 0
    run_again(out, tmp_path / "again", ROOT=str(root))


def test_a_build_under_pseudonyms_names_nobody(root: Path, tmp_path: Path) -> None:
    out, who = tmp_path / "out", tmp_path / "who.json"
    options = ["--pseudonyms", str(who), "--media", "none", "--test-cases", "case_0001"]
    assert main(["synthetic", "--root", str(root), "--out", str(out), *SYNTHETIC, *options]) == 0
    assert not any("case_0001" in word for words in printed(out) for word in words)
    run_again(out, tmp_path / "again", ROOT=str(root), FILE=str(who))


def labels(folder: Path) -> Path:
    path = folder / "my labels.json"
    frames = [
        {"image": f"{case}.jpg", "video_id": case, "timestamp_s": 1.5, "phase": "incision", "anatomy": ["iris"],
         "tools": ["utrata forceps"], "events": []}
        for case in ("north", "south", "east", "west")
    ]  # fmt: skip
    path.write_text(json.dumps(frames))
    assert len(read(path, load("cataract"))) == 4
    return path


@pytest.mark.parametrize(
    "options",
    [[], ["--max-side", "0"], ["--test-cases", "north", "--seed", "4", "--system", "A  b"]],
    ids=str,
)
def test_instruction_data(tmp_path: Path, options: list[str]) -> None:
    path, out = labels(tmp_path), tmp_path / "out"
    assert (
        main(
            ["instruct", str(path), "--taxonomy", "cataract", "--out", str(out), "--media", "none", *options]
        )
        == 0
    )
    run_again(out, tmp_path / "again", **{"LABELS.json": str(path)})


@pytest.mark.parametrize("options", [["--max-side", "0"], ["--case", r"op_\d+", "--seed", "2"], []], ids=str)
@pytest.mark.parametrize("named", [True, False])
def test_imported_conversations(tmp_path: Path, options: list[str], named: bool, monkeypatch) -> None:
    path, out = tmp_path / "talk.jsonl", tmp_path / "out"
    talks = [
        {**({"id": f"n{number}"} if named else {}), "image": f"op_{number}/1.png", "conversations": [
            {"from": "human", "value": "<image>\nWhich phase?"}, {"from": "gpt", "value": f"Phase {number}."}]}
        for number in range(6)
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, talks)))
    assert main(["import", str(path), "--out", str(out), "--media", "none", *options]) == 0
    monkeypatch.chdir(tmp_path)  # without ids of its own, rows have the file's name
    run_again(out, tmp_path / "again", **{"FILE.jsonl": str(path)})
