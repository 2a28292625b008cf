"""A build against what is usually done, in CPU time, memory and wall time, on generated recordings.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_build.py reencode null decoders memory workers \
        [--rounds 5] [--seconds 20] [--only STREAM …] [--json FILE]

- ``reencode``: ours against a cut of every clip with ffmpeg (libx264 as it comes) and a read of it with decord:
  the way it is usually done. 1024x768 and 224x224 at 60 frames a second. Bar: 20 times less CPU.
- ``null``: survey and shard (JPEG, Parquet, hashes) against ``ffmpeg -threads 1 -f null``, a plain decode of every
  frame. 60 fps with B-frames 0.70, 25 fps 0.85, 60 fps without B-frames 1.05.
- ``decoders``: the ten frames of every clip as arrays, nothing else, of recordings as they are: ours, torchcodec and
  decord (a reader per recording, indices of a clip at a time, one thread), beside ``ffmpeg -f null``. No bar.
- ``memory``: what a build of 1 and of 10 minutes adds to the imports: 300 MB, and 1.1 times as much.
- ``workers``: wall time of `surgvqa-build` on 4 cases of 10 minutes with 1 and with 2 workers: 1.8 times. Needs two
  idle cores.

Pictures: drifting texture, a moving tool, sensor noise, a cut; 85 % of each recording lies in phases, 5 s clips of
10 frames. ``--json`` appends a line per result, which ``plot_builds.py`` draws. CPU time is user and system of this process and of what it starts, A B A B, medians of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
from building import build
from surgvqa.builders.settings.build import Build
from surgvqa.builders.shards.job import Options
from surgvqa.builders.shards.survey import survey
from surgvqa.builders.shards.write import build_shard, code_version
from surgvqa.builders.sources import procedure
from surgvqa.builders.video.decode import iterate_frames

CLIP_S, FRAMES, COVERED = 5.0, 10, 0.85
OPTIONS = Options(CLIP_S, FRAMES, "frames", 512)
TAXONOMY = "procedure: bench\nphases: [access, dissection]\n"
# name: size, rate, x264's options, bar of `null`
STREAMS = {
    "60 fps, B-frames": ((1024, 768), 60, {"g": "250", "preset": "fast"}, 0.70),
    "25 fps, B-frames": ((1024, 768), 25, {"g": "250", "preset": "fast"}, 0.85),
    "60 fps, no B-frames": ((1024, 768), 60, {"g": "250", "preset": "fast", "bf": "0"}, 1.05),
    "224 px, 60 fps": ((224, 224), 60, {"g": "250", "preset": "fast"}, None),
}
ONLY: list[str] = []  # streams that are measured, where not all are
RESULTS: list[dict[str, object]] = []  # one of every line that is printed about CPU time


def render(path: Path, size: tuple[int, int], rate: int, options: dict[str, str], seconds: float) -> float:
    """A recording; returns the share of its frames that no other refers to."""
    random = np.random.default_rng(0)
    width, height = size
    # Two scenes of texture with a border to drift in, and noise of which another part is seen in every frame.
    scenes = [
        cv2.resize(random.integers(60, 180, (24, 32, 3), dtype=np.uint8), (width + 64, height + 64), interpolation=cv2.INTER_CUBIC)
        for _ in range(2)
    ]  # fmt: skip
    noise = random.normal(0, 3.0 if width > 500 else 0.8, (height + 64, width + 64, 1)).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"threads": "1", "crf": "23", **options})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(int(seconds * rate)):
            t = number / rate
            x, y = int(32 + 30 * np.sin(t * 0.7)), int(32 + 30 * np.cos(t * 0.5))
            picture = scenes[int(t) // 23 % 2][y : y + height, x : x + width].astype(np.int16)
            dx, dy = random.integers(0, 64, 2)
            picture = np.clip(picture + noise[dy : dy + height, dx : dx + width], 0, 255).astype(np.uint8)
            tip = (int(width * (0.5 + 0.3 * np.sin(t))), int(height * (0.5 + 0.2 * np.cos(1.3 * t))))
            cv2.line(picture, (0, height // 3), tip, (200, 200, 205), max(2, width // 60))
            cv2.circle(picture, (width // 2, height // 2), width // 12, (20, 15, 15), -1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        slices = [kind for packet in container.demux(video=0) for kind in importance(bytes(packet))]
    return slices.count(0) / len(slices)


def importance(packet: bytes) -> list[int]:
    """nal_ref_idc of a packet's slices (H.264 in MP4): 0 where no other frame refers to it."""
    found, at = [], 0
    while at + 5 <= len(packet):
        if packet[at + 4] & 31 in (1, 5):
            found.append(packet[at + 4] >> 5 & 3)
        at += 4 + int.from_bytes(packet[at : at + 4])
    return found[:1]


def longer(source: Path, path: Path, times: int) -> None:
    """A recording of ``times`` times the length: its packets again and again, with later times."""
    with av.open(str(path), "w") as out, av.open(str(source)) as first:
        stream = out.add_stream_from_template(first.streams.video[0])
        length = first.streams.video[0].duration
        for turn in range(times):
            with av.open(str(source)) as again:
                for packet in again.demux(video=0):
                    if packet.size:
                        packet.pts += turn * length
                        packet.dts += turn * length
                        packet.stream = stream
                        out.mux(packet)


def tree(folder: Path, videos: dict[str, Path], seconds: float) -> Path:
    """A source's folder around recordings."""
    (folder / "videos").mkdir(parents=True)
    rows = []
    for case, video in videos.items():
        (folder / "videos" / f"{case}.mp4").hardlink_to(video)
        end, at = COVERED * seconds, 0.0
        while at < end - 1:
            step = min(17.0, end - at)
            rows.append(f"{case},{('access', 'dissection')[len(rows) % 2]},{at:.3f},{at + step:.3f}")
            at += step
    (folder / "phases.csv").write_text("case,phase,start,end\n" + "\n".join(rows) + "\n")
    (folder / "procedure.yaml").write_text(TAXONOMY)
    return folder


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of a function and the processes it starts."""

    def spent() -> float:
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in usages)

    before = spent()
    work()
    return spent() - before


def shard(root: Path, out: Path) -> None:
    """All that a build does for each of its cases, without what it does once: splits, report, card."""
    from surgvqa.builders.pipeline.prepare import plan

    surveys = {case.case_id: survey(case, root, OPTIONS) for case in procedure.cases(root)}  # type: ignore[arg-type]
    code = code_version()
    config = Build(source="procedure", root=root, out=out, validation=0.0, test=0.0)
    for job in plan(surveys, OPTIONS, config):
        build_shard(job, job.key(code, surveys[job.case.case_id].digests), out)


def whole_build(root: Path, out: Path, workers: int = 0) -> None:
    """A build, from the source's folder to the card."""
    build(
        "procedure", root, out, clip_seconds=CLIP_S, frames=FRAMES, workers=workers, validation=0.0, test=0.0
    )


def usual(video: Path, seconds: float, folder: Path) -> None:
    """Every clip cut with ffmpeg, encoded again, and ten frames of it read with decord."""
    import decord

    for number in range(int(COVERED * seconds / CLIP_S)):
        clip = folder / f"{number}.mp4"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-ss", str(number * CLIP_S), "-i", str(video), "-t", str(CLIP_S),
             "-c:v", "libx264", "-an", str(clip)],
            check=True,
        )  # fmt: skip
        reader = decord.VideoReader(str(clip))
        reader.get_batch(np.linspace(0, len(reader) - 1, FRAMES).round().astype(int).tolist()).asnumpy()


def compare(
    ours: Callable[[Path], object], theirs: Callable[[Path], object], rounds: int
) -> list[tuple[float, float]]:
    """(ours, theirs) in CPU seconds, in turn, each in an empty folder."""
    found = []
    for _ in range(rounds):
        pair = []
        for work in (ours, theirs):
            with tempfile.TemporaryDirectory() as folder:
                pair.append(cpu_s(lambda work=work, folder=folder: work(Path(folder))))
        found.append((pair[0], pair[1]))
    return found


def said(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} [{min(ratios):.2f}-{max(ratios):.2f}] n={len(ratios)}"


def reencode(work: Path, seconds: float, rounds: int) -> bool:
    """Ours against cutting and encoding again."""
    good = True
    for name in ("60 fps, B-frames", "224 px, 60 fps"):
        if ONLY and name not in ONLY:
            continue
        size, rate, options, _ = STREAMS[name]
        # Small pictures in a few seconds would measure what a build does once per recording: a fifth of what 20 s cost.
        length = seconds if size[0] > 500 else 6 * seconds
        video = work / f"r{size[0]}.mp4"
        render(video, size, rate, options, length)
        root = tree(work / f"root{size[0]}", {"a": video}, length)
        pairs = compare(
            lambda out, root=root: shard(root, out),
            lambda out, v=video, s=length: usual(v, s, out),
            rounds,
        )
        ratios = [theirs / ours for ours, theirs in pairs]
        good &= statistics.median(ratios) >= 20
        per_hour = [3600 / length * statistics.median(one) for one in zip(*pairs, strict=True)]
        RESULTS.append({"measure": "reencode", "stream": name, "rounds": rounds, "seconds": length, "cpu_s_per_hour": {"ours": per_hour[0], "cut, re-encode, decord": per_hour[1]}})  # fmt: skip
        print(f"reencode, {name}: {said(ratios)} times less CPU (bar 20); CPU-s per hour of video: ours {per_hour[0]:.0f}, theirs {per_hour[1]:.0f}", flush=True)  # fmt: skip
    return good


def null(work: Path, seconds: float, rounds: int) -> bool:
    """Ours against a plain decode."""
    good = True
    for number, (name, (size, rate, options, bar)) in enumerate(STREAMS.items()):
        if bar is None or (ONLY and name not in ONLY):
            continue
        video = work / f"n{number}.mp4"
        unreferenced = render(video, size, rate, options, seconds)
        root = tree(work / f"null{number}", {"a": video}, seconds)
        plain = ["ffmpeg", "-v", "error", "-threads", "1", "-i", str(video), "-f", "null", "-"]
        pairs = compare(
            lambda out, root=root: shard(root, out),
            lambda _, run=plain: subprocess.run(run, check=True),
            rounds,
        )
        ratios = [ours / theirs for ours, theirs in pairs]
        good &= statistics.median(ratios) <= bar
        per_hour = [3600 / seconds * statistics.median(one) for one in zip(*pairs, strict=True)]
        RESULTS.append({"measure": "null", "stream": name, "rounds": rounds, "cpu_s_per_hour": {"ours": per_hour[0], "ffmpeg -f null": per_hour[1]}})  # fmt: skip
        print(f"null, {name} ({unreferenced:.0%} of frames unreferenced): {said(ratios)} of a plain decode (bar {bar}); CPU-s per hour: ours {per_hour[0]:.0f}, ffmpeg {per_hour[1]:.0f}", flush=True)  # fmt: skip
    return good


def clips_s(seconds: float) -> list[list[float]]:
    """The seconds of every clip's frames, from the start of its recording."""
    starts = [CLIP_S * number for number in range(int(COVERED * seconds / CLIP_S))]
    return [[start + CLIP_S * i / FRAMES for i in range(FRAMES)] for start in starts]


def by_us(video: Path, seconds: float, rate: int) -> int:
    """Our reader, without anything that a build does with the frames."""
    times = [at for clip in clips_s(seconds) for at in clip]
    return sum(shot.image.shape[2] for shot in iterate_frames(video, times)) // 3


def by_decord(video: Path, seconds: float, rate: int) -> int:
    """decord, a reader for the recording."""
    import decord

    reader = decord.VideoReader(str(video), num_threads=1)
    return sum(
        len(reader.get_batch([round(at * rate) for at in clip]).asnumpy()) for clip in clips_s(seconds)
    )


def by_torchcodec(video: Path, seconds: float, rate: int) -> int:
    """torchcodec, a decoder for the recording."""
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(str(video), num_ffmpeg_threads=1)
    return sum(
        len(decoder.get_frames_at([round(at * rate) for at in clip]).data.numpy())
        for clip in clips_s(seconds)
    )


def by_ffmpeg(video: Path, seconds: float, rate: int) -> int:
    """A plain decode of every frame, kept nowhere."""
    subprocess.run(
        ["ffmpeg", "-v", "error", "-threads", "1", "-i", str(video), "-f", "null", "-"], check=True
    )
    return FRAMES * len(clips_s(seconds))


READERS = {"ours": by_us, "torchcodec": by_torchcodec, "decord": by_decord, "ffmpeg -f null": by_ffmpeg}


def decoders(work: Path, seconds: float, rounds: int) -> bool:
    """Frames as arrays, by each reader in turn."""
    for number, (name, (size, rate, options, _)) in enumerate(STREAMS.items()):
        if ONLY and name not in ONLY:
            continue
        video = work / f"d{number}.mp4"
        render(video, size, rate, options, seconds)
        spent: dict[str, list[float]] = {arm: [] for arm in READERS}
        for turn in range(rounds + 1):  # the first one imports
            for arm, read in READERS.items():
                counts: list[int] = []
                cost = cpu_s(lambda read=read, video=video, rate=rate, counts=counts: counts.append(read(video, seconds, rate)))  # fmt: skip
                assert counts == [FRAMES * len(clips_s(seconds))], (arm, counts)
                spent[arm] += [cost] if turn else []
        hour = {arm: 3600 / seconds * statistics.median(costs) for arm, costs in spent.items()}
        RESULTS.append({"measure": "decoders", "stream": name, "rounds": rounds, "cpu_s_per_hour": hour})
        for arm in ("torchcodec", "decord"):
            ratios = [theirs / ours for ours, theirs in zip(spent["ours"], spent[arm], strict=True)]
            print(f"decoders, {name}: {said(ratios)} times less CPU than {arm}; CPU-s per hour: ours {hour['ours']:.0f}, {arm} {hour[arm]:.0f}, ffmpeg -f null {hour['ffmpeg -f null']:.0f}", flush=True)  # fmt: skip
    return True


def memory(work: Path, seconds: float, rounds: int) -> bool:
    """What builds of 1 and 10 minutes need beside the imports; each in a process of its own."""
    size, rate, options, _ = STREAMS["60 fps, B-frames"]
    short = work / "short.mp4"
    render(short, size, rate, options, 20)
    peaks = {}
    for minutes in (1, 10):
        video = work / f"{minutes}min.mp4"
        longer(short, video, 3 * minutes)
        root = tree(work / f"memory{minutes}", {"a": video}, 60 * minutes)
        done = subprocess.run(
            [sys.executable, __file__, "--peak", str(root), str(work / f"out{minutes}")],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks[minutes] = json.loads(done.stdout.splitlines()[-1])
    over = {minutes: peak["peak"] - peak["imports"] for minutes, peak in peaks.items()}
    growth = peaks[10]["peak"] / peaks[1]["peak"]
    print(f"memory: imports {peaks[1]['imports']:.0f} MB; 1 minute {over[1]:.0f}, 10 minutes {over[10]:.0f} MB over them (bar 300); whole process {growth:.3f} times as much (bar 1.1)", flush=True)  # fmt: skip
    return max(over.values()) <= 300 and growth <= 1.1


def peak(root: Path, out: Path) -> None:
    """Print the memory after the imports and the most of a build, MB."""
    imports = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
    whole_build(root, out)
    # Not ru_maxrss: a child inherits that of the process that started it.
    most = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"imports": imports, "peak": most}))


def busy_s() -> float:
    """Seconds that all cores together have been busy: far more in one round than in another, and it wasn't alone."""
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def workers(work: Path, seconds: float, rounds: int) -> bool:
    """Wall time with one and two workers."""
    size, rate, options, _ = STREAMS["25 fps, B-frames"]
    short, whole = work / "wshort.mp4", work / "w.mp4"
    render(short, size, rate, options, 20)
    longer(short, whole, 30)
    root = tree(work / "workers", dict.fromkeys("abcd", whole), 600)
    ratios = []
    for number in range(rounds):
        walls = []
        for count in (1, 2):
            out = work / f"out{number}-{count}"
            line = f"procedure --root {root} --out {out} --clip-seconds {CLIP_S} --frames {FRAMES} --workers {count}"
            line += " --validation 0 --test 0"  # the four are one recording: in two splits they would leak
            begin, busy = time.monotonic(), busy_s()
            subprocess.run([sys.executable, "-m", "surgvqa.builders", *line.split()], check=True)
            walls.append(time.monotonic() - begin)
            print(f"{count} workers: {walls[-1]:.1f} s; all cores together were busy for {busy_s() - busy:.1f} s", flush=True)  # fmt: skip
            shutil.rmtree(out)
        ratios.append(walls[0] / walls[1])
    print(f"workers: {said(ratios)} times faster with two (bar 1.8)", flush=True)
    return statistics.median(ratios) >= 1.8


MEASURES = {"reencode": reencode, "null": null, "decoders": decoders, "memory": memory, "workers": workers}


def main() -> int:
    """Measure what is asked for; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", default=[], metavar="|".join(MEASURES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument(
        "--only", nargs="+", default=[], choices=STREAMS, metavar="STREAM", help="not every stream"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="append results, a line each")
    parser.add_argument("--peak", nargs=2, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        peak(*args.peak)
        return 0
    ONLY.extend(args.only)
    good = True
    for what in args.what or MEASURES:
        with tempfile.TemporaryDirectory() as folder:
            good &= MEASURES[what](Path(folder), args.seconds, args.rounds)
        if args.json:
            with args.json.open("a") as file:
                file.writelines(json.dumps({"seconds": args.seconds, **one}) + "\n" for one in RESULTS)
            RESULTS.clear()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
