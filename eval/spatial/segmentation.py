"""The agreement of masks: Dice, IoU in the field's three averages, boundaries; sequences are the unit of intervals.

The averages differ in which classes of a frame count (ISINet, González et al. 2020; Allan et al. 2019):

- challenge IoU: the mean IoU of the classes that the truth shows, then over frames; inventing costs nothing;
- ISI IoU: the same over the classes that truth or prediction show;
- mean class IoU: per class over the frames in which truth or prediction show it, then over the classes.

A frame in which the truth shows nothing counts 1 in the first two where the prediction is empty, else 0. Dice,
IoU and boundary F of a class are means over the frames in which truth or prediction show it. Background is
never a class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from surgvqa.eval.documents.spatial import ClassMasks, MaskFigures, Measure
from surgvqa.eval.scoring.statistics import interval, sums

Masks = Mapping[str, np.ndarray]  # boolean height x width, by class
REACH = 0.008  # of the diagonal: how far off a boundary pixel may lie (Perazzi et al. 2016, DAVIS)


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class in one frame in which truth or prediction show it."""

    case_id: str
    name: str
    true: bool  # the truth shows it
    dice: float
    iou: float
    boundary: float


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: what was scored in it, and the names asked for that it doesn't show."""

    case_id: str
    scores: tuple[ClassScore, ...]
    empty: bool  # the truth shows nothing
    absent: int  # names asked for of which the frame shows none
    inventions: int  # of those, how many got a mask


def overlap(truth: np.ndarray, guess: np.ndarray) -> tuple[float, float]:
    """(Dice, IoU) of two boolean masks, one of which is not empty.

    >>> one, two = np.array([[1, 1, 0, 0]], bool), np.array([[0, 1, 1, 0]], bool)
    >>> [round(value, 3) for value in overlap(one, two)]
    [0.5, 0.333]
    """
    both, total = int((truth & guess).sum()), int(truth.sum()) + int(guess.sum())
    return 2 * both / total, both / (total - both)


def boundary_f(truth: np.ndarray, guess: np.ndarray, reach: int | None = None) -> float:
    """F of the boundary pixels that have one of the other within ``reach`` pixels along row and column.

    ``reach`` is 0.8 % of the diagonal, at least 1, where not given.

    >>> square = np.zeros((9, 9), bool); square[2:6, 2:6] = True
    >>> boundary_f(square, np.roll(square, 1, 1)), boundary_f(square, np.roll(square, 1, 1), reach=0)
    (1.0, 0.5)
    """
    if reach is None:
        reach = max(1, round(REACH * float(np.hypot(*truth.shape))))
    one, other = edge(truth), edge(guess)
    if not one.any() or not other.any():
        return 0.0
    precision = float((other & widen(one, reach)).sum() / other.sum())
    recall = float((one & widen(other, reach)).sum() / one.sum())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def edge(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask with a neighbour above, below, left or right that isn't of it (or the frame's end)."""
    padded_mask = np.pad(mask, 1)
    inner = padded_mask[:-2, 1:-1] & padded_mask[2:, 1:-1] & padded_mask[1:-1, :-2] & padded_mask[1:-1, 2:]
    rim: np.ndarray = mask & ~inner
    return rim


def widen(mask: np.ndarray, reach: int) -> np.ndarray:
    """All pixels within ``reach`` of the mask along row and column."""
    for axis in (0, 1):
        room = [(0, 0), (0, 0)]
        room[axis] = (reach + 1, reach)
        running_sum = np.cumsum(np.pad(mask.astype(np.int32), room), axis=axis)
        size = mask.shape[axis]
        behind = np.take(running_sum, range(size), axis)
        ahead = np.take(running_sum, range(2 * reach + 1, size + 2 * reach + 1), axis)
        mask = ahead > behind
    return mask


def frame(case_id: str, truth: Masks, guess: Masks, absent_names: Sequence[str] = ()) -> Frame:
    """Score one frame; ``absent_names`` are names for which a text-prompted model was asked in vain."""
    scores = []
    for name in sorted({*truth, *guess}):
        blank = np.zeros(next(iter((*truth.values(), *guess.values()))).shape, bool)
        one, other = truth.get(name, blank), guess.get(name, blank)
        if one.any() or other.any():
            dice, iou = overlap(one, other)
            scores.append(ClassScore(case_id, name, bool(one.any()), dice, iou, boundary_f(one, other)))
    inventions = sum(name in guess and bool(guess[name].any()) for name in absent_names)
    return Frame(case_id, tuple(scores), not any(one.true for one in scores), len(absent_names), inventions)


def report(frames: Sequence[Frame], seed: int = 0) -> MaskFigures:
    """Every figure with its number of values and its 95 % interval over sequences.

    Raises nothing: without a frame all values are None.
    """
    scores = [one for each in frames for one in each.scores]
    names = sorted({one.name for one in scores})
    by_class: dict[str, ClassMasks] = {}
    for name in names:
        mine = [one for one in scores if one.name == name]
        cases = [one.case_id for one in mine]
        by_class[name] = {
            "frames": sum(one.true for one in mine),
            "invented": sum(not one.true for one in mine),
            "missed": sum(one.true and not one.iou for one in mine),
            "dice": figure([one.dice for one in mine], cases, seed),
            "iou": figure([one.iou for one in mine], cases, seed),
            "boundary_f": figure([one.boundary for one in mine], cases, seed),
        }
    cases = [one.case_id for one in scores]
    per_frame = [one.case_id for one in frames]
    asked_frames = [each for each in frames for _ in range(each.absent)]
    wrong = [float(number < each.inventions) for each in frames for number in range(each.absent)]
    class_ious = [value for own in by_class.values() if (value := own["iou"]["value"]) is not None]
    never = [name for name, one in by_class.items() if not one["frames"]]
    return {
        "frames": len(frames),
        "sequences": len(set(per_frame)),
        "dice": figure([one.dice for one in scores], cases, seed),
        "iou": figure([one.iou for one in scores], cases, seed),
        "boundary_f": figure([one.boundary for one in scores], cases, seed),
        "challenge_iou": figure([challenge(one) for one in frames], per_frame, seed),
        "isi_iou": figure([isi(one) for one in frames], per_frame, seed),
        "mean_class_iou": {"value": float(np.mean(class_ious)) if class_ious else None, "n": len(by_class)},
        "false_masks": figure(wrong, [one.case_id for one in asked_frames], seed),
        "classes_only_predicted": never,
        "by_class": by_class,
    }


def challenge(one: Frame) -> float:
    """Return the challenge IoU of a frame."""
    if one.empty:
        return float(not one.scores)
    return float(np.mean([each.iou for each in one.scores if each.true]))


def isi(one: Frame) -> float:
    """Return the ISI IoU of a frame."""
    if one.empty:
        return float(not one.scores)
    return float(np.mean([each.iou for each in one.scores]))


def figure(values: Sequence[float], cases: Sequence[str], seed: int = 0) -> Measure:
    """Return a mean with its number of values and its interval; value None without any."""
    if not values:
        return {"value": None, "n": 0, "ci95": None}
    data = sums(values, cases)
    ends = interval(data, seed)
    return {"value": data.mean, "n": len(values), "ci95": list(ends) if ends else None}
