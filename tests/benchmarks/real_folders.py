"""Real files by their source's name alone: what each folder is read as, and whether a build of it ends well.

    python tests/benchmarks/real_folders.py --realdata ../shared/realdata [--build build/real] [FOLDER ...]

Prints a row a folder: cases by their official split, stretches of phases and steps, annotated moments, questions, faults,
and the notes that the report of a build has. With ``--build`` it runs, for each, ``surgvqa-build SOURCE --root FOLDER --out
OUT --media none --questions nine --on-error quarantine`` and prints its exit status, and clips and questions of the data set
or, where it is refused, the message.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from surgvqa.builders import sources
from surgvqa.builders.schema import Case, Omission
from surgvqa.cards.command import InputError

# Every folder of the real files that holds a data set of `surgvqa-build sources`, and that set's name.
FOLDERS = {
    "cadis": "cadis",
    "cataract101": "cataract101",
    "cataract1k": "cataract1k",
    "cholec80_cvs": "cholec80_cvs",
    "cholec80_phase_tool": "cholec80",
    "cholect50_val": "cholect50",
    "endoscapes_seg50": "endoscapes",
    "endovis17_roboseg": "endovis",
    "endovis18vqa_text": "endovis18_vqa",
    "jigsaws": "jigsaws",
    "multibypass140": "multibypass140",
    "ophnet": "ophnet",
    "pitvqa": "pitvqa",
    "surgvivqa": "surgvivqa",
    "surgvu25_sample": "surgvu",
    "surgvu26_vqa": "surgvu",
}


@dataclass(frozen=True)
class Reading:
    """What a source makes of a folder."""

    found: str  # counts, or the refusal
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def reading(source: str, root: Path) -> Reading:
    """Read a folder and count."""
    module = sources.load(source)
    try:
        read = list(module.cases(root))
    except InputError as error:
        return Reading(f"refused: {error}")
    cases = [one for one in read if isinstance(one, Case)]
    dropped = [one for one in read if isinstance(one, Omission)]
    splits = Counter(one.split or "no split" for one in cases)
    counts = {
        "phases": sum(len(one.phases) for one in cases),
        "steps": sum(len(one.steps) for one in cases),
        "moments": sum(len(one.scenes) for one in cases),
        "pictures": sum(len(one.frames) for one in cases),
        "questions": sum(len(clip.qa) for one in cases for clip in one.clips),
    }
    said = [f"{len(cases):,} cases ({', '.join(f'{n:,} {split}' for split, n in sorted(splits.items()))})"]
    said += [f"{count:,} {name}" for name, count in counts.items() if count]
    left = [f"{one.item}: {one.cause}" for one in dropped if not one.fault]
    notes = module.notes(cases) if hasattr(module, "notes") else ()
    return Reading(
        ", ".join(said),
        tuple(f"{one.item}: {one.cause}" for one in dropped if one.fault),
        (*notes, *(f"left out, {one}" for one in left)),
    )


def built(source: str, root: Path, out: Path) -> str:
    """Build a data set by the command and say how it ended."""
    words = [sys.executable, "-m", "surgvqa.builders", source, "--root", str(root), "--out", str(out)]
    words += ["--media", "none", "--questions", "nine", "--on-error", "quarantine", "--workers", "0"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"exit {done.returncode}: {done.stderr.strip().splitlines()[-1]}"
    counts = json.loads((out / "manifest.json").read_text())["counts"]
    return ", ".join(
        f"{split} {one['cases']:,} cases, {one['clips']:,} clips, {one['qa']:,} questions"
        for split, one in counts.items()
    )


def main() -> None:
    """Print a row a folder, as each is done."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--realdata", type=Path, required=True)
    words.add_argument("--build", type=Path)
    words.add_argument("folders", nargs="*", default=sorted(FOLDERS))
    given = words.parse_args()
    for folder in given.folders:
        root = given.realdata / folder
        one = reading(FOLDERS[folder], root)
        print(f"{FOLDERS[folder]}, {folder}: {one.found}", flush=True)
        for what, lines in (("fault", one.faults), ("note", one.notes)):
            for line in lines[:8]:
                print(f"  {what}: {line}", flush=True)
            if len(lines) > 8:
                print(f"  and {len(lines) - 8:,} {what}s more", flush=True)
        if given.build:
            print(f"  build: {built(FOLDERS[folder], root, given.build / folder)}", flush=True)


if __name__ == "__main__":
    main()
