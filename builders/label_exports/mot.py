"""A MOT folder: gt.txt (``frame,id,x,y,width,height,considered,class,visibility``), labels.txt, perhaps seqinfo.ini."""

from __future__ import annotations

import configparser
from pathlib import Path

from surgvqa.builders.annotations.shapes import MALFORMED_ERRORS, Annotations, Faults, Shape, frame_size
from surgvqa.builders.files.texts import read_text
from surgvqa.builders.files.tree import files_below
from surgvqa.builders.label_exports import tracks
from surgvqa.builders.label_exports.export_context import ExportContext
from surgvqa.cards.command import InputError

COLUMNS = 9


def ground_truth(folder: Path) -> Path | None:
    """Return the table of a MOT folder, or None. Raises ``InputError`` for those of several sequences."""
    there = files_below(folder, "gt.txt")
    if len(there) > 1:
        names = ", ".join(path.relative_to(folder).as_posix() for path in there[:3])
        raise InputError(f"{folder}: {len(there)} sequences ({names}); give the folder of one")
    return next(iter(there), None)


def read(folder: Path, context: ExportContext) -> Annotations:
    """Read the boxes of a sequence, by its frames, which count from 1. A box of a track holds for its frame alone."""
    faults = Faults(folder.name)
    path = ground_truth(folder)
    if path is None:
        raise InputError(f"{folder}: no gt.txt below it")
    class_list = path.parent / "labels.txt"
    if not class_list.is_file():
        raise InputError(f"{folder}: no labels.txt beside {path.name} that names the classes, one a line")
    labels = [line.strip() for line in read_text(class_list, class_list.name).strip().split("\n")]
    film = _sequence(path, context)
    keys: dict[str, list[tracks.Key]] = {}
    for number, line in enumerate(read_text(path, path.name).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path.name} line {number}"
        try:
            cells = [cell.strip() for cell in line.split(",")]
            frame, (x, y, w, h) = int(cells[0]) - 1, (float(cell) for cell in cells[2:6])
            if frame < 0:
                raise InputError(f"frame {cells[0]}; frames of this form count from 1")
            if len(cells) > 6 and float(cells[6]) == 0:
                raise InputError(
                    "a box that isn't to be considered; delete the line if the thing isn't there"
                )
            if len(cells) > 8 and float(cells[8]) == 0:
                raise InputError("a box of visibility 0; delete the line if the thing isn't in view")
            kind = int(cells[7])
            if not 1 <= kind <= len(labels):
                raise InputError(f"class {kind} is none of the {len(labels)} of {class_list.name}, from 1 on")
            if any(cells[COLUMNS:]):
                raise InputError(f"{len(cells)} cells; {COLUMNS} are read, the last is the visibility")
            box = (x, y, x + w, y + h)
            shape = Shape(labels[kind - 1], box=box, track=cells[1], where=where, form="xywh")
            keys.setdefault(cells[1], []).extend((tracks.Key(frame, shape), tracks.Key(frame + 0.5, None)))
        except (InputError, *MALFORMED_ERRORS) as error:
            faults.add(where, error)
    if faults.faults:
        return faults.sum_up(())  # the frame of a line that can't be read lacks a thing
    return faults.sum_up(tracks.pictures(list(keys.values()), film, context, faults))


def _sequence(path: Path, context: ExportContext) -> tracks.Film:
    """Return what seqinfo.ini says of a video; without it the size is that of the frames, the rate --image-rate."""
    there = [folder / "seqinfo.ini" for folder in (path.parent, path.parent.parent)]
    info = next((one for one in there if one.is_file()), None)
    if info is None:
        return tracks.Film(
            name="", size=context.needed_size(""), rate=context.needed_rate(path.name), begins=1
        )
    parser = configparser.ConfigParser()
    try:
        parser.read_string(read_text(info, info.name))
        sequence = parser["Sequence"]
        size = frame_size(int(sequence["imWidth"]), int(sequence["imHeight"]))
        export_rate, count = float(sequence["frameRate"]), sequence.get("seqLength")
        last = int(count) - 1 if count else None
    except (configparser.Error, *MALFORMED_ERRORS) as error:
        raise InputError(f"{info.name}: imWidth, imHeight or frameRate can't be read: {error}") from error
    rate = context.rate_of(export_rate, info.name)
    return tracks.Film(name=sequence.get("name", ""), size=size, rate=rate, last=last, begins=1, held=False)
