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
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import av
import numpy as np
from PIL import Image, ImageOps
from surgvqa.eval.controls import altered_frames, keypoints, turned_frames
from surgvqa.eval.controls.turned_frames import NEAR_BITS

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


BEYOND = {"cropped to 60 % a side", "cropped to 50 % a side"}  # shown, but not promised


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


@dataclass(frozen=True, slots=True)
class Original:
    """A frame as it lies there, and what it is found by."""

    operation: str
    image: Image.Image
    look: altered_frames.Look


def originals(root: Path) -> Iterator[Original]:
    """Yield all frames but black ones, which are not compared."""
    for operation, image in frames(root):
        if (look := altered_frames.look(jpeg(image, 90))) is not None:
            yield Original(operation, image, look)


@dataclass(slots=True)
class Tally:
    """What one alteration came to."""

    right: list[tuple[bool, bool]] = field(default_factory=list)  # found by the turned hash, by points
    false: list[str] = field(default_factory=list)
    pairs: int = 0  # of two operations
    describe_s: float = 0.0
    search_s: float = 0.0


def tally(shown: Sequence[Original], alter: Alter, draw: Random) -> Tally:
    """Alter each frame, and look for it among all originals."""
    upright = np.array([own.look.turned[0] for own in shown])
    index = keypoints.Index([own.look.points for own in shown if own.look.points is not None])
    operations = np.array([own.operation for own in shown])
    result = Tally()
    for own in shown:
        image = alter(own.image, draw)
        image.thumbnail((448, 448))
        content = jpeg(image, 60)
        start = time.process_time()
        look = altered_frames.look(content)
        middle = time.process_time()
        if look is None or look.points is None:
            result.right.append((False, False))
            continue
        turned = turned_frames.bits_apart(upright, look.turned) <= NEAR_BITS
        matches = list(index.matches(look.points))
        result.describe_s += middle - start
        result.search_s += time.process_time() - middle
        other = operations != own.operation
        same = [match for match in matches if not other[match.frame]]
        result.right.append((bool((turned & ~other).any()), bool(same)))
        result.pairs += int(other.sum())
        result.false += [
            f"{own.operation} as {operations[at]} by the turned hash" for at in np.flatnonzero(turned & other)
        ]
        result.false += [
            f"{own.operation} as {operations[match.frame]} by {match.points} points"
            for match in matches
            if other[match.frame]
        ]
    return result


def main(words: Sequence[str]) -> int:
    """Print recall by alteration, false pairs, and CPU time a frame; exit code 1 where a bar is missed."""
    shown = list(originals(Path(words[0])))
    print("| frame | turned hash | points | either |\n|---|---:|---:|---:|")
    tallies, failed = [], False
    for number, (name, alter) in enumerate(ALTERATIONS.items()):
        own = tally(shown, alter, Random(number))
        tallies.append(own)
        right = np.array(own.right)
        either = float(right.any(axis=1).mean())
        failed |= either < 0.95 and name not in BEYOND
        turned, points = right.mean(axis=0)
        print(f"| {name} | {turned:.1%} | {points:.1%} | {either:.1%} |", flush=True)
    pairs, false = sum(own.pairs for own in tallies), [one for own in tallies for one in own.false]
    count = len(shown) * len(tallies)
    operations = len({own.operation for own in shown})
    print(
        f"\n{len(shown):,} frames of {operations} operations; {len(false)} false of {pairs:,} pairs of two operations."
    )
    print(*sorted(set(false))[:40], sep="\n")
    print(
        f"CPU a frame: {1000 * sum(own.describe_s for own in tallies) / count:.1f} ms to describe it, "
        f"{1000 * sum(own.search_s for own in tallies) / count:.1f} ms to look for it among {len(shown):,}."
    )
    return int(failed or len(false) >= pairs / 1e6)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
