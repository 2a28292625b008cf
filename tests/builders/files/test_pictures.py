"""JPEG bytes carry pixels only; pictures are read upright and made smaller in one way."""

import io

import numpy as np
import pytest
from PIL import Image
from surgvqa.builders.files.pictures import decode_jpeg, encode_jpeg, read_picture, resize
from surgvqa.cards.command import InputError


def smooth(height=96, width=128):
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 2 % 256, y * 2 % 256, (x + y) % 256], -1).astype(np.uint8)


def test_bytes_are_stable_and_close_to_the_picture():
    data = encode_jpeg(smooth())
    assert data == encode_jpeg(smooth())
    assert np.abs(decode_jpeg(data).astype(int) - smooth()).mean() < 2.5
    assert np.array_equal(decode_jpeg(data), np.asarray(Image.open(io.BytesIO(data))))


def test_nothing_but_pixels():
    with Image.open(io.BytesIO(encode_jpeg(smooth()))) as picture:
        assert not picture.getexif()
        assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_cut_jpeg():
    data = encode_jpeg(smooth())
    for part in (data[: len(data) // 2], b"", b"text"):
        with pytest.raises(InputError, match=f"JPEG of {len(part)} bytes"):
            decode_jpeg(part)


def test_resize():
    assert resize(smooth(), None).shape == resize(smooth(), 512).shape == (96, 128, 3)
    half = resize(smooth(), 64)
    assert half.shape == (48, 64, 3)
    assert np.abs(half - smooth().reshape(48, 2, 64, 2, 3).mean((1, 3))).max() <= 1  # rounding


@pytest.mark.parametrize("factor", [2, 3])
def test_whole_factors_give_pillows_means(factor):
    picture = np.random.default_rng(0).integers(0, 256, (6 * 5, 6 * 7, 3), dtype=np.uint8)
    found = resize(picture, picture.shape[1] // factor)
    assert np.array_equal(found, np.asarray(Image.fromarray(picture).reduce(factor)))


def test_pictures_are_upright(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # turn by 90 degrees clockwise to see it
    Image.fromarray(smooth()).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "a.png"), np.rot90(smooth(), -1))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_other_modes_become_rgb(tmp_path, mode):
    Image.fromarray(smooth()).convert(mode).save(tmp_path / "a.tiff")
    assert read_picture(tmp_path / "a.tiff").shape == (96, 128, 3)


def test_greys_of_16_bits_keep_their_steps(tmp_path):
    steps = np.array([[0, 257, 32_896, 65_535]], np.uint16)
    for suffix in ("png", "tiff"):
        Image.fromarray(steps).save(tmp_path / f"a.{suffix}")
        assert read_picture(tmp_path / f"a.{suffix}")[0].tolist() == [[v] * 3 for v in (0, 1, 128, 255)]
    Image.fromarray(steps.astype(np.float32)).save(tmp_path / "f.tiff")
    with pytest.raises(InputError, match="greys of 32 bits"):
        read_picture(tmp_path / "f.tiff")


def test_bad_pictures(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"gone\.png: no such picture"):
        read_picture(tmp_path / "gone.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match=r"text\.png: not a picture"):
        read_picture(tmp_path / "text.png")
    Image.fromarray(smooth()).save(tmp_path / "cut.png")
    data = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"cut\.png: the picture is damaged"):
        read_picture(tmp_path / "cut.png")
    Image.fromarray(smooth()).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(InputError, match=r"bomb\.png: the picture is damaged"):
        read_picture(tmp_path / "bomb.png")


@pytest.mark.parametrize("hidden", ["alpha", "palette", "grey"])
def test_a_picture_that_is_transparent_in_part_is_refused(tmp_path, hidden):
    path = tmp_path / "a.png"
    picture = Image.new("RGBA", (6, 4), (9, 9, 9, 255))
    picture.save(path)
    assert read_picture(path)[0, 0].tolist() == [9, 9, 9]  # opaque, whatever channels it has
    picture.putpixel((1, 1), (200, 0, 0, 0))
    if hidden == "palette":
        Image.new("P", (6, 4)).save(path, transparency=0)
    else:
        (picture if hidden == "alpha" else picture.convert("LA")).save(path)
    with pytest.raises(InputError, match=r"a\.png: a part of it is transparent"):
        read_picture(path)


@pytest.mark.parametrize("ending", ["tif", "png", "webp"])
def test_a_file_of_several_pictures_is_refused(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    Image.new("RGB", (6, 4)).save(path, save_all=True, append_images=[Image.new("RGB", (6, 4), "red")])
    with pytest.raises(InputError, match="2 pictures in one file"):
        read_picture(path)
