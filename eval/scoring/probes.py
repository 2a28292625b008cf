"""The sanity suite on answers: what they invent, whether they keep still, whether other words change them.

Everything is read from the answers and the right answers of the same clips; nothing here looks at pixels.
`probe_set.py` makes a data set whose questions fill every part.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from surgvqa.eval.documents.probes import AskedAbsent, Flips, Group, InventedNames, Probes, Stability
from surgvqa.eval.scoring import match
from surgvqa.eval.scoring.verdicts import EMPTY, ERROR, Judgement

GROUPS: Mapping[str, tuple[str, ...]] = {  # of documents that ask for "perception, safety, planning"
    "perception": ("phase", "anatomy", "instruments"),
    "safety": ("gate", "red_flag"),
    "planning": ("next_phase",),
}
SCENE = ("anatomy", "instruments")  # their right answers are what is in view
STEADY = ("phase", "previous_phase", "next_phase")  # constant while a phase lasts
LIST_LENGTH = 10
PHRASING_MARK = "~"  # "{qa_id}~2" is the second phrasing of a question
GAP_MS = 1000  # clips further apart than this are not adjacent


@dataclass(frozen=True, slots=True)
class Span:
    """The span of a clip, from its id ``{case}@{start_ms}-{end_ms}``."""

    case: str
    start: int
    end: int


def probe(every: Sequence[Judgement], rule: str) -> Probes:
    """All probes that these questions allow; one that they don't is None."""
    plain = [judgement for judgement in every if PHRASING_MARK not in judgement.row.qa_id]
    return {
        "groups": _groups(plain, rule),
        "invented": inventions(plain),
        "asked_absent": asked_absent(plain),
        "coherence": coherence(plain),
        "stability": stability(every, rule),
    }


def _groups(every: Sequence[Judgement], rule: str) -> dict[str, Group | None]:
    """Accuracy on perception, safety and planning questions."""
    return {
        group: {"n": len(own), "accuracy": sum(one.verdicts[rule].correct for one in own) / len(own)}
        if own
        else None
        for group, kinds in GROUPS.items()
        for own in [[judgement for judgement in every if judgement.row.kind in kinds]]
    }


def inventions(every: Sequence[Judgement]) -> InventedNames | None:
    """Names given as in view that aren't: in lists of structures and instruments, against the true lists.

    ``rate`` is the share of answers that name at least one such thing. Only a role that is annotated on the
    clip is asked about, so that nothing unannotated counts as invented.
    """
    questions = [
        judgement
        for judgement in every
        if judgement.row.kind in SCENE and judgement.row.short_answer.casefold() not in match.YES_NO
    ]
    if not questions:
        return None
    replies = [judgement for judgement in questions if judgement.label not in (ERROR, EMPTY)]
    names = Counter(name for judgement in replies for name in judgement.names - judgement.true)
    answers, false = len(replies), sum(bool(judgement.names - judgement.true) for judgement in replies)
    return {
        "answers": answers,
        "rate": false / answers if answers else None,
        "names": sum(len(judgement.names) for judgement in replies),
        "invented_names": names.total(),
        "most_invented": dict(sorted(names.items(), key=lambda pair: (-pair[1], pair[0]))[:LIST_LENGTH]),
    }


def asked_absent(every: Sequence[Judgement]) -> AskedAbsent | None:
    """Things asked about, as often absent as present: how often each is said to be visible.

    A model that says yes to everything is right half of the time; ``yes_if_absent`` shows it.
    """
    questions = [judgement for judgement in every if judgement.row.kind == "presence"]
    sides = {
        answer: [
            judgement.label for judgement in questions if judgement.row.short_answer.casefold() == answer
        ]
        for answer in match.YES_NO
    }
    if not all(sides.values()):
        return None
    return {
        "present": len(sides["yes"]),
        "absent": len(sides["no"]),
        "yes_if_present": sides["yes"].count("yes") / len(sides["yes"]),
        "yes_if_absent": sides["no"].count("yes") / len(sides["no"]),
        "no_answer": sum(label not in match.YES_NO for own in sides.values() for label in own),
    }


def span(clip_id: str) -> Span | None:
    """Return the span of a clip; None where its id has none.

    >>> span("case_5@1000-6000")
    Span(case='case_5', start=1000, end=6000)
    >>> span("frame_12.png") is None
    True
    """
    case, at, times = clip_id.rpartition("@")
    start, dash, end = times.partition("-")
    if not (at and dash and start.isdigit() and end.isdigit()):
        return None
    return Span(case, int(start), int(end))


def coherence(every: Sequence[Judgement]) -> dict[str, Flips] | None:
    """Answers on adjacent clips of one case: how often they change, against how often the truth does.

    ``agree`` is over pairs of adjacent clips between which the truth does not change: there every change of
    answer is one too many. Flips per minute are over all pairs, from the middle of a clip to the next one's.
    """
    kinds: dict[str, list[tuple[Span, Judgement]]] = defaultdict(list)
    for judgement in every:
        if judgement.row.kind in STEADY and (at := span(judgement.row.clip_id)):
            kinds[judgement.row.kind].append((at, judgement))
    figures = {kind: _flips(own) for kind, own in sorted(kinds.items())}
    return {kind: own for kind, own in figures.items() if own["pairs"]} or None


def _flips(own: Iterable[tuple[Span, Judgement]]) -> Flips:
    timeline = sorted(own, key=lambda pair: (pair[0].case, pair[0].start, pair[0].end))
    adjacent = [
        (a, b)
        for a, b in itertools.pairwise(timeline)
        if a[0].case == b[0].case and a[0] != b[0] and b[0].start - a[0].end <= GAP_MS
    ]
    silent = (ERROR, EMPTY)  # saying nothing twice is not keeping still
    pairs = [(a, b) for a, b in adjacent if a[1].label not in silent and b[1].label not in silent]
    minutes = sum((b.start + b.end - a.start - a.end) / 2 for (a, _), (b, _) in pairs) / 60_000
    same = [(a, b) for (_, a), (_, b) in pairs if a.row.short_answer == b.row.short_answer]
    flips = sum(a.label != b.label for (_, a), (_, b) in pairs)
    return {
        "pairs": len(pairs),
        "unanswered_pairs": len(adjacent) - len(pairs),
        "minutes": minutes,
        "flips_per_minute": flips / minutes if minutes else None,
        "true_flips_per_minute": (len(pairs) - len(same)) / minutes if minutes else None,
        "unchanged_pairs": len(same),
        "agree": sum(a.label == b.label for a, b in same) / len(same) if same else None,
    }


def stability(every: Sequence[Judgement], rule: str) -> Stability | None:
    """Return the same question in other words: how often all its phrasings get one answer, and the accuracy's span."""
    groups: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in every:
        groups[judgement.row.qa_id.partition(PHRASING_MARK)[0]].append(judgement)
    # Other people's ids may be missing or not unique: only a "~" says that it is the same question again.
    several = [
        own for own in groups.values() if len(own) > 1 and any(PHRASING_MARK in one.row.qa_id for one in own)
    ]
    if not several:
        return None
    by_phrasing: dict[str, list[bool]] = defaultdict(list)
    for judgement in itertools.chain.from_iterable(several):
        by_phrasing[judgement.row.qa_id.partition(PHRASING_MARK)[2]].append(judgement.verdicts[rule].correct)
    accuracies = [sum(right) / len(right) for right in by_phrasing.values()]
    return {
        "questions": len(several),
        "phrasings": sum(map(len, several)),
        "one_answer": sum(len({judgement.label for judgement in own}) == 1 for own in several) / len(several),
        "always_right": sum(all(judgement.verdicts[rule].correct for judgement in own) for own in several)
        / len(several),
        "sometimes_right": sum(any(judgement.verdicts[rule].correct for judgement in own) for own in several)
        / len(several),
        "worst_phrasing": min(accuracies) if len(accuracies) > 1 else None,
        "best_phrasing": max(accuracies) if len(accuracies) > 1 else None,
    }
