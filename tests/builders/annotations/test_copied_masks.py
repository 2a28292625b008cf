"""A label picture that is a copy of another moment's: its outlines are of what was there, not of what is here."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from surgvqa.builders import sources
from surgvqa.builders.schema import Case, Omission

FIXTURES = Path(__file__).parents[2] / "fixtures"


def outlines(source: str, root: Path) -> tuple[int, list[Omission]]:
    """How many moments are outlined, and what is left out."""
    found = list(sources.load(source).cases(root))
    scenes = [scene for one in found if isinstance(one, Case) for scene in one.scenes]
    return sum(any(node.rle for node in scene.nodes) for scene in scenes), [
        one for one in found if isinstance(one, Omission)
    ]


@pytest.mark.parametrize(
    ("source", "first", "later"),
    [
        ("endoscapes", "semseg/301_1500.png", "semseg/301_22500.png"),
        ("cadis", "Video01/Labels/Video1_frame000450.png", "Video01/Labels/Video1_frame000900.png"),
    ],
)
def test_a_copy_of_another_moments_mask_is_left_out_by_name(tmp_path, source, first, later):
    root = shutil.copytree(FIXTURES / source, tmp_path / source)
    number, _ = outlines(source, root)
    shutil.copy(root / first, root / later)
    same, omissions = outlines(source, root)
    (copy,) = [one for one in omissions if Path(one.item).name == Path(later).name]
    assert same == number and Path(first).name in copy.cause and not copy.fault
    pixels = np.array(Image.open(root / first))
    kinds, numbers = np.unique(pixels.reshape(-1, *pixels.shape[2:]), axis=0, return_counts=True)
    pixels[-1, -6:] = kinds[numbers.argmin()]
    Image.fromarray(pixels).save(root / later)
    assert outlines(source, root)[0] == number + 1, "other outlines are of that moment"
    Image.fromarray(np.zeros_like(pixels)).save(root / later)
    Image.fromarray(np.zeros_like(pixels)).save(root / first)
    assert not [one for one in outlines(source, root)[1] if "byte for byte" in one.cause], (
        "that nothing is there can be so twice"
    )
