r"""Train a Qwen-VL to hear: spoken questions go in as sound, with no speech recogniser between.

    surgvqa-train audio --config audio_align.yaml --model_name_or_path Qwen/Qwen2-VL-7B-Instruct \
        --whisper openai/whisper-large-v3-turbo --dataset_name my-clips --output_dir runs/hears
    surgvqa-train audio --config audio_lora.yaml --model_name_or_path runs/hears \
        --dataset_name my-clips --output_dir runs/spoken

First the projector from speech to language learns to write the questions down, everything else frozen, and a whole
model is saved. Then a LoRA adapter and the projector learn to answer them on the clips. Whisper's encoder is frozen
throughout. The data set has config ``spoken`` (`surgvqa-build spoken`); the loop is that of ``surgvqa-train sft``.
"""

from __future__ import annotations

from collections.abc import Sequence

from surgvqa.train.clips.prepare import prepare
from surgvqa.train.sft import learn
from surgvqa.train.steps.options import AudioOptions


def main(arguments: Sequence[str]) -> None:
    """Run a stage.

    Raises:
        InputError: as ``surgvqa.train.sft.main``; a data set without config ``spoken``, or with a question that
            has no sound; a model without ears.
    """
    learn(prepare(arguments, AudioOptions))
