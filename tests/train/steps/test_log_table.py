"""A run's log on the terminal: a table, with and without the bar, and one closing line."""

from __future__ import annotations

from pathlib import Path

import pytest
from surgvqa.train.steps.log_table import Bar, LogTable, show_table
from transformers import TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import CallbackHandler, PrinterCallback, ProgressCallback


class FewSteps:
    """What `show_table` needs of a trainer: its options and its callbacks."""

    def __init__(self, folder: Path, disable_tqdm: bool) -> None:
        self.args = TrainingArguments(
            output_dir=str(folder), disable_tqdm=disable_tqdm, report_to="none", use_cpu=True
        )
        shown = PrinterCallback if disable_tqdm else ProgressCallback
        self.handler = CallbackHandler([shown], None, None, None, None)
        self.remove_callback = self.handler.remove_callback
        self.add_callback = self.handler.add_callback

    def log(self, step: int, **logs: object) -> None:
        state = TrainerState(global_step=step, is_world_process_zero=True)
        self.handler.on_log(self.args, state, TrainerControl(), logs)


@pytest.mark.parametrize("bare", [False, True])
def test_steps_are_rows_and_held_out_figures_a_line(
    tmp_path: Path, bare: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = FewSteps(tmp_path, bare)
    show_table(trainer)
    kinds = [type(own) for own in trainer.handler.callbacks]
    assert kinds == ([LogTable] if bare else [Bar, LogTable])
    trainer.log(10, loss=5.95812345, learning_rate="0.0003451", epoch=1.1111, clipped=3)
    trainer.log(10, eval_loss=2.25, eval_runtime=3.1, epoch=1.1111)
    trainer.log(20, loss=0.5, epoch=2.0)
    trainer.log(20, train_runtime=12.5, train_loss=3.2, total_flos=1e12)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["step", "epoch", "loss", "rate"],
        ["10", "1.111", "5.958", "0.0003451"],
        ["held", "out", "at", "step", "10:", "loss", "2.25"],
        ["20", "2", "0.5", "-"],
    ]
    assert "{" not in "".join(lines)
