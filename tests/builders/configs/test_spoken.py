"""Spoken questions: real speech, never silence in its place, never the words in the prompt."""

from __future__ import annotations

import hashlib
import shutil
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from building import build
from datasets import Audio
from surgvqa.builders.pipeline.verify import verify
from surgvqa.builders.settings.spoken import SpokenQuestions
from surgvqa.builders.speech.sound import RATE, encode_flac, read_sound
from surgvqa.builders.speech.spoken import PROMPT, SPOKEN_FEATURES, add_spoken
from surgvqa.builders.speech.voices import Voice, speak, with_noise
from surgvqa.cards.command import InputError

needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is not installed: apt-get install espeak-ng"
)
# A program that speaks without any speech engine: a tone whose pitch follows from the text.
TONE = """
import sys, wave, zlib, math, struct
text, out, seconds = sys.stdin.read(), sys.argv[1], float(sys.argv[2])
pitch = 200 + zlib.crc32(text.encode()) % 600
with wave.open(out, "wb") as file:
    file.setnchannels(1); file.setsampwidth(2); file.setframerate(16000)
    for n in range(int(16000 * seconds)):
        file.writeframes(struct.pack("<h", int(9000 * math.sin(2 * math.pi * pitch * n / 16000))))
"""


def wav(path: Path, samples: np.ndarray, rate: int = RATE, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").repeat(channels).tobytes())
    return path


def tone(seconds: float, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate) / 2


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spoken")
    options = {"render_cases": 4, "phase_seconds": 5.0, "size": 64}
    chosen: dict[str, Any] = {"media": "none", "kinds": ("phase", "instruments"), "workers": 0}
    build("synthetic", folder / "cases", folder / "data", source_options=options, **chosen)
    (folder / "speak.py").write_text(TONE)
    return folder / "data"


def speaking(data: Path, seconds: float = 0.2, **options: Any) -> SpokenQuestions:
    command = (
        f"{sys.executable} -IS {data.parent / 'speak.py'} {{out}} {seconds}"  # no site: a start of 15 ms
    )
    voices = ("command:one", "command:two")
    return SpokenQuestions(folder=data, voices=voices, tts_command=command, **options)


def rows(data: Path) -> list[dict[str, Any]]:
    return [
        row for path in sorted((data / "spoken").glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def digests(data: Path) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((data / "spoken").glob("*"))]


def test_stereo_at_another_rate_becomes_16_khz_mono(tmp_path: Path) -> None:
    sound = read_sound(wav(tmp_path / "a.wav", tone(1.5, 8000), 8000, 2))
    assert (sound.rate, sound.channels) == (8000, 2) and abs(sound.seconds - 1.5) < 0.01
    spectrum = np.abs(np.fft.rfft(sound.samples))
    assert abs(int(spectrum.argmax()) / sound.seconds - 440) < 3


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "0 bytes"),
        (b"not sound at all" * 99, "not a sound file"),
        ("silence", "silent"),
        ("long", "over 30 s"),
    ],
)
def test_what_is_no_question_is_refused(tmp_path: Path, content: bytes | str, told: str) -> None:
    path = tmp_path / "a.wav"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        wav(path, np.zeros(RATE) if content == "silence" else tone(31))
    with pytest.raises(InputError, match=told):
        read_sound(path)
    with pytest.raises(InputError, match="no sound file"):
        read_sound(tmp_path / "missing.wav")


def test_a_wav_of_an_unknown_code_is_refused(tmp_path: Path) -> None:
    """PyAV has no decoder to ask for its rate then; atheris found it."""
    path = wav(tmp_path / "a.wav", tone(0.1))
    data = bytearray(path.read_bytes())
    at = data.index(b"fmt ") + 8 + 14  # bits a sample
    data[at : at + 2] = (2064).to_bytes(2, "little")
    path.write_bytes(data)
    with pytest.raises(InputError, match="a code that FFmpeg doesn't know"):
        read_sound(path)


def test_flac_is_the_samples_and_always_the_same_bytes() -> None:
    samples = tone(0.5).astype(np.float32)
    data = encode_flac(samples)
    assert data == encode_flac(samples)
    assert np.abs(read_sound(data).samples - samples).max() < 1e-4


def test_noise_has_the_stated_ratio_and_follows_from_its_words() -> None:
    speech = tone(1).astype(np.float32)
    for snr in (20.0, 0.0):
        noise = with_noise(speech, snr, "q") - speech
        assert abs(10 * np.log10((speech**2).mean() / (noise**2).mean()) - snr) < 0.1
    assert np.array_equal(with_noise(speech, 5, "q"), with_noise(speech, 5, "q"))
    assert not np.array_equal(with_noise(speech, 5, "q"), with_noise(speech, 5, "r"))


def test_every_question_is_spoken_and_none_is_in_its_prompt(data: Path) -> None:
    counts = add_spoken(speaking(data, snr=(10.0,)))
    found = rows(data)
    questions = {
        row["qa_id"]: row for path in (data / "qa").glob("*") for row in pq.read_table(path).to_pylist()
    }
    assert len(found) == sum(counts.values()) == len(questions)
    assert isinstance(SPOKEN_FEATURES["audio"], Audio) and SPOKEN_FEATURES["audio"].sampling_rate == RATE
    for row in found:
        prompt = row["messages"][0]["content"]
        assert prompt == PROMPT and questions[row["qa_id"]]["question"] not in prompt
        assert row["messages"][1]["content"] == questions[row["qa_id"]]["answer"]
        assert row["audio"]["path"] is None and row["snr_db"] == 10.0
    assert {row["voice"] for row in found} == {"command:one", "command:two"}
    assert {row["words_per_minute"] for row in found} == {150, 180}
    assert read_sound(found[0]["audio"]["bytes"]).seconds == pytest.approx(0.2, abs=0.001)
    verify(data)
    assert "spoken" in (data / "README.md").read_text()
    before = digests(data)
    add_spoken(speaking(data, snr=(10.0,)))
    assert digests(data) == before
    add_spoken(speaking(data, snr=(10.0,), seed=1))
    assert digests(data) != before


def test_missing_empty_and_silent_speech_stop_it_and_leave_the_data_set_whole(
    data: Path, tmp_path: Path
) -> None:
    for body, told in (
        ("", "no sound file"),
        ("open(out, 'wb')", "0 bytes"),
        ("import shutil; shutil.copy(sys.argv[2], out)", "silent"),
        ("sys.exit('broken')", "failed with 1.*broken"),
    ):
        script = tmp_path / "bad.py"
        script.write_text(f"import sys\nout = sys.argv[1]\n{body}\n")
        silent = wav(tmp_path / "silent.wav", np.zeros(RATE))
        command = f"{sys.executable} {script} {{out}} {silent}"
        with pytest.raises(InputError, match=told):
            add_spoken(SpokenQuestions(folder=data, voices=("command:x",), tts_command=command))
        verify(data)


@pytest.mark.parametrize(
    ("voice", "told"), [("espeak:en", "did you mean espeak-ng"), ("edge-tts", "ENGINE:NAME")]
)
def test_an_unknown_voice_is_named(voice: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        Voice.parse(voice, 160)


def test_a_command_must_say_where_its_sound_goes() -> None:
    with pytest.raises(InputError, match="out"):
        speak("hello", Voice("command", "x", 160), "echo hello")
    with pytest.raises(InputError, match="no program surely-not-here"):
        speak("hello", Voice("command", "x", 160), "surely-not-here {out}")


@needs_espeak
def test_espeak_really_speaks() -> None:
    slow = speak("Which surgical phase is shown?", Voice("espeak-ng", "en-us", 120))
    fast = speak("Which surgical phase is shown?", Voice("espeak-ng", "en-us", 240))
    assert 1 < len(fast) / RATE < len(slow) / RATE < 6
    assert np.abs(slow).max() > 0.1
    assert np.array_equal(slow, speak("Which surgical phase is shown?", Voice("espeak-ng", "en-us", 120)))
    other = speak("How many instruments are there?", Voice("espeak-ng", "en-us", 120))
    assert len(other) != len(slow) or not np.array_equal(other, slow)
    with pytest.raises(InputError, match="espeak-ng"):
        speak("hello", Voice("espeak-ng", "zz", 120))
