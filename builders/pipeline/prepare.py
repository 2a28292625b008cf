"""The decisions of a build before any heavy work: cases, faults, splits, questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from surgvqa.builders import sources
from surgvqa.builders.annotations import own_cases
from surgvqa.builders.asking.asked_kinds import refuse_unknown_kinds, unasked_kinds, way_out
from surgvqa.builders.asking.pool import certified_questions
from surgvqa.builders.bits.choose import Part, choose
from surgvqa.builders.cases import balance as balancing
from surgvqa.builders.cases.agreement import overlaps
from surgvqa.builders.cases.moments import asks_itself, length_notes
from surgvqa.builders.cases.splits import SPLITS, assign
from surgvqa.builders.cases.splits import note as split_note
from surgvqa.builders.cases.transitions import transitions
from surgvqa.builders.cases.windows import windows
from surgvqa.builders.configs import segmentation
from surgvqa.builders.configs.pointing_questions import places
from surgvqa.builders.files.faults import refuse_faults
from surgvqa.builders.files.process_pool import MEMORY_BYTES, Failure, run_tasks
from surgvqa.builders.files.tree import refuse_links_of
from surgvqa.builders.pipeline.parameters import options_of
from surgvqa.builders.privacy.coarse import coarse
from surgvqa.builders.privacy.pseudonyms import Pseudonyms
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.ask import count_nine
from surgvqa.builders.schema import QA, Case, Clip, Omission, Survey
from surgvqa.builders.settings.build import Build
from surgvqa.builders.shards.job import Job, Options
from surgvqa.builders.shards.rows import questions
from surgvqa.builders.shards.survey import refuse_repeated, survey
from surgvqa.cards.command import InputError, fault_in_own_code, nearest
from surgvqa.cards.patients.operations import shared_with
from tqdm import tqdm

SURVEY_S = 600.0  # a look at one case: hashing a 10 GB file takes half a minute
READING_S = 24 * 3600.0  # the same with OCR of every second: eight hours of video at 2.5 s a picture


@dataclass(frozen=True, slots=True)
class Ready:
    """The decisions of a build before any heavy work."""

    jobs: tuple[Job, ...]
    surveys: Mapping[str, Survey]
    omissions: tuple[Omission, ...]
    notes: tuple[str, ...]
    left_out: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict
    )  # kind -> cause -> questions not asked


def prepare(config: Build, *, workers: int = 0, pseudonyms: Pseudonyms | None = None) -> Ready:
    """Read a source, check all of it and give every case its split.

    ``config`` is complete (``parameters.complete``); ``workers`` are those of the look at the videos.
    What is said of bad input names it as it is; what is returned has the other names where there are some.
    """
    source, root, options, test_cases = config.source, config.root, options_of(config), config.test_cases
    refuse_unknown_kinds(options.asking, options.kinds)
    module = sources.load(source)
    cases, omissions = read(module, root, config.source_options)
    if config.coarse_times is not None:
        coarser = [coarse(case, config.coarse_times) for case in cases]
        cases = [case for case, _ in coarser]
        omissions = [*omissions, *(one for _, case_omissions in coarser for one in case_omissions)]
    surveys, unseen = look_at(cases, root, options, workers)
    omissions = [*omissions, *unseen]
    refuse_faults(omissions, root, config.on_error)
    if pseudonyms is not None:
        unknown = sorted(set(test_cases) - set(surveys))
        if unknown:
            raise InputError(f"--test-cases {unknown[0]}: no such case; {nearest(unknown[0], surveys)}")
        public_surveys = sorted(
            (pseudonyms.survey(one, root) for one in surveys.values()), key=lambda one: one.case.case_id
        )
        surveys = {survey.case.case_id: survey for survey in public_surveys}
        test_cases = tuple(pseudonyms.case(case_id) for case_id in test_cases)
    pointing = options.pointing
    if pointing and not any(places(survey.case, pointing) for survey in surveys.values()):
        raise InputError(
            f"--pointing {pointing.form}: {source} says where nothing is as finely as that; --pointing words, "
            "or --pointing-spread 0.1 to write the middle of a position, moved by up to a tenth of the frame"
        )
    masks = options.segmentation
    if masks and not any(segmentation.scenes(survey.case, masks.task) for survey in surveys.values()):
        raise InputError(
            f"--segmentation {masks.task}: {source} has no picture in which everything has a mask; "
            f"another of {', '.join(segmentation.TASKS)}, or leave it out"
        )
    jobs = plan(surveys, options, replace(config, test_cases=test_cases))
    surveyed_cases = [one.case for one in surveys.values()]
    notes = tuple(module.notes(surveyed_cases)) if hasattr(module, "notes") else ()
    notes += (
        split_note(surveyed_cases, (job.split for job in jobs), test_cases, options.seed),
        *overlaps(surveyed_cases),
        *remarks(surveyed_cases),
        *shared_with(source, [one.case_id for one in surveyed_cases]),
    )
    left_out: Mapping[str, Mapping[str, int]] = {}
    if options.asking == "informative":
        jobs, choice_notes, left_out = choose_questions(jobs)
        notes += (*length_notes(surveyed_cases, options.clip_seconds), *choice_notes)
    if jobs[0].balance is not None:
        notes += tuple(jobs[0].balance.notes)
    notes += (pointing.note(),) if pointing else ()
    notes += options.screen.notes() if options.screen else ()
    notes += segmentation.notes([job.case for job in jobs], masks) if masks else ()
    return Ready(tuple(jobs), surveys, public_omissions(omissions, root, pseudonyms), notes, left_out)


def choose_questions(
    jobs: Sequence[Job],
) -> tuple[list[Job], tuple[str, ...], Mapping[str, Mapping[str, int]]]:
    """Return the jobs with the questions of every clip chosen, what was left out by name, and counts of it by cause."""
    failures: Counter[tuple[str, str]] = Counter()
    parts: dict[int, Part] = {}
    for index, job in enumerate(tqdm(jobs, desc="ask", unit="case", disable=None)):
        if not asks_itself(job.case):  # a source's own questions stay as they are
            taxonomy, options = load(job.case.taxonomy or job.case.procedure), job.options
            pool = tuple(
                certified_questions(
                    clip,
                    job.case,
                    taxonomy,
                    job.transitions,
                    options.selection,
                    failures,
                )
                for clip in job.clips
            )
            parts[index] = Part(job.case.case_id, job.split, job.clips, pool)
    choice = choose(tuple(parts.values()), jobs[0].options.seed)
    clips = dict(zip(parts, choice.clips, strict=True))
    ready = [replace(job, clips=clips.get(index, job.clips)) for index, job in enumerate(jobs)]
    left_out = {kind: dict(causes) for kind, causes in choice.left_out.items()}
    for (kind, cause), n in sorted(failures.items()):
        left_out.setdefault(kind, {})[cause] = n
    kinds_with_questions = {qa.kind for part in parts.values() for pool in part.pool for qa in pool}
    notes = (*choice.notes, *unasked_kinds(kinds_with_questions, left_out))
    if not any(job.clips for job in ready):
        way = way_out(jobs[0].options.kinds)
        raise InputError(f"nothing is left to ask of {len(jobs)} cases: {'; '.join(notes)}; {way}")
    return ready, notes, left_out


def remarks(cases: Sequence[Case]) -> tuple[str, ...]:
    """Return the notes of readers and recordings, each once, with the cases that it is true of."""
    cases_by_note: dict[str, list[str]] = {}
    for case in cases:
        for note in case.notes:
            cases_by_note.setdefault(note, []).append(case.case_id)
    return tuple(
        f"{', '.join(sorted(names)[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}: {note}"
        for note, names in sorted(cases_by_note.items())
    )


def public_omissions(
    omissions: Sequence[Omission], root: Path, pseudonyms: Pseudonyms | None
) -> tuple[Omission, ...]:
    """Return what was left out, as the data set says it: no place on this disk, no name where names are hidden."""
    if pseudonyms is not None:
        omissions = pseudonyms.redact(omissions, root)
    return tuple(
        replace(one, cause=one.cause.replace(f"{root.resolve()}/", "").replace(f"{root}/", ""))
        for one in omissions
    )


def read(module: ModuleType, root: Path, options: Mapping[str, Any]) -> tuple[list[Case], list[Omission]]:
    """All cases of a source and what it leaves out; two cases of one id are a fault of both, and links out of the root.

    A case of a user's own source with anything wrong in it is a fault, too.
    """
    # Labels of a large source take seconds, before any picture is opened.
    items = list(tqdm(_items(module, root, options), desc="read", unit="case", disable=None))
    omissions = [one for one in items if isinstance(one, Omission)]
    cases = []
    for case in (one for one in items if isinstance(one, Case)):
        if _is_own(module) and (own_faults := own_cases.faults(case)):
            omissions.extend(own_faults)
            continue
        try:
            refuse_links_of(case, root, options.get("videos"))
            cases.append(case)
        except InputError as error:
            omissions.append(Omission(case.case_id, str(error), fault=True))
    times = Counter(case.case_id for case in cases)
    for case_id, count in sorted(times.items()):
        if count > 1:
            omissions.append(Omission(case_id, f"{count} cases have this id; ids must be unique", fault=True))
    return [case for case in cases if times[case.case_id] == 1], omissions


def _items(module: ModuleType, root: Path, options: Mapping[str, Any]) -> Iterator[Case | Omission]:
    """Yield what a source yields; what a user's own file raises is one line with its line, and the case before."""
    last = ""
    try:
        for item in module.cases(root, **options):
            if not isinstance(item, Case | Omission):
                raise TypeError(
                    f"cases() yields a {type(item).__name__}; a surgvqa.builders.schema.Case is due"
                )
            last = item.case_id if isinstance(item, Case) else last
            yield item
    except Exception as error:
        if not _is_own(module) or module.__file__ is None:
            raise
        where = f"in the case after {last}" if last else "in its first case"
        raise fault_in_own_code(error, Path(module.__file__), where) from error


def _is_own(module: ModuleType) -> bool:
    """Whether a source is a user's file or an installed package's, and none that ships."""
    return not module.__name__.startswith("surgvqa.")


def look_at(
    cases: Sequence[Case], root: Path, options: Options, workers: int
) -> tuple[dict[str, Survey], list[Omission]]:
    """Survey every case; a fault of one leaves that case out."""
    if options.media != "none" and cases and not any(case.video or case.frames for case in cases):
        raise InputError(f"no case below {root} has a video or a picture; add them, or use --media none")
    surveys: dict[str, Survey] = {}
    omissions: list[Omission] = []
    tasks = [(case, root, options) for case in cases]
    limit_s = READING_S if options.screen is not None and options.screen.reader else SURVEY_S
    results = run_tasks(survey, tasks, parallel(workers, options.media), limit_s, MEMORY_BYTES)
    for index, result in tqdm(results, total=len(tasks), desc="check", unit="case", disable=None):
        case_id = cases[index].case_id
        if isinstance(result, Failure):
            omissions.append(Omission(case_id, result.cause, fault=True))
            continue
        try:
            refuse_repeated(result.clips)
        except InputError as error:
            omissions.append(Omission(case_id, str(error), fault=True))
            continue
        surveys[case_id] = result
    for case_survey in surveys.values():
        omissions.extend(case_survey.omissions)
    surveys_with_clips = {case_id: surveys[case_id] for case_id in sorted(surveys) if surveys[case_id].clips}
    return surveys_with_clips, sorted(omissions, key=lambda one: (one.item, one.cause))


def parallel(workers: int, media: str) -> int:
    """Without pixels there is no decoder to be guarded from, and a process costs more than it saves."""
    return 0 if media == "none" and workers == 1 else workers


def plan(surveys: Mapping[str, Survey], options: Options, config: Build) -> list[Job]:
    """Return every case's job: its split, and what the training cases teach about the order of phases."""
    root, balance = config.root, config.balance
    if not surveys:
        raise InputError(f"no case below {root} has a clip that could be shown; look at --media")
    cases = [survey.case for survey in surveys.values()]

    transition_counts = transitions(cases)
    # Stratified over the nine whatever --kinds asks: two builds of the same cases must share their test cases,
    # or a model trained on the captions of one has seen the test cases of the other.
    # Over the same windows too: informative questions have windows of their own.
    kinds = {case_id: Counter[str]() for case_id in surveys}
    for case_id, case_survey in surveys.items():
        case, taxonomy = case_survey.case, load(case_survey.case.taxonomy or case_survey.case.procedure)
        for clip in usual(case_survey, options):
            own = [qa.kind for qa in clip.qa]
            kinds[case_id].update(own or count_nine(clip, case, taxonomy, transition_counts))
    split = assign(
        cases,
        kinds_by_case=kinds,
        test_cases=config.test_cases,
        seed=options.seed,
        validation=config.validation,
        test=config.test,
    )
    transition_counts = transitions(case for case in cases if split[case.case_id] == "train")
    if balance != "none" and options.asking == "informative":
        raise InputError(
            f"--balance {balance} goes with --questions nine; informative questions are evened out"
        )
    jobs = [
        Job(survey.case, clips, part, transition_counts, options, root)
        for case_id, survey in surveys.items()
        for part, clips in clips_by_split(survey, split[case_id]).items()
    ]
    if balance == "answers":
        by_split: dict[str, list[QA]] = {name: [] for name in SPLITS}
        for job in jobs:
            by_split[job.split].extend(qa for clip in job.clips for qa in questions(job, clip))
        even = balancing.answers(by_split, options.seed)
        return [replace(job, balance=even) for job in jobs]
    if balance == "cases":
        counts = {job.case.case_id: len(job.clips) for job in jobs if job.split == "train"}
        weights = balancing.case_weights(counts)
        return [
            replace(job, weight=weights[job.case.case_id]) if job.split == "train" else job for job in jobs
        ]
    if balance != "none":
        raise InputError(f"--balance {balance}: known: answers, cases, none")
    return jobs


def usual(case_survey: Survey, options: Options) -> tuple[Clip, ...]:
    """Return the windows that the nine are asked of."""
    if options.asking == "nine":
        return case_survey.clips
    return windows(case_survey.case, options.clip_seconds).clips


def clips_by_split(case_survey: Survey, split: str) -> dict[str, tuple[Clip, ...]]:
    """Return a case's clips by their split: all in one, unless its source divides a case that is trained on."""
    if split != "train":
        return {split: case_survey.clips}
    parts: dict[str, list[Clip]] = {}
    for clip in case_survey.clips:
        if clip.split not in (None, *SPLITS):
            raise InputError(f"clip {clip.clip_id}: split {clip.split!r} is none of {', '.join(SPLITS)}")
        parts.setdefault(clip.split or split, []).append(clip)
    return {name: tuple(parts[name]) for name in SPLITS if name in parts}
