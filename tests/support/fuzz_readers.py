"""Every reader and a sound file for it, to be broken: what fuzzing starts from.

`tests/builders/test_fuzz.py` draws damage with hypothesis, a second or two a reader. For longer, guided by coverage
(atheris; `make fuzz SECONDS=60` installs it), every reader or those that are named::

    python tests/support/fuzz_readers.py --seconds 60 coco mp4

prints a table, and exits 1 where a reader did anything but return or raise `InputError` with one line; the
input lies in the folder that is named then. A crash in C code, a hang and memory beyond 2 GB count, too.
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


def film(suffix: str) -> bytes:
    from conftest import write_video

    with tempfile.TemporaryDirectory() as folder:
        path = write_video(Path(folder) / f"v{suffix}", range(0, 1200, 40), options={"bf": "2", "g": "10"})
        return path.read_bytes()


def readers() -> dict[str, Reader]:
    """Every reader by its name."""
    from building import import_file
    from surgvqa.builders.annotations import outlines
    from surgvqa.builders.configs.segmentation import decode_labels
    from surgvqa.builders.files import tables
    from surgvqa.builders.files.pictures import decode_jpeg, read_picture
    from surgvqa.builders.frames import frame_labels, label_files
    from surgvqa.builders.privacy.pseudonyms import load as load_pseudonyms
    from surgvqa.builders.privacy.screen import read_stretches
    from surgvqa.builders.procedures import taxonomy as taxonomies
    from surgvqa.builders.source_files import endovis_masks, endovis_vqa
    from surgvqa.builders.source_files.pitvqa_files import BadFileError
    from surgvqa.builders.source_files.pitvqa_files import read as read_pitvqa
    from surgvqa.builders.sources import cataract1k, surgvivqa
    from surgvqa.builders.speech.sound import read_sound
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
            shutil.copyfile(path, root / place)
            read(root)

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
            run_segmentation.guessed(said, row)

    phases = "case_0901/case_0901_annotations_phases.csv"
    pictured = {**COCO, "images": [{**COCO["images"][0], "file_name": "case0901_02.png"}]}

    return {
        "coco": Reader("a.json", COCO, lambda path: outlines.coco(path, names)),
        "labelme": Reader("a.json", LABELME, lambda path: outlines.labelme(path, names)),
        "labels-json": Reader("a.json", STUDIO, lambda path: label_files.read(path, names)),
        "labels-xml": Reader("a.xml", CVAT, lambda path: label_files.read(path, names)),
        "labels-darwin": Reader("a.json", DARWIN, lambda path: label_files.read(path, names)),
        "labels-voc": Reader("a.xml", VOC, lambda path: label_files.read(path, names)),
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


def fuzz(name: str, seconds: int, options: list[str]) -> None:
    """Fuzz one reader, guided by coverage, for ``seconds`` of this process' CPU time; then the process ends."""
    import atheris

    # Everything is imported here: what a reader imports later would be run blind.
    with atheris.instrument_imports(include=["surgvqa"]):
        known = readers()
        import surgvqa.builders.sources.procedure
        import surgvqa.eval.data.predictions  # noqa: F401

    reader = known[name]
    with tempfile.TemporaryDirectory() as folder:
        corpus, work = Path(folder) / "corpus", Path(folder) / "work"
        corpus.mkdir()
        work.mkdir()
        (corpus / "seed").write_bytes(reader.data)
        words = {*re.findall(rb"[A-Za-z_]{2,}", reader.data[:20_000]), *HOSTILE_WORDS}
        words_file = Path(folder) / "words"
        words_file.write_text("".join(f'"{quoted(word)}"\n' for word in sorted(words)))
        runs, until = 0, time.process_time() + seconds

        def once(data: bytes) -> None:
            nonlocal runs
            attempt(reader, data, work)
            runs += 1
            if time.process_time() > until:
                print(f"\nruns: {runs}", file=sys.stderr, flush=True)
                shutil.rmtree(folder)
                os._exit(0)

        atheris.Setup([name, *options, f"-dict={words_file}", str(corpus)], once)
        atheris.Fuzz()


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
    """Fuzz readers one after the other, each in a process of its own; 1 where one broke."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="READER", help="readers [all]")
    parser.add_argument(
        "--seconds", type=int, default=60, metavar="N", help="of CPU time for each reader [60]"
    )
    parser.add_argument(
        "--found", type=Path, default=Path("fuzzed"), metavar="DIR", help="for what breaks one"
    )
    asked = parser.parse_args(argv)
    broken = []
    asked.found.mkdir(exist_ok=True)
    total_runs = total_cpu = 0.0
    print(f"{'reader':18} {'runs':>9} {'CPU s':>6} {'edges':>6}  crashes")
    for name in asked.names or readers():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        limits = ["-rss_limit_mb=2048", "-timeout=60"]
        code = f"import fuzz_readers; fuzz_readers.fuzz({name!r}, {asked.seconds}, {[*limits, f'-artifact_prefix={asked.found}/{name}-']!r})"
        run = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); {code}"],
            capture_output=True,
            text=True,
            errors="replace",
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        runs = int((re.findall(r"\nruns: (\d+)", run.stderr) or ["0"])[-1])
        edges = int((re.findall(r"cov: (\d+)", run.stderr) or ["0"])[-1])
        total_runs, total_cpu = total_runs + runs, total_cpu + cpu
        print(
            f"{name:18} {runs:9} {cpu:6.0f} {edges:6}  {'-' if run.returncode == 0 else run.returncode}",
            flush=True,
        )
        if run.returncode or not runs:
            broken.append(name)
            print(run.stderr[-3000:], file=sys.stderr)
    print(f"{'all':18} {total_runs:9.0f} {total_cpu:6.0f}")
    if broken:
        print(f"broken: {', '.join(broken)}; what broke them lies in {asked.found}")
    return bool(broken)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main(sys.argv[1:]))
