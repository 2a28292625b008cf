"""Reading every clip once: embedded JPEG frames against decord on cut clips. CPU time.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_epoch_read.py [ROUNDS]

224 x 224 at 60 frames a second, clips of 5 s, 10 frames of each; decord as one
calls it (with one thread it takes less CPU: the second figure).
Both from the file to RGB arrays. The
pictures are made to cost what 224 px cataract video does: about 7 kB as JPEG. A B A B, median of the rounds' ratios. Bar: 12 times less CPU.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import av
import cv2
import numpy as np
import simplejpeg
from datasets import Dataset, Image, List
from surgvqa.eval.data.dataset import without_decoding
from surgvqa.eval.data.row_media import decode
from surgvqa.eval.models.pixels import decode_all, evenly

CLIPS, SECONDS, RATE, FRAMES, BAR = 8, 5, 60, 10, 12.0


def pictures(clip: int) -> list[np.ndarray]:
    """Texture that drifts, with sensor noise."""
    random = np.random.default_rng(clip)
    blobs = random.integers(100, 160, (20, 20, 3), dtype=np.uint8)
    tissue = cv2.resize(blobs, (400, 400), interpolation=cv2.INTER_CUBIC)
    out = []
    for number in range(SECONDS * RATE):
        x, y = int(60 + 50 * np.sin(number / 40)), int(60 + 50 * np.cos(number / 55))
        noise = random.normal(0, 0.8, (224, 224, 3))  # a sensor's 3.7, averaged from 1024 x 768 down
        out.append(np.clip(np.rint(tissue[y : y + 224, x : x + 224] + noise), 0, 255).astype(np.uint8))
    return out


def write(path: Path, frames: list[np.ndarray]) -> None:
    """A cut clip, as ffmpeg makes it when told nothing else: x264, medium, crf 23."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 224, 224, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def main(rounds: int = 7) -> int:
    """Measure; 1 if the bar is missed."""
    import decord

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = evenly(SECONDS * RATE, FRAMES)
        rows = []
        for clip in range(CLIPS):
            frames = pictures(clip)
            write(folder / f"{clip}.mp4", frames)
            rows.append([simplejpeg.encode_jpeg(frames[i], quality=90) for i in chosen])
        made = Dataset.from_dict({"images": [[{"bytes": b, "path": None} for b in row] for row in rows]})
        made.cast_column("images", List(Image())).to_parquet(folder / "clips.parquet")
        data = without_decoding(Dataset.from_parquet(str(folder / "clips.parquet")))
        ratios, times = [], []
        for _ in range(rounds):
            spent = []
            for threads in (0, 1):
                begin = time.process_time()
                for clip in range(CLIPS):
                    reader = decord.VideoReader(str(folder / f"{clip}.mp4"), num_threads=threads)
                    theirs = reader.get_batch(chosen).asnumpy()
                spent.append(1000 * (time.process_time() - begin) / CLIPS)
            begin = time.process_time()
            for clip in range(CLIPS):
                ours = decode_all([image["bytes"] for image in data[clip]["images"]])
            spent.append(1000 * (time.process_time() - begin) / CLIPS)
            begin = time.process_time()
            for clip in range(CLIPS):
                stacked = np.stack([decode(image["bytes"]) for image in data[clip]["images"]])
            spent.append(1000 * (time.process_time() - begin) / CLIPS)
            assert (stacked == ours).all()
            assert theirs.shape == ours.shape and np.abs(theirs.astype(int) - ours).mean() < 12
            times.append(spent)
            ratios.append(spent[0] / spent[2])
    kilobytes = sum(len(picture) for row in rows for picture in row) / FRAMES / CLIPS / 1000
    ratio = statistics.median(ratios)
    cut, single, embedded, copied = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"{kilobytes:.1f} kB a frame; decord on cut clips {cut:.1f} ms a clip ({single:.1f} with one thread), "
        f"embedded frames {embedded:.2f} ms ({copied:.2f} decoded one by one and copied), ratio {ratio:.1f} ({min(ratios):.1f}-{max(ratios):.1f}, n={rounds}), "
        f"bar {BAR}"
    )
    return int(ratio < BAR)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
