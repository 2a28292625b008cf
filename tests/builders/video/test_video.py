"""The frame on screen at second t: generated videos whose every picture carries its own number."""

import errno
from bisect import bisect_right
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from decoders_here import skip_without
from surgvqa.builders.video.decode import DECODERS, _plain, iterate_frames, read_frames
from surgvqa.builders.video.display import Shower
from surgvqa.builders.video.timing import DamagedVideoError, read_timeline
from surgvqa.cards.command import InputError

X264 = {"sc_threshold": "0", "bf": "3", "b-adapt": "0", "g": "30", "crf": "20"}
VFR = [int(t) for t in np.cumsum([0, *np.random.default_rng(1).integers(5, 90, 119)])]
CONSTANT = [40 * i for i in range(120)]
STREAMS = {
    "constant": (CONSTANT, ".mp4", {}),
    "vfr": (VFR, ".mp4", {}),
    "vfr-mkv": (VFR, ".mkv", {}),
    "no-b-frames": (VFR, ".mp4", {"options": {"bf": "0", "g": "25"}}),
    "open-gop": (
        CONSTANT,
        ".mkv",
        {"options": {**X264, "x264-params": "open-gop=1:keyint=20:min-keyint=20"}},
    ),
    "one-gop": (VFR, ".mp4", {"options": {**X264, "g": "500"}}),
    "pyramid": (CONSTANT, ".mp4", {"options": {**X264, "bf": "7", "b-pyramid": "normal"}}),
    "intra-refresh": (CONSTANT, ".mkv", {"options": {"x264-params": "intra-refresh=1:keyint=20"}}),
    "late-start": ([pts + 1400 for pts in CONSTANT], ".ts", {}),
    "interlaced": (CONSTANT, ".mp4", {"options": {**X264, "x264-params": "tff=1"}}),
    "hevc": (
        CONSTANT,
        ".mp4",
        {"codec": "libx265", "options": {"x265-params": "keyint=24:bframes=3:log-level=none"}},
    ),
    "mpeg4-avi": (CONSTANT, ".avi", {"codec": "mpeg4", "options": {"bf": "2", "g": "12", "qscale": "3"}}),
    "vp9": (
        VFR,
        ".webm",
        {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "g": "30", "lag-in-frames": "16"}},
    ),
    "vp8-hidden": (
        CONSTANT,
        ".webm",
        {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "16"}},
    ),
}


def times(pts, n=40, seed=0):
    """Seconds within the video, among them frames' own seconds and those just before and after."""
    start, end = pts[0], pts[-1] + 30
    rng = np.random.default_rng(seed)
    exact = [p / 1000 - start / 1000 for p in rng.choice(pts, 10)]
    return [*(rng.random(n) * (end - start) / 1000), *exact, *(t + 1e-6 for t in exact), 0.0]


def expected(pts, time_s):
    ticks = round((time_s + pts[0] / 1000) * 1e9)
    return bisect_right([p * 10**6 for p in pts], ticks) - 1


@pytest.mark.parametrize("name", STREAMS)
def test_the_frame_on_screen(tmp_path, make_video, name):
    pts, suffix, options = STREAMS[name]
    path = make_video(tmp_path / f"v{suffix}", pts, **{"options": X264} | options)
    asked = times(pts)
    shots = read_frames(path, asked)
    numbers = [make_video.read(shot.image) for shot in shots]
    assert numbers == [expected(pts, t) for t in asked]
    assert [shot.requested_s for shot in shots] == asked
    # MPEG-TS keeps 90 kHz ticks, AVI a frame's: no time is off by more than one of them
    assert [shot.time_s for shot in shots] == pytest.approx(
        [(pts[n] - pts[0]) / 1000 for n in numbers], abs=2e-5
    )


@pytest.mark.parametrize("name", ["constant", "vfr", "open-gop", "one-gop", "pyramid", "hevc", "interlaced"])
def test_skipping_gives_the_pixels_of_a_plain_decode(tmp_path, make_video, name):
    pts, suffix, options = STREAMS[name]
    path = make_video(tmp_path / f"v{suffix}", pts, **{"options": X264} | options)
    timeline = read_timeline(path)
    for seed in range(3):
        asked = sorted(times(pts, n=6, seed=seed))
        shots = list(iterate_frames(path, asked))
        wanted = sorted({timeline.at(t) for t in asked})
        plain = dict(zip(wanted, map(Shower(path), _plain(timeline, wanted)), strict=True))
        for shot in shots:
            assert np.array_equal(shot.image, plain[timeline.at(shot.requested_s)])


# H.264 with open GOPs is left out: entering one, the decoder misses pictures that it was told to forget.
@pytest.mark.parametrize("name", ["constant", "vfr", "pyramid", "hevc", "vp9", "late-start"])
def test_the_skipping_pass_needs_no_second_one(tmp_path, make_video, monkeypatch, name):
    import surgvqa.builders.video.decode as video

    pts, suffix, options = STREAMS[name]
    path = make_video(tmp_path / f"v{suffix}", pts, **{"options": X264} | options)
    monkeypatch.setattr(video, "_plain", lambda *_: pytest.fail("decoded from the front"))
    for seed in range(4):
        asked = times(pts, n=5, seed=seed)[:9]
        assert [make_video.read(s.image) for s in read_frames(path, asked)] == [
            expected(pts, t) for t in asked
        ]


def test_few_frames_are_decoded(tmp_path, make_video, monkeypatch):
    """One wanted frame early in the third of four groups costs a part of that group only."""
    import surgvqa.builders.video.decode as video

    path = make_video(tmp_path / "v.mp4", CONSTANT, options=X264)
    fed = []
    decode = video._decode
    monkeypatch.setattr(
        video,
        "_decode",
        lambda s, packet, *rest, **kw: fed.append(packet) or decode(s, packet, *rest, **kw),
    )
    (shot,) = read_frames(path, [62 * 0.04])
    assert make_video.read(shot.image) == 62
    assert 1 <= len(fed) <= 10


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", ["constant", "vfr", "pyramid"])
def test_all_decoders_give_the_same_frames(tmp_path, make_video, name, decoder):
    skip_without(decoder)
    pts, suffix, options = STREAMS[name]
    path = make_video(tmp_path / f"v{suffix}", pts, **{"options": X264} | options)
    asked = times(pts, n=12)
    for ours, theirs in zip(read_frames(path, asked), read_frames(path, asked, decoder), strict=True):
        assert ours.time_s == theirs.time_s
        assert np.array_equal(ours.image, theirs.image)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_upright(tmp_path, make_video, turn, decoder):
    skip_without(decoder)
    path = make_video(tmp_path / "v.mp4", CONSTANT[:5], turn=turn, options=X264)
    (shot,) = read_frames(path, [0.13], decoder)
    assert make_video.read(np.rot90(shot.image, turn)) == 3
    assert shot.image.shape == ((128, 96, 3) if turn % 2 else (96, 128, 3))


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("matrix", [1, 5])  # BT.709, BT.601
@pytest.mark.parametrize("full", [False, True])
def test_colours_are_those_that_were_filmed(tmp_path, make_video, matrix, full, decoder):
    skip_without(decoder)
    import av

    path, colour = tmp_path / "v.mp4", np.array([200, 60, 40])
    r, g, b = colour / 255
    kr, kb = {1: (0.2126, 0.0722), 5: (0.299, 0.114)}[matrix]
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    planes = (
        (255 * y, 128 + 255 * cb, 128 + 255 * cr) if full else (16 + 219 * y, 128 + 224 * cb, 128 + 224 * cr)
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1", "threads": "1"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuvj420p" if full else "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, 2 if full else 1
        for i in range(3):
            frame = av.VideoFrame(64, 64, stream.pix_fmt)
            for plane, value in zip(frame.planes, planes, strict=True):
                plane.update(np.full(plane.buffer_size, round(value), np.uint8))
            frame.pts = i
            frame.colorspace, frame.color_range = matrix, 2 if full else 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (shot,) = read_frames(path, [0.05], decoder)
    assert np.abs(shot.image.reshape(-1, 3).mean(0) - colour).max() <= 3


def test_the_first_video_stream_is_taken(tmp_path, make_video):
    """A file's own "best" stream may be the second, larger one; decord cannot be told, so it is refused."""
    import av

    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        small, large = (container.add_stream("libx264", rate=25, options={"threads": "1"}) for _ in range(2))
        (small.width, small.height), (large.width, large.height) = (128, 96), (256, 192)
        for number in range(5):
            for stream, shift in ((small, 0), (large, 100)):
                picture = make_video.picture(number + shift, stream.width, stream.height)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux([*small.encode(None), *large.encode(None)])
    for decoder in ("pyav", "torchcodec"):
        (shot,) = read_frames(path, [0.09], decoder)
        assert make_video.read(shot.image) == 2
    with pytest.raises(InputError, match="2 video streams"):
        read_frames(path, [0.09], "decord")


def test_beyond_the_end(tmp_path, make_video):
    path = make_video(tmp_path / "case_7.mp4", CONSTANT, options=X264)
    with pytest.raises(InputError, match=r"case_7\.mp4: .* 4\.810 s, but the video ends at 4\.800 s"):
        read_frames(path, [1.0, 4.81])
    with pytest.raises(InputError, match="times start at 0"):
        read_frames(path, [-0.5])
    with pytest.raises(InputError, match="times start at 0"):
        read_frames(path, [float("nan")])


@pytest.mark.parametrize("decoder", DECODERS)
def test_missing_empty_text_and_cut_files(tmp_path, make_video, decoder):
    skip_without(decoder)
    whole = make_video(tmp_path / "whole.mp4", CONSTANT, options=X264).read_bytes()
    for name, data, said in (
        ("empty.mp4", b"", "empty"),
        ("text.mp4", b"not a video\n" * 99, "Invalid data"),
        ("cut.mp4", whole[: len(whole) // 2], "Invalid data"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DamagedVideoError, match=rf"{name}: .*{said}"):
            read_frames(tmp_path / name, [0.1], decoder)
    with pytest.raises(InputError, match=r"gone\.mp4: no such video file"):
        read_frames(tmp_path / "gone.mp4", [0.1], decoder)


@pytest.mark.parametrize("fraction", [0.5, 0.9])
@pytest.mark.parametrize("decoder", DECODERS)
def test_a_file_cut_behind_a_whole_index(tmp_path, make_video, fraction, decoder):
    """Fast-start MP4: the header promises every frame, so only reading on shows the loss."""
    skip_without(decoder)
    path = make_video(tmp_path / "v.mp4", CONSTANT, options=X264)
    import av

    with (
        av.open(str(path)) as source,
        av.open(str(tmp_path / "f.mp4"), "w", options={"movflags": "faststart"}) as out,
    ):
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    data = (tmp_path / "f.mp4").read_bytes()
    (tmp_path / "f.mp4").write_bytes(data[: int(len(data) * fraction)])
    with pytest.raises(DamagedVideoError, match=r"f\.mp4: cut short: \d+ of the 120 frames"):
        read_frames(tmp_path / "f.mp4", [0.1], decoder)


def test_a_flipped_byte_is_never_painted_over(tmp_path, make_video):
    """Twenty flipped bytes: every frame that still comes out is the undamaged one, or it is refused."""
    path = make_video(tmp_path / "v.mp4", CONSTANT, options={**X264, "g": "12"})
    good = {shot.time_s: shot.image for shot in read_frames(path, [t / 1000 for t in CONSTANT])}
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(3)
    for at in rng.integers(len(data) // 3, len(data) * 2 // 3, 20):
        data[at] ^= 0x55
    path.write_bytes(data)
    with pytest.raises(DamagedVideoError, match=r"v\.mp4: (Invalid data .*: \S+|the frame at .* is corrupt)"):
        read_frames(path, [t / 1000 for t in CONSTANT])
    first = read_frames(path, [0.0, 0.4])  # before the damage
    assert all(np.array_equal(shot.image, good[shot.time_s]) for shot in first)


def test_decoders_that_cannot_be_exact_refuse(tmp_path, make_video):
    """AVI with B-frames has no presentation times: torchcodec would give other frames."""
    skip_without("torchcodec")
    pts, suffix, options = STREAMS["mpeg4-avi"]
    path = make_video(tmp_path / f"v{suffix}", pts, **options)
    with pytest.raises(InputError, match=r"v\.avi: torchcodec .* use pyav"):
        read_frames(path, [0.1], "torchcodec")


def test_raw_streams_are_refused(tmp_path, make_video):
    path = make_video(tmp_path / "v.264", CONSTANT, options=X264)
    with pytest.raises(InputError, match="no presentation times"):
        read_frames(path, [0.1])


def test_decoders_by_their_names(tmp_path, make_video):
    path = make_video(tmp_path / "v.mp4", CONSTANT[:3], time_base=Fraction(1, 1000))
    with pytest.raises(InputError, match="--decoder opencv: known are pyav, decord, torchcodec"):
        read_frames(path, [0.0], "opencv")


@pytest.mark.parametrize("decoder", DECODERS)
def test_real_videos(realdata: Path, decoder):
    skip_without(decoder)
    path = next((realdata / "cholec80_clips").glob("*.mp4"))
    asked = [0.0, 7.77, 8.0, 31.99]
    shots = read_frames(path, asked, decoder)
    assert [shot.time_s for shot in shots] == [0.0, 7.76, 8.0, 31.96]
    for ours, theirs in zip(read_frames(path, asked), shots, strict=True):
        assert np.array_equal(ours.image, theirs.image)


def test_memory_that_runs_out_is_no_reason_to_decode_another_way(tmp_path, make_video, monkeypatch):
    """The other path could give other pixels, and then a data set depends on how much memory was free."""
    import surgvqa.builders.video.decode as video

    path = make_video(tmp_path / "a.mp4", STREAMS["constant"][0], **{"options": X264})

    def without_memory(*_):
        error = DamagedVideoError(f"{path}: a size in it asks for more memory than there is")
        raise error from av.error.MemoryError(errno.ENOMEM, "Cannot allocate memory", str(path))
        yield

    monkeypatch.setattr(video, "_skipping", without_memory)
    monkeypatch.setattr(video, "_plain", lambda *_: pytest.fail("decoded from the front"))
    with pytest.raises(DamagedVideoError, match="more memory"):
        list(iterate_frames(path, [0.0, 1.0]))
