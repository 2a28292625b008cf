r"""Fine-tune a Qwen-VL on clips with TRL's SFTTrainer, all questions of a clip in one sequence.

    surgvqa-train sft --config configs/sft_lora.yaml --model_name_or_path Qwen/Qwen2.5-VL-3B-Instruct \
        --dataset_name my-clips --output_dir runs/first

Read from top to bottom: prepare, let the doctor look, train, save.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from surgvqa.cards import sums
from surgvqa.cards.command import InputError
from surgvqa.eval.graft import save_ears
from surgvqa.train.clip_trainer import checkpoint_to_resume
from surgvqa.train.doctor import examine
from surgvqa.train.prepare import Prepared, prepare


def main(arguments: Sequence[str]) -> None:
    """Run the recipe.

    Raises:
        InputError: an option, a model or a data set that doesn't fit; a sequence longer than the budget;
            anything the doctor finds wrong before step 1.
    """
    learn(prepare(arguments))


def learn(run: Prepared) -> None:
    """Let the doctor look, train, save.

    Raises:
        InputError: as ``main``.
    """
    trainer, options = run.trainer, run.options
    resume = checkpoint_to_resume(options.resume_from_checkpoint, Path(options.output_dir))
    try:
        examine(run)
        trainer.train(resume_from_checkpoint=resume)
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"the card is full ({str(error).splitlines()[0]}); in this order: --gradient_checkpointing true, "
            "--per_device_train_batch_size 1, --questions-per-sequence 3, a lower --max_pixels, sft_qlora.yaml"
        ) from None
    trainer.save_model(options.output_dir)
    trainer.save_state()
    if trainer.is_world_process_zero():
        if run.extractor is not None:
            save_ears(run.extractor, Path(options.output_dir))
        run.budget.save(Path(options.output_dir))
        sums.write(Path(options.output_dir))
        last = [entry for entry in trainer.state.log_history if "train_loss" in entry]
        best = {"best": trainer.state.best_metric} if trainer.state.best_metric is not None else {}
        print(json.dumps({"output_dir": options.output_dir, **best, **(last[-1] if last else {})}))
    if options.push_to_hub:
        trainer.push_to_hub(dataset_name=run.dataset_name)
    trainer.end()


def doctor(arguments: Sequence[str]) -> None:
    """The checks before step 1, alone.

    Raises:
        InputError: as ``main``, without training.
    """
    run = prepare(arguments)
    examine(run, sys.stdout)
    run.trainer.end()
