"""``surgvqa-eval``: predict, score, and everything that shows what a score is worth."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from surgvqa.cards.command import run


def parser() -> argparse.ArgumentParser:
    """The command line; light, so that ``--help`` answers at once."""
    root = argparse.ArgumentParser(prog="surgvqa-eval", description=__doc__)
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    _score_arguments(verbs.add_parser("score", help="accuracy beside chance and a blind guess"))
    _pointing_arguments(
        verbs.add_parser("pointing", help="where is it: points, boxes and positions, beside guessers")
    )
    return root


def _pointing_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "file", type=Path, help="predictions on the config pointing: JSONL, qa_id being its row_id"
    )
    verb.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data set")
    verb.add_argument("--split", default="test", help="the split that was asked (default: test)")
    verb.add_argument("--out", type=Path, metavar="FILE.json", help="write every figure as JSON")
    verb.add_argument("--seed", type=int, default=0)


def _score_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("file", type=Path, help="predictions: JSONL, JSON, CSV, an Inspect log")
    verb.add_argument("--out", type=Path, metavar="FILE.json", help="write every figure as JSON")
    _truth_arguments(verb)


def _truth_arguments(verb: argparse.ArgumentParser) -> None:
    """What `score` and `compare` share: the rule, the columns, and where the right answers are."""
    verb.add_argument(
        "--rule", help="exact, word, substring or choice; default choice where choices are known"
    )
    verb.add_argument(
        "--columns",
        default="",
        metavar="FIELD=COLUMN,…",
        help="our fields in your file: kind=question_type,…",
    )
    verb.add_argument("--data", metavar="DIR", help="the data set: its questions are the denominator")
    verb.add_argument("--split", default="test", help="the data set's split that was asked (default: test)")
    verb.add_argument(
        "--train", metavar="DIR", help="training questions for the blind guess (default: --data's)"
    )
    verb.add_argument(
        "--data-columns", default="", metavar="FIELD=COLUMN,…", help="as --columns, for --data, --train"
    )
    verb.add_argument("--seed", type=int, default=0)


def score(args: argparse.Namespace) -> None:
    """Print the table and write the figures."""
    from surgvqa.eval import run_score

    run_score.score(args)


def pointing(args: argparse.Namespace) -> None:
    """Print the table and write the figures."""
    from surgvqa.eval import run_pointing

    run_pointing.pointing(args)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run(parser(), {"score": score, "pointing": pointing}, argv)


if __name__ == "__main__":
    sys.exit(main())
