"""Every reader and a sound file for it, to be broken: what fuzzing starts from.

`tests/test_fuzz.py` draws damage with hypothesis, a second or two a reader. For longer, guided by coverage
(`pip install atheris`), a reader at a time::

    python tests/fuzz_readers.py coco -max_total_time=60 -rss_limit_mb=2048 -timeout=20

A reader may return or raise `InputError` with one line; anything else is a crash.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

TAXONOMY = """procedure: fuzzed
phases:
  - name: access
    instruments: [hook]
  - closure
anatomy: [liver, {name: gallbladder, synonyms: [gb, Gallbladder 1]}]
instruments: [hook, grasper]
events: [bleeding]
safety_gates:
  - name: view
    before: closure
    event: bleeding
    conditions: [it is seen]
"""
COCO = {
    "images": [{"id": 1, "file_name": "a_5.png", "width": 64, "height": 48, "time_s": 5.0}],
    "categories": [{"id": 1, "name": "hook"}, {"id": 2, "name": "liver"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 20, 20], "segmentation": [[1, 2, 20, 2, 20, 20]]},
        {"id": 2, "image_id": 1, "category_id": 2, "bbox": [1, 2, 9, 9], "segmentation": {"size": [48, 64], "counts": [100, 50, 2922]}},
        {"id": 3, "image_id": 1, "category_id": 2, "bbox": [1, 2, 9, 9], "attributes": {"track_id": 4}},
    ],
}  # fmt: skip
LABELME = {
    "imagePath": "a_5.png", "imageWidth": 64, "imageHeight": 48,
    "shapes": [
        {"label": "hook", "points": [[1, 2], [30, 2], [30, 30]], "shape_type": "polygon", "group_id": 1},
        {"label": "liver", "points": [[1, 2], [30, 30]], "shape_type": "rectangle"},
    ],
}  # fmt: skip
FRAMES = [
    {
        "image": "a/1.jpg", "video_id": "a", "timestamp_s": 1.0, "phase": "access", "anatomy": ["liver"],
        "tools": ["hook"], "events": ["bleeding=true"],
    }
]  # fmt: skip
STUDIO = [
    {
        "data": {"image": "a/1.jpg"},
        "annotations": [
            {
                "result": [
                    {
                        "type": "rectanglelabels", "original_width": 64, "original_height": 48,
                        "value": {"x": 10, "y": 10, "width": 20, "height": 20, "rectanglelabels": ["hook"]},
                    }
                ]
            }
        ],
    }
]  # fmt: skip
CVAT = b"""<?xml version="1.0"?><annotations><version>1.1</version>
<image id="0" name="a/1.jpg" width="64" height="48"><box label="hook" xtl="1" ytl="2" xbr="20" ybr="22"/>
<polygon label="liver" points="1,2;30,2;30,30"/></image></annotations>"""
LLAVA = [
    {
        "id": "a", "image": "a/1.jpg",
        "conversations": [{"from": "human", "value": "<image>\nWhich phase?"}, {"from": "gpt", "value": "access"}],
    }
]  # fmt: skip
PREDICTIONS = b"".join(
    json.dumps({"qa_id": f"a@0-5000#{n}", "clip_id": "a@0-5000", "case_id": "a", "kind": "phase", "reasoning": "r",
                "question": "Which?", "answer": "a", "short_answer": "a", "choices": [], "prediction": "a", "error": None}).encode() + b"\n"
    for n in range(3)
)  # fmt: skip


class Reader(NamedTuple):
    """A reader, the name its file must have, and a file it reads."""

    name: str
    seed: Any  # bytes, or a JSON value
    read: Callable[[Path], Any]

    @property
    def data(self) -> bytes:
        return self.seed if isinstance(self.seed, bytes) else json.dumps(self.seed).encode()


def taxonomy() -> Any:
    from surgvqa.builders.taxonomy import parse

    return parse(TAXONOMY, "fuzzed.yaml")


def picture(kind: str) -> bytes:
    import io

    import numpy as np
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(file, kind)
    return file.getvalue()


def film(suffix: str) -> bytes:
    from conftest import write_video

    with tempfile.TemporaryDirectory() as folder:
        path = write_video(Path(folder) / f"v{suffix}", range(0, 1200, 40), options={"bf": "2", "g": "10"})
        return path.read_bytes()


def readers() -> dict[str, Reader]:
    """Every reader by its name."""
    from surgvqa.builders import frame_labels, label_files, outlines, tables
    from surgvqa.builders import taxonomy as taxonomies
    from surgvqa.builders.interchange import import_file
    from surgvqa.builders.packets import read_timeline
    from surgvqa.builders.pictures import decode_jpeg, read_picture
    from surgvqa.builders.pitvqa_files import BadFileError
    from surgvqa.builders.pitvqa_files import read as read_pitvqa
    from surgvqa.builders.screen import read_stretches
    from surgvqa.builders.segmentation import decode_labels
    from surgvqa.builders.video import read_frames
    from surgvqa.cards import manifest, sums
    from surgvqa.cards.command import InputError

    names = taxonomy()

    def imported(path: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            import_file(path, Path(folder) / "out", media="none")

    def shown(path: Path) -> None:
        timeline = read_timeline(path)
        read_frames(path, [0.0, timeline.duration_s / 2])

    def pitvqa(path: Path) -> None:
        try:
            list(read_pitvqa(path, {"int_video", "int_time"}))
        except BadFileError as error:  # the source makes a fault of it
            raise InputError(str(error)) from error

    def procedure(path: Path) -> None:
        from surgvqa.builders.sources import procedure as own

        root = path.parent
        (root / "procedure.yaml").write_text(TAXONOMY)
        list(own.cases(root, image_rate=1.0))

    return {
        "coco": Reader("a.json", COCO, lambda path: outlines.coco(path, names)),
        "labelme": Reader("a.json", LABELME, lambda path: outlines.labelme(path, names)),
        "labels-json": Reader("a.json", STUDIO, lambda path: label_files.read(path, names)),
        "labels-xml": Reader("a.xml", CVAT, lambda path: label_files.read(path, names)),
        "labels-csv": Reader("a.csv", b"image,label,x1,y1,x2,y2,width,height\na/1.jpg,hook,1,2,3,4,64,48\n", lambda path: label_files.read(path, names)),
        "frames": Reader("frames.json", FRAMES, lambda path: frame_labels.read(path, names)),
        "llava": Reader("a.json", LLAVA, imported),
        "csv": Reader("a.csv", b"case,phase,start,end\na,access,0,5\nb,closure,5,9.5\n", lambda path: tables.rows(path, ("case", "phase"))),
        "phases": Reader("phases.csv", b"case,phase,start,end\na,access,0,5\na,closure,5,9.5\n", procedure),
        "tools": Reader("tools.csv", b"case,time,hook,liver\na,0,1,1\na,2.5,0,1\n", procedure),
        "pitvqa": Reader("a.csv", b"int_video,int_time,int_step\n1,0,2\n1,1,-1\n", pitvqa),
        "stretches": Reader("a.csv", b"case,start,end\na,0,5\n", lambda path: list(read_stretches(path))),
        "yaml": Reader("own.yaml", TAXONOMY.encode(), lambda path: taxonomies.load(path)),
        "manifest": Reader("manifest.json", {"files": {}, "sha256": "0" * 64}, lambda path: manifest.read(path.parent)),
        "sums": Reader("sha256sums.txt", b"# " + b"0" * 64 + b"\n" + b"1" * 64 + b"  a\n", lambda path: sums.faults(path.parent)),
        "predictions": Reader("a.jsonl", PREDICTIONS, read_predictions),
        "jpeg": Reader("a.jpg", picture("JPEG"), lambda path: (read_picture(path), decode_jpeg(path.read_bytes()))),
        "png": Reader("a.png", picture("PNG"), read_picture),
        "label-map": Reader("a.png", label_map(), lambda path: decode_labels(path.read_bytes())),
        "mp4": Reader("a.mp4", film(".mp4"), shown),
        "mkv": Reader("a.mkv", film(".mkv"), shown),
        "avi": Reader("a.avi", film(".avi"), shown),
    }  # fmt: skip


def read_predictions(path: Path) -> None:
    from surgvqa.eval.predictions import read

    read(path)


def label_map() -> bytes:
    import numpy as np
    from surgvqa.builders.segmentation import encode_labels

    return encode_labels(np.arange(48, dtype=np.uint8).reshape(6, 8))


def attempt(reader: Reader, data: bytes, folder: Path) -> None:
    """Read broken bytes; returns after an `InputError` too. Its message must be of a length that one can read."""
    from surgvqa.cards.command import InputError

    path = folder / reader.name
    path.write_bytes(data)
    try:
        reader.read(path)
    except InputError as error:
        assert str(error), "an error without a word"


def main(argv: list[str]) -> None:
    """Fuzz one reader, guided by coverage."""
    import atheris

    with atheris.instrument_imports(include=["surgvqa"]):
        import surgvqa.builders.interchange
        import surgvqa.builders.label_files
        import surgvqa.builders.sources.procedure
        import surgvqa.eval.predictions  # noqa: F401

    reader = readers()[argv[1]]
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        (corpus / "seed").write_bytes(reader.data)
        work = Path(folder) / "work"
        work.mkdir()
        atheris.Setup([argv[0], *argv[2:], str(corpus)], lambda data: attempt(reader, data, work))
        atheris.Fuzz()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main(sys.argv)
