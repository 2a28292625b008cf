"""What two splits of a data set share: cases, windows, frames. Used by the build and by `surgvqa-eval leaks`.

Frames are compared twice: by the digest of their bytes, and by a 256-bit difference hash that survives
re-encoding, scaling and small motion. Measured on real surgical video (Cholec80, CholecT50, Cataract-1K,
SurgVU, laparoscopy): re-encoded at quality 30 or at a quarter of the size at most 10 bits change; 0.2 s of
slow motion changes 8 bits (median); frames of two different operations differ by 49 bits or more.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

NEAR_BITS = 24  # of 256: above any re-encoding, half of the closest two different operations
BLANK_STD = (
    4.0  # grey levels: below it a picture is a black screen or a test card's field, and equals any other
)
SIDE = 16


class Fingerprint(NamedTuple):
    """A frame's identity: ``digest`` of its bytes, ``bits`` of its look (32 bytes; None where it is blank)."""

    digest: bytes
    bits: bytes | None


class Window(NamedTuple):
    """A clip as far as leaks go. ``case_id`` or the times are None where a data set doesn't tell them."""

    clip_id: str
    case_id: str | None
    start_s: float | None
    end_s: float | None
    frames: tuple[Fingerprint, ...] = ()


class Overlap(NamedTuple):
    """Two windows of one case that share time, and how many seconds."""

    a: str
    b: str
    case_id: str
    seconds: float


class Sighting(NamedTuple):
    """A window of ``b`` with a frame that also stands in ``a``; ``bits`` differ (0: nothing, or only bytes)."""

    a: str
    b: str
    bits: int
    exact: bool
    frames: int  # how many frames of the window are in `a`


def difference_hash(image: Image.Image) -> bytes | None:
    """32 bytes that tell where brightness rises from left to right; None for a blank picture.

    >>> ramp = Image.linear_gradient("L")
    >>> difference_hash(ramp.rotate(90)) == difference_hash(ramp.rotate(90).resize((100, 60)))
    True
    >>> difference_hash(Image.new("RGB", (64, 64), "black")) is None
    True
    """
    grey = np.asarray(image.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX), dtype=np.int16)
    if grey.std() < BLANK_STD:
        return None
    return np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes()


def fingerprint(data: bytes) -> Fingerprint:
    """The fingerprint of one encoded picture (JPEG, PNG, …); raises what PIL raises on damaged bytes."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("L", (8 * SIDE, 8 * SIDE))  # lets JPEG decode at an eighth of the work
        return Fingerprint(hashlib.sha256(data).digest(), difference_hash(image))


def named_frame(name: str) -> Fingerprint:
    """A frame known by its name only: the same as itself, near to no other.

    >>> named_frame("video 3, frame 120") == named_frame("video 3, frame 120")
    True
    """
    digest = hashlib.sha256(name.encode()).digest()
    return Fingerprint(digest, digest)


def hamming(a: bytes, b: bytes) -> int:
    """Bits in which two hashes differ.

    >>> hamming(bytes([0b1100]), bytes([0b1010]))
    2
    """
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()


def shared_cases(a: Iterable[Window], b: Iterable[Window]) -> list[str]:
    """Cases with windows on both sides, sorted."""
    return sorted({w.case_id for w in a if w.case_id} & {w.case_id for w in b if w.case_id})


def overlapping_windows(a: Iterable[Window], b: Iterable[Window]) -> list[Overlap]:
    """Pairs of windows of one case that share a millisecond or more; windows that only touch don't count.

    >>> overlapping_windows([Window("x", "c", 0, 5)], [Window("y", "c", 4, 9), Window("z", "c", 5, 10)])
    [Overlap(a='x', b='y', case_id='c', seconds=1.0)]
    """
    by_case = defaultdict(list)
    for window in a:
        if window.case_id is not None and window.start_s is not None and window.end_s is not None:
            by_case[window.case_id].append((window.start_s, window.end_s, window.clip_id))
    for spans in by_case.values():
        spans.sort()
    longest = {case: max(end - start for start, end, _ in spans) for case, spans in by_case.items()}
    starts = {case: np.array([start for start, _, _ in spans]) for case, spans in by_case.items()}
    found = []
    for window in b:
        if window.case_id not in by_case or window.start_s is None or window.end_s is None:
            continue
        spans = by_case[window.case_id]
        first, last = np.searchsorted(
            starts[window.case_id], [window.start_s - longest[window.case_id], window.end_s]
        )
        for start, end, clip_id in spans[first:last]:
            shared = min(end, window.end_s) - max(start, window.start_s)
            if shared >= 0.001:
                found.append(Overlap(clip_id, window.clip_id, window.case_id, round(shared, 3)))
    return sorted(found)


def shared_frames(a: Sequence[Window], b: Sequence[Window], near_bits: int = NEAR_BITS) -> list[Sighting]:
    """One entry per window of ``b`` that shows a frame of ``a``, with the window of ``a`` it is closest to.

    Blank frames are never evidence. Work grows with frames(a) x frames(b).
    """
    owners = [i for i, window in enumerate(a) for frame in window.frames if frame.bits is not None]
    digests = {f.digest: i for i, window in enumerate(a) for f in window.frames if f.bits is not None}
    sightings = []
    if not owners:
        return []
    known = _matrix([f.bits for window in a for f in window.frames if f.bits is not None])
    for window in b:
        frames = [frame for frame in window.frames if frame.bits is not None]
        exact = [digests[frame.digest] for frame in frames if frame.digest in digests]
        if not frames:
            continue
        distances, places = _closest(_matrix([f.bits for f in frames if f.bits is not None]), known)
        close = int((distances <= near_bits).sum())
        if exact:
            sightings.append(Sighting(a[exact[0]].clip_id, window.clip_id, 0, True, close))
        elif close:
            best = int(distances.argmin())
            owner = a[owners[int(places[best])]].clip_id
            sightings.append(Sighting(owner, window.clip_id, int(distances[best]), False, close))
    return sightings


def _matrix(bits: Sequence[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(bits), dtype=np.uint64).reshape(len(bits), -1)


def _closest(rows: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per row the smallest Hamming distance to ``known`` and where; in blocks that fit the cache."""
    best = np.full(len(rows), 10_000, dtype=np.int64)
    place = np.zeros(len(rows), dtype=np.int64)
    for offset in range(0, len(known), 8192):
        block = known[offset : offset + 8192]
        distance = np.zeros((len(rows), len(block)), dtype=np.uint16)
        for word in range(known.shape[1]):
            distance += np.bitwise_count(rows[:, word, None] ^ block[None, :, word])
        nearest = distance.argmin(axis=1)
        value = distance[np.arange(len(rows)), nearest]
        better = value < best
        best[better], place[better] = value[better], nearest[better] + offset
    return best, place


class OneAnswer(NamedTuple):
    """A question text, word for word, that has the same answer every time it is asked."""

    question: str
    answer: str
    times: int


def one_answer_texts(rows: Iterable[tuple[str, str]], least: int = 5) -> list[OneAnswer]:
    """Question texts asked ``least`` times or more and answered alike each time: no pixel is needed for them.

    ``rows`` are (question, answer); case and spacing don't count. Most frequent first.

    >>> one_answer_texts([("Is it day?", "yes")] * 5 + [("Is it X?", "yes"), ("is it x?", "no")] * 5)
    [OneAnswer(question='is it day?', answer='yes', times=5)]
    """
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for question, answer in rows:
        answers[" ".join(question.lower().split())][" ".join(answer.lower().split())] += 1
    single = [
        OneAnswer(text, next(iter(counts)), counts.total())
        for text, counts in answers.items()
        if len(counts) == 1 and counts.total() >= least
    ]
    return sorted(single, key=lambda item: (-item.times, item.question))
