"""Verbs that don't train begin their work without the imports that take seconds: counted, not timed.

All run in one process: what none of them imports, none of them waits for. Verbs whose work is a heavy import's
say their first word before it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = {
    "datasets": 3.0,
    "torch": 4.6,
    "transformers": 3.0,
    "trl": 8.0,
    "sklearn": 4.5,
    "scipy": 1.4,
    "pandas": 1.8,
}  # of CPU
VERBS = """
surgvqa doctor
build sources
build new gallbladder --dir begun
build new gallbladder --dir begun --check
build synthetic --root cases --render-cases 4 --max-side 32 --frames 2 --out data
build probe cases
build verify data
build inspect data --n 5
card dataset data
eval score answers.jsonl --data data --out score.json
eval compare answers.jsonl again.jsonl --data data
eval board a=answers.jsonl b=again.jsonl --data data
eval leaks data
eval lmms data --out task
eval report answers.jsonl --data data --out page.html
eval report data --out data.html
eval pointing answers.jsonl --data data
eval segmentation answers.jsonl --data data
train configs
"""
WRITERS = """
build export data --to coco --out coco
eval probes data --out probes
card audit data
"""  # pyarrow imports pandas where it makes a table of lists; that comes with the first rows
TALKERS = ["eval texts answers.jsonl", "eval baselines data", "eval audit-benchmark data"]  # one process each
SCRIPT = """
import contextlib, importlib, io, json, pathlib, sys
from surgvqa.cards.arguments import umbrella

NAMES = {"build": "builders", "eval": "eval", "card": "cards", "train": "train"}

class Told(io.StringIO):
    loaded = None

    def write(self, text):
        if self.loaded is None:
            self.loaded = [name for name in sys.argv[2].split() if name in sys.modules]
        return super().write(text)

def answers(folder):
    import pyarrow.parquet as pq
    rows = [row for path in folder.glob("qa/test-*") for row in pq.ParquetFile(path).read().to_pylist()]
    text = "".join(json.dumps({**row, "prediction": row["short_answer"]}) + "\\n" for row in rows)
    for name in ("answers.jsonl", "again.jsonl"):
        pathlib.Path(name).write_text(text)

for line in json.loads(sys.argv[1]):
    top, *words = line.split()
    main = umbrella.main if top == "surgvqa" else importlib.import_module(f"surgvqa.{NAMES[top]}.__main__").main
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(Told()) as said:
        try:
            code = main(words)
        except SystemExit as stop:
            code = stop.code
    if line.startswith("build synthetic"):
        answers(pathlib.Path("data"))
    loaded = [name for name in sys.argv[2].split() if name in sys.modules]
    print(json.dumps([line, code, said.getvalue()[-300:], said.loaded, loaded]))
"""


def ran(
    folder: Path, lines: list[str], heavy: set[str]
) -> list[tuple[str, int | None, str, list[str] | None, list[str]]]:
    """Return of each line: itself, its code, its last words, the heavy modules at its first word and at its end."""
    words = [json.dumps(lines), " ".join(heavy)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.mark.slow  # some 40 s of CPU: a build, and every verb on it
def test_a_verb_begins_without_the_imports_that_take_seconds(tmp_path: Path) -> None:
    for lines, heavy in ((VERBS, set(SECONDS)), (WRITERS, set(SECONDS) - {"pandas"})):
        for line, code, said, _, loaded in ran(tmp_path, [line for line in lines.split("\n") if line], heavy):
            assert loaded == [], line
            assert code in (0, None, 1) or (
                "pointing" in line or "segmentation" in line or "--check" in line
            ), (line, said)
    for talker in TALKERS:
        [(line, code, said, first, loaded)] = ran(tmp_path, [talker], set(SECONDS))
        assert code in (0, None), (line, said)
        assert first == [] and loaded, line
