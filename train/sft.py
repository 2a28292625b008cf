r"""Fine-tune a Qwen-VL on clips with TRL's SFTTrainer, all questions of a clip in one sequence.

    surgvqa-train sft --config configs/sft_lora.yaml --model_name_or_path Qwen/Qwen2.5-VL-3B-Instruct \
        --dataset_name my-clips --output_dir runs/first

Read from top to bottom: load, say what a sequence costs, check that pixels matter, train, save.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc
import torch
from datasets import Dataset
from surgvqa.cards.command import InputError
from surgvqa.eval.budget import Budget
from surgvqa.eval.dataset import load_clips, split_of
from surgvqa.eval.encode import Encoder, name
from surgvqa.eval.pixels import normalise_on_device
from surgvqa.train.collate import Collator, units
from surgvqa.train.doctor import pixels_matter
from surgvqa.train.options import LORA_TARGETS, parse, quantisation
from surgvqa.train.shared_prefix import SharedPrefix
from surgvqa.train.tiny import FAMILIES
from tqdm import tqdm
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    AutoProcessor,
    PreTrainedModel,
    ProcessorMixin,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from trl import ModelConfig, SFTTrainer, get_peft_config


def main(arguments: Sequence[str]) -> None:
    """Run the recipe.

    Raises:
        InputError: an option, a model or a data set that doesn't fit; a sequence longer than the budget;
            pixels that don't reach the model.
    """
    data, training, model_options = parse(arguments)
    splits = load_clips(data.dataset_name, data.dataset_config)
    rows = split_of(splits, data.dataset_train_split, data.dataset_name)

    processor, model = load(model_options)
    budget = Budget(
        frames_of(rows, training.frames), training.media, training.min_pixels, training.max_pixels
    )
    root = Path(data.video_root or data.dataset_name)
    encoder = Encoder(processor, budget, root)
    shared = training.questions_per_sequence != 1
    limit = training.max_length or model.config.get_text_config().max_position_embeddings
    train_units = measured(rows, encoder, training.questions_per_sequence, limit)
    collator = Collator(rows, encoder, shared)

    eval_units = None
    if training.eval_strategy != "no":
        raise_if_test(data.dataset_test_split)
        held_out = split_of(splits, data.dataset_test_split, data.dataset_name)
        eval_units = measured(held_out, encoder, training.questions_per_sequence, limit)
        collator = Collator([rows, held_out], encoder, shared)
        train_units = train_units.add_column("table", [0] * len(train_units))
        eval_units = eval_units.add_column("table", [1] * len(eval_units))

    normalise_on_device(model, processor)
    if shared:
        SharedPrefix(model)
    if model_options.use_peft and not model_options.lora_target_modules:
        model_options.lora_target_modules = LORA_TARGETS
    trainer = SFTTrainer(
        model=model,
        args=training,
        train_dataset=train_units,
        eval_dataset=eval_units,
        data_collator=collator,
        processing_class=processor,
        peft_config=get_peft_config(model_options),
        callbacks=[SaveBudget(budget)],
    )
    # SFTTrainer divides by the answer tokens of all accumulated batches if it is told their number; it isn't for
    # Qwen-VL (`accepts_loss_kwargs = False`), where a short answer in a small batch would weigh more.
    trainer.model_accepts_loss_kwargs = True
    if budget.frames:
        print(f"swapped pixels change the loss by {pixels_matter(trainer, train_units):.2e}", file=sys.stderr)
    try:
        trainer.train(resume_from_checkpoint=training.resume_from_checkpoint)
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"the card is full ({str(error).splitlines()[0]}); in this order: --gradient_checkpointing true, "
            "--per_device_train_batch_size 1, --questions-per-sequence 3, a lower --max_pixels, sft_qlora.yaml"
        ) from None
    trainer.save_model(training.output_dir)
    trainer.save_state()
    if trainer.is_world_process_zero():
        budget.save(Path(training.output_dir))
        last = [entry for entry in trainer.state.log_history if "train_loss" in entry]
        print(json.dumps({"output_dir": training.output_dir, **(last[-1] if last else {})}))
    if training.push_to_hub:
        trainer.push_to_hub(dataset_name=data.dataset_name)
    trainer.end()


def load(options: ModelConfig) -> tuple[ProcessorMixin, PreTrainedModel]:
    """Processor and model, told apart by ``config.model_type`` and never by a name.

    Raises:
        InputError: nothing there, or not a model of the three families.
    """
    where = options.model_name_or_path
    try:
        config = AutoConfig.from_pretrained(where, revision=options.model_revision)
        processor = AutoProcessor.from_pretrained(where, revision=options.model_revision)
    except (OSError, ValueError) as error:
        raise InputError(f"no model at {where}: {str(error).splitlines()[0]}") from None
    if config.model_type not in FAMILIES:
        raise InputError(f"{where} is a {config.model_type}; the trainer knows {', '.join(FAMILIES)}")
    model = AutoModelForImageTextToText.from_pretrained(
        where,
        revision=options.model_revision,
        dtype=options.dtype,
        attn_implementation=options.attn_implementation,
        quantization_config=quantisation(options),
    )
    return processor, model


def frames_of(rows: Dataset, wanted: int | None) -> int:
    """How many frames every row can give.

    Raises:
        InputError: rows with neither frames nor a video, or videos and no ``--frames``.
    """
    if wanted is not None:
        return wanted
    counts = pc.list_value_length(rows.with_format("arrow")["images"].combine_chunks()) if len(rows) else []
    fewest = min((count.as_py() or 0 for count in counts), default=0)
    if fewest:
        return fewest
    if "video" in rows.features and any(rows["video"]):
        raise InputError("the clips are videos: say how many frames of each the model is to see, --frames 8")
    raise InputError(
        "there are clips without frames; build with --media frames, or give --frames 0 for text only"
    )


def measured(rows: Dataset, encoder: Encoder, questions_per_sequence: int, limit: int) -> Dataset:
    """Units with their length in tokens; nothing is ever cut, so one that is too long stops the run now.

    Raises:
        InputError: names the longest sequence and what to lower.
    """
    out = units(rows, questions_per_sequence)
    lengths = []
    for unit in tqdm(out, desc="measuring sequences", disable=len(out) < 500, file=sys.stderr):
        alone = encoder.lengths(rows[unit["row"]], unit["questions"])
        lengths.append(max(alone))
    longest = max(range(len(lengths)), key=lengths.__getitem__)
    if lengths[longest] > limit:
        raise InputError(
            f"{name(rows[out[longest]['row']])} takes {lengths[longest]} tokens, the budget is {limit}; "
            "lower --max_pixels or --frames, or raise --max_length (nothing is cut: a cut would fall on pixels)"
        )
    return out.add_column("length", lengths)


def raise_if_test(split: str) -> None:
    """Choosing a checkpoint by the test split would make its score a training score."""
    if split.startswith("test"):
        raise InputError(
            f"evaluating on {split!r} while training spends it; use --dataset_test_split validation"
        )


class SaveBudget(TrainerCallback):
    """Puts what the model saw beside every checkpoint."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Called by the trainer when a checkpoint is whole."""
        if state.is_world_process_zero:
            self.budget.save(Path(args.output_dir) / f"checkpoint-{state.global_step}")
