"""Which clips an epoch draws, and in which order."""

from __future__ import annotations

from collections import Counter

import pytest
from surgvqa.train.clips.clip_trainer import Draws


def epoch(draws: Draws, number: int) -> list[int]:
    draws.set_epoch(number)
    return list(draws)


@pytest.mark.parametrize("lengths", [None, [3, 1, 4, 1, 5, 9, 2, 6]])
def test_every_clip_once_an_epoch_in_another_order_each(lengths):
    draws = Draws([1.0] * 8, lengths, 2, seed=0)
    orders = [epoch(draws, number) for number in range(4)]
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert len({tuple(order) for order in orders}) > 1
    assert [epoch(Draws([1.0] * 8, lengths, 2, seed=0), number) for number in range(4)] == orders


def test_a_clip_is_drawn_as_often_as_it_weighs():
    weights = [2.0] * 3 + [2 / 3] * 9  # three clips of a short case, nine of a long one
    draws = Draws(weights, None, 2, seed=0)
    counts = Counter(index for number in range(300) for index in epoch(draws, number))
    assert all(counts[index] == 600 for index in range(3))
    assert all(abs(counts[index] / 300 - 2 / 3) < 0.1 for index in range(3, 12))
    assert all(max(Counter(epoch(draws, number)).values()) <= 2 for number in range(20))


def test_like_lengths_go_together():
    lengths = [1, 100] * 32
    order = epoch(Draws([1.0] * 64, lengths, 4, seed=0), 0)
    batches = [{lengths[index] for index in order[start : start + 4]} for start in range(0, 64, 4)]
    assert sum(len(batch) == 1 for batch in batches) >= 14
