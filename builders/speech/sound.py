"""Sound files in and out: 16 kHz mono samples, whatever container and rate they come in."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from surgvqa.builders.files.names import require_regular
from surgvqa.builders.video.timing import PLAYLISTS
from surgvqa.cards.command import InputError

RATE = 16_000  # Hz: what speech recognisers, Whisper among them, are made for
LONGEST_S = 30.0  # Whisper's window
SILENT = 1e-3  # peak of samples in -1..1: a closed microphone gives zeros or a little noise
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sound:
    """Mono samples at 16 kHz, -1..1, and what the file held."""

    samples: Samples
    rate: int
    channels: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / RATE


def read_sound(source: Path | bytes, longest_s: float = LONGEST_S) -> Sound:
    """Return the first audio stream of a file, mixed to mono and resampled to 16 kHz.

    Raises:
        InputError: it isn't there, is empty, not audio, silent, or longer than ``longest_s``.
    """
    name = source.name if isinstance(source, Path) else "the recording"
    if isinstance(source, Path):
        if not source.exists():
            raise InputError(f"there is no sound file {source}")
        require_regular(source)
    begin = source[:64] if isinstance(source, bytes) else _begin(source)
    if not begin:
        raise InputError(f"{name} is empty (0 bytes); record it again")
    if begin.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(PLAYLISTS):
        raise InputError(f"{name} is a playlist, which may name other files; give the recording")
    try:
        with av.open(
            f"file:{source}" if isinstance(source, Path) else io.BytesIO(source),
            "r",
            container_options={"protocol_whitelist": "file"},
        ) as container:
            if not container.streams.audio:
                raise InputError(f"{name} holds no sound; give a WAV, FLAC, MP3 or WebM recording")
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise InputError(f"{name}: its sound is in a code that FFmpeg doesn't know; record it as WAV")
            rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
            resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
            parts: list[Samples] = []
            count = 0
            for frame in container.decode(stream):
                for ready in resampler.resample(frame):
                    parts.append(ready.to_ndarray()[0])
                    count += len(parts[-1])
                if count > longest_s * RATE:
                    raise InputError(
                        f"{name} lasts over {longest_s:g} s; a question is shorter, record it again"
                    )
            parts.extend(ready.to_ndarray()[0] for ready in resampler.resample(None))
    except (av.error.FFmpegError, UnicodeDecodeError) as error:
        raise InputError(
            f"{name} is not a sound file ({error.__class__.__name__}); give WAV, FLAC, MP3 or WebM"
        ) from None
    samples = np.concatenate([np.empty(0, np.float32), *parts]).astype(np.float32)
    if not len(samples):
        raise InputError(f"{name} holds no samples; record it again")
    if float(np.abs(samples).max()) < SILENT:
        raise InputError(f"{name} is silent; is the microphone on and allowed?")
    return Sound(samples, rate, channels)


def _begin(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def encode_flac(samples: Samples) -> bytes:
    """Mono samples at 16 kHz as a FLAC file of 16 bits; equal samples give equal bytes.

    >>> encode_flac(np.zeros(160, np.float32))[:4]
    b'fLaC'
    """
    pcm = np.round(np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)[None]
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as container:
        container.flags |= av.container.Flags.bitexact.value  # type: ignore[operator]
        stream = container.add_stream("flac", rate=RATE, layout="mono", format="s16")
        context = stream.codec_context
        context.flags = int(context.flags) | av.codec.context.Flags.bitexact.value
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return out.getvalue()
