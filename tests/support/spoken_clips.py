"""Coloured clips whose questions are tones: each question's text has a pitch of its own, no speech engine needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import colour_clips
import numpy as np
import torch
from datasets import Dataset
from surgvqa.builders.settings.spoken import SpokenQuestions
from surgvqa.builders.speech.sound import RATE, Samples
from surgvqa.builders.speech.spoken import SPOKEN_FEATURES, spoken_row
from surgvqa.builders.speech.voices import Voice
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel


def tone(text: str, voice: Voice | None = None) -> Samples:
    """A pitch that follows from the text; half a second and a bit."""
    pitch = 300 + 400 * (len(text) % 7)
    seconds = 0.5 + 0.1 * (len(text) % 3)
    return (np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE) / 2).astype(np.float32)


def write(folder: Path, **splits: list[dict[str, Any]]) -> Path:
    """An output folder with configs clips, qa and spoken."""
    colour_clips.write(folder, **splits)
    for config in ("spoken", "qa"):
        (folder / config).mkdir()
    for split, clips in splits.items():
        asked = [
            qa | {key: clip[key] for key in ("clip_id", "case_id", "source", "phase", "start_s", "end_s")}
            for clip in clips
            for qa in clip["qa"]
        ]
        Dataset.from_list(asked).to_parquet(folder / "qa" / f"{split}-00000.parquet")
        voices = [Voice("command", "tone", 150)]
        rows = [
            spoken_row(row, voices, SpokenQuestions(folder=folder, answers="short"), tone) for row in asked
        ]
        save(folder, split, rows)
    return folder


def save(folder: Path, split: str, rows: list[dict[str, Any]]) -> None:
    """Rows of config spoken, as they are: also broken ones."""
    Dataset.from_list(rows, features=SPOKEN_FEATURES.features()).to_parquet(
        folder / "spoken" / f"{split}-00000.parquet"
    )


def whisper(folder: Path) -> Path:
    """A Whisper with random weights and a window of two seconds."""
    torch.manual_seed(1)
    shape = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2}
    rest = {"decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "vocab_size": 64}
    tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    config = WhisperConfig(**shape, **rest, **tokens, num_mel_bins=16, max_source_positions=100, init_std=0.2)
    WhisperModel(config).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=16, chunk_length=2).save_pretrained(folder)
    return folder
