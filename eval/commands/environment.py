"""``surgvqa doctor``: what this machine has for the four commands, and what each extra would add.

It changes nothing, opens no connection and prints no token.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from surgvqa.cards.command import run_guarded

# What each extra adds, in the order in which people need them; a test holds that pyproject.toml has the same ones.
EXTRAS = {
    "train": "train and predict (PyTorch, TRL, PEFT)",
    "demo": "the app",
    "decoders": "two more video decoders, to compare with",
    "audio": "spoken questions",
    "ocr": "text on pixels found by OCR (RapidOCR)",
    "leaks": "leaks of cropped and turned frames (OpenCV)",
    "sheets": "labels in workbooks, as Cholec80-CVS has them (openpyxl)",
    "segment": "segmentation models",
    "text": "scores of free text: BLEU, chrF, ROUGE-L",
    "scale": "Slurm and Ray (datatrove)",
    "lmms": "the harness of lmms-eval",
    "dev": "tests, checks and documentation",
}
PROGRAMS = {
    "ffmpeg": "makes test videos",
    "espeak-ng": "speaks questions",
    "chromium": "draws pages as pictures in tests",
}
CODECS = ("h264", "hevc", "av1", "vp9", "mpeg4", "mjpeg")
MARKS = {True: "✓", False: "✗", None: "·"}
GB = 10**9


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: good, missing, or a remark (None)."""

    name: str
    good: bool | None
    finding: str


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words:
        print(f"usage: surgvqa doctor\n\n{__doc__}")
        return 0 if words[0] in ("-h", "--help") else 2
    return run_guarded("surgvqa doctor", lambda: print(table([*machine(), *media(), *extras(), *programs()])))


def table(lines: Sequence[Line]) -> str:
    """Return the lines below each other."""
    width = max(len(line.name) for line in lines)
    return "\n".join(f"{MARKS[line.good]} {line.name:{width}}  {line.finding}" for line in lines)


def machine() -> Iterator[Line]:
    """Yield Python, processor, memory, disk, GPU and the Hub."""
    place = Path(__file__).resolve().parents[2]
    kind = f"a clone in {place}" if (place / "pyproject.toml").exists() else "installed"
    yield Line("surgvqa", True, f"{metadata.version('surgvqa')}, {kind}")
    yield Line("Python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Line(
        "cores",
        True,
        str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
    )
    if sys.platform != "win32":
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        yield Line("memory", memory > 8 * GB, f"{memory / GB:.0f} GB")
    free = shutil.disk_usage(Path.cwd()).free
    yield Line("free disk here", free > 10 * GB, f"{free / GB:.0f} GB; torch and its libraries alone take 6")
    yield gpu()
    yield precision()
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    yield Line(
        "Hub",
        None,
        "offline (HF_HUB_OFFLINE is set)" if offline else "may be reached; `hf auth whoami` says as whom",
    )


def gpu() -> Line:
    """Ask the driver's own tool for NVIDIA cards, without loading PyTorch."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return Line(
            "GPU", None, "no NVIDIA driver; everything runs on the CPU, 3B models and larger too slowly"
        )
    command = [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    cards = [" ".join(line.split()) for line in run.stdout.splitlines() if line.strip()]
    if run.returncode or not cards:
        return Line("GPU", False, f"nvidia-smi: {(run.stdout + run.stderr).strip()[:120]}")
    return Line("GPU", True, "; ".join(cards))


def precision() -> Line:
    """Say what ``--dtype auto`` will be."""
    if importlib.util.find_spec("torch") is None:
        return Line("precision", None, "PyTorch isn't installed")
    flags = processor_flags()
    if flags is None or platform.machine().lower() not in ("x86_64", "amd64"):
        from surgvqa.eval.models.precision import describe_bfloat16

        return Line("precision", True, describe_bfloat16())
    level = os.environ.get("ATEN_CPU_CAPABILITY", "").upper()
    if level not in ("AVX512", "AVX2", "DEFAULT"):
        level = "AVX512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "DEFAULT"
    native = level == "AVX512" and bool(flags & {"avx512_bf16", "amx_bf16"})
    what = "is native" if native else "isn't native"
    effect = "" if native else ": --dtype auto and Muon compute in float32"
    return Line("precision", True, f"bfloat16 {what} on this CPU ({level}){effect}")


def processor_flags() -> set[str] | None:
    """Return what Linux says that this processor can do; None on other systems.

    PyTorch would say the same, after 5 s of CPU to import it; a test holds the two against each other.
    """
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return next((set(line.split()) for line in lines if line.startswith("flags")), None)


def media() -> Iterator[Line]:
    """Say which decoders the video library has."""
    import av

    missing = [codec for codec in CODECS if codec not in av.codecs_available]
    version = ".".join(map(str, av.library_versions["libavcodec"]))
    summary = f"PyAV {av.__version__} (libavcodec {version}) reads {', '.join(c for c in CODECS if c not in missing)}"
    yield Line("video", not missing, summary + (f"; not {', '.join(missing)}" if missing else ""))


def extras() -> Iterator[Line]:
    """Yield every extra: what it adds, and how to install it where it isn't whole."""
    for extra, use in EXTRAS.items():
        lacking = [name for name in packages(extra) if not is_installed(name)]
        if not lacking:
            yield Line(f"[{extra}]", True, use)
            continue
        names = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
        yield Line(f"[{extra}]", None, f"{use}: pip install 'surgvqa[{extra}]' (lacks {names})")


def packages(extra: str) -> list[str]:
    """List the packages that an extra installs on this machine."""
    from packaging.requirements import Requirement

    requirements = [Requirement(line) for line in metadata.requires("surgvqa") or ()]
    return [
        one.name
        for one in requirements
        if one.marker and not one.marker.evaluate({"extra": ""}) and one.marker.evaluate({"extra": extra})
    ]


def is_installed(name: str) -> bool:
    """Whether a package is installed, by the name that pip knows."""
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def programs() -> Iterator[Line]:
    """Yield the programs that some verbs and tests start."""
    for name, use in PROGRAMS.items():
        path = shutil.which(name)
        yield Line(name, True if path else None, f"{use}: {path or 'not on the path (only needed for that)'}")
