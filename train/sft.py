r"""Fine-tune a Qwen-VL on clips with TRL's SFTTrainer, all questions of a clip in one sequence.

    surgvqa-train sft --config configs/sft_lora.yaml --model_name_or_path Qwen/Qwen2.5-VL-3B-Instruct \
        --dataset_name my-clips --output_dir runs/first

Read from top to bottom: prepare, let the doctor look, train, save.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from surgvqa.cards.arguments.words import next_line
from surgvqa.cards.files import sums
from surgvqa.cards.write.model import ADAPTER
from surgvqa.eval.models.audio_graft import save_ears
from surgvqa.eval.models.out_of_memory import memory_advice
from surgvqa.train.clips.clip_trainer import checkpoint_to_resume, note_replaced
from surgvqa.train.clips.model_checks import inner_model
from surgvqa.train.clips.prepare import PreparedRun, prepare
from surgvqa.train.clips.vision_cache import VisionCache, takes_features
from surgvqa.train.doctor import examine
from surgvqa.train.steps.log_table import closing_line
from surgvqa.train.steps.options import AudioOptions, less_memory

SCORED_CONFIGS = ("clips", "pointing", "spoken")  # that `surgvqa-eval predict` asks


def main(arguments: Sequence[str]) -> None:
    """Run the recipe.

    Raises:
        InputError: an option, a model or a data set that doesn't fit; a sequence longer than the budget;
            anything the doctor finds wrong before step 1.
    """
    learn(prepare(arguments))


def learn(run: PreparedRun) -> None:
    """Let the doctor look, train, save.

    Raises:
        InputError: as ``main``.
    """
    trainer, options = run.trainer, run.options
    resume = checkpoint_to_resume(options.resume_from_checkpoint, Path(options.output_dir))
    note_replaced(Path(options.output_dir))
    with memory_advice(less_memory(options, run.model_options)):
        examine(run)
        if options.cache_vision is not None:
            use_cache(run, Path(options.cache_vision))
        outcome = trainer.train(resume_from_checkpoint=resume)
    out, first = Path(options.output_dir), trainer.is_world_process_zero()
    with sums.writing(out) if first else nullcontext():
        trainer.save_model(options.output_dir)
        trainer.save_state()
        if first:
            if run.extractor is not None:
                save_ears(run.extractor, out)
            run.budget.save(out)
        trainer.create_model_card()
    if first:
        figures = {"loss": outcome.training_loss, "best held-out figure": trainer.state.best_metric}
        print(closing_line(options.output_dir, outcome, figures))
        hears = isinstance(options, AudioOptions)
        alignment = isinstance(options, AudioOptions) and options.stage == "align"
        config = "spoken" if hears else run.config  # `audio` reads the spoken questions whatever the config
        if words := next_words(config, run.dataset_name, options.output_dir, alignment=alignment):
            print(next_line(*words))
    if options.push_to_hub:
        trainer.push_to_hub(dataset_name=run.dataset_name)
        if trainer.is_world_process_zero():
            sums.write(out)  # the push wrote a card
    trainer.end()


def next_words(config: str | None, data: str, out: str, *, alignment: bool = False) -> tuple[str, ...]:
    """Return the command that follows a run on a config of a data set; nothing where none does.

    ``alignment``: the run taught a projector to hear, and its adapter comes next. What was learned from conversations
    (``instruct``) has nothing that it could be scored by: its adapter is merged, to be served.

    >>> next_words("spoken", "lap", "runs/hears", alignment=True)[:4]
    ('surgvqa-train', 'audio', '--config', 'audio_lora.yaml')
    >>> next_words("spoken", "lap", "runs/spoken/")[3:5], next_words("clips", "lap", "runs/first")[3:5]
    (('--config', 'spoken'), ('--model', 'runs/first'))
    >>> next_words("instruct", "lap", "runs/whole")
    ()
    """
    beside = out.rstrip("/")
    if alignment:
        where = ("--model_name_or_path", out, "--dataset_name", data, "--output_dir", f"{beside}-adapter")
        return ("surgvqa-train", "audio", "--config", "audio_lora.yaml", *where)
    if config in SCORED_CONFIGS:
        which = ("--config", config) if config != "clips" else ()
        return ("surgvqa-eval", "predict", data, *which, "--model", out, "--out", f"{beside}-answers.jsonl")
    if (Path(out) / ADAPTER).is_file():
        return ("surgvqa-train", "merge", out, "--out", f"{beside}-merged")
    return ()


def use_cache(run: PreparedRun, folder: Path) -> None:
    """Compute the features of the run's clips that aren't in the cache, and train on them from here.

    Raises:
        InputError: as ``VisionCache.fill``.
    """
    trainer, encoder = run.trainer, run.encoder
    accelerator, collator = trainer.accelerator, trainer.data_collator
    inner = inner_model(trainer).to(trainer.args.device)
    precision = accelerator.mixed_precision
    cache = VisionCache(folder, inner, encoder, collator.tables, precision, accelerator.autocast)
    pairs = {(0, row) for row in run.units["row"]}
    if trainer.eval_dataset is not None:
        pairs |= {(1, row) for row in trainer.eval_dataset["row"]}
    own = sorted(pairs)[accelerator.process_index :: accelerator.num_processes]
    count = cache.fill(own, show=accelerator.is_local_main_process)
    accelerator.wait_for_everyone()
    print(f"vision cache: {len(own)} clips, {count} computed", file=sys.stderr)
    takes_features(inner, run.budget.media)
    collator.cache = cache


def doctor(arguments: Sequence[str]) -> None:
    """Run the checks before step 1, and nothing else.

    Raises:
        InputError: as ``main``, without training.
    """
    run = prepare(arguments)
    with memory_advice(less_memory(run.options, run.model_options)):
        examine(run, sys.stdout)
    run.trainer.end()
