"""``surgvqa-build SOURCE``: build a data set from a source, and publish it if asked to."""

from __future__ import annotations

from surgvqa.builders.settings.build import Build
from surgvqa.cards.arguments.words import next_line


def run(config: Build) -> None:
    """Build a data set and print what is in it."""
    from surgvqa.builders.files import process_pool

    if config.workers:
        process_pool.begin("surgvqa.builders.pipeline.build")
    from surgvqa.builders.pipeline.build import build
    from surgvqa.builders.pipeline.report import blind_table
    from surgvqa.cards.files import manifest as manifests

    manifest = build(config)
    report = manifests.read_report(config.out)
    print(blind_table(report))
    for split, counts in manifest["counts"].items():
        print(f"{split}: {counts['cases']} cases, {counts['clips']} clips, {counts['qa']} questions")
    for note in report["notes"]:
        print(f"note: {note}")
    for warning in report["warnings"]:
        print(f"warning: {warning}")
    if manifest["dropped"]:
        print(
            f"left out: {len(manifest['dropped'])} things, listed with their causes in {config.out / manifests.NAME}"
        )
    print(f'{config.out} is ready: datasets.load_dataset("{config.out}", "clips")')
    print(next_line("surgvqa-card", "dataset", config.out))
    if config.push_to:
        from surgvqa.cards.publish.push import push

        print(f"published {config.push_to} at {push(config.out, config.push_to)}")
