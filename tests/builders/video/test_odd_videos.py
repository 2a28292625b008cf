"""A corpus of odd recordings: what a player shows, or a fault that names its cause; never something in between."""

import re
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import read_barcode
from odd_streams import STREAMS
from odd_videos import CORPUS as FIRST
from surgvqa.builders.__main__ import main
from surgvqa.builders.schema import Case, Entity, Scene
from surgvqa.builders.video.case_media import fit, look_at_video
from surgvqa.builders.video.decode import read_frames
from surgvqa.builders.video.probe import probe
from surgvqa.cards.command import InputError

CORPUS = FIRST | STREAMS


def test_the_corpus_is_large_enough():
    assert len(CORPUS) >= 120


@pytest.mark.parametrize("name", CORPUS)
def test_an_odd_video(tmp_path, name):
    odd = CORPUS[name]
    path = odd.make(tmp_path)
    if odd.fault is not None:
        with pytest.raises(InputError, match=odd.fault) as caught:
            read_frames(path, [time_s for time_s, _ in odd.frames] or [0.0])
        assert path.name in str(caught.value)
        found = probe(path)
        assert re.search(odd.fault, "; ".join(found.faults)), found
        return
    found = probe(path)
    assert not found.faults, found
    assert odd.note is None or any(odd.note in note for note in found.notes), found
    assert odd.note is not None or not [note for note in found.notes if "shown as" in note], found
    shots = read_frames(path, [time_s for time_s, _ in odd.frames] or [0.0])
    numbers = [read_barcode(odd.stored(shot.image)) for shot in shots if odd.frames]
    assert numbers == [number for _, number in odd.frames]
    if odd.size is not None:
        assert (found.width, found.height) == odd.size
        assert shots[0].image.shape[1::-1] == odd.size


def test_notes_are_on_the_terminal(tmp_path, capsys):
    CORPUS["hflip libx264 mp4"].make(tmp_path)
    assert main(["probe", str(tmp_path), "--workers", "0"]) == 0
    assert "note: stored mirrored; shown mirrored left to right" in capsys.readouterr().out


def patch(folder: Path, planes: tuple[int, int, int], **colours: int) -> Path:
    """Four frames of one colour, as 10 bit limited range Y, Cb and Cr."""
    path = folder / "patch.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25, options={"threads": "1"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p10le"
        for name, value in colours.items():
            setattr(stream.codec_context, name, value)
        for pts in range(4):
            frame = av.VideoFrame(64, 64, "yuv420p10le")
            for plane, value in zip(frame.planes, planes, strict=True):
                plane.update(np.full(plane.buffer_size // 2, value, np.uint16).tobytes())
            frame.pts = pts
            for name, value in colours.items():
                setattr(frame, name, value)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def ten_bits(rgb: np.ndarray) -> tuple[int, int, int]:
    """Y, Cb, Cr of BT.2020 by its own constants."""
    y = 0.2627 * rgb[0] + 0.6780 * rgb[1] + 0.0593 * rgb[2]
    cb, cr = (rgb[2] - y) / 1.8814, (rgb[0] - y) / 1.4746
    return round(64 + 876 * y), round(512 + 896 * cb), round(512 + 896 * cr)


def pq(nits: np.ndarray) -> np.ndarray:
    """Light as SMPTE ST 2084 codes it."""
    power = (nits / 10_000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def hlg(light: np.ndarray) -> np.ndarray:
    """Light, 0 to 1, as ARIB STD-B67 codes it."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(light <= 1 / 12, np.sqrt(3 * light), a * np.log(np.maximum(12 * light - b, 1e-9)) + c)


WIDE = {"color_primaries": 9, "colorspace": 9, "color_range": 1}


@pytest.mark.parametrize(
    ("transfer", "curve", "most"), [(16, pq, 1000.0), pytest.param(18, hlg, 1.0, marks=pytest.mark.slow)]
)
def test_high_dynamic_range_is_shown_in_standard_range(tmp_path, transfer, curve, most):
    """Greys stay grey and in order, and a red of BT.709 keeps its hue: as numbers, it would fade."""
    levels = []
    for share in (0.01, 0.1, 0.3, 1.0):
        path = patch(tmp_path, ten_bits(curve(np.full(3, share * most))), color_trc=transfer, **WIDE)
        picture = read_frames(path, [0.0])[0].image.reshape(-1, 3)
        assert np.ptp(picture.mean(0)) <= 2
        levels.append(picture.mean())
        assert any("shown mapped to BT.709" in note for note in probe(path).notes)
    assert levels == sorted(levels) and levels[-1] > 180
    # 10 of the 203 cd/m2 that BT.2408 calls white, on a display of gamma 2.4 (BT.1886): 255 (10 / 203)^(1 / 2.4).
    assert abs(levels[0] - 72.6) < 4 if transfer == 16 else levels[0] < 60
    red = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]) @ (
        0.2,
        0.01,
        0.01,
    )
    path = patch(tmp_path, ten_bits(curve(red * most)), color_trc=transfer, **WIDE)
    r, g, b = read_frames(path, [0.0])[0].image.reshape(-1, 3).mean(0)
    assert r > 2.5 * max(g, b) and abs(g - b) < 25


def test_a_wide_gamut_is_shown_as_the_colours_it_means(tmp_path):
    """BT.2020 in standard range: the right value is the standard's own matrix."""
    light = np.array([0.5, 0.2, 0.1])
    to_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])

    def coded(values):
        return np.where(values < 0.018, 4.5 * values, 1.099 * np.maximum(values, 0) ** 0.45 - 0.099)

    path = patch(tmp_path, ten_bits(coded(light)), color_trc=14, **WIDE)
    shown = read_frames(path, [0.0])[0].image.reshape(-1, 3).mean(0)
    assert np.abs(shown - 255 * coded(to_709 @ light)).max() <= 7  # of 255; the video is 10 bits, lossy


@pytest.mark.parametrize("decoder", ["decord", "torchcodec"])
@pytest.mark.parametrize("name", ["hflip libx264 mp4", "pixels 4/3 mp4", "interlaced mp4"])
def test_decoders_that_show_it_otherwise_refuse(tmp_path, name, decoder):
    pytest.importorskip(decoder)
    with pytest.raises(InputError, match="use --decoder pyav"):
        read_frames(CORPUS[name].make(tmp_path), [0.0], decoder)


def test_boxes_drawn_on_stored_pixels_follow_the_shown_ones(tmp_path):
    path = CORPUS["pixels 4/3 mp4"].make(tmp_path)
    pixels = look_at_video(path)
    assert (pixels.width, pixels.height, pixels.stored_size) == (171, 96, (128, 96))
    node = Entity("hook", "hook", "instrument", "box", bbox=(32, 10, 64, 20))
    (scene,) = fit(Case("a", "s", "p", scenes=(Scene(0, 128, 96, (node,)),), video=path), pixels).scenes
    assert scene.nodes[0].bbox == pytest.approx((42.75, 10, 85.5, 20))


def combed(path: Path, order: str) -> Path:
    """A video whose even lines are of one moment (bright) and whose odd lines are of another (dark)."""
    picture = np.full((96, 128, 3), 40, np.uint8)
    picture[::2] = 200
    graph = av.filter.Graph()
    source = graph.add_buffer(width=128, height=96, format="yuv420p", time_base=Fraction(1, 25))
    marked, sink = graph.add("setfield", order), graph.add("buffersink")
    source.link_to(marked)
    marked.link_to(sink)
    graph.configure()
    with av.open(str(path), "w") as container:
        options = {"flags": "+ilme+ildct", "g": "4", "qp": "4"}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(8):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            graph.push(frame)
            container.mux(stream.encode(graph.pull()))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("order", "level"), [("tff", 200), ("bff", 40)])
def test_an_interlaced_frame_is_shown_as_its_first_moment(tmp_path, order, level):
    for suffix in ("mp4", "mkv", "ts"):
        for shot in read_frames(combed(tmp_path / f"v.{suffix}", order), [0.0, 0.2]):
            assert shot.image.shape == (96, 128, 3)
            assert np.abs(shot.image.astype(int) - level).max() < 12


@pytest.mark.parametrize(("size", "noted"), [((120, 96), True), ((128, 96), False)])
def test_a_picture_that_asks_to_be_cut_is_noted(tmp_path, size, noted):
    """A ``clap`` of 40 bytes goes among the boxes of the sample description; the media lie before them all."""
    path = CORPUS["even libx264 mp4"].make(tmp_path)
    data = bytearray(path.read_bytes())
    at = min(place for kind in (b"pasp", b"btrt") if (place := data.find(kind)) > 0) - 4
    clap = struct.pack(">I4s8I", 40, b"clap", size[0], 1, size[1], 1, 0, 1, 0, 1)
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        head = data.index(kind) - 4
        data[head : head + 4] = struct.pack(">I", struct.unpack(">I", data[head : head + 4])[0] + len(clap))
    assert data.index(b"mdat") < data.index(b"moov"), "the media would move"
    data[at:at] = clap
    path.write_bytes(data)
    found = probe(path)
    assert not found.faults
    assert any("asks to be cut to 120x96" in note for note in found.notes) == noted
