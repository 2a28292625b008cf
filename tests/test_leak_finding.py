"""The leak finder on frames drawn here: copies, re-encodings, a moving scene, other operations."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image, ImageDraw
from surgvqa.builders.leaks import (
    NEAR_BITS,
    Fingerprint,
    Window,
    difference_hash,
    fingerprint,
    hamming,
    one_answer_texts,
    overlapping_windows,
    shared_cases,
    shared_frames,
)


def operation(case: int, second: float) -> Image.Image:
    """A frame of an invented operation: its own tissue, an instrument that moves slowly across it."""
    rng = random.Random(case)
    image = Image.new("RGB", (320, 240), (150, 60, 50))
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, r = rng.randrange(320), rng.randrange(240), rng.randrange(10, 60)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(rng.randrange(40, 255) for _ in range(3)))
    x = 40 + 12 * second
    draw.line((x, 240, x + 30, 120), fill=(230, 230, 230), width=9)
    return image


def encoded(image: Image.Image, **how: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, **({"format": "JPEG", "quality": 90} | how))
    return stream.getvalue()


def window(clip: str, case: str, *frames: bytes, at: tuple[float, float] = (0.0, 5.0)) -> Window:
    return Window(clip, case, *at, tuple(fingerprint(frame) for frame in frames))


@pytest.mark.parametrize(
    "how",
    [
        {"quality": 30},
        {"format": "PNG"},
        {"format": "WEBP", "quality": 60},
        {"quality": 75, "subsampling": 2},
    ],
)
def test_a_re_encoded_frame_is_found_and_is_not_exact(how):
    frame = operation(1, 3)
    test = window("b", "renamed", encoded(frame.resize((200, 150)), **how))
    (found,) = shared_frames([window("a", "x", encoded(operation(7, 1)), encoded(frame))], [test])
    assert (found.a, found.b, found.exact) == ("a", "b", False)


def test_a_byte_equal_frame_is_exact():
    frame = encoded(operation(1, 3))
    (found,) = shared_frames([window("a", "x", frame)], [window("b", "y", encoded(operation(2, 1)), frame)])
    assert found.exact
    assert found.frames == 1


def test_a_case_renamed_and_shifted_by_a_second_is_found_in_every_window():
    def cut(name, start):
        frames = [encoded(operation(5, start + (i + 0.5) * 5 / 8)) for i in range(8)]
        return window(f"{name}{start}", name, *frames, at=(start, start + 5))

    train = [cut("case_a", start) for start in (0.0, 5.0, 10.0)]
    test = [cut("case_b", start + 1) for start in (0.0, 5.0)]
    assert [s.b for s in shared_frames(train, test)] == ["case_b1.0", "case_b6.0"]


def test_other_operations_are_not_near():
    hashes = [difference_hash(operation(case, second)) for case in range(12) for second in (0, 4)]
    pairs = [hamming(a, b) for i, a in enumerate(hashes) for j, b in enumerate(hashes) if i // 2 < j // 2]
    assert min(pairs) > NEAR_BITS


def test_real_operations_stay_apart_and_real_re_encodings_meet(realdata):
    frames = {
        "cataract": sorted((realdata / "cataract1k_frames_masks").rglob("images/*.png")),
        "vid68": sorted((realdata / "cholect50_val").rglob("VID68/*.png")),
        "vid73": sorted((realdata / "cholect50_val").rglob("VID73/*.png")),
        "case122": sorted((realdata / "surgvu25_sample").rglob("*.jpg"))[::10],
    }
    look = {name: [Image.open(path).convert("RGB") for path in paths] for name, paths in frames.items()}
    hashes = {name: [difference_hash(image) for image in images] for name, images in look.items()}
    for one in hashes:
        for other in hashes:
            if one < other:
                assert min(hamming(a, b) for a in hashes[one] for b in hashes[other]) > NEAR_BITS
    for name, images in look.items():
        for image, bits in zip(images, hashes[name], strict=True):
            again = fingerprint(encoded(image.resize((224, 224)), quality=40)).bits
            assert hamming(again, bits) <= NEAR_BITS


def test_black_screens_are_no_evidence():
    black = encoded(Image.new("RGB", (64, 64)))
    assert shared_frames([window("a", "x", black)], [window("b", "y", black)]) == []


def test_distances_are_right_across_blocks():
    rng = random.Random(0)
    known = [Fingerprint(bytes([i % 251]) * 32, rng.randbytes(32)) for i in range(20_000)]
    target = bytearray(known[19_990].bits)
    target[3] ^= 0b101
    (found,) = shared_frames(
        [Window(str(i), "a", 0, 1, (frame,)) for i, frame in enumerate(known)],
        [Window("b", "b", 0, 1, (Fingerprint(b"new", bytes(target)),))],
    )
    assert (found.a, found.bits) == ("19990", 2)


def test_one_shared_case_and_one_shared_second():
    train = [Window("t1", "c1", 0, 60), Window("t2", "c1", 60, 65), Window("t3", "c2", 0, 5)]
    test = [Window("e1", "c1", 64, 69), Window("e2", "c1", 65, 70), Window("e3", "c3", 0, 5)]
    assert shared_cases(train, test) == ["c1"]
    (overlap,) = overlapping_windows(train, test)
    assert (overlap.a, overlap.b, overlap.seconds) == ("t2", "e1", 1.0)
    # the long window before the short one is not lost
    (overlap,) = overlapping_windows(train, [Window("e4", "c1", 30, 31)])
    assert overlap.a == "t1"


def test_windows_without_case_or_time_are_never_called_equal():
    unknown = [Window("a", None, None, None), Window("b", "", 0, 5)]
    assert shared_cases(unknown, unknown) == []
    assert overlapping_windows([unknown[0]], [unknown[0]]) == []


def test_a_text_asked_rarely_or_answered_twice_is_not_single():
    rows = [("Is there a lens?", "no")] * 9 + [("Where is it?", "left")] * 4 + [("Which phase?", "idle")] * 5
    rows += [("which  phase?", "incision")]
    assert [(item.question, item.times) for item in one_answer_texts(rows)] == [("is there a lens?", 9)]
