"""Config ``spoken``: a data set's questions as sound. Their words are not in the prompt: one must listen.

    surgvqa-build spoken DATASET --voices espeak-ng:en-us espeak-ng:en-gb --rates 150 180 --snr 20 10

A row per question, to be joined with config ``clips`` by ``clip_id``. Equal questions in one voice are spoken
once; which voice, pace and noise a question gets follows from the seed and its id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
from surgvqa.builders.columns import Audio, Columns, List, Value
from surgvqa.builders.files.parquet import write_text, writer
from surgvqa.builders.pipeline.staging import STAGING, remove
from surgvqa.builders.pipeline.verify import verify
from surgvqa.builders.row_types import QARow, SpokenRow
from surgvqa.builders.schema import QA_FEATURES, STRING
from surgvqa.builders.settings.spoken import SpokenQuestions
from surgvqa.builders.speech.sound import RATE, encode_flac
from surgvqa.builders.speech.voices import Voice, speak, with_noise
from surgvqa.cards.arguments.option import options
from surgvqa.cards.arguments.words import command_words
from surgvqa.cards.command import InputError, nearest
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files.documents import Manifest
from surgvqa.cards.write.dataset import dataset_card
from tqdm import tqdm

PLAN = "spoken.manifest.json"  # what the manifest will be, once the new sound is in its place
NAME = "spoken"
PROMPT = "Answer the spoken question."
ANSWERS = ("sentence", "short")
ROWS_PER_SOUND_GROUP = 256  # 50 kB of FLAC each
SPOKEN_FEATURES = Columns(
    QA_FEATURES
    | {
        "audio": Audio(sampling_rate=RATE),
        "audio_s": Value("float64"),
        "voice": STRING,  # ENGINE:NAME
        "words_per_minute": Value("int32"),
        "snr_db": Value("float64"),  # null without noise
        "messages": List({"role": STRING, "content": STRING}),  # PROMPT and the answer; never the question
    }
)


def choices(how: SpokenQuestions, split: str) -> list[Voice]:
    """Every voice of a split at every pace."""
    held_out = how.test_voices if split != "train" else ()
    return [Voice.parse(voice, rate) for voice in held_out or how.voices for rate in how.rates]


def add_spoken(how: SpokenQuestions) -> dict[str, int]:
    """Add config ``spoken`` to a built data set, replacing an earlier one; returns the rows of each split.

    Raises:
        InputError: not a whole data set, no such voice, or a question that comes out without sound.
    """
    folder = how.folder
    publish(folder)
    verify(folder)
    manifest = manifests.read(folder)
    tables: dict[str, list[Path]] = {}
    for path in sorted((folder / "qa").glob("*.parquet")):
        tables.setdefault(path.name.split("-")[0], []).append(path)
    if not tables:
        raise InputError(
            f"{folder} has no config qa; `surgvqa-build SOURCE --root ROOT --out {folder}` writes one"
        )
    if how.answers not in ANSWERS:
        raise InputError(f"--answers {how.answers}: {nearest(how.answers, ANSWERS)}")
    if common := sorted(set(how.test_voices) & set(how.voices)):
        raise InputError(f"--test-voices {common[0]}: it speaks in training too; name voices that don't")

    @lru_cache(maxsize=4096)
    def say(text: str, voice: Voice) -> Any:
        return speak(text, voice, how.tts_command)

    total = sum(pq.read_metadata(path).num_rows for paths in tables.values() for path in paths)
    pending = folder / STAGING / NAME
    remove(pending)
    pending.mkdir(parents=True)
    counts: dict[str, int] = {}
    with tqdm(total=total, desc="speak", unit="question", disable=None) as bar:
        for split, paths in tables.items():
            out = pending / f"{split}-00000-of-00001.parquet"
            voices = choices(how, split)
            with writer(out, SPOKEN_FEATURES, ROWS_PER_SOUND_GROUP) as write:
                for row in _read(paths):
                    write(spoken_row(row, voices, how, say))
                    bar.update()
            counts[split] = pq.read_metadata(out).num_rows
    files = {path: facts for path, facts in manifest["files"].items() if not path.startswith(f"{NAME}/")}
    for path in sorted(pending.glob("*.parquet")):
        files[f"{NAME}/{path.name}"] = manifests.shard_of(path)
    manifest["files"] = files
    manifest["spoken"] = {
        "voices": list(how.voices),
        "test_voices": list(how.test_voices),
        "answers": how.answers,
        "rates": list(how.rates),
        "snr_db": list(how.snr),
        "command": how.tts_command,
        "seed": how.seed,
        "rows": counts,
    }
    builds = [words for words in manifest.get("commands", ()) if words[1] != NAME]
    manifest["commands"] = [*builds, command_words("surgvqa-build", NAME, options(SpokenQuestions), how)]
    write_text(folder / STAGING / PLAN, manifests.dump(manifest))
    publish(folder)
    return counts


def publish(folder: Path) -> None:
    """Put the waiting config in its place; where an earlier command was stopped within, go on from there."""
    plan, pending = folder / STAGING / PLAN, folder / STAGING / NAME
    if not plan.is_file():
        return
    manifest = cast(Manifest, manifests.read_json(plan, "remove it and run the command again"))
    (folder / manifests.NAME).unlink(missing_ok=True)  # no data set until the new manifest is there
    if pending.is_dir():
        remove(folder / NAME)
        pending.replace(folder / NAME)
    report = manifests.read_report(folder)
    manifests.rewrite(folder, manifest, manifests.CARD, dataset_card(manifest, report))
    plan.unlink()
    remove(folder / STAGING)


def _read(paths: Sequence[Path]) -> Iterator[QARow]:
    for path in paths:
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_size=1024):
                yield from cast(list[QARow], batch.to_pylist())


def spoken_row(row: QARow, voices: Sequence[Voice], how: SpokenQuestions, say: Any) -> SpokenRow:
    """Return a question as sound, in the voice, pace and noise that its id draws."""
    digest = hashlib.sha256(f"spoken\0{how.seed}\0{row['qa_id']}".encode()).digest()
    voice = voices[int.from_bytes(digest[:8], "big") % len(voices)]
    samples = say(row["question"], voice)
    snr = how.snr[int.from_bytes(digest[8:16], "big") % len(how.snr)] if how.snr else None
    if snr is not None:
        samples = with_noise(samples, snr, how.seed, row["qa_id"])
    peak = float(np.abs(samples).max())
    samples = samples / max(peak, 1.0)  # noise may pass full scale; a clipped wave would change the SNR
    columns = {name: row.get(name) for name in QA_FEATURES}
    sound = {
        "audio": {"bytes": encode_flac(samples), "path": None},
        "audio_s": len(samples) / RATE,
        "voice": f"{voice.engine}:{voice.name}",
        "words_per_minute": voice.words_per_minute,
        "snr_db": snr,
        "messages": [
            {"role": "user", "content": PROMPT},
            {
                "role": "assistant",
                "content": row["short_answer"] if how.answers == "short" else row["answer"],
            },
        ],
    }
    return cast(SpokenRow, {**columns, **sound})
