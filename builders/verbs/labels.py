"""``surgvqa-build labels``: frame labels refined by those of other tools."""

from __future__ import annotations

from surgvqa.builders.settings.labels import Labels


def run(config: Labels) -> None:
    """Refine frame labels by those of other tools."""
    from surgvqa.builders.files.faults import summarise
    from surgvqa.builders.frames.label_files import merge

    outcome = merge(config)
    print(f"labels of {outcome.frames} frames went into {config.into}")
    if outcome.left_out:
        print(f"cut or left out: {summarise(outcome.left_out)}")
    if outcome.unmatched_pictures:
        print(
            f"{len(outcome.unmatched_pictures)} pictures are no frame of it, such as {outcome.unmatched_pictures[0]}"
        )
