"""``sft``, ``audio``, ``grpo`` and ``doctor``: help of ours, options read by TRL's parsers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from surgvqa.cards.command import say

LOADING = "loading PyTorch, transformers and TRL"
Options = tuple[tuple[str, str], ...]  # "--flag METAVAR", and what it does


def sft(words: Sequence[str]) -> None:
    """Fine-tune."""
    from surgvqa.train.sft import main

    main(words)


def audio(words: Sequence[str]) -> None:
    """Train a model that hears."""
    from surgvqa.train.audio import main

    main(words)


def grpo(words: Sequence[str]) -> None:
    """Reinforce."""
    from surgvqa.train.grpo import main

    main(words)


def doctor(words: Sequence[str]) -> None:
    """Check a run before its first step."""
    from surgvqa.train.sft import doctor as check

    check(words)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A verb whose words TRL's parsers read; the options here are for reading."""

    name: str
    help: str
    run: Callable[[Sequence[str]], None]
    options: Options
    description: str = ""

    def parser(self, command: str) -> argparse.ArgumentParser:
        """Return what prints the help."""
        usage = "--config FILE --model_name_or_path M --dataset_name D --output_dir O [option …]"
        parser = argparse.ArgumentParser(
            prog=f"{command} {self.name}",
            usage=f"%(prog)s {usage}",
            description=self.description or self.help,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for option, text in self.options:
            flag, _, metavar = option.partition(" ")
            parser.add_argument(flag, metavar=metavar, help=text)
        return parser

    def __call__(self, command: str, words: Sequence[str]) -> None:
        """Answer ``--help`` at once; hand everything else to TRL's parser as it stands."""
        if {"-h", "--help"} & set(words):
            self.parser(command).print_help()
            return
        from surgvqa.train.steps.early_checks import check

        check(self.name, words)  # PyTorch alone takes seconds to import
        say(LOADING)
        self.run(words)


COMMON: Options = (
    ("--config FILE", "YAML of options: a file, or ours: sft_lora, sft_qlora, sft_full (.yaml)"),
    (
        "--model_name_or_path M",
        "base model: folder or Hub name; or an adapter's folder, which goes on learning",
    ),
    ("--dataset_name D", "clips: a folder that surgvqa-build wrote, or a Hub name"),
    ("--datasets D=W …", "several data sets with their parts of an epoch, in place of --dataset_name"),
    ("--dataset_config C", "config of the data set (default clips)"),
    ("--output_dir O", "where the adapter, its processor and its surgvqa.json go"),
    (
        "--questions-per-sequence N",
        "questions of a clip behind one copy of it: 0 all (default), 1 none shared",
    ),
    ("--frames N", "frames of a clip the model sees (default: what the rows have)"),
    ("--media images|video", "frames one by one (default), or one video with its times"),
    ("--max_pixels N", "most pixels of a frame (default 262144)"),
    ("--max_length N", "most tokens of a question with its clip; a longer one stops the run"),
    ("--video_root DIR", "where `video` paths start (default: the data set's folder)"),
    (
        "--thoughts mask|teach",
        "of answers with <think>…</think> before them: learn the answer alone, or both",
    ),
    ("--use_peft true", "train a LoRA adapter (--lora_r, --lora_alpha, --lora_dropout)"),
    ("--load_in_4bit true", "QLoRA; the vision tower is left alone"),
    (
        "--optimizer muon",
        "Muon on the matrices, AdamW on the rest (--muon_learning_rate, --learning_rate)",
    ),
    ("--projector_learning_rate LR", "train the projector too; --vision_learning_rate the vision tower"),
    ("--cache_vision DIR", "compute what a frozen vision tower sees once, for all epochs and runs"),
    ("--eval_strategy steps", "loss, answers and lift over a blind guess on the validation split"),
    ("--early_stopping_patience N", "stop after N evaluations without a better lift; keep the best"),
    ("--resume_from_checkpoint true", "go on from the last checkpoint in --output_dir"),
)

SFT = """Fine-tune a Qwen-VL on clips with TRL.

  surgvqa-train sft --config configs/sft_lora.yaml --model_name_or_path Qwen/Qwen2.5-VL-3B-Instruct \\
      --dataset_name my-clips --output_dir runs/first

Every option of TRL's ScriptArguments, ModelConfig and SFTConfig works too, on the command line or in the
YAML file (https://huggingface.co/docs/trl/sft_trainer); these are the ones one needs first."""

AUDIO = """Train a Qwen-VL that hears, on spoken questions (`surgvqa-build spoken`), in two stages:

  surgvqa-train audio --config audio_align.yaml --model_name_or_path Qwen/Qwen2-VL-7B-Instruct \\
      --whisper openai/whisper-large-v3-turbo --dataset_name my-clips --output_dir runs/hears
  surgvqa-train audio --config audio_lora.yaml --model_name_or_path runs/hears \\
      --dataset_name my-clips --output_dir runs/spoken

The options of `surgvqa-train sft`, and:"""

HEARING: Options = (
    ("--stage align|answer", "the projector learns to write down; adapter and projector to answer"),
    ("--whisper W", "Whisper whose encoder a model without ears gets: folder or Hub name"),
    ("--audio_pool N", "encoder frames (of 50 a second) per token, with --whisper (default 10)"),
    ("--audio_learning_rate LR", "of the projector (default: --learning_rate)"),
)

GRPO = """Reinforce a Qwen-VL with TRL's GRPOTrainer: pointing, or with --dataset_config clips any question.

  surgvqa-train grpo --config grpo_lora.yaml --model_name_or_path runs/pointing-sft \\
      --dataset_name my-pointing --output_dir runs/pointing-grpo

The model is an adapter that `surgvqa-train sft --dataset_config pointing` taught, or a base model. Before step 1 the
run's own rewards are paid to guessers that see no pixel. Every option of TRL's ScriptArguments, ModelConfig and
GRPOConfig works too (https://huggingface.co/docs/trl/grpo_trainer); these are the ones one needs first."""

POINTING: Options = (
    ("--config FILE", "YAML of options: a file, or ours: grpo_lora.yaml"),
    ("--model_name_or_path M", "adapter or base model: folder or Hub name"),
    ("--dataset_name D", "a folder built with --pointing FORM, or of clips; or a Hub name"),
    ("--dataset_config clips", "questions on clips (default pointing)"),
    ("--probe_questions N", "of each kind on clips, answered before step 1 (default 4)"),
    ("--output_dir O", "where the adapter, its processor and its surgvqa.json go"),
    (
        "--reward_funcs R",
        "of ours by name, or module.function (default: the mix of surgvqa.train.rewards; of clips, answer and brevity)",
    ),
    ("--reward_weights W", "one for each"),
    ("--num_generations N", "answers to a question (default 8)"),
    ("--per_device_train_batch_size N", "answers at once; with --gradient_accumulation_steps, a step's"),
    ("--max_completion_length N", "most tokens of an answer (default 256)"),
    ("--temperature T", "of the sampled answers (default 1)"),
    ("--beta B", "weight of the distance from the model it began with (default 0)"),
    ("--learning_rate LR", "of the adapter"),
    ("--max_pixels N", "most pixels of a frame; an adapter knows its own"),
    ("--eval_strategy steps", "rewards on the validation split"),
    ("--resume_from_checkpoint true", "go on from the last checkpoint in --output_dir"),
)

RECIPES = (
    Recipe(
        name="sft", help="Fine-tune on clips with TRL's SFTTrainer", run=sft, options=COMMON, description=SFT
    ),
    Recipe(
        name="audio",
        help="Train a model that hears its questions: a Whisper encoder's sound in a Qwen-VL",
        run=audio,
        options=(*HEARING, *COMMON),
        description=AUDIO,
    ),
    Recipe(
        name="grpo",
        help="Reinforce it with TRL's GRPOTrainer: pointing, or questions on clips",
        run=grpo,
        options=POINTING,
        description=GRPO,
    ),
    Recipe(
        name="doctor",
        help="Run the checks before step 1, alone; takes the options of sft",
        run=doctor,
        options=COMMON,
    ),
)
