"""Frames that were cropped, padded, mirrored or turned are found in another split; others aren't."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import small_data
from PIL import Image, ImageOps
from surgvqa.eval.__main__ import main
from surgvqa.eval.controls import altered_frames, keypoints
from surgvqa.eval.controls.altered_frames import Shown

Alter = Callable[[Image.Image], Image.Image]
needs_opencv = pytest.mark.skipif(not keypoints.available(), reason="extra leaks")


def picture(seed: int) -> Image.Image:
    """Soft blots of several sizes, as nothing else has."""
    draw = np.random.default_rng(seed)
    layers = [
        np.asarray(
            Image.fromarray(draw.integers(0, 256, (size * 3 // 4, size), np.uint8)).resize(
                (320, 240), Image.Resampling.BICUBIC
            ),
            float,
        )
        for size in (8, 20, 48)
    ]
    return Image.fromarray(np.mean(layers, axis=0).astype(np.uint8)).convert("RGB")


def shown(name: str, *images: Image.Image) -> Shown:
    looks = [altered_frames.look(small_data.jpeg(image, 60)) for image in images]
    return Shown(name, tuple(own for own in looks if own is not None))


TURNED: dict[str, Alter] = {
    "mirrored": ImageOps.mirror,
    "upside down": ImageOps.flip,
    "90 degrees": lambda image: image.rotate(90, expand=True),
    "180 degrees": lambda image: image.rotate(180),
    "270 degrees, mirrored": lambda image: ImageOps.mirror(image.rotate(270, expand=True)),
    "black bars": lambda image: ImageOps.pad(image, (320, 360)),
    "grey bars, mirrored": lambda image: ImageOps.mirror(ImageOps.pad(image, (500, 240), color=(114,) * 3)),
}
CROPPED: dict[str, Alter] = {
    "a corner": lambda image: image.crop((0, 0, 240, 180)),
    "the middle, mirrored": lambda image: ImageOps.mirror(image.crop((40, 30, 280, 210))),
    "20 degrees": lambda image: image.rotate(20, Image.Resampling.BICUBIC),
    "a part, on its side": lambda image: image.crop((60, 20, 310, 220)).rotate(90, expand=True),
}
EARLIER = [shown(f"t{seed}", picture(seed)) for seed in range(6)]


@pytest.mark.parametrize("name", TURNED)
def test_turned_frames_are_found(name: str) -> None:
    found = altered_frames.find(EARLIER, [shown("other", picture(99)), shown("l", TURNED[name](picture(3)))])
    assert [(one.clip_id, one.like) for one in found["turned_frames"]] == [("l", "t3")]
    assert found["cropped_frames"] == []


@needs_opencv
@pytest.mark.parametrize("name", CROPPED)
def test_cropped_frames_are_found(name: str) -> None:
    later = [shown("other", picture(99)), shown("l", picture(98), CROPPED[name](picture(3)))]
    found = altered_frames.find(EARLIER, later)
    assert [(one.clip_id, one.like) for one in found["cropped_frames"]] == [("l", "t3")]
    assert found["turned_frames"] == []


@needs_opencv
def test_a_logo_in_a_corner_makes_no_leak() -> None:
    blocks = np.random.default_rng(0).integers(0, 2, (9, 11), np.uint8) * 255
    logo = Image.fromarray(np.kron(blocks, np.ones((4, 4), np.uint8)))

    def with_logo(image: Image.Image) -> Image.Image:
        image = image.point(lambda level: 100 + level // 8)  # the strongest points are the logo's
        image.paste(logo, (4, 4))
        return image

    earlier, later = shown("t", with_logo(picture(1))), shown("l", with_logo(picture(2)))
    assert altered_frames.find([earlier], [later]) == {"turned_frames": [], "cropped_frames": []}


def test_without_frames_there_is_nothing_to_find() -> None:
    black = shown("black", Image.new("RGB", (64, 48)))
    nothing = {"turned_frames": [], "cropped_frames": []}
    assert black.looks == () and altered_frames.find([black], EARLIER) == nothing
    assert altered_frames.find(EARLIER, [black]) == altered_frames.find([], EARLIER) == nothing


@pytest.mark.parametrize("opencv", [True, False])
def test_the_verb_says_what_it_found_and_what_it_could_not_look_for(
    tmp_path, capsys, monkeypatch, opencv: bool
) -> None:
    if opencv and not keypoints.available():
        pytest.skip("extra leaks")
    monkeypatch.setattr(keypoints, "available", lambda: opencv)
    rows = small_data.make()
    for split, number, image in (
        ("train", 4, picture(3)),
        ("test", 3, ImageOps.mirror(picture(3))),
        ("train", 5, picture(4)),
        ("test", 4, picture(4).crop((0, 0, 240, 180))),
    ):
        rows[split][number]["images"][0]["bytes"] = small_data.jpeg(image)
    with pytest.raises(SystemExit) as stop:
        raise SystemExit(main(["leaks", str(small_data.write(tmp_path / "data", rows))]))
    assert stop.value.code == 1
    said = capsys.readouterr().out
    assert f"1 turned frames, {int(opencv)} cropped frames" in said
    assert ("pip install 'surgvqa[leaks]'" in said) == (not opencv)
    assert ("points in common" in said) == opencv


def test_a_jpeg_of_any_size_is_described(tmp_path) -> None:
    for size in ((40, 30), (2000, 1500)):
        out = io.BytesIO()
        picture(7).resize(size).save(out, "PNG")
        assert altered_frames.look(out.getvalue()) is not None
