"""``surgvqa-build spoken``: the questions of a data set as sound."""

from __future__ import annotations

from surgvqa.builders.settings.spoken import Spoken


def run(config: Spoken) -> None:
    """Add config spoken and say how many questions are spoken."""
    from surgvqa.builders.speech.spoken import add_spoken

    for split, count in add_spoken(config).items():
        print(f"{split}: {count} spoken questions")
