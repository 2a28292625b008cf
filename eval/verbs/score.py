"""``surgvqa-eval score``, ``compare``, ``pointing`` and ``segmentation``: figures of predictions."""

from __future__ import annotations

from surgvqa.cards.arguments.words import next_line
from surgvqa.eval.settings.score import Board, Compare, Judge, Score, Texts
from surgvqa.eval.settings.spatial import MaskAnswers, Pointing, Segmentation


def score(config: Score) -> None:
    """Print the table and write the figures."""
    from surgvqa.eval.commands import run_score

    run_score.score(config)
    if config.data and config.out:
        split = ["--split", config.split] if config.split != "test" else []
        page = config.file.with_name(f"{config.file.stem}-report.html")
        run_score.show(
            next_line("surgvqa-eval", "report", config.file, "--data", config.data, *split, "--out", page)
        )


def compare(config: Compare) -> None:
    """Print the table and write the figures."""
    from surgvqa.eval.commands import run_score

    run_score.compare(config)


def judge(config: Judge) -> None:
    """Print the agreement and the figure, and write both."""
    from surgvqa.eval.commands import run_judge

    run_judge.run(config)


def texts(config: Texts) -> None:
    """Print the table and write the figures."""
    from surgvqa.eval.commands import run_texts

    run_texts.run(config)


def board(config: Board) -> None:
    """Print the table and write the figures."""
    from surgvqa.eval.commands import run_board

    run_board.run(config)


def pointing(config: Pointing) -> None:
    """Print the table and write the figures."""
    from surgvqa.eval.commands import run_pointing

    run_pointing.pointing(config)


def mask_answers(config: MaskAnswers) -> None:
    """Answer by masks."""
    from surgvqa.eval.commands import run_mask_answers

    run_mask_answers.run(config)


def segmentation(config: Segmentation) -> None:
    """Print the table and write the figures."""
    from surgvqa.eval.commands import run_segmentation

    run_segmentation.segmentation(config)
