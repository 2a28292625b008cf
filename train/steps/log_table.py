"""A run's log as one table on the terminal; every figure, unrounded, stays in ``trainer_state.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback
from transformers.trainer_utils import TrainOutput

# What TRL calls it -> the heading; others (times, clipped ratios) are for trainer_state.json
HEADINGS = {
    "step": "step",
    "epoch": "epoch",
    "loss": "loss",
    "mean_token_accuracy": "accuracy",
    "reward": "reward",
    "reward_blind": "blind",
    "reward_std": "spread",
    "completions/mean_length": "length",
    "kl": "kl",
    "entropy": "entropy",
    "grad_norm": "gradient",
    "learning_rate": "rate",
    "num_tokens": "tokens",
}
WIDTH = 9


class Bar(ProgressCallback):
    """The progress bar without dictionaries above it."""

    def on_log(self, *args: object, **kwargs: object) -> None:
        """Leave the figures to the table."""


class LogTable(TrainerCallback):
    """A line of the table whenever the trainer logs."""

    def __init__(self) -> None:
        self.columns: list[str] = []

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: object,
    ) -> None:
        """Write the figures of a step, or of the held-out questions; the closing line has those of the run."""
        if not state.is_world_process_zero or not logs or "train_runtime" in logs:
            return
        held_out = {name[5:]: value for name, value in logs.items() if name.startswith("eval_")}
        if held_out:
            parts = [f"{HEADINGS[name]} {cell(held_out[name])}" for name in HEADINGS if name in held_out]
            tqdm.write(f"held out at step {state.global_step}: {', '.join(parts)}")
            return
        figures = {"step": state.global_step, **logs}
        if not self.columns:
            self.columns = [name for name in HEADINGS if name in figures]
            tqdm.write(row([HEADINGS[name] for name in self.columns]))
        tqdm.write(row([cell(figures.get(name)) for name in self.columns]))


def show_table(trainer: Trainer) -> None:
    """Let a trainer's log be a table; the bar stays unless ``--disable_tqdm`` takes it away."""
    for callback in (ProgressCallback, PrinterCallback):
        trainer.remove_callback(callback)
    if not trainer.args.disable_tqdm:
        trainer.add_callback(Bar)
    trainer.add_callback(LogTable)


def row(cells: Sequence[str]) -> str:
    """Return a line of the table.

    >>> row(["step", "loss"]), row(["10", "5.958"])
    ('     step       loss', '       10      5.958')
    """
    return "  ".join(text.rjust(WIDTH) for text in cells)


def cell(value: object) -> str:
    """Return a figure with four digits; the trainer hands some over as text.

    >>> cell("0.0003451"), cell(27610.0), cell(1.1111), cell(None), cell(12)
    ('0.0003451', '27610', '1.111', '-', '12')
    """
    if value is None:
        return "-"
    number = float(str(value))
    return f"{number:.0f}" if number.is_integer() else f"{number:.4g}"


def closing_line(out: str, outcome: TrainOutput, figures: Mapping[str, float | None]) -> str:
    """Return what a run says at its end; a figure that is None isn't known.

    >>> outcome = TrainOutput(12, 5.806973775227864, {"train_runtime": 25.5283})
    >>> closing_line("runs/a", outcome, {"loss": outcome.training_loss, "best held-out figure": None})
    'runs/a: 12 steps in 26 s, loss 5.807'
    """
    parts = [f"{name} {cell(value)}" for name, value in figures.items() if value is not None]
    return ", ".join(
        [f"{out}: {outcome.global_step} steps in {outcome.metrics['train_runtime']:.0f} s", *parts]
    )
