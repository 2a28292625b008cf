"""Cholec80-CVS: how far the critical view of safety is reached in stretches of Cholec80's videos, by surgeons.

Expects the workbook ``surgeons_annotations.xlsx`` (extra ``sheets``) or the same sheet as CSV: a row a stretch with its
begin and end in minutes and seconds, three criteria scored 0, 1 or 2, and whether the view is reached (a sum of 5 or 6).
``videoNN.mp4`` and ``videoNN-phase.txt`` of Cholec80 may lie below the root, ``folds.json`` too::

    surgvqa-build cholec80_cvs --root cholec80-cvs --out dataset

No real workbook was at hand: the authors' code that reads it, an audit of it, and the folds were.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgvqa.builders.annotations.outlines import read_json
from surgvqa.builders.files.duplicate_files import choose
from surgvqa.builders.files.sheets import read_sheet
from surgvqa.builders.schema import QA, Case, Clip, Facts, Omission
from surgvqa.builders.tabular import clock, rows
from surgvqa.builders.tabular.find import Tree
from surgvqa.cards.command import InputError

FACTS = Facts(
    name="Cholec80-CVS",
    homepage="https://github.com/ManuelRios18/CHOLEC80-CVS-PUBLIC",
    licence="CC-BY-4.0 (labels; videos as of Cholec80, CC-BY-NC-SA-4.0)",
    access="https://springernature.figshare.com/collections/5880458 (labels; videos as of Cholec80)",
    citation="""@article{rios2023cholec80cvs,
  title = {Cholec80-CVS: An open dataset with an evaluation of Strasberg's critical view of safety for AI},
  author = {Ríos, Manuel Sebastián and Molina-Rodriguez, María Alejandra and Londoño, Daniella and others},
  journal = {Scientific Data}, volume = {10}, year = {2023}
}""",
    procedure="cholecystectomy",
)
TRIED_ON = "invented tree"
READS = "questions, videos"
FILES = ("surgeons_annotations.xlsx", "cholec80-cvs.xlsx", "surgeons_annotations.csv", "cholec80-cvs.csv")
CRITERIA = {
    "two_structures": "two and only two tubular structures enter the gallbladder",
    "cystic_plate": "the lower part of the gallbladder is dissected off the cystic plate",
    "hepatocystic_triangle": "the hepatocystic triangle is cleared of fat and fibrous tissue",
}
COLUMNS = ("video", "initial_minute", "initial_second", "final_minute", "final_second", *CRITERIA)
SCORES = ("0", "1", "2")
LEAST_SUM = 5  # the least sum of the three at which the workbook says that the view is reached
PHASE_RATE = 25.0  # frames a second that Cholec80's phase files count
# data_preprocessing/get_training_sets.py of the authors' repository
OFFICIAL = {
    "test": (5, 6, 7, 9, 14, 22, 24, 26, 29, 33, 35, 39, 53, 55, 61),
    "validation": (1, 2, 10, 16, 17, 28, 32, 46, 47, 57, 59, 63, 65, 67, 70),
}
PROTOCOLS = ("official", "cholec80", "none")
last: Counter[str] = Counter()  # of the last reading: stretches, and those that reach into clipping


@dataclass(frozen=True, slots=True)
class Stretch:
    """A scored stretch of a video."""

    start_s: float
    end_s: float
    scores: tuple[int, ...]  # as CRITERIA
    in_view: bool  # the critical view


def cases(root: Path, *, protocol: str = "official", sheet: str = "") -> Iterator[Case | Omission]:
    """Read every scored stretch below ``root``.

    Args:
        root: the data set's folder, or any folder above or below it.
        protocol: official (50/15/15), cholec80 (40/8/32, its own split), fold0 to fold15, or none.
        sheet: the workbook's sheet, where several have the columns.
    """
    if not root.is_dir():
        raise InputError(
            f"no folder {root}; get Cholec80-CVS at {FACTS.access} and give its folder as --root"
        )
    tree = Tree(root)
    books = [one.path for one in tree.find(FILES)]
    if not books:
        folds = "; folds.json alone has no label" if any(tree.find(["folds.json"])) else ""
        raise InputError(
            f"nothing of Cholec80-CVS below {root}: no surgeons_annotations.xlsx{folds}; {tree.describe()}; "
            f"get it at {FACTS.access}"
        )
    splits = splits_of(protocol, tree)
    path, left = choose(books, root, "the workbook")
    yield from left
    assert path is not None
    file_name = tree.relative_path(path)
    if path.suffix.lower() == ".xlsx":
        table = read_sheet(path, file_name, COLUMNS, sheet)
    elif sheet:
        raise InputError(f"--sheet {sheet}: {file_name} is no workbook; leave --sheet out")
    else:
        table = rows.read(path, file_name)
    videos = {int(one.fields["case"]): one.path for one in tree.find(["video{number}.mp4"])}
    clipping = {
        int(one.fields["case"]): clipping_start(one.path, tree.relative_path(one.path))
        for one in tree.find(["video{number}-phase.txt"])
    }
    stretches, omissions = read_stretches(table, file_name, clipping)
    yield from omissions
    for number in sorted(stretches):
        video_path = videos.get(number)
        yield Case(
            f"video{number:02}",
            "cholec80_cvs",
            FACTS.procedure,
            video=video_path,
            duration_s=clock.recording(video_path)[1] if video_path else None,
            clips=tuple(clip_of(number, stretches[number][key]) for key in sorted(stretches[number])),
            split=splits.get(number),
            files=(path, *([video_path] if video_path else [])),
        )


def read_stretches(
    table: Sequence[Mapping[str, str]], file_name: str, clipping: Mapping[int, float | None]
) -> tuple[dict[int, dict[tuple[float, float], Stretch]], list[Omission]]:
    """Return the stretches of each video by begin and end, and the rows that are none."""
    last.clear()
    last["phase files"] = len(clipping)
    stretches: dict[int, dict[tuple[float, float], Stretch]] = defaultdict(dict)
    omissions: list[Omission] = []
    for number, row in enumerate(table, start=2):
        try:
            video, stretch = read_row(row, f"{file_name} row {number}")
        except InputError as error:
            omissions.append(Omission(f"{file_name} row {number}", str(error), fault=True))
            continue
        item, key = f"video{video:02}, row {number}", (stretch.start_s, stretch.end_s)
        if stretch.end_s <= stretch.start_s:
            positive = ", though it scores" if any(stretch.scores) else ""
            cause = (
                f"it ends at {stretch.end_s:g} s, no later than it begins at {stretch.start_s:g} s{positive}"
            )
            omissions.append(Omission(item, cause))
            continue
        if stretches[video].setdefault(key, stretch) != stretch:
            omissions.append(Omission(item, "the same stretch is scored twice, differently", fault=True))
        last["stretches"] += 1
        last["into clipping"] += stretch.end_s > (clipping.get(video) or stretch.end_s)
    return stretches, omissions


def splits_of(protocol: str, tree: Tree) -> Mapping[int, str]:
    """Return the split of each video."""
    everyone = range(1, 81)
    if protocol == "none":
        return {}
    if protocol == "official":
        return {n: next((s for s, own in OFFICIAL.items() if n in own), "train") for n in everyone}
    if protocol == "cholec80":
        return {n: "train" if n <= 40 else "validation" if n <= 48 else "test" for n in everyone}
    for one in tree.find(["folds.json"]):
        folds = read_json(one.path, tree.relative_path(one.path)).get("folds", [])
        names = {f"fold{number}": fold for number, fold in enumerate(folds)}
        if protocol in names:
            held_out = {int(str(name).removeprefix("video")) for name in names[protocol]}
            return {n: "test" if n in held_out else "train" for n in everyone}
    raise InputError(
        f"--protocol {protocol}: expected {', '.join(PROTOCOLS)}, or fold0 to fold15 with folds.json below the root"
    )


def read_row(row: Mapping[str, str], where: str) -> tuple[int, Stretch]:
    """Return the video and the stretch that a row is about."""

    def number(column: str) -> float:
        text = rows.cell(row, column, where)
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < 1e4:
            raise InputError(f"{where}: {column} is {text!r}, not a number from 0 on")
        return value

    start, end = (60 * number(f"{side}_minute") + number(f"{side}_second") for side in ("initial", "final"))
    scores = tuple(int(number(name)) for name in CRITERIA)
    if any(str(score) not in SCORES for score in scores):
        raise InputError(f"{where}: scores {scores}; 0, 1 or 2 are due")
    in_view = sum(scores) >= LEAST_SUM
    if "critical_view" in row and row["critical_view"] and (number("critical_view") == 1) != in_view:
        raise InputError(f"{where}: critical_view is {row['critical_view']} of a sum of {sum(scores)}")
    return int(number("video")), Stretch(start, end, scores, in_view)


def clipping_start(path: Path, file_name: str) -> float | None:
    """Return when clipping begins by a phase file of Cholec80; None where it has no clipping."""
    for number, row in enumerate(rows.read(path, file_name), start=2):
        if rows.cell(row, "Phase", f"{file_name} row {number}") == "ClippingCutting":
            return float(rows.cell(row, "Frame", f"{file_name} row {number}")) / PHASE_RATE
    return None


def clip_of(video: int, stretch: Stretch) -> Clip:
    """Return a stretch with a question a criterion, and whether the view is reached."""
    start, end = round(1000 * stretch.start_s), round(1000 * stretch.end_s)
    clip_id = Clip(f"video{video:02}", start, end, None).clip_id
    qa = [
        QA(
            f"{clip_id}#{name}",
            name,
            "recognition",
            f"Which score from 0 (not at all) to 2 (fully) has this criterion of the critical view: {words}?",
            f"The score is {score}: {words}.",
            str(score),
            SCORES,
        )
        for (name, words), score in zip(CRITERIA.items(), stretch.scores, strict=True)
    ]
    short = "yes" if stretch.in_view else "no"
    answer = f"{short.capitalize()}: the three criteria sum up to {sum(stretch.scores)} of 6, and {LEAST_SUM} are due."
    question = "Is the critical view of safety reached?"
    qa.append(
        QA(
            f"{clip_id}#critical_view",
            "critical_view",
            "verification",
            question,
            answer,
            short,
            ("yes", "no"),
        )
    )
    return Clip(f"video{video:02}", start, end, None, None, tuple(qa))


def notes(read: Sequence[Case]) -> tuple[str, ...]:
    """State what the reader of a score must know."""
    into = (
        f"{last['into clipping']:,} of {last['stretches']:,} stretches reach into clipping and cutting; they are kept whole"
        if last["phase files"]
        else "no phase file of Cholec80 is below the root: which stretches reach into clipping isn't known (63 of 572 in all)"
    )
    return (
        f"{len(read)} of 80 videos, {last['stretches']:,} of 572 rows",
        into,
        "the official split crosses Cholec80's: 23 of its 32 test videos are in training here, 12 of its training videos in "
        "test; --protocol cholec80 keeps to Cholec80's",
        "the view is reached at a sum of 5 of 6, as the workbook says; the authors' loader counts 1 + 1 + 1 as reached, too",
    )
