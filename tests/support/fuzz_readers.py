"""Every reader and a sound file for it, to be broken: what fuzzing starts from.

`tests/builders/annotations/test_fuzz.py` draws damage with hypothesis, a second or two a reader. For longer, guided by coverage
(atheris; `make fuzz SECONDS=60` installs it), groups of readers or single ones::

    python tests/support/fuzz_readers.py --seconds 60 annotations mp4

prints a table, and exits 1 where a reader did anything but return or raise `InputError` with one line; the
inputs lie in the folder ``fuzzed``. A crash in C code, an input that takes 10 s and memory beyond 2 GB count, too.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
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
DARWIN = {
    "version": "2.0", "item": {"name": "a_5.png", "slots": [{"width": 64, "height": 48}]},
    "annotations": [
        {"name": "hook", "bounding_box": {"x": 1, "y": 2, "w": 20, "h": 20}},
        {"name": "liver", "ellipse": {"angle": 0.5, "center": {"x": 30, "y": 20}, "radius": {"x": 9, "y": 5}}},
        {"name": "grasper", "tag": {}},
    ],
}  # fmt: skip
VOC = b"""<annotation><filename>a_5.png</filename><size><width>64</width><height>48</height></size>
<object><name>hook</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>20</xmax><ymax>20</ymax></bndbox></object>
<object><name>liver</name><robndbox><cx>30</cx><cy>20</cy><w>9</w><h>5</h><angle>0.5</angle></robndbox></object></annotation>"""
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
CVAT_VIDEO = b"""<?xml version="1.0"?><annotations><version>1.1</version>
<meta><task><stop_frame>9</stop_frame><original_size><width>64</width><height>48</height></original_size></task></meta>
<track id="0" label="hook"><box frame="1" outside="0" xtl="1" ytl="2" xbr="20" ybr="22"/><box frame="5" outside="1" xtl="9" ytl="2" xbr="29" ybr="22"/></track>
<track id="1" label="liver"><mask frame="2" outside="0" rle="1, 2, 1, 2" left="10" top="20" width="3" height="2"/></track>
<track id="2" label="grasper"><skeleton frame="0"><points label="tip" points="3,4" outside="0"/><attribute name="a">b</attribute></skeleton></track></annotations>"""
STUDIO_VIDEO = [
    {
        "data": {"video": "v.mp4"},
        "annotations": [
            {
                "result": [
                    {
                        "id": "a", "type": "videorectangle", "original_width": 64, "original_height": 48,
                        "value": {
                            "framesCount": 50, "duration": 2, "labels": ["hook"],
                            "sequence": [
                                {"frame": 1, "enabled": True, "rotation": 0, "x": 10, "y": 10, "width": 20, "height": 20},
                                {"frame": 26, "enabled": False, "rotation": 45, "x": 40, "y": 40, "width": 20, "height": 20},
                            ],
                        },
                    },
                    {
                        "id": "b", "type": "timelinelabels",
                        "value": {"ranges": [{"start": 5, "end": 30}], "timelinelabels": ["access"]},
                    },
                ]
            }
        ],
    },
    {
        "data": {"image": "a/1.jpg"},
        "annotations": [
            {
                "result": [
                    {
                        "type": "brushlabels", "original_width": 2, "original_height": 1,
                        "value": {"format": "rle", "rle": [0, 0, 0, 8, 57, 17, 20, 255, 224], "brushlabels": ["hook"]},
                    }
                ]
            }
        ],
    },
]  # fmt: skip
DARWIN_VIDEO = {
    "version": "2.0", "item": {"name": "v.mp4", "slots": [{"width": 64, "height": 48, "fps": 5, "frame_count": 40}]},
    "annotations": [
        {
            "id": "a", "name": "hook", "ranges": [[0, 30]], "hidden_areas": [[5, 9]], "interpolated": True,
            "frames": {
                "0": {"bounding_box": {"x": 1, "y": 2, "w": 20, "h": 20}, "keyframe": True},
                "20": {"bounding_box": {"x": 9, "y": 2, "w": 20, "h": 20}, "keyframe": True},
            },
        }
    ],
}  # fmt: skip
DETECTIONS = [
    {"image": "a/1.jpg", "width": 64, "height": 48, "detections": [{"label": "hook", "bbox": [1, 2, 20, 20], "confidence": 0.5}]}
]  # fmt: skip
SEQUENCE = b"[Sequence]\nimWidth=64\nimHeight=48\nframeRate=2\n"
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


ASKED = {
    "id": "qa_000001", "video_id": "009-001", "frame_numbers": [18, 22, 26], "question": "Does the scope move?",
    "question_type": "scope_motion", "support_frames": 3, "total_frames": 3, "support_ratio": 1.0, "answer": "No.",
    "short_answer": "no",
}  # fmt: skip
TAUGHT = {
    "conversation": [{"question": "Which phase?", "answer": "access"}] * 3, "description": "- Phase: access",
    "reasoning": [{"question": "What follows?", "answer": "closure"}],
}  # fmt: skip
SAMPLES = [
    {"doc_id": 0, "target": "access", "filtered_resps": ["access"], "input": "Which phase?", "resps": [["access"]], "doc": {"a": 1}}
]  # fmt: skip
FIXTURES = Path(__file__).parents[1] / "fixtures"


class Reader(NamedTuple):
    """A reader, the name its file must have, and a file it reads."""

    name: str
    seed: Any  # bytes, or a JSON value
    read: Callable[[Path], Any]

    @property
    def data(self) -> bytes:
        return self.seed if isinstance(self.seed, bytes) else json.dumps(self.seed).encode()


def taxonomy() -> Any:
    from surgvqa.builders.procedures.taxonomy import parse

    return parse(TAXONOMY, "fuzzed.yaml")


def picture(kind: str) -> bytes:
    import numpy as np
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(file, kind)
    return file.getvalue()


def two_colours() -> bytes:
    """A picture of black and of the colour 1, 1, 1."""
    from PIL import Image

    file = io.BytesIO()
    shown = Image.new("RGB", (8, 6))
    shown.paste((1, 1, 1), (2, 2, 5, 4))
    shown.save(file, "PNG")
    return file.getvalue()


def film(suffix: str) -> bytes:
    from conftest import write_video

    with tempfile.TemporaryDirectory() as folder:
        path = write_video(Path(folder) / f"v{suffix}", range(0, 1200, 40), options={"bf": "2", "g": "10"})
        return path.read_bytes()


def put(path: Path, target: Path) -> None:
    """Copy a file; of a pipe make another pipe."""
    target.unlink(missing_ok=True)
    if path.is_fifo():
        os.mkfifo(target)
    else:
        shutil.copyfile(path, target)


def readers() -> dict[str, Reader]:
    """Every reader by its name."""
    from building import import_file
    from surgvqa.builders.annotations import outlines
    from surgvqa.builders.configs.segmentation import decode_labels
    from surgvqa.builders.files import tables
    from surgvqa.builders.files.pictures import decode_jpeg, read_picture
    from surgvqa.builders.files.sheets import read_sheet
    from surgvqa.builders.frames import frame_labels, label_files
    from surgvqa.builders.privacy.pseudonyms import load as load_pseudonyms
    from surgvqa.builders.privacy.screen import read_stretches
    from surgvqa.builders.procedures import taxonomy as taxonomies
    from surgvqa.builders.source_files import endovis_masks, endovis_vqa
    from surgvqa.builders.source_files.pitvqa_files import BadFileError
    from surgvqa.builders.source_files.pitvqa_files import read as read_pitvqa
    from surgvqa.builders.sources import cataract1k, surgvivqa
    from surgvqa.builders.speech.sound import read_sound
    from surgvqa.builders.tabular import rows as table_rows
    from surgvqa.builders.teachers import prompt as prompts
    from surgvqa.builders.video.decode import read_frames
    from surgvqa.builders.video.timing import read_timeline
    from surgvqa.cards.command import InputError
    from surgvqa.cards.files import manifest, sums
    from surgvqa.eval.commands import run_segmentation
    from surgvqa.eval.data import columns

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

    def within(place: str, read: Callable[[Path], Any], others: str = "") -> Callable[[Path], Any]:
        """A source read from a tree that holds the file at ``place``, and ``others`` of its fixture."""

        def reading(path: Path) -> None:
            root = path.parent / "tree"
            if others and not root.exists():
                shutil.copytree(FIXTURES / others, root)
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            put(path, root / place)
            read(root)

        return reading

    def export(file: str, **others: str | bytes) -> Callable[[Path], Any]:
        """A folder of an annotation tool that holds the file and ``others``."""

        def reading(path: Path) -> None:
            root = path.parent / "export"
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            put(path, root / file)
            for name, content in others.items():
                data = content.encode() if isinstance(content, str) else content
                (root / name.replace("_", ".")).write_bytes(data)
            label_files.read(root, names)

        return reading

    def taught(path: Path) -> None:
        try:
            prompts.parse(path.read_text("utf-8", "replace"))
        except prompts.BadAnswerError as error:  # asked again
            raise InputError(str(error)) from error

    def hidden(path: Path) -> None:
        path.chmod(0o600)
        load_pseudonyms(path, path.parent / "out")

    def drawn(path: Path) -> None:
        row = {"row_id": "a", "width": 5, "height": 4, "classes": ["background", "hook"]}
        for said in run_segmentation.read(path).values():
            run_segmentation.decode_masks(said, row)

    phases = "case_0901/case_0901_annotations_phases.csv"
    pictured = {**COCO, "images": [{**COCO["images"][0], "file_name": "case0901_02.png"}]}

    return {
        "coco": Reader("a.json", COCO, lambda path: outlines.coco(path, names)),
        "labelme": Reader("a.json", LABELME, lambda path: outlines.labelme(path, names)),
        "labels-json": Reader("a.json", STUDIO, lambda path: label_files.read(path, names)),
        "labels-xml": Reader("a.xml", CVAT, lambda path: label_files.read(path, names)),
        "labels-darwin": Reader("a.json", DARWIN, lambda path: label_files.read(path, names)),
        "labels-voc": Reader("a.xml", VOC, lambda path: label_files.read(path, names)),
        "labels-cvat-video": Reader("a.xml", CVAT_VIDEO, lambda path: label_files.read(path, names, 2.0)),
        "labels-studio-video": Reader("a.json", STUDIO_VIDEO, lambda path: label_files.read(path, names)),
        "labels-darwin-video": Reader("a.json", DARWIN_VIDEO, lambda path: label_files.read(path, names)),
        "labels-detections": Reader("a.json", DETECTIONS, lambda path: label_files.read(path, names)),
        "labels-yolo": Reader("a.txt", b"0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.3 0.1 0.3 0.5\n", export("a.txt", data_yaml="names: [hook, liver]\n", a_png=picture("PNG"))),
        "labels-yolo-names": Reader("a.yaml", b"nc: 2\nnames: {0: hook, 1: liver}\nkpt_shape: [1, 3]\n", export("data.yaml", a_txt="0 0.5 0.5 0.2 0.2 0.5 0.5 2\n", a_png=picture("PNG"))),
        "labels-mot": Reader("gt.txt", b"1,1,10,20,30,20,1,2,1\n3,1,20,20,30,20,1,1,1\n", export("gt.txt", labels_txt="grasper\nhook\n", seqinfo_ini=SEQUENCE)),
        "labels-mot-sequence": Reader("seqinfo.ini", SEQUENCE, export("seqinfo.ini", labels_txt="hook\n", gt_txt="1,1,10,20,30,20,1,1,1\n")),
        "labels-masks": Reader("a.png", label_map(), export("a.png", classes_csv="name,id\n" + "".join(f"hook,{n}\n" for n in range(48)))),
        "labels-mask-colours": Reader("labelmap.txt", b"# label:color_rgb:parts:actions\nbackground:0,0,0::\nhook:1,1,1::\n", export("labelmap.txt", a_png=two_colours())),
        "labels-csv": Reader("a.csv", b"image,label,x1,y1,x2,y2,width,height\na/1.jpg,hook,1,2,3,4,64,48\n", lambda path: label_files.read(path, names)),
        "frames": Reader("frames.json", FRAMES, lambda path: frame_labels.read(path, names)),
        "llava": Reader("a.json", LLAVA, imported),
        "csv": Reader("a.csv", b"case,phase,start,end\na,access,0,5\nb,closure,5,9.5\n", lambda path: tables.rows(path, ("case", "phase"))),
        "described-rows": Reader("a.csv", b"case,phase,time\na,access,0\na,closure,1\n", lambda path: table_rows.read(path, path.name)),
        "rows-without-header": Reader("a.txt", b"0 access\n1 closure\n", lambda path: table_rows.read(path, path.name, ("time", "phase", "..."))),
        "workbook": Reader("a.xlsx", workbook(), lambda path: read_sheet(path, path.name, ("case", "label"))),
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
        "outlines": Reader("a.json", COCO, within("annotations/a.json", lambda root: procedure(root / "x"))),
        "cataract1k-masks": Reader("a.json", pictured, within("case_0901/annotations/instances.json", lambda root: list(cataract1k.cases(root)))),
        "cataract1k-phases": Reader("a.csv", b"caseId,comment,frame,endFrame,sec,endSec\n0901,Incision,60,210,2.0,7.0\n", within(phases, lambda root: list(cataract1k.cases(root)))),
        "surgvivqa": Reader("a.jsonl", ASKED, within("in_template.jsonl", lambda root: list(surgvivqa.cases(root)), "surgvivqa")),
        "surgvivqa-rates": Reader("a.csv", b'"unique_video_name","age","fps","num_frames"\n"009-001",50,25,2000\n"009-002",50,25,2000\n', within("video_info.csv", lambda root: list(surgvivqa.cases(root)), "surgvivqa")),
        "endovis-vqa": Reader("a.txt", b"where is suction?|suction is at right-top\n", within("EndoVis-18-VQA/seq_5/vqa/Sentence/frame000_QA.txt", endovis_vqa.read)),
        "endovis-talk": Reader("a.json", [{**LLAVA[0], "image": "EndoVis-18/seq_5/left_frames/frame000.png"}], endovis_vqa.read),
        "endovis-labels": Reader("a.png", label_map(), lambda path: endovis_masks.labels(path, "a", (8, 6), None)),
        "endovis-scene": Reader("a.png", picture("PNG"), lambda path: endovis_masks.read(path, "a", (32, 24))),
        "columns-csv": Reader("a.csv", b"question_id,prompt,text\n1,Which?,access\n", columns.read),
        "columns-json": Reader("a.json", SAMPLES, columns.read),
        "columns-inspect": Reader("a.eval", inspected(), columns.read),
        "masks": Reader("a.jsonl", {"row_id": "a", "masks": {"hook": "44<"}}, drawn),
        "taught": Reader("a.json", TAUGHT, taught),
        "pseudonyms": Reader("who.json", {"salt": "00" * 32, "cases": {"a": "case-1"}, "files": {"a.mp4": "file-1.mp4"}}, hidden),
        "wav": Reader("a.wav", tone(), read_sound),
        "flac": Reader("a.flac", tone("flac"), read_sound),
        "mp4": Reader("a.mp4", film(".mp4"), shown),
        "mkv": Reader("a.mkv", film(".mkv"), shown),
        "avi": Reader("a.avi", film(".avi"), shown),
        "ts": Reader("a.ts", film(".ts"), shown),
        "flv": Reader("a.flv", film(".flv"), shown),
    }  # fmt: skip


def inspected() -> bytes:
    """A log of Inspect."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        sample = {
            "id": 1,
            "epoch": 1,
            "input": "Which?",
            "target": "a",
            "output": {"completion": "a"},
            "scores": {},
        }
        archive.writestr("samples/1_epoch_1.json", json.dumps(sample))
    return file.getvalue()


def workbook() -> bytes:
    """A workbook of two sheets."""
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["read me"])
    sheet = book.create_sheet("labels")
    for row in (["case", "label"], ["a", 1], ["b", 2.5]):
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def tone(kind: str = "wav") -> bytes:
    """A tenth of a second of sound."""
    import numpy as np
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(800) / 5).astype(np.float32), 8000, format=kind)
    return file.getvalue()


def read_predictions(path: Path) -> None:
    from surgvqa.eval.data.predictions import read

    read(path)


def label_map() -> bytes:
    import numpy as np
    from surgvqa.builders.configs.segmentation import encode_labels

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


def fuzz(name: str, seconds: int, options: list[str], kept: Path) -> None:
    """Fuzz a reader or a group of them, guided by coverage, for ``seconds`` of this process' CPU time; then it ends.

    Of a group the input's first byte says which reader gets the rest. What a reader raises is written into ``kept``
    once for every line of code that raised it, and the run goes on; the inputs that reach new code stay there, too.
    """
    import atheris

    # Everything is imported here: what a reader imports later would be run blind.
    with atheris.instrument_imports(include=["surgvqa"]):
        known = readers()
        import surgvqa.builders.sources.procedure
        import surgvqa.eval.data.predictions  # noqa: F401

    names = GROUPS.get(name, (name,))
    corpus = kept / f"corpus-{name}"
    corpus.mkdir(parents=True, exist_ok=True)
    for at, one in enumerate(names):
        (corpus / f"seed-{one}").write_bytes(bytes([at]) + known[one].data)
    text = b" ".join(known[one].data[:20_000] for one in names)
    words = {*re.findall(rb"[A-Za-z_]{2,}", text), *HOSTILE_WORDS}
    runs, until = 0, time.process_time() + seconds
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        words_file = Path(folder) / "words"
        words_file.write_text("".join(f'"{quoted(word)}"\n' for word in sorted(words)))

        def once(data: bytes) -> None:
            nonlocal runs
            one = names[data[0] % len(names)] if data else names[0]
            inside = work / one
            inside.mkdir(parents=True, exist_ok=True)
            before = time.process_time()
            try:
                attempt(known[one], data[1:], inside)
                broken = "" if time.process_time() - before < SLOW_S else f"more than {SLOW_S} s"
            except Exception as error:
                at = traceback.extract_tb(error.__traceback__)[-1]
                broken = f"{type(error).__name__} {Path(at.filename).name} {at.lineno}"
            if broken:
                file = kept / re.sub(r"[^A-Za-z0-9.-]+", "-", f"broken-{one}-{broken}")
                if not file.exists():
                    file.write_bytes(data[1:])
            runs += 1
            if time.process_time() > until:
                print(f"\nruns: {runs}", file=sys.stderr, flush=True)
                shutil.rmtree(folder)
                os._exit(0)

        atheris.Setup([name, *options, f"-dict={words_file}", str(corpus)], once)
        atheris.Fuzz()


LONGEST = 65_536  # bytes of an input
SLOW_S = 10  # seconds of CPU for an input of at most LONGEST bytes
MEDIA = ("mp4", "mkv", "avi", "ts", "flv", "wav", "flac")
PICTURES = ("jpeg", "png", "label-map", "labels-masks", "labels-mask-colours", "endovis-labels", "endovis-scene", "masks")  # fmt: skip
ANNOTATIONS = (
    "coco", "labelme", "labels-json", "labels-xml", "labels-csv", "labels-darwin", "labels-voc", "labels-cvat-video",
    "labels-studio-video", "labels-darwin-video", "labels-detections", "labels-yolo", "labels-yolo-names", "labels-mot",
    "labels-mot-sequence", "frames", "outlines", "cataract1k-masks",
)  # fmt: skip
TABLES = (
    "llava", "csv", "described-rows", "rows-without-header", "workbook", "phases", "tools", "pitvqa", "stretches", "yaml", "manifest", "sums", "predictions", "cataract1k-phases",
    "surgvivqa", "surgvivqa-rates", "endovis-vqa", "endovis-talk", "columns-csv", "columns-json", "columns-inspect", "taught",
    "pseudonyms",
)  # fmt: skip
GROUPS = {"annotations": ANNOTATIONS, "tables": TABLES, "pictures": PICTURES, "media": MEDIA}
HOSTILE_WORDS = (
    b"NaN", b"-Infinity", b"1e308", b"-1", b"0", b"null", b"{}", b"[]", b"\\ud800", b"../", b"\x00", b"\xff\xfe", b"99999999999",
)  # fmt: skip


def quoted(word: bytes) -> str:
    r"""A word as libFuzzer's dictionaries write it.

    >>> quoted(b'a"\xff')
    'a\\x22\\xff'
    """
    return "".join(chr(c) if 32 <= c < 127 and c not in b'"\\' else f"\\x{c:02x}" for c in word)


def main(argv: list[str]) -> int:
    """Fuzz readers or groups of them in turn, each in a process of its own; 1 where one broke."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="READER",
        help=f"readers or groups of them ({', '.join(GROUPS)}) [all groups]",
    )
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="of CPU time for each [60]")
    parser.add_argument(
        "--slice", type=int, default=300, metavar="N", help="seconds of CPU before the next one's turn [300]"
    )
    parser.add_argument(
        "--found", type=Path, default=Path("fuzzed"), metavar="DIR", help="for what breaks one"
    )
    asked = parser.parse_args(argv)
    names = asked.names or list(GROUPS)
    asked.found.mkdir(exist_ok=True)
    used, runs, edges = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    ended: list[str] = []
    print(f"{'readers':18} {'runs':>9} {'CPU s':>6} {'edges':>6}  broken")
    while waiting := [name for name in names if used[name] < asked.seconds]:
        for name in waiting:
            seconds = min(asked.slice, asked.seconds - int(used[name]))
            code, said, cpu = _slice(name, max(1, seconds), asked.found)
            runs[name] += int((re.findall(r"\nruns: (\d+)", said) or ["0"])[-1])
            edges[name] = int((re.findall(r"cov: (\d+)", said) or ["0"])[-1])
            used[name] += cpu
            if code or "\nruns: " not in said:
                ended.append(f"{name}: ended by itself with {code}")
                print(said[-3000:], file=sys.stderr)
            broken = len(list(asked.found.glob("broken-*")))
            print(f"{name:18} {runs[name]:9} {used[name]:6.0f} {edges[name]:6}  {broken or '-'}", flush=True)
            if cpu < 1:
                return 1  # it doesn't even start
    broken_ones = sorted(path.name for path in asked.found.glob("broken-*"))
    print(f"{'all':18} {sum(runs.values()):9} {sum(used.values()):6.0f}")
    print("\n".join([*ended, *broken_ones]) or "nothing broke")
    return bool(broken_ones or ended)


def _slice(name: str, seconds: int, found: Path) -> tuple[int, str, float]:
    """Fuzz for so long; returns the process' exit code, what it said and its seconds of CPU."""
    folders = [str(folder) for folder in Path(__file__).parents[:2]]
    options = [
        "-rss_limit_mb=2048",
        "-timeout=60",
        f"-max_len={LONGEST}",
        f"-artifact_prefix={found}/broken-{name}-",
    ]
    code = f"import fuzz_readers, pathlib; fuzz_readers.fuzz({name!r}, {seconds}, {options!r}, pathlib.Path({str(found)!r}))"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {folders!r}; {code}"],
        capture_output=True,
        text=True,
        errors="replace",
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return run.returncode, run.stderr, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.path[:0] = [str(folder) for folder in Path(__file__).parents[:2]]
    sys.exit(main(sys.argv[1:]))
