"""``surgvqa-build instruct``: instruction data from labelled frames, by rule or with a teacher."""

from __future__ import annotations

from surgvqa.builders.files.one_command import alone
from surgvqa.builders.settings.instruct import Instruct
from surgvqa.cards.arguments.words import next_line
from surgvqa.cards.command import say


def run(config: Instruct) -> None:
    """Write instruction data, and say what the verifier refused."""
    if not config.estimate:
        say("writing instructions")  # no path: it may name a patient
    from surgvqa.builders.instruct import write

    if config.teacher is not None or config.estimate:
        print(write.estimate(config))
        if config.estimate:
            return
    with alone(config.out):
        report = write.instruct(config)
    for split, counts in report["splits"].items():
        print(f"{split}: {counts['cases']} videos, {counts['frames']} frames, {counts['samples']} samples")
    print(
        f"accepted {report['accepted_share']:.1%} of what {report['teacher']} wrote{'; refused for:' if report['reasons'] else ''}"
    )
    for cause, count in report["reasons"].items():
        print(f"  {cause}: {count}")
    print(f'{config.out} is ready: datasets.load_dataset("{config.out}", "instruct")')
    print(next_line("surgvqa-build", "verify", config.out))
