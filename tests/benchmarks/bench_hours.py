"""CPU time of a build without pixels of labels that come once a second, beside the time of the labels.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_hours.py [HOURS]

Cases of an hour, made up as Cholec80 writes them: seven phases, seven tools of which one comes or goes every twelve seconds.
Prints CPU seconds of a build (all informative kinds, one process) for each hour of labels, and what a hundred hours would
take. The bar is a minute for a hundred hours.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from surgvqa.builders.pipeline.build import build
from surgvqa.builders.settings.build import Build

TOOLS = ("Grasper", "Bipolar", "Hook", "Scissors", "Clipper", "Irrigator", "SpecimenBag")
PHASES = (
    "Preparation",
    "CalotTriangleDissection",
    "ClippingCutting",
    "GallbladderDissection",
    "GallbladderPackaging",
    "CleaningCoagulation",
    "GallbladderRetraction",
)
HOUR_S, RATE, CHANGES, BAR_S = 3600, 25, 0.08, 60.0


def write_labels(root: Path, hours: int) -> None:
    """Write the two files of each case."""
    draw = random.Random(0)
    for number in range(1, hours + 1):
        in_view: set[str] = set()
        tools, phases = ["\t".join(("Frame", *TOOLS))], ["Frame\tPhase"]
        for second in range(HOUR_S):
            if draw.random() < CHANGES:
                in_view ^= {draw.choice(TOOLS)}
            tools.append("\t".join((str(second * RATE), *(str(int(tool in in_view)) for tool in TOOLS))))
            phases.append(f"{second * RATE}\t{PHASES[second * len(PHASES) // HOUR_S]}")
        (root / f"video{number:02d}-tool.txt").write_text("\n".join(tools) + "\n")
        (root / f"video{number:02d}-phase.txt").write_text("\n".join(phases) + "\n")


def main(hours: int = 10) -> int:
    """Measure and print; 1 where a hundred hours would take longer than the bar."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "labels"
        root.mkdir()
        write_labels(root, hours)
        begin = time.process_time()
        build(
            Build(
                source="cholec80",
                root=root,
                out=Path(name) / "data",
                media="none",
                source_options={"protocol": "none"},
            )
        )
        each = (time.process_time() - begin) / hours
    whole = 100 * each
    print(
        f"{each:.2f} s of CPU an hour of labels; 100 h: {whole:.0f} s, {whole / BAR_S:.1f} times the bar of {BAR_S:.0f} s"
    )
    return int(whole > BAR_S)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
