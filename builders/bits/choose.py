"""Choose the questions of a data set: in training all that hold, weighted; held out, those that guessers leave open."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from surgvqa.builders.bits.blind import QuestionCounts, answer_class, context
from surgvqa.builders.bits.figures import RETELLINGS
from surgvqa.builders.bits.offered import without_idle_choices
from surgvqa.builders.bits.open_bits import OpenBits, fold_of
from surgvqa.builders.bits.repeats import fresh
from surgvqa.builders.bits.thin import FEWEST, MEASURABLE, Guessers, Item, dominates, thin_items, weights
from surgvqa.builders.bits.told import Telling
from surgvqa.builders.schema import QA, Clip

HELD_OUT = ("validation", "test")
LEAST = 0.85  # of the mean of a case's clips, the bits of a held-out clip that stays
FEW_CLIPS = 12  # of a case, which all stay: of so few a mean says little


@dataclass(frozen=True, slots=True)
class Part:
    """The pool of one case in one split."""

    case_id: str
    split: str
    clips: tuple[Clip, ...]
    pool: tuple[tuple[QA, ...], ...]  # of each clip


@dataclass(frozen=True, slots=True)
class Choice:
    """The clips of every part with the questions that stay, in order, and what the report says of it."""

    clips: tuple[tuple[Clip, ...], ...]
    notes: tuple[str, ...]
    left_out: Mapping[str, Mapping[str, int]]  # kind -> cause -> questions


def choose(parts: Sequence[Part], seed: int = 0) -> Choice:
    """Choose, kind by kind and split by split; deterministic, whatever the order of the parts."""
    parts, repeat_count = without_repeats(parts)
    left_out: dict[str, Counter[str]] = defaultdict(Counter)
    parts = [
        replace(part, pool=pool)
        for part, pool in zip(parts, without_idle_choices([part.pool for part in parts]), strict=True)
    ]
    parts = without_told(parts, left_out)
    counts = count_pool(parts, seed)
    notes: list[str] = []
    if repeat_count:
        notes.append(f"{repeat_count} held-out clips are left out: they show what the clip before them shows")
    constant = _constant(counts.folds)
    for kind, (answer, n) in constant.items():
        left_out[kind]["every answer is the same"] += n
        notes.append(f"{kind} is not asked: every answer of {n} is {answer!r}")
    bits = OpenBits(counts.folds)
    guessers = {
        kind: Guessers(counts.train_questions[kind], counts.texts[kind]) for kind in sorted(counts.kinds())
    }
    keep = _thin_held_out(counts.held_out, guessers, set(constant), seed, defaultdict(Counter), [])
    poor = _poor(parts, keep, bits, seed)
    if poor:
        notes.append(
            f"{len(poor)} held-out clips are left out: they leave far less open than others of their case"
        )
        parts = [_without(part, poor, left_out) for part in parts]
        counts = counts.held_out_of(parts)
    keep = _thin_held_out(counts.held_out, guessers, set(constant), seed, left_out, notes)
    train_ids = _thin_training(parts, counts, guessers, seed, left_out, notes)
    clips = _weighted_clips(parts, counts, set(constant), {**keep, **train_ids}, bits, seed)
    silent = sum(len(part.clips) for part in parts) - sum(map(len, clips))
    if silent:
        notes.append(f"{silent} clips are left out: nothing is left to ask of them")
    return Choice(
        tuple(clips), tuple(notes), {kind: dict(causes) for kind, causes in sorted(left_out.items())}
    )


@dataclass(frozen=True, slots=True)
class Counts:
    """The pool counted: answers by kind and context, in training and by fold, and the questions of held-out splits."""

    train_questions: dict[str, QuestionCounts]
    folds: dict[tuple[str, int], QuestionCounts]
    held_out: dict[tuple[str, str], list[Item]]
    answers: dict[str, Counter[str]]
    texts: dict[str, dict[str, Counter[str]]]

    def kinds(self) -> set[str]:
        """Return the kinds that anything is asked of."""
        return {kind for kind, _ in self.folds}

    def held_out_of(self, parts: Sequence[Part]) -> Counts:
        """Return the counts with the held-out questions of some parts alone."""
        there = {
            (part.split, qa.qa_id)
            for part in parts
            if part.split in HELD_OUT
            for pool in part.pool
            for qa in pool
        }
        return replace(
            self,
            held_out={
                (kind, split): left
                for (kind, split), items in self.held_out.items()
                if (left := [item for item in items if (split, item.qa_id) in there])
            },
        )


def without_repeats(parts: Sequence[Part]) -> tuple[list[Part], int]:
    """Return the parts without held-out clips that show what the clip before them shows, and how many those are."""
    kept_parts, repeat_count = [], 0
    for part in parts:
        if part.split in HELD_OUT:
            clips, pool = fresh(part.clips, part.pool)
            repeat_count += len(part.clips) - len(clips)
            part = replace(part, clips=clips, pool=pool)
        kept_parts.append(part)
    return kept_parts, repeat_count


def without_told(parts: Sequence[Part], left_out: dict[str, Counter[str]]) -> list[Part]:
    """Return the parts without the questions whose own words or choices tell the answer, in any split."""
    telling = Telling()
    for part in parts:
        for questions in part.pool:
            telling.enter(questions, part.case_id, train=part.split not in HELD_OUT)
    asked_parts = []
    for part in parts:
        pool = []
        for questions in part.pool:
            causes = [telling.cause(qa) for qa in questions]
            for qa, cause in zip(questions, causes, strict=True):
                if cause is not None:
                    left_out[qa.kind][cause] += 1
            pool.append(tuple(qa for qa, cause in zip(questions, causes, strict=True) if cause is None))
        asked_parts.append(replace(part, pool=tuple(pool)))
    return asked_parts


def count_pool(parts: Sequence[Part], seed: int) -> Counts:
    """Count what the guessers learn from and what they are held against."""
    counts = Counts(
        defaultdict(Counter),
        defaultdict(Counter),
        defaultdict(list),
        defaultdict(Counter),
        defaultdict(lambda: defaultdict(Counter)),
    )
    for part in parts:
        fold = fold_of(part.case_id, seed)
        for qa in (qa for pool in part.pool for qa in pool):
            what = context(qa.kind, qa.question, qa.choices)
            short = answer_class(qa.short_answer)
            counts.folds[qa.kind, fold][what, short] += 1
            if part.split in HELD_OUT:
                counts.held_out[qa.kind, part.split].append(Item(qa.qa_id, what, short, qa.question))
            else:
                counts.train_questions[qa.kind][what, short] += 1
                counts.answers[qa.kind][short] += 1
                counts.texts[qa.kind][qa.question][short] += 1
    return counts


def _poor(
    parts: Sequence[Part], keep: Mapping[str, set[str]], bits: OpenBits, seed: int
) -> set[tuple[str, str]]:
    """Return (split, clip) of the held-out clips whose questions leave less than a share of the mean of their case open.

    A clip costs a model all of its frames, whatever is asked of it. A case with few clips keeps all of them.
    """
    poor_clips = set()
    for part in parts:
        if part.split not in HELD_OUT or len(part.clips) < FEW_CLIPS:
            continue
        fold = fold_of(part.case_id, seed)
        left = [
            sum(
                bits.of(qa, fold) for qa in pool if qa.qa_id in keep[part.split] and qa.kind not in RETELLINGS
            )
            for pool in part.pool
        ]
        least = LEAST * sum(left) / len(left)
        poor_clips |= {
            (part.split, clip.clip_id) for clip, open_ in zip(part.clips, left, strict=True) if open_ < least
        }
    return poor_clips


def _without(part: Part, poor: set[tuple[str, str]], left_out: dict[str, Counter[str]]) -> Part:
    """Return a part without the clips that leave little open; their questions are counted in ``left_out``."""
    kept_indices = [i for i, clip in enumerate(part.clips) if (part.split, clip.clip_id) not in poor]
    for i in set(range(len(part.clips))) - set(kept_indices):
        for qa in part.pool[i]:
            left_out[qa.kind]["its clip leaves little open"] += 1
    return replace(
        part, clips=tuple(part.clips[i] for i in kept_indices), pool=tuple(part.pool[i] for i in kept_indices)
    )


def _thin_held_out(
    items_by_part: Mapping[tuple[str, str], list[Item]],
    guessers: Mapping[str, Guessers],
    constant: set[str],
    seed: int,
    left_out: dict[str, Counter[str]],
    notes: list[str],
) -> dict[str, set[str]]:
    """Return the ids that stay in each held-out split; what goes is counted in ``left_out`` and told in ``notes``."""
    keep: dict[str, set[str]] = {split: set() for split in HELD_OUT}
    held_out = {key: items for key, items in items_by_part.items() if key[0] not in constant}
    measurable_splits = {split for (_, split), items in held_out.items() if len(items) >= MEASURABLE}
    small_kinds: dict[str, list[int]] = defaultdict(list)
    for (kind, split), items in sorted(held_out.items()):
        # Where no kind of a split is large enough to measure a guesser on, all of them stay, and that is said.
        kept_items, cause = (
            thin_items(items, guessers[kind], seed) if split in measurable_splits else (items, None)
        )
        keep[split].update(item.qa_id for item in kept_items)
        left_out[kind]["guessed without looking"] += len(items) - len(kept_items)
        if split not in measurable_splits:
            small_kinds[split].append(len(items))
        if cause is not None:
            notes.append(f"{kind} is not asked in {split}: {cause}")
    for split, sizes in sorted(small_kinds.items()):
        notes.append(
            f"{split} has at most {max(sizes)} questions of a kind: fewer than {MEASURABLE} "
            "can't be held against a blind guesser, so all of them stay"
        )
    return keep


def _thin_training(
    parts: Sequence[Part],
    counts: Counts,
    guessers: Mapping[str, Guessers],
    seed: int,
    left_out: dict[str, Counter[str]],
    notes: list[str],
) -> dict[str, set[str]]:
    """Return the ids that stay in training of each kind that nobody need look for; its answers are counted anew."""
    questions = counts.train_questions
    if not any(one.total() >= MEASURABLE for one in questions.values()):
        return {}  # of a handful nobody can tell
    plain = {kind for kind in questions if dominates(questions[kind])}
    items: dict[str, list[Item]] = {kind: [] for kind in sorted(plain)}
    for qa in (qa for part in parts if part.split not in HELD_OUT for pool in part.pool for qa in pool):
        if qa.kind in plain:
            what = context(qa.kind, qa.question, qa.choices)
            items[qa.kind].append(Item(qa.qa_id, what, answer_class(qa.short_answer), qa.question))
    keep: dict[str, set[str]] = {}
    for kind, kind_items in items.items():
        kept_items, cause = thin_items(kind_items, guessers[kind], seed)
        keep[kind] = {item.qa_id for item in kept_items}
        counts.answers[kind] = Counter(item.answer for item in kept_items)
        left_out[kind]["guessed without looking"] += len(kind_items) - len(kept_items)
        if cause is not None:
            notes.append(f"{kind} is not asked in train: {cause}")
    return keep


def _weighted_clips(
    parts: Sequence[Part],
    counts: Counts,
    constant: set[str],
    keep: Mapping[str, set[str]],
    bits: OpenBits,
    seed: int,
) -> list[tuple[Clip, ...]]:
    """Return the clips of every part with the questions that stay, their bits and weights.

    ``keep`` has the ids that stay of a held-out split, and of a kind that training is thinned of.
    """
    by_answer = {kind: weights(answers) for kind, answers in counts.answers.items()}
    clips = []
    for part in parts:
        held_out = part.split in HELD_OUT
        fold, rows = fold_of(part.case_id, seed), []
        for clip, pool in zip(part.clips, part.pool, strict=True):
            questions = tuple(
                _with_bits(
                    qa,
                    bits.of(qa, fold),
                    1.0 if held_out else by_answer[qa.kind][answer_class(qa.short_answer)],
                )
                for qa in pool
                if qa.kind not in constant
                and ((key := part.split if held_out else qa.kind) not in keep or qa.qa_id in keep[key])
            )
            if questions:
                rows.append(replace(clip, qa=questions))
        clips.append(tuple(rows))
    return clips


_before_bits = attrgetter(*(name for name in QA.__slots__[: QA.__slots__.index("bits")]))


def _with_bits(qa: QA, bits: float, weight: float) -> QA:
    """Return a question with its bits and weight; three times faster than `replace`, which a million questions feel."""
    values = (*_before_bits(qa), bits, weight, qa.pair_id, qa.references)
    return QA(*values)


def _constant(folds: Mapping[tuple[str, int], QuestionCounts]) -> dict[str, tuple[str, int]]:
    """Return the kinds that have one answer in all splits, and how many questions; of a handful nobody can tell."""
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for (kind, _), questions in sorted(folds.items()):
        for (_, answer), n in questions.items():
            answers[kind][answer] += n
    alike = {kind: next(iter(counts.items())) for kind, counts in answers.items() if len(counts) == 1}
    return {kind: one for kind, one in alike.items() if one[1] >= FEWEST}
