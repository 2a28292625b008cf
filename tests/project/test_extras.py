"""A verb whose extra is missing says which, in one line, and no traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """
import sys
sys.modules[{missing!r}] = None
from surgvqa.{top}.__main__ import main
sys.exit(main({argv!r}))
"""


@pytest.mark.parametrize(
    ("top", "argv", "missing", "extra"),
    [
        ("train", ["tiny", "--family", "qwen2_vl", "--out", "nowhere"], "torch", "train"),
        ("train", ["sft", "--model_name_or_path", "org/m", "--dataset_name", "org/d", "--output_dir", "o"], "trl", "train"),
        ("eval", ["demo", "--data", "nowhere"], "starlette", "demo"),
    ],
)  # fmt: skip
def test_a_missing_extra_is_named_in_one_line(top: str, argv: list[str], missing: str, extra: str) -> None:
    code = WITHOUT.format(missing=missing, top=top, argv=argv)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    said = done.stderr.strip().split("\n")[-1]  # bitsandbytes may have warned before
    assert said.startswith("surgvqa-") and f"surgvqa[{extra}]" in said and "Traceback" not in done.stderr
