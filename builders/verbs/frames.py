"""``surgvqa-build frames``: still frames with their times and labels from videos."""

from __future__ import annotations

from surgvqa.builders.files.one_command import alone
from surgvqa.builders.settings.frames import Frames
from surgvqa.cards.arguments.words import next_line


def run(config: Frames) -> None:
    """Take frames from videos and say how many."""
    from surgvqa.builders.frames.extract import extract

    with alone(config.out):
        extraction = extract(config)
    if extraction.outside:
        print(f"{extraction.outside} moments outside the body were left out")
    print(
        f"{extraction.frames} frames, {extraction.labelled_frames} of them labelled at that very moment; {extraction.duplicates} that look "
        f"like another were left out; labels in {extraction.path}"
    )
    own = config.root / "procedure.yaml"
    # With pseudonyms no path below the operations is printed: it may name a patient.
    hides_names = config.pseudonyms is not None
    if extraction.labelled_frames and not hides_names and (config.taxonomy or own.is_file()):
        taxonomy = ("--taxonomy", config.taxonomy or own)
        print(
            next_line(
                "surgvqa-build", "instruct", extraction.path, *taxonomy, "--out", f"{config.out}-instruct"
            )
        )
