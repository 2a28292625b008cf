"""Text on pictures that the reader of the extra ``ocr`` finds, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import planted_text
import pytest
from PIL import Image, ImageDraw
from surgvqa.builders.files.process_pool import MEMORY_BYTES, run_tasks
from surgvqa.builders.privacy import screen, text_reader
from surgvqa.builders.video.covering import without_gaps

needs_ocr = pytest.mark.skipif(text_reader.version() is None, reason="needs pip install 'surgvqa[ocr]'")


def tissue(seed: int) -> np.ndarray:
    """A smooth red picture, 480 x 270, that looks different for every seed."""
    small = np.random.default_rng(seed).integers(60, 140, (6, 10, 3)).astype(np.uint8)
    small[..., 1:] //= 2
    return np.asarray(Image.fromarray(small).resize((480, 270), Image.Resampling.BICUBIC))


@needs_ocr
def test_words_that_count_move_or_are_shown_once_are_found() -> None:
    """None of them stands still, which the search for strokes needs."""
    shown = [tissue(seed) for seed in range(2)]
    pictures, texts = planted_text.plant(shown, ("counter", "moving", "brief"), seed=3)
    given: list[int] = []

    def one_by_one() -> Iterator[np.ndarray]:
        for number, picture in enumerate(pictures):
            given.append(number)
            yield picture

    covered = planted_text.painted(shown[0].shape, text_reader.find(one_by_one()))
    assert [text.kind for text in texts if text.share(covered) < planted_text.HIDDEN] == [] and len(
        texts
    ) == 3
    assert given == [0, 1] and covered.mean() < 0.3


@needs_ocr
def test_tissue_is_no_text() -> None:
    assert text_reader.find([tissue(7)]) == ()


@needs_ocr
def test_a_large_picture_is_covered_at_its_own_size() -> None:
    large = Image.fromarray(tissue(1)).resize((3840, 2160))
    ImageDraw.Draw(large).text((1000, 1500), "BRANDT, OTTILIE 1961", fill=(255, 255, 255), font_size=72)
    (x1, y1, x2, y2), *_ = text_reader.find([np.asarray(large)])
    assert x1 <= 1002 and y1 <= 1520 and y2 >= 1560 and x2 >= 1700


def test_without_the_extra_strokes_are_found_and_the_data_set_says_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(text_reader, "version", lambda: None)
    how = screen.screen([], True, None)
    assert how is not None and how.reader is None and "is left" in how.notes()[0]
    assert how.parameters()["cover_text"] and "text_reader" not in how.parameters()
    monkeypatch.setattr(text_reader, "version", lambda: "rapidocr-onnxruntime 1.4.4")
    how = screen.screen([], True, None)
    assert how is not None and how.parameters()["text_reader"] == "rapidocr-onnxruntime 1.4.4"
    assert "PP-OCR" in how.notes()[0]


def test_no_gap_between_two_looks_is_longer_than_a_second() -> None:
    times = without_gaps([0.2, 7.9, 3.3, 99.0], 10.0)
    assert {0.2, 7.9, 3.3} <= set(times) and max(np.diff([*times, 10.0])) <= 1.0 and max(times) < 10.0


@pytest.mark.slow
@needs_ocr
def test_it_reads_inside_the_memory_of_a_worker() -> None:
    """A picture of 4K, which is the largest that endoscopes have, in a process of a build with its limit."""
    large = Image.fromarray(tissue(2)).resize((3840, 2160))
    ImageDraw.Draw(large).text((900, 900), "BRANDT, OTTILIE 1961", fill=(255, 255, 255), font_size=72)
    frame = np.asarray(large)
    ((_, found),) = run_tasks(text_reader.find, [([frame, frame],)], 1, 300.0, MEMORY_BYTES)
    assert found == text_reader.find([frame]) != ()
