"""The tool that wrote an export, recognised by what the file or the folder holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from surgvqa.builders.annotations.coco import coco
from surgvqa.builders.annotations.labelme import labelme
from surgvqa.builders.annotations.picture_names import inside
from surgvqa.builders.annotations.shapes import Annotations, read_json, read_json_lines
from surgvqa.builders.files.tree import files_below
from surgvqa.builders.label_exports import cvat, darwin, label_studio, mask_pictures, mot, tables, voc, yolo
from surgvqa.builders.label_exports.export_context import ExportContext
from surgvqa.builders.schema import Omission
from surgvqa.cards.command import InputError

TOOLS = "CVAT, Label Studio, COCO, LabelMe, Darwin, Pascal VOC, YOLO, MOT, masks, a table or a detector"
AUTOSAVES = ".ipynb_checkpoints"  # where Jupyter keeps copies of files as they were


def read(path: Path, context: ExportContext) -> Annotations:
    """Read an export, a file or a folder of files.

    Raises:
        InputError: no such file, or none of the tools'.
    """
    return join(each(path, context))


def join(exports: Sequence[Annotations]) -> Annotations:
    """Return what several exports hold."""
    return Annotations(
        tuple(picture for one in exports for picture in one.pictures),
        tuple(fault for one in exports for fault in one.faults),
        tuple(note for one in exports for note in one.notes),
    )


def each(path: Path, context: ExportContext) -> list[Annotations]:
    """Read an export, or those of a folder one by one: each names what its own annotator looked for.

    Raises:
        InputError: no such file, or none of the tools'.
    """
    return _folder(path, context) if path.is_dir() else [_file(path, context)]


def _file(path: Path, context: ExportContext) -> Annotations:
    """Return a file in the form of one of the tools."""
    if not path.is_file():
        raise InputError(f"no file {path}")
    ending = path.suffix.lower()
    if ending == ".xml":
        root = cvat.document(path)
        if root.tag == "annotation":
            return voc.read(path, root, context)
        if root.tag == "annotations":
            return cvat.read(path, root, context)
        raise InputError(
            f"{path.name}: its document is {root.tag!r}; annotations (CVAT) or annotation (VOC) are read"
        )
    if ending == ".csv":
        return tables.table(path, context)
    if ending == ".jsonl":
        return tables.detections(read_json_lines(path, path.name), context, path.name)
    return _json(read_json(path, path.name), path, context)


def _json(file: Any, path: Path, context: ExportContext) -> Annotations:
    """Return the value of a JSON file."""
    if isinstance(file, list):
        first = file[0] if file else None
        studio = isinstance(first, Mapping) and ("annotations" in first or "completions" in first)
        if isinstance(first, Mapping) and "annotation_id" in first and not studio:
            raise InputError(f"{path.name}: Label Studio's JSON-MIN; export it as JSON")
        return (label_studio.read if studio else tables.detections)(file, context, path.name)
    if not isinstance(file, Mapping):
        raise InputError(f"{path.name}: neither a list nor an object, so none of the known tools wrote it")
    if "shapes" in file:
        return labelme(path, context.names.taxonomy, file=file, masked=False)
    if darwin.is_darwin(file):
        return darwin.read(file, context, path.name)
    if "detections" in file:
        return tables.detections([file], context, path.name)
    return coco(path, context.names.taxonomy, file=file, masked=False)


def _folder(folder: Path, context: ExportContext) -> list[Annotations]:
    """Return a folder in the form of one of the tools, or its files one by one."""
    every = files_below(folder, "*.xml", "*.json", "*.jsonl")
    files = [path for path in every if AUTOSAVES not in path.parts]
    class_file = mask_pictures.class_file(folder)
    # Beside boxes in XML, CVAT's Pascal VOC has a labelmap.txt and no mask.
    has_masks = class_file is not None and (not files or bool(mask_pictures.mask_files(folder)))
    tables_beside = [path for path in files_below(folder, "*.csv", "*.ndjson") if path != class_file]
    tables_beside += [path for path in every if AUTOSAVES in path.parts]
    if mot.ground_truth(folder) is not None:
        return [_name_unread(mot.read(folder, context), folder, [*files, *tables_beside])]
    if has_masks:
        return [_name_unread(mask_pictures.read(folder, context), folder, [*files, *tables_beside])]
    if yolo.class_file(folder) is not None and (
        not files or any(path.parent.name == "labels" for path in files_below(folder, "*.txt"))
    ):
        return [_name_unread(yolo.read(folder, context), folder, [*files, *tables_beside])]
    if not files:
        raise InputError(f"{folder}: nothing in it that one of these tools wrote: {TOOLS}")
    read_files = [_name_pictures(_file(path, context), path.relative_to(folder).parts[:-1]) for path in files]
    return [_name_unread(read_files[0], folder, tables_beside), *read_files[1:]]


def _name_unread(one: Annotations, folder: Path, others: Sequence[Path]) -> Annotations:
    """Return what was read, with a note on files beside it that may hold labels, too."""
    if not others:
        return one
    names = ", ".join(path.relative_to(folder).as_posix() for path in others[:3])
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    note = Omission(f"{folder.name}: {names}{more}", "not read: give what holds labels by its own name")
    return one._replace(notes=(*one.notes, note))


def _name_pictures(one: Annotations, folders: Sequence[str]) -> Annotations:
    """Return what a file holds, its pictures named behind the folders that may tell their recording."""
    pictures = (replace(picture, name=inside(folders, picture.name)) for picture in one.pictures)
    return one._replace(pictures=tuple(pictures)) if folders else one
