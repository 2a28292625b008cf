"""Endoscapes2023: laparoscopic cholecystectomies with masks or boxes and three raters' view of safety.

Both layouts are read: the authors' (``train/1_14050.jpg``, ``train/annotation_coco.json``, ``semseg/1_14050.png``) and a
copy of its segmented part (``REAL/``, ``GROUND_TH/``, ``matches.json``). Files and values are in ``endoscapes.yaml``; here
are the criteria of the critical view, which are tags of pictures, and that nobody knows what lies between pictures::

    surgvqa-build endoscapes --root endoscapes --out dataset
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from surgvqa.builders.annotations.outlines import read_json
from surgvqa.builders.cases.timeline import to_ms
from surgvqa.builders.schema import QA, Case, Clip, Omission, Rating
from surgvqa.builders.source_files import moments
from surgvqa.builders.tabular import description, find, source
from surgvqa.builders.tabular.parts import Tally
from surgvqa.cards.command import InputError

DESCRIPTION = description.read(Path(__file__).with_suffix(".yaml"))
FACTS = DESCRIPTION.facts
CRITERIA = (
    (
        "two structures",
        "Are two and only two tubular structures seen to enter the gallbladder?",
        "two and only two tubular structures enter the gallbladder",
    ),
    (
        "hepatocystic triangle",
        "Is the hepatocystic triangle cleared of fat and fibrous tissue?",
        "the hepatocystic triangle is cleared of fat and fibrous tissue",
    ),
    (
        "cystic plate",
        "Is the lower third of the gallbladder separated from the liver bed?",
        "the lower third of the gallbladder is separated from the liver bed",
    ),
)
RATERS = 3
RATE = 25.0
VIEW_S = 5.0  # from one rated picture to the next
SCENE_S = 1.0

Tags = dict[str, dict[float, tuple[tuple[float, ...], Path]]]  # case -> second -> criteria, file


def cases(root: Path, *, protocol: str = "official") -> Iterator[Case | Omission]:
    """Read every video below ``root``.

    Args:
        root: the data set's folder, or any folder above or below it.
        protocol: official, or none to leave the splits to the build.
    """
    last["tally"] = tally = Tally()
    tags, splits = read_tags(root) if root.is_dir() else ({}, {})
    for one in source.read_tree(root, DESCRIPTION, tally, protocol, None, 0.0):
        if isinstance(one, Omission):
            yield one
            continue
        split = one.split or (splits.get(one.case_id) if protocol != "none" else None)
        case_tags = tags.get(one.case_id, {})
        files = tuple(dict.fromkeys([*one.files, *(path for _, path in case_tags.values())]))
        views = tuple(_view(one.case_id, at, ds) for at, (ds, _) in sorted(case_tags.items()))
        ratings = tuple(
            Rating(at, criterion, round(mean * RATERS), RATERS)
            for at, (ds, _) in sorted(case_tags.items())
            for (_, _, criterion), mean in zip(CRITERIA, ds, strict=True)
        )
        clips = (*moments.clips(one, SCENE_S), *views)
        yield replace(one, split=split, files=files, clips=clips, ratings=ratings)


last: dict[str, Tally] = {}


def read_tags(root: Path) -> tuple[Tags, dict[str, str]]:
    """Read the raters' means of every picture that has them, and the splits that matches.json states."""
    tags: Tags = {}
    splits: dict[str, str] = {}
    tree = find.Tree(root)
    patterns = ["annotation_ds_coco.json", "matches.json"]
    for one in tree.find([*patterns, "annotation_coco.json"]):
        file_name = tree.relative_path(one.path)
        file = read_json(one.path, file_name)
        if one.path.name == "matches.json":
            images = [image for entry in file.values() for image in entry["annotations"]]
            for name, entry in file.items():
                split = {"val": "validation"}.get(entry["folders"][-1], entry["folders"][-1])
                splits[name.split("_")[0]] = split
        else:
            images = file.get("images", [])
        for image in images:
            _tag(tags, image, one.path, file_name)
    return tags, splits


def _tag(tags: Tags, image: Mapping[str, Any], path: Path, file_name: str) -> None:
    """Return the criteria of one picture, where it is one that was rated."""
    if not image.get("is_ds_keyframe") or image.get("ds") is None:
        return
    fields = find.fields_of(DESCRIPTION.coco[0].name, str(image["file_name"]))
    ds = tuple(float(value) for value in image["ds"])
    thirds = [value * RATERS for value in ds]
    if fields is None or len(ds) != len(CRITERIA) or any(abs(one - round(one)) > 0.05 for one in thirds):
        raise InputError(
            f"{file_name}: {image['file_name']}: ds is {image['ds']}; three means of three raters are due"
        )
    tags.setdefault(fields["case"], {}).setdefault(int(fields["frame"]) / RATE, (ds, path))


def _view(case_id: str, time_s: float, ds: Sequence[float]) -> Clip:
    """Return the clip of a rated picture, with a question a criterion: yes where two of three raters say so."""
    clip = Clip(case_id, to_ms(time_s), to_ms(time_s + VIEW_S), None)
    qa = []
    for number, ((name, question, _), mean) in enumerate(zip(CRITERIA, ds, strict=True), start=1):
        raters = round(mean * RATERS)
        short = "yes" if 2 * raters > RATERS else "no"
        answer = (
            f"{short.capitalize()}: {raters} of {RATERS} raters hold the criterion of the {name} to be met."
        )
        kind = f"critical_view_{number}"
        ids = f"{clip.clip_id}#{kind}"
        choices, share = ("yes", "no"), round(mean, 4)
        one = QA(ids, kind, "verification", question, answer, short, choices, (time_s,), support_ratio=share)
        qa.append(one)
    return replace(clip, qa=tuple(qa))


def notes(read: Sequence[Case]) -> tuple[str, ...]:
    """State what was read, and what a user of its scores must know."""
    if not last:
        return ()
    views = sum(clip.phase is None and clip.scene is None for case in read for clip in case.clips)
    return (
        *last["tally"].notes(dict(DESCRIPTION.expected), DESCRIPTION.known),
        f"{views:,} pictures were rated for the critical view of safety; an answer is what two of three raters say",
    )
