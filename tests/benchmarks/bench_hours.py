"""CPU time of a build without pixels of labels that come once a second, beside the time of the labels.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_hours.py [HOURS]

Cases of an hour, made up as Cholec80 writes them: seven phases, seven tools of which one comes or goes every twelve seconds.
Prints CPU seconds of a build (all informative kinds, one process) for each hour of labels, and what a hundred hours would
take: of Cholec80, whose labels may be seconds off and whose clips are long, and of the same labels taken to the second, in
clips of 5 s. The bar is a minute for a hundred hours.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from surgvqa.builders import sources
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


def to_the_second(root: Path) -> Path:
    """Write Cholec80's description with labels that are right to the second."""
    shipped = (Path(sources.__file__).parent / "cholec80.yaml").read_text()
    description = root / "sure80.yaml"
    description.write_text(
        "".join(line for line in shipped.splitlines(keepends=True) if "moment_error_s" not in line)
    )
    return description


def seconds_of_100h(source: str, labels: Path, out: Path, hours: int) -> float:
    """Build and return the CPU seconds that a hundred hours would take."""
    begin = time.process_time()
    options = {"protocol": "none"}
    build(Build(source=source, root=labels, out=out, media="none", source_options=options))
    return 100 * (time.process_time() - begin) / hours


def main(hours: int = 10) -> int:
    """Measure and print; 1 where a hundred hours would take longer than the bar."""
    with tempfile.TemporaryDirectory() as name:
        labels = Path(name) / "labels"
        labels.mkdir()
        write_labels(labels, hours)
        first = Path(name) / "first"
        first.mkdir()
        write_labels(first, 3)
        seconds_of_100h(
            "cholec80", first, Path(name) / "warm", 3
        )  # modules are loaded once, not once an hour of labels
        slowest_s = 0.0
        for source in ("cholec80", sources.add(to_the_second(Path(name)))):
            whole_s = seconds_of_100h(source, labels, Path(name) / Path(source).stem, hours)
            print(
                f"{Path(source).stem}: {whole_s / 100:.2f} s of CPU an hour of labels; 100 h: {whole_s:.0f} s, "
                f"{whole_s / BAR_S:.1f} times the bar of {BAR_S:.0f} s",
                flush=True,
            )
            slowest_s = max(slowest_s, whole_s)
    return int(slowest_s > BAR_S)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
