"""``surgvqa-build import`` and ``export``: data in the forms of others."""

from __future__ import annotations

from surgvqa.builders.files.one_command import alone
from surgvqa.builders.settings.interchange import Export, Import


def import_file(config: Import) -> None:
    """Write a data set from conversations."""
    from surgvqa.builders.instruct.interchange import import_file as write

    with alone(config.out):
        report = write(config)
    for split, counts in report["splits"].items():
        print(f"{split}: {counts['samples']} samples")
    say_lost(report["lost"])
    print(f'{config.out} is ready: datasets.load_dataset("{config.out}", "instruct")')


def export(config: Export) -> None:
    """Write a data set in another form."""
    from surgvqa.builders.instruct.interchange import FORMS
    from surgvqa.builders.instruct.interchange import export as write_conversations
    from surgvqa.builders.peers.formats import export as write

    form = config.to or config.form
    if form in FORMS or not config.to:
        say_lost(write_conversations(config.folder, config.out, form, config.config))
    else:
        say_lost(write(config.folder, config.out, form, config.predictions))
    print(f"{config.out} is ready")


def say_lost(losses: dict[str, int]) -> None:
    """Print what the other form could not say."""
    for what, count in losses.items():
        print(f"lost in {count} samples: {what}")
    if not losses:
        print("nothing is lost")
