"""Speech for a text: espeak-ng offline, edge-tts online, or any command; and a theatre's noise over it."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from surgvqa.builders.speech.sound import RATE, Samples, read_sound
from surgvqa.cards.command import InputError, nearest

ENGINES = ("espeak-ng", "edge-tts", "command")
TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice and its pace."""

    engine: str
    name: str
    words_per_minute: int

    @classmethod
    def parse(cls, text: str, words_per_minute: int) -> Voice:
        """Return a voice as one writes it, ``ENGINE:NAME``.

        >>> Voice.parse("espeak-ng:en-us", 160)
        Voice(engine='espeak-ng', name='en-us', words_per_minute=160)
        """
        engine, _, name = text.partition(":")
        if engine not in ENGINES or not name or name.startswith("-"):
            raise InputError(
                f"voice {text!r}: give ENGINE:NAME, as espeak-ng:en-us; {nearest(engine, ENGINES)}"
            )
        if not 50 <= words_per_minute <= 400:
            raise InputError(f"--rates {words_per_minute}: 50 to 400 words a minute")
        return cls(engine, name, words_per_minute)


def speak(text: str, voice: Voice, command: str | None = None) -> Samples:
    """Return the text in a voice, 16 kHz mono.

    Raises:
        InputError: the engine isn't there or fails, or gives no sound: missing, empty or silent.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "speech.wav"
        if voice.engine == "edge-tts":
            out = _edge(text, voice, out.with_suffix(".mp3"))
        else:
            template = (
                command if voice.engine == "command" else "espeak-ng -v {voice} -s {rate} -w {out} --stdin"
            )
            if not template:
                raise InputError("voices of engine command need --tts-command 'PROGRAM … {out}'")
            _run(template, text, voice, out)
        try:
            return read_sound(out).samples
        except InputError as error:
            raise InputError(f"{voice.engine}:{voice.name} gave no speech for {text!r}: {error}") from None


def _run(template: str, text: str, voice: Voice, out: Path) -> None:
    """Start a program with the text on its standard input; it writes ``{out}``. No shell is involved."""
    if "{out}" not in template:
        raise InputError(
            f"--tts-command {template!r}: say where the sound goes with {{out}}; the text is on stdin"
        )
    values = {"{out}": str(out), "{voice}": voice.name, "{rate}": str(voice.words_per_minute)}
    words = shlex.split(template)
    for key, value in values.items():
        words = [word.replace(key, value) for word in words]
    if shutil.which(words[0]) is None:
        hint = "; apt-get install espeak-ng" if words[0] == "espeak-ng" else ""
        raise InputError(f"no program {words[0]} to speak with{hint}")
    try:
        process = subprocess.run(
            words, input=text.encode(), capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"{words[0]} took more than {TIMEOUT_S:g} s for {text!r}") from None
    if process.returncode:
        message = process.stderr.decode(errors="replace").strip() or "no message"
        raise InputError(f"{words[0]} failed with {process.returncode} for {text!r}: {message}")


def _edge(text: str, voice: Voice, out: Path) -> Path:
    """Microsoft's voices, over the network; 175 words a minute is their usual pace."""
    try:
        import edge_tts
    except ModuleNotFoundError:
        raise InputError("edge-tts isn't installed: pip install 'surgvqa[audio]'") from None
    faster = round(100 * (voice.words_per_minute / 175 - 1))
    try:
        edge_tts.Communicate(text, voice.name, rate=f"{faster:+d}%").save_sync(str(out))
    except (OSError, ValueError, edge_tts.exceptions.EdgeTTSException) as error:
        raise InputError(f"edge-tts gave nothing for {text!r}: {error}") from None
    return out


def with_noise(speech: Samples, snr_db: float, *words: object) -> Samples:
    """Speech in an operating theatre: suction, mains hum and a monitor's beep, ``snr_db`` below its power.

    The noise follows from ``words``, so equal ones give equal noise.

    >>> tone = np.sin(np.arange(16000) / 5).astype(np.float32) / 4
    >>> noise = with_noise(tone, 10, "a") - tone
    >>> round(10 * np.log10(float((tone**2).mean() / (noise**2).mean())))
    10
    """
    seed = hashlib.sha256("\0".join(map(str, words)).encode()).digest()
    generator = np.random.default_rng(int.from_bytes(seed[:8], "big"))
    count = len(speech)
    second = np.arange(count) / RATE
    spectrum = np.fft.rfft(generator.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    suction = np.fft.irfft(spectrum * (hertz > 80) / np.sqrt(np.maximum(hertz, 80)), count)
    suction /= max(float(suction.std()), 1e-9)
    hum = sum(np.sin(2 * np.pi * 50 * n * second + generator.uniform(0, 6.28)) / n for n in (1, 2, 3))
    beep = np.sin(2 * np.pi * 960 * second) * ((second + generator.uniform(0, 0.8)) % 0.8 < 0.12)
    noise = suction + 0.5 * hum + 0.5 * beep
    power = float((speech.astype(np.float64) ** 2).mean()) / 10 ** (snr_db / 10)
    noise *= np.sqrt(power / float((noise**2).mean()))
    return (speech + noise).astype(np.float32)
