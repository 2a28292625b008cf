"""How much planted text ``--cover-text`` covers on real frames, and how much else.

``python tests/benchmarks/bench_cover_text.py --realdata FOLDER [--rounds 2] [--finder ocr|strokes]`` plants two texts at
a time on frames of seven endoscopes and microscopes and prints a Markdown table: texts by kind, how many of them are
covered (95 % of their ink over all frames that show it), and how much of the picture beside them is black.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import planted_text
from surgvqa.builders.files.pictures import read_picture
from surgvqa.builders.privacy import burned_text, text_reader
from surgvqa.builders.video.decode import read_frames

STILLS = {  # below the folder of real data: a pattern of frames, of which every n-th is taken
    "cataract, 1920x1080": ("cataract_frames/**/*.jpg", 2),
    "da Vinci, 1280x720": ("surgvu25_sample/**/*.jpg", 5),
    "Cataract-1K, 1024x768": ("cataract1k_frames_masks/**/case5014*.png", 1),
    "Endoscapes, 854x480": ("endoscapes_seg50/**/*.jpg", 9),
    "CholecT50, 774x434": ("cholect50_val/videos/VID68/*.png", 5),
}
CLIPS = {"Cholec80, 854x480": "cholec80_clips/**/*.mp4", "laparoscopy, 1280x720": "laparoscopy_clip/**/*.mp4"}
# Text that the da Vinci's own console shows, with what PP-OCR adds around it: covered rightly.
CONSOLE = ((200, 10, 545, 48), (225, 660, 360, 720), (580, 660, 870, 720), (895, 680, 1075, 720))


def frames(root: Path, count: int) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yield (set, frames of one size) of every set that is there."""
    for name, (pattern, step) in STILLS.items():
        paths = sorted(path for path in root.glob(pattern) if not path.name.startswith("._"))[::step]
        pictures = [read_picture(path) for path in paths[:count]]
        if pictures:
            yield name, [one for one in pictures if one.shape == pictures[0].shape]
    for name, pattern in CLIPS.items():
        for path in sorted(root.glob(pattern))[:1]:
            yield name, [shot.image for shot in read_frames(path, [1.0 + i for i in range(count)])]


def main() -> None:
    """Print the table."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--realdata", type=Path, required=True)
    ask.add_argument("--rounds", type=int, default=1)
    ask.add_argument("--count", type=int, default=4, help="frames, a second apart")
    ask.add_argument("--finder", choices=("ocr", "strokes"), default="ocr")
    ask.add_argument("--seed", type=int, default=0)
    said = ask.parse_args()
    finder = text_reader.find if said.finder == "ocr" else burned_text.find
    shares: dict[str, list[float]] = defaultdict(list)
    beyond: list[float] = []
    plain: list[float] = []
    sets = list(frames(said.realdata, said.count))
    for index, (name, shown) in enumerate(tqdm(sets, desc="sets", disable=None)):
        own = CONSOLE if name.startswith("da Vinci") else ()
        empty = planted_text.painted(shown[0].shape, finder(shown)) & ~planted_text.painted(
            shown[0].shape, own
        )
        plain.append(float(empty.mean()))
        for number in range(said.rounds):
            for pair, kinds in enumerate(zip(planted_text.KINDS[::2], planted_text.KINDS[1::2], strict=True)):
                seed = ((said.seed * 100 + index) * 100 + number) * 100 + pair
                pictures, texts = planted_text.plant(shown, kinds, seed)
                covered = planted_text.painted(shown[0].shape, finder(pictures))
                known = planted_text.painted(
                    shown[0].shape, [box for text in texts for box in text.boxes] + [*own]
                )
                beyond.append(float((covered & ~known).mean()))
                for text in texts:
                    share = text.share(covered)
                    shares[text.kind].append(share)
                    if share < planted_text.HIDDEN:
                        print(
                            f"missed: {name}, {text.kind}, {text.size} px, {text.words!r}: {share:.0%}",
                            file=sys.stderr,
                        )
    report(shares, beyond, plain, [name for name, _ in sets])


def report(shares: dict[str, list[float]], beyond: list[float], plain: list[float], names: list[str]) -> None:
    """Print what was found by kind, and what else was covered."""
    everything = [share for found in shares.values() for share in found]
    print(
        f"On {len(names)} sets ({', '.join(names)}):\n\n| kind | texts | covered | ink covered |\n|---|--:|--:|--:|"
    )
    for kind, found in [*shares.items(), ("all", everything)]:
        hidden = np.mean([share >= planted_text.HIDDEN for share in found])
        print(f"| {kind} | {len(found)} | {hidden:.1%} | {np.mean(found):.1%} |")
    print(f"\nOf the picture beside the text: {np.mean(beyond):.2%} in the mean, {max(beyond):.2%} at most.")
    print(f"Of pictures without planted text: {np.mean(plain):.2%} in the mean, {max(plain):.2%} at most.")


if __name__ == "__main__":
    main()
