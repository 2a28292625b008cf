"""What one split shows of another: cases, windows that overlap in time, frames, near-duplicate frames.

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
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from surgvqa.cards.command import InputError

NEAR_BITS = 24
FLAT = 3.0  # standard deviation of grey levels, 0-255: under it, a hash is noise
WORDS = 4  # of 64 bits
COUNTS = ("shared_cases", "overlapping_windows", "shared_frames", "near_duplicates")
REFUSED = COUNTS[:3]  # near duplicates are for a person to look at: two eyes can look alike
EXAMPLES = 10  # of each kind and pair of splits
Numbers = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Window:
    """What a clip shows, small enough to keep for all clips of a data set."""

    clip_id: str
    case_id: str  # the recording: windows of one are compared in time
    start_ms: int
    end_ms: int
    frames: Numbers  # what each frame is: digests of its recording and millisecond, and of its bytes
    hashes: Numbers  # frames x 4, perceptual


def window(row: Mapping[str, Any]) -> Window:
    """What is compared of a row of config `clips`, its images as bytes or as ``{"bytes": …}``."""
    pictures = [image["bytes"] if isinstance(image, Mapping) else image for image in row["images"] or ()]
    hashes = [found for picture in pictures if (found := perceptual_hash(picture)) is not None]
    times = [f"{row['case_id']}@{round(1000 * at)}".encode() for at in row["frame_times_s"] or ()]
    return Window(
        clip_id=row["clip_id"],
        case_id=row["case_id"],
        start_ms=round(1000 * row["start_s"]),
        end_ms=round(1000 * row["end_s"]),
        frames=np.array([_digest(one) for one in (*times, *pictures)], np.uint64),
        hashes=np.array(hashes, np.uint64).reshape(-1, WORDS),
    )


def _digest(content: bytes) -> int:
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


def find(windows_by_split: Mapping[str, Sequence[Window]]) -> dict[str, Any]:
    """Leaks in total and per pair of splits, with examples.

    In a pair it is the later split's windows that are counted: how many of them show something of the
    earlier. ``frames_compared`` says how many frames had a picture to compare.
    """
    pairs: dict[str, dict[str, int]] = {}
    examples: list[str] = []
    for (name, earlier), (other, later) in combinations(windows_by_split.items(), 2):
        found = {
            "shared_cases": sorted({w.case_id for w in earlier} & {w.case_id for w in later}),
            "overlapping_windows": _overlapping(earlier, later),
            "shared_frames": _sharing(earlier, later),
            "near_duplicates": _near(earlier, later),
        }
        pairs[f"{name}/{other}"] = {kind: len(items) for kind, items in found.items()}
        for kind, items in found.items():
            examples.extend(f"{kind} of {name} in {other}: {item}" for item in items[:EXAMPLES])
    total = {kind: sum(counts[kind] for counts in pairs.values()) for kind in COUNTS}
    compared = sum(len(one.hashes) for windows in windows_by_split.values() for one in windows)
    return total | {"frames_compared": compared, "pairs": pairs, "examples": examples}


def refuse(leaks: Mapping[str, Any]) -> None:
    """Raise where splits share cases, moments or frames; near duplicates are reported, not refused."""
    found = [f"{leaks[kind]} {kind.replace('_', ' ')}" for kind in REFUSED if leaks[kind]]
    if found:
        first = next(example for example in leaks["examples"] if not example.startswith("near_duplicates"))
        raise InputError(f"the splits leak: {', '.join(found)} ({first}); give every case one split")


def _overlapping(earlier: Iterable[Window], later: Iterable[Window]) -> list[str]:
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for one in sorted(earlier, key=lambda one: one.start_ms):
        known = spans[one.case_id]
        if known and one.start_ms <= known[-1][1]:
            known[-1] = (known[-1][0], max(known[-1][1], one.end_ms))
        else:
            known.append((one.start_ms, one.end_ms))
    found = []
    for one in later:
        known = spans.get(one.case_id, [])
        at = bisect_left(
            known, one.end_ms, key=lambda span: span[0]
        )  # the last span that starts before it ends
        if at and known[at - 1][1] > one.start_ms:
            found.append(one.clip_id)
    return found


def _sharing(earlier: Sequence[Window], later: Sequence[Window]) -> list[str]:
    known, _ = _joined([one.frames for one in earlier], ())
    asked, owner = _joined([one.frames for one in later], ())
    return [later[at].clip_id for at in np.unique(owner[np.isin(asked, known)]).tolist()]


def _joined(parts: Sequence[Numbers], shape: tuple[int, ...]) -> tuple[Numbers, npt.NDArray[np.int64]]:
    """Arrays end to end, and the number of the array that each entry came from."""
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return np.concatenate([np.empty((0, *shape), np.uint64), *parts]), owner


def _near(earlier: Sequence[Window], later: Sequence[Window]) -> list[str]:
    """Windows of ``later`` with a frame that looks like one of ``earlier`` and isn't the very same bytes."""
    known, owner = _joined([one.hashes for one in earlier], (WORDS,))
    found: list[str] = []
    for one in later:
        if not len(known) or not len(one.hashes):
            continue
        bits = np.zeros((len(one.hashes), len(known)), np.uint16)
        for word in range(WORDS):
            bits += np.bitwise_count(one.hashes[:, word, None] ^ known[None, :, word])
        if bits.min() <= NEAR_BITS:
            like = earlier[int(owner[int(bits.min(axis=0).argmin())])]
            found.append(f"{one.clip_id} like {like.clip_id} ({int(bits.min())} of 256 bits)")
    return found
