"""``surgvqa-build labels``: frame labels refined by those of other tools."""

from __future__ import annotations

from surgvqa.builders.settings.labels import Labels


def run(config: Labels) -> None:
    """Refine frame labels by those of other tools."""
    from surgvqa.builders.files.faults import listed
    from surgvqa.builders.frames.label_files import merge

    merged = merge(config)
    print(f"labels of {merged.frames} frames went into {config.into}")
    if merged.left_out:
        print(f"cut or left out: {listed(merged.left_out)}")
    if merged.unmatched:
        print(f"{len(merged.unmatched)} pictures are no frame of it, such as {merged.unmatched[0]}")
