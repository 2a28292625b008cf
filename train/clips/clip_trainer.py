"""TRL's SFTTrainer with a learning rate per part, answers while training, and a last checkpoint that is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import is_peft_model
from surgvqa.cards.command import InputError, say
from surgvqa.cards.files import manifest
from surgvqa.cards.write.model import ADAPTER, TRAINING, card_of_training
from surgvqa.eval.models.audio_graft import save_ears
from surgvqa.eval.models.budget import BUDGET_FILE, Budget
from surgvqa.train.clips.answering import Answering, measure
from surgvqa.train.steps.answer_head import taught_alone
from surgvqa.train.steps.kind_loss import KIND_INDEX, KindLoss
from surgvqa.train.steps.optimizer import optimizer_for
from torch import Tensor
from torch.utils.data import Sampler
from transformers import (
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    WhisperFeatureExtractor,
)
from transformers.trainer_pt_utils import get_length_grouped_indices
from transformers.trainer_utils import EvalLoopOutput
from trl import SFTTrainer


class Draws(Sampler[int]):
    """The order of an epoch, from the seed and the epoch alone; by weights and in groups of like length if given.

    transformers' own length groups follow from the global random numbers, so that a run that is resumed in its
    second epoch goes on in another order than the one it left.

    Args:
        weights: how often each sequence is drawn in an epoch, on average; systematic resampling gives every one
            its weight rounded down or up.
        lengths: of the sequences in tokens, where those of like length are to go together; else None.
        together: how many go through the model before a step.
        seed: of the run.
    """

    def __init__(
        self, weights: Sequence[float], lengths: Sequence[int] | None, together: int, seed: int
    ) -> None:
        self.weights, self.lengths, self.together, self.seed, self.epoch = weights, lengths, together, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Begin an epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        """As many as there are."""
        return len(self.weights)

    def __iter__(self) -> Iterator[int]:
        """Yield indices of rows."""
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        order = torch.randperm(len(self), generator=generator)
        ends = torch.tensor(self.weights, dtype=torch.float64)[order].cumsum(0)
        points = torch.arange(len(self), dtype=torch.float64) + torch.rand((), generator=generator)
        indices = order[
            torch.searchsorted(ends, points * ends[-1] / len(self), right=True).clamp(max=len(self) - 1)
        ]
        indices = indices[torch.randperm(len(self), generator=generator)]
        if self.lengths is None:
            return iter(indices.tolist())
        lengths = [self.lengths[index] for index in indices.tolist()]
        places = get_length_grouped_indices(lengths, self.together, generator=generator)
        return iter(indices[places].tolist())


class EndsOnce:
    """Before a trainer of transformers: a run that is resumed after its last step takes no further one.

    transformers 5.23 looks whether a run is over after each step, and so first at step ``max_steps + 1`` where the last
    checkpoint was already the end: a run that was stopped while its result was saved would go on learning.
    """

    state: TrainerState
    control: TrainerControl

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        if self.state.global_step >= self.state.max_steps:
            self.control.should_training_stop = True
            return
        super()._run_epoch(*args, **kwargs)  # type: ignore[misc]


def asked_for(args: TrainingArguments) -> dict[str, object]:
    """Return the settings of a run that its log doesn't hold and a card must say."""
    return {
        "learning_rate": args.learning_rate,
        "lr_scheduler": str(getattr(args.lr_scheduler_type, "value", args.lr_scheduler_type)),
        "seed": args.seed,
        "batch_per_step": args.train_batch_size * args.gradient_accumulation_steps * args.world_size,
    }


class OwnCard:
    """Before a trainer of TRL: the card in ``output_dir`` is ours, with what is known of the training.

    TRL's and peft's have blanks where a reader looks first, and name a base that is a folder here "None". TRL writes its
    card beside checkpoints and before a push.
    """

    args: TrainingArguments
    trained_on: str = ""  # a folder or a name on the Hub

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write README.md where the whole model lies; checkpoints before it have none."""
        folder = Path(self.args.output_dir)
        is_model = (folder / ADAPTER).is_file() or (folder / "config.json").is_file()
        if is_model and self.is_world_process_zero():  # type: ignore[attr-defined]
            manifest.put(folder / TRAINING, json.dumps(asked_for(self.args), indent=1) + "\n")
            manifest.put(folder / manifest.CARD, card_of_training(folder, self.trained_on))


class ClipTrainer(OwnCard, EndsOnce, SFTTrainer):
    """SFTTrainer, with ``surgvqa.train.steps.optimizer`` and, if given, questions to answer at every evaluation."""

    answering: Answering | None = None
    by_kind: KindLoss | None = None
    optimizer: torch.optim.Optimizer | None

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW or Muon, with the parts' learning rates."""
        if self.optimizer is None:
            model = self.model if model is None else model
            cls, settings = self.get_optimizer_cls_and_kwargs(self.args, model)
            decay_names = self.get_decay_parameter_names(model)
            self.optimizer = optimizer_for(model, self.args, decay_names, cls, settings)
        return self.optimizer

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """TRL's; the logits of every token only where they are asked for."""
        batch = inputs if return_outputs else taught_alone(inputs)
        if self.by_kind is not None:
            batch = self.by_kind.take(batch, self.progress())
        return super().compute_loss(model, batch, return_outputs, num_items_in_batch)

    def progress(self) -> float:
        """Return the share of the run that lies behind."""
        return self.state.global_step / max(1, self.state.max_steps)

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> Any:
        """As the trainer's; the sum of the taught tokens' weights where kinds of questions have some."""
        count = super()._get_num_items_in_batch(batch_samples, device)
        if self.by_kind is None or count is None or not all(KIND_INDEX in batch for batch in batch_samples):
            return count
        amount = self.by_kind.amount(batch_samples, self.progress()).to(device)
        if self.args.average_tokens_across_devices and self.args.world_size > 1:
            amount = self.accelerator.gather(amount).sum()
        return amount

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add what was learned of each kind since the last line."""
        if self.by_kind is not None and "loss" in logs:
            logs |= self.by_kind.figures(self._total)
        super().log(logs, start_time)

    def _total(self, sums: Tensor) -> Tensor:
        return self.accelerator.reduce(sums.to(self.args.device), "sum").cpu()

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows = self.train_dataset if train_dataset is None else train_dataset
        strategy, weights = self.args.train_sampling_strategy, list(rows["weight"])
        if strategy == "sequential":
            return super()._get_train_sampler(train_dataset)
        lengths = list(rows["length"]) if strategy == "group_by_length" else None
        together = self.args.train_batch_size * self.args.gradient_accumulation_steps
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        return Draws(weights, lengths, together, seed)

    def evaluation_loop(self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any) -> EvalLoopOutput:
        """Return the loss, and what the model answers."""
        out = super().evaluation_loop(*args, metric_key_prefix=metric_key_prefix, **kwargs)
        if self.answering is not None:
            model = self.accelerator.unwrap_model(self.model)
            figures = measure(
                self.answering, model, self.accelerator.process_index, self.accelerator.num_processes
            )
            out.metrics.update({f"{metric_key_prefix}_{name}": value for name, value in figures.items()})
        return out

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if self._holds_whole_weights():
            self._load_weights(resume_from_checkpoint)
        else:
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_best_model(self) -> None:
        if self._holds_whole_weights():
            self._load_weights(str(self.state.best_model_checkpoint))
        else:
            super()._load_best_model()

    def _holds_whole_weights(self) -> bool:
        return not (is_peft_model(self.model) or self.is_fsdp_enabled or self.is_deepspeed_enabled)

    def _load_weights(self, checkpoint: str) -> None:
        """Load a checkpoint's weights, every one of them.

        transformers 5.23 saves Qwen2-VL and Qwen2.5-VL under the names of older releases, and its trainer then
        finds none of them again: it warns, and goes on with the base model's.
        """
        saved_model = type(self.model).from_pretrained(checkpoint, dtype=self.model.dtype, device_map=None)
        self.model.load_state_dict(saved_model.state_dict(), strict=True)


class SaveBudget(TrainerCallback):
    """Puts what the model saw beside every checkpoint, last of all its files: it also marks a whole one."""

    def __init__(self, budget: Budget, extractor: WhisperFeatureExtractor | None = None) -> None:
        self.budget = budget
        self.extractor = extractor

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Seal a checkpoint that the trainer has written."""
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            if self.extractor is not None:
                save_ears(self.extractor, folder)
            self.budget.save(folder)


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end; one cut off by a crash is passed over."""
    whole = [path.parent for path in folder.glob(f"checkpoint-*/{BUDGET_FILE}")]
    return max(whole, key=lambda path: int(path.name.split("-")[-1]), default=None)


def note_replaced(folder: Path) -> None:
    """Say that a model which an earlier run left in the folder will be replaced, by the process that writes."""
    there = [name for name in (ADAPTER, "model.safetensors") if (folder / name).is_file()]
    if there and PartialState().is_main_process:
        say(f"{folder} holds a trained model ({there[0]}): this run replaces it at its end, with its card")


def checkpoint_to_resume(option: str | None, folder: Path) -> str | None:
    """``--resume_from_checkpoint``: true for the last whole one (none yet: from the start), or a folder.

    Raises:
        InputError: a folder that is no whole checkpoint.
    """
    if option is None or option.lower() == "false":
        return None
    if option.lower() == "true":
        newest = last_checkpoint(folder)
        return None if newest is None else str(newest)
    if not (Path(option) / BUDGET_FILE).is_file():
        raise InputError(
            f"{option} is no whole checkpoint of ours (no {BUDGET_FILE}); give true for the last one"
        )
    return option
