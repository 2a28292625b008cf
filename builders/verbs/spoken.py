"""``surgvqa-build spoken``: the questions of a data set as sound."""

from __future__ import annotations

from surgvqa.builders.files.one_command import alone
from surgvqa.builders.settings.spoken import SpokenQuestions
from surgvqa.cards.command import InputError


def run(config: SpokenQuestions) -> None:
    """Add config spoken and say how many questions are spoken."""
    from surgvqa.builders.speech.spoken import add_spoken

    if not config.folder.is_dir():
        raise InputError(f"no data set at {config.folder}")
    with alone(config.folder):
        counts = add_spoken(config)
    for split, count in counts.items():
        print(f"{split}: {count} spoken questions")
