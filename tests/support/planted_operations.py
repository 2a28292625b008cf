"""Operations with a name everywhere a name can be, and what of it survives in an output."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

NAME, NUMBER, BORN = "DOE_John", "MRN123456", "19610412"
CASES = (f"{NAME}_{NUMBER}", "ROE_Jane_7731942", "MOE_Richard_1961")
SECRETS = (
    b"DOE",
    b"John",
    b"MRN123456",
    b"ROE_Jane",
    b"7731942",
    b"MOE_Richard",
    b"19610412",
    b"theatre3",
    b"Dr Who",
)


def moving(number: int, words: str = "", outside: bool = False, case: int = 0) -> np.ndarray:
    """160 x 96 of red tissue that moves, or of blue drapes; ``words`` burned in at the top left."""
    rng = np.random.default_rng([case, number])
    tint = (60, 90, 140) if outside else (190, 70, 60)
    noise = rng.integers(-40, 41, (12, 20, 1)).repeat(8, 0).repeat(8, 1)
    picture = np.clip(np.array(tint) + noise, 0, 255).astype(np.uint8)
    if words:
        shown = Image.fromarray(picture)
        ImageDraw.Draw(shown).text((4, 4), words, fill=(255, 255, 255), stroke_width=1, stroke_fill=(0, 0, 0))
        picture = np.asarray(shown)
    return picture


ASS = b"""[Script Info]
ScriptType: v4.00+
[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def film(path: Path, words: str = "", outside: tuple[int, int] = (0, 0), seconds: int = 20) -> Path:
    """A video at 5 fps with every kind of tag and track that can carry a name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata.update(
            {
                "title": f"DOE^John {NUMBER}",
                "comment": "theatre3",
                "artist": "Dr Who",
                "creation_time": "1961-04-12",
                "PatientName": "DOE^John",
                "location": "+48.2/+16.3/",
            }
        )
        stream = container.add_stream("libx264", rate=5, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.metadata["handler_name"] = f"Camera of {NAME}"
        sound = container.add_stream("aac", 8000)
        spoken = container.add_stream("mov_text")
        spoken.codec_context.subtitle_header = ASS
        spoken.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for number in range(seconds * 5):
            away = outside[0] <= number / 5 < outside[1]
            frame = av.VideoFrame.from_ndarray(moving(number, words, away, len(path.stem)), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 5)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        tone.sample_rate = 8000
        container.mux(sound.encode(tone))
        container.mux(sound.encode(None))
        said = f"patient {NAME}".encode()
        packet = av.Packet(len(said).to_bytes(2) + said)
        packet.stream, packet.pts, packet.dts, packet.duration, packet.time_base = (
            spoken,
            0,
            0,
            900,
            Fraction(1, 1000),
        )
        container.mux(packet)
    return path


TAXONOMY = """
procedure: planted
title: a planted operation
phases: [access, dissection, closure]
anatomy: [liver]
instruments: [hook, grasper]
"""


def plant(folder: Path) -> Path:
    """Two operations with videos, one with stills; names everywhere a name can be."""
    root = folder / f"{NAME}_{BORN}"
    for case in CASES[:2]:
        film(root / "videos" / f"{case}.mp4", f"{NAME} {NUMBER}", (10, 15) if case == CASES[1] else (0, 0))
    (root / "frames" / CASES[2]).mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0132], exif[0x013B] = "1961:04:12 10:31:00", f"{NAME} in theatre3"
    for number in range(20):
        Image.fromarray(moving(number, case=99)).save(
            root / "frames" / CASES[2] / f"{NAME}_{number:04d}.jpg", exif=exif, comment=b"Dr Who", quality=95
        )
    (root / "procedure.yaml").write_text(TAXONOMY)
    phases = [
        (case, phase, start)
        for case in CASES
        for start, phase in ((0, "access"), (5, "dissection"), (10, "closure"))
    ]
    (root / "phases.csv").write_text(
        "case,phase,start,end,patient,born\n"
        + "".join(f"{case},{phase},{start},{start + (5 if start < 10 else 10)},{NAME},{BORN}\n" for case, phase, start in phases)
    )  # fmt: skip
    (root / "tools.csv").write_text(
        "case,time,hook,grasper,liver\n"
        + "".join(f"{case},{t},{t % 2},1,1\n" for case in CASES for t in range(1, 19, 3))
    )
    square = [[20, 40, 60, 40, 60, 80, 20, 80]]
    for case in CASES[:2]:
        outlines = {
            "images": [{"id": t, "file_name": f"{NAME}_{t:04d}.jpg", "width": 160, "height": 96} for t in (4, 12)],
            "categories": [{"id": 1, "name": "hook"}],
            "annotations": [
                {"id": t, "image_id": t, "category_id": 1, "bbox": [20, 40, 40, 40], "area": 1600, "segmentation": square}
                for t in (4, 12)
            ],
            "info": {"contributor": f"{NAME} {NUMBER}", "date_created": "1961-04-12"},
        }  # fmt: skip
        (root / "annotations").mkdir(exist_ok=True)
        (root / "annotations" / f"{case}.json").write_text(json.dumps(outlines))
    return root


def everything(out: Path) -> dict[str, bytes]:
    """Every file's bytes, and what its tables hold once they are unpacked."""
    found = {}
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        data = path.name.encode() + path.read_bytes()
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            data += repr(table.schema.metadata).encode() + repr(table.to_pylist()).encode()
        found[path.relative_to(out).as_posix()] = data
    return found


def survivors(out: Path) -> list[tuple[str, bytes]]:
    return [(name, word) for name, data in everything(out).items() for word in SECRETS if word in data]


def options(root: Path, out: Path, *more: str) -> list[str]:
    words = ["procedure", "--root", str(root), "--out", str(out), "--image-rate", "1", "--workers", "0"]
    return [*words, *more]
