"""MultiBypassT40: gastric bypasses with action triplets and phases a second, of the MultiSAT challenge of 2026.

Expects ``label_files_challenge/C1V1.json`` below the root, and ``videos/C1V1/000000.jpg`` where there are pictures. A picture
is named by its ``id`` (``file_name`` is empty), and ``raw_id`` says which frame of 25 a second of the recording it is: that
is its time. A picture without a phase has none, it isn't idle. Names of ids come from each file::

    surgvqa-build multibypass_t40 --root MultiBypassT40 --out dataset

No real file of the set was at hand: its starter kit, which describes the files, was.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from surgvqa.builders.annotations.outlines import read_json
from surgvqa.builders.files.duplicate_files import choose
from surgvqa.builders.procedures.taxonomy import Taxonomy, load
from surgvqa.builders.schema import Action, Case, Entity, Facts, Frame, Omission, Phase, Scene
from surgvqa.builders.source_files import cholect, moments
from surgvqa.builders.tabular.find import Tree
from surgvqa.cards.command import InputError

FACTS = Facts(
    name="MultiBypassT40",
    homepage="https://github.com/CAMMA-public/multibypasstriplets2026_starter_kit",
    licence="other: the challenge's terms",
    access="https://github.com/CAMMA-public/multibypasstriplets2026_starter_kit (a link from the challenge's organizers)",
    citation="""@misc{multisat2026,
  title = {MultiBypassTriplets2026 (MultiSAT): surgical action triplets of gastric bypass},
  author = {{CAMMA, University of Strasbourg}},
  howpublished = {https://zenodo.org/records/19713857}, year = {2026}
}""",
    procedure="gastric_bypass",
)
TRIED_ON = "invented tree"
READS = "phases, instruments, actions, frames"
# The starter kit's own split of the released videos, by its dataset/utils.py; the challenge tests on videos that aren't public.
HELD_OUT = {"C2V5": "validation", "C2V6": "test"}


def cases(root: Path, *, protocol: str = "starter") -> Iterator[Case | Omission]:
    """Read every video below ``root``.

    Args:
        root: the data set's folder, or any folder above or below it.
        protocol: starter, the split of the challenge's starter kit, or none to leave the splits to the build.
    """
    if not root.is_dir():
        raise InputError(
            f"no folder {root}; get MultiBypassT40 at {FACTS.access} and give its folder as --root"
        )
    if protocol not in ("starter", "none"):
        raise InputError(f"--protocol {protocol}: expected starter or none")
    tree = Tree(root)
    labels: dict[str, list[Path]] = defaultdict(list)
    for one in tree.find(["{case:c}.json"]):
        name = one.fields["case"].upper()
        if name[0] == "C" and name[1:].replace("V", "", 1).isdigit():
            labels[name].append(one.path)
    if not labels:
        raise InputError(
            f"nothing of MultiBypassT40 below {root}: no C1V1.json; {tree.describe()}; get it at {FACTS.access}"
        )
    pictures: dict[str, dict[int, Path]] = defaultdict(dict)
    for one in tree.find(["{case:c}/{frame:6}.jpg"]):
        pictures[one.fields["case"].upper()][int(one.fields["frame"])] = one.path
    taxonomy = load(FACTS.procedure)
    for case_id in sorted(labels):
        path, left = choose(labels[case_id], root, f"the labels of {case_id}")
        yield from left
        assert path is not None
        split = HELD_OUT.get(case_id, "train") if protocol == "starter" else None
        try:
            yield from _case(case_id, path, tree.relative_path(path), pictures[case_id], split, taxonomy)
        except InputError as error:
            yield Omission(case_id, str(error), fault=True)


def _case(
    case_id: str,
    path: Path,
    file_name: str,
    pictures: Mapping[int, Path],
    split: str | None,
    taxonomy: Taxonomy,
) -> Iterator[Case | Omission]:
    """Yield a video, after what of it is left out."""
    file = read_json(path, file_name)
    try:
        images = [
            (int(one["id"]), int(one["raw_id"]) / float(one["fps"]), one.get("phase_label_name"))
            if one.get("phase_label") is not None
            else (int(one["id"]), int(one["raw_id"]) / float(one["fps"]), None)
            for one in file["images"]
        ]
        acts: dict[int, list[Mapping[str, str]]] = defaultdict(list)
        for one in file["annotations"]:
            acts[int(one["image_id"])].append(one["classnames"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"{file_name}: not labels of MultiBypassT40: {error!r}") from error
    images.sort(key=lambda image: image[1])
    times = {number: at for number, at, _ in images}
    if len(times) != len(images) or len({*times.values()}) != len(images):
        raise InputError(f"{file_name}: two of its pictures have one id or one moment")
    if stray := sorted(acts.keys() - times.keys()):
        raise InputError(f"{file_name}: annotations of picture {stray[0]}, which isn't among its images")
    blank = sum(phase is None for *_, phase in images)
    if blank:
        yield Omission(case_id, f"{blank:,} pictures without a phase: what is under way there is unknown")
    scenes = tuple(_scene(at, acts.get(number, ()), taxonomy, file_name) for number, at, _ in images)
    frames = tuple(Frame(at, pictures[number]) for number, at, _ in images if number in pictures)
    yield Case(
        case_id,
        "multibypass_t40",
        taxonomy.name,
        phases=_phases(images, taxonomy),
        scenes=scenes,
        frames=frames,
        split=split,
        files=(path, *(frame.path for frame in frames)),
    )


def _phases(images: Sequence[tuple[int, float, str | None]], taxonomy: Taxonomy) -> tuple[Phase, ...]:
    """Return phases from a label a picture; where pictures lack, or have no phase, none is known."""
    stretches: list[dict[float, str]] = []
    before = None
    for _, at, label in images:
        if label is None:
            before = None
            continue
        if before is None or at - before > 1.5:
            stretches.append({})
        stretches[-1][at] = taxonomy.canonical("phase", label)
        before = at
    return tuple(phase for stretch in stretches for phase in moments.phases(stretch, 1.0))


def _scene(time_s: float, names: Sequence[Mapping[str, Any]], taxonomy: Taxonomy, file_name: str) -> Scene:
    """Return the instruments of a picture, and what they do to what."""
    actions: dict[Action, None] = {}
    events: dict[str, None] = {}
    for one in names:
        if not all(isinstance(one.get(key), str) for key in ("instrument", "verb", "target")):
            raise InputError(
                f"{file_name} at {time_s:g} s: classnames are {one}; instrument, verb, target are due"
            )
        tool = taxonomy.canonical("instrument", one["instrument"])
        words = [
            None if one[key] in cholect.NOTHING else one[key].replace("_", " ") for key in ("verb", "target")
        ]
        actions[Action(tool, *words)] = None
        events[f"action: {tool}, {one['verb']}, {one['target']}"] = None
    tools = dict.fromkeys(action.instrument for action in actions)
    nodes = tuple(Entity(tool, tool, "instrument", "presence") for tool in tools)
    return Scene(time_s, 0, 0, nodes, events=tuple(events), actions=tuple(actions))


def notes(read: Sequence[Case]) -> tuple[str, ...]:
    """State what the reader of a score must know."""
    scenes = [scene for case in read for scene in case.scenes]
    several = sum(len(scene.actions or ()) > 1 for scene in scenes)
    centres = Counter(case.case_id.split("V")[0] for case in read)
    return (
        f"{len(read)} of the 16 released videos, {len(scenes):,} annotated seconds; {several:,} have more than one action",
        f"centres: {', '.join(f'{name} {count}' for name, count in sorted(centres.items()))}; pictures are 224 x 224",
        "the split is the starter kit's, for development; the challenge tests on videos that aren't public",
    )
