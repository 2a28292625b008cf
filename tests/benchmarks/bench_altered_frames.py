"""How surely a frame is found again that was cropped, padded, mirrored or turned, and how often another is taken for it.

    python tests/benchmarks/bench_altered_frames.py ../shared/realdata > altered.md

Frames of real operations, as files lie there and from two videos, each 0.2 s or more from the next of its video. Every
altered frame is also made smaller (at most 448 pixels) and encoded again (JPEG, quality 60). A pair is false where the
altered frame is of another operation than the one it is taken for.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import av
import numpy as np
from PIL import Image, ImageOps
from surgvqa.builders.cases.leakage import NEAR_BITS, perceptual_hash
from surgvqa.eval.controls import keypoints, turned_frames

Alter = Callable[[Image.Image, Random], Image.Image]
FILES = {
    "Endoscapes": ("endoscapes_seg50/REAL/*.jpg", lambda path: path.name.split("_")[0]),
    "Cataract-1K": ("cataract1k_frames_masks/**/images/*.png", lambda path: path.name.split("_")[0]),
    "cataract": ("cataract_frames/**/*.[jp][pn]g", lambda path: path.parent.name),
    "CholecInstanceSeg": ("cholec_instance_seg/**/img_dir/*.png", lambda path: "VID03"),
    "CholecT50": ("cholect50_val/videos/*/*.png", lambda path: path.parent.name),
    "SurgVU": ("surgvu25_sample/**/*.jpg", lambda path: path.parent.name),
    "EndoVis 2017": ("endovis17_roboseg/**/Images/*.[jp][pn]g", lambda path: path.name),
}
VIDEOS = {"Cholec80": "cholec80_clips/**/*.mp4", "laparoscopy": "laparoscopy_clip/**/*.mp4"}


def cropped(side: float) -> Alter:
    """Keep a part of the width and of the height, anywhere."""

    def alter(image: Image.Image, draw: Random) -> Image.Image:
        width, height = image.size
        left, top = draw.uniform(0, 1 - side) * width, draw.uniform(0, 1 - side) * height
        return image.crop((int(left), int(top), int(left + side * width), int(top + side * height)))

    return alter


def padded(image: Image.Image, draw: Random) -> Image.Image:
    """Put black or grey bars above and below, or left and right."""
    width, height = image.size
    size = (width, round(height * draw.uniform(1.1, 1.6)))
    if draw.random() < 0.5:
        size = (round(width * draw.uniform(1.1, 1.6)), height)
    return ImageOps.pad(image, size, color=draw.choice([(0, 0, 0), (114, 114, 114)]))


def turned(image: Image.Image, draw: Random) -> Image.Image:
    """Turn by 90, 180 or 270 degrees."""
    return image.rotate(draw.choice([90, 180, 270]), expand=True)


def tilted(image: Image.Image, draw: Random) -> Image.Image:
    """Turn by up to 30 degrees; black corners appear."""
    return image.rotate(draw.uniform(-30, 30), Image.Resampling.BICUBIC)


def mirrored(image: Image.Image, draw: Random) -> Image.Image:
    """Swap left and right, or top and bottom."""
    return ImageOps.mirror(image) if draw.random() < 0.5 else ImageOps.flip(image)


def cropped_and_mirrored(image: Image.Image, draw: Random) -> Image.Image:
    """Crop to 75 % a side, then mirror."""
    return mirrored(cropped(0.75)(image, draw), draw)


ALTERATIONS: dict[str, Alter] = {
    "smaller, encoded again": lambda image, draw: image,
    "cropped to 90 % a side": cropped(0.9),
    "cropped to 80 % a side": cropped(0.8),
    "cropped to 70 % a side": cropped(0.7),
    "cropped to 60 % a side": cropped(0.6),
    "cropped to 50 % a side": cropped(0.5),
    "black or grey bars": padded,
    "squeezed to a square": lambda image, draw: image.resize((336, 336)),
    "mirrored": mirrored,
    "turned by 90, 180 or 270 degrees": turned,
    "turned by up to 30 degrees": tilted,
    "cropped to 75 % a side and mirrored": cropped_and_mirrored,
}


def jpeg(image: Image.Image, quality: int) -> bytes:
    """Encode a picture."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def frames(root: Path) -> Iterator[tuple[str, Image.Image]]:
    """Yield each frame with the name of its operation."""
    for name, (pattern, operation) in FILES.items():
        for path in sorted(root.glob(pattern)):
            yield f"{name} {operation(path)}", Image.open(path).convert("RGB")
    for name, pattern in VIDEOS.items():
        for path in sorted(root.glob(pattern)):
            with av.open(str(path)) as video:
                for number, frame in enumerate(video.decode(video=0)):
                    if number % 5 == 0:
                        yield f"{name} {path.stem}", frame.to_image()


def main(words: Sequence[str]) -> int:
    """Print recall by alteration, false pairs, and CPU time a frame."""
    draw = Random(0)
    shown = []
    for operation, image in frames(Path(words[0])):
        original = jpeg(image, 90)
        if perceptual_hash(original) is not None:  # black screens are not compared
            shown.append((operation, image, original))
    operations = [operation for operation, _, _ in shown]
    begin = time.process_time()
    upright = np.array([turned_frames.turned_hashes(original)[0] for _, _, original in shown])
    middle = time.process_time()
    described = [keypoints.describe(original) for _, _, original in shown]
    end = time.process_time()
    index = keypoints.Index(described)
    hits: dict[str, list[tuple[bool, bool]]] = {}
    false: dict[str, list[str]] = {"turned": [], "points": []}
    pairs, spent = 0, 0.0
    for name, alter in ALTERATIONS.items():
        for operation, image, _ in shown:
            altered = alter(image, draw)
            altered.thumbnail((448, 448))
            content = jpeg(altered, 60)
            hashes, points = turned_frames.turned_hashes(content), keypoints.describe(content)
            start = time.process_time()
            closest, bits = turned_frames.nearest(upright, hashes)
            match = index.find(points)
            spent += time.process_time() - start
            by_turn, by_points = bits <= NEAR_BITS, match is not None
            if by_turn and operations[closest] != operation:
                false["turned"].append(f"{operation} as {operations[closest]}, {bits} bits")
            if match is not None and operations[match.frame] != operation:
                false["points"].append(f"{operation} as {operations[match.frame]}, {match.points} points")
            hits.setdefault(name, []).append(
                (
                    by_turn and operations[closest] == operation,
                    by_points and match is not None and operations[match.frame] == operation,
                )
            )
            pairs += len(operations) - operations.count(operation)
    print(f"{len(shown):,} frames of {len(set(operations))} operations, {pairs:,} pairs of two operations.\n")
    print("| frame | turned hash | points | either |\n|---|---:|---:|---:|")
    for name, found in hits.items():
        shares = np.array(found).mean(axis=0), np.array(found).any(axis=1).mean()
        print(f"| {name} | {shares[0][0]:.1%} | {shares[0][1]:.1%} | {shares[1]:.1%} |")
    print(f"\nFalse pairs: {len(false['turned'])} by the turned hash, {len(false['points'])} by points.")
    print(*sorted(set(false["turned"] + false["points"]))[:20], sep="\n")
    each = 1000 / len(shown)
    print(
        f"CPU a frame: {each * (middle - begin):.1f} ms turned hash, {each * (end - middle):.1f} ms points; "
        f"{each * spent / len(ALTERATIONS):.1f} ms to look for it among {len(shown):,} frames."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
