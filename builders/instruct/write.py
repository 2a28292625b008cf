"""Labelled frames in, instruction data out: a teacher writes, the verifier judges, config `instruct` is written.

What is refused lies beside the data set in `OUT.teacher/refused.jsonl`, with the reasons, and is never part of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from surgvqa.builders.cases.splits import assign
from surgvqa.builders.frames import frame_labels
from surgvqa.builders.frames.entry import FrameLabels
from surgvqa.builders.instruct.folder import Build, facts_of, finish, picture, refuse_foreign, teacher_folder
from surgvqa.builders.instruct.rows import Material, write
from surgvqa.builders.privacy.pseudonyms import Pseudonyms
from surgvqa.builders.privacy.pseudonyms import load as load_pseudonyms
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.schema import Case
from surgvqa.builders.settings.instruct import Instruct
from surgvqa.builders.teachers.asking import Teacher, collect_answers, costs
from surgvqa.builders.teachers.server import Server
from surgvqa.builders.teachers.server import server as server_at
from surgvqa.cards.arguments.option import options
from surgvqa.cards.arguments.words import command_words
from surgvqa.cards.command import InputError, nearest
from surgvqa.cards.files.documents import InstructReport, LeftOut


def instruct(config: Instruct, *, server: Server | None = None) -> InstructReport:
    """Write the data set folder ``config.out`` from labelled frames; returns its report.

    ``server`` is the teacher's, with other patience than usual.

    Raises:
        InputError: bad labels, pictures that aren't there, a server that refuses or doesn't answer.
    """
    labels, out = config.labels, config.out
    taxonomy = load(config.taxonomy)
    server = server or server_of(config)
    if config.media not in ("frames", "none"):
        raise InputError(f"--media {config.media}: of instruction data frames or none")
    frames = sorted(frame_labels.read(labels, taxonomy), key=lambda f: (f.video_id, f.timestamp_s, f.image))
    refuse_foreign(out)
    beside = teacher_folder(out)
    names = load_pseudonyms(config.pseudonyms, out) if config.pseudonyms is not None else None
    places = {names.file(frame.image) if names else frame.image: frame.image for frame in frames}
    if names is not None:
        frames, test_cases = pseudonymise(frames, config.test_cases, names)
        config = replace(config, test_cases=tuple(test_cases))
        names.save()
    omissions: list[LeftOut] = []
    if config.media == "frames":
        frames, omissions = present(frames, labels.parent, places, config.on_error)
    split = splits(frames, config)
    teacher = Teacher(taxonomy, config.seed, server)
    if server is not None:
        answers, failures = collect_answers(frames, taxonomy, server, beside, config.on_error)
        teacher, omissions = replace(teacher, answers=answers), [*omissions, *failures]
    try:
        material = Material(frames=frames, split=split, places=places, teacher=teacher, config=config)
        files, report = write(material, out, beside)
    finally:
        teacher.close()
    parameters = {
        "source": "instruct", "taxonomy": taxonomy.name, "teacher": teacher.name, "media": config.media,
        "max_side": config.max_side or None, "test_cases": sorted(config.test_cases), "validation": config.validation,
        "test": config.test, "seed": config.seed, "system": config.system, "on_error": config.on_error,
    }  # fmt: skip
    build = Build(
        facts=facts_of(taxonomy),
        source=labels,
        files=files,
        report=report,
        parameters=parameters,
        split=split,
        command=command_words("surgvqa-build", "instruct", options(Instruct), config),
        omissions=omissions,
    )
    finish(out, build, names)
    return report


def server_of(config: Instruct) -> Server | None:
    """Return the teacher's server, None for the template teacher."""
    if (config.teacher is None) != (config.model is None):
        raise InputError("--teacher URL and --model NAME go together")
    if config.teacher is None or config.model is None:
        return None
    return server_at(config.teacher, config.model, config.concurrency)


def estimate(config: Instruct) -> str:
    """Say what asking costs, for what the cache lacks."""
    taxonomy, server = load(config.taxonomy), server_of(config)
    if server is None:
        raise InputError("--estimate says what a teacher costs: give --teacher URL and --model NAME")
    frames = frame_labels.read(config.labels, taxonomy)
    prices = (config.price_in, config.price_out)
    return costs(frames, taxonomy, server, teacher_folder(config.out), prices)


def pseudonymise(
    frames: Sequence[FrameLabels], test_cases: Sequence[str], names: Pseudonyms
) -> tuple[list[FrameLabels], list[str]]:
    """Return frames and held-out videos under their other names."""
    video_ids = {frame.video_id for frame in frames}
    real = {
        names.case(video_id): video_id for video_id in sorted(video_ids)
    }  # a card's command has these names
    test_cases = [real.get(video_id, video_id) for video_id in test_cases]
    for video_id in test_cases:
        if video_id not in video_ids:
            raise InputError(
                f"--test-cases {video_id}: no such video; {nearest(video_id, sorted(video_ids))}"
            )
    others = [
        replace(frame, image=names.file(frame.image), video_id=names.case(frame.video_id)) for frame in frames
    ]
    others.sort(key=lambda frame: (frame.video_id, frame.timestamp_s, frame.image))  # not by the real names
    return others, [names.case(video_id) for video_id in test_cases]


def present(
    frames: Sequence[FrameLabels], root: Path, places: Mapping[str, str], on_error: str
) -> tuple[list[FrameLabels], list[LeftOut]]:
    """Return the frames whose pictures are there, below ``root``, by ``places``, and the others as faults."""
    present_frames: list[FrameLabels] = []
    faults: list[LeftOut] = []
    first = ""
    for frame in frames:
        try:
            picture(root, places[frame.image])
            present_frames.append(frame)
        except InputError as error:  # what is published of it says no place on this disk
            cause = "no such picture below the labels' folder"
            faults.append({"item": f"{frame.video_id}: {frame.image}", "cause": cause, "fault": True})
            first = first or str(error)
    if faults and on_error == "fail":
        raise InputError(
            f"{len(faults)} pictures of {len(frames)} can't be read: {first}; correct the labels, or leave "
            "these frames out with --on-error quarantine"
        )
    if not present_frames:
        raise InputError(f"no picture of the labels is below {root}; --media none writes text alone")
    return present_frames, faults


def splits(frames: Sequence[FrameLabels], config: Instruct) -> dict[str, str]:
    """Return the split of every video."""
    counts = Counter(frame.video_id for frame in frames)
    return assign(
        [Case(video_id, "instruct", "") for video_id in sorted(counts)],
        kinds_by_case={video_id: {"frames": count} for video_id, count in counts.items()},
        test_cases=config.test_cases,
        seed=config.seed,
        validation=config.validation,
        test=config.test,
    )
