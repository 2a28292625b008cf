"""Kinds of large files, by what a reader might take more than linear time in, and how their command reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from large_makers import (
    BOX,
    CVAT_BOX,
    DARWIN_BOX,
    PLACE,
    RECTANGLE,
    TRIANGLE,
    coco,
    coco_runs,
    cvat,
    cvat_after_another,
    cvat_mask,
    cvat_points,
    cvat_video,
    darwin,
    darwin_hidden,
    detections,
    drawn,
    frames,
    labelme,
    labelme_files,
    masks,
    merged,
    missing,
    mot,
    names,
    outline,
    phases,
    result,
    ring,
    stills,
    studio,
    studio_brush,
    studio_keys,
    studio_numbered,
    studio_ranges,
    table,
    tools,
    unknown_labels,
    unknown_phases,
    videos,
    voc,
    voc_files,
    yolo,
)


@dataclass(frozen=True)
class Large:
    """A file of a size, the one that is measured and the one that a test makes."""

    make: Callable[[Path, int], Path]
    measured: int = 100_000
    tested: int = 20_000


FILES: dict[str, Large] = {
    "COCO: boxes, 100 a picture": Large(lambda f, n: coco(f, max(1, n // 100), n, BOX), 10**6),
    "COCO: boxes of one picture": Large(lambda f, n: coco(f, 1, n, BOX), 10**6),
    "COCO: pictures without a thing": Large(lambda f, n: coco(f, n, 0, BOX), measured=10**6),
    "COCO: points of an outline": Large(
        lambda f, n: coco(f, 1, 1, outline(n)), measured=10**6, tested=200_000
    ),
    "COCO: outlines of 10 points": Large(lambda f, n: coco(f, max(1, n // 100), n, outline(10)), 250_000),
    "COCO: runs of a mask": Large(coco_runs, measured=10**6, tested=200_000),
    "CVAT: boxes, 100 a picture": Large(lambda f, n: cvat(f, max(1, n // 100), n, CVAT_BOX), measured=10**6),
    "CVAT: boxes of one picture": Large(lambda f, n: cvat(f, 1, n, CVAT_BOX), measured=10**6),
    "CVAT: points of an outline": Large(
        lambda f, n: cvat(f, 1, 1, cvat_points(n)), measured=10**6, tested=200_000
    ),
    "CVAT: runs of a mask": Large(cvat_mask, measured=10**6, tested=200_000),
    "CVAT: frames of a track": Large(lambda f, n: cvat_video(f, 1, n), measured=10**6),
    "CVAT: 100 tracks side by side": Large(lambda f, n: cvat_video(f, 100, n // 100), measured=10**6),
    "CVAT: tracks one after another": Large(cvat_after_another),
    "Label Studio: tasks": Large(
        lambda f, n: studio(f, n, [result("rectanglelabels", **PLACE)]), measured=10**6
    ),
    "Label Studio: regions of one picture": Large(studio_numbered, measured=10**6),
    "Label Studio: points of an outline": Large(
        lambda f, n: studio(f, 1, [result("polygonlabels", points=ring(n))]), measured=10**6, tested=200_000
    ),
    "Label Studio: frames of a box": Large(studio_keys, measured=10**6),
    "Label Studio: stretches of a timeline": Large(studio_ranges),
    "Label Studio: blocks of a brush": Large(studio_brush, tested=20_000),
    "LabelMe: shapes": Large(lambda f, n: labelme(f, [RECTANGLE] * n), measured=10**6),
    "LabelMe: shapes of one group": Large(
        lambda f, n: labelme(f, [TRIANGLE | {"group_id": 1}] * n), measured=10**6
    ),
    "LabelMe: points of an outline": Large(
        lambda f, n: labelme(f, [{"label": "hook", "points": ring(n)}]), measured=10**6, tested=200_000
    ),
    "LabelMe: files": Large(labelme_files, 40_000, 2_000),
    "YOLO: boxes of one picture": Large(lambda f, n: yolo(f, 1, "0 0.5 0.5 0.2 0.2\n" * n), measured=10**6),
    "YOLO: points of an outline": Large(
        lambda f, n: yolo(f, 1, "0 " + " ".join(f"{x / 100:g} {y / 100:g}" for x, y in ring(n))),
        measured=10**6,
        tested=200_000,
    ),
    "YOLO: files": Large(lambda f, n: yolo(f, n, "0 0.5 0.5 0.2 0.2\n"), 40_000, 2_000),
    "VOC: objects": Large(voc, measured=10**6),
    "VOC: files": Large(voc_files, 40_000, 2_000),
    "MOT: lines of one track": Large(lambda f, n: mot(f, n, 1), measured=10**6),
    "MOT: lines of 100 tracks": Large(lambda f, n: mot(f, n, 100), measured=10**6),
    "MOT: lines of as many tracks": Large(lambda f, n: mot(f, n, n), measured=10**6),
    "Darwin: boxes": Large(lambda f, n: darwin(f, [DARWIN_BOX] * n), measured=10**6),
    "Darwin: points of an outline": Large(
        lambda f, n: darwin(
            f, [{"name": "hook", "polygon": {"paths": [[{"x": x, "y": y} for x, y in ring(n)]]}}]
        ),
        measured=10**6,
        tested=200_000,
    ),
    "Darwin: frames of a box, hidden": Large(darwin_hidden, 10**6),
    "masks by id: pixels": Large(
        lambda f, n: masks(f, int(n**0.5), 1, 3, False), measured=10**6, tested=250_000
    ),
    "masks by colour: pixels": Large(
        lambda f, n: masks(f, int(n**0.5), 1, 3, True), measured=10**6, tested=250_000
    ),
    "masks by id: pictures": Large(lambda f, n: masks(f, 50, n, 3, False), 20_000, 1_000),
    "masks by colour: classes": Large(lambda f, n: masks(f, 8, 1, n, True)),
    "table: rows, 100 a picture": Large(lambda f, n: table(f, n, max(1, n // 100)), measured=10**6),
    "table: rows of one picture": Large(lambda f, n: table(f, n, 1), measured=10**6),
    "table: a row a picture": Large(lambda f, n: table(f, n, n), measured=10**6),
    "detector: pictures": Large(detections, measured=10**6),
    "phases.csv: rows of 100 cases": Large(lambda f, n: phases(f, n, 100), 10**5),
    "phases.csv: rows of one case": Large(lambda f, n: phases(f, n, 1), 10**5),
    "phases.csv: nested rows of one case": Large(lambda f, n: phases(f, n, 1, nested=True), 10**5),
    "phases.csv: as many cases": Large(lambda f, n: phases(f, n, n), 10**5),
    "tools.csv: rows": Large(tools, 10**5),
    "videos.csv: recordings": Large(videos, 20_000, 2_000),
    "annotations/: cases with stills": Large(stills, 20_000, 1_000),
    "annotations/: pictures of a case": Large(drawn, 10**5),
    "frames.json: frames": Large(frames, 10**5),
    "COCO: boxes outside": Large(lambda f, n: coco(f, max(1, n // 2), n, {"bbox": [900, 2, 30, 40]}), 10**6),
    "phases.csv: unknown phases": Large(unknown_phases, 10**5, 4_000),
    "table: unknown labels": Large(unknown_labels, 10**5, 4_000),
    "videos.csv: recordings that aren't there": Large(missing, 10**5, 4_000),
    "labels: frames with their labels": Large(merged, 10**5),
    "procedure.yaml: phases": Large(names, 20_000, 4_000),
}


def imports() -> None:
    """Import what the readers need, which takes longer than to read a small file."""
    import surgvqa.builders.frames.label_files
    import surgvqa.builders.sources.procedure  # noqa: F401


def read(path: Path) -> str:
    """Read a file as its command would; returns how much came of it, or why nothing did."""
    from surgvqa.builders.annotations.shapes import Names
    from surgvqa.builders.cases.timeline import course
    from surgvqa.builders.frames import frame_labels, label_files
    from surgvqa.builders.label_exports import exports
    from surgvqa.builders.label_exports.export_context import ExportContext
    from surgvqa.builders.procedures.taxonomy import load
    from surgvqa.builders.schema import Case
    from surgvqa.builders.settings.labels import Labels
    from surgvqa.builders.sources import procedure
    from surgvqa.cards.command import InputError

    try:
        if path.name == "procedure.yaml":
            return f"{len(load(path).phases)} phases"
        if path.name == "frames.json":
            export = path.parent / "export" / "a.json"
            if not export.exists():
                return f"{len(frame_labels.read(path, load('cholecystectomy')))} frames"
            config = Labels(files=(export,), into=path, taxonomy="cholecystectomy")
            return f"{label_files.merge(config).frames} frames labelled"
        if (path / "procedure.yaml").is_file():
            found = list(procedure.cases(path, image_rate=1.0))
            cases = [one for one in found if isinstance(one, Case)]
            return f"{len(cases)} cases, {sum(len(course(case).stretches) for case in cases)} stretches"
        found = exports.read(path, ExportContext(Names(load("cholecystectomy")), 25.0))
    except InputError as error:
        return f"refused: {str(error).replace(str(path), path.name)[:60]}"
    return f"{len(found.pictures)} pictures, {len(found.faults)} faults"
