"""``surgvqa-card``: cards that tell the truth, and publishing to the Hub."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from surgvqa.cards.command import run


def parser() -> argparse.ArgumentParser:
    """The command line; light, so that ``--help`` answers at once."""
    root = argparse.ArgumentParser(prog="surgvqa-card", description=__doc__)
    root.add_subparsers(dest="verb", required=True, metavar="VERB")
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run(parser(), {}, argv)


if __name__ == "__main__":
    sys.exit(main())
