"""The sanity suite on answers: what they invent, whether they keep still, whether other words change them.

Everything is read from the answers and the right answers of the same clips; nothing here looks at pixels.
`probe_set.py` makes a data set whose questions fill every part.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from surgvqa.eval.documents.probes import AskedAbsent, Flips, Group, Invented, Probes, Stability
from surgvqa.eval.scoring import match
from surgvqa.eval.scoring.verdicts import EMPTY, ERROR, Judged

GROUPS: Mapping[str, tuple[str, ...]] = {  # of documents that ask for "perception, safety, planning"
    "perception": ("phase", "anatomy", "instruments"),
    "safety": ("gate", "red_flag"),
    "planning": ("next_phase",),
}
SCENE = ("anatomy", "instruments")  # their right answers are what is in view
STEADY = ("phase", "previous_phase", "next_phase")  # constant while a phase lasts
SHOWN = 10
REPHRASED = "~"  # "{qa_id}~2" is the second phrasing of a question
GAP_MS = 1000  # clips further apart than this are not adjacent


@dataclass(frozen=True, slots=True)
class Span:
    """Where a clip lies, from its id ``{case}@{start_ms}-{end_ms}``."""

    case: str
    start: int
    end: int


def probe(every: Sequence[Judged], rule: str) -> Probes:
    """All probes that these questions allow; one that they don't is None."""
    plain = [judged for judged in every if REPHRASED not in judged.row.qa_id]
    return {
        "groups": _groups(plain, rule),
        "invented": invented(plain),
        "asked_absent": asked_absent(plain),
        "coherence": coherence(plain),
        "stability": stability(every, rule),
    }


def _groups(every: Sequence[Judged], rule: str) -> dict[str, Group | None]:
    """Accuracy on perception, safety and planning questions."""
    return {
        group: {"n": len(own), "accuracy": sum(one.verdicts[rule].correct for one in own) / len(own)}
        if own
        else None
        for group, kinds in GROUPS.items()
        for own in [[judged for judged in every if judged.row.kind in kinds]]
    }


def invented(every: Sequence[Judged]) -> Invented | None:
    """Names given as in view that aren't: in lists of structures and instruments, against the true lists.

    ``rate`` is the share of answers that name at least one such thing. Only a role that is annotated on the
    clip is asked about, so that nothing unannotated counts as invented.
    """
    asked = [
        judged
        for judged in every
        if judged.row.kind in SCENE and judged.row.short_answer.casefold() not in match.YES_NO
    ]
    if not asked:
        return None
    answered = [judged for judged in asked if judged.said not in (ERROR, EMPTY)]
    names = Counter(name for judged in answered for name in judged.given - judged.true)
    answers, false = len(answered), sum(bool(judged.given - judged.true) for judged in answered)
    return {
        "answers": answers,
        "rate": false / answers if answers else None,
        "names": sum(len(judged.given) for judged in answered),
        "invented_names": names.total(),
        "most_invented": dict(sorted(names.items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN]),
    }


def asked_absent(every: Sequence[Judged]) -> AskedAbsent | None:
    """Things asked about, as often absent as present: how often each is said to be visible.

    A model that says yes to everything is right half of the time; ``yes_if_absent`` shows it.
    """
    asked = [judged for judged in every if judged.row.kind == "presence"]
    sides = {
        answer: [judged.said for judged in asked if judged.row.short_answer.casefold() == answer]
        for answer in match.YES_NO
    }
    if not all(sides.values()):
        return None
    return {
        "present": len(sides["yes"]),
        "absent": len(sides["no"]),
        "yes_if_present": sides["yes"].count("yes") / len(sides["yes"]),
        "yes_if_absent": sides["no"].count("yes") / len(sides["no"]),
        "no_answer": sum(said not in match.YES_NO for own in sides.values() for said in own),
    }


def span(clip_id: str) -> Span | None:
    """Where a clip lies; None where its id doesn't say.

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


def coherence(every: Sequence[Judged]) -> dict[str, Flips] | None:
    """Answers on adjacent clips of one case: how often they change, against how often the truth does.

    ``agree`` is over pairs of adjacent clips between which the truth does not change: there every change of
    answer is one too many. Flips per minute are over all pairs, from the middle of a clip to the next one's.
    """
    kinds: dict[str, list[tuple[Span, Judged]]] = defaultdict(list)
    for judged in every:
        if judged.row.kind in STEADY and (at := span(judged.row.clip_id)):
            kinds[judged.row.kind].append((at, judged))
    figures = {kind: _flips(own) for kind, own in sorted(kinds.items())}
    return {kind: own for kind, own in figures.items() if own["pairs"]} or None


def _flips(own: Iterable[tuple[Span, Judged]]) -> Flips:
    ordered = sorted(own, key=lambda pair: (pair[0].case, pair[0].start, pair[0].end))
    adjacent = [
        (a, b)
        for a, b in itertools.pairwise(ordered)
        if a[0].case == b[0].case and a[0] != b[0] and b[0].start - a[0].end <= GAP_MS
    ]
    silent = (ERROR, EMPTY)  # saying nothing twice is not keeping still
    pairs = [(a, b) for a, b in adjacent if a[1].said not in silent and b[1].said not in silent]
    minutes = sum((b.start + b.end - a.start - a.end) / 2 for (a, _), (b, _) in pairs) / 60_000
    same = [(a, b) for (_, a), (_, b) in pairs if a.row.short_answer == b.row.short_answer]
    flips = sum(a.said != b.said for (_, a), (_, b) in pairs)
    return {
        "pairs": len(pairs),
        "unanswered_pairs": len(adjacent) - len(pairs),
        "minutes": minutes,
        "flips_per_minute": flips / minutes if minutes else None,
        "true_flips_per_minute": (len(pairs) - len(same)) / minutes if minutes else None,
        "unchanged_pairs": len(same),
        "agree": sum(a.said == b.said for a, b in same) / len(same) if same else None,
    }


def stability(every: Sequence[Judged], rule: str) -> Stability | None:
    """Return the same question in other words: how often all its phrasings get one answer, and the accuracy's span."""
    groups: dict[str, list[Judged]] = defaultdict(list)
    for judged in every:
        groups[judged.row.qa_id.partition(REPHRASED)[0]].append(judged)
    # Other people's ids may be missing or not unique: only a "~" says that it is the same question again.
    several = [
        own for own in groups.values() if len(own) > 1 and any(REPHRASED in one.row.qa_id for one in own)
    ]
    if not several:
        return None
    by_phrasing: dict[str, list[bool]] = defaultdict(list)
    for judged in itertools.chain.from_iterable(several):
        by_phrasing[judged.row.qa_id.partition(REPHRASED)[2]].append(judged.verdicts[rule].correct)
    accuracies = [sum(right) / len(right) for right in by_phrasing.values()]
    return {
        "questions": len(several),
        "phrasings": sum(map(len, several)),
        "one_answer": sum(len({judged.said for judged in own}) == 1 for own in several) / len(several),
        "always_right": sum(all(judged.verdicts[rule].correct for judged in own) for own in several)
        / len(several),
        "sometimes_right": sum(any(judged.verdicts[rule].correct for judged in own) for own in several)
        / len(several),
        "worst_phrasing": min(accuracies) if len(accuracies) > 1 else None,
        "best_phrasing": max(accuracies) if len(accuracies) > 1 else None,
    }
