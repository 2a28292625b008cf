"""Leaks between splits: shared cases, windows that overlap in time, shared frames, near-duplicate frames.

A near duplicate is a frame whose 256-bit difference hash (17x16 grey pixels, each compared with its right
neighbour) is within 24 bits. Measured on real frames: the same frame re-encoded at a third of its size and
quality 40 is up to 11 bits away; frames 0.2 s apart 8 bits in the median, one second 18; frames of two
cataract cases 79 and more. Frames with next to no structure (a lens cap, a dark room) are not compared.
"""

from __future__ import annotations

import hashlib
import io
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from PIL import Image
from surgvqa.cards.command import InputError
from surgvqa.cards.files.documents import LeakCounts, Leaks
from surgvqa.cards.patients.operations import operation

NEAR_BITS = 24
FLAT = 3.0  # standard deviation of grey levels, 0-255: under it, a hash is noise
WORDS = 4  # of 64 bits
COUNTS = ("shared_cases", "overlapping_windows", "shared_frames", "near_duplicates")
REFUSED_KINDS = COUNTS[:3]  # near duplicates are for a person to look at: two eyes can look alike
EXAMPLES = 10  # of each kind and pair of splits
Numbers = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Window:
    """A clip as leaks are searched: its case, its span and its frames' hashes; small enough to keep for all clips."""

    clip_id: str
    case_id: str | None  # the recording: windows of one are compared in time; None where nobody says
    start_ms: int | None
    end_ms: int | None
    frames: Numbers  # what each frame is: digests of its recording and millisecond, and of its bytes
    hashes: Numbers  # frames x 4, perceptual
    operation: str | None = None  # its name in all public sets that show it, where several do


class Finding(NamedTuple):
    """A clip of the later split and the clip of the earlier one that it shares something with."""

    clip_id: str
    like: str
    amount: float  # seconds of overlap, bits of difference; 0 for the very same frame


def window(row: Mapping[str, Any]) -> Window:
    """Return what is compared of a row of config `clips`, its images as bytes or as ``{"bytes": …}``."""
    looks = {
        picture: perceptual_hash(picture)
        for image in row["images"] or ()
        for picture in [image["bytes"] if isinstance(image, Mapping) else image]
    }
    # Two black frames are the same bytes and say nothing: what has no structure is not compared at all.
    pictures = [picture for picture, look in looks.items() if look is not None]
    hashes = [look for look in looks.values() if look is not None]
    times = [f"{row['case_id']}@{round(1000 * at)}".encode() for at in row["frame_times_s"] or ()]
    return Window(
        clip_id=row["clip_id"],
        case_id=row["case_id"],
        start_ms=round(1000 * row["start_s"]),
        end_ms=round(1000 * row["end_s"]),
        frames=np.array([digest(one) for one in (*times, *pictures)], np.uint64),
        hashes=np.array(hashes, np.uint64).reshape(-1, WORDS),
        operation=operation(row.get("source") or "", row["case_id"]),
    )


def digest(content: bytes) -> int:
    """64 bits of sha256: among a million frames, two differ and agree by chance once in 40 million times."""
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big")


def perceptual_hash(jpeg: bytes) -> list[int] | None:
    """256 bits of an encoded picture as four numbers, or None where it has next to no structure."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        picture.draft("L", (136, 128))  # a JPEG is decoded at a fraction of its size
        small = np.asarray(picture.convert("L").resize((17, 16), Image.Resampling.BOX), np.int16)
    if float(small.std()) < FLAT:
        return None
    bits = np.packbits(small[:, 1:] > small[:, :-1])
    return [int(word) for word in bits.view(np.uint64)]


def find(windows_by_split: Mapping[str, Sequence[Window]]) -> Leaks:
    """Return leaks in total and per pair of splits, with examples.

    In a pair it is the later split's windows that are counted: how many of them show something of the
    earlier. ``frames_compared`` says how many frames had a picture to compare.
    """
    pairs: dict[str, LeakCounts] = {}
    examples: list[str] = []
    for (name, earlier), (other, later) in combinations(windows_by_split.items(), 2):
        findings = between(earlier, later)
        pairs[f"{name}/{other}"] = cast(LeakCounts, {kind: len(items) for kind, items in findings.items()})
        for kind, items in findings.items():
            examples.extend(f"{kind} of {name} in {other}: {describe(item)}" for item in items[:EXAMPLES])
    frame_count = sum(len(one.hashes) for windows in windows_by_split.values() for one in windows)
    return {
        "shared_cases": sum(counts["shared_cases"] for counts in pairs.values()),
        "overlapping_windows": sum(counts["overlapping_windows"] for counts in pairs.values()),
        "shared_frames": sum(counts["shared_frames"] for counts in pairs.values()),
        "near_duplicates": sum(counts["near_duplicates"] for counts in pairs.values()),
        "frames_compared": frame_count,
        "pairs": pairs,
        "examples": examples,
    }


def between(earlier: Sequence[Window], later: Sequence[Window]) -> dict[str, list[str] | list[Finding]]:
    """List what the later split shows of the earlier: cases by name, windows and frames one entry per clip.

    A clip with the very same frame is not listed as a near duplicate too.
    """
    same = _sharing(earlier, later)
    sharing_clips = {finding.clip_id for finding in same}
    return {
        "shared_cases": _cases(earlier, later),
        "overlapping_windows": _overlapping(earlier, later),
        "shared_frames": same,
        "near_duplicates": _near(earlier, [one for one in later if one.clip_id not in sharing_clips]),
    }


def _cases(earlier: Sequence[Window], later: Sequence[Window]) -> list[str]:
    """Name the cases of ``later`` that ``earlier`` has too: by their ids, and by the table of public sets."""
    ids = {one.case_id for one in earlier}
    names = {one.operation: one.case_id for one in earlier if one.operation is not None}
    shared_cases = set()
    for one in later:
        if one.case_id is None:
            continue
        if one.case_id in ids:
            shared_cases.add(one.case_id)
        elif one.operation in names:
            shared_cases.add(f"{one.case_id} is {names[one.operation]} ({one.operation})")
    return sorted(shared_cases)


def describe(item: str | Finding) -> str:
    """Return a finding in words.

    >>> describe(Finding("b@0-5000", "a@5000-10000", 11))
    'b@0-5000 like a@5000-10000 (11)'
    """
    return item if isinstance(item, str) else f"{item.clip_id} like {item.like} ({item.amount:g})"


def refuse(leaks: Mapping[str, Any], but: str | None = None) -> None:
    """Raise where splits share cases, moments or frames; near duplicates are reported, not refused.

    ``but`` names one that is meant, and only reported.
    """
    kinds = [kind for kind in REFUSED_KINDS if leaks[kind] and kind != but]
    leak_counts = [f"{leaks[kind]} {kind.replace('_', ' ')}" for kind in kinds]
    if leak_counts:
        first = next(example for example in leaks["examples"] if example.split()[0] in kinds)
        raise InputError(f"the splits leak: {', '.join(leak_counts)} ({first}); give every case one split")


def _overlapping(earlier: Iterable[Window], later: Iterable[Window]) -> list[Finding]:
    """Windows of ``later`` that share a millisecond with one of the same case, and with which most."""
    spans: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for one in earlier:
        if one.case_id is not None and one.start_ms is not None and one.end_ms is not None:
            spans[one.case_id].append((one.start_ms, one.end_ms, one.clip_id))
    longest = {case: max(end - start for start, end, _ in own) for case, own in spans.items()}
    for own in spans.values():
        own.sort()
    findings = []
    for one in later:
        if one.case_id not in spans or one.start_ms is None or one.end_ms is None:
            continue
        own = spans[one.case_id]
        first = bisect_left(own, one.start_ms - longest[one.case_id], key=lambda span: span[0])
        last = bisect_left(own, one.end_ms, key=lambda span: span[0])
        overlaps = [
            (min(end, one.end_ms) - max(start, one.start_ms), clip) for start, end, clip in own[first:last]
        ]
        most, like = max(overlaps, default=(0, ""))
        if most > 0:
            findings.append(Finding(one.clip_id, like, most / 1000))
    return findings


def _sharing(earlier: Sequence[Window], later: Sequence[Window]) -> list[Finding]:
    """Windows of ``later`` with a frame of ``earlier``, by its bytes or by its recording and time."""
    earlier_frames, owner = _concatenate([one.frames for one in earlier], ())
    first = dict(zip(earlier_frames[::-1].tolist(), owner[::-1].tolist(), strict=True))
    findings = []
    for one in later:
        like = next((first[frame] for frame in one.frames.tolist() if frame in first), None)
        if like is not None:
            findings.append(Finding(one.clip_id, earlier[like].clip_id, 0))
    return findings


def _concatenate(parts: Sequence[Numbers], shape: tuple[int, ...]) -> tuple[Numbers, npt.NDArray[np.int64]]:
    """Arrays end to end, and the number of the array that each entry came from."""
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return np.concatenate([np.empty((0, *shape), np.uint64), *parts]), owner


def _near(earlier: Sequence[Window], later: Sequence[Window]) -> list[Finding]:
    """Windows of ``later`` with a frame that looks like one of ``earlier``; how many bits differ."""
    earlier_hashes, owner = _concatenate([one.hashes for one in earlier], (WORDS,))
    findings: list[Finding] = []
    for one in later:
        if not len(earlier_hashes) or not len(one.hashes):
            continue
        bits = np.zeros((len(one.hashes), len(earlier_hashes)), np.uint16)
        for word in range(WORDS):
            bits += np.bitwise_count(one.hashes[:, word, None] ^ earlier_hashes[None, :, word])
        if bits.min() <= NEAR_BITS:
            like = earlier[int(owner[int(bits.min(axis=0).argmin())])]
            findings.append(Finding(one.clip_id, like.clip_id, int(bits.min())))
    return findings
