"""Labelled frames in, instruction data out: a teacher writes, the verifier judges, config `instruct` is written.

What is refused lies beside the data set in `OUT.teacher/refused.jsonl`, with the reasons, and is never part of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TextIO

from surgvqa.builders.cases.scene import to_json
from surgvqa.builders.cases.splits import SPLITS, assign
from surgvqa.builders.files import parquet, pictures
from surgvqa.builders.frames import frame_labels
from surgvqa.builders.frames.frame_labels import FrameLabels
from surgvqa.builders.instruct import template_teacher
from surgvqa.builders.instruct.folder import (
    FRAMES_PER_SHARD,
    ROWS_PER_GROUP,
    emptied,
    facts_of,
    finish,
    picture,
    refuse_foreign,
    teacher_folder,
)
from surgvqa.builders.instruct.samples import INSTRUCT_FEATURES, SAMPLE_KINDS, Sample, messages_of
from surgvqa.builders.instruct.teacher import (
    Cache,
    Messages,
    Server,
    Unanswered,
    ask_all,
    cache_key,
    estimate,
    parse,
    prompt,
)
from surgvqa.builders.instruct.teacher import server as server_at
from surgvqa.builders.instruct.verifier import Verifier
from surgvqa.builders.privacy.pseudonyms import Pseudonyms
from surgvqa.builders.privacy.pseudonyms import load as load_pseudonyms
from surgvqa.builders.procedures.taxonomy import Taxonomy, load
from surgvqa.builders.schema import Case
from surgvqa.builders.settings.instruct import Instruct
from surgvqa.cards.arguments.option import options
from surgvqa.cards.arguments.words import printed
from surgvqa.cards.command import InputError, nearest
from tqdm import tqdm


def instruct(config: Instruct, *, server: Server | None = None) -> dict[str, Any]:
    """Write the data set folder ``config.out`` from labelled frames; returns its report.

    ``server`` is the teacher's, with other patience than usual.

    Raises:
        InputError: bad labels, pictures that aren't there, a server that refuses or doesn't answer.
    """
    labels, out, media, on_error = config.labels, config.out, config.media, config.on_error
    taxonomy, pseudonyms = load(config.taxonomy), config.pseudonyms
    server = server or server_of(config)
    test_cases: Sequence[str] = config.test_cases
    if media not in ("frames", "none"):
        raise InputError(f"--media {media}: of instruction data frames or none")
    frames = sorted(frame_labels.read(labels, taxonomy), key=lambda f: (f.video_id, f.timestamp_s, f.image))
    refuse_foreign(out)
    beside = teacher_folder(out)
    names = load_pseudonyms(pseudonyms, out) if pseudonyms is not None else None
    places = {names.file(frame.image) if names else frame.image: frame.image for frame in frames}
    if names is not None:
        frames, test_cases = renamed(frames, test_cases, names)
        names.save()
    dropped: list[dict[str, Any]] = []
    if media == "frames":
        frames = present(frames, labels.parent, places, on_error, dropped)
    split = splits(frames, test_cases, config.seed, config.validation, config.test)
    answers = ask(server, frames, taxonomy, beside, on_error, dropped) if server else None
    try:
        written = write(
            frames,
            taxonomy,
            labels.parent,
            places,
            out,
            beside,
            split,
            server,
            answers,
            media,
            config.max_side or None,
            config.seed,
            config.system,
        )
    finally:
        if answers is not None:
            answers.close()
    files, report = written
    parameters = {
        "source": "instruct", "taxonomy": taxonomy.name, "teacher": server.model if server else template_teacher.NAME,
        "media": media, "max_side": config.max_side or None, "test_cases": sorted(test_cases),
        "validation": config.validation, "test": config.test, "seed": config.seed, "system": config.system,
        "on_error": on_error,
    }  # fmt: skip
    command = printed(
        "surgvqa-build", "instruct", options(Instruct), replace(config, test_cases=tuple(test_cases))
    )
    finish(out, facts_of(taxonomy), labels, files, report, parameters, split, command, dropped, names)
    return report


def server_of(config: Instruct) -> Server | None:
    """Return the teacher's server, None for the template teacher."""
    if (config.teacher is None) != (config.model is None):
        raise InputError("--teacher URL and --model NAME go together")
    if config.teacher is None or config.model is None:
        return None
    return server_at(config.teacher, config.model, config.concurrency)


def renamed(
    frames: Sequence[FrameLabels], test_cases: Sequence[str], names: Pseudonyms
) -> tuple[list[FrameLabels], list[str]]:
    """Frames and held-out videos under their other names."""
    known = {frame.video_id for frame in frames}
    real = {names.case(video_id): video_id for video_id in sorted(known)}  # a card's command has these names
    test_cases = [real.get(video_id, video_id) for video_id in test_cases]
    for video_id in test_cases:
        if video_id not in known:
            raise InputError(f"--test-cases {video_id}: no such video; {nearest(video_id, sorted(known))}")
    others = [
        replace(frame, image=names.file(frame.image), video_id=names.case(frame.video_id)) for frame in frames
    ]
    others.sort(key=lambda frame: (frame.video_id, frame.timestamp_s, frame.image))  # not by the real names
    return others, [names.case(video_id) for video_id in test_cases]


def present(
    frames: Sequence[FrameLabels],
    root: Path,
    places: Mapping[str, str],
    on_error: str,
    dropped: list[dict[str, Any]],
) -> list[FrameLabels]:
    """Return the frames whose pictures are there, below ``root``, by ``places``; the others are faults."""
    found, faults, first = [], [], ""
    for frame in frames:
        try:
            picture(root, places[frame.image])
            found.append(frame)
        except InputError as error:  # what is published of it says no place on this disk
            cause = "no such picture below the labels' folder"
            faults.append({"item": f"{frame.video_id}: {frame.image}", "cause": cause, "fault": True})
            first = first or str(error)
    if faults and on_error == "fail":
        raise InputError(
            f"{len(faults)} pictures of {len(frames)} can't be read: {first}; correct the labels, or leave "
            "these frames out with --on-error quarantine"
        )
    dropped.extend(faults)
    if not found:
        raise InputError(f"no picture of the labels is below {root}; --media none writes text alone")
    return found


def splits(
    frames: Sequence[FrameLabels], test_cases: Sequence[str], seed: int, validation: float, test: float
) -> dict[str, str]:
    """Return the split of every video."""
    counts = Counter(frame.video_id for frame in frames)
    cases = [Case(video_id, "instruct", "") for video_id in sorted(counts)]
    by_case = {video_id: {"frames": count} for video_id, count in counts.items()}
    return assign(
        cases, kinds_by_case=by_case, test_cases=test_cases, seed=seed, validation=validation, test=test
    )


# ---- asking


def prompts_of(frames: Sequence[FrameLabels], taxonomy: Taxonomy, server: Server) -> dict[str, Messages]:
    """What there is to ask, each different prompt once."""
    found: dict[str, Messages] = {}
    for frame in frames:
        messages = prompt(frame, taxonomy)
        found.setdefault(cache_key(messages, server), messages)
    return found


def expected(config: Instruct) -> str:
    """What asking costs, in words, for what the cache lacks."""
    taxonomy, server = load(config.taxonomy), server_of(config)
    if server is None:
        raise InputError("--estimate says what a teacher costs: give --teacher URL and --model NAME")
    frames, per_in, per_out = frame_labels.read(config.labels, taxonomy), config.price_in, config.price_out
    prompts = prompts_of(frames, taxonomy, server)
    cache = Cache(teacher_folder(config.out) / "answers.sqlite")
    missing = [messages for key, messages in prompts.items() if cache.get(key) is None]
    cache.close()
    found = estimate(missing, per_in, per_out)
    money = f", {found['cost']:g} at the given prices" if per_in or per_out else ""
    return (
        f"{len(frames)} frames, {len(prompts)} different scenes, {len(prompts) - len(missing)} answered before: "
        f"{found['requests']} requests, about {found['tokens_in']} tokens in and {found['tokens_out']} out{money}"
    )


def ask(
    server: Server,
    frames: Sequence[FrameLabels],
    taxonomy: Taxonomy,
    beside: Path,
    on_error: str,
    dropped: list[dict[str, Any]],
) -> Cache:
    """Ask for every scene that has no answer yet; every answer is kept at once."""
    prompts = prompts_of(frames, taxonomy, server)
    cache = Cache(beside / "answers.sqlite")
    missing = sum(cache.get(key) is None for key in prompts)
    unanswered: dict[str, Unanswered] = {}
    bar = tqdm(total=len(prompts), initial=len(prompts) - missing, desc="teacher", unit="scene", disable=None)
    try:
        for key, failed in ask_all(server, prompts, cache):
            bar.update()
            if failed is not None:
                unanswered[key] = failed
    except BaseException:
        cache.close()
        raise
    finally:
        bar.close()
    if unanswered and on_error == "fail":
        cache.close()
        raise InputError(
            f"{len(unanswered)} scenes of {len(prompts)} have no answer: {next(iter(unanswered.values())).cause}. The "
            "others are kept: run the same command again, or leave these out with --on-error quarantine"
        )
    for frame in frames if unanswered else ():
        if failed := unanswered.get(cache_key(prompt(frame, taxonomy), server)):
            dropped.append({"item": f"{frame.video_id}: {frame.image}", "cause": failed.cause, "fault": True})
    return cache


def written_by(
    frame: FrameLabels, taxonomy: Taxonomy, server: Server | None, answers: Cache | None, seed: int
) -> tuple[Sample, ...]:
    """What the teacher wrote about a frame; nothing where it has no answer."""
    if server is None or answers is None:
        return template_teacher.samples(frame, taxonomy, seed)
    content = answers.get(cache_key(prompt(frame, taxonomy), server))
    return parse(content) if content is not None else ()


# ---- writing


def write(
    frames: Sequence[FrameLabels],
    taxonomy: Taxonomy,
    root: Path,
    places: Mapping[str, str],
    out: Path,
    beside: Path,
    split: Mapping[str, str],
    server: Server | None,
    answers: Cache | None,
    media: str,
    max_side: int | None,
    seed: int,
    system: str | None,
) -> tuple[list[Path], dict[str, Any]]:
    """Return the shards of every split and the report on what was accepted and refused."""
    verifier = Verifier(taxonomy)
    turns: Counter[tuple[str, str]] = Counter()
    reasons: Counter[str] = Counter()
    counted: dict[str, Counter[str]] = {name: Counter() for name in SPLITS}
    weak = 0
    teacher = server.model if server else template_teacher.NAME
    beside.mkdir(parents=True, exist_ok=True)
    folder = emptied(out)
    files: list[Path] = []
    bar = tqdm(total=len(frames), desc="verify", unit="frame", disable=None)
    with (beside / "refused.jsonl").open("w", encoding="utf-8") as refused_file:
        for name in SPLITS:
            mine = [frame for frame in frames if split[frame.video_id] == name]
            counted[name]["cases"] = len({frame.video_id for frame in mine})
            total = -(-len(mine) // FRAMES_PER_SHARD)
            for number in range(total):
                path = folder / f"{name}-{number:05d}-of-{total:05d}.parquet"
                with parquet.writer(path, INSTRUCT_FEATURES, ROWS_PER_GROUP) as put:
                    for frame in mine[number * FRAMES_PER_SHARD : (number + 1) * FRAMES_PER_SHARD]:
                        kept = []
                        for sample in written_by(frame, taxonomy, server, answers, seed):
                            left, refused = verifier.sift(sample, frame)
                            note(refused_file, frame, sample.kind, refused)
                            reasons.update(cause.split(":")[0] for _, cause in refused)
                            turns[sample.kind, "refused"] += len(refused)
                            if left is not None:
                                turns[sample.kind, "accepted"] += len(left.turns)
                                kept.append(left)
                        for row in rows(
                            frame,
                            kept,
                            root / places[frame.image].replace("\\", "/"),
                            media,
                            max_side,
                            system,
                            teacher,
                        ):
                            put(row)
                        counted[name]["frames"] += bool(kept)
                        counted[name]["samples"] += len(kept)
                        weak += len(kept) if frame.weak else 0
                        bar.update()
                if path.is_file():
                    files.append(path)
    bar.close()
    accepted = sum(count for (_, verdict), count in turns.items() if verdict == "accepted")
    if not accepted:
        raise InputError(
            f"the verifier refused everything that {teacher} wrote ({sum(reasons.values())} turns); the reasons are in "
            f"{beside / 'refused.jsonl'}"
        )
    return files, {
        "splits": {name: dict(found) for name, found in counted.items() if found["cases"]},
        "teacher": teacher,
        "samples": {
            kind: {verdict: turns[kind, verdict] for verdict in ("accepted", "refused")}
            for kind in SAMPLE_KINDS
        },
        "accepted_share": accepted / sum(turns.values()),
        "reasons": dict(sorted(reasons.items(), key=lambda one: (-one[1], one[0]))),
        "weak": weak,
    }


def note(file: TextIO, frame: FrameLabels, kind: str, refused: Sequence[tuple[Any, str]]) -> None:
    """Write what was refused, with its reason, for a person to look at."""
    for turn, cause in refused:
        entry = {
            "image": frame.image,
            "video_id": frame.video_id,
            "sample": kind,
            **asdict(turn),
            "reason": cause,
        }
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def rows(
    frame: FrameLabels,
    kept: Sequence[Sample],
    path: Path,
    media: str,
    max_side: int | None,
    system: str | None,
    teacher: str,
) -> Iterator[dict[str, Any]]:
    """Yield a row per sample of a frame; the picture at ``path`` is read and encoded once."""
    images = []
    if kept and media == "frames":
        pixels = pictures.resize(pictures.read_picture(path), max_side)
        images = [{"bytes": pictures.encode_jpeg(pixels), "path": None}]
    scene = to_json(frame_labels.scene_of(frame)) if kept else None
    for sample in kept:
        yield {
            "id": f"{frame.video_id}@{round(1000 * frame.timestamp_s)}#{sample.kind}",
            "case_id": frame.video_id,
            "time_s": frame.timestamp_s,
            "image_names": [frame.image],
            "images": images,
            "messages": messages_of(sample.turns, system),
            "sample": sample.kind,
            "scene": scene,
            "weak": frame.weak,
            "teacher": teacher,
            "verdict": "accepted",
            "llava": None,
        }
