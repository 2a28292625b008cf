"""CPU time of builds and readers as a picture, from what ``bench_build.py --json FILE`` appended.

    python tests/benchmarks/plot_builds.py tests/benchmarks/builds.jsonl tests/benchmarks/builds.svg

A panel per measure, a group of bars per stream, CPU seconds per hour of video on a logarithmic axis.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

TITLES = {
    "reencode": "A build against cutting every clip",
    "null": "A build against a plain decode",
    "decoders": "Ten frames a clip as arrays, nothing else",
}
COLOURS = {
    "ours": "#0b7a75", "ffmpeg -f null": "#9aa5b1", "torchcodec": "#d98e04", "decord": "#b23a48",
    "cut, re-encode, decord": "#b23a48",
}  # fmt: skip


def main(results: Path, picture: Path) -> None:
    """Draw the last result of every measure and stream."""
    rows = [json.loads(line) for line in results.read_text("utf-8").splitlines()]
    last = {(row["measure"], row["stream"]): row for row in rows if row["measure"] in TITLES}
    shown = [measure for measure in TITLES if any(key[0] == measure for key in last)]
    matplotlib.rcParams["svg.hashsalt"] = "surgvqa"  # the same figures give the same bytes
    counts = [sum(name == measure for name, _ in last) for measure in shown]
    figure, panels = pyplot.subplots(
        1, len(shown), figsize=(2 + 1.3 * sum(counts), 3.6), width_ratios=[0.6 + one for one in counts], squeeze=False, sharey=True
    )  # fmt: skip
    for panel, measure in zip(panels[0], shown, strict=True):
        streams = [stream for name, stream in last if name == measure]
        arms = list(last[measure, streams[0]]["cpu_s_per_hour"])
        for number, arm in enumerate(arms):
            heights = [last[measure, stream]["cpu_s_per_hour"][arm] for stream in streams]
            places = [at + 0.8 * ((number + 0.5) / len(arms) - 0.5) for at in range(len(streams))]
            bars = panel.bar(places, heights, 0.76 / len(arms), label=arm, color=COLOURS[arm])
            panel.bar_label(bars, [f"{height:.0f}" for height in heights], fontsize=7)
        panel.set_xticks(range(len(streams)), [stream.replace(", ", ",\n") for stream in streams], fontsize=8)
        panel.set_title(TITLES[measure], fontsize=10)
        panel.set_yscale("log")
        panel.margins(y=0.15)
        panel.legend(fontsize=7, frameon=False)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0][0].set_ylabel("CPU seconds per hour of video")
    figure.tight_layout()
    figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
