"""``surgvqa-build new PROCEDURE``: the commented files that a new procedure begins with, and their check."""

from __future__ import annotations

import re
from pathlib import Path

from surgvqa.builders.annotations.picture_names import refuse_beyond
from surgvqa.builders.cases.agreement import overlaps
from surgvqa.builders.cases.windows import windows
from surgvqa.builders.files.faults import summarise
from surgvqa.builders.files.process_pool import MEMORY_BYTES, Failure, run_tasks
from surgvqa.builders.files.texts import read_text
from surgvqa.builders.pipeline.prepare import SURVEY_S, remarks
from surgvqa.builders.procedures.taxonomy import Taxonomy, load
from surgvqa.builders.rendering.example import write as write_example
from surgvqa.builders.schema import Case, Omission
from surgvqa.builders.sources import procedure
from surgvqa.builders.video.case_media import Pixels, fit, look, with_media
from surgvqa.cards.arguments.words import shell
from surgvqa.cards.command import InputError

NAME = re.compile(r"[a-z][a-z0-9_-]*")
LINE_ENDS = re.compile(r"[\r\n]+")
MOST_NAMES = 20
EXAMPLE = "example"  # every name of the template that is to be replaced begins so
CLIP_S = 5.0  # what is wrong with a case is wrong at any length of its clips
PROCEDURE = """# The names of one procedure: what its phases, structures and instruments are called in every question and answer.
# Replace each "example …" by your own; `{check}` says with its line what isn't right.
# Spellings differ by nothing but case, "_", "-" or "/" are the same; other spellings of your files are synonyms.
procedure: {name}
title: {title} # as a sentence calls it: "Scene of a …"

# Labels in your files that mean "no phase now".
idle: [idle]

# In usual order: "which phase usually comes next" is answered from it.
phases:
  - name: example access
    synonyms: [ExampleAccess] # as your annotation files spell it
    instruments: [example grasper] # usual in this phase; what to prepare when it comes next
  - name: example dissection
    instruments: [example grasper, example hook]
  - name: example closure

# Structures of the patient.
anatomy:
  - name: example organ
    synonyms: [organ_1]
  - example duct

# Tools. No name may be both a structure and an instrument.
instruments:
  - example grasper
  - name: example hook
    synonyms: [hook_cautery]

# What may be so or not at a moment, written "example bleeding=true" in frame labels.
events:
  - example view achieved
  - example bleeding

# What must hold before a phase begins, and the event that says that it does.
safety_gates:
  - name: example view
    before: example closure
    event: example view achieved
    conditions:
      - the example duct is seen over its whole length
"""
README = """# {title}

- `procedure.yaml`: names of phases, anatomy, instruments, events, safety gates
- `phases.csv`: `case,phase,start,end`, seconds; where no row is, nothing is asked; a row `idle` says that no phase is on
- `tools.csv`: `case,time` and a column per instrument or structure, 1 where it is in view and 0 where it isn't
- `steps.csv` (`case,step,start,end`) and `actions.csv` (`case,time,instrument,verb,target`), if you have them
- `videos/CASE.mp4`: the recordings; `videos.csv` (`case,video,offset`) where names or clocks differ
- `annotations/CASE.json`: COCO instances or LabelMe outlines, if you have them

Events stand in frame labels alone: `frames.json`, which `surgvqa-build frames` writes and `surgvqa-build labels` merges into, says
`"events": ["bleeding=true", "view achieved=false"]` of a frame; an event that isn't named there is unknown.

Check: `{check}`; pictures named by numbers need `--image-rate`, too. Then `surgvqa-build frames` or `surgvqa-build procedure`.
"""
FILES = {
    "procedure.yaml": PROCEDURE,
    "README.md": README,
    "phases.csv": "case,phase,start,end\n",
    "tools.csv": "case,time,example grasper,example hook,example organ,example duct\n",
}
FOLDERS = ("videos", "annotations")


def new(name: str, folder: Path, *, example: bool = False) -> list[Path]:
    """Write the files of a new procedure into ``folder``; returns them. Nothing that is there is touched.

    With ``example``, rendered recordings and their labels instead of files to fill in.

    Raises:
        InputError: a name that can't be one, or a file that is there already.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a procedure; use lower case letters, digits, '_' and '-'")
    there = [file for file in FILES if (folder / file).exists()]
    if there:
        raise InputError(
            f"{folder} holds {', '.join(there)} already; --check checks them, --dir takes another folder"
        )
    if example:
        return write_example(name, folder)
    for child in FOLDERS:
        (folder / child).mkdir(parents=True, exist_ok=True)
    title = name.replace("_", " ").replace("-", " ")
    values = {"{name}": name, "{title}": title, "{check}": check_command(name, folder)}
    for file, text in FILES.items():
        for mark, value in values.items():
            text = text.replace(mark, value)
        (folder / file).write_text(text, encoding="utf-8")
    return [folder / file for file in FILES]


def check_command(name: str, folder: Path) -> str:
    """Return the command that checks a procedure's folder.

    >>> check_command("gallbladder", Path("my files"))
    "surgvqa-build new gallbladder --dir 'my files' --check"
    """
    return shell(["surgvqa-build", "new", name, "--dir", str(folder), "--check"])


def check(folder: Path, image_rate: float = 0.0) -> list[str]:
    """Say in sentences what a procedure's folder holds, if nothing is wrong with it.

    ``image_rate`` is how much the numbers in pictures' names grow a second; a folder without pictures needs none.

    Raises:
        InputError: no such folder, a mistake in ``procedure.yaml`` (with its line), names of the template that are
            left, or one list of all faults of the tables, outlines and videos.
    """
    path = folder / "procedure.yaml"
    if not path.is_file():
        raise InputError(f"no {path}; `surgvqa-build new PROCEDURE` writes one")
    taxonomy = load(path)
    left = placeholders(taxonomy)
    if left:
        raise InputError(
            f"{path}: names of the template are left, put your own in their place: {with_lines(path, left[:MOST_NAMES])}"
        )
    lines = [
        f"{path}: {len(taxonomy.phases)} phases, {len(taxonomy.anatomy)} structures, "
        f"{len(taxonomy.instruments)} instruments, {len(taxonomy.gates)} safety gates"
    ]
    if not _any_data(folder):
        return [*lines, "phases.csv, tools.csv and annotations/ hold nothing yet"]
    items = list(procedure.cases(folder, image_rate=image_rate or None))
    cases = [one for one in items if isinstance(one, Case)]
    looks = dict(run_tasks(look, [(case,) for case in cases], 1, SURVEY_S, MEMORY_BYTES))
    faults = [one for one in items if isinstance(one, Omission) and one.fault]
    lines += [
        f"note: {one.item}: {one.cause}" for one in items if isinstance(one, Omission) and not one.fault
    ]
    for index, case in enumerate(cases):
        if isinstance(looks[index], Failure):
            faults.append(Omission(case.case_id, looks[index].cause))
        else:
            cases[index] = case_with_media = with_media(case, looks[index])
            faults += faults_of(case_with_media, looks[index])
    if faults:
        raise InputError(f"{folder}: {len(faults)} faults: {summarise(faults)}")
    for index, case in enumerate(cases):
        stills = f"{len(case.frames)} pictures" if case.frames else "no recording"
        length = f"{looks[index].duration_s:.1f} s of video" if case.video else stills
        lines.append(
            f"{case.case_id}: {length}, {len(case.phases)} phases, {len(case.scenes)} labelled moments"
        )
    return [*lines, *overlaps(cases), *remarks(cases)]


def faults_of(case: Case, pixels: Pixels | None) -> list[Omission]:
    """List what is wrong with a case's labels beside its recording, as a build would find it."""
    try:
        if pixels is not None:
            case = fit(case, pixels)
        refuse_beyond(case)
        return [one for one in windows(case, CLIP_S).omissions if one.fault]
    except InputError as error:
        return [Omission(case.case_id, str(error), fault=True)]


def placeholders(taxonomy: Taxonomy) -> list[str]:
    """Names of the template that are still there."""
    names = (*taxonomy.phases, *taxonomy.anatomy, *taxonomy.instruments, *taxonomy.events)
    return [
        name for name in (*names, *(gate.name for gate in taxonomy.gates)) if name.startswith(f"{EXAMPLE} ")
    ]


def with_lines(path: Path, names: list[str]) -> str:
    """Return names with the first line of a file that has each, whole."""
    lines = read_text(path, path.name).splitlines()
    places = []
    for name in names:
        whole = re.compile(rf"^[^#]*\b{re.escape(name)}\s*(?:$|[^\w\s])")
        line = next((number for number, text in enumerate(lines, 1) if whole.match(text)), None)
        places.append(f"{name} (line {line})" if line is not None else name)
    return ", ".join(places)


def _any_data(folder: Path) -> bool:
    tables = (folder / name for name in ("phases.csv", "steps.csv", "tools.csv", "actions.csv"))
    rows = any(
        len(LINE_ENDS.split(read_text(path, path.name).strip())) > 1 for path in tables if path.is_file()
    )
    return rows or any((folder / "annotations").rglob("*.json"))
