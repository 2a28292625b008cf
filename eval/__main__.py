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

    leaks = verbs.add_parser("leaks", help="what the splits of any data set share; exit 1 where they do")
    leaks.add_argument("data", nargs="+", metavar="DIR", help="one or two data sets: a folder or org/name")
    leaks.add_argument("--config", help="default: clips, or the only one")
    leaks.add_argument("--columns", default="", metavar="case_id=NAME,…", help="our names for its columns")
    leaks.add_argument("--out", type=Path, metavar="FILE.json")
    return root


def leaks(args: argparse.Namespace) -> None:
    """Compare splits; exit code 1 where something leaks."""
    from surgvqa.eval.leaks import run as find_leaks

    if not find_leaks(args.data, args.config, args.columns, args.out):
        raise SystemExit(1)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run(parser(), {"leaks": leaks}, argv)


if __name__ == "__main__":
    sys.exit(main())
