"""Burned-in text is covered, and what shows the outside of the body is left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from building import build
from datasets import load_dataset
from PIL import Image, ImageDraw
from planted_operations import (
    CASES,
    NAME,
    NUMBER,
    moving,
)
from surgvqa.builders.files.pictures import decode_jpeg
from surgvqa.builders.privacy import burned_text
from surgvqa.builders.privacy.screen import read_stretches, region, screen, shown_outside
from surgvqa.builders.video.decode import read_frames
from surgvqa.cards.command import InputError

pytestmark = pytest.mark.usefixtures("strokes_alone")


def text_frames(words: str, count: int = 12) -> list[np.ndarray]:
    return [np.asarray(Image.fromarray(moving(n, words)).resize((640, 384))) for n in range(count)]


@pytest.mark.parametrize("words", [f"{NAME} {NUMBER}", "OR 3 12.04.1961"])
def test_burned_in_text_is_found_whole_and_nothing_else(words: str) -> None:
    plain, written = text_frames(""), text_frames(words)
    regions = burned_text.find(written)
    assert regions and not burned_text.find(plain)
    changed = np.abs(written[0].astype(int) - plain[0]).max(-1) > 60
    covered = burned_text.cover(written[0], regions)
    assert covered[changed].max() == 0, "every pixel of every letter"
    assert (covered.max(-1) == 0).mean() < 3 * changed[: changed.shape[0] // 4].mean(), (
        "and little around them"
    )


@pytest.mark.parametrize("colour", [(255, 30, 30), (40, 220, 40), (60, 60, 255), (250, 220, 40)])
def test_coloured_text_as_bright_as_the_tissue_is_found(colour: tuple[int, int, int]) -> None:
    frames = []
    for picture in text_frames(""):
        shown = Image.fromarray(picture)
        ImageDraw.Draw(shown).text((20, 20), "DOE JOHN 1961", fill=colour, font_size=18)
        frames.append(np.asarray(shown))
    (x1, y1, x2, y2), *others = burned_text.find(frames)
    assert not others and x1 <= 21 and y1 <= 25 and x2 >= 150 and y2 >= 35


def test_a_picture_that_stands_still_has_no_text_of_its_own() -> None:
    assert burned_text.find([text_frames("DOE")[0]] * 12) == ()
    assert burned_text.find([]) == ()


def test_real_text_is_found_and_real_tissue_is_not(realdata: Path) -> None:
    from surgvqa.builders.files.pictures import read_picture

    da_vinci = sorted(p for p in (realdata / "surgvu25_sample").rglob("*") if p.suffix in (".jpg", ".png"))
    frames = [read_picture(path) for path in da_vinci[::3]]
    covered = burned_text.cover(frames[0], burned_text.find(frames))
    for x1, y1, x2, y2 in (
        (235, 18, 532, 38),
        (232, 690, 352, 710),
        (680, 690, 862, 710),
        (905, 690, 1062, 710),
    ):
        assert covered[y1:y2, x1:x2].max() == 0, "the four lines of the console"
    assert (covered != frames[0]).any(-1).mean() < 0.1
    clip = realdata / "laparoscopy_clip" / "endo.mp4"
    assert burned_text.find([shot.image for shot in read_frames(clip, [0.8 * n for n in range(12)])]) == ()


def test_stated_regions_are_black_in_frames_and_clips(planted: Path, tmp_path: Path) -> None:
    covered = ["0,0,0.5,0.25", "0.9,0.9,0.1,0.1"]
    for media in ("frames", "clips"):
        out = tmp_path / media
        build(
            "procedure",
            planted,
            out,
            media=media,
            cover=covered,
            workers=0,
            source_options={"image_rate": 1.0},
        )
        row = load_dataset(str(out), "clips", split="train").with_format("arrow")[0]
        if media == "frames":
            picture = decode_jpeg(row["images"][0][0]["bytes"].as_py())
        else:
            picture = read_frames(out / row["video"][0].as_py(), [0.0])[0].image
        height, width = picture.shape[:2]
        assert picture[: height // 4 - 4, : width // 2 - 4].max() < 40
        assert picture[-height // 10 + 4 :, -width // 10 + 4 :].max() < 40
        assert picture[height // 2].max() > 100


@pytest.mark.parametrize("text", ["0,0,1", "0,0,1,2", "-0.1,0,1,1", "0,0,0,1", "a,b,c,d", "nan,0,1,1"])
def test_bad_regions(text: str) -> None:
    with pytest.raises(InputError, match="--cover"):
        region(text)


RATE = {"image_rate": 1.0}


def test_a_model_of_the_users_own_says_what_is_outside(planted: Path, tmp_path: Path) -> None:
    """Any model, behind one function; what it found is left out, and its file's hash is in the manifest."""
    model = tmp_path / "oobnet.py"
    model.write_text("def outside(frame):\n    return bool(frame[..., 2].mean() > frame[..., 0].mean())\n")
    manifest = build(
        "procedure",
        planted,
        tmp_path / "out",
        media="clips",
        outside=str(model),
        workers=0,
        source_options=RATE,
    )
    ours = build(
        "procedure",
        planted,
        tmp_path / "same",
        media="clips",
        outside="colour",
        workers=0,
        source_options=RATE,
    )
    left = {one["item"] for one in manifest["dropped"] if "outside the body" in one["cause"]}
    assert left and left == {one["item"] for one in ours["dropped"] if "outside the body" in one["cause"]}
    assert manifest["parameters"]["outside"] == "oobnet.py"
    assert len(manifest["parameters"]["outside_sha256"]) == 64
    for text, said in (("x = 1", "needs a function outside"), ("def outside(f): return 0.3", "returned 0.3")):
        model = tmp_path / f"wrong{len(text)}.py"
        model.write_text(text + "\n")
        with pytest.raises(InputError, match=said):
            build(
                "procedure",
                planted,
                tmp_path / "no",
                media="clips",
                outside=str(model),
                workers=0,
                source_options=RATE,
            )


def test_clips_outside_the_body_are_left_out_and_counted(planted: Path, tmp_path: Path) -> None:
    """Seconds 10 to 15 of the second case show drapes."""
    for media in ("frames", "clips"):
        out = tmp_path / media
        manifest = build(
            "procedure", planted, out, media=media, outside="colour", workers=0,
            source_options={"image_rate": 1.0},
        )  # fmt: skip
        rows = [row for split in load_dataset(str(out), "clips").values() for row in split]
        away = [one for one in manifest["dropped"] if "outside the body" in one["cause"]]
        assert away and all(CASES[1] in one["item"] for one in away)
        assert not any(r["case_id"] == CASES[1] and r["start_s"] < 15 and r["end_s"] > 10 for r in rows)
        assert sum(r["case_id"] == CASES[1] for r in rows) >= 3
        report = json.loads((out / "report.json").read_text())
        assert [one for one in report["dropped"] if "outside" in one["cause"]]
        written = (out / "manifest.json").stat().st_mtime_ns
        build(
            "procedure", planted, out, media=media, outside="colour", workers=0,
            source_options={"image_rate": 1.0},
        )  # fmt: skip
        assert (out / "manifest.json").stat().st_mtime_ns == written, "built again, nothing was to be done"


def test_stretches_that_a_model_found(planted: Path, tmp_path: Path) -> None:
    table = tmp_path / "outside.csv"
    table.write_text(f"case,start,end\n{CASES[0]},4,6\n")
    manifest = build(
        "procedure", planted, tmp_path / "out", outside=str(table), workers=0,
        source_options={"image_rate": 1.0},
    )  # fmt: skip
    left = {one["item"] for one in manifest["dropped"] if "outside the body" in one["cause"]}
    assert left and all(item.startswith(CASES[0]) for item in left)
    assert manifest["parameters"]["outside"] == "outside.csv"
    table.write_text("case,start,end\na,6,6\n")
    with pytest.raises(InputError, match=r"outside\.csv row 2: ends at 6 s"):
        list(read_stretches(table))
    with pytest.raises(InputError, match="neither 'colour', nor a CSV"):
        screen([], False, "oobnet")


def test_colour_on_real_endoscopes(realdata: Path) -> None:
    """Inside: every frame of a laparoscopy and of a da Vinci. Outside: a trocar's inside, test pictures."""
    from surgvqa.builders.files.pictures import read_picture

    inside = [
        s.image for s in read_frames(realdata / "laparoscopy_clip" / "endo.mp4", [0.8 * n for n in range(12)])
    ]
    inside += [read_picture(p) for p in sorted((realdata / "surgvu25_sample").rglob("*.jpg"))]
    assert not any(map(shown_outside, inside))
    for name in ("torchcodec/h265_video.mp4", "torchcodec/bt709_full_range.mp4", "libopenshot/test1.mp4"):
        shots = read_frames(realdata / "video_oddities" / name, [0.0, 0.1, 0.2])
        assert all(shown_outside(shot.image) for shot in shots), name


def test_a_dark_frame_shows_nobody() -> None:
    assert not shown_outside(np.zeros((48, 64, 3), np.uint8))
